"""What `compile` is given, checked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.optim.optimizer import Optimizer
from micrograd.optim.state import scalars
from micrograd.tensors.tensor import Tensor

BACKENDS = ("auto", "llvm", "numpy")
DTYPES = ("float64", "float32")
MOST_THREADS = 1024


def check_options(fn: Any, optimizer: Any, backend: str, dtype: str, threads: Any) -> None:
    """Raise an ArgumentTypeError or an ArgumentValueError for what cannot be."""
    if not callable(fn):
        below = isinstance(fn, property | cached_property)
        more = "; write @micrograd.compile below it" if below else ""
        raise ArgumentTypeError(f"fn must be a function, got {type(fn).__name__}{more}")
    if backend not in BACKENDS:
        raise ArgumentValueError(f"backend must be one of {BACKENDS}, got {backend!r}")
    if dtype not in DTYPES:
        raise ArgumentValueError(f"dtype must be one of {DTYPES}, got {dtype!r}")
    if isinstance(threads, bool) or not isinstance(threads, int):
        raise ArgumentTypeError(
            f"threads must be a whole number, got {type(threads).__name__}: {threads!r:.80}; "
            "for two threads write threads=2"
        )
    if not 1 <= threads <= MOST_THREADS:
        raise ArgumentValueError(
            f"threads must be from 1 to {MOST_THREADS}, got {threads}; os.cpu_count() is how "
            "many run at the same time"
        )
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(
            f"optimizer must be one of micrograd.optim, got {type(optimizer).__name__}"
        )
    if backend == "llvm" and find_spec("llvmlite") is None:
        raise ArgumentValueError(
            "backend='llvm' needs llvmlite: pip install 'micrograd-tracer[jit]'"
        )


def has_own_step(optimizer: Optimizer) -> bool:
    """Whether a step of this optimiser is more than its `direction`."""
    sort = type(optimizer)
    return any(getattr(sort, n) is not getattr(Optimizer, n) for n in ("step", "updates", "apply"))


def leaves_of(parameters: Sequence[Any]) -> list[Value]:
    """The leaves among parameters. Raises an ArgumentTypeError for what is none."""
    for p in parameters:
        if not isinstance(p, Value | Tensor):
            raise ArgumentTypeError(
                f"parameters must be Values or arrays of them, got {type(p).__name__}: {p!r:.80}"
            )
    found = list(scalars(parameters))
    if any(v._row is not None for v in found):
        raise ArgumentTypeError("parameters must be leaves, got the result of an operation")
    return found
