"""Whether what was written computes what the function computes: its loss and every derivative.

It runs on random arguments of the shape and kind of those that were given, with random parameters
near those that there are, and with another number of samples where the text takes any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from micrograd.compiler.trace.arguments.stand_ins import refilled
from micrograd.errors import CompileError
from micrograd.exporting.subject import CallInputs, Subject
from micrograd.exporting.written import Written
from micrograd.interrupts import restored

RUNS = 2  # with random numbers
FEW_SAMPLES = 3  # of a run with another number of them


def check(subject: Subject, written: Written) -> None:
    """Raise a CompileError that says where the two differ; the parameters are as they were."""
    leaves = subject.leaves
    before = [v.data for v in leaves]
    rng = np.random.default_rng(0)

    def run() -> None:
        for k, inputs in enumerate(_trials(subject, written, rng)):
            if k:
                noise = rng.normal(size=len(leaves))
                for v, x, e in zip(leaves, before, noise.tolist(), strict=True):
                    v.data = x + 0.1 * e * (abs(x) or 1.0)
            _compare(subject, written, inputs)

    def put_back() -> None:
        for v, x in zip(leaves, before, strict=True):
            v.data = x

    restored(run, put_back)


def _trials(subject: Subject, written: Written, rng: Any) -> Iterator[CallInputs]:
    """Arguments: those that were given, random ones, and others in number."""
    yield subject.inputs
    for _ in range(RUNS):
        yield tuple(similar(x, rng) for x in subject.inputs)
    if written.free_samples:
        fewer = resized(subject.inputs, written.free_samples, FEW_SAMPLES)
        yield tuple(similar(x, rng) for x in fewer)


def resized(inputs: CallInputs, arguments: tuple[int, ...], samples: int) -> CallInputs:
    """The inputs with another number of samples in these arguments, the first ones over again."""
    changed = list(inputs)
    for k in arguments:
        x = inputs[k]
        places = [i % len(x) for i in range(samples)]
        changed[k] = x[places] if isinstance(x, np.ndarray) else type(x)(x[i] for i in places)
    return tuple(changed)


def similar(x: Any, rng: Any) -> Any:
    """A random argument of the kind of `x`: signs stay, and integers are some of its own."""
    integers: dict[Any, list[int]] = {}

    def note(number: Any, group: Any) -> Any:
        if group is not None:
            integers.setdefault(group, []).append(number)
        return number

    def new(number: Any, group: Any) -> Any:
        if group is not None:
            return int(rng.choice(integers[group]))
        return float(number) * float(np.exp(0.3 * rng.normal()))

    refilled(x, note)
    return refilled(x, new)


def _compare(subject: Subject, written: Written, inputs: CallInputs) -> None:
    leaves = subject.leaves
    loss, gradient = subject.eager(inputs, leaves)
    numbers = np.array([v.data for v in leaves])
    arrays = list(inputs) if written.as_called else subject.arrays(inputs)
    parameters = {
        name: numbers[members].reshape(np.shape(written.parameters[name]))
        for name, members in written.members.items()
    }
    if written.gradient is None:
        got, found = written.loss(parameters, *arrays), None
    else:
        got, found = written.gradient(parameters, *arrays)
    if np.isnan(got) and subject.traced.outputs.conditional and inputs is not subject.inputs:
        return  # integers for which the function is another program
    _close("the loss", np.asarray(got), np.asarray(loss), written.tolerance)
    if found is None:
        return
    if inputs is subject.inputs:
        alone = np.asarray(written.loss(parameters, *arrays))
        _close("the loss", alone, np.asarray(loss), written.tolerance)
    scale = float(np.abs(gradient).max(initial=0.0))
    for name, members in written.members.items():
        derivative = np.asarray(found[name])
        if derivative.shape != np.shape(written.parameters[name]):
            raise CompileError(f"cannot be exported: the gradient of {name} has another shape")
        of = f"the gradient of {name}"
        _close(of, derivative.ravel(), gradient[members], written.tolerance, scale)


def _close(
    what: str, got: np.ndarray, expected: np.ndarray, tolerance: float, scale: float = 0.0
) -> None:
    """Raise a CompileError unless two arrays agree to the tolerance, of the largest number."""
    size = max(1.0, scale, float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0)))
    with np.errstate(invalid="ignore"):
        near = np.abs(got - expected) <= tolerance * size
    same = near | (got == expected) | (np.isnan(got) & np.isnan(expected))
    if not same.all():
        k = int(np.argmin(same.ravel()))
        raise CompileError(
            f"cannot be exported: what was written gives {what} as {got.ravel()[k]:.17g}, the "
            f"function as {expected.ravel()[k]:.17g}; this is a fault of micrograd.export"
        )
