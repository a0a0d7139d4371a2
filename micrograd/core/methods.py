"""The methods that rows of the op table with one input are."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from micrograd.ops import Op

if TYPE_CHECKING:
    T = TypeVar("T")

    class Methods(Generic[T]):
        """What type checkers and editors know of those of `Value` and `Tensor`."""

        abs: Callable[[], T]
        relu: Callable[[], T]
        exp: Callable[[], T]
        log: Callable[[], T]
        sqrt: Callable[[], T]
        sin: Callable[[], T]
        cos: Callable[[], T]
        tanh: Callable[[], T]
        sigmoid: Callable[[], T]
        erf: Callable[[], T]
        softplus: Callable[[], T]

        def leaky_relu(self, slope: float = 0.01) -> T: ...  # noqa: D102


def method_of(row: Op, apply: Callable[..., Any], end: str = "") -> Callable[..., Any]:
    """The method that calls `apply(self)`, or `apply(self, static)` with the row's parameter."""
    if not row.static:

        def method(self: Any) -> Any:
            return apply(self)

        made = method
    else:

        def with_parameter(self: Any, parameter: float) -> Any:
            return apply(self, parameter)

        code = with_parameter.__code__.replace(co_varnames=("self", row.static))
        default = None if row.static_default is None else (row.static_default,)
        made = FunctionType(code, globals(), row.name, default, with_parameter.__closure__)
    made.__name__ = made.__qualname__ = row.name
    made.__doc__ = f"{row.text(*['x', row.static][: row.arity + row.has_static])}{end}"
    return made
