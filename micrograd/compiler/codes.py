"""Rows of the op table as numbers; arrays of numbers, which of them are equal, and keys of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd import engine
from micrograd.ops import OPS

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Hashes = NDArray[np.uint64]

ROWS = list(OPS)
ROW_INDEX = {name: i for i, name in enumerate(ROWS)}
NONE = -1  # in place of a node or an address where there is none

ODD = np.cumprod(np.full(8, 0x9E3779B97F4A7C15, np.uint64))
GOLDEN, LAST_SHIFT = ODD[0], np.uint64(31)
MIXING = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
          (np.uint64(27), np.uint64(0x94D049BB133111EB)))  # fmt: skip
BLOCK = 1 << 14  # numbers that stay in the cache while they are mixed


def marked(size: int, *places: Any) -> Mask:
    """Which of so many are at these places."""
    found = np.zeros(size, bool)
    for at in places:
        found[at] = True
    return found


def distinct(numbers: NDArray[Any]) -> NDArray[Any]:
    """The different numbers of an array, ascending; all nans are one.

    >>> distinct(np.array([2, 1, 2]))
    array([1, 2])
    """
    ordered = np.sort(numbers, axis=None)
    new = np.ones(len(ordered), bool)
    new[1:] = (ordered[1:] != ordered[:-1]) & (ordered[:-1] == ordered[:-1])
    return ordered[new]


def occurrences(keys: NDArray[Any]) -> tuple[Ids, Ids]:
    """Of keys of eight bytes the number of each among the different ones, in order of the first.

    And where the same one was last, or NONE.

    >>> occurrences(np.array([7, 5, 7]))
    (array([0, 1, 0]), array([-1, -1,  0]))
    """
    number, before = engine.occurrences(np.ascontiguousarray(keys))
    return np.frombuffer(number, np.int64), np.frombuffer(before, np.int64)


def among(numbers: Ids, known: Ids) -> Mask:
    """Which of some integers are among others; `np.isin` loads a large module for it.

    >>> among(np.array([2, 7, -1]), np.array([1, 2]))
    array([ True, False, False])
    """
    if not len(known):
        return np.zeros(len(numbers), bool)
    least, most = known.min(), known.max()
    if most - least > 8 * (len(numbers) + len(known)):
        ordered = np.sort(known)
        return np.asarray(ordered[np.searchsorted(ordered[:-1], numbers)] == numbers)
    table = np.zeros(most - least + 2, bool)  # the last one is for what is outside
    table[known - least] = True
    inside = (numbers >= least) & (numbers <= most)
    return table[np.where(inside, numbers - least, -1)]


def bits(x: NDArray[Any]) -> Hashes:
    """The bits of numbers; of integers and flags, those of integers of eight bytes."""
    whole = x if x.dtype in (np.float64, np.uint64) else x.astype(np.int64)
    return np.ascontiguousarray(whole).view(np.uint64)


def hashed(*columns: NDArray[Any]) -> Hashes:
    """A number for each row of columns."""
    rows = bits(columns[0]) * ODD[0]
    for x, odd in zip(columns[1:], ODD[1:], strict=False):
        rows += bits(x) * odd
    return mixed(rows)


def mixed(numbers: NDArray[Any]) -> Hashes:
    """Splitmix64's mixing (Steele, Lea and Flood, 2014): sums of hashes are keys of sets."""
    whole = numbers if numbers.dtype == np.uint64 else numbers.astype(np.int64).view(np.uint64)
    made: Hashes = whole + GOLDEN
    flat = made.ravel("K")  # in the order in which it lies: no copy
    for start in range(0, len(flat), BLOCK):
        x = flat[start : start + BLOCK]
        for shift, factor in MIXING:
            x ^= x >> shift
            x *= factor
        x ^= x >> LAST_SHIFT
    return made
