"""The leaves that a function can reach: in its closure, its globals, its object, its defaults."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from random import Random
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from micrograd.checks import PACKAGE
from micrograd.compiler.trace.numbers.advice import advised
from micrograd.engine import PLAIN as VALUES
from micrograd.engine import Value
from micrograd.errors import CompileError
from micrograd.tensors.tensor import Tensor

PLAIN = frozenset([int, float, str, bytes, bool, complex, type(None)])  # types that hold nothing
HOLD_NOTHING = PLAIN.union(VALUES)
SIMPLE = (type, str, bytes, int, float, ModuleType)  # classes of what is not looked into
GENERATORS = (Random, np.random.Generator)


def leaves_of(fn: Callable[..., Any]) -> list[Value]:
    """Every leaf in reach, containers in order, each once.

    >>> table = [Value(1.0), Value(2.0)]
    >>> len(leaves_of(lambda i: table[i]))
    2
    """
    return [x for x in _in_reach(fn) if isinstance(x, Value) and x._row is None]


def frozen_of(fn: Callable[..., Any]) -> set[int]:
    """The leaves of frozen arrays in reach, by id."""
    return {id(v) for x in tensors_of(fn) if not x.requires_grad for v in x._values.flat}


def tensors_of(fn: Callable[..., Any]) -> list[Tensor]:
    """The arrays of Values in reach."""
    return [x for x in _in_reach(fn, values=False) if isinstance(x, Tensor)]


def lengths_of(fn: Callable[..., Any]) -> set[int]:
    """The lengths of the lists and arrays in reach: how large a table may be.

    >>> table = [Value(1.0), Value(2.0)]
    >>> lengths_of(lambda i: table[i])
    {2}
    """
    held = (list, tuple, np.ndarray, Tensor)
    reach = _in_reach(fn, values=False, also_plain=True)
    lists = (x for x in reach if isinstance(x, held))
    return {len(x) for x in lists if isinstance(x, list | tuple) or x.ndim}


@contextmanager
def located(fn: Callable[..., Any]) -> Iterator[None]:
    """Inside, a CompileError is given what to write instead, and a line if it names none."""
    try:
        yield
    except CompileError as error:
        own = fn.__func__ if isinstance(fn, MethodType) else fn
        if "\n  at " in str(error) or not isinstance(own, FunctionType):
            raise advised(error) from None
        path, line = own.__code__.co_filename, own.__code__.co_firstlineno
        text = linecache.getline(path, line).strip()
        raise advised(type(error)(f"{error}\n  at {path}:{line}: {text}")) from None


def generators_of(fn: Callable[..., Any]) -> list[Any]:
    """The random generators in reach, of Python and of NumPy."""
    reach = _in_reach(fn, values=False)
    return [x for x in reach if isinstance(x, GENERATORS)]


def _in_reach(
    fn: Callable[..., Any], values: bool = True, also_plain: bool = False
) -> Iterator[Any]:
    """Every object in reach that may hold Values, and the Values if they are wanted, once each.

    Tuples of numbers in lists are none of these, unless they are asked for.
    """
    seen: set[int] = set()
    stack: list[Any] = list(reversed(_roots(fn)))
    while stack:
        x = stack.pop()
        if id(x) in seen or issubclass(type(x), SIMPLE):
            continue
        seen.add(id(x))
        yield x
        if type(x) in VALUES:
            continue
        if not also_plain and isinstance(x, list | tuple) and is_plain(x):
            continue
        inside = _inside(x)
        if values or not HOLD_NOTHING.issuperset(map(type, inside)):
            stack.extend(reversed(inside))


def _inside(x: Any) -> list[Any]:
    """What an object holds. By its type: some libraries' objects pretend to be of another class."""
    sort = type(x)
    if issubclass(sort, Value):
        return []
    if issubclass(sort, Tensor):
        return list(x._values.flat)
    if issubclass(sort, np.ndarray):
        return list(x.flat) if x.dtype == object else []
    if issubclass(sort, list | tuple | set | frozenset):
        return [] if PLAIN.issuperset(map(type, x)) else list(x)
    if issubclass(sort, dict):
        return list(x.values())
    if issubclass(sort, FunctionType | MethodType):
        return _roots(x)
    held = getattr(x, "__dict__", None)
    if sort.__module__.startswith("micrograd.compiler."):  # a compiled function: the function
        return [getattr(x, "fn", None)]
    return list(held.values()) if type(held) is dict else []


def is_plain(x: Any) -> bool:
    """Whether all that a list or the like holds are numbers, texts, or tuples of these."""
    kinds = set(map(type, x))
    if kinds == {tuple}:
        kinds = set(map(type, chain.from_iterable(x)))
    return kinds <= PLAIN


def _roots(fn: Any) -> list[Any]:
    roots: list[Any] = []
    if isinstance(fn, MethodType):
        roots.append(fn.__self__)
        fn = fn.__func__
    if not isinstance(fn, FunctionType):
        call = type(fn).__dict__.get("__call__")
        return [*roots, fn, *(_roots(call) if isinstance(call, FunctionType) else [])]
    if fn.__code__.co_filename.startswith(PACKAGE):
        return roots  # the library's own functions hold no tables
    roots += [cell.cell_contents for cell in fn.__closure__ or () if filled(cell)]
    names = names_of(fn.__code__)
    roots += [fn.__globals__[name] for name in names if name in fn.__globals__]
    return roots + list(fn.__defaults__ or ()) + list((fn.__kwdefaults__ or {}).values())


def names_of(code: CodeType) -> list[str]:
    """The global names that code uses, also in its comprehensions and inner functions."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names += names_of(constant)
    return list(dict.fromkeys(names))


def is_in_users_file(path: str) -> bool:
    """Whether code is neither installed nor ours."""
    return "site-packages" not in path and not path.startswith(
        (PACKAGE, sys.prefix, sys.base_prefix, "<frozen")
    )


def filled(cell: Any) -> bool:
    """Whether a cell of a closure holds anything."""
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
