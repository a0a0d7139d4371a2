"""The arguments of a call as arrays of numbers: what holds several things is an argument for each.

A dict `sample` with an "x" becomes `sample_x`; text, flags and None are part of the program, as
they are for the compiler.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from micrograd.compiler.explain.naming import shape_of_argument
from micrograd.compiler.trace.structures import is_static, parts
from micrograd.tensors.tensor import Tensor

KeyPath = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ArgumentPart:
    """An array in the arguments: where it is, its place among their numbers, and its shape."""

    name: str
    argument: int
    path: KeyPath  # from the argument to it
    start: int  # of its numbers among those of the argument
    shape: tuple[int, ...]
    whole: bool  # whether its numbers are integers

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return int(np.prod(self.shape))

    def of(self, inputs: tuple[Any, ...], batch: bool) -> np.ndarray:
        """Its numbers in the arguments of a call."""
        x = inputs[self.argument]
        if batch and self.path:
            found: Any = [_at(sample, self.path) for sample in x]
        else:
            found = _at(x, self.path)
        if isinstance(found, Tensor):
            found = found.numpy()
        return np.asarray(found, np.int64 if self.whole else np.float64)


def parts_of(x: Any, name: str, argument: int) -> list[ArgumentPart]:
    """The arrays in one argument, in the order of its numbers."""
    found: list[ArgumentPart] = []
    taken: set[str] = set()
    start = 0
    for path, value in _arrays(x):
        stem = re.sub(r"\W+", "_", "_".join([name, *map(str, path)]))
        while stem in taken:
            stem += "_"
        taken.add(stem)
        part = ArgumentPart(stem, argument, path, start, shape_of_argument(value), _whole(value))
        found.append(part)
        start += part.size
    return found


def _arrays(x: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if is_static(x):
        return
    inside = parts(x)
    if inside is None or _is_regular(x):
        yield path, x
        return
    for key, item in zip(_keys(x), inside, strict=True):
        yield from _arrays(item, (*path, key))


def _keys(x: Any) -> list[Any]:
    if isinstance(x, dict):
        return list(x)
    if dataclasses.is_dataclass(x):
        return [field.name for field in dataclasses.fields(x)]
    return list(getattr(x, "_fields", range(len(x))))


def _at(x: Any, path: KeyPath) -> Any:
    for key in path:
        by_name = isinstance(key, str) and not isinstance(x, dict)
        x = getattr(x, key) if by_name else x[key]
    return x


def _is_regular(x: Any) -> bool:
    """Whether nested lists are an array of numbers."""
    if not isinstance(x, list | tuple) or not x:
        return False
    flat: list[Any] = [x]
    while flat and all(isinstance(v, list | tuple) for v in flat):
        if len({len(v) for v in flat}) > 1:
            return False
        flat = [item for v in flat for item in v]
    if any(is_static(v) or parts(v) is not None or np.ndim(v) for v in flat):
        return False
    kinds = {_whole(v) for v in flat}
    return len(kinds) == 1 and bool(flat)


def _whole(x: Any) -> bool:
    while isinstance(x, list | tuple):
        x = x[0]
    return x.dtype.kind in "iub" if isinstance(x, np.ndarray) else isinstance(x, Integral)
