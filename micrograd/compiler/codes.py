"""Rows of the op table as numbers, and the types of the arrays that passes hand to each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd import engine
from micrograd.ops import OPS

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ROWS = list(OPS)
ROW_INDEX = {name: i for i, name in enumerate(ROWS)}
NONE = -1  # in place of a node or an address where there is none


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
