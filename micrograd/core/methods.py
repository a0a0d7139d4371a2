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


def public(row: Op) -> FunctionType:
    """The method of a row with a static parameter, under the names and with the default of the row.

    It calls what the class has for the row, which is `_name`, and is as fast as if written by hand.
    """

    def method(self: Any, parameter: float) -> Any:
        return self._row(parameter)

    code = method.__code__.replace(
        co_name=row.name,
        co_qualname=row.name,
        co_names=(f"_{row.name}",),
        co_varnames=("self", row.static),
    )
    default = None if row.static_default is None else (row.static_default,)
    made = FunctionType(code, globals(), row.name, default)
    made.__doc__ = row.text("x", row.static)
    return made
