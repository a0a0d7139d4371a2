"""The target "c": a file and a header, checked by the C compiler of the machine."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.trace.arguments.stand_ins import refilled
from micrograd.errors import CompileError
from micrograd.exporting.c.arrays import NamedPart
from micrograd.exporting.c.integers import allowed
from micrograd.exporting.c.library import Library
from micrograd.exporting.c.programs import CPrograms, exported
from micrograd.exporting.c.source import CSource, c_source
from micrograd.exporting.subject import Subject
from micrograd.exporting.written import Written
from micrograd.optim.state import scalars

NAME = "net"  # of functions, until a file has another name
TOLERANCE = {"float64": 1e-12, "float32": 1e-4}
STEPS = 3  # that are compared
TRIALS = 16  # with other integers


def write(subject: Subject, free: bool = False, loops: bool = True) -> Written:
    """The function, its gradient and, with an optimiser, its step: as the compiler has it.

    Raises a CompileError for what C cannot express, and where there is no C compiler: what has not
    been compared with the function is not written.
    """
    found = exported(subject.function, subject.traced, subject.unit.lanes, subject.optimizer)
    made = c_source(found, NAME)
    library = Library(made)
    arrays = _ParameterArrays(found, made)
    _check_integers(subject, library)
    if made.has_step:
        _check_step(subject, found, library)

    def loss(parameters: Mapping[str, Any], *inputs: Any) -> float:
        return library.loss(arrays.flat(parameters), *inputs)

    def gradient(parameters: Mapping[str, Any], *inputs: Any) -> tuple[float, dict[str, Any]]:
        value, slopes = library.gradient(arrays.flat(parameters), *inputs)
        return value, arrays.named(slopes)

    def files(name: str) -> dict[str, bytes]:
        named = c_source(found, name)
        return {".c": named.source.encode(), ".h": named.header.encode()}

    return Written(
        made.source, arrays.named(made.parameters), arrays.members, files(NAME), loss, gradient,
        tolerance=TOLERANCE[made.dtype], header=made.header, as_called=True, files_named=files,
        others={"library": library},
    )  # fmt: skip


class _ParameterArrays:
    """Parameters as named arrays, and as C has them: in one."""

    def __init__(self, found: CPrograms, made: CSource) -> None:
        self._initial = made.parameters
        number = np.full(len(made.parameters), -1)  # of each place, in the recording
        number[found.gradient.places] = np.arange(len(found.gradient.places))
        rest = np.ones(len(number), bool)
        parts = [part for part in made.parts if (number[part.at] >= 0).all()]
        for part in parts:
            rest[part.at] = False
        others = np.flatnonzero(rest & (number >= 0))
        if len(others):
            parts.append(NamedPart(made.rest, others, shape=(len(others),)))
        self._parts = parts
        self.members: dict[str, Ids] = {part.name: number[part.at] for part in parts}

    def flat(self, parameters: Mapping[str, Any]) -> np.ndarray:
        """All in one array; those that the function does not read are as they were."""
        flat = self._initial.copy()
        for part in self._parts:
            flat[part.at] = np.ravel(parameters[part.name])
        return flat

    def named(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """Each array in its shape."""
        return {part.name: flat[part.at].reshape(part.shape) for part in self._parts}


def _check_integers(subject: Subject, library: Library) -> None:
    """Raise a CompileError unless the loss is that of the function for other integers, too."""
    known = allowed(subject.traced) if subject.traced.choices is not None else {}
    longest = max(map(len, known.values()), default=0)
    for trial in range(min(longest, TRIALS)):
        counts: dict[Any, int] = {}

        def new(number: Any, group: Any, trial: int = trial, counts: Any = counts) -> Any:
            if group is None:
                return number
            counts[group] = counts.get(group, trial) + TRIALS
            return known[group][(counts[group] - TRIALS) % len(known[group])]

        inputs = tuple(refilled(x, new, k) for k, x in enumerate(subject.inputs))
        value, _ = subject.eager(inputs, ())
        got = library.loss(library.made.parameters, *inputs)
        if not np.isclose(got, value, rtol=1e3 * TOLERANCE[library.made.dtype], equal_nan=True):
            raise CompileError(
                f"cannot be exported: with other integers what was written gives {got:.17g}, the "
                f"function {value:.17g}; this is a fault of micrograd.export"
            )


def _check_step(subject: Subject, found: CPrograms, library: Library) -> None:
    """Raise a CompileError unless steps in C are those of the optimiser itself."""
    memo: dict[int, Any] = {}
    optimizer = copy.deepcopy(subject.optimizer, memo)
    assert optimizer is not None
    own = [copy.deepcopy(v, memo) for v in found.leaves]
    place = {id(v): k for k, v in enumerate(own)}
    parameters, state = library.made.parameters.copy(), library.made.state.copy()
    touched = found.gradient.touched
    for _ in range(STEPS):
        _, numbers = library.gradient(parameters, *subject.inputs, flags=True)
        flags = numbers[found.gradient.flags_from :]
        reached = {*touched.used.tolist(), *touched.chosen[flags[touched.flag] != 0].tolist()}
        for group in optimizer.param_groups:
            for v in scalars(group["params"]):
                k = place[id(v)]
                v._mark = 1 if k in reached else None
                v.grad = float(numbers[k])
        optimizer.step()
        if not np.isfinite(numbers).all():
            return
        library.step(parameters, state, *subject.inputs)
        after = np.array([v.data for v in own])
        near = TOLERANCE[library.made.dtype] * np.maximum(1.0, np.abs(after))
        if not (np.abs(parameters - after) <= near).all():
            k = int(np.argmax(np.abs(parameters - after)))
            raise CompileError(
                f"cannot be exported: a step in C gives parameter {k} as {parameters[k]:.17g}, "
                f"{type(optimizer).__name__} as {after[k]:.17g}; this is a fault of "
                "micrograd.export"
            )
