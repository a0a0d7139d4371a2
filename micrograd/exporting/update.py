"""The update of an optimiser, from its rule run on symbols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from micrograd.exporting.code import CodeLine
from micrograd.exporting.dialect import Dialect, unparsed
from micrograd.exporting.emitting import INDENT, Emitter, packed
from micrograd.exporting.expressions import (
    ARRAY,
    ROWS_OF_ARRAYS,
    Expr,
    applied,
    array,
    as_expression,
)
from micrograd.exporting.module import documented
from micrograd.exporting.program import ArrayProgram
from micrograd.exporting.subject import Subject
from micrograd.optim.optimizer import Optimizer
from micrograd.optim.state import scalars


@dataclass(frozen=True, slots=True, eq=False)
class RuleStep:
    """A step: `new` of a parameter p with the gradient g, and what is kept, by its name."""

    rule: str
    rate: float
    new: Expr
    kept: dict[str, Expr]
    initial: dict[str, float]
    loss: str

    def lines(self, given: str) -> list[str]:
        """The functions of the step, after two empty lines."""
        rest = given.partition("parameters")[2]
        call = f"{INDENT}{self.loss}, gradient = loss_and_gradient({given})"
        if not self.kept:
            item = self._text(self.new)
            return [
                "", "",
                *packed("def step(", f"parameters{rest}, lr={self.rate!r}".split(", "), "):"),
                *documented(f"The loss, and the parameters after one step of {self.rule}.", INDENT),
                call,
                f"{INDENT}new = {{name: {item} for name, p in parameters.items()}}",
                f"{INDENT}return {self.loss}, new",
            ]  # fmt: skip
        return ["", "", *self._initial(), "", "", *self._with_state(rest, call)]

    def _text(self, x: Expr) -> str:
        return unparsed(Emitter(Dialect(), [], set()).text(_with_gradient(x)))

    def _initial(self) -> list[str]:
        items = [
            f'"{name}": np.full_like(p, {x!r})' if x else f'"{name}": np.zeros_like(p)'
            for name, x in self.initial.items()
        ]
        return [
            "def initial_state(parameters):",
            *documented(f"What {self.rule} keeps for each parameter, at the start.", INDENT),
            f"{INDENT}return {{",
            *packed("name: {", items, "}", INDENT * 2),
            f"{INDENT * 2}for name, p in parameters.items()",
            f"{INDENT}}}",
        ]

    def _with_state(self, rest: str, call: str) -> list[str]:
        inner = INDENT * 2
        lines = [CodeLine(_local(name), value) for name, value in self.kept.items()]
        body = Emitter(Dialect(), [*lines, CodeLine("p", self.new)], {"p", "g"}, inner).body()
        kept = ", ".join(f'"{name}": {_local(name)}' for name in self.kept)
        unpack = [f'{inner}{_local(name)} = state[name]["{name}"]' for name in self.kept]
        return [
            *packed("def step(", f"parameters, state{rest}, lr={self.rate!r}".split(", "), "):"),
            *documented(
                f"The loss, and the parameters and the state after one step of {self.rule}.", INDENT
            ),
            call,
            f"{INDENT}new, kept = {{}}, {{}}",
            f"{INDENT}for name, p in parameters.items():",
            f"{inner}g = gradient[name]",
            *unpack,
            *body[:-1],
            body[-1].replace("p = ", "new[name] = ", 1),
            f"{inner}kept[name] = {{{kept}}}",
            f"{INDENT}return {self.loss}, new, kept",
        ]


def _local(name: str) -> str:
    """What a part of the state is called in `step`, which is a name of its own."""
    return "steps" if name == "step" else name


def _with_gradient(x: Expr) -> Expr:
    """The gradient by its place in a dict."""
    if x.op == ARRAY:
        return array("gradient[name]", ()) if x.given[0] == "g" else x
    return Expr(x.op, x.shape, [_with_gradient(a) for a in x.args], x.given)


def update_of(subject: Subject, program: ArrayProgram) -> RuleStep | None:
    """The step of a subject's optimiser; None if it has none, or one that is not the same for all.

    That is one with several groups, with parameters that a step leaves alone, or whose first step
    is not one from a state of numbers.
    """
    optimizer = subject.optimizer
    if optimizer is None or len(optimizer.param_groups) != 1:
        return None
    (options,) = optimizer.param_groups
    trained = {id(v) for v in scalars(options["params"])}
    members = [subject.leaves[i] for p in program.parameters for i in p.members.tolist()]
    initial = optimizer.initial_state(options)
    if not all(id(v) in trained for v in members) or None in initial.values():
        return None
    return _traced(optimizer, options, initial, program.loss)


def _traced(optimizer: Optimizer, options: Any, initial: dict[str, Any], loss: str) -> RuleStep:
    p, g, rate = array("p", ()), array("g", ()), array("lr", ())
    state: dict[str, Any] = {name: array(_local(name), ()) for name in initial}
    direction = optimizer.direction(ROWS_OF_ARRAYS, p, g, state, options)
    new = applied("sub", p, applied("mul", rate, direction))
    kept = {name: as_expression(state[name]) for name in initial}
    first = {name: float(x) for name, x in initial.items()}
    rule = type(optimizer).__name__
    return RuleStep(rule, float(options["lr"]), new, kept, first, loss)
