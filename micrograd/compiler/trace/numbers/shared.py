"""Stand-ins that other threads may meet: those in the place of numbers around a function.

While a function is traced, an attribute or an entry of a dict holds such a stand-in. To the thread
that traces it is a `Read`; to any other it is the number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd.compiler.trace.numbers.reads import Read
from micrograd.compiler.trace.numbers.refusing import current
from micrograd.tensors.dtypes import FLOAT

BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow")
METHODS = (
    *(f"__{side}{name}__" for name in BINARY for side in ("", "r")),
    *(f"__{name}__" for name in ("lt", "le", "gt", "ge", "eq", "ne", "neg", "pos", "abs")),
    *(f"__{name}__" for name in ("bool", "float", "int", "trunc", "floor", "ceil", "round")),
    *(f"__{name}__" for name in ("hash", "format", "str", "repr")),
)


class Shared(Read):
    """A number to all threads but the one that traces."""

    __slots__ = ()


def _method(name: str) -> Callable[..., Any]:
    of_number = getattr(float, name)
    of_read = getattr(Read, name, of_number)

    def method(self: Shared, *others: Any) -> Any:
        if current() is not None:
            return of_read(self, *others)
        return of_number(self._data, *[x._data if type(x) is Shared else x for x in others])

    method.__name__ = name
    return method


for _name in METHODS:
    setattr(Shared, _name, _method(_name))


def share(stand_in: Any) -> Any:
    """The same stand-in, or array of them, which other threads may meet from now on."""
    for x in stand_in.flat if isinstance(stand_in, np.ndarray) else [stand_in]:
        if isinstance(x, Read) and x.number_kind == FLOAT:
            x.__class__ = Shared
    return float(stand_in) if type(stand_in) is np.float64 else stand_in
