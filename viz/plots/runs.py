"""The runs that a plot is given: one history a name, or several from different starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.training.fit import History

Floats = NDArray[np.float64]
Histories = Mapping[str, History | Sequence[History]]
Runs = dict[str, list[History]]


def checked_runs(histories: Any) -> Runs:
    """A list of histories for each name.

    Raises an ArgumentTypeError or ArgumentValueError unless it is a mapping from names to
    histories or sequences of them, with a run at least, and a loss in each.
    """
    if not isinstance(histories, Mapping):
        raise ArgumentTypeError(
            "histories must be a dict from names to what fit() returned, "
            f"got {type(histories).__name__}"
        )
    if not histories:
        raise ArgumentValueError("histories is empty: there is no run to draw")
    return {name: _checked(name, runs) for name, runs in histories.items()}


def _checked(name: Any, runs: Any) -> list[History]:
    if not isinstance(name, str):
        raise ArgumentTypeError(f"the name of a run must be a str, got {name!r:.80}")
    members = [runs] if isinstance(runs, History) else runs
    if not isinstance(members, Sequence) or isinstance(members, str):
        raise ArgumentTypeError(
            f"histories[{name!r}] must be a History or a list of them, got {type(runs).__name__}"
        )
    if not members:
        raise ArgumentValueError(f"histories[{name!r}] is empty: there is no run to draw")
    for history in members:
        if not isinstance(history, History):
            raise ArgumentTypeError(
                f"histories[{name!r}] must be a History or a list of them, "
                f"got a {type(history).__name__}"
            )
        if not history.losses:
            raise ArgumentValueError(
                f"histories[{name!r}] has no losses: no epoch of it was finished"
            )
    return list(members)


def median_losses(runs: Sequence[History]) -> list[float]:
    """The median loss of the runs in each epoch; nan counts as the largest of all.

    A run that ended earlier than others keeps its last loss.

    >>> median_losses([History([3.0, 1.0]), History([2.0, float("nan")]), History([5.0])])
    [3.0, 5.0]
    """
    if len(runs) == 1:
        return list(runs[0].losses)
    longest = max(history.epochs for history in runs)
    table = [h.losses + h.losses[-1:] * (longest - h.epochs) for h in runs]
    return [median([row[epoch] for row in table]) for epoch in range(longest)]


def median(numbers: Sequence[float]) -> float:
    """The median, with nan as the largest of all numbers.

    >>> median([3.0, float("nan"), 1.0]), median([1.0, 2.0])
    (3.0, 1.5)
    """
    ordered = sorted(numbers, key=lambda x: float("inf") if x != x else x)
    half = len(ordered) // 2
    if len(ordered) % 2 or ordered[half - 1] == ordered[half]:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2
