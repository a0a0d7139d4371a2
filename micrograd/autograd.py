"""Gradients as results, and recording on and off: `torch.autograd`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from micrograd import gradients
from micrograd.checks import detect_anomaly as detect_anomaly
from micrograd.engine import Value
from micrograd.errors import LISTED, GraphError, no_attribute
from micrograd.grad_mode import enable_grad as enable_grad
from micrograd.grad_mode import inference_mode as inference_mode
from micrograd.grad_mode import set_grad_enabled as set_grad_enabled
from micrograd.observers import no_grad as no_grad
from micrograd.tensors.backward import root_of
from micrograd.tensors.checking import gradcheck as gradcheck
from micrograd.tensors.checking import gradgradcheck as gradgradcheck
from micrograd.tensors.elements import filled
from micrograd.tensors.tensor import Tensor, tensor

INSTEAD = {
    "Function": "add a row to micrograd/ops.py, or set `_backward` of a Value",
    "functional": "micrograd.hessian of Values, or autograd.grad of each output",
    "profiler": "time.perf_counter, or compile(...).report()",
}


def __getattr__(name: str) -> Any:
    raise no_attribute("module 'micrograd.autograd'", name, INSTEAD.get(name, LISTED))


def Variable(data: Any, requires_grad: bool = False, volatile: bool = False) -> Tensor:  # noqa: N802
    """The array itself, as in torch since 0.4; with `requires_grad` it requires gradients."""
    x = data if isinstance(data, Tensor) else tensor(data)
    return x.requires_grad_() if requires_grad else x


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None,
    create_graph: bool = False, allow_unused: bool | None = None,
    materialize_grads: bool = False, **named: Any,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """The gradients of outputs by inputs, in a tuple; no `.grad` is read or written.

    Of outputs of several elements, `grad_outputs` says what each counts. With `create_graph` the
    results can be differentiated again. Raises a GraphError for an input that no output depends
    on, unless `allow_unused` (then its gradient is None).

    >>> x = tensor(2.0, requires_grad=True)
    >>> (slope,) = grad(x**3, x, create_graph=True)
    >>> slope.item(), grad(slope, x)[0].item()
    (12.0, 12.0)
    """
    if isinstance(outputs, Value):
        return tuple(gradients.grad(outputs, inputs, create_graph))  # type: ignore[arg-type]
    given = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    weights = [grad_outputs] if isinstance(grad_outputs, Tensor | None) else list(grad_outputs)
    if len(weights) < len(given):
        weights = [None] * len(given)
    wanted: Sequence[Tensor] = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    for x in wanted:
        if not x.requires_grad:
            raise GraphError("One of the inputs does not require grad: call x.requires_grad_()")
    root = root_of(given[0], weights[0])
    for output, weight in zip(given[1:], weights[1:], strict=True):
        root = root + root_of(output, weight)
    reached = gradients.reached(root)
    values = [v for x in wanted for v in x._values.flat]
    made = iter(gradients.grad(root, values, create_graph))
    results: list[Tensor | None] = []
    for x in wanted:
        own = [next(made) for _ in range(x.numel())]
        if not any(id(v) in reached for v in x._values.flat) and not materialize_grads:
            if not allow_unused:
                raise GraphError(
                    "One of the differentiated Tensors appears to not have been used in the graph. "
                    "Set allow_unused=True if this is the desired behavior."
                )
            results.append(None)
            continue
        result = Tensor(filled(tuple(x.shape), own), create_graph)
        result._op = "Grad" if create_graph else ""
        results.append(result)
    return tuple(results)


def backward(tensors: Any, grad_tensors: Any = None, **named: Any) -> None:
    """`x.backward(gradient)` of one array, or of each of several."""
    given = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    weights = [grad_tensors] if isinstance(grad_tensors, Tensor | None) else list(grad_tensors)
    for x, weight in zip(given, weights if len(weights) == len(given) else [None] * len(given),
                         strict=True):  # fmt: skip
        x.backward(weight)
