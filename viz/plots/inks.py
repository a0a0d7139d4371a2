"""How a run is drawn: one colour, line and marker a method, the same in every plot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

LineStyle = str | tuple[int, tuple[float, ...]]


class Ink(NamedTuple):
    """How one run is drawn wherever it appears."""

    color: str
    line: LineStyle
    marker: str


# Each has a contrast of 3 with white and more, and any two differ for colour-blind readers as much
# as those of Okabe and Ito do, from whom the first four and the black are. The first seven are the
# methods'; then come two for runs of no known method.
COLORS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#332288", "#882255", "#000000",
    "#33475B", "#8A5A00",
)  # fmt: skip
LINES: tuple[LineStyle, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.5, 1)),
    (0, (6, 1.5, 1.5, 1.5)),
    (0, (9, 2)),
)
MARKERS = "os^Dv<>P"

# A method is known by a word in a run's name; of several the first here. Plain descent is the same
# method whether it is called by its rule or by its batches.
METHODS = (
    (("momentum", "动量"), 1),
    (("adagrad",), 2),
    (("rmsprop",), 3),
    (("adam",), 4),
    (("stochastic", "随机"), 5),
    (("mini-batch", "minibatch", "小批量", "sgd"), 0),
    (("batch", "批量"), 6),
)
FIRST_OTHER = 7


def ink(i: int) -> Ink:
    """The ink number `i`: the colours come again with other lines and markers.

    >>> ink(0) == ink(9), ink(0).color == ink(9).color
    (False, True)
    """
    return Ink(COLORS[i % len(COLORS)], LINES[i % len(LINES)], MARKERS[i % len(MARKERS)])


def method_ink(name: str) -> int | None:
    """The number of the ink of the method that a run's name has in it, or None.

    >>> method_ink("SGD, momentum 0.9"), method_ink("mini-batch (32)"), method_ink("training")
    (1, 0, None)
    """
    text = name.casefold()
    for words, number in METHODS:
        if any(word in text for word in words):
            return number
    return None


def inks(names: Iterable[str]) -> dict[str, Ink]:
    """An ink for each name: its method's, if the name has one; no two of them look the same.

    >>> both = inks(["Adam", "my run"])
    >>> both["Adam"] == inks(["SGD", "Adam, lr 0.3"])["Adam, lr 0.3"]
    True
    """
    numbers: dict[str, int] = {}
    others = []
    for name in names:
        number = method_ink(name)
        if number is None or number in numbers.values():
            others.append(name)
        else:
            numbers[name] = number
    number = FIRST_OTHER
    for name in others:
        while number in numbers.values():
            number += 1
        numbers[name] = number
    return {name: ink(number) for name, number in numbers.items()}
