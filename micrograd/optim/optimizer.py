"""`Optimizer`: parameter groups, and one step down a direction that a rule gives."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

from micrograd.engine import Value, as_number, gradients_of, numbers_of
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.interrupts import whole
from micrograd.ops import FLOATS, Numbers
from micrograd.optim.equation import Equation, Paper
from micrograd.optim.state import (
    TAKEN,
    ParamGroup,
    State,
    check_kept,
    check_options,
    checked_state,
    gathered,
    scalars,
    spread,
)
from micrograd.tensors.tensor import Tensor
from micrograd.tensors.zeroing import zero_all
from micrograd.text.equations import Quantity


class Update(NamedTuple):
    """What one step does to one scalar: `new = value.data - learning_rate * direction`."""

    value: Value
    learning_rate: float
    direction: float
    new: float
    state: State


class Optimizer:
    """Base of all optimisers.

    `params` are parameters or single Values, or dicts (groups) with the key "params" and options
    that differ from the defaults, as in torch. A subclass gives `direction`, the rule.

    A parameter that no backward pass has reached is left alone, as torch leaves one without `grad`.
    A table of scalars, of which a step reaches some rows, is many parameters here and one in torch,
    where momentum goes on to move the other rows. With `dense`, a group is like one parameter: if
    any part of it was reached, all of it takes the step, what was not with a gradient of 0.
    """

    def __init__(
        self, params: Iterable[Any], defaults: Mapping[str, Any], dense: bool = False,
        maximize: bool = False,
    ) -> None:  # fmt: skip
        single = isinstance(params, Tensor | Value) or hasattr(params, "parameters")
        if single or not isinstance(params, Iterable):
            raise _no_parameters(params, "a sequence of parameters")
        if not isinstance(defaults, Mapping):
            raise ArgumentTypeError(
                f"defaults must be the options by name, got {type(defaults).__name__}: call "
                'super().__init__(params, {"lr": lr})'
            )
        given = list(params)
        if not given:
            raise ArgumentValueError("params is empty: there is nothing to optimise")
        groups = given if isinstance(given[0], dict) else [{"params": given}]
        self.defaults = {**defaults, **({"dense": True} if dense else {})}
        self.defaults |= {"maximize": True} if maximize else {}
        self.param_groups: list[ParamGroup] = []
        self.state: dict[Value, State] = {}
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with options of their own."""
        members = group["params"]
        members = [members] if isinstance(members, Tensor | Value) else list(members)
        known = {v for g in self.param_groups for v in scalars(g["params"])}
        for p in members:
            if not isinstance(p, Tensor | Value):
                raise _no_parameters(p, "parameters")
            for v in scalars([p]):
                if v._row is not None:
                    raise ArgumentValueError(
                        "params must be leaves, got the result of an operation"
                    )
                if v in known:
                    raise ArgumentValueError("params holds the same parameter twice")
                known.add(v)
        options = {**self.defaults, **group, "params": members}
        self.check(options)
        self.param_groups.append(options)

    def check(self, options: ParamGroup) -> None:
        """Raise an ArgumentValueError for options that make no sense."""
        check_not_negative(options, "lr", "weight_decay")

    def direction(self, m: Numbers, p: Any, g: Any, state: State, options: ParamGroup) -> Any:
        """The direction to step against, from a parameter and its gradient; updates `state`.

        Written for any kind of number, with `m` as in the op table.
        """
        raise NotImplementedError

    def initial_state(self, options: ParamGroup) -> dict[str, float | None]:
        """What `direction` keeps in `state`, and from which numbers a first step may start.

        A first step from these must be one from no state at all; None: there is no such number.
        """
        return {}

    def equations(
        self, p: Quantity, g: Quantity, before: State, after: State, options: ParamGroup
    ) -> tuple[Equation, ...]:
        """The rule on paper: what a step made of the parameter p with the gradient g.

        `before` and `after` are the state of p, as `direction` found and left it. The last equation
        gives the new parameter. A subclass that does not say how has one equation, with the
        direction d.

        >>> from micrograd.optim import SGD
        >>> p, g, sgd = Quantity("p", 1.0), Quantity("g", 2.0), SGD([Value(1.0)], lr=0.1)
        >>> [(e.text(), e.value) for e in sgd.equations(p, g, {}, {}, sgd.param_groups[0])]
        [('new = p − lr × g', 0.8)]
        """
        paper = Paper(p, g, before, after, options)
        direction = self.direction(FLOATS, p.value, g.value, dict(before), options)
        return paper.new(Quantity("d", float(direction)))

    def without_parameters(self) -> Self:
        """A copy that has the rule and nothing to apply it to."""
        rule = copy.copy(self)
        rule.param_groups, rule.state = [], {}
        return rule

    def direction_text(self, options: ParamGroup) -> str:
        """The rule in words for pictures, of g (the gradient) and the state; "g" if it is that.

        A subclass that does not say it has d, as in its equations.
        """
        return "d"

    def updates(self) -> list[Update]:
        """What `step` would do; changes nothing.

        Parameters that no backward pass has reached, and those that do not require gradients, are
        left out, as in torch.
        """
        plan = []
        for options in self.param_groups:
            for whole_of in wholes(options):
                values = list(scalars(whole_of))
                if not any(v._reached for v in values):
                    continue
                rate = float(options["lr"])  # NumPy's floats would make all data NumPy's
                numbers, gradients = numbers_of(values), gradients_of(values)
                for v, x, g in zip(values, numbers, gradients, strict=True):
                    state = dict(self.state.get(v, ()))
                    direction = float(self.direction(FLOATS, x, g, state, options))
                    plan.append(Update(v, rate, direction, x - rate * direction, state))
        return plan

    def apply(self, updates: Iterable[Update]) -> None:
        """Carry out what `updates` planned: all of it, or nothing if an interruption is first."""
        plan = list(updates)
        states = {update.value: update.state for update in plan if update.state}

        def write() -> None:
            for update in plan:
                update.value.data = update.new
            self.state.update(states)

        whole(write)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter once, from its gradient.

        `closure` computes the gradients first; what it returns is returned.
        """
        loss = None if closure is None else closure()
        self.apply(self.updates())
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; unless `set_to_none`, they are 0 afterwards."""
        zero_all((p for options in self.param_groups for p in options["params"]), set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Options and state as plain data, parameters numbered in order, as in torch."""
        members = [p for options in self.param_groups for p in options["params"]]
        number = {id(p): i for i, p in enumerate(members)}
        groups = [
            {**options, "params": [number[id(p)] for p in options["params"]]}
            for options in self.param_groups
        ]
        state = {i: gathered(p, self.state) for i, p in enumerate(members)}
        return {"state": {i: s for i, s in state.items() if s}, "param_groups": groups}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Take options and state from a `state_dict`; on any error the optimiser is as before.

        Raises an ArgumentValueError if its groups, options or shapes are not those of this
        optimiser. Options may be missing, all of them.
        """
        groups, state = checked_state(saved, self.param_groups)
        self._check_saved(groups, state)
        members = [p for options in self.param_groups for p in options["params"]]
        new: dict[Value, State] = {}
        for i, p in enumerate(members):
            new |= spread(p, state.get(i, {}), f"state[{i}]")

        def write() -> None:
            for options, group in zip(self.param_groups, groups, strict=True):
                more = {name for name in TAKEN if group.get(name)}
                known = (options.keys() | more) - {"params"}
                options.update({name: group[name] for name in known & group.keys()})
            self.state = new

        whole(write)

    def _check_saved(
        self, groups: Sequence[ParamGroup], state: Mapping[int, Mapping[str, Any]]
    ) -> None:
        """Raise an error about what is another optimiser's, or makes no sense."""
        kind, first = type(self).__name__, 0
        for options, group in zip(self.param_groups, groups, strict=True):
            check_options(kind, options, group)
            merged = {**options, **group, "params": options["params"]}
            try:
                self.check(merged)
            except (TypeError, LookupError) as error:
                raise ArgumentValueError(f"the options of the state_dict: {error}") from None
            last = first + len(options["params"])
            own = {i: kept for i, kept in state.items() if first <= i < last}
            check_kept(kind, self.initial_state(merged), own)
            first = last

    @property
    def lr(self) -> float:
        """The learning rate, of the first group; setting it sets that of every group."""
        rate: float = self.param_groups[0]["lr"]
        return rate

    @lr.setter
    def lr(self, rate: float) -> None:
        for options in self.param_groups:
            self.check({**options, "lr": rate})
        for options in self.param_groups:
            options["lr"] = rate

    def __repr__(self) -> str:
        first = self.param_groups[0] if self.param_groups else self.defaults
        options = {k: v for k, v in first.items() if k != "params"}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in options.items())})"


