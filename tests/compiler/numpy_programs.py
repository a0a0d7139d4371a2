"""Small programs for the NumPy backend, and what it writes for them."""

from __future__ import annotations

import re
from typing import Any

import interpret
import numpy as np

from micrograd.compiler.backends.numpy.execution import NumpyExecutable, load
from micrograd.compiler.backends.numpy.peephole import simplified
from micrograd.compiler.nest.ir import (
    MASKS,
    PARAMETERS,
    WORK,
    Affine,
    Nest,
    Program,
    Statement,
    argument,
)

N = 12


def at(base: int, space: str = WORK, stride: int = 1) -> Affine:
    return Affine(space, base, (stride,))


def each(row: str, out: Affine, *inputs: Affine, **more: Any) -> Nest:
    return Nest((N,), (Statement(row, out, inputs, **more),))


def program_of(*kernels: Nest, work: int = 200, kept: int = 0) -> Program:
    """The kernels; the loss is 0, and what is kept are N numbers."""
    sizes = {argument(0): 3 * N, PARAMETERS: N}
    start = np.linspace(-1.0, 1.0, work)
    start[-1] = 0.0
    return Program(kernels, start, sizes, work - 1, (), ((kept, N),))


def loaded(program: Program) -> tuple[NumpyExecutable, dict[str, np.ndarray]]:
    rng = np.random.default_rng(5)
    spaces = {space: rng.normal(size=size) for space, size in program.sizes.items()}
    executable = load(program, "float64")
    for space, numbers in spaces.items():
        if space != MASKS:
            executable.point(space, numbers)
    return executable, spaces


def calls(executable: NumpyExecutable) -> list[str]:
    """What the function does before it looks at the loss."""
    body = executable.source.split("def run():\n")[1].split("    loss = ")[0]
    lines = (line.strip() for line in body.splitlines())
    return [re.sub(r"\bv\d+", "v", line) for line in lines if not line.startswith("#")]


def assert_same(program: Program, kept: int = 0) -> NumpyExecutable:
    """Simplified or not, what is kept is what the interpreter finds; returns the simplified one."""
    for version in (program, simplified(program)):
        executable, spaces = loaded(version)
        spaces = {**spaces, WORK: program.work.copy()}
        executable.run()
        interpret.run(program, spaces)
        np.testing.assert_allclose(
            executable.work[kept : kept + N], spaces[WORK][kept : kept + N], rtol=1e-12
        )
    return executable
