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

from micrograd.checks import detect_anomaly, gradcheck, gradgradcheck
from micrograd.engine import Value
from micrograd.errors import CompileError, MicrogradError
from micrograd.functions import maximum, minimum
from micrograd.gradients import grad, hessian
from micrograd.observers import no_grad
from micrograd.tensors.choice import where
from micrograd.tensors.tensor import FloatTensor, Tensor, tensor

if TYPE_CHECKING:
    from micrograd import data as data
    from micrograd import nn as nn
    from micrograd import optim as optim
    from micrograd.compiler.api import Compiled, compile  # noqa: A004  (the contract's name)
    from micrograd.derivations.derivation import Derivation, derivation
    from micrograd.diagnosis.diagnose import Diagnosis, diagnose
    from micrograd.nn.init import manual_seed
    from micrograd.steps.record import record_step, record_steps
    from micrograd.training.fit import History, fit
    from micrograd.training.saving import load, save

__all__ = [
    "CompileError",
    "Compiled",
    "Derivation",
    "Diagnosis",
    "FloatTensor",
    "History",
    "MicrogradError",
    "Tensor",
    "Value",
    "compile",
    "derivation",
    "detect_anomaly",
    "diagnose",
    "fit",
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
    "where",
]

__version__ = "0.1.0"

# Loaded when first asked for, so that `import micrograd` stays light.
_LATER = {
    "Compiled": "micrograd.compiler.api",
    "Derivation": "micrograd.derivations.derivation",
    "Diagnosis": "micrograd.diagnosis.diagnose",
    "History": "micrograd.training.fit",
    "compile": "micrograd.compiler.api",
    "data": "",
    "derivation": "micrograd.derivations.derivation",
    "diagnose": "micrograd.diagnosis.diagnose",
    "fit": "micrograd.training.fit",
    "load": "micrograd.training.saving",
    "manual_seed": "micrograd.nn.init",
    "nn": "",
    "optim": "",
    "record_step": "micrograd.steps.record",
    "record_steps": "micrograd.steps.record",
    "save": "micrograd.training.saving",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'micrograd' has no attribute {name!r}")
    home = _LATER[name]
    value = getattr(import_module(home), name) if home else import_module(f"micrograd.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What there is, with what is not loaded yet."""
    own = [name for name in globals() if name.startswith("__")]
    return sorted({*own, *__all__, *_LATER})
