"""Constant arrays of an exported program, and the names that are in use in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.exporting.expressions import Expr, array

RESERVED = frozenset({"np", "jnp", "jax", "torch", "parameters", "loss", "gradient", "n", "dim"})


class ConstantArrays:
    """Arrays of numbers by name; `taken` are all names that there are."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.taken = set(taken)
        self.arrays: dict[str, np.ndarray] = {}
        self._names: dict[tuple[Any, ...], str] = {}

    def constant(self, values: np.ndarray, letter: str) -> Expr:
        """An array of numbers, which gets a name with that letter."""
        key = (letter, values.shape, values.tobytes())
        if key not in self._names:
            self._names[key] = self.free(letter, 1)
            self.arrays[self._names[key]] = np.ascontiguousarray(values)
        return array(self._names[key], values.shape)

    def index(self, at: Ids) -> Expr:
        """An array of indices."""
        return self.constant(at.astype(np.int64), "I")

    def free(self, stem: str, k: int = 0) -> str:
        """A name that is not in use, and is from then on."""
        name = f"{stem}{k or ''}"
        while name in self.taken or name in RESERVED:
            k += 1
            name = f"{stem}{k}"
        self.taken.add(name)
        return name
