"""Paths are expressions that read the Value, and the first place counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import micrograd
from micrograd import Tensor, Value, nn
from micrograd.tape.paths import MOST_PLACES, caller, paths_of, variable_names


class Slotted:
    __slots__ = ("b", "unset", "w")

    def __init__(self):
        self.w = [Value(1.0), Value(2.0)]
        self.b = Value(0.0)


class Plain:
    """As lectures have it: plain lists of objects, no base class."""

    def __init__(self):
        self.layers = [[Slotted(), Slotted()], (Slotted(),)]


class Slot(Slotted):
    __slots__ = "c"

    def __init__(self):
        super().__init__()
        self.c = Value(3.0)


@dataclass
class Held:
    inner: dict[object, object]


def held():
    v = Value(1.0)
    return Held({"a b": [v], 3: (Value(2.0), {"x": Value(3.0)})})


MODELS = [
    Plain,
    held,
    Slot,
    lambda: nn.MLP(3, [4, 1]),
    lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)),
    lambda: Held({"array": np.array([[Value(1.0), Value(2.0)]], dtype=object)}),
    lambda: Held({"tensor": micrograd.tensor([1.0, 2.0]), "scalar": micrograd.tensor(2.0)}),
]


@pytest.mark.parametrize("make", MODELS)
def test_a_path_reads_what_it_names(make):
    model = make()
    paths = paths_of(model, "model")
    assert len(paths) >= 2
    for key, path in paths.items():
        found = eval(path, {"model": model})
        if isinstance(found, Tensor) and id(found) != key:  # an element, which reads as a Tensor
            found = found._values.item()
        assert id(found) == key


def test_karpathys_model_in_words():
    model = nn.MLP(3, [4, 1])
    paths = paths_of(model)
    assert [paths[id(p)] for p in model.parameters()[:5]] == [
        "layers[0].neurons[0].w[0]", "layers[0].neurons[0].w[1]", "layers[0].neurons[0].w[2]",
        "layers[0].neurons[0].b", "layers[0].neurons[1].w[0]",
    ]  # fmt: skip


def test_elements_of_a_parameter_and_the_parameter_itself():
    layer = nn.Linear(2, 1)
    paths = paths_of(layer)
    assert paths[id(layer.weight)] == "weight"
    assert paths[id(layer.weight._values[0, 1])] == "weight[0,1]"


def test_cycles_empty_things_and_what_holds_none():
    around: list[object] = [Value(1.0)]
    around.append(around)
    assert list(paths_of(around, "x").values()) == ["x[0]"]
    for nothing in ([], {}, (), 1.0, "text", None, np.zeros(3), int, len, pytest):
        assert paths_of(nothing, "x") == {}


def test_the_first_place_counts():
    v = Value(1.0)
    assert paths_of({"a": v, "b": [v]}, "d") == {id(v): "d['a']"}


def test_properties_are_not_run():
    class Bad:
        def __init__(self):
            self.v = Value(1.0)

        @property
        def data(self):
            raise RuntimeError("ran")

        def __getattr__(self, name):
            raise RuntimeError("ran")

    assert list(paths_of(Bad()).values()) == ["v"]


def test_the_search_ends():
    deep: list[object] = [Value(1.0)]
    for _ in range(10_000):
        deep = [deep]
    wide = [*([] for _ in range(MOST_PLACES)), Value(1.0)]
    assert paths_of(deep) == paths_of(wide) == {}


def names(frame, values):
    found = variable_names(frame, {id(v) for v in values})
    return [found.get(id(v), "") for v in values]


def test_variables_of_a_caller():
    model = Plain()
    a, b = Value(1.0), Value(2.0)
    xs = [a, Value(3.0)]
    p = model.layers[0][1].b
    out = a * b
    assert names(caller(), [a, b, xs[1], p, out, Value(9.0)]) == [
        "a", "b", "xs[1]", "layers[0][1].b", "out", "",
    ]  # fmt: skip


def test_two_models_keep_their_names():
    one, two = Plain(), Plain()
    values = [one.layers[0][0].b, two.layers[0][0].b]
    assert names(caller(), values) == ["one.layers[0][0].b", "two.layers[0][0].b"]


def test_a_variable_with_the_name_of_an_attribute_keeps_the_objects_name():
    model = Plain()
    layers = [[None, Slotted()]]
    values = [model.layers[0][1].b, layers[0][1].b]
    assert names(caller(), values) == ["model.layers[0][1].b", "layers[0][1].b"]


shadowed = Value(5.0)


def test_what_a_local_hides_is_not_called_by_its_name():
    outer = globals()["shadowed"]
    shadowed = Value(6.0)
    assert names(caller(), [shadowed, outer]) == ["shadowed", "outer"]
