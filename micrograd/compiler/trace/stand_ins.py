"""What a compiled function is called with: its shape, its numbers, and stand-ins for a trace."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from numbers import Integral, Real
from typing import Any

import numpy as np

from micrograd.compiler.trace.tracer import Index, Read, Tracer
from micrograd.engine import Value, floats_in
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.tensors.elements import filled
from micrograd.tensors.tensor import Tensor

FLOAT, INTEGER, STATIC = "float", "int", "static"
MOST_INTEGER = 2**53  # up to which every integer is a float
CallShape = tuple[Hashable, ...]


def shape_of(arguments: tuple[Any, ...]) -> CallShape:
    """What a program depends on: the arguments' structure, sorts of number and static values."""
    return tuple(_shape(x, f"argument {k}") for k, x in enumerate(arguments))


def _shape(x: Any, name: str) -> Hashable:
    if isinstance(x, np.ndarray):
        sort = {"f": FLOAT, "i": INTEGER, "u": INTEGER, "b": INTEGER}.get(x.dtype.kind)
        if sort is None:
            raise ArgumentTypeError(f"{name} must hold numbers, got an array of {x.dtype}")
        return "array", sort, x.shape
    if isinstance(x, Tensor):
        if x.requires_grad:
            raise ArgumentTypeError(
                f"{name} is an array that requires gradients; arguments are numbers, and what is "
                "trained is met by itself"
            )
        return "tensor", FLOAT, x.shape
    if isinstance(x, bool):
        return STATIC, x
    if isinstance(x, Value):
        raise ArgumentTypeError(
            f"{name} holds a Value; arguments are numbers, and what is trained is met by itself"
        )
    if isinstance(x, Integral):
        return INTEGER
    if isinstance(x, Real):
        return FLOAT
    if isinstance(x, list | tuple):
        regular = _regular(x)
        if regular is not None:
            return containers(x), *regular
        parts = [_shape(item, name) for item in x]
        if len(parts) > 1 and parts.count(parts[0]) == len(parts):
            return type(x).__name__, len(parts), parts[0]
        return type(x).__name__, tuple(parts)
    raise ArgumentTypeError(
        f"{name} must be a number or nested lists or arrays of numbers, got {type(x).__name__}"
    )


def containers(x: Any) -> str:
    """The types of nested lists, as of the first in each."""
    name = type(x).__name__
    if not isinstance(x, list | tuple) or not x or not isinstance(x[0], list | tuple | np.ndarray):
        return name
    return f"{name} of {containers(x[0])}"


def _regular(x: Any) -> tuple[str, tuple[int, ...]] | None:
    """The sort and shape of nested lists that make an array of numbers."""
    floats = floats_in(x)
    if floats is not None:
        return FLOAT, floats[1]
    try:
        array = np.array(x)
    except ValueError:
        return None
    sort = {"f": FLOAT, "i": INTEGER}.get(array.dtype.kind)
    if sort is None or not array.size:
        return None
    items: list[Any] = [x]
    sorts: set[type] = set()
    for _ in range(array.ndim):
        items = list(chain.from_iterable(items))
        sorts = set(map(type, items))
        if len(sorts) > 1 and not all(issubclass(sort, Real) for sort in sorts):
            return None
    return None if bool in sorts else (sort, array.shape)


def _plain_numbers(x: Any) -> list[Any] | None:
    """The numbers in nested lists that hold floats or integers alone, all as deep."""
    items: list[Any] = [x]
    sorts: set[type] = {type(x)}
    while sorts and sorts <= {list, tuple}:
        items = list(chain.from_iterable(items))
        sorts = set(map(type, items))
    return items if sorts in ({float}, {int}) else None


def is_integral(shape: Hashable) -> bool:
    """Whether all numbers of an argument are integers."""
    return set(_sorts(shape)) == {INTEGER}


def _sorts(shape: Hashable) -> Iterator[str]:
    if isinstance(shape, str):
        yield shape
    elif isinstance(shape, tuple) and shape[1] in (FLOAT, INTEGER):
        yield shape[1]
    elif isinstance(shape, tuple) and shape[0] in ("list", "tuple") and len(shape) < 4:
        for part in shape[1:] if len(shape) == 3 else shape[1]:
            if not isinstance(part, int):
                yield from _sorts(part)


