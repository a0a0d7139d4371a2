"""What rewritten code calls: users' functions rewritten, and built-in ones on traced numbers."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import operator
import sys
from collections.abc import Callable
from functools import partial
from numbers import Real
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd.compiler.trace.merging import merged
from micrograd.compiler.trace.reachable import PACKAGE
from micrograd.compiler.trace.tracer import Index, Read, Truth, as_read, current, undecided
from micrograd.engine import Value
from micrograd.functions import apply
from micrograd.nn.module import Module
from micrograd.tensors.choice import where
from micrograd.tensors.tensor import Tensor

if TYPE_CHECKING:
    from micrograd.compiler.trace.sides import Sides

MOST_SORTED = 64  # numbers
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
CONVERTING = {
    map, filter, sorted, max, min, functools.reduce, itertools.accumulate, functools.partial,
}  # fmt: skip


def is_library(f: FunctionType) -> bool:
    """Whether a function is no user's."""
    path = f.__code__.co_filename
    return path.startswith(LIBRARIES) or "site-packages" in path


class Callables:
    """Finds what stands in the place of something that is called."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self._swapped: dict[Any, Any] = {
            any: self._any, all: self._all, sorted: self._sorted, bool: _bool, float: _float,
            int: _int, isinstance: _isinstance, type: _type, np.where: _where, next: self._next,
            np.maximum: _of_two("maximum"), np.minimum: _of_two("minimum"),
        }  # fmt: skip
        self._swapped |= {getattr(math, name): _of_math(name) for name in OF_MATH}

    def replaced(self, f: Any) -> Any:
        """What is called in the place of f; refuses what a side may not do."""
        f = self._converted(f)
        tracer = current()
        if tracer is not None and tracer.sides:
            self._check(f)
        known = _hashed(f)
        if known in self._swapped:
            return self._swapped[known]
        if known in CONVERTING:
            return partial(self._with_converted, f)
        if getattr(f, "__name__", "") == "sort" and isinstance(getattr(f, "__self__", None), list):
            return partial(self._sort, f.__self__)
        return f

    def _with_converted(self, f: Any, *args: Any, **named: Any) -> Any:
        """The call of a function that calls its arguments."""
        given = {name: self._argument(x) for name, x in named.items()}
        return f(*map(self._argument, args), **given)

    def _argument(self, x: Any) -> Any:
        return self._converted(x) if isinstance(x, FunctionType | MethodType) else x

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

    # ---- built-in functions --------------------------------------------------------------------

    def _any(self, xs: Any) -> Any:
        result: Any = False
        for x in xs:
            if not isinstance(x, Read) and not isinstance(result, Truth):
                if x:
                    return True
                continue
            result = _truth_of(self._sides.one(result, "any", partial(_itself, x)))
        return result

    def _all(self, xs: Any) -> Any:
        result: Any = True
        for x in xs:
            if not isinstance(x, Read) and not isinstance(result, Truth):
                if not x:
                    return False
                continue
            result = _truth_of(self._sides.both(result, "all", partial(_itself, x)))
        return result

    def _next(self, *args: Any) -> Any:
        self._sides.effect("next()")
        return next(*args)

    def _sort(self, xs: list[Any], *, key: Any = None, reverse: bool = False) -> None:
        self._sides.effect("a list is sorted")
        xs[:] = self._sorted(xs, key=key, reverse=reverse)

    def _sorted(self, xs: Any, *, key: Any = None, reverse: bool = False) -> list[Any]:
        """Sorted by exchanges of neighbours, as many rounds as there are numbers: stable."""
        items = list(xs)
        convert = self._argument(key) if key is not None else None
        keys = items if convert is None else [convert(x) for x in items]
        if not any(isinstance(x, Value) for k in keys for x in (k if type(k) is tuple else [k])):
            order = iter(keys)
            return sorted(items, key=lambda _: next(order), reverse=reverse)
        if not all(isinstance(k, Value | float | int | tuple) for k in keys):
            return sorted(items, key=convert, reverse=reverse)
        if len(items) > MOST_SORTED:
            undecided(f"{len(items)} traced numbers are sorted; up to {MOST_SORTED} can be")
        keys = list(keys)
        for turn in range(len(items)):
            for i in range(turn % 2, len(items) - 1, 2):
                a, b = keys[i], keys[i + 1]
                wrong = _less(a, b) if reverse else _less(b, a)
                for row in (keys, items) if convert is not None else (items,):
                    x, y = row[i], row[i + 1]
                    if isinstance(wrong, Read):
                        row[i], row[i + 1] = merged(wrong, y, x), merged(wrong, x, y)
                    elif wrong:
                        row[i], row[i + 1] = y, x
                if convert is None:
                    keys = items
        return items


def _less(a: Any, b: Any) -> Any:
    """Whether a comes before b; of tuples, the first parts that differ decide."""
    if not isinstance(a, tuple) or not isinstance(b, tuple) or len(a) != len(b):
        return a < b
    answer: Any = False
    for x, y in zip(reversed(a), reversed(b), strict=True):
        first, same = x < y, x == y
        answer = (
            merged(same, answer, first) if isinstance(same, Read) else answer if same else first
        )
    return answer


def _itself(x: Any) -> Any:
    return x


def _hashed(f: Any) -> Any:
    try:
        hash(f)
    except TypeError:
        return None
    return f


def _truth_of(x: Any) -> Any:
    return x != 0 if isinstance(x, Read) and not isinstance(x, Truth) else x


def _bool(*args: Any) -> Any:
    return _truth_of(args[0]) if args and isinstance(args[0], Read) else bool(*args)


def _float(*args: Any) -> Any:
    if args and isinstance(args[0], Value):
        return args[0].data
    return float(*args)


def _int(*args: Any, **named: Any) -> Any:
    if len(args) == 1 and isinstance(args[0], Index | Truth):
        return args[0]
    if len(args) == 1 and isinstance(args[0], Value):
        return int(args[0].data)
    return int(*args, **named)


def _isinstance(x: Any, sorts: Any) -> bool:
    if not isinstance(x, Read):
        return isinstance(x, sorts)
    return issubclass(_type(x), sorts)


def _type(*args: Any) -> Any:
    """The type that a number has in the function as it is."""
    if len(args) != 1 or not isinstance(args[0], Read):
        return type(*args)
    return bool if isinstance(args[0], Truth) else int if isinstance(args[0], Index) else float


def _where(*args: Any, **named: Any) -> Any:
    traced = len(args) == 3 and any(
        isinstance(x, Value | Tensor) or (isinstance(x, np.ndarray) and x.dtype == object)
        for x in args
    )
    return where(*args) if traced else np.where(*args, **named)


def _of_two(row: str) -> Callable[..., Any]:
    plain = getattr(np, row)

    def of_two(*args: Any, **named: Any) -> Any:
        numbers = len(args) == 2 and not named and all(isinstance(x, Value | Real) for x in args)
        if not numbers or not any(isinstance(x, Value) for x in args):
            return plain(*args, **named)
        made = apply(row, *args)
        return made if any(type(x) is Value for x in args) else as_read(made)

    return of_two


def _method(name: str) -> Callable[..., Any]:
    return lambda x: getattr(x, name)()


OF_MATH: dict[str, Callable[..., Any]] = {
    **{name: _method(name) for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "erf")},
    "fabs": abs,
    "pow": operator.pow,
    "tan": lambda x: x.sin() / x.cos(),
    "log2": lambda x: x.log() / math.log(2.0),
    "log10": lambda x: x.log() / math.log(10.0),
    "isnan": lambda x: x != x,
    "degrees": lambda x: x * (180.0 / math.pi),
    "radians": lambda x: x * (math.pi / 180.0),
}


def _of_math(name: str) -> Callable[..., Any]:
    """The function of `math`, which takes traced numbers as well: a number, without gradient."""
    plain, on_reads = getattr(math, name), OF_MATH[name]

    def function(*args: Any) -> Any:
        if not any(isinstance(x, Value) for x in args):
            return plain(*args)
        numbers = [x.data if isinstance(x, Value) else x for x in args]
        if not any(isinstance(x, Read) for x in numbers):
            return plain(*numbers)
        if name == "log" and len(numbers) == 2:
            base = numbers[1].log() if isinstance(numbers[1], Read) else math.log(numbers[1])
            number = numbers[0].log() if isinstance(numbers[0], Read) else math.log(numbers[0])
            return number / base
        return on_reads(*numbers)

    return function
