"""Derivatives as functions of a graph: `grad`, also of gradients, and `hessian`.

The same reverse pass as `Value.backward`, but the adjoints are kept beside the graph instead of in
`.grad`, and they may be Values themselves, recorded by the same derivative expressions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from micrograd import observers
from micrograd.core.walk import topological_order
from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, GraphError
from micrograd.functions import VALUES
from micrograd.ops import BY_HAND, FLOATS


def grad(output: Value, inputs: Value | Sequence[Value], create_graph: bool = False) -> list[Value]:
    """The derivative of `output` by each of `inputs`, like `torch.autograd.grad`.

    No `.grad` is read or written. An input that `output` does not depend on has derivative 0. With
    `create_graph` the results can be differentiated again.

    Raises a GraphError if `create_graph` meets a node with a hand-written `_backward`, which has
    no expression to differentiate.

    >>> x = Value(2.0)
    >>> (slope,) = grad(x**3, [x], create_graph=True)
    >>> slope.data, grad(slope, [x])[0].data
    (12.0, 12.0)
    """
    wanted = [inputs] if isinstance(inputs, Value) else list(inputs)
    for v in (output, *wanted):
        if not isinstance(v, Value):
            raise ArgumentTypeError(
                f"grad takes a Value and a sequence of Values, got {type(v).__name__}: {v!r:.80}"
            )
    adjoints: dict[int, Any] = {id(output): Value(1.0) if create_graph else 1.0}
    for v in reversed(topological_order(output)):
        g = adjoints.get(id(v))
        if v._row is None or g is None:
            continue
        for x, share in zip(v._inputs, _shares(v, g, create_graph), strict=True):
            adjoints[id(x)] = adjoints[id(x)] + share if id(x) in adjoints else share
        if observers.active:
            gained = [_number(adjoints[id(x)]) for x in v._inputs]
            observers.tell_pulled(v, _number(g), gained)
    results = [adjoints.get(id(v), 0.0) for v in wanted]
    return [g if isinstance(g, Value) else Value(g) for g in results]


def reached(output: Value) -> set[int]:
    """The ids of all Values that `output` was computed from, itself among them."""
    return {id(v) for v in topological_order(output)}


def _number(adjoint: Value | float) -> float:
    return adjoint._data if isinstance(adjoint, Value) else adjoint


def hessian(output: Value, inputs: Sequence[Value]) -> list[list[Value]]:
    """The second derivatives of `output`: row i, column j is by inputs[i], then by inputs[j].

    >>> x, y = Value(2.0), Value(3.0)
    >>> [[h.data for h in row] for row in hessian(x * x * y, [x, y])]
    [[6.0, 4.0], [4.0, 0.0]]
    """
    return [grad(slope, inputs) for slope in grad(output, inputs, create_graph=True)]


def _shares(v: Value, g: Any, create_graph: bool) -> tuple[Any, ...]:
    """What each input's adjoint gains from `v`, whose adjoint is `g`."""
    if v._row is BY_HAND:
        if create_graph:
            raise GraphError(
                f"the node {v._op or v.label!r} has a hand-written _backward: "
                "its gradient is a number and cannot be differentiated again"
            )
        return _shares_by_hand(v, g)
    row: Any = v._row
    static = () if v._static is None else (v._static,)
    if create_graph:
        shares: tuple[Any, ...] = row.vjp(VALUES, g, v, *v._inputs, *static)
    else:
        shares = row.vjp(FLOATS, g, v.data, *[x.data for x in v._inputs], *static)
    return shares


def _shares_by_hand(v: Value, g: float) -> tuple[float, ...]:
    """Run a hand-written `_backward` on gradients that are put back afterwards."""
    nodes = dict.fromkeys((v, *v._inputs))
    kept = [(x, x.grad) for x in nodes]
    try:
        for x in nodes:
            x.grad = 0.0
        v.grad = g
        v._backward()
        gained = {x: x.grad for x in v._inputs}
        return tuple(gained.pop(x, 0.0) for x in v._inputs)
    finally:
        for x, grad_before in kept:
            x.grad = grad_before
