"""Run-time integers that index lists, found by tracing with several of them.

The program is traced with different integers. The operations must be the same; where the operands
differ, they must be `base + stride · integer` for one of the integers, in all traces. Such an
operand becomes a choice from a table, which the program makes at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from micrograd.compiler.codes import NONE, Ids, distinct
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
MOST_TIMES = 8  # as large is an integer that is tried next, which may count what is done


Known = Mapping[int, set[tuple[int, int]]]  # by slot, what `table_sort` tells of its tables


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


def table_sort(base: int, stride: int) -> tuple[int, int]:
    """What tables have in common in traces for arguments of several shapes.

    It is where they begin, if they are of parameters, which all traces number alike; else the sort.
    """
    return base if base >> SORT == PARAMETERS >> SORT else base >> SORT << SORT, stride


def solve(
    recordings: list[Recording], ids: Ids, extents: Ids, known: Known | None = None
) -> Choices:
    """The choices that explain how recordings with the integers `ids` (trace, slot) differ.

    `extents` says for each slot how long its tables are known to be; `known` tables are the only
    ones there may be.
    """
    first = recordings[0]
    for other in recordings[1:]:
        check_same_operations(first, other)
    lists = _operands(first)
    codes = np.stack([np.concatenate(_operands(r)) for r in recordings])
    differ = np.flatnonzero((codes != codes[0]).any(0))
    ends = np.cumsum([len(x) for x in lists])
    tables, number = _explained(codes[:, differ], ids, known, lambda k: _node(differ[k], ends))
    result = codes[0].copy()
    result[differ] = CHOICES + number
    a, b, c, outputs, *lists_of_many = np.split(result, ends[:-1])
    many = dict(zip(sorted(first.many), lists_of_many, strict=True))
    places = np.arange(int(extents.max(initial=0)))
    choices = []
    for slot, base, stride in tables:
        most = int(extents[slot])
        _check_table(first, base, base + stride * (most - 1))
        choices.append((base + stride * places[:most], slot))
    whole = replace(first, a=a, b=b, c=c, outputs=outputs, many=many, choices=choices)
    return Choices(whole, tables)


def _operands(r: Recording) -> list[Codes]:
    return [r.a, r.b, r.c, r.outputs, *[r.many[i] for i in sorted(r.many)]]


def _node(place: int, ends: Ids) -> int:
    """The place of an operand in its list, of all lists one after the other."""
    k = int(np.searchsorted(ends, place, "right"))
    return int(place - (ends[k - 1] if k else 0))


def _explained(
    codes: Codes, ids: Ids, known: Known | None, node: Callable[[int], int]
) -> tuple[list[tuple[int, int, int]], Ids]:
    """The (slot, base, stride) with codes = base + stride · ids[:, slot], and the one of each.

    `codes` are those of an operand in all traces, operand by operand.
    """
    table = np.zeros((3, codes.shape[1]), np.int64)
    found = np.zeros(codes.shape[1], np.int64)
    for slot, x in enumerate(ids.T):
        other = int(np.argmax(x != x[0]))
        step = int(x[other] - x[0])
        if not step:
            continue
        stride, rest = np.divmod(codes[other] - codes[0], step)
        base = codes[0] - stride * x[0]
        fits = (rest == 0) & (stride != 0) & (base + np.outer(x, stride) == codes).all(0)
        if known is not None:
            own = known.get(slot, set())
            for k in np.flatnonzero(fits).tolist():
                fits[k] = table_sort(int(base[k]), int(stride[k])) in own
        table[:, fits] = np.stack([np.full(len(base), slot), base, stride])[:, fits]
        found += fits
    if (found != 1).any():
        reason = (
            "an operand depends on run-time integers other than by indexing rows of equal length"
        )
        raise Divergence(reason, node(int(np.argmax(found != 1))))
    number: dict[tuple[int, int, int], int] = {}
    numbers = [number.setdefault(t, len(number)) for t in zip(*table.tolist(), strict=True)]
    return list(number), np.array(numbers, np.int64)


def _check_table(r: Recording, one: int, other: int) -> None:
    """All from one end of a table to the other must be nodes, or leaves of one sort, there are."""
    low, high = sorted((one, other))
    sort = high >> SORT
    ends = {0: len(r), 1: PARAMETERS + len(r.parameters)}
    if low < 0 or low >> SORT != sort or high >= ends.get(sort, 5 << SORT):
        raise Divergence("a list indexed by a run-time integer is not rows of equal length", 0)


def limit(
    works: Callable[[int], bool], known: int, guesses: set[int],
    slower: Callable[[], bool] = lambda: False,
) -> int:  # fmt: skip
    """One more than the largest integer that works; `guesses` are lengths that it may be.

    Where it takes longer with larger integers (`slower`), they grow by one only.
    """
    low, high = known, None
    for guess in sorted(x for x in guesses if x > known):
        while high is None and guess - 1 > MOST_TIMES * (low + 1):
            more = low + 1 if slower() else MOST_TIMES * (low + 1)
            low, high = (more, None) if works(more) else (low, more)
        if high is not None:
            break
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
            low, step = low + step, 1 if slower() else 2 * step
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


def one_more(ids: Ids, groups: list[Any], tried: dict[Any, set[int]], extents: Ids) -> Ids | None:
    """Integers for a trace that tells all slots apart, untried ones first; None if there are none.

    No two slots are as far from what they were: enough where tables are known.
    """
    new, steps = ids.copy(), {0}
    here: dict[Any, set[int]] = {}
    for slot, (group, most) in enumerate(zip(groups, extents.tolist(), strict=True)):
        if most == 1:
            continue
        if most > MOST_COVERED:
            return None
        had = here.setdefault(group, set(tried.get(group, ())))
        order = sorted(range(most), key=had.__contains__)
        fits = (x for x in order if x - int(ids[slot]) not in steps)
        new[slot] = chosen = next(fits, NONE)
        if chosen == NONE:
            return None
        had.add(chosen)
        steps.add(chosen - int(ids[slot]))
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
