"""A scalar autograd engine with a computation-graph tracer.

>>> from micrograd import Value
>>> x = Value(3.0)
>>> y = x * x
>>> y.backward()
>>> x.grad
6.0
"""

from micrograd.arrays import FloatTensor, Tensor, tensor
from micrograd.checks import detect_anomaly, gradcheck
from micrograd.engine import Value
from micrograd.errors import MicrogradError
from micrograd.functions import maximum, minimum
from micrograd.gradients import grad, hessian
from micrograd.observers import no_grad
from micrograd.train import record_step

__all__ = [
    "FloatTensor",
    "MicrogradError",
    "Tensor",
    "Value",
    "detect_anomaly",
    "grad",
    "gradcheck",
    "hessian",
    "maximum",
    "minimum",
    "no_grad",
    "record_step",
    "tensor",
]