def flat(x: Any, dtype: Any) -> np.ndarray:
    """The numbers of an argument, in one contiguous array."""
    if isinstance(x, Tensor):
        return np.array([v._data for v in x._values.flat], dtype)
    if isinstance(x, np.ndarray):
        if x.dtype.kind in "iu" and x.itemsize == 8 and x.size and dtype != np.int64:
            _check_integers(x.min(), x.max())
        return np.ascontiguousarray(x, dtype).reshape(-1)
    floats = floats_in(x)
    if floats is not None:
        return np.frombuffer(floats[0]).astype(dtype)
    plain = _plain_numbers(x)
    if plain is not None:
        array = np.array(plain)
        if array.dtype.kind != "f" or (np.abs(array) > MOST_INTEGER).any():
            whole = [n for n in plain if not isinstance(n, float)]
            _check_integers(min(whole, default=0), max(whole, default=0))
        return array.astype(dtype, copy=False)
    numbers: list[Any] = []
    stack = [x]
    while stack:
        item = stack.pop()
        if isinstance(item, list | tuple):
            stack.extend(reversed(item))
        elif isinstance(item, np.ndarray | Tensor):
            numbers.extend(flat(item, dtype).tolist())
        elif not isinstance(item, bool):
            if type(item) is not float and isinstance(item, Integral):
                _check_integers(item, item)
            numbers.append(item)
    return np.array(numbers, dtype)


def _check_integers(least: Any, most: Any) -> None:
    """Raise an error about an integer that a program, which computes in floats, cannot hold."""
    for number in (int(least), int(most)):
        if abs(number) > MOST_INTEGER:
            raise ArgumentValueError(
                f"an argument holds the integer {number}; compiled programs compute in floats, "
                "which hold integers up to 2**53: pass it as a float if that is near enough"
            )


@dataclass(slots=True)
class StandIns:
    """Traced arguments, and what their numbers are called."""

    arguments: tuple[Any, ...]
    values: list[float]  # of the inputs, numbered through all arguments
    argument: list[int]  # which argument each is in
    at: list[int]
    ids: list[int]  # of the run-time integers, numbered through all arguments
    ids_argument: list[int]
    ids_at: list[int]


def stand_ins(arguments: tuple[Any, ...], shape: CallShape, tracer: Tracer) -> StandIns:
    """The arguments with a Read in the place of every number."""
    made = StandIns((), [], [], [], [], [], [])
    whole = []
    for k, (x, sort) in enumerate(zip(arguments, shape, strict=True)):
        integral = is_integral(sort)
        numbers = iter(flat(x, np.int64 if integral else np.float64).tolist())
        reads = _reads(numbers, k, integral, made, tracer)
        whole.append(_rebuilt(x, partial(next, reads)))
    made.arguments = tuple(whole)
    return made


def _reads(
    numbers: Iterator[Any], k: int, integral: bool, made: StandIns, tracer: Tracer
) -> Iterator[Read]:
    for at, number in enumerate(numbers):
        sort = Index if integral else Read
        read = sort.__new__(sort)
        Value.__init__(read, float(number))
        tracer.inputs[id(read)] = len(made.values)
        tracer.leaves.append(read)
        made.values.append(float(number))
        made.argument.append(k)
        made.at.append(at)
        if integral:
            tracer.slots[id(read)] = len(made.ids)
            made.ids.append(int(number))
            made.ids_argument.append(k)
            made.ids_at.append(at)
        yield read


def _rebuilt(x: Any, read: Callable[[], Read]) -> Any:
    if isinstance(x, np.ndarray | Tensor):
        values = filled(tuple(x.shape), [read() for _ in range(int(np.prod(x.shape)))])
        return Tensor(values) if isinstance(x, Tensor) else values
    if isinstance(x, list | tuple):
        parts = [_rebuilt(item, read) for item in x]
        return parts if isinstance(x, list) else tuple(parts)
    return x if isinstance(x, bool) else read()


def first_samples(arguments: tuple[Any, ...]) -> tuple[int, tuple[Any, ...]]:
    """The number of samples, and the first of each argument; all must have as many."""
    sizes = []
    for k, x in enumerate(arguments):
        if not isinstance(x, np.ndarray | list | tuple | Tensor) or (
            not isinstance(x, list | tuple) and x.ndim == 0
        ):
            raise ArgumentValueError(
                f"argument {k} must have a leading axis, the batch, got {type(x).__name__}"
            )
        sizes.append(len(x))
    if not sizes or min(sizes) != max(sizes) or not sizes[0]:
        raise ArgumentValueError(f"the arguments must be equally many samples, got {sizes}")
    samples = []
    for k, x in enumerate(arguments):
        lists = isinstance(x, list | tuple)
        shapes = {_shape(sample, f"argument {k}") for sample in x} if lists else {0}
        if len(shapes) > 1:
            raise ArgumentValueError(f"the samples of argument {k} are not of one shape")
        samples.append(x[0])
    return sizes[0], tuple(samples)
