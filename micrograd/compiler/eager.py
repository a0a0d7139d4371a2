"""The same answers without a program: what a compiled function falls back on.

Used where a compiled result is not finite, so that it is what the eager engine says, and by
`exact`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from micrograd.compiler.arguments import first_samples
from micrograd.compiler.memory import Memory
from micrograd.compiler.store import Stored, place_of, store_of
from micrograd.compiler.traced import _collect, _loss
from micrograd.engine import Value
from micrograd.functions import apply
from micrograd.gradients import grad
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
    """The loss (or (loss, aux)) and the gradient."""
    loss, result = _run(fn, inputs, batch)
    return result(loss.data), np.array([g.data for g in grad(loss, list(parameters))])


def eager_step(fn: Function, inputs: tuple[Any, ...], batch: bool, optimizer: Optimizer) -> Any:
    """The loss (or (loss, aux)) and one update; gradients are left as they were."""
    loss, result = _run(fn, inputs, batch)
    leaves = [v for group in optimizer.param_groups for v in scalars(group["params"])]
    kept = [(v, v.grad, v._mark) for v in leaves]
    try:
        for v in leaves:
            v.zero_grad()
        loss.backward()
        updates = optimizer.updates()
    finally:
        for v, gradient, mark in kept:
            v.grad, v._mark = gradient, mark
    _apply(optimizer, updates)
    return result(loss.data)


def _apply(optimizer: Optimizer, updates: list[Update]) -> None:
    """Carry out an update so that an interruption finds all of it done or nothing."""
    stored = [u for u in updates if isinstance(u.value, Stored)]
    store = store_of(stored[0].value) if stored else None
    if store is None or len(stored) < len(updates):
        optimizer.apply(updates)
        return
    numbers = store.numbers.copy()
    numbers[[place_of(u.value) for u in updates]] = [u.new for u in updates]
    states = {u.value: u.state for u in updates if u.state}
    if isinstance(optimizer.state, Memory):
        optimizer.state.write(states)
    else:
        optimizer.state.update(states)
    store.numbers[:] = numbers


def _run(
    fn: Function, inputs: tuple[Any, ...], batch: bool
) -> tuple[Value, Callable[[float], Any]]:
    """The loss, and what makes the result of its number."""
    if not batch:
        return _parsed(fn(*inputs))
    count, _ = first_samples(inputs)
    results = [fn(*sample) for sample in zip(*inputs, strict=True)]
    runs = [_parsed(result) for result in results]
    loss = runs[0][0]
    for other, _ in runs[1:]:
        loss = apply("add", loss, other)
    loss = apply("div", loss, float(count))
    if not isinstance(results[0], tuple):
        return loss, lambda x: x
    auxes = [result(0.0)[1] for _, result in runs]
    return loss, lambda x: (x, _mean(auxes))


def _parsed(result: Any) -> tuple[Value, Callable[[float], Any]]:
    if not (isinstance(result, tuple) and len(result) == 2):
        return _loss(result), lambda x: x
    values: list[Value] = []
    rebuild = _collect(result[1], values)
    aux = rebuild([v.data for v in values])
    return _loss(result[0]), lambda x: (x, aux)


def _mean(parts: list[Any]) -> Any:
    """The mean of structures of numbers."""
    first = parts[0]
    if isinstance(first, dict):
        return {key: _mean([p[key] for p in parts]) for key in first}
    if isinstance(first, list | tuple):
        return type(first)(_mean([p[i] for p in parts]) for i in range(len(first)))
    if isinstance(first, bool | int | float):
        return sum(map(float, parts)) / len(parts)
    return first
