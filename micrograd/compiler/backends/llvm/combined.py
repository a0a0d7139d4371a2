"""Instructions that often follow each other are one: an interpreter jumps less.

>>> found = combined(np.array([0, 1, 2, 3, 0, 1, 2, 4]), np.zeros(8, bool), least=2)
>>> [found.meaning[k] for k in found.codes.tolist()]
[(0, 1, 2), (3,), (0, 1, 2), (4,)]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from micrograd.compiler.codes import Ids, Mask

OFTEN = 64  # times that two have to follow each other,
SHARE = 100  # and in so many instructions once: others take longer to compile than they save
LONGEST = 12  # of which one is made
ROUNDS = 8
PAIRS = 24  # that become one in a round


class Combined(NamedTuple):
    """Instructions in place of others: where each begins among them, and its code.

    `meaning` has for each code the codes of those that it is made of.
    """

    begin: Ids
    codes: Ids
    meaning: list[tuple[int, ...]]


def combined(codes: Ids, apart: Mask, least: int = 0) -> Combined:
    """Join what follows each other at least so often; nothing that is `apart` from what is before.

    Pairs become one, those that are there most often first, and again pairs of these.
    """
    if not len(codes):
        return Combined(codes, codes, [])
    least = least or max(OFTEN, len(codes) // SHARE)
    meaning: list[tuple[int, ...]] = [(k,) for k in range(int(codes.max(initial=-1)) + 1)]
    begin = np.arange(len(codes))
    for _ in range(ROUNDS):
        joined = _joined(codes, apart, meaning, least)
        if joined is None:
            break
        codes, second = joined
        begin, codes, apart = begin[~second], codes[~second], apart[~second]
    return _without_rare(Combined(begin, codes, meaning), least)


def _joined(
    codes: Ids, apart: Mask, meaning: list[tuple[int, ...]], least: int
) -> tuple[Ids, Mask] | None:
    """The codes with new ones for pairs, and what is then the second of one; None if none is."""
    length, size = np.array([len(m) for m in meaning]), len(meaning)
    pairs = codes[:-1] * size + codes[1:]
    pairs[apart[1:] | (length[codes[:-1]] + length[codes[1:]] > LONGEST)] = -1
    times = np.bincount(pairs[pairs >= 0])
    found = np.flatnonzero(times)
    times = times[found]
    order = np.argsort(-times, kind="stable")[:PAIRS]
    codes, second = codes.copy(), np.zeros(len(codes), bool)
    used: set[int] = set()
    for pair in found[order[times[order] >= least]].tolist():
        a, b = divmod(pair, size)
        if a in used or b in used:
            continue
        used |= {a, b}
        at = np.flatnonzero(pairs == pair)
        if a == b:
            at = _every_other(at)
        codes[at], second[at + 1] = len(meaning), True
        meaning.append(meaning[a] + meaning[b])
    return (codes, second) if used else None


def _every_other(at: Ids) -> Ids:
    """Of places that follow each other, the first, the third and so on."""
    new = np.concatenate([[True], np.diff(at) != 1])
    first: Ids = np.maximum.accumulate(np.where(new, np.arange(len(at)), 0))
    chosen: Ids = at[(np.arange(len(at)) - first) % 2 == 0]
    return chosen


def _without_rare(found: Combined, least: int) -> Combined:
    """With those that are there seldom, in the end, apart again."""
    begin, codes, meaning = found
    length = np.array([len(m) for m in meaning], np.int64)
    rare = (np.bincount(codes, minlength=len(meaning)) < least // 2) & (length > 1)
    count = np.where(rare[codes], length[codes], 1)
    first = np.repeat(np.cumsum(count) - count, count)
    within = np.arange(len(first)) - first
    owner = np.repeat(codes, count)
    widest = max(map(len, meaning), default=1)
    parts = np.array([[*m, *[0] * (widest - len(m))] for m in meaning], np.int64)
    codes = np.where(np.repeat(count, count) > 1, parts[owner, within], owner)
    return Combined(np.repeat(begin, count) + within, codes, meaning)
