"""Whether a sequence keeps its promises: what it reads is there when it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from micrograd.compiler.codes import NONE, ROWS, Ids, Mask
from micrograd.compiler.nest.ir import TOGETHER, Nest, Statement
from micrograd.compiler.nest.sequence import LARGEST, Part, Scalars, TurnLoop, addresses, in_rows
from micrograd.ops import OPS


class _Touch(NamedTuple):
    """Addresses that something reads or writes, and when: its place among all that is done."""

    by: Statement | Scalars
    at: Ids
    when: Ids
    writes: bool


def faults(parts: tuple[Part, ...], known: Mask, lanes: int = 1) -> Iterator[str]:
    """What is wrong with a sequence: addresses that are none, or read before they are written.

    `known` says which numbers of work are there before it runs; it is changed. With lanes there
    are whole rows.
    """
    if len(known) % lanes:
        yield f"{len(known)} numbers are no rows of {lanes}"
        return
    for place, part in enumerate(parts):
        found = [*_form_faults(part, len(known) // lanes, lanes)] or [*_late(part, known, lanes)]
        yield from (f"part {place}: {fault}" for fault in found)


def _late(part: Part, known: Mask, lanes: int) -> Iterator[str]:
    """What is touched beyond work, or read before it is there; what is written is known then."""
    touched = [*_touched(part, lanes)]
    for x in touched:
        if x.at.size and (x.at.min() < 0 or x.at.max() >= len(known)):
            yield f"{'writes' if x.writes else 'reads'} beyond work: {x.by}"
            return
    never = 1 + max((int(x.when.max(initial=-1)) for x in touched), default=-1)
    time = np.where(known, -1, never)
    for x in touched:
        if x.writes:
            np.minimum.at(time, x.at.ravel(), x.when.ravel())
    for x in touched:
        if not x.writes and (time[x.at] >= x.when).any():
            yield f"reads what is not there yet: {x.by}"
    known |= time < never


def _touched(part: Part, lanes: int) -> Iterator[_Touch]:
    """What a part touches; of what is in order, rows of numbers, one for each lane."""
    if isinstance(part, Scalars):
        yield _touch(part, part.out, np.arange(len(part)), True, lanes)
        for user, used in _uses(part):
            yield _touch(part, used, user, False, lanes)
        return
    in_turns = isinstance(part, TurnLoop)
    nests = part.over_turns if isinstance(part, TurnLoop) else [part]
    most = max(len(nest.body) for nest in nests)
    longest = max(nest.extents[1] for nest in nests) if in_turns else 1
    for j, nest in enumerate(nests):
        many = lanes if nest.ordered else 1
        turn, index = _indices(nest, in_turns)
        for k, s in enumerate(nest.body):
            when = ((turn * len(nests) + j) * longest + index) * most + k
            yield _touch(s, addresses(s.out, nest.extents), when, True, many)
            for x in (*s.inputs, *([s.out] if s.accumulate else [])):
                if s.starts is None or x is s.out:
                    yield _touch(s, addresses(x, nest.extents), when, False, many)
                else:
                    yield _touch(s, x.index, np.repeat(when, np.diff(s.starts)), False, many)


def _touch(by: Statement | Scalars, at: Ids, when: Ids, writes: bool, lanes: int) -> _Touch:
    if lanes > 1:
        at, when = in_rows(at, lanes), np.repeat(when[..., None], lanes, -1)
    return _Touch(by, at, when, writes)


def _indices(nest: Nest, in_turns: bool) -> tuple[Ids, Ids]:
    """The turn, and the index in it; what is in no turns is in order of that, or all at once."""
    axes = [*np.indices(nest.extents), np.zeros(nest.extents, np.int64)]
    if in_turns:
        return axes[0], axes[1]
    return axes[-1], axes[0] if nest.ordered else axes[-1]


def _uses(part: Scalars) -> Iterator[tuple[Ids, Ids]]:
    for x in (part.u, part.v):
        yield part.owner[x >= 0], x[x >= 0]
    users, places = np.nonzero(part.args >= 0)
    yield users, part.args[users, places]


# ---- what it has to look like --------------------------------------------------------------------


def _form_faults(part: Part, size: int, lanes: int) -> Iterator[str]:
    if isinstance(part, Scalars):
        yield from _scalar_faults(part, size)
    elif isinstance(part, TurnLoop):
        axes = {len(nest.extents) - (lanes > 1 and not nest.ordered) for nest in part.nests}
        if {nest.extents[:1] for nest in part.nests} != {(1,)} or axes != {2} or part.count < 1:
            yield f"no turns: {part}"
    elif part.ordered:
        if len(part.extents) != 1 or part.extents[0] < 1:
            yield f"no loop: {part.extents}"
        for s in part.body:
            yield from _statement_faults(s, part)


def _scalar_faults(part: Scalars, size: int) -> Iterator[str]:
    n = len(part)
    if not (len(part.row) == len(part.static) == len(part.args) == len(part.first) - 1 == n):
        yield "arrays of unequal length"
        return
    every = np.concatenate([part.out, part.u, part.v, part.args.ravel()])
    if len(every) and (every.max() >= size or every.min() < NONE or part.out.min(initial=0) < 0):
        yield "an address that is none"
    arity = np.array([OPS[name].arity for name in ROWS])
    rows = part.row >= 0
    if ((part.args[rows] >= 0).sum(1) != arity[part.row[rows]]).any():
        yield "wrong number of arguments"
    if (np.diff(part.first)[rows] > 0).any() or (np.diff(part.first)[~rows] < 1).any():
        yield "terms of a row, or a sum of none"
    if (part.v[part.row[part.owner] == LARGEST] >= 0).any():
        yield "the largest of products"


def _statement_faults(s: Statement, nest: Nest) -> Iterator[str]:
    if not s.is_term:
        op = OPS[s.row]
        if len(s.inputs) != op.arity or (s.static is not None) != op.has_static or s.accumulate:
            yield f"not a row: {s}"
    elif len(s.inputs) > 2:
        yield f"a product of {len(s.inputs)}"
    if s.starts is not None and (len(s.starts) != nest.extents[0] + 1 or not s.inputs):
        yield f"sums of {len(s.starts) - 1} for {nest.extents[0]}"
    elif s.starts is not None and ((n := np.diff(s.starts)).min() < 1 or (n % TOGETHER).any()):
        yield "sums of nothing, or of what is not padded"
