"""Training: `record_step` runs one step and keeps all of it, `record_steps` several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from micrograd.core.walk import topological_order
from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, GraphError
from micrograd.interrupts import restored
from micrograd.nn.losses import Loss
from micrograd.nn.module import AnyParameter, Module
from micrograd.observers import no_grad, recording
from micrograd.optim.lr_scheduler import LRScheduler
from micrograd.optim.optimizer import Optimizer, Update
from micrograd.optim.state import State, scalars
from micrograd.steps.calling import StepInputs, objects_in
from micrograd.steps.mistakes import RECORD, check_order, check_trains
from micrograd.steps.parameter_names import named_modules, named_parameters
from micrograd.steps.snapshot import Snapshot
from micrograd.steps.step import Floats, InputRecord, ModuleCall, ParameterRecord, Positions, Step
from micrograd.tape.modules import Call, Recorder
from micrograd.tape.tape import take
from micrograd.tensors.elements import Objects
from micrograd.tensors.tensor import Tensor


def record_step(
    model: Callable[..., Any],
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    x: Any,
    y: Any,
) -> Step:
    """Run one training step and keep every number of it.

    `x` and `y` are a batch, one row a sample; several inputs are a tuple, or a dict by their names.
    `model` is a Module or any function of Values, `loss` one of its output and y. A Module gets
    Tensors; Karpathy's modules get a row at a time, and the loss a list of their outputs; any other
    function gets what is given, with Values in place of numbers.

    The gradients are set to zero first, and afterwards the parameters are the updated ones, as
    after `optimizer.step()`. If anything raises, parameters, gradients and the optimiser's state
    are as before.

    >>> from micrograd import nn, optim
    >>> model = nn.Linear(1, 1)
    >>> model.load_state_dict({"weight": [[3.0]], "bias": [1.0]})
    <All keys matched successfully>
    >>> sgd = optim.SGD(model.parameters(), lr=0.1)
    >>> step = record_step(model, nn.MSELoss(), sgd, [[2.0]], [[6.0]])
    >>> step.loss, step.parameter("weight").gradient.item(), step.loss_after
    (1.0, 4.0, 0.0)
    """
    check_order(model, loss, optimizer, RECORD)
    check_trains(model, loss, optimizer)
    snapshot = Snapshot(optimizer)
    try:
        return _record(model, loss, optimizer, x, y, snapshot)
    except BaseException:
        snapshot.restore()
        raise


def try_step(
    model: Callable[..., Any],
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    x: Any,
    y: Any,
) -> Step:
    """The step that `record_step` would make; parameters, gradients and state are as before.

    The optimiser need not have the model's parameters.
    """
    check_order(model, loss, optimizer, RECORD)
    snapshot = Snapshot(optimizer)
    return restored(
        lambda: _record(model, loss, optimizer, x, y, snapshot), lambda: snapshot.restore()
    )


def record_steps(
    model: Callable[..., Any],
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    batches: Iterable[tuple[Any, Any]],
    schedule: LRScheduler | None = None,
) -> list[Step]:
    """Run a training step for each batch (x, y), one after the other, and keep them all.

    See `record_step`. `schedule` sets the learning rate after every step. If anything raises,
    everything is as before the first step.

    >>> from micrograd import nn, optim
    >>> model = nn.Linear(1, 1)
    >>> model.load_state_dict({"weight": [[3.0]], "bias": [1.0]})
    <All keys matched successfully>
    >>> sgd = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    >>> first, second = record_steps(model, nn.MSELoss(), sgd, [([[2.0]], [[6.0]])] * 2)
    >>> first.parameter("bias").equations((0,))[0].numbers()
    'v = 0.9 × 0 + 2 = 2.0000'
    >>> second.parameter("bias").equations((0,))[0].numbers()
    'v = 0.9 × 2 + 0 = 1.8000'
    """
    check_order(model, loss, optimizer, "record_steps(model, loss, optimizer, batches)")
    check_trains(model, loss, optimizer)
    if not isinstance(schedule, LRScheduler | None):
        raise ArgumentTypeError(f"schedule must be a schedule, got {type(schedule).__name__}")
    if isinstance(batches, Tensor | str | dict) or not isinstance(batches, Iterable):
        raise ArgumentTypeError(
            f"batches must be pairs (x, y), one a step, got {type(batches).__name__}"
        )
    snapshot = Snapshot(optimizer, schedule)
    steps: list[Step] = []
    try:
        for batch in batches:
            if not isinstance(batch, tuple | list) or len(batch) != 2:
                raise ArgumentTypeError(
                    f"batches must be pairs (x, y), got {type(batch).__name__} at {len(steps)}"
                )
            steps.append(_record(model, loss, optimizer, *batch, snapshot))
            if schedule is not None:
                schedule.step()
    except BaseException:
        snapshot.restore()
        raise
    return steps


def _record(
    model: Any, loss: Any, optimizer: Optimizer, x: Any, y: Any, snapshot: Snapshot
) -> Step:
    _check_recordable(optimizer)
    batch = StepInputs(model, loss, x, y)
    named = named_parameters(model, loss, optimizer)
    _clear([*scalars(p for _, p in named), *batch.values()], snapshot)
    with Recorder({**named_modules(model), id(loss): "loss"}) as recorder:
        output = batch.output()
        root = batch.loss(output)
    _clear([v for v in topological_order(root) if v._row is None], snapshot)
    root.backward()
    tape, position = take(root, recorder.nodes)
    updates = optimizer.updates()
    plan = _Plan(optimizer, updates)
    records = tuple(_parameter_record(name, p, position, plan) for name, p in named)
    learning_rate = optimizer.lr
    optimizer.apply(updates)
    with no_grad():
        output_after = batch.output()
        loss_after = batch.loss(output_after).item()

    qualified = {id(p): name for name, p in named}
    outputs = batch.objects(output)
    return Step(
        tape=tape,
        calls=tuple(_module_call(call, position, qualified) for call in recorder.calls),
        parameters=records,
        inputs=tuple(
            InputRecord(name, _positions(values, position), _floats(values))
            for name, values in batch.inputs.items()
        ),
        samples=batch.samples(),
        y=_positions(batch.y, position),
        y_values=_floats(batch.y),
        output=_positions(outputs, position),
        output_before=_floats(outputs),
        output_after=_floats(batch.objects(output_after)),
        loss=root.item(),
        loss_after=loss_after,
        loss_name=_name(loss),
        loss_formula=getattr(loss, "formula", "loss(out, y)"),
        loss_derivative=getattr(loss, "derivative", "∂L/∂out"),
        loss_terms=loss.terms(outputs.shape) if isinstance(loss, Loss) else 1,
        optimizer_name=type(optimizer).__name__,
        rule=_rule(optimizer),
        learning_rate=learning_rate,
    )


def _check_recordable(optimizer: Optimizer) -> None:
    if not recording():
        raise GraphError("nothing is recorded inside no_grad; call record_step outside")
    if type(optimizer).step is not Optimizer.step:
        raise ArgumentTypeError(
            f"optimizer must make its steps by `direction`, got {type(optimizer).__name__}, which "
            "defines `step`; write its rule as `direction`, so that what is shown is what was done"
        )


def _clear(leaves: Sequence[Value], snapshot: Snapshot) -> None:
    """Set gradients to zero; they are kept, to be put back after an error."""
    snapshot.keep(leaves)
    for v in leaves:
        v.zero_grad()


def _name(loss: Any) -> str:
    name = type(loss).__name__ if isinstance(loss, Module) else getattr(loss, "__name__", "loss")
    return "loss" if name == "<lambda>" else str(name)


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
    values = objects_in(p)
    updates = [plan.updates.get(v) for v in values.flat]
    return ParameterRecord(
        name=name,
        positions=_positions(values, position),
        before=_floats(values),
        gradient=_gradient(values),
        learning_rate=max((u.learning_rate for u in updates if u), default=0.0),
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
        inputs=_positions(objects_in(call.inputs[0] if call.inputs else []), position),
        output=_positions(objects_in(call.output), position),
        parameters={
            name: qualified[id(p)] for name, p in call.module.own_parameters() if id(p) in qualified
        },
    )


def _kind(module: Module) -> str:
    """The library's class that the module is, or is derived from."""
    return next(c.__name__ for c in type(module).__mro__ if c.__module__.startswith("micrograd."))


def _gradient(values: Objects) -> Floats | None:
    if not any(v._reached for v in values.flat):
        return None
    return _shaped([v.grad for v in values.flat], values)


def _positions(values: Objects, position: dict[Value, int]) -> Positions:
    flat = [position.get(v, -1) for v in values.flat]
    return np.array(flat, dtype=np.intp).reshape(values.shape)


def _floats(values: Objects) -> Floats:
    return _shaped([v.data for v in values.flat], values)


def _shaped(numbers: list[float], like: Objects) -> Floats:
    return np.array(numbers, dtype=np.float64).reshape(like.shape)


def _rule(optimizer: Optimizer) -> str:
    """The rule in words; one that goes uphill says so."""
    options = optimizer.param_groups[0]
    said = optimizer.direction_text(options)
    return f"{said}; g is -gradient (maximize)" if options.get("maximize") else said
