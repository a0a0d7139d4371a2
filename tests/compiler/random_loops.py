"""Loops at random, as programs of parameters and a list of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from micrograd import Value
from micrograd.compiler.sequential.repeats import LEAST

ROWS = ("tanh", "sin", "exp_down", "relu", "sigmoid", "square")


def applied(row: str, x: Any) -> Any:
    match row:
        case "exp_down":
            return (-(x * x)).exp()
        case "square":
            return 0.1 * x**2
        case _:
            return getattr(x, row)()


@st.composite
def loops(draw: Any) -> tuple[int, list[tuple[Any, ...]], int, int, int]:
    """A length, a body, turns that differ at the ends, and how sums grow."""
    states = draw(st.integers(1, 3))
    body = []
    for _ in range(draw(st.integers(1, 4))):
        row = draw(st.sampled_from(ROWS))
        picks = st.tuples(st.sampled_from("shpxck"), st.integers(0, 4))
        body.append((draw(st.integers(0, states - 1)), row, draw(picks), draw(picks)))
    turns = draw(st.one_of(st.integers(0, 3), st.integers(LEAST - 2, LEAST + 6)))
    return turns, body, draw(st.integers(0, 2)), draw(st.integers(0, 2)), draw(st.integers(0, 2))


def loss_of(loop: Any, ps: list[Value]) -> Callable[..., Any]:
    """What a loop computes of three parameters, and of at least `turns + 9` numbers."""
    turns, body, first, last, grow = loop
    table = [(7 * k) % 5 for k in range(turns + 9)]

    def loss(xs: Any) -> Any:
        history: list[Any] = [[p * 1.0 for p in ps]]
        kept: list[Any] = []
        for t in range(turns):
            s = list(history[-1])
            for at, row, *picks in body:
                read = []
                for sort, k in picks:
                    match sort:
                        case "s":
                            read.append(s[k % 3])
                        case "h":  # what was made some turns ago
                            read.append(history[max(0, len(history) - 1 - k)][k % 3])
                        case "p":
                            read.append(ps[table[t] % 3 if k > 2 else k])
                        case "x":
                            read.append(xs[t if k < 3 else table[t]])
                        case "c":
                            read.append(0.25 * k)
                        case _:
                            read.append(0.01 * t + k)
                s[at] = applied(row, read[0] * ps[0] + read[1] * s[at] + 0.1)
            if t < first or t >= turns - last:
                s[0] = s[0] * 0.5
            if grow:
                kept.append(s[0] * ps[1])
                s[1] = s[1] + 0.1 * (sum(a * b for a, b in zip(kept, history, strict=False)
                                         for b in b[:grow]))  # fmt: skip
            history.append(s)
        return sum(x * (0.3 if i else 1.0) for s in history for i, x in enumerate(s))

    return loss
