"""What belongs to a `Module`: names, order, sharing, `state_dict`; names and repr are torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from micrograd import MicrogradError, Value, nn, tensor


def network(library: Any) -> Any:
    """The same class on either library."""

    class Block(library.Module):
        def __init__(self) -> None:
            super().__init__()
            self.second = library.Linear(2, 3)
            self.first = library.Linear(3, 2, bias=False)
            self.act = library.ReLU()

    class Network(library.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer1 = library.Linear(1, 2)
            self.block = Block()
            self.row = library.Sequential(
                library.Linear(2, 2), library.LeakyReLU(0.1), library.Sequential(library.Sigmoid())
            )
            self.empty = library.Sequential()
            self.layer2 = library.Linear(2, 1)

    return Network()


def test_names_order_and_repr_are_torchs() -> None:
    mine, theirs = network(nn), network(torch.nn)
    assert repr(mine) == repr(theirs)
    assert [n for n, _ in mine.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert [n for n, _ in mine.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert [n for n, _ in mine.named_children()] == [n for n, _ in theirs.named_children()]
    assert list(mine.state_dict()) == list(theirs.state_dict())
    shapes = [tuple(p.shape) for p in theirs.parameters()]
    assert [p.shape for p in mine.parameters()] == shapes


def test_a_parameter_of_the_module_itself_comes_first() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(1, 1)
            self.scale = nn.Parameter([2.0])

        def forward(self, x: Any) -> Any:
            return self.layer(x) * self.scale

    model = Scaled()
    assert [n for n, _ in model.named_parameters()] == ["scale", "layer.weight", "layer.bias"]
    model(tensor([[1.0]])).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_what_is_shared_counts_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(2, 2)
            self.b = self.a
            self.c = nn.Linear(2, 2, bias=False)
            self.c.weight = self.a.weight

    model = Tied()
    assert [n for n, _ in model.named_parameters()] == ["a.weight", "a.bias"]
    assert [n for n, _ in model.named_modules()] == ["", "a", "c"]
    model.c(model.b(tensor([[1.0, 2.0]]))).sum().backward()
    model.zero_grad()
    assert [p.grad for p in model.parameters()] == [None, None]


def test_modules_in_lists_belong() -> None:
    class Stack(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [nn.Linear(1, 1) for _ in range(2)]
            self.pair = (nn.Tanh(), nn.Linear(1, 1, bias=False))
            self.numbers = [1, 2]

    names = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]
    assert [n for n, _ in Stack().named_parameters()] == [*names, "pair.1.weight"]


def test_an_attribute_set_again_replaces_the_old_one() -> None:
    model = nn.Sequential(nn.Linear(1, 1))
    model.extra = nn.Linear(1, 2)
    model.extra = nn.Tanh()
    assert [n for n, _ in model.named_parameters()] == ["0.weight", "0.bias"]


def test_zero_grad_and_calls() -> None:
    model = nn.MLP(2, [2, 1])
    model([1.0, 2.0]).backward()
    assert any(p._reached for p in model.parameters())
    model.zero_grad()
    assert not any(p._reached or p.grad for p in model.parameters())
    with pytest.raises(MicrogradError, match="Module does not define forward"):
        nn.Module()()


def test_sequential_refuses_what_is_no_module() -> None:
    with pytest.raises(TypeError, match="item 1 must be a Module, got function") as caught:
        nn.Sequential(nn.Tanh(), lambda x: x)
    assert isinstance(caught.value, MicrogradError)


# ---- the tree of modules -------------------------------------------------------------------------


def shared(library: Any) -> Any:
    """A module under two names, weights under two names, a Sequential with one module twice."""

    class Tied(library.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = library.Linear(2, 2)
            self.b = self.a
            self.c = library.Linear(2, 2, bias=False)
            self.c.weight = self.a.weight
            act = library.Tanh()
            self.row = library.Sequential(act, library.Linear(2, 2), act)

    return Tied()


@pytest.mark.parametrize("make", [network, shared])
def test_the_tree_is_torchs(make: Any) -> None:
    mine, theirs = make(nn), make(torch.nn)
    for method in ("named_children", "named_modules", "named_parameters"):
        names = [name for name, _ in getattr(mine, method)()]
        assert names == [name for name, _ in getattr(theirs, method)()]
    for method in ("children", "modules"):
        kinds = [type(module).__name__ for module in getattr(mine, method)()]
        assert kinds == [type(module).__name__ for module in getattr(theirs, method)()]
    assert list(mine.state_dict()) == list(theirs.state_dict())
    assert repr(mine) == repr(theirs)
    assert len(mine.row) == len(theirs.row)
    assert [type(m).__name__ for m in mine.row] == [type(m).__name__ for m in theirs.row]
    assert repr(mine.row[1:]) == repr(theirs.row[1:])
    assert mine.row[-1] is mine.row[2]
    visited: list[list[str]] = [[], []]
    assert mine.apply(lambda m: visited[0].append(type(m).__name__)) is mine
    theirs.apply(lambda m: visited[1].append(type(m).__name__))
    assert visited[0] == visited[1]


def test_a_module_that_is_there_twice_runs_twice() -> None:
    act = nn.LeakyReLU(0.5)
    assert nn.Sequential(act, act)(tensor([-4.0])).tolist() == [-1.0]


def test_training_and_evaluation() -> None:
    for library in (nn, torch.nn):
        model = network(library)
        assert all(m.training for m in model.modules())
        assert model.eval() is model
        assert not any(m.training for m in model.modules())
        assert model.block.train() is model.block
        assert [name for name, m in model.named_modules() if m.training] == [
            "block", "block.second", "block.first", "block.act",
        ]  # fmt: skip
        assert model.train(False).train() is model
        assert all(m.training for m in model.modules())
    for wrong in (1, None, "yes"):
        with pytest.raises(TypeError, match="mode must be True or False, got") as caught:
            network(nn).train(wrong)
        assert isinstance(caught.value, MicrogradError)


def test_a_module_can_refuse_to_train() -> None:
    class Frozen(nn.Linear):
        def train(self, mode: bool = True) -> Any:
            return super().train(False)

    model = nn.Sequential(Frozen(1, 1), nn.Tanh()).train()
    assert [m.training for m in model] == [False, True]


def test_repr_shows_settings_and_modules_as_torch_does() -> None:
    def make(library: Any, text: str, module: bool) -> Any:
        class Custom(library.Module):
            def __init__(self) -> None:
                super().__init__()
                if module:
                    self.act = library.Sequential(library.Tanh())

            def extra_repr(self) -> str:
                return text

        return Custom()

    for text in ("", "one=1", "one=1\ntwo=2"):
        for module in (False, True):
            assert repr(make(nn, text, module)) == repr(make(torch.nn, text, module))


def test_forgetting_to_call_the_base_works() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(1, 1)
            self.act = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.act(self.layer(x))

    model = Forgetful()
    assert model.training
    assert not model.eval().layer.training
    assert [n for n, _ in model.named_modules()] == ["", "layer", "act"]
    assert "(layer): Linear" in repr(model.apply(lambda m: None))
    model.load_state_dict(model.state_dict())
    assert model([[1.0]]).shape == (1, 1)


# ---- state_dict ----------------------------------------------------------------------------------


def test_a_state_round_trips_and_is_a_copy() -> None:
    for make in (lambda: network(nn), lambda: nn.MLP(2, [3, 1])):
        model, other = make(), make()
        state = model.state_dict()
        leaves = [id(p) for p in other.parameters()]
        other.load_state_dict(state)
        for array in state.values():
            array += 1.0
        pairs = zip(model.state_dict().values(), other.state_dict().values(), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)
        assert [id(p) for p in other.parameters()] == leaves


def test_a_state_of_torch_or_of_lists_loads() -> None:
    mine, theirs = network(nn), network(torch.nn).double()
    mine.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    assert mine.block.first.weight.tolist() == theirs.block.first.weight.tolist()
    mine.load_state_dict({k: v.tolist() for k, v in theirs.state_dict().items()})
    assert mine.layer2.bias.tolist() == theirs.layer2.bias.tolist()


def test_a_state_of_torch_with_shared_weights_loads() -> None:
    mine, theirs = shared(nn), shared(torch.nn).double()
    mine.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    assert mine.c.weight.tolist() == theirs.c.weight.tolist()
    state = {k: torch.tensor(v.numpy()) for k, v in mine.state_dict().items()}
    assert str(theirs.load_state_dict(state)) == "<All keys matched successfully>"


def test_a_state_of_a_module_that_knows_its_parent() -> None:
    model = nn.Sequential(nn.Linear(1, 1))
    model[0].parent = model
    assert list(model.state_dict()) == ["0.weight", "0.bias"]
    model.load_state_dict(model.state_dict())


def test_a_state_that_is_not_strict() -> None:
    model = nn.Linear(2, 1)
    before = model.bias.tolist()
    model.load_state_dict({"weight": [[1.0, 2.0]], "other": "x"}, strict=False)
    assert model.weight.tolist() == [[1.0, 2.0]]
    assert model.bias.tolist() == before
    with pytest.raises(MicrogradError, match=r"weight must have the shape \(1, 2\), got \(2,\)"):
        model.load_state_dict({"bias": [5.0], "weight": [3.0, 4.0]}, strict=False)
    assert model.bias.tolist() == before


def test_an_error_about_many_names_is_short() -> None:
    state = dict.fromkeys(range(100_000), 1.0)
    with pytest.raises(MicrogradError, match=r"unknown: 0, 1, .* and 99980 more$") as caught:
        nn.Linear(1, 1).load_state_dict(state)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("state", "error", "text"),
    [
        ({"weight": [[1.0, 2.0]]}, ValueError, "missing: bias; unknown: none"),
        ({}, ValueError, "the model has weight, bias; missing: bias, weight"),
        ({"weight": [[1.0, 2.0]], "bias": [3.0], "b": 1}, ValueError, "unknown: b"),
        ({"weight": [[1.0, 2.0]], "bias": [3.0, 4.0]}, ValueError, r"bias .* \(1,\), got \(2,\)"),
        ({"weight": [1.0, 2.0], "bias": [3.0]}, ValueError, r"weight .* \(1, 2\), got \(2,\)"),
        ({"weight": [[1.0, 2.0]], "bias": ["x"]}, ValueError, "bias: data must hold numbers"),
        ({"weight": [[1.0], [2.0, 3.0]], "bias": [3.0]}, ValueError, "weight: data must be a rect"),
        ([1.0, 2.0], TypeError, "state must be a mapping, got list"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(
    state: Any, error: type[Exception], text: str
) -> None:
    model = nn.Linear(2, 1)
    before = {name: array.tolist() for name, array in model.state_dict().items()}
    with pytest.raises(error, match=text) as caught:
        model.load_state_dict(state)
    assert isinstance(caught.value, MicrogradError)
    assert {name: array.tolist() for name, array in model.state_dict().items()} == before


def test_single_values_are_parameters_by_name() -> None:
    neuron = nn.Neuron(2)
    assert [n for n, _ in neuron.named_parameters()] == ["w.0", "w.1", "b"]
    neuron.load_state_dict({"w.0": 1, "w.1": np.float32(2), "b": 3.0})
    assert [(type(p.data), p.data) for p in neuron.parameters()] == [
        (float, 1.0), (float, 2.0), (float, 3.0),
    ]  # fmt: skip
    assert isinstance(neuron([Value(1.0), 1.0]), Value)


def test_a_parameter_of_a_list_can_be_another() -> None:
    held = nn.ParameterList([tensor([1.0]), tensor([2.0])])
    held[0], held[-1] = tensor([5.0]), nn.Parameter(tensor([6.0]))
    assert [p.item() for p in held] == [5.0, 6.0]
    assert [name for name, _ in held.named_parameters()] == ["0", "1"]
    assert all(isinstance(p, nn.Parameter) for p in held)
    with pytest.raises(IndexError):
        held[2] = tensor([7.0])
