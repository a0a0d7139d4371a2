"""The arguments of a call with `batch=True`: samples, and flags that are the same for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from numbers import Integral, Real
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from micrograd.compiler.trace.arguments.stand_ins import refilled, shape_of, types_in
from micrograd.compiler.trace.arguments.structures import Keywords, kind, parts, rebuilt
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.tensors.tensor import Tensor

FLAGS = (bool, np.bool_, str, bytes, type(None), Enum, FunctionType, BuiltinFunctionType, type)


def is_shared(x: Any) -> bool:
    """Whether an argument is the same for all samples.

    Raises an ArgumentTypeError for samples that are given by name.
    """
    if type(x) is Keywords:
        named = [name for name, value in x.items() if not isinstance(value, FLAGS)]
        if named:
            raise ArgumentTypeError(
                f"with batch=True samples are given by position, got {', '.join(named)}="
            )
        return True
    return isinstance(x, FLAGS)


def samples_of(arguments: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The arguments of each sample.

    >>> samples_of(([1.0, 2.0], "mean"))
    [(1.0, 'mean'), (2.0, 'mean')]
    """
    size = size_of(arguments)
    return list(zip(*([x] * size if is_shared(x) else x for x in arguments), strict=True))


def size_of(arguments: tuple[Any, ...]) -> int:
    """How many samples there are; all arguments must have as many, and one at least."""
    sizes = []
    for k, x in enumerate(arguments):
        if is_shared(x):
            continue
        if not isinstance(x, np.ndarray | list | tuple | Tensor) or (
            not isinstance(x, list | tuple) and x.ndim == 0
        ):
            raise ArgumentValueError(
                f"argument {k} must have a leading axis, the batch, got {type(x).__name__}"
            )
        sizes.append(len(x))
    if sizes and not max(sizes):
        raise ArgumentValueError(
            "the batch has no samples, of which the mean would be: leave such a call out, "
            "`if len(xs):`"
        )
    if not sizes or min(sizes) != max(sizes):
        raise ArgumentValueError(f"the arguments must be equally many samples, got {sizes}")
    return sizes[0]


def first_samples(arguments: tuple[Any, ...]) -> tuple[int, tuple[Any, ...]]:
    """The number of samples, and one of them, with floats where some have floats.

    It is the first with a negative integer, which chooses from lists in another way; else the
    first of all.
    """
    size = size_of(arguments)
    place = next((p for x in arguments if not is_shared(x) for p in _negative(x)), 0)
    return size, tuple(_flag(x) if is_shared(x) else _sample(x, place, k)
                       for k, x in enumerate(arguments))  # fmt: skip


def check_types(arguments: tuple[Any, ...]) -> None:
    """Raise an ArgumentValueError if samples are of several types: for what asks for these."""
    for k, x in enumerate(arguments):
        lists = isinstance(x, list | tuple) and not is_shared(x)
        if lists and len({types_in((sample,)) for sample in x}) > 1:
            raise ArgumentValueError(
                f"the samples of argument {k} are of several types, which the function asks for: "
                "all samples have one program; make them of one type, as `[float(x) for x in xs]`"
            )


def _flag(x: Any) -> Any:
    return bool(x) if isinstance(x, np.bool_) else x


def _negative(x: Any) -> Iterator[int]:
    """Where samples are that have a negative integer."""
    if isinstance(x, list | tuple) and not isinstance(x[0], list | tuple | int | np.ndarray):
        return
    try:
        numbers = np.asarray(x) if not isinstance(x, Tensor) else np.zeros(0)
    except ValueError:  # of several lengths
        return
    if numbers.dtype.kind == "i" and numbers.size:
        yield from np.flatnonzero((numbers.reshape(len(numbers), -1) < 0).any(1)).tolist()


def _sample(x: Any, place: int, k: int) -> Any:
    if not isinstance(x, list | tuple):
        return x[place]
    shapes = {shape_of((sample,)) for sample in x}
    if len(shapes) == 1:
        return x[place]
    plain = {shape_of((_of_floats(sample),)) for sample in x}
    if len(plain) > 1:
        raise ArgumentValueError(
            f"the samples of argument {k} are not of one shape: all have one program, of which "
            "lengths, flags and text are part; fill lists up to one length, and pass flags as an "
            "array, `np.array(flags)`"
        )
    return _alike(x, place)


def _of_floats(x: Any) -> Any:
    return refilled(x, lambda number, _: float(number))


def _alike(samples: Sequence[Any], place: int) -> Any:
    """One of several samples, whose integers are floats where others have floats."""
    chosen = samples[place]
    inside = parts(chosen)
    if inside is None or isinstance(chosen, list):
        floats = any(not _is_whole(sample) for sample in samples)
        return _of_floats(chosen) if floats else chosen
    if any(kind(sample) != kind(chosen) for sample in samples):
        return _of_floats(chosen)
    columns = zip(*(parts(sample) or () for sample in samples), strict=True)
    return rebuilt(chosen, [_alike(column, place) for column in columns])


def _is_whole(x: Any) -> bool:
    """Whether all numbers in it are integers."""
    inside = parts(x)
    if inside is None:
        return not isinstance(x, Real) or isinstance(x, Integral)
    return all(map(_is_whole, inside))
