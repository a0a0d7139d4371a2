"""What rewritten code calls: users' functions rewritten, and no others on sides."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import operator
import sys
from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd.checks import PACKAGE
from micrograd.compiler.trace.numbers.reads import Read, type_of
from micrograd.compiler.trace.numbers.refusing import current, undecided
from micrograd.compiler.trace.rewritten.builtin import BuiltIns
from micrograd.nn.module import Module

if TYPE_CHECKING:
    from micrograd.compiler.trace.rewritten.sides import Sides

LIBRARIES = (PACKAGE, sys.prefix, sys.base_prefix, "<frozen", "<__array_function__")
HARMLESS = {
    abs, all, any, bool, callable, dict, divmod, enumerate, filter, float, frozenset, getattr,
    hasattr, hash, id, int, isinstance, issubclass, iter, len, list, map, max, min, object, pow,
    range, repr, reversed, round, set, slice, sorted, str, sum, tuple, type, zip, complex, bytes,
    chr, ord, format,
}  # fmt: skip
CHANGES = {
    "append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse", "update",
    "setdefault", "popitem", "add", "discard", "fill", "put", "resize", "itemset", "appendleft",
    "popleft", "send", "write", "__next__", "partition", "shuffle",
}  # fmt: skip
PURE_MODULES = (
    "math", "operator", "_operator", "numpy", "itertools", "functools", "_functools", "micrograd",
    "statistics", "collections", "copy", "typing", "enum", "cmath",
)  # fmt: skip
IN_PLACE = ("backward", "step", "zero_grad", "seed", "shuffle")
CONVERTING = {functools.reduce, itertools.accumulate, functools.partial}


def is_library(f: FunctionType) -> bool:
    """Whether a function is no user's."""
    path = f.__code__.co_filename
    return path.startswith(LIBRARIES) or "site-packages" in path


class Callables:
    """Finds what stands in the place of something that is called."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self._built_in = BuiltIns(sides, self._argument)

    def replaced(self, f: Any) -> Any:
        """What is called in the place of f; refuses what a side may not do."""
        f = self._converted(f)
        owner = getattr(f, "__self__", None)
        if type(owner) is list:
            method = self._built_in.of_list(owner, f.__name__)
            if method is not None:
                return method
        if isinstance(owner, np.ndarray):
            method = self._built_in.of_array(owner, f.__name__)
            if method is not None:
                return method
        tracer = current()
        if tracer is not None and tracer.sides:
            self._check(f)
        if isinstance(getattr(f, "__func__", f), functools._lru_cache_wrapper):
            return partial(self._remembered, f)
        known = _hashed(f)
        if known in self._built_in.swapped:
            return self._built_in.swapped[known]
        if known in CONVERTING or hasattr(f, "watched"):
            return partial(self._with_converted, f)
        return f

    def _remembered(self, f: Any, *args: Any, **named: Any) -> Any:
        """The call of a function with a memory, which may not keep numbers of a trace."""
        reads = [x for x in (*args, *named.values()) if isinstance(x, Read)]
        if all(type_of(x) is not float for x in reads):
            given = {name: _decided(x) for name, x in named.items()}
            return f(*map(_decided, args), **given)
        own = f.__wrapped__
        if isinstance(f, MethodType):
            own = MethodType(own, f.__self__)
        return self.replaced(own)(*args, **named)

    def _with_converted(self, f: Any, *args: Any, **named: Any) -> Any:
        """The call of a function that calls its arguments."""
        given = {name: self._argument(x) for name, x in named.items()}
        return f(*map(self._argument, args), **given)

    def _argument(self, x: Any) -> Any:
        if isinstance(x, FunctionType | MethodType):
            return self._converted(x)
        return self._built_in.swapped.get(_hashed(x), x) if callable(x) else x

    def _converted(self, f: Any) -> Any:
        if isinstance(f, FunctionType):
            return f if is_library(f) else self._sides.converted(f)
        if isinstance(f, MethodType) and isinstance(f.__func__, FunctionType):
            return MethodType(self._converted(f.__func__), f.__self__)
        if isinstance(f, functools.partial):
            return partial(self._converted(f.func), *f.args, **f.keywords)
        if isinstance(f, type) or not callable(f):
            return f
        if isinstance(f, Module) and type(f).__call__ is Module.__call__:
            return self._converted(f.forward)
        own = type(f).__call__
        if isinstance(own, FunctionType):
            return MethodType(self._converted(own), f)
        return f

    def _check(self, f: Any) -> None:
        """Refuse a call of which it is not known that it changes nothing."""
        function = f.__func__ if isinstance(f, MethodType) else f
        if isinstance(function, functools.partial):
            self._check(function.func)
        elif not self._is_harmless(f, function):
            what = getattr(f, "__name__", None) or type(f).__name__
            undecided(
                f"{what} is called on one side of a branch on traced data, and may change "
                "something that outlasts it"
            )

    def _is_harmless(self, f: Any, function: Any) -> bool:
        name = getattr(f, "__name__", "")
        module = (getattr(f, "__module__", None) or "").partition(".")[0]
        if isinstance(function, FunctionType):
            drawn = (function.__module__ or "").startswith("numpy.random")
            own = not is_library(function)
            return self._sides.is_own(function) if own else not drawn and name not in IN_PLACE
        if isinstance(f, type):
            plain = dataclasses.is_dataclass(f) or issubclass(f, tuple | Exception)
            return plain or module in ("builtins", *PURE_MODULES)
        owner = getattr(f, "__self__", None)
        if isinstance(f, np.ufunc):
            return True
        if owner is None or type(owner).__name__ == "module":
            return _hashed(f) in HARMLESS or module in PURE_MODULES
        return name not in CHANGES


def _decided(x: Any) -> Any:
    """A traced integer or truth as one of Python's, for each of which there is a program."""
    return x if not isinstance(x, Read) else bool(x) if type_of(x) is bool else operator.index(x)


def _hashed(f: Any) -> Any:
    try:
        hash(f)
    except TypeError:
        return None
    return f
