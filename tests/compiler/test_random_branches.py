"""Random programs with branches, loops, jumps, lists and integers, against eager."""

from __future__ import annotations

import linecache
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import micrograd
from micrograd import Value

P = [Value(0.6), Value(-0.8), Value(0.3)]
NAMES = ["t", "u", "n"]


class Writer:
    """Writes a program: names t, u and n are set, x is a list of floats, k of integers."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)

    def number(self, depth: int = 2) -> str:
        r = self.r
        if depth == 0 or r.random() < 0.3:
            return r.choice(["t", "u", "v", "P[0]", "P[1]", "P[2]", "x[1]", "0.5", "n", "h[0]"])
        a, b = self.number(depth - 1), self.number(depth - 1)
        return r.choice([
            f"({a} + {b})", f"({a} - {b})", f"0.5 * {a} * P[0]", f"max({a}, {b})",
            f"P[k[{r.randrange(3)}]]", f"({a} if {self.test()} else {b})", f"abs({a})",
            f"x[k[{r.randrange(3)}]]",
        ])  # fmt: skip

    def test(self) -> str:
        r = self.r
        tests = ["v > 0", "v < -0.5", "x[0] > x[1]", "k[0] == 1", "k[1] in (0, 2)", "t > u"]
        simple = r.choice([*tests, "-1 < v < 1"])
        return r.choice([simple, f"not {simple}", f"{simple} and x[2] > 0", f"{simple} or v > 1"])

    def block(self, indent: int, depth: int, loop: bool) -> list[str]:
        pad = "    " * indent
        lines: list[str] = []
        for _ in range(self.r.randint(1, 3)):
            lines += self.statement(pad, indent, depth, loop)
        return lines

    def statement(self, pad: str, indent: int, depth: int, loop: bool) -> list[str]:
        r = self.r
        sort = r.random()
        if depth and sort < 0.35:
            lines = [f"{pad}if {self.test()}:", *self.block(indent + 1, depth - 1, loop)]
            if r.random() < 0.5:
                lines += [f"{pad}else:", *self.block(indent + 1, depth - 1, loop)]
            return lines
        if depth and sort < 0.5 and not loop:
            return [f"{pad}for v in x:", *self.block(indent + 1, depth - 1, True)]
        if loop and sort < 0.6:
            return [f"{pad}if {self.test()}:", f"{pad}    {r.choice(['continue', 'break'])}"]
        if sort < 0.65:
            return [f"{pad}if {self.test()}:", f"{pad}    return {self.number(1)} + 0 * P[0]"]
        if sort < 0.75:
            return [f"{pad}h[{r.randrange(2)}] = {self.number(1)}"]
        if sort < 0.85:
            return [f"{pad}n += 1"]
        name = r.choice("tu")
        return [f"{pad}{name} {r.choice(['=', '+='])} 0.5 * {self.number()}"]

    def program(self) -> str:
        body = self.block(1, 3, False)
        start = ["    t, u, n, v = P[0] * 1, 0.0, 0, x[0]", "    h = [0.0, x[2]]"]
        return "\n".join(
            ["def f(x, k):", *start, *body, "    return t * u + n * P[1] + h[0] - h[1]"]
        )


def check(seed: int) -> None:
    text, path = Writer(seed).program(), f"<random {seed}>"
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    names: dict[str, Any] = {"P": P}
    exec(compile(text, path, "exec"), names)
    fn, r = names["f"], random.Random(seed)
    f = micrograd.compile(fn, parameters=P, backend="numpy")
    for _ in range(5):
        x, k = [r.gauss(0, 1) for _ in range(3)], [r.randrange(3) for _ in range(3)]
        for p in P:
            p.zero_grad()
        loss = fn(x, k)
        if isinstance(loss, Value):
            loss.backward()
        gradient = [p.grad for p in P]
        try:
            value, mine = f.value_and_grad(x, k)
        except micrograd.CompileError as error:
            assert "cannot be compiled" in str(error)  # noqa: PT017
            return
        expected = [loss.data if isinstance(loss, Value) else loss, *gradient]
        np.testing.assert_allclose([value, *mine], expected, rtol=1e-9, atol=1e-9, err_msg=text)


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**9))
def test_random_programs(seed: int) -> None:
    check(seed)


@pytest.mark.long
@settings(max_examples=2000, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**9))
def test_many_random_programs(seed: int) -> None:
    check(seed)
