"""What a name is after a branch on traced data: of each side its value, as one.

A number is chosen by a select, lists and the like part by part. What the sides have in common is
kept out of the select: `total + u` or `total` is `total` plus `u` or 0, so that sums stay sums.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from numbers import Real
from typing import Any, NoReturn

import numpy as np

from micrograd.compiler.trace.tracer import Read, Truth, as_read, choose, refuse
from micrograd.engine import Value, as_operand
from micrograd.functions import apply
from micrograd.ops import OPS
from micrograd.tensors.tensor import Tensor

MOST_ADDED = 64  # of a sum, how far back what both sides begin with is sought
NUMBERS = (Real, np.bool_)


class Unset:
    """Stands for a variable that only one side of a branch sets; any use of it is refused."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _used(self, *_: Any) -> NoReturn:
        refuse(
            f"the variable {self._name} is set on one side of a branch on traced data only: give "
            "it a value before the branch, or on the other side, too"
        )

    def __getattr__(self, name: str) -> Any:
        self._used()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _used
    __rtruediv__ = __pow__ = __rpow__ = __neg__ = __abs__ = __call__ = __getitem__ = _used
    __iter__ = __len__ = __bool__ = __float__ = __int__ = __index__ = __contains__ = _used
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __str__ = __format__ = _used
    __hash__ = _used


def merged(condition: Read, a: Any, b: Any, name: str = "what is computed") -> Any:
    """`a` where the condition holds, else `b`; refused where a program cannot hold both."""
    if a is b:
        return a
    if isinstance(a, Unset) or isinstance(b, Unset):
        return Unset(name)
    if _is_number(a) and _is_number(b):
        return _number(condition, a, b)
    parts = _parts(a, b)
    if parts is None:
        refuse(
            f"{name} is {_named(a)} or {_named(b)}, depending on traced data; a program can choose "
            "between numbers, and between lists, tuples, dicts and arrays of them that are alike"
        )
    whole, pairs = parts
    return whole([merged(condition, x, y, name) for x, y in pairs])


def _is_number(x: Any) -> bool:
    return isinstance(x, (Value, *NUMBERS))


def _named(x: Any) -> str:
    text = repr(x) if x is None or isinstance(x, str | Real) else ""
    size = f" of length {len(x)}" if isinstance(x, list | tuple | dict) else ""
    return text[:40] or f"a {type(x).__name__}{size}"


def _parts(a: Any, b: Any) -> tuple[Callable[[list[Any]], Any], list[tuple[Any, Any]]] | None:
    """What puts both together again, and their parts in pairs; None if they are not alike."""
    sort = type(a)
    if sort is not type(b):
        return None
    if isinstance(a, list | tuple) and len(a) == len(b):
        whole = sort._make if hasattr(sort, "_make") else sort
        return whole, list(zip(a, b, strict=True))
    if isinstance(a, dict) and list(a) == list(b):
        return lambda parts: sort(zip(a, parts, strict=True)), [(a[k], b[k]) for k in a]
    if isinstance(a, Tensor) and a.shape == b.shape:
        pairs = list(zip(a._values.flat, b._values.flat, strict=True))
        return lambda parts: Tensor(_array(parts, a.shape), a.requires_grad), pairs
    if isinstance(a, np.ndarray) and a.shape == b.shape:
        return lambda parts: _array(parts, a.shape), list(zip(a.flat, b.flat, strict=True))
    if dataclasses.is_dataclass(a):
        names = [f.name for f in dataclasses.fields(a)]

        def rebuilt(parts: list[Any]) -> Any:
            made = copy.copy(a)
            for name, part in zip(names, parts, strict=True):
                object.__setattr__(made, name, part)
            return made

        return rebuilt, [(getattr(a, n), getattr(b, n)) for n in names]
    return (lambda _: a, []) if isinstance(a, str) and a == b else None


def _array(parts: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    made = np.empty(len(parts), object)
    made[:] = parts
    return made.reshape(shape)


def _number(condition: Read, a: Any, b: Any) -> Any:
    plain = not isinstance(a, Value) and not isinstance(b, Value)
    if plain and type(a) is type(b) and (a == b or (a != a and b != b)) and repr(a) == repr(b):
        return a
    if plain and {a, b} == {True, False} and {type(a), type(b)} == {bool}:
        return condition if a else negated(condition)
    made = _sum(condition, a, b)
    if any(isinstance(x, Value) and not isinstance(x, Read) for x in (a, b)):
        return made
    if all(isinstance(x, bool | Truth) for x in (a, b)):
        made.__class__ = Truth
    return as_read(made)


def negated(condition: Any) -> Any:
    """The opposite of a condition."""
    answer = apply("equal", condition, 0.0)
    answer.__class__ = Truth
    return answer


def _sum(condition: Read, a: Any, b: Any) -> Value:
    """The choice; what both begin with stays outside of it."""
    common = _common(a, b)
    if common is None:
        return choose(condition, as_operand(a), as_operand(b))
    base, more_a, more_b = common
    return base + choose(condition, _added(more_a), _added(more_b))  # type: ignore[no-any-return]


Addends = list[tuple[Value, bool]]  # and whether each is subtracted


def _common(a: Any, b: Any) -> tuple[Any, Addends, Addends] | None:
    """What both sums begin with, and what each adds; None if there is nothing."""
    if isinstance(a, Truth) or isinstance(b, Truth):
        return None
    begun = {_key(base): more for base, more in _beginnings(b)}
    for base, more in _beginnings(a):
        other = begun.get(_key(base))
        if other is not None:
            return None if not more and not other else (base, more, other)
    return None


def _beginnings(x: Any) -> list[tuple[Any, Addends]]:
    found: list[tuple[Any, Addends]] = [(x, [])]
    while isinstance(x, Value) and x._row is not None and len(found) < MOST_ADDED:
        if x._row is not OPS["add"] and x._row is not OPS["sub"]:
            break
        first, second = x._inputs
        found.append((first, [(second, x._row is OPS["sub"]), *found[-1][1]]))
        if len(found) == 2 and x._row is OPS["add"]:
            found.append((second, [(first, False)]))
            found[-1], found[-2] = found[-2], found[-1]
        x = first
    return found


def _key(x: Any) -> Any:
    """The same for the same operand, and for equal plain numbers."""
    if isinstance(x, Value):
        return repr(x._data) if x._row is None and x._static is not None else id(x)
    return repr(float(x))


def _added(more: Addends) -> Value:
    total: Any = None
    for x, subtracted in more:
        if total is None:
            total = -x if subtracted else x
        else:
            total = total - x if subtracted else total + x
    return as_operand(0.0) if total is None else total  # type: ignore[no-any-return]
