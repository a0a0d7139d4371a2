"""Methods of arrays as functions: `exp(x)` is `x.exp()`; the first of two may be a number."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError
from micrograd.tensors.tensor import Tensor, tensor

# Those that take a number and an array, as in torch.
OF_NUMBERS = frozenset(
    ["add", "bitwise_and", "bitwise_or", "div", "divide", "floor_divide", "mul", "multiply", "pow",
     "remainder", "sub", "subtract", "true_divide"]
)  # fmt: skip


def function(name: str) -> Callable[..., Any]:
    """The method of arrays with this name, as a function of the array.

    >>> function("pow")(2, tensor([1.0, 3.0]))
    tensor([2., 8.])
    """
    method: Callable[..., Any] = getattr(Tensor, name)

    @wraps(method)
    def of_array(*given: Any, **named: Any) -> Any:
        if given and not isinstance(given[0], Tensor):
            return method(_array(name, *given[:2]), *given[1:], **named)
        if not given and "input" in named:  # torch's name
            return of_array(named.pop("input"), **named)
        return method(*given, **named)

    return of_array


def _array(name: str, first: Any, second: Any = None) -> Tensor:
    """What stands for the first of two operands; raises an error about what cannot be one."""
    number = isinstance(first, int | float | Value)
    if number and name in OF_NUMBERS and isinstance(second, Tensor):
        return tensor(first)
    what = "numbers" if isinstance(first, list | tuple) else "a number" if number else ""
    advice = f": write torch.{name}(torch.tensor(…))" if what else ""
    raise ArgumentTypeError(f"{name} takes a Tensor, got {type(first).__name__}{advice}")
