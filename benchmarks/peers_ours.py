"""The steps as plain scalar Python: compiled by `micrograd.compile`, and as they are."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from workloads import ALPHA, BETAS, EPS, Floats, Peer, Workload, tiny_gpt

import micrograd
from micrograd import Value, nn, optim


class Training(NamedTuple):
    """A loss, what it is called with, the optimiser, and the parameters now."""

    loss: Callable[..., Value]
    inputs: tuple[Any, ...]
    optimizer: optim.Optimizer
    parameters: Callable[[], Floats]


def compiled(workload: Workload, backend: str) -> Peer:
    """The step by one of the backends."""
    loss, inputs, optimizer, parameters = training(workload)
    f = micrograd.compile(loss, optimizer=optimizer, backend=backend)
    return Peer(f.step, inputs, parameters)


def eager(workload: Workload) -> Peer:
    """The step without the compiler."""
    loss, inputs, optimizer, parameters = training(workload)

    def step(*inputs: Any) -> float:
        optimizer.zero_grad()
        value = loss(*inputs)
        value.backward()
        optimizer.step()
        return value.data

    return Peer(step, inputs, parameters)


def training(workload: Workload) -> Training:
    """The workload in plain scalar Python."""
    return gpt(workload) if workload.tokens else mlp(workload)


def mlp(workload: Workload) -> Training:
    sizes = workload.sizes
    model = nn.MLP(sizes[0], sizes[1:])
    parameters, ordered = model.parameters(), in_order(model)
    for p, start in zip(ordered, workload.start.tolist(), strict=True):
        p.data = start

    def squared_error(X: Any, y: Any) -> Value:  # noqa: N803
        return sum((model(x) - target) ** 2 for x, target in zip(X, y, strict=True)) / len(X)

    def hinge(X: Any, y: Any) -> Value:  # noqa: N803
        margins = sum((1 - target * model(x)).relu() for x, target in zip(X, y, strict=True))
        return margins / len(X) + ALPHA * sum(p * p for p in parameters)

    return Training(
        hinge if workload.hinge else squared_error,
        (workload.x, workload.y),
        optim.SGD(parameters, lr=workload.lr),
        lambda: np.array([p.data for p in ordered]),
    )


def in_order(model: nn.MLP) -> list[Value]:
    """The parameters layer by layer, weights and then biases (the model has them by neuron)."""
    ordered: list[Value] = []
    for layer in model.layers:
        ordered += [w for neuron in layer.neurons for w in neuron.w]
        ordered += [neuron.b for neuron in layer.neurons]
    return ordered


def gpt(workload: Workload) -> Training:
    model = tiny_gpt.GPT(random.Random(0))  # which makes the workload's start
    parameters = model.parameters()
    return Training(
        model.loss,
        (np.array(workload.tokens),),
        optim.Adam(parameters, lr=workload.lr, betas=BETAS, eps=EPS),
        lambda: np.concatenate([np.ravel(p.data) for p in parameters]),
    )


def figures(f: Any) -> dict[str, float]:
    """What compiling took: nodes, kernels, and milliseconds of trace, passes and backend."""
    report = f.report()
    names = ("nodes", "kernels", "trace_ms", "passes_ms", "backend_ms")
    return {name: float(report[name]) for name in names}
