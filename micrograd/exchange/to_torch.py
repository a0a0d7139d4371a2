"""`to_torch`: a model of ours as a module of torch's, with the same weights."""

from __future__ import annotations

import types
from typing import Any

import micrograd
from micrograd import nn, optim
from micrograd.errors import ArgumentTypeError
from micrograd.exchange import agreement
from micrograd.exchange.modules import contains, counterpart, load_torch, rebuilt, standard
from micrograd.nn import functional
from micrograd.nn.module import Buffer, Module
from micrograd.nn.parameter import Parameter
from micrograd.tensors.tensor import Tensor

_HOME = "micrograd.nn"


def to_torch(model: Module, example: Any = None) -> Any:
    """A torch.nn.Module in float64 that computes what a model here does, with the same weights.

    Layers, activations and containers become those of `torch.nn`. A class that somebody wrote
    becomes one of torch's with the same methods, in which `micrograd` means torch. Outputs and
    every gradient are compared as `from_torch` does. Raises an ArgumentTypeError that names all
    modules which torch does not have, an ArgumentValueError if the two disagree.

    >>> from micrograd import nn
    >>> to_torch(nn.Sequential(nn.Linear(2, 1), nn.ReLU()))
    Sequential(
      (0): Linear(in_features=2, out_features=1, bias=True)
      (1): ReLU()
    )
    """
    torch = load_torch()
    if not isinstance(model, Module):
        raise ArgumentTypeError(f"model must be a Module, got {type(model).__name__}")
    wrong: list[str] = []
    made = _converted(model, torch, wrong, {})
    if wrong:
        raise ArgumentTypeError("torch does not have " + ", ".join(dict.fromkeys(wrong)))
    made = made.double()
    state = {name: torch.tensor(x.numpy()) for name, x in model.state_dict().items()}
    made.load_state_dict(state)
    ours = dict(model.named_parameters())
    for name, p in made.named_parameters():
        p.requires_grad_(ours[name].requires_grad)  # type: ignore[union-attr]
    agreement.check(model, made, example, torch)
    return made.train(model.training)


def _converted(model: Any, torch: Any, wrong: list[str], known: dict[int, Any]) -> Any:
    """The counterpart of a module; of one that is there twice, the same."""
    if id(model) not in known:
        known[id(model)] = _made(model, torch, wrong, known)
    return known[id(model)]


def _made(model: Any, torch: Any, wrong: list[str], known: dict[int, Any]) -> Any:
    if contains(model, _HOME):
        return rebuilt(model, torch.nn, lambda child: _converted(child, torch, wrong, known))
    if standard(model, _HOME):
        return counterpart(model, torch.nn)
    if type(model).__module__.startswith("micrograd.") and not _is_written(model):
        wrong.append(type(model).__name__)
        return torch.nn.Identity()
    return _written(model, torch, wrong, known)


def _is_written(model: Any) -> bool:
    """Whether it is a network of the package's that is made of modules, as a user's is."""
    return type(model).__module__.startswith("micrograd.article")


def _written(model: Any, torch: Any, wrong: list[str], known: dict[int, Any]) -> Any:
    """A module of a class like the model's, whose functions see torch where they see micrograd."""
    functions = {
        name: _retargeted(f, torch)
        for sort in reversed(type(model).__mro__)
        if issubclass(sort, Module) and sort is not Module
        for name, f in vars(sort).items()
        if isinstance(f, types.FunctionType) and name != "__init__"
    }
    made = type(type(model).__name__, (torch.nn.Module,), functions)()
    for name, x in vars(model).items():
        if isinstance(x, Module):
            made.add_module(name, _converted(x, torch, wrong, known))
        elif isinstance(x, Parameter):
            if id(x) not in known:
                known[id(x)] = torch.nn.Parameter(torch.tensor(x.numpy()))
            setattr(made, name, known[id(x)])
        elif isinstance(x, Buffer):
            made.register_buffer(name, torch.tensor(x.numpy()))
        elif isinstance(x, list | tuple) and x and all(isinstance(m, Module) for m in x):
            parts = [_converted(m, torch, wrong, known) for m in x]
            setattr(made, name, torch.nn.ModuleList(parts))
        elif not name.startswith("_") and name != "training":
            setattr(made, name, torch.tensor(x.numpy()) if isinstance(x, Tensor) else x)
    return made


def _retargeted(f: types.FunctionType, torch: Any) -> types.FunctionType:
    """The function with torch's modules in place of ours among its global names."""
    ours = {
        id(micrograd): torch, id(nn): torch.nn, id(optim): torch.optim,
        id(functional): torch.nn.functional, id(Tensor): torch.Tensor,
    }  # fmt: skip
    seen = {name: _theirs(x, ours, torch) for name, x in f.__globals__.items()}
    cells = tuple(
        types.CellType(_theirs(cell.cell_contents, ours, torch)) for cell in f.__closure__ or ()
    )
    made = types.FunctionType(f.__code__, seen, f.__name__, f.__defaults__, cells or None)
    made.__kwdefaults__ = f.__kwdefaults__
    return made


def _theirs(x: Any, ours: dict[int, Any], torch: Any) -> Any:
    if id(x) in ours:
        return ours[id(x)]
    name = getattr(x, "__name__", None)
    home = str(getattr(x, "__module__", ""))
    if isinstance(name, str) and callable(x) and home.startswith("micrograd"):
        for place in (torch, torch.nn, torch.nn.functional):
            if hasattr(place, name):
                return getattr(place, name)
    return x
