"""`f.source` says at which line which kernel of `f.explain()` begins."""

from __future__ import annotations

import re

import numpy as np
import pytest

import micrograd
from micrograd import nn, optim

X, Y = np.random.default_rng(5).random((20, 3)), np.linspace(0.0, 1.0, 20)
EXPLAINED = re.compile(r"^ +(\d+)(?:–(\d+))?  (\S.*?)(?:   .*)?$", re.M)
MARKED = re.compile(r"^ *[#;] (\d+)  (.*)$", re.M)


def explained(text: str) -> dict[int, str]:
    """What the lines below "what runs" say of each kernel."""
    lines = EXPLAINED.finditer(text.split("what runs:\n")[1])
    return {
        number: words.rstrip()
        for first, last, words in (line.groups() for line in lines)
        for number in range(int(first), int(last or first) + 1)
    }


@pytest.mark.parametrize("stepped", [True, False])
@pytest.mark.parametrize("size", [4, 40])  # the larger runs in blocks
def test_each_kernel_is_marked_once_in_order(size: int, stepped: bool, backend: str) -> None:
    model = nn.Sequential(nn.Linear(3, size), nn.ReLU(), nn.Linear(size, 1))
    adam = optim.Adam(model.parameters(), lr=0.01)

    def loss(x, y):
        return sum((model(a)[0] - b) ** 2 for a, b in zip(x, y, strict=True)) / len(x)

    f = micrograd.compile(loss, optimizer=adam, backend=backend)
    f.step(X, Y) if stepped else f(X, Y)
    marks = [(int(number), words) for number, words in MARKED.findall(f.source)]
    assert [number for number, _ in marks] == [*range(1, f.report().kernels + 1)]
    said = explained(f.explain())
    assert said
    assert {number: words for number, words in marks if number in said} == said
    assert ("update" in f.explain()) == stepped


def test_a_mark_stands_before_what_its_kernel_does() -> None:
    w, v = micrograd.Value(2.0), [micrograd.Value(0.1 * k) for k in range(9)]

    def loss(x):
        return sum((a * b).exp() for a, b in zip(v, x, strict=True)) * w

    f = micrograd.compile(loss, backend="numpy")
    f(X.ravel()[:9])
    code = re.split(r"^ *# \d+  ", f.source, flags=re.M)[1:]
    (exponential,) = [part for part in code if part.startswith("map 9: exp")]
    assert "np.exp(" in exponential
    assert all("np.exp(" not in part for part in code if part is not exponential)