def _no_parameters(given: Any, wanted: str) -> ArgumentTypeError:
    advice = ""
    if hasattr(given, "parameters"):
        advice = ": pass model.parameters()"
    elif isinstance(given, Tensor | Value):
        advice = ": pass it in a list"
    elif isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str):
        advice = ": pass model.parameters(), without the names"
    return ArgumentTypeError(f"params must be {wanted}, got {type(given).__name__}{advice}")


def wholes(options: ParamGroup) -> list[list[Any]]:
    """The parameters of a group that are reached together: each alone, or with `dense` all.

    Arrays that do not require gradients are left out: no step changes them.
    """
    members: list[Any] = [p for p in options["params"] if not is_frozen(p)]
    return [members] if options.get("dense") else [[p] for p in members]


def is_frozen(p: Any) -> bool:
    """Whether it is an array that does not require gradients."""
    return isinstance(p, Tensor) and not p.requires_grad


def check_not_negative(options: ParamGroup, *names: str) -> None:
    """Raise an error about the first of these options that is not a number from 0."""
    for name in names:
        if not as_number(options[name], name) >= 0:
            raise ArgumentValueError(f"{name} must be 0 or more, got {options[name]!r}")


def uphill(g: Any, options: ParamGroup) -> Any:
    """The gradient; its opposite with `maximize`, which makes the loss larger."""
    return -g if options.get("maximize") else g


def decayed(p: Any, g: Any, options: ParamGroup) -> Any:
    """The gradient with weight decay: g + weight_decay p."""
    g = uphill(g, options)
    return g + options["weight_decay"] * p if options["weight_decay"] else g
