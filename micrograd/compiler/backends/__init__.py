"""What runs programs: one module or package a backend, each with `load(program, dtype)`.

NumPy calls, or LLVM's text rendered (`render`; of sequences an interpreter: `bytecode`, sums of
many `products`, instructions that are one: `combined`, `interpreter`, and loops: `ordered`) apart
from being run (`execution`): compiled quickly at once, without kernels that other programs have
but for numbers (`kernels`; nests of lists of several lengths are cut so that they are, `calls`),
and well in another thread once it has run for a while (`later`), with the same bits; kept on disk
(`objects`); large matrix products panel by panel (`tiling`); shares are claimed by whoever comes
first, a program's thread or one of a `pool`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.nest.ir import MASKS, Program, Space, SpaceRole

MARK = "kernel"


class Executable(Protocol):
    """A program, ready to run on arrays of its own precision."""

    source: str  # the text that runs, with a `mark` before what each nest does
    work: NDArray[Any]  # its own, from program.work; may be longer
    sizes: dict[Space, int]  # of the program's spaces
    run: Callable[[], float]  # the loss; nan if it or a checked number is not finite
    step: Callable[[], float]  # the same, and where that is not nan, the update that follows

    def follow(self, update: Executable, at: int) -> None:
        """Let `step` go on with this update, whose GRADIENTS are in work from `at` on."""
        ...

    def point(self, space: Space, array: NDArray[Any]) -> None:
        """Use this array for a space other than work, from the next run on.

        PARAMETERS and STATE are written in place; arguments are read in each run.

        A ValueError says that there is no such space, or that the array is not C-contiguous or not
        of the space's type and size.
        """
        ...


def mark(place: int) -> str:
    """The comment before what a nest of a program does; the first is kernel 1."""
    return f"{MARK} {place + 1}"


def write_constants(work: NDArray[Any], program: Program) -> None:
    """Write what work holds at first; what is 0 is not touched, which may be most of it."""
    places = np.flatnonzero(program.work)
    work[places] = program.work[places]


def space_type(space: Space, dtype: Any) -> np.dtype[Any]:
    """The type of the numbers in a space of a program of that precision."""
    if space is MASKS:
        return np.dtype(np.bool_)
    return np.dtype(np.int64 if space.role is SpaceRole.IDS else dtype)


def checked_array(
    space: Space, array: NDArray[Any], sizes: dict[Space, int], dtype: Any
) -> NDArray[Any]:
    """The array, if it may be used for that space; a ValueError if not."""
    if space not in sizes:
        raise ValueError(f"no space {space}; there are {', '.join(map(str, sizes)) or 'none'}")
    expected = space_type(space, dtype)
    if array.dtype != expected or array.size != sizes[space] or not array.flags.c_contiguous:
        raise ValueError(
            f"{space} must be {sizes[space]} of {expected}, C-contiguous, "
            f"got {array.size} of {array.dtype}"
        )
    return array
