"""`from_torch`: a module of torch's as one of ours, with the same weights."""

from __future__ import annotations

from typing import Any

from micrograd import nn
from micrograd.errors import ArgumentTypeError
from micrograd.exchange import agreement
from micrograd.exchange.modules import (
    CONTAINERS,
    NAMES,
    contains,
    counterpart,
    load_torch,
    rebuilt,
    standard,
    unlike,
)
from micrograd.exchange.traced import Earlier, TracedModule, function_for, unsupported
from micrograd.nn.module import Buffer, Module
from micrograd.tensors.tensor import tensor

_HOME = "torch.nn.modules"


def from_torch(module: Any, example: Any = None) -> Module:
    """A module here that computes what one of torch's does, with the same weights, in float64.

    Layers, activations and containers become those of `micrograd.nn`; a module that somebody wrote
    is taken apart by torch.fx, and keeps its names. What it computes, and every gradient, is
    compared with torch's own for `example` (an input, or a tuple of several; if there is none, for
    one that fits the first layer), in evaluation.

    Raises an ArgumentTypeError that names all that is not here, or says why torch.fx cannot follow
    the module, or that the example is no input; an ArgumentValueError if the two disagree.

    >>> import torch
    >>> model = from_torch(torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Tanh()))
    >>> model
    Sequential(
      (0): Linear(in_features=2, out_features=1, bias=True)
      (1): Tanh()
    )
    """
    torch = load_torch()
    if not isinstance(module, torch.nn.Module):
        raise ArgumentTypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    wrong: list[str] = []
    made = _converted(module, torch, wrong)
    if wrong:
        raise ArgumentTypeError(
            "what this module needs is not here: "
            + "; ".join(dict.fromkeys(wrong))
            + f". Modules that are here: {', '.join(sorted(NAMES | CONTAINERS))}"
        )
    _tie(made, module)
    _load(made, module)
    agreement.check(made, module, example, torch)
    return made.train(module.training)  # type: ignore[no-any-return]


def _tie(made: Module, module: Any) -> None:
    """Let parameters that are one there be one here."""
    known: dict[int, Any] = {}
    for path, p in module.named_parameters(remove_duplicate=False):
        home, name = _home(made, path), path.rpartition(".")[2]
        setattr(home, name, known.setdefault(id(p), getattr(home, name)))


def _load(made: Module, module: Any) -> None:
    state = {name: x.detach().cpu().double().numpy() for name, x in module.state_dict().items()}
    made.load_state_dict(state)
    theirs = dict(module.named_parameters())
    for name, p in made.named_parameters():
        p.requires_grad = theirs[name].requires_grad  # type: ignore[union-attr]


def _converted(module: Any, torch: Any, wrong: list[str]) -> Any:
    if contains(module, _HOME):
        return rebuilt(module, nn, lambda child: _converted(child, torch, wrong))
    if standard(module, _HOME):
        if unlike(module):
            wrong.append(f"{type(module).__name__}({unlike(module)})")
            return nn.Identity()
        return counterpart(module, nn)
    if type(module).__module__.startswith(_HOME):
        wrong.append(f"the module {type(module).__name__}")
        return nn.Identity()
    return _traced(module, torch, wrong)


def _traced(module: Any, torch: Any, wrong: list[str]) -> Any:
    fx = __import__("torch.fx", fromlist=["fx"])
    try:
        graph = fx.symbolic_trace(module).graph
    except Exception as error:
        raise ArgumentTypeError(
            f"torch.fx cannot follow {type(module).__name__}, whose forward decides by numbers: "
            f"{str(error).splitlines()[0]:.200}"
        ) from None
    wrong += unsupported(graph)
    operations = [
        (
            node.name,
            node.op,
            function_for(node.target) if node.op == "call_function" else node.target,
            _plain(node.args, fx, torch, wrong),
            _plain(node.kwargs, fx, torch, wrong),
        )
        for node in graph.nodes
    ]
    made = TracedModule(type(module).__name__, operations)
    for path, part in _parts(module):
        home = _home(made, path)
        setattr(home, path.rpartition(".")[2], _converted(part, torch, wrong))
    for path, p in module.named_parameters(remove_duplicate=False):
        home, name = _home(made, path), path.rpartition(".")[2]
        if not hasattr(home, name):
            setattr(home, name, nn.Parameter(p.detach().double().numpy()))
    for path, b in module.named_buffers():
        home, name = _home(made, path), path.rpartition(".")[2]
        if not isinstance(vars(home).get(name), Buffer):
            home.register_buffer(name, tensor(b.detach().numpy()))
    return made


def _parts(module: Any, path: str = "") -> Any:
    """The modules of torch's own that a module is made of, with their paths."""
    for name, child in module.named_children():
        full = f"{path}.{name}" if path else name
        # A container of torch's own modules is one of ours; one of others is looked into.
        looked_into = child.modules() if contains(child, _HOME) else [child]
        if all(type(m).__module__.startswith(_HOME) for m in looked_into):
            yield full, child
        else:
            yield from _parts(child, full)


def _home(made: Module, path: str) -> Any:
    home: Any = made
    for name in path.split(".")[:-1]:
        if not hasattr(home, name):
            setattr(home, name, Module())
        home = getattr(home, name)
    return home


def _plain(x: Any, fx: Any, torch: Any, wrong: list[str]) -> Any:
    """An argument as we keep it: earlier results by name, torch's dtypes as ours."""
    if isinstance(x, fx.Node):
        return Earlier(x.name)
    if isinstance(x, slice):
        return slice(*(_plain(part, fx, torch, wrong) for part in (x.start, x.stop, x.step)))
    if isinstance(x, tuple | list):
        return type(x)(_plain(part, fx, torch, wrong) for part in x)
    if isinstance(x, dict):
        return {key: _plain(part, fx, torch, wrong) for key, part in x.items()}
    if isinstance(x, torch.dtype):
        return str(x).partition(".")[2]
    if isinstance(x, torch.device):
        return "cpu"
    if isinstance(x, torch.Tensor):
        return tensor(x.detach().numpy())
    return x
