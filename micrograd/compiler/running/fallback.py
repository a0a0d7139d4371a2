"""The same answers without a program: what a compiled function falls back on.

Used where a compiled result is not finite, so that it is what the eager engine says, and by
`exact`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from micrograd.compiler.trace.arguments.results import Outputs, outputs_of, sequence
from micrograd.compiler.trace.arguments.samples import first_samples, samples_of
from micrograd.compiler.trace.arguments.structures import called
from micrograd.compiler.trace.eagerly import Gradient, eagerly, put_gradients, slopes
from micrograd.compiler.trace.numbers.records import attributes_of, is_record, record_like
from micrograd.compiler.update.members import check_trains
from micrograd.engine import Value, backward_from, zero_gradients
from micrograd.functions import apply
from micrograd.interrupts import restored
from micrograd.optim.optimizer import Optimizer, Update
from micrograd.optim.state import scalars

Function = Callable[..., Any]


def eager_value(fn: Function, inputs: tuple[Any, ...], batch: bool) -> Any:
    """The loss, or (loss, aux)."""
    loss, result = _run(fn, inputs, batch)
    return result(loss.data)


def eager_gradient(
    fn: Function, inputs: tuple[Any, ...], batch: bool, parameters: Sequence[Value]
) -> tuple[Any, np.ndarray]:
    """The loss (or (loss, aux)) and the gradient; all gradients are left as they were."""
    loss, result = _run(fn, inputs, batch)
    return result(loss.data), np.array(slopes(loss, parameters), float)


def eager_step(fn: Function, inputs: tuple[Any, ...], batch: bool, optimizer: Optimizer) -> Any:
    """The loss (or (loss, aux)) and one update; other gradients are left as they were."""
    loss, result = _run(fn, inputs, batch)
    before = loss.data  # which may be a parameter
    leaves = [v for group in optimizer.param_groups for v in scalars(group["params"])]
    kept: list[Gradient] = [(v, v.grad, v._mark) for v in leaves]
    noted: list[Gradient] = []
    done: list[list[Update]] = []

    def computed() -> list[Update]:
        zero_gradients(leaves)
        backward_from(loss, noted)
        updates = optimizer.updates()
        trained = {id(v) for v in leaves}
        if not any(id(v) in trained for v, *_ in noted):
            check_trains(fn, [v for v, *_ in noted if v._row is None], leaves)
        put_gradients([x for x in noted if id(x[0]) not in trained])
        done.append(updates)
        return updates

    def put_back() -> None:
        put_gradients([] if done else noted + kept)

    optimizer.apply(restored(computed, put_back))
    return result(before)


def _run(
    fn: Function, inputs: tuple[Any, ...], batch: bool
) -> tuple[Value, Callable[[float], Any]]:
    """The loss, and what makes the result of its number."""
    if batch:
        first_samples(inputs)
    samples = samples_of(inputs) if batch else [inputs]

    def run() -> list[Outputs]:
        return [outputs_of(called(fn, sample), mean=batch) for sample in samples]

    runs = eagerly(run)
    loss = runs[0].values[0]
    for other in runs[1:]:
        loss = apply("add", loss, other.values[0])
    if batch:
        loss = apply("div", loss, float(len(samples)))
    packed = runs[0].packed
    if packed is None:
        return loss, lambda x: x
    parts = [run.rebuild([v.data for v in run.values]) for run in runs]
    aux = _mean(parts) if batch else parts[0]
    return loss, lambda x: packed(x, aux)


def _mean(parts: list[Any]) -> Any:
    """The mean of structures of numbers."""
    first = parts[0]
    if isinstance(first, dict):
        return {key: _mean([p[key] for p in parts]) for key in first}
    if isinstance(first, list | tuple):
        return sequence(type(first), [_mean([p[i] for p in parts]) for i in range(len(first))])
    if is_record(first):
        rows = zip(*[attributes_of(p).values() for p in parts], strict=True)
        return record_like(first, [_mean([*row]) for row in rows])
    if isinstance(first, bool | int | float):
        return sum(map(float, parts)) / len(parts)
    return first
