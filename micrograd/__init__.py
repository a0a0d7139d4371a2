"""A scalar autograd engine with a computation-graph tracer.

>>> from micrograd import Value
>>> x = Value(3.0)
>>> y = x * x
>>> y.backward()
>>> x.grad
6.0
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from micrograd import names as _names
from micrograd.checks import detect_anomaly
from micrograd.engine import Value
from micrograd.errors import LISTED, CompileError, MicrogradError, no_attribute
from micrograd.gradients import grad, hessian
from micrograd.observers import no_grad
from micrograd.tensors.checking import gradcheck, gradgradcheck
from micrograd.tensors.choice import maximum, minimum, where
from micrograd.tensors.tensor import Tensor, tensor

if TYPE_CHECKING:
    from micrograd import data as data
    from micrograd import nn as nn
    from micrograd import optim as optim
    from micrograd.compiler.api import compile  # noqa: A004  (the contract's name)
    from micrograd.compiler.compiled import Compiled
    from micrograd.derivations.derivation import Derivation, derivation
    from micrograd.diagnosis.diagnose import Diagnosis, diagnose
    from micrograd.exchange.from_torch import from_torch
    from micrograd.exchange.to_torch import to_torch
    from micrograd.exporting.export import Export, export
    from micrograd.steps.record import record_step, record_steps
    from micrograd.tensors.creation import FloatTensor
    from micrograd.tensors.generator import manual_seed
    from micrograd.training.fit import History, fit
    from micrograd.training.saving import load, save

# What `from micrograd import *` gives. By torch's names there is more: see micrograd/names.py.
__all__ = [
    "CompileError",
    "Compiled",
    "Derivation",
    "Diagnosis",
    "Export",
    "FloatTensor",
    "History",
    "MicrogradError",
    "Tensor",
    "Value",
    "compile",
    "derivation",
    "detect_anomaly",
    "diagnose",
    "export",
    "fit",
    "from_torch",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "hessian",
    "load",
    "manual_seed",
    "maximum",
    "minimum",
    "no_grad",
    "record_step",
    "record_steps",
    "save",
    "tensor",
    "to_torch",
    "where",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """What is loaded when it is first asked for, so that `import micrograd` stays light."""
    if name in _names.HOMES:
        home, there = _names.HOMES[name]
        value = getattr(import_module(home), there)
    elif name in _names.METHODS:
        value = import_module("micrograd.tensors.functions").function(name)
    elif name in _names.MODULES:
        value = import_module(f"micrograd.{name}")
    elif name in _names.CONSTANTS:
        value = _names.CONSTANTS[name]
    else:
        raise no_attribute("module 'micrograd'", name, _names.INSTEAD.get(name, LISTED))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What there is, with what is not loaded yet."""
    own = [name for name in globals() if name.startswith("__")]
    later = (_names.HOMES, _names.METHODS, _names.MODULES, _names.CONSTANTS)
    return sorted({*own, *__all__}.union(*later))
