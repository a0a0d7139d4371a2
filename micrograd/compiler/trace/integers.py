"""Run-time integers that index lists, found by tracing with several of them.

The program is traced with different integers. The operations must be the same; where the operands
differ, they must be `base + stride · integer` for one of the integers, in all traces. Such an
operand becomes a choice from a table, which the program makes at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids, distinct
from micrograd.compiler.trace.arguments.stand_ins import refilled
from micrograd.compiler.trace.differences import Divergence, check_same_operations
from micrograd.compiler.trace.recording import (
    CHOICES,
    CONSTANTS,
    PARAMETERS,
    SORT,
    Codes,
    Recording,
    by_value,
)

MOST_COVERED = 1024  # the length of tables of which entries that are new are sought
MOST_TRACES = 12
MOST_ORDERS = 50  # in which two traces are sought that tell slots apart
MOST_LENGTH = 1 << 24  # of a table that is sought by trial


@dataclass(slots=True, eq=False)
class Choices:
    """A recording in which lookups are choices, and the integers that have been tried.

    `ids` are those of each trace, `tried[argument]` all of them for each argument.
    """

    recording: Recording
    tables: list[tuple[int, int, int]]  # slot, base, stride

    def check(self, other: Recording, ids: Ids) -> None:
        """Raise a Divergence unless the recording of a trace with other integers agrees."""
        base = self.recording
        if not any((first >> SORT) == (CONSTANTS >> SORT) for _, first, _ in self.tables):
            base, other = by_value(base), by_value(other)
        check_same_operations(base, other)
        chosen = {CHOICES + k: table for k, table in enumerate(self.tables)}
        for mine, theirs in zip(_operands(base), _operands(other), strict=True):
            expected = mine.copy()
            for place in np.nonzero(mine >= CHOICES)[0].tolist():
                slot, first, stride = chosen[int(mine[place])]
                expected[place] = first + stride * int(ids[slot])
            wrong = np.nonzero(expected != theirs)[0]
            if len(wrong):
                raise Divergence("an operand depends on a run-time integer", int(wrong[0]))


def solve(recordings: list[Recording], ids: Ids, extents: Ids) -> Choices:
    """The choices that explain how recordings with the integers `ids` (trace, slot) differ.

    `extents` says for each slot how long its tables are known to be.
    """
    first = recordings[0]
    for other in recordings[1:]:
        check_same_operations(first, other)
    tables: dict[tuple[int, int, int], int] = {}
    solved = []
    for lists in zip(*map(_operands, recordings), strict=True):
        codes = np.stack(lists)
        result = codes[0].copy()
        differ = np.nonzero((codes != codes[0]).any(0))[0]
        if len(differ):
            columns, inverse = np.unique(codes[:, differ], axis=1, return_inverse=True)
            numbers = np.zeros(columns.shape[1], np.int64)
            for j in range(columns.shape[1]):
                node = int(differ[np.nonzero(inverse.ravel() == j)[0][0]])
                table = _explained(columns[:, j], ids, node)
                numbers[j] = tables.setdefault(table, len(tables))
            result[differ] = CHOICES + numbers[inverse.ravel()]
        solved.append(result)
    a, b, c, outputs, *lists_of_many = solved
    many = dict(zip(sorted(first.many), lists_of_many, strict=True))
    found = list(tables)
    choices = [
        (base + stride * np.arange(int(extents[slot])), slot) for slot, base, stride in found
    ]
    for codes, _ in choices:
        _check_table(first, codes)
    whole = replace(first, a=a, b=b, c=c, outputs=outputs, many=many, choices=choices)
    return Choices(whole, found)


def _operands(r: Recording) -> list[Codes]:
    return [r.a, r.b, r.c, r.outputs, *[r.many[i] for i in sorted(r.many)]]


def _explained(codes: Codes, ids: Ids, node: int) -> tuple[int, int, int]:
    """The one (slot, base, stride) with codes = base + stride · ids[:, slot]."""
    found = []
    for slot in range(ids.shape[1]):
        x = ids[:, slot]
        other = int(np.argmax(x != x[0]))
        step = int(x[other] - x[0])
        if not step or (codes[other] - codes[0]) % step:
            continue
        stride = int(codes[other] - codes[0]) // step
        base = int(codes[0]) - stride * int(x[0])
        if stride and (base + stride * x == codes).all():
            found.append((slot, base, stride))
    if len(found) != 1:
        reason = (
            "an operand depends on run-time integers other than by indexing rows of equal length"
        )
        raise Divergence(reason, node)
    return found[0]


def _check_table(r: Recording, codes: Codes) -> None:
    """The entries of a table must be nodes, or leaves of one sort, that there are."""
    sorts = distinct(codes >> 40)
    ends = {0: len(r), 1: PARAMETERS + len(r.parameters)}
    known = len(sorts) == 1 and codes.min() >= 0
    if not known or codes.max() >= ends.get(int(sorts[0]), 5 << 40):
        raise Divergence("a list indexed by a run-time integer is not rows of equal length", 0)


def limit(works: Callable[[int], bool], known: int, guesses: set[int]) -> int:
    """One more than the largest integer that works; `guesses` are lengths that it may be."""
    low, high = known, None
    for guess in sorted(x for x in guesses if x > known):
        if guess - 1 > low and not works(guess - 1):
            high = guess - 1
            break
        low = guess - 1
        if not works(guess):
            return guess
        low = guess
    step = 1
    while high is None:
        if low > MOST_LENGTH:
            return known + 1
        if works(low + step):
            low, step = low + step, 2 * step
        else:
            high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if works(middle) else (low, middle)
    return low + 1


def with_integers(arguments: tuple[Any, ...], ids: Ids) -> tuple[Any, ...]:
    """The arguments with other integers."""
    new = iter(ids.tolist())
    return tuple(refilled(x, lambda old, group: old if group is None else next(new))
                 for x in arguments)  # fmt: skip


def more_integers(ids: Ids, group: Ids, tried: list[Ids], extents: Ids) -> list[Ids]:
    """Integers for more traces, after those `tried`; `group` is the argument of each slot.

    Enough that no two slots have had the same integers throughout, and such that entries that no
    trace has had yet come first. `extents` is how long each slot's tables are.
    """
    done = [ids, *tried]
    random = np.random.default_rng(0)
    for _ in range(MOST_ORDERS):
        tries: list[Ids] = []
        for _ in range(2):
            tries.append(_untried_first(np.stack(done + tries), group, extents, random))
        if _told_apart(np.stack(done + tries)[:, extents > 1]):
            return tries
    while len(tries) < MOST_TRACES and not _told_apart(np.stack(done + tries)[:, extents > 1]):
        tries.append(random.integers(0, extents))
    return tries


def integers_in(arguments: tuple[Any, ...]) -> Ids:
    """The integers among the arguments."""
    found: list[int] = []

    def note(number: Any, group: Any) -> Any:
        if group is not None:
            found.append(number)
        return number

    for x in arguments:
        refilled(x, note)
    return np.array(found, np.int64)


def with_untried(ids: Ids, groups: list[Any], tried: dict[Any, set[int]], extents: Ids) -> Ids:
    """The integers, with others in place of those tried: such as their tables have, and untried."""
    new = ids.copy()
    slots: dict[Any, list[int]] = {}
    for slot, group in enumerate(groups):
        slots.setdefault(group, []).append(slot)
    for group, own in slots.items():
        most = int(extents[own].min())
        known = tried.get(group, set())
        if most > MOST_COVERED or len(known) >= most:
            continue
        here = set(ids[own].tolist())
        free = iter([x for x in range(most) if x not in known and x not in here])
        for slot in own:
            if int(ids[slot]) in known:
                new[slot] = next(free, new[slot])
    return new


def _untried_first(done: Ids, group: Ids, extents: Ids, random: np.random.Generator) -> Ids:
    """Integers for one trace: of each argument those that it has not had, then others, mixed."""
    new = np.zeros(len(group), np.int64)
    for argument in distinct(group).tolist():
        own = np.nonzero(group == argument)[0]
        most = int(extents[own].max())
        if most > MOST_COVERED:
            new[own] = random.integers(0, extents[own])
            continue
        had = done[:, own]
        fresh = np.ones(most, bool)
        fresh[had[(had >= 0) & (had < most)]] = False
        first = random.permutation(np.flatnonzero(fresh))[: len(own)]
        others = random.integers(0, most, len(own) - len(first))
        new[own] = random.permutation(np.concatenate([first, others])) % extents[own]
    return new


def _told_apart(columns: Ids) -> bool:
    """Whether every slot took on two values at least, and no slot is affine in another."""
    if not columns.shape[1]:
        return True
    centred = columns - columns[0]
    if not centred.any(0).all():
        return False
    for i in range(columns.shape[1]):
        x = centred[:, i]
        k = int(np.argmax(x != 0))
        if ((centred * x[k] == np.outer(x, centred[k])).all(0)).sum() > 1:
            return False
    return True
