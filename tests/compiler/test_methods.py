"""Compiled functions under what makes other attributes of classes of them."""

from __future__ import annotations

import functools
import pickle
import sys
from typing import Any

import pytest

import micrograd
from micrograd import Value, optim
from micrograd.errors import ArgumentTypeError

W = Value(0.5)


class Model:
    scale = 3.0

    @classmethod
    @micrograd.compile
    def of_class(cls, x: float) -> Any:
        return W * x * cls.scale

    @micrograd.compile
    @classmethod
    def around_class(cls, x: float) -> Any:
        return W * x + cls.scale

    @staticmethod
    @micrograd.compile
    def alone(x: float) -> Any:
        return W * x

    @micrograd.compile
    def method(self, x: float, k: float = 2.0) -> Any:
        return W * x * k

    five_times = functools.partialmethod(method, k=5.0)

    @property
    @micrograd.compile
    def here(self) -> Any:
        return W * self.scale

    @functools.cached_property
    @micrograd.compile
    def once(self) -> Any:
        return W * self.scale


class Scaled(Model):
    scale = 7.0

    def method(self, x: float, k: float = 2.0) -> Any:  # type: ignore[override]
        return 1.0 + super().method(x, k)


def test_what_makes_attributes_of_classes_may_stand_above() -> None:
    model, scaled = Model(), Scaled()
    for _ in range(2):
        assert [x.of_class(2.0) for x in (Model, model, Scaled, scaled)] == [3.0, 3.0, 7.0, 7.0]
        assert [x.around_class(2.0) for x in (Model, model, Scaled, scaled)] == [4.0, 4.0, 8.0, 8.0]
        assert [x.alone(2.0) for x in (Model, model)] == [1.0, 1.0]
        assert [model.five_times(2.0), Model.method(model, 2.0), model.here] == [5.0, 2.0, 1.5]
        assert [model.once, scaled.once, scaled.here] == [1.5, 3.5, 3.5]
        assert [scaled.method(2.0), scaled.method(2.0, k=3.0), model.method(2.0)] == [3.0, 4.0, 2.0]
    assert Model.around_class is Model.around_class
    assert Model.around_class.value_and_grad(2.0)[1].tolist() == [2.0]
    assert pickle.loads(pickle.dumps(Model.around_class)) is Model.around_class


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="classmethod leads to no method of it")
def test_below_a_classmethod() -> None:
    assert Model.of_class is Model.of_class
    assert Model.of_class.value_and_grad(2.0)[1].tolist() == [6.0]
    assert pickle.loads(pickle.dumps(Model.of_class)) is Model.of_class


def test_a_class_that_is_trained() -> None:
    class Trained:
        w = Value(1.0)

        @micrograd.compile(optimizer=optim.SGD([w], lr=0.5))
        @classmethod
        def fit(cls, x: float) -> Any:
            return (cls.w * x) ** 2

    assert [Trained.fit.step(1.0), Trained.fit.step(1.0), Trained.w.data] == [1.0, 0.0, 0.0]


def test_what_cannot_hold_a_method_says_so() -> None:
    class Slotted:
        __slots__ = ("x",)

        @micrograd.compile
        def method(self) -> Any:
            return W

    with pytest.raises(ArgumentTypeError, match="add '__dict__' to its __slots__"):
        Slotted().method()
    with pytest.raises(ArgumentTypeError, match=r"write @micrograd\.compile below"):
        micrograd.compile(property(lambda self: W))
    with pytest.raises(ArgumentTypeError, match="argument 0"):
        micrograd.compile(lambda x: W)(object())
