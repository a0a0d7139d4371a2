"""The axis of the samples: what follows their number in two traces, of n and of n + 1 samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from micrograd.errors import MicrogradError
from micrograd.exporting.agreement import resized
from micrograd.exporting.expressions import (
    COUNT,
    NUMBER,
    ROW,
    SEGMENTS,
    Expr,
    Samples,
    Turn,
    applied,
    count,
    number,
)
from micrograd.exporting.loops.rolled import rolled
from micrograd.exporting.lowering import lowered
from micrograd.exporting.program import ArrayLoop, ArrayProgram, ArrayStatement, ProgramPart
from micrograd.exporting.subject import Subject
from micrograd.ops import OPS

LEAST = 2  # samples of which one can tell what follows their number


class _Different(Exception):  # noqa: N818  (a finding)
    """Programs that differ in more than the number of samples."""


def program_for(subject: Subject, free: bool, loops: bool) -> ArrayProgram:
    """The program of a subject: for any number of samples if `free`, with loops if `loops`."""
    found = rolled(subject) if loops else None
    if found is not None:
        return generalised(subject, _rolled) if free else found
    return generalised(subject, lowered) if free else lowered(subject)


def _rolled(subject: Subject) -> ArrayProgram:
    found = rolled(subject)
    if found is None:
        raise _Different
    return found


def generalised(subject: Subject, lowered: Callable[[Subject], ArrayProgram]) -> ArrayProgram:
    """The program of a subject, for any number of samples if it is one for any."""
    axes = _leading(subject)
    if not axes:
        return lowered(subject)
    n = len(subject.inputs[axes[0]])
    try:
        few, more = (
            subject if m == n else subject.on(resized(subject.inputs, axes, m)) for m in _two(n)
        )
        merged = _Merge(_two(n)[0], axes, _numbers(more, few)).programs(lowered(few), lowered(more))
    except (_Different, MicrogradError, LookupError, ValueError, TypeError, ArithmeticError):
        return lowered(subject)
    number = np.array(_numbers(few, subject))
    parameters = tuple(replace(p, members=number[p.members]) for p in merged.parameters)
    return replace(merged, parameters=parameters)


def _two(n: int) -> tuple[int, int]:
    """Numbers of samples to trace: more than one, and no powers of two.

    Of one sample one cannot tell what follows their number, and a quotient by a power of two is a
    product, which is a part of what it is multiplied with.
    """
    n = max(n, LEAST)
    while n & (n - 1) == 0 or n & (n + 1) == 0:
        n += 1
    return n, n + 1


def _numbers(of: Subject, within: Subject) -> list[int]:
    """The numbers of a trace's parameters in another trace."""
    number = {id(v): i for i, v in enumerate(within.leaves)}
    return [number.get(id(v), -1) for v in of.leaves]


def _leading(subject: Subject) -> tuple[int, ...]:
    """The arguments whose leading axis is as long as that of the first that has one."""
    lengths = [len(x) if isinstance(x, list | tuple) or np.ndim(x) else 0 for x in subject.inputs]
    n = next((size for size in lengths if size), 0)
    return tuple(k for k, size in enumerate(lengths) if size == n) if n else ()


