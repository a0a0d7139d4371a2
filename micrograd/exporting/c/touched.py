"""What a program's nests read and write in memory: what only one nest needs is none of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.nest.ir import (
    WORK,
    Affine,
    Listed,
    Nest,
    Program,
    Shape,
    Statement,
)
from micrograd.compiler.nest.sequence import Scalars, TurnLoop


@dataclass(frozen=True, slots=True)
class NestStep:
    """A statement of a nest, and where its operands are.

    An input is an operand in memory, or the number of an earlier statement of the nest whose value
    it is. `before` is what it adds to, in the same way; None if it does not accumulate. `uses`
    says how many later statements read its value without memory.
    """

    statement: Statement
    inputs: tuple[Any, ...]
    before: Any
    stored: bool
    uses: int


def steps(nest: Nest) -> list[NestStep]:
    """The statements of a nest; what it does not keep is in no memory.

    In ordered nests everything is, for the next index may read it; but for what the next statement
    adds to.
    """
    found: list[NestStep] = []
    held: dict[Any, int] = {}  # by address, the statement that has the value of now
    for k, s in enumerate(nest.body):
        inputs = tuple(held.get(_key(x, nest.extents), x) for x in s.inputs)
        own = _key(s.out, nest.extents)
        before = held.get(own, s.out) if s.accumulate else None
        stored = _is_stored(nest, k)
        found.append(NestStep(s, inputs, before, stored, 0))
        held.pop(own, None)
        if not stored:
            held[own] = k
    used = [x for step in found for x in (*step.inputs, step.before) if isinstance(x, int)]
    return [NestStep(x.statement, x.inputs, x.before, x.stored, used.count(k))
            for k, x in enumerate(found)]  # fmt: skip


def _is_stored(nest: Nest, k: int) -> bool:
    s = nest.body[k]
    if not (s.kept or nest.ordered):
        return False
    if k + 1 == len(nest.body) or (k == 0 and nest.reduce):
        return True
    after = nest.body[k + 1]
    return not (after.accumulate and after.out == s.out and (after.kept or nest.ordered))


def _key(x: Any, extents: Shape) -> Any:
    """Equal for operands that are one address at every index."""
    if not isinstance(x, Affine):
        return x
    return x.space, x.base, *(s for s, n in zip(x.strides, extents, strict=True) if n > 1)


@dataclass(frozen=True, slots=True, eq=False)
class Access:
    """Addresses of a space that one operand covers."""

    space: Any
    at: Ids
    writes: bool


def accesses(program: Program) -> Iterator[Access]:
    """All operands in memory."""
    for nest in program.nests:
        yield from _of_nest(nest)
    for part in program.sequence:
        if isinstance(part, Scalars):
            yield from _of_scalars(part)
            continue
        for nest in part.over_turns if isinstance(part, TurnLoop) else (part,):
            yield from _of_nest(nest)


def _of_nest(nest: Nest) -> Iterator[Access]:
    for step in steps(nest):
        for x in (*step.inputs, step.before):
            if isinstance(x, Affine | Listed):
                yield Access(x.space.at_rest, addresses(x, nest.extents), False)
        if step.stored:
            out = step.statement.out
            yield Access(out.space, addresses(out, nest.extents), True)


def _of_scalars(part: Scalars) -> Iterator[Access]:
    read = np.concatenate([part.u, part.v, part.args.ravel()])
    for at in np.unique(read[read >= 0]):
        yield Access(WORK, np.array([at]), False)
    for at in np.unique(part.out):
        yield Access(WORK, np.array([at]), True)


def addresses(x: Affine | Listed, extents: Shape) -> Ids:
    """Every address of an operand, each at least once, in the order of the nest."""
    if isinstance(x, Listed):
        turns = np.arange(extents[0] if x.space.step else 1)
        return np.asarray(x.space.step * turns[:, None] + x.index).ravel()
    at = np.array([x.base])
    for n, stride in zip(extents, x.strides, strict=True):
        if stride and n > 1:
            at = (at[:, None] + stride * np.arange(n)).ravel()
    return at
