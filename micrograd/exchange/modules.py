"""Which modules there are on both sides, and how one is made like the other."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from micrograd import nn
from micrograd.errors import ArgumentTypeError

# Modules that both sides have under one name, with arguments that are attributes of the same name.
_NAMES = """
AdaptiveAvgPool1d AdaptiveAvgPool2d AvgPool1d AvgPool2d BatchNorm1d BatchNorm2d Bilinear CELU Conv1d
Conv2d Dropout Dropout1d Dropout2d ELU Embedding Flatten GELU GRU GRUCell Hardsigmoid Hardswish
Hardtanh Identity LSTM LSTMCell LayerNorm LeakyReLU Linear LogSigmoid LogSoftmax MaxPool1d MaxPool2d
Mish PReLU RNN RNNCell ReLU ReLU6 SELU SiLU Sigmoid Softmax Softplus Softsign Tanh Tanhshrink
Unflatten
"""
NAMES = frozenset(_NAMES.split())
CONTAINERS = frozenset(("Sequential", "ModuleList", "ModuleDict"))

# Arguments that say something else than their defaults, and that the other side does not have.
_SAME = {"padding_mode": "zeros", "return_indices": False, "ceil_mode": False, "max_norm": None,
         "scale_grad_by_freq": False, "sparse": False, "proj_size": 0,
         "count_include_pad": True, "divisor_override": None}  # fmt: skip


def load_torch() -> Any:
    """torch, if it is installed; an ArgumentTypeError that says how to install it, if not."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise ArgumentTypeError("this needs torch: pip install torch") from None


def arguments(module: Any, ours: type) -> dict[str, Any]:
    """What a module of the other side is made with, to be like this one: the arguments of ours."""
    given = {}
    for name in inspect.signature(ours).parameters:
        if name == "bias" and not isinstance(getattr(module, "bias", None), bool):
            given[name] = getattr(module, "bias", None) is not None
        elif name == "num_parameters":
            given[name] = module.weight.numel()
        elif hasattr(module, name):
            given[name] = getattr(module, name)
    return given


def unlike(module: Any) -> str:
    """What a module of torch has that is not here; empty if nothing."""
    for name, same in _SAME.items():
        if getattr(module, name, same) != same:
            return f"{name}={getattr(module, name)!r}"
    return ""


def counterpart(module: Any, library: Any) -> Any:
    """The module of the other library that is like this one, without its state."""
    name = type(module).__name__
    return getattr(library, name)(**arguments(module, getattr(nn, name)))


def standard(module: Any, home: str) -> bool:
    """Whether it is one of the library's own that both sides have."""
    ours = type(module).__module__.startswith(home)
    return ours and type(module).__name__ in NAMES


def contains(module: Any, home: str) -> bool:
    """Whether it is one of the library's containers."""
    return type(module).__module__.startswith(home) and type(module).__name__ in CONTAINERS


def rebuilt(module: Any, library: Any, convert: Any) -> Any:
    """A container of the other library with its modules converted."""
    made = getattr(library, type(module).__name__)()
    for name, child in module.named_children():
        if type(module).__name__ == "ModuleDict":
            made[name] = convert(child)
        else:
            made.add_module(name, convert(child))
    return made
