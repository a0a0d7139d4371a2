"""Training: `record_step` runs one step and keeps all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from micrograd.arrays import Tensor, tensor
from micrograd.elements import Objects, as_objects
from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.nn.losses import Loss
from micrograd.nn.module import AnyParameter, Module
from micrograd.observers import no_grad
from micrograd.optim.optimizer import Optimizer, Update
from micrograd.optim.state import State, scalars
from micrograd.recording import Call, Recorder
from micrograd.step import Floats, ModuleCall, ParameterRecord, Positions, Step
from micrograd.tape import take


def record_step(
    model: Module, loss: Callable[[Any, Any], Any], optimizer: Optimizer, x: Any, y: Any
) -> Step:
    """Run one training step and keep every number of it.

    `x` and `y` are a batch, one row a sample. The gradients are set to zero first, and afterwards
    the model's parameters are the updated ones, as after `optimizer.step()`. If anything raises,
    the parameters are as before.

    >>> from micrograd import nn, optim
    >>> model = nn.Linear(1, 1)
    >>> model.load_state_dict({"weight": [[3.0]], "bias": [1.0]})
    >>> sgd = optim.SGD(model.parameters(), lr=0.1)
    >>> step = record_step(model, nn.MSELoss(), sgd, [[2.0]], [[6.0]])
    >>> step.loss, step.parameter("weight").gradient.item(), step.loss_after
    (1.0, 4.0, 0.0)
    """
    if not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(f"optimizer must be an Optimizer, got {type(optimizer).__name__}")
    x, y = (a if isinstance(a, Tensor) else tensor(a) for a in (x, y))
    if not x.numel():
        raise ArgumentValueError(f"x is empty: its shape is {x.shape}")
    named = _named_parameters(model)
    model.zero_grad()
    optimizer.zero_grad()
    x.grad = y.grad = None

    names = {id(module): name or "model" for name, module in model.named_modules()}
    with Recorder({**names, id(loss): "loss"}) as recorder:
        output = model(x)
        result = loss(output, y)
    root = result if isinstance(result, Value) else result._only("the loss")
    root.backward()
    tape, position = take(root)

    updates = optimizer.updates()
    plan = _Plan(optimizer, updates)
    records = tuple(_parameter_record(name, p, position, plan) for name, p in named)
    before = {update.value: update.value.data for update in updates}
    optimizer.apply(updates)
    try:
        with no_grad():
            output_after = model(x)
            loss_after = float(loss(output_after, y))
    except BaseException:
        for value, number in before.items():
            value.data = number
        raise

    qualified = {id(p): name for name, p in named}
    return Step(
        tape=tape,
        calls=tuple(_module_call(call, position, qualified) for call in recorder.calls),
        parameters=records,
        x=_positions(_objects(x), position),
        y=_positions(_objects(y), position),
        x_values=x.numpy(),
        y_values=y.numpy(),
        output=_positions(_objects(output), position),
        output_before=_floats(_objects(output)),
        output_after=_floats(_objects(output_after)),
        loss=root.item(),
        loss_after=loss_after,
        loss_name=type(loss).__name__ if isinstance(loss, Module) else loss.__name__,
        loss_formula=getattr(loss, "formula", "loss(out, y)"),
        loss_derivative=getattr(loss, "derivative", "∂L/∂out"),
        loss_terms=loss.terms(_objects(output).shape) if isinstance(loss, Loss) else 1,
        optimizer_name=type(optimizer).__name__,
        rule=optimizer.direction_text(optimizer.param_groups[0]),
        learning_rate=optimizer.lr,
    )


def _named_parameters(model: Module) -> list[tuple[str, AnyParameter]]:
    """Named by the model, or by label for one that defines `parameters` alone."""
    named = list(model.named_parameters())
    known = {id(p) for _, p in named}
    rest = [p for p in model.parameters() if id(p) not in known]
    return named + [
        ((p.label if isinstance(p, Value) else "") or f"p{i}", p) for i, p in enumerate(rest)
    ]


class _Plan:
    """What an optimiser is about to do, by the Value that it does it to."""

    def __init__(self, optimizer: Optimizer, updates: list[Update]) -> None:
        self.updates = {update.value: update for update in updates}
        self.before = {v: dict(optimizer.state.get(v, {})) for v in self.updates}
        self.after = {v: update.state for v, update in self.updates.items()}
        self.options = {
            v: {name: x for name, x in options.items() if name != "params"}
            for options in optimizer.param_groups
            for v in scalars(options["params"])
        }
        self.rule = optimizer.without_parameters()


def _parameter_record(
    name: str, p: AnyParameter, position: dict[Value, int], plan: _Plan
) -> ParameterRecord:
    values = _objects(p)
    updates = [plan.updates.get(v) for v in values.flat]
    return ParameterRecord(
        name=name,
        positions=_positions(values, position),
        before=_floats(values),
        gradient=_shaped([v.grad for v in values.flat], values) if updates[0] else None,
        learning_rate=updates[0].learning_rate if updates[0] else 0.0,
        direction=_shaped([u.direction if u else 0.0 for u in updates], values),
        after=_shaped(
            [u.new if u else v.data for u, v in zip(updates, values.flat, strict=True)], values
        ),
        state_before=_states(values, plan.before),
        state_after=_states(values, plan.after),
        options=plan.options.get(values.flat[0], {}),
        optimizer=plan.rule if any(updates) else None,
    )


def _states(values: Objects, states: Mapping[Value, State]) -> dict[str, Floats]:
    """An array for each name of a state; masked where it has no number."""
    own = [states.get(v, {}) for v in values.flat]
    arrays = {}
    for name in dict.fromkeys(name for state in own for name in state):
        array = _shaped([state.get(name, 0.0) for state in own], values)
        missing = np.array([name not in state for state in own]).reshape(values.shape)
        arrays[name] = np.ma.masked_array(array, missing) if missing.any() else array
    return arrays


def _module_call(call: Call, position: dict[Value, int], qualified: dict[int, str]) -> ModuleCall:
    return ModuleCall(
        name=call.name,
        kind=_kind(call.module),
        inputs=_positions(_objects(call.inputs[0]), position),
        output=_positions(_objects(call.output), position),
        parameters={
            name: qualified[id(p)] for name, p in call.module.own_parameters() if id(p) in qualified
        },
    )


def _kind(module: Module) -> str:
    """The library's class that the module is, or is derived from."""
    return next(c.__name__ for c in type(module).__mro__ if c.__module__.startswith("micrograd."))


def _objects(values: Any) -> Objects:
    if isinstance(values, Tensor):
        return values._values
    return as_objects(values) if isinstance(values, Value) else tensor(values)._values


def _positions(values: Objects, position: dict[Value, int]) -> Positions:
    flat = [position.get(v, -1) for v in values.flat]
    return np.array(flat, dtype=np.intp).reshape(values.shape)


def _floats(values: Objects) -> Floats:
    return _shaped([v.data for v in values.flat], values)


def _shaped(numbers: list[float], like: Objects) -> Floats:
    return np.array(numbers, dtype=np.float64).reshape(like.shape)
