"""The arguments of a call as arrays of numbers: what holds several things is an argument for each.

A dict `sample` with an "x" becomes `sample_x`; text, flags and None are part of the program, as
they are for the compiler.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.explain.naming import shape_of_argument
from micrograd.compiler.trace.arguments.structures import is_static, parts
from micrograd.tensors.tensor import Tensor

KeyPath = tuple[Any, ...]
EACH = object()  # in a path: every item of a list


@dataclass(frozen=True, slots=True)
class ArgumentPart:
    """An array in the arguments: where it is, its place among their numbers, and its shape."""

    name: str
    argument: int
    path: KeyPath  # from the argument to it; EACH for all records of a list
    places: Ids  # of its numbers among those of the argument, in its shape
    whole: bool  # whether its numbers are integers

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.places.shape

    def of(self, inputs: tuple[Any, ...], batch: bool) -> np.ndarray:
        """Its numbers in the arguments of a call."""
        x = inputs[self.argument]
        if batch and self.path:
            found: Any = [_at(sample, self.path) for sample in x]
        else:
            found = _at(x, self.path)
        return np.asarray(found, np.int64 if self.whole else np.float64)


def parts_of(x: Any, name: str, argument: int) -> list[ArgumentPart]:
    """The arrays in one argument, in the order of its numbers."""
    found: list[ArgumentPart] = []
    taken: set[str] = set()
    for path, places, whole in _arrays(x)[0]:
        stem = re.sub(r"\W+", "_", "_".join([name, *(str(k) for k in path if k is not EACH)]))
        while stem in taken:
            stem += "_"
        taken.add(stem)
        found.append(ArgumentPart(stem, argument, path, places, whole))
    return found


ArrayPlaces = list[tuple[KeyPath, Ids, bool]]


def _arrays(x: Any, start: int = 0) -> tuple[ArrayPlaces, int]:
    """The arrays in an argument whose numbers start there, and where they end."""
    if is_static(x):
        return [], start
    inside = parts(x)
    if inside is None or _is_regular(x):
        shape = shape_of_argument(x)
        size = int(np.prod(shape))
        return [((), start + np.arange(size).reshape(shape), _whole(x))], start + size
    found: ArrayPlaces = []
    each: list[ArrayPlaces] = []
    for key, item in zip(_keys(x), inside, strict=True):
        own, start = _arrays(item, start)
        each.append(own)
        found += [((key, *path), places, whole) for path, places, whole in own]
    kinds = {tuple((path, p.shape, whole) for path, p, whole in own) for own in each}
    if isinstance(x, list) and len(x) > 1 and len(kinds) == 1:  # of records: a column each
        found = [
            ((EACH, *path), np.stack([own[k][1] for own in each]), whole)
            for k, (path, _, whole) in enumerate(each[0])
        ]
    return found, start


def _keys(x: Any) -> list[Any]:
    if isinstance(x, dict):
        return list(x)
    if dataclasses.is_dataclass(x):
        return [field.name for field in dataclasses.fields(x)]
    return list(getattr(x, "_fields", range(len(x))))


def _at(x: Any, path: KeyPath) -> Any:
    if isinstance(x, Tensor):
        return x.numpy()
    for k, key in enumerate(path):
        if key is EACH:
            return [_at(item, path[k + 1 :]) for item in x]
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
