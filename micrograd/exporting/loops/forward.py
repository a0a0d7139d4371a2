"""Loops as lines of code that run them forwards, in the ways of the libraries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.code import CodeLine, CodeLoop, CodePart, CodeScan, CodeText, CodeTuple
from micrograd.exporting.expressions import ARRAY, Expr, Turn, array, inside
from micrograd.exporting.picking import WHOLE
from micrograd.exporting.program import AFTER, ArrayLoop, ArrayStatement, LoopState
from micrograd.exporting.renaming import Renaming
from micrograd.ops import OPS

Free = Callable[[str], str]


def started(state: LoopState) -> Expr:
    """What a state is at first, in its shape."""
    if state.initial.op == E.NUMBER and state.shape:
        zero = float(state.initial) == 0
        return E.zeros(state.shape) if zero else E.spread(state.initial, state.shape)
    return state.initial if state.initial.op == E.NUMBER else E.spread(state.initial, state.shape)


def at_first(state: LoopState) -> CodePart:
    """The line that says it; a number is one with a point."""
    if state.initial.op == E.NUMBER and not state.shape:
        return CodeText(f"{state.name} = {float(state.initial)!r}")
    return CodeLine(state.name, started(state))


def reads(values: Iterable[Expr]) -> set[str]:
    """The names of all arrays in expressions."""
    return {x.given[0] for value in values for x in inside(value) if x.op == ARRAY}


class ForwardLoop:
    """The body of a loop with names: a state is assigned to where it is made, if it may be."""

    def __init__(self, loop: ArrayLoop, free: Free) -> None:
        self.loop = loop
        self._in_place = {s.name for s in loop.states if self._may_be_replaced(s)}
        self._renaming = Renaming()
        for s in loop.states:
            name = s.name if s.name in self._in_place else free(f"new_{s.name}")
            self._renaming.names[s.name + AFTER] = array(name, s.shape)
        self.body = [self._line(s) for s in loop.body]
        late = [s for s in loop.states if s.name not in self._in_place]
        self.rest = tuple(s.name for s in late), tuple(self._renaming.of(s.update) for s in late)
        self.kept = [(k.name, self._renaming.of(k.value)) for k in loop.kept]

    def _may_be_replaced(self, state: LoopState) -> bool:
        """Whether nothing reads a state after the statement that makes the next."""
        made = next((k for k, s in enumerate(self.loop.body) if s.name == state.name + AFTER), None)
        if made is None:
            return False
        after = [s.value for s in self.loop.body[made + 1 :]]
        after += [k.value for k in self.loop.kept]
        after += [s.update for s in self.loop.states]
        return state.name not in reads(after)

    def _line(self, s: ArrayStatement) -> CodeLine:
        new = self._renaming.names.get(s.name)
        return CodeLine(new.given[0] if new else s.name, self._renaming.of(s.value))

    @property
    def initial(self) -> list[CodePart]:
        """What states are at first."""
        return [at_first(s) for s in self.loop.states]

    @property
    def last(self) -> list[CodePart]:
        """What is assigned when a turn is done."""
        names, values = self.rest
        if len(names) == 1:
            return [CodeLine(names[0], values[0])]
        return [CodeTuple(names, values)] if names else []


def with_arrays(loop: ArrayLoop, free: Free) -> list[CodePart]:
    """Of NumPy: what is kept is written into arrays."""
    of = ForwardLoop(loop, free)
    lines = [*of.initial, *kept_arrays(loop)]
    kept: list[CodePart] = [set_turn(loop, name, value, 0) for name, value in of.kept]
    return [*lines, CodeLoop(loop.index, loop.count, (*of.body, *kept, *of.last))]


def kept_arrays(loop: ArrayLoop) -> list[CodePart]:
    """Zeros for what is kept."""
    return [CodeLine(k.name, E.zeros((loop.count, *k.value.shape))) for k in loop.kept]


def set_turn(loop: ArrayLoop, name: str, value: Expr, plus: int) -> CodeLine:
    """`name[t + plus] = value`."""
    return CodeLine(name, value, parts=(Turn(loop.index, 1, plus),), sets=True)


def with_lists(loop: ArrayLoop, free: Free, like: str) -> list[CodePart]:
    """Of torch: what is kept is appended to lists, and stacked at last.

    `like` is an array that numbers are made like which functions are applied to.
    """
    of = ForwardLoop(loop, free)
    lines: list[CodePart] = []
    applied = arguments_of_functions(loop)
    for s in loop.states:
        if s.name in applied and s.initial.op == E.NUMBER and not s.shape:
            lines.append(CodeText(f"{s.name} = {like}.new_tensor({float(s.initial)!r})"))
        else:
            lines.append(at_first(s))
    lines += [CodeText(f"{k.name} = []") for k in loop.kept]
    body: list[CodePart] = [*of.body]
    for name, value in of.kept:
        kept = value
        if value.op != ARRAY:
            kept = array(free(f"{name}_"), value.shape)
            body.append(CodeLine(kept.given[0], value))
        body.append(CodeText(f"{name}.append({kept.given[0]})"))
    lines.append(CodeLoop(loop.index, loop.count, (*body, *of.last)))
    return [*lines, *(CodeText(f"{k.name} = torch.stack({k.name})") for k in loop.kept)]


def arguments_of_functions(loop: ArrayLoop) -> set[str]:
    """The arrays that a loop applies functions to that are no operators."""
    rows = [
        x for s in loop.body for x in inside(s.value)
        if x.op == E.ROW and "np." in OPS[x.given[0]].numpy
    ]  # fmt: skip
    return {a.given[0] for x in rows for a in x.args if a.op == ARRAY}


def with_scan(loop: ArrayLoop, free: Free, arguments: Collection[str]) -> list[CodePart]:
    """Of JAX: a function of the states, scanned over the turns."""
    of = ForwardLoop(loop, free)
    updates = tuple(
        array(s.name, s.shape) if s.name not in of.rest[0] else of.rest[1][of.rest[0].index(s.name)]
        for s in loop.states
    )
    names = tuple(s.name for s in loop.states)
    moving = {
        x.args[0].given[0]
        for value in (*(s.value for s in loop.body), *(k.value for k in loop.kept))
        for x in inside(value)
        if x.op == E.SLICE and x.args[0].given and any(isinstance(p, Turn) for p in x.given[0])
    }
    given = [CodeText(f"{name} = jnp.asarray({name})") for name in sorted(moving & set(arguments))]
    scan = CodeScan(loop.index, loop.count, names, tuple(of.body), updates, tuple(of.kept))
    return [*given, *of.initial, scan]


def whole(shape: E.ArrayShape) -> list[E.PartOfAxis]:
    """All of each axis."""
    return [WHOLE] * len(shape)
