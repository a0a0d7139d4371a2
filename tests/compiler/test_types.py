"""What an editor and a type checker know of compiled functions."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import micrograd

PROGRAM = """
from collections.abc import Sequence
from typing import Any

import micrograd
from micrograd import Value, nn, optim

w, b = Value(0.5), Value(0.0)
sgd = optim.SGD([w, b], lr=0.1)


@micrograd.compile
def plain(x: float) -> Value:
    return (w * x + b).relu()


@micrograd.compile(optimizer=sgd, batch=True, backend="numpy")
def both(x: Sequence[float], y: float) -> tuple[Value, dict[str, Value]]:
    out = w * x[0] + b
    return (out - y) ** 2, {"out": out}


@micrograd.compile()
def unknown(x, y=1):  # type: ignore[no-untyped-def]
    return w * x + y


class Model(nn.Module):
    def __init__(self) -> None:
        self.w = Value(1.0)

    @micrograd.compile
    def loss(self, x: float) -> Value:
        return (self.w * x - 1.0) ** 2


quick = micrograd.compile(lambda x: w * x, parameters=[w])
maybe = micrograd.compile(lambda xs: sum((w * x for x in xs), 0.0))

reveal_type(plain)
reveal_type(plain(1.0))
reveal_type(quick.step(1.0))
reveal_type(maybe(1.0))
reveal_type(plain.value_and_grad(1.0))
reveal_type(both)
reveal_type(both([[1.0]], [2.0]))
reveal_type(both.step([[1.0]], [2.0]))
reveal_type(both.value_and_grad([[1.0]], [2.0]))
reveal_type(unknown)
reveal_type(unknown.explain())
reveal_type(unknown(1.0))
reveal_type(Model().loss(2.0))
reveal_type(plain.parameters)
reveal_type(both.optimizer)


def train(f: micrograd.Compiled[float], data: Sequence[Any]) -> list[float]:
    return [f.step(x) for x in data]


train(plain, [1.0])
micrograd.compile(3)  # a number
micrograd.compile(lambda x: [w * x])  # a list
plain.steps(1.0)  # a slip
micrograd.compile(plain.fn, batches=True)  # no such argument
train(both, [])  # has aux
"""
REVEALED = [
    "Compiled[float]",
    "float",
    "Any",
    "float",
    "tuple[float, ndarray]",
    "Compiled[tuple[float, Any]]",
    "tuple[float, Any]",
    "tuple[float, Any]",
    "tuple[tuple[float, Any], ndarray]",
    "Compiled[Any]",
    "str",
    "Any",
    "float",
    "list[Value]",
    "Optimizer | None",
]
WRONG = {
    "a number": 'No overload variant of "compile"',
    "a list": 'Argument 1 to "compile" has incompatible type "Callable[[Any], list[Any]]"',
    "a slip": '"Compiled[float]" has no attribute "steps"',
    "no such argument": 'Unexpected keyword argument "batches"',
    "has aux": 'Argument 1 to "train" has incompatible type',
}


@pytest.mark.long
def test_an_editor_knows_what_compile_returns(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, encoding="utf-8")
    root = Path(micrograd.__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-pretty",
         f"--cache-dir={tmp_path / 'cache'}", str(path)],
        capture_output=True, text=True, cwd=root, check=False,
    )  # fmt: skip
    said = re.findall(r'Revealed type is "(.*)"', run.stdout)
    short = [re.sub(r"\b(?:\w+\.)+(?=\w)", "", x) for x in said]
    assert [re.sub(r"ndarray\[.*\]\]\]", "ndarray]", x) for x in short] == REVEALED, run.stdout
    lines = PROGRAM.splitlines()
    errors = {}
    for number, text in re.findall(r"program\.py:(\d+): error: (.*)", run.stdout):
        errors.setdefault(lines[int(number) - 1].partition("# ")[2], text)
    assert errors.keys() == WRONG.keys(), run.stdout
    for name, text in WRONG.items():
        assert errors[name].startswith(text)
