"""Ordered nests as LLVM's text: a loop of numbers, in which what a turn hands on is in registers.

With lanes, of a batch, each number is a vector of one for each sample.

A value of the same turn is at hand, that of the turn before is carried; what does not move is
loaded before the loop. All else is loaded from memory, and stored there if it is to be kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from micrograd.compiler.backends.llvm.functions import instructions_of
from micrograd.compiler.backends.llvm.ir import Body
from micrograd.compiler.backends.llvm.rows import value_of
from micrograd.compiler.nest.ir import (
    TOGETHER,
    Affine,
    Integers,
    Listed,
    Nest,
    Space,
    SpaceRole,
    Statement,
)


@dataclass(slots=True, eq=False)
class LocalLoop:
    """A nest whose addresses are relative to pointers: one or two for each step.

    Lists are numbered; nests that are alike have equal bodies, and differ in these and the count.
    """

    body: tuple[Statement, ...]
    bases: list[tuple[Space, int]]
    lists: list[Integers] = field(default_factory=list)
    sources: list[Space] = field(default_factory=list)  # of what each list lists
    fixed: frozenset[Affine] = frozenset()  # what does not move, and is not written


def localised(nest: Nest) -> LocalLoop:
    """The nest with numbers of pointers and lists for spaces.

    What is written has pointers of its own: so loops share a function wherever else they read.
    """
    outs: dict[tuple[Space, int], list[int]] = {
        (s.out.space, s.out.strides[0]): [] for s in nest.body
    }
    for s in nest.body:
        outs[s.out.space, s.out.strides[0]].append(s.out.base)
    own = {key: range(min(bases) - key[1], max(bases) + 1) for key, bases in outs.items()}
    lowest: dict[tuple[Space, int, bool], int] = {}
    plain = [x for s in nest.body for x in (s.out, *s.inputs) if isinstance(x, Affine)]
    sort: dict[Affine, tuple[Space, int, bool]] = {}
    for x in dict.fromkeys(plain):
        key = x.space, x.strides[0]
        sort[x] = kind = (*key, x.base in own.get(key, ()))
        lowest[kind] = min(x.base, lowest.get(kind, x.base))
    number = {key: k for k, key in enumerate(lowest)}
    lists: list[Integers] = []
    sources: list[Space] = []

    def noted(index: Integers, space: Space) -> Space:
        lists.append(index)
        sources.append(space)
        return Space.of(SpaceRole.LOCAL, len(lists) - 1)

    def local(x: Affine | Listed) -> Affine:
        if isinstance(x, Listed):
            return Affine(noted(x.index, x.space), 0, ())
        kind = sort[x]
        return Affine(Space.of(SpaceRole.LOCAL, number[kind]), x.base - lowest[kind], x.strides)

    body = []
    for s in nest.body:
        inputs = tuple(map(local, s.inputs))
        if s.starts is not None:
            inputs = (*inputs, Affine(noted(s.starts, s.out.space), 0, ()))
        moved = s.on(local(s.out), inputs)
        body.append(moved if s.starts is None else replace(moved, starts=None))
    fixed = frozenset(map(local, _unwritten(plain, nest)))
    bases = [(space, base) for (space, *_), base in lowest.items()]
    return LocalLoop(tuple(body), bases, lists, sources, fixed)


def _unwritten(found: list[Affine], nest: Nest) -> list[Affine]:
    """What stays where it is, and no turn writes."""
    still = list(dict.fromkeys(x for x in found if not x.strides[0]))
    where = np.array([x.base for x in still])[:, None]
    at = np.array([s.out.base for s in nest.body])
    step = np.array([s.out.strides[0] for s in nest.body])
    turn = np.where(step != 0, (where - at) // np.where(step != 0, step, 1), 0)
    written = (at + turn * step == where) & (turn >= 0) & (turn < nest.extents[0])
    return [x for x, known in zip(still, written.any(1).tolist(), strict=True) if not known]


def emit(body: Body, nest: Nest, local: LocalLoop, lanes: int) -> None:
    """Write the function of a nest."""
    _LoopText(body, nest, local, lanes).write()


class _LoopText:
    def __init__(self, body: Body, nest: Nest, local: LocalLoop, lanes: int) -> None:
        self._body, self._lanes = body, lanes
        self._type = body.type(lanes)
        self._m = instructions_of(body, lanes)
        self._statements = list(zip(nest.body, local.body, strict=True))
        self._fixed = local.fixed
        self._is_alone = nest.extents == (1,)  # one index: nothing is carried
        self._outs = {s.out: None for s in local.body}
        self._still: dict[Affine, str] = {}  # what does not move: loaded before
        self._values: dict[Affine, str] = {}  # of this turn
        self._pointers: dict[Space, str] = {}  # of this turn
        self._carried: dict[Affine, Affine] = {}  # what is carried: made in the turn before

    def write(self) -> None:
        sums = [out for out in self._outs if not out.strides[0]]
        for s, local in self._statements:
            own = [local.out] if s.accumulate else []
            for x in [*(local.inputs if s.starts is None else ()), *own]:
                self._prepare(x)
        start = [*self._carried, *sums]
        loaded = [self._load(self._pointer(x.space), x) for x in start]
        count = 1 if self._is_alone else "%turns"
        self._body.repeat(count, self._lanes, loaded, lambda i, v: self._turn(i, start, v))
        last = self._body.value("sub i64 %turns, 1")
        for out in self._outs:
            if not out.strides[0]:
                self._store(self._values[out], self._pointer(out.space), out)
            elif not self._is_kept(out):
                at = self._pointer(out.space)
                pointer = self._body.moved(at, last, out.strides[0], self._type)
                self._store(self._values[out], pointer, out)

    def _is_kept(self, out: Affine) -> bool:
        return any(s.kept for s, local in self._statements if local.out == out)

    def _prepare(self, x: Affine) -> None:
        """Carry what the turn before made; load what does not move."""
        if not x.strides or x in self._outs or x in self._carried:
            return
        if self._is_alone:
            return
        (step,) = x.strides
        following = Affine(x.space, x.base + step, x.strides)
        if step and following in self._outs:
            self._carried[x] = following
        elif x in self._fixed and x not in self._still:
            self._still[x] = self._load(self._pointer(x.space), x)

    def _turn(self, index: str, start: list[Affine], carried: list[str]) -> list[str]:
        self._values = dict(self._still)
        self._values.update(zip(start, carried, strict=True))
        self._pointers = {}
        for s, local in self._statements:
            if local.out in self._carried:  # it is written anew: what was carried is gone
                raise AssertionError("a turn writes what it was handed")
            self._statement(s, local, index)
        return [self._values[self._carried.get(x, x)] for x in start]

    def _statement(self, s: Statement, local: Statement, index: str) -> None:
        out, m = local.out, self._m
        if s.starts is not None:
            total = self._unequal(local, index)
            result = total if s.coefficient == 1.0 else m.fmul(total, s.coefficient)
            if s.accumulate:
                result = m.fadd(self._values[out], result)
        else:
            inputs = [self._value(x, index) for x in local.inputs]
            result = value_of(m, s, inputs, self._values[out] if s.accumulate else None)
        self._values[out] = result
        final = all(other is s or other.out != s.out for other, _ in self._after(s))
        if s.kept and final and out.strides[0]:
            self._store(result, self._place(out, index), out)

    def _after(self, s: Statement) -> list[tuple[Statement, Statement]]:
        place = next(k for k, (other, _) in enumerate(self._statements) if other is s)
        return self._statements[place + 1 :]

    def _unequal(self, local: Statement, index: str) -> str:
        """The sum of what is listed for this turn: so many products at a time, at least once."""
        body = self._body
        *lists, starts = (f"%l{x.space.number}" for x in local.inputs)
        at = body.moved(starts, index, 1, "i64")
        first = body.value(f"load i64, ptr {at}")
        following = body.value(f"load i64, ptr {body.moved(at, '1', 1, 'i64')}")
        room = body.value(f"sub i64 {following}, {first}")
        count = body.value(f"udiv exact i64 {room}, {TOGETHER}")
        numbers = [x.space.number for x in local.inputs[:-1]]
        begin = [body.moved(x, first, 1, "i64") for x in lists]

        def step(k: str, carried: list[str]) -> list[str]:
            at = [(n, body.moved(x, k, TOGETHER, "i64"))
                  for n, x in zip(numbers, begin, strict=True)]  # fmt: skip
            return [self._with_listed(total, at, lane) for lane, total in enumerate(carried)]

        zero = body.constant(0.0, self._lanes)
        return self._m.in_pairs(body.repeat(count, self._lanes, [zero] * TOGETHER, step))

    def _with_listed(self, total: str, lists: list[tuple[int, str]], place: int) -> str:
        factors = [self._listed(n, x, str(place)) for n, x in lists]
        if len(factors) == 1:
            return self._m.fadd(total, factors[0])
        u, v = factors
        return self._m.fma(u, v, total)

    # ---- memory --------------------------------------------------------------------------------

    def _value(self, x: Affine, index: str) -> str:
        """A number of this turn: loaded once, unless it was made."""
        if x not in self._values:
            if not x.strides:
                self._values[x] = self._listed(x.space.number, f"%l{x.space.number}", index)
            else:
                self._values[x] = self._load(self._place(x, index), x)
        return self._values[x]

    def _listed(self, source: int, index: str, place: str) -> str:
        at = self._body.value(f"load i64, ptr {self._body.moved(index, place, 1, 'i64')}")
        pointer = self._body.value(f"getelementptr {self._type}, ptr %n{source}, i64 {at}")
        return self._body.load(pointer, 0, 1, self._lanes, self._lanes)

    def _place(self, x: Affine, index: str) -> str:
        """The pointer of this turn that an operand is an offset from."""
        if x.space not in self._pointers:
            pointer = self._pointer(x.space)
            self._pointers[x.space] = self._body.moved(pointer, index, x.strides[0], self._type)
        return self._pointers[x.space]

    def _pointer(self, space: Space) -> str:
        return f"%p{space.number}"

    def _load(self, pointer: str, x: Affine) -> str:
        place = self._body.moved(pointer, str(x.base), 1, self._type)
        return self._body.load(place, 0, 1, self._lanes, self._lanes)

    def _store(self, value: str, pointer: str, x: Affine) -> None:
        place = self._body.moved(pointer, str(x.base), 1, self._type)
        self._body.store(value, place, 0, 1, self._lanes, self._lanes)