class _Merge:
    def __init__(self, n: int, axes: tuple[int, ...], numbers: list[int]) -> None:
        self.n, self.axes = n, axes
        self.numbers_of = numbers  # in the first program, of the parameters of the second
        self._done: dict[tuple[int, int], Expr] = {}

    def programs(self, a: ArrayProgram, b: ArrayProgram) -> ArrayProgram:
        """One program for both."""
        _same([s.name for s in a.statements], [s.name for s in b.statements])
        _same([(p.name, p.shape) for p in a.parameters], [(p.name, p.shape) for p in b.parameters])
        for p, q in zip(a.parameters, b.parameters, strict=True):
            _same(p.members.tolist(), [self.numbers_of[i] for i in q.members.tolist()])
        _same(a.constants.keys(), b.constants.keys())
        for name, c in a.constants.items():
            _same((c.shape, c.tobytes()), (b.constants[name].shape, b.constants[name].tobytes()))
        statements = tuple(self.part(s, t) for s, t in zip(a.statements, b.statements, strict=True))
        arguments = tuple(
            replace(x, shape=self.sizes(x.shape, y.shape))
            for x, y in zip(a.arguments, b.arguments, strict=True)
        )
        return replace(a, statements=statements, arguments=arguments, samples=self.axes, n=self.n)

    def part(self, s: ProgramPart, t: ProgramPart) -> ProgramPart:
        """One statement for two, or one loop."""
        if isinstance(s, ArrayStatement) and isinstance(t, ArrayStatement):
            return ArrayStatement(s.name, self.both(s.value, t.value))
        if not (isinstance(s, ArrayLoop) and isinstance(t, ArrayLoop)):
            raise _Different
        _same(_names_in(s), _names_in(t))
        states = tuple(
            replace(
                x, initial=self.both(x.initial, y.initial), update=self.both(x.update, y.update)
            )
            for x, y in zip(s.states, t.states, strict=True)
        )
        body = tuple(
            replace(x, value=self.both(x.value, y.value))
            for x, y in zip(s.body, t.body, strict=True)
        )
        kept = tuple(
            replace(x, value=self.both(x.value, y.value))
            for x, y in zip(s.kept, t.kept, strict=True)
        )
        return ArrayLoop(s.index, self.size(s.count, t.count), states, body, kept)

    def both(self, x: Expr, y: Expr) -> Expr:
        """One expression for two."""
        key = id(x), id(y)
        if key not in self._done:
            self._done[key] = self._both(x, y)
        return self._done[key]

    def _both(self, x: Expr, y: Expr) -> Expr:
        a, b = _scaled(x), _scaled(y)
        if a is not None and b is not None and a[0] != b[0]:  # x / 3 is 0.5 x for two samples
            return applied("mul", self.numbers(a[0], b[0]), self.both(a[1], b[1]))
        _same((x.op, len(x.args)), (y.op, len(y.args)))
        if x.op == NUMBER:
            return self.numbers(x.given[0], y.given[0])
        args = [self.both(a, b) for a, b in zip(x.args, y.args, strict=True)]
        shape = self.sizes(x.shape, y.shape)
        if x.op == SEGMENTS:
            _same(x.given, y.given)
        if x.op == ROW:
            row, static = x.given
            _same(repr(x.given), repr(y.given))
            return applied(row, *args, static=static)
        return Expr(x.op, shape, args, self.given(x.given, y.given))

    def sizes(self, a: Sequence[Any], b: Sequence[Any]) -> tuple[Any, ...]:
        """One shape for two."""
        _same(len(a), len(b))
        return tuple(self.size(m, n) for m, n in zip(a, b, strict=True))

    def size(self, a: Any, b: Any) -> Any:
        """A size, or one that follows the number of samples."""
        if a == b:
            return a
        times = b - a
        if times > 0:
            return Samples(times, a - times * self.n)
        raise _Different

    def given(self, a: Any, b: Any) -> Any:
        """What is not an array: places are sizes."""
        if isinstance(a, tuple) and isinstance(b, tuple):
            _same(len(a), len(b))
            return tuple(self.given(m, n) for m, n in zip(a, b, strict=True))
        if isinstance(a, Turn) and isinstance(b, Turn):
            _same((a.index, a.times), (b.index, b.times))
            return replace(a, plus=self.size(a.plus, b.plus))
        if isinstance(a, int) and isinstance(b, int) and not isinstance(a, bool):
            return self.size(a, b)
        _same(a, b)
        return a

    def numbers(self, a: float, b: float) -> Expr:
        """A number, or a multiple or a quotient of the number of samples."""
        if a == b or (a != a and b != b):
            return number(a)
        for plus in (0, -1, 1):
            m, k = self.n + plus, self.n + 1 + plus
            if m > 0 and abs(a * m - b * k) <= 4e-16 * abs(a * m):
                return applied("div", _rounded(a * m), count(plus))
            if m > 0 and abs(a * k - b * m) <= 4e-16 * abs(a * k):
                return applied("mul", _rounded(a / m), count(plus))
        raise _Different


def _names_in(loop: ArrayLoop) -> list[tuple[str, ...]]:
    """The names in a loop, and the shapes of its states."""
    names = *(x.name for x in loop.body), *(x.name for x in loop.kept)
    return [names, *((x.name, *map(str, x.shape)) for x in loop.states)]


def _scaled(x: Expr) -> tuple[float, Expr] | None:
    """The number that an expression is multiplied with, and what is multiplied."""
    op = OPS[x.given[0]] if x.op == ROW else None
    if op is None or not (op.multiplies or op.divides):
        return None
    a, b = x.args
    if op.multiplies:
        return (a.given[0], b) if a.op == NUMBER else None
    return (1 / b.given[0], a) if b.op == NUMBER and b.given[0] else None


def _rounded(x: float) -> Expr:
    """A number without what rounding has left of n · (1 / n)."""
    near = round(x, 12)
    return number(near if abs(near - x) <= 4e-16 * abs(x) else x)


def _same(a: Any, b: Any) -> None:
    if a != b:
        raise _Different


__all__ = ["COUNT", "generalised"]
