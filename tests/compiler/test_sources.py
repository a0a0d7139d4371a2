"""What code reads in other ways than from lists, dicts and attributes: seen at the next call."""

from __future__ import annotations

import collections
import contextlib
import functools
import io
import operator
import os
import time
import types
import weakref
from array import array
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value
from micrograd.errors import CompileError, CompileWarning

W = Value(1.5)
Made = tuple[Callable[[float], Any], Callable[[], object]]  # a function, and what changes around it


def bases() -> Made:
    class First:
        rate = 2.0

    class Second:
        rate = 3.0

    class Own(First):
        pass

    own = Own()
    return lambda x: W * x * own.rate, lambda: setattr(Own, "__bases__", (Second,))  # type: ignore[attr-defined]


def attributes_by_hand() -> Made:
    class Own:
        def __getattribute__(self, name: str) -> Any:
            held = object.__getattribute__(self, "__dict__")
            return held["_held"][0] if name == "rate" else object.__getattribute__(self, name)

    own, held = Own(), [2.0]
    object.__setattr__(own, "_held", held)
    return lambda x: W * x * own.rate, lambda: held.__setitem__(0, 3.0)


def metaclass() -> Made:
    class Meta(type):
        @property
        def rate(cls) -> Any:
            return cls.now  # type: ignore[attr-defined]

    class Own(metaclass=Meta):
        now = 2.0

    return lambda x: W * x * Own.rate, lambda: setattr(Own, "now", 3.0)


def attribute_of_a_function() -> Made:
    def helper(x: Any) -> Any:
        return x * helper.rate  # type: ignore[attr-defined]

    helper.rate = 2.0  # type: ignore[attr-defined]
    return lambda x: W * helper(x), lambda: setattr(helper, "rate", 3.0)


def order_of_a_dict() -> Made:
    rates = {"a": 1.0, "b": 2.0}
    return lambda x: W * x * next(iter(rates.values())), lambda: rates.update(a=rates.pop("a"))


def buffers() -> Made:
    one, other = array("d", [1.0, 2.0]), np.array([1.0, 2.0])
    view = memoryview(other)

    def change() -> None:
        one[0] = other[1] = 3.0

    return lambda x: W * x * one[0] * view[1], change


def context() -> Made:
    rate = ContextVar("rate", default=2.0)
    return lambda x: W * x * rate.get(), lambda: rate.set(3.0)


def cache() -> Made:
    held = [2.0]

    @functools.lru_cache
    def rate() -> float:
        return held[0]

    def change() -> None:
        held[0] = 3.0
        rate.cache_clear()

    return lambda x: W * x * rate(), change


def all_attributes() -> Made:
    own = types.SimpleNamespace(a=1.0)
    return lambda x: W * x * sum(vars(own).values()), lambda: setattr(own, "b", 2.0)


def weak_reference() -> Made:
    class Own:
        rate = 2.0

    own = Own()
    reference = weakref.ref(own)
    return lambda x: W * x * reference().rate, lambda: setattr(own, "rate", 3.0)  # type: ignore[union-attr]


def names_in_operators() -> Made:
    own = types.SimpleNamespace(rate=2.0, twice=lambda: 2.0)
    get, call = operator.attrgetter("rate"), operator.methodcaller("twice")

    def change() -> None:
        own.rate, own.twice = 3.0, lambda: 4.0

    return lambda x: W * x * get(own) * call(own), change


def keys_of_an_ordered_dict() -> Made:
    rates = collections.OrderedDict(a=1.0, b=2.0)
    return lambda x: W * x * next(iter(rates.values())), lambda: rates.move_to_end("a")


WAYS = [bases, attributes_by_hand, metaclass, attribute_of_a_function, order_of_a_dict, buffers,
        context, cache, all_attributes, weak_reference, names_in_operators,
        keys_of_an_ordered_dict]  # fmt: skip


@pytest.mark.parametrize("when", [1, 2, 3, 7])
@pytest.mark.parametrize("made", WAYS, ids=lambda f: f.__name__)
def test_a_change_is_seen_at_the_next_call(made: Callable[[], Made], when: int) -> None:
    f, change = made()
    compiled = micrograd.compile(f, backend="numpy")
    for call in range(1, 9):
        if call == when:
            change()
        assert compiled(float(call)) == f(float(call)).data


@pytest.mark.parametrize(
    "read", [Path.read_text, lambda path: np.load(path)], ids=["Path", "NumPy"]
)
def test_files_are_refused(read: Any, tmp_path: Path) -> None:
    path = tmp_path / "rate.txt"
    path.write_text("2.0")
    with pytest.raises(CompileError, match="a file is opened"):
        micrograd.compile(lambda x: W * x * float(read(path)))(1.0)
    assert path.read_text() == "2.0"


def test_a_history_that_is_an_attribute_is_refused() -> None:
    own = types.SimpleNamespace(history=[])

    def f(x: float) -> Any:
        own.history = [*own.history, x]
        return W * x

    compiled = micrograd.compile(f, backend="numpy")
    assert compiled(1.0) == 1.5
    assert own.history == [1.0]
    with pytest.raises(CompileError, match="puts into history depends on"):
        compiled(2.0)


def test_effects_of_a_first_call_are_those_of_one() -> None:
    counts, raw = np.zeros(2), bytearray(2)

    def f(x: float) -> Any:
        counts[0] += 1
        raw[1] += 1
        print("called")
        return W * x

    compiled = micrograd.compile(f, backend="numpy")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        compiled(1.0)
    assert (counts[0], raw[1], printed.getvalue()) == (1.0, 1, "called\n")
    with pytest.warns(CompileWarning, match="changes .*counts.*, standard output"):
        compiled(2.0)
    assert (counts[0], raw[1]) == (2.0, 2)


def test_a_count_that_is_there_since_the_first_call() -> None:
    def f(x: float) -> Any:
        f.calls = getattr(f, "calls", 0) + 1  # type: ignore[attr-defined]
        return W * x

    compiled = micrograd.compile(f, backend="numpy")
    compiled(1.0)
    assert f.calls == 1  # type: ignore[attr-defined]
    with pytest.warns(CompileWarning, match=r"changes f\.calls"):
        compiled(2.0)
    assert [f.calls, compiled(3.0), f.calls] == [2, 4.5, 2]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "ask",
    [
        lambda path: float(os.path.exists(path)),
        lambda path: float(path.exists()),
        lambda path: float(time.localtime().tm_year),
        lambda path: float(np.loadtxt(path)),
        lambda path: float(len(os.listdir(path.parent))),
    ],
)
def test_questions_about_what_is_outside_are_refused(ask: Any, tmp_path: Path) -> None:
    path = tmp_path / "rate.txt"
    path.write_text("2.0")
    with pytest.raises(CompileError, match=r"asks for files or the time|a file is opened"):
        micrograd.compile(lambda x: W * x * ask(path))(1.0)
    assert ask(path) > 0
