"""Backwards through a loop: turns from the last to the first, with what they made at hand.

On the way forwards, what the way back reads is written into arrays with an axis of turns: those of
states have one more, for what they are at first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.code import CodeLine, CodeLoop, CodePart, CodeTuple, values_in
from micrograd.exporting.expressions import ARRAY, Expr, Turn, array, inside, sliced
from micrograd.exporting.loops.forward import at_first, kept_arrays, reads, set_turn, started, whole
from micrograd.exporting.loops.sharing import with_shared
from micrograd.exporting.program import AFTER, ArrayLoop, ArrayStatement
from micrograd.exporting.renaming import Renaming


def names_read(loop: ArrayLoop) -> list[str]:
    """The arrays from before a loop that its turns read."""
    own = {s.name for s in loop.body} | {s.name for s in loop.states}
    values = [*(s.value for s in loop.body), *(k.value for k in loop.kept)]
    values += [s.update for s in loop.states]
    found = [x.given[0] for value in values for x in inside(value) if x.op == ARRAY]
    return [name for name in dict.fromkeys(found) if name not in own]


def plus_one(n: E.AxisSize) -> E.AxisSize:
    """One more turn."""
    return replace(n, plus=n.plus + 1) if isinstance(n, E.Samples) else n + 1


class StoredLoop:
    """A loop whose states and statements are written into arrays, those that are read later."""

    def __init__(
        self,
        loop: ArrayLoop,
        body: Sequence[ArrayStatement],
        read: set[str],
        free: Callable[[str], str],
    ) -> None:
        self.loop, self.body = loop, body
        self._free = free
        self.states = {s.name: s for s in loop.states if s.name in read or s.name + AFTER in read}
        states = {s.name + AFTER for s in loop.states}
        self.made = [s for s in body if s.name in read and s.name not in states]
        self.names: dict[str, Expr] = {}
        at = loop.index
        for s in loop.states:
            if s.name in self.states:
                own = array(s.name, (plus_one(loop.count), *s.shape))
                self.names[s.name] = sliced(own, (Turn(at), *whole(s.shape)), s.shape)
                after = sliced(own, [Turn(at, 1, 1), *whole(s.shape)], s.shape)
                self.names[s.name + AFTER] = after
        for m in self.made:
            own = array(m.name, (loop.count, *m.value.shape))
            place: list[E.PartOfAxis | int | Turn] = [Turn(at), *whole(m.value.shape)]
            self.names[m.name] = sliced(own, place, m.value.shape)

    @property
    def after(self) -> dict[str, Expr]:
        """What the states are after the loop."""
        return {
            s.name: sliced(
                array(s.name, (plus_one(self.loop.count), *s.shape)), [-1, *whole(s.shape)], s.shape
            )
            for s in self.states.values()
        }

    def lines(self) -> list[CodePart]:
        """The loop forwards."""
        loop = self.loop
        plain = [s for s in loop.states if s.name not in self.states]
        lines: list[CodePart] = [at_first(s) for s in plain]
        for s in self.states.values():
            lines.append(CodeLine(s.name, E.zeros((plus_one(loop.count), *s.shape))))
            if not (s.initial.op == E.NUMBER and float(s.initial) == 0):
                lines.append(CodeLine(s.name, started(s), parts=(0,), sets=True))
        for m in self.made:
            lines.append(CodeLine(m.name, E.zeros((loop.count, *m.value.shape))))
        lines += kept_arrays(loop)
        names = dict(self.names)
        for s in plain:
            names[s.name + AFTER] = array(self._free(f"new_{s.name}"), s.shape)
        renaming = Renaming(names)
        body: list[CodePart] = [self._line(s, renaming) for s in self.body]
        body += [set_turn(loop, k.name, renaming.of(k.value), 0) for k in loop.kept]
        for s in self.states.values():
            if s.update.op != ARRAY or s.update.given[0] != s.name + AFTER:
                body.append(set_turn(loop, s.name, renaming.of(s.update), 1))
        body += _assigned([(s.name, renaming.of(s.update)) for s in plain])
        return [*lines, CodeLoop(loop.index, loop.count, tuple(_in_place(body)))]

    def _line(self, s: ArrayStatement, renaming: Renaming) -> CodePart:
        value = renaming.of(s.value)
        if s.name.endswith(AFTER) and s.name.removesuffix(AFTER) in self.states:
            return set_turn(self.loop, s.name.removesuffix(AFTER), value, 1)
        if any(m.name == s.name for m in self.made):
            return set_turn(self.loop, s.name, value, 0)
        new = renaming.names.get(s.name)
        return CodeLine(new.given[0] if new is not None else s.name, value)


def _assigned(pairs: list[tuple[str, Expr]]) -> list[CodePart]:
    """All of them at once, where one reads what another changes."""
    pairs = [(name, x) for name, x in pairs if not (x.op == ARRAY and x.given[0] == name)]
    ordered: list[CodePart] = []
    while pairs:
        free = next(
            (p for p in pairs if not any(p[0] in reads([x]) for n, x in pairs if n != p[0])), None
        )
        if free is None:
            names, values = zip(*pairs, strict=True)
            return [*ordered, CodeTuple(names, values)]
        pairs.remove(free)
        ordered.append(CodeLine(*free))
    return ordered


def _in_place(body: list[CodePart]) -> list[CodePart]:
    """Without new names for states that nothing reads any more where the next is made."""
    last = body[-1] if body else None
    if not isinstance(last, CodeLine) or last.value.op != ARRAY or last.parts is not None:
        return body
    new = last.value.given[0]
    made = next((k for k, x in enumerate(body) if isinstance(x, CodeLine) and x.name == new), None)
    if made is None or last.name in reads(values_in(body[made + 1 : -1])):
        return body
    renaming = Renaming({new: array(last.name, last.value.shape)})
    out: list[CodePart] = []
    for x in body[:-1]:
        if isinstance(x, CodeLine):
            name = last.name if x.name == new else x.name
            x = replace(x, name=name, value=renaming.of(x.value))
        elif isinstance(x, CodeTuple):
            x = replace(x, values=tuple(map(renaming.of, x.values)))
        out.append(x)
    return _in_place(out)


def through_loop(outer: Any, loop: ArrayLoop, active: set[str]) -> StoredLoop | None:
    """Add the lines of a loop backwards to those of `outer`, and say what has to be stored.

    `active` are the names on the way from a parameter, in the loop and before it. None if nothing
    of the loop has an adjoint.
    """
    states = [s for s in loop.states if s.name in active]
    kept = [k for k in loop.kept if k.name in active and outer.has_adjoint(k.name)]
    if not kept and not any(outer.has_adjoint(s.name) for s in states):
        return None
    inner = outer.within(loop)
    adjoints = {s.name: outer.named_adjoint(s.name) for s in states}
    of_kept = {k.name: outer.named_adjoint(k.name) for k in kept}
    read = [name for name in names_read(loop) if name in active]
    opened = {name: outer.open(name) for name in read}
    for s in states:
        inner.seed(s.update, array(adjoints[s.name], s.shape))
    for k in kept:
        own = array(of_kept[k.name], (loop.count, *k.value.shape))
        inner.seed(k.value, sliced(own, [Turn(loop.index), *whole(k.value.shape)], k.value.shape))
    inner.backwards({s.name + AFTER: adjoints[s.name] for s in states})
    for name in read:
        inner.add_to(opened[name], name)
    before = [(adjoints[s.name], inner.gained_by(s.name)) for s in states]
    body, lines = with_shared(loop.body, [*inner.lines, *_assigned(before)], outer.free)
    names = reads(values_in(lines))
    stored = StoredLoop(loop, body, names, outer.free)
    renaming = Renaming(stored.names)
    turned = tuple(renamed_line(line, renaming) for line in lines)
    outer.lines.append(CodeLoop(loop.index, loop.count, turned, backwards=True))
    for s in states:
        outer.seed(s.initial, array(adjoints[s.name], s.shape))
    return stored


def renamed_line(line: CodePart, renaming: Renaming) -> CodePart:
    """The line with other names in its values."""
    if isinstance(line, CodeLine):
        at = None if line.at is None else renaming.of(line.at)
        return replace(line, value=renaming.of(line.value), at=at)
    if isinstance(line, CodeTuple):
        return replace(line, values=tuple(map(renaming.of, line.values)))
    return line
