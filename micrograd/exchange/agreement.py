"""Whether a model and its counterpart compute the same: outputs and every gradient, in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.tensors.tensor import Tensor, tensor

TOLERANCE = 1e-9

# By torch's name: the shape of an input for which a module is made.
_SHAPES: dict[str, Callable[[Any], tuple[int, ...]]] = {
    "Linear": lambda m: (2, m.in_features),
    "Conv1d": lambda m: (2, m.in_channels, 8),
    "Conv2d": lambda m: (2, m.in_channels, 8, 8),
    "BatchNorm1d": lambda m: (3, m.num_features),
    "BatchNorm2d": lambda m: (2, m.num_features, 4, 4),
    "LayerNorm": lambda m: (2, *m.normalized_shape),
    "RNN": lambda m: (2, 2, m.input_size),
    "GRU": lambda m: (2, 2, m.input_size),
    "LSTM": lambda m: (2, 2, m.input_size),
    "RNNCell": lambda m: (2, m.input_size),
    "GRUCell": lambda m: (2, m.input_size),
    "LSTMCell": lambda m: (2, m.input_size),
}


def example_for(module: Any, torch: Any) -> Any:
    """An input that the first layer of a module of torch takes."""
    for part in module.modules():
        name = type(part).__name__
        if name == "Embedding":
            return torch.arange(4).reshape(2, 2) % part.num_embeddings
        if name in _SHAPES:
            shape: tuple[int, ...] = _SHAPES[name](part)
            numbers = np.random.default_rng(0).normal(size=shape)
            return torch.tensor(numbers)
    return torch.tensor(np.random.default_rng(0).normal(size=(2, 3)))


def check(ours: Any, theirs: Any, example: Any, torch: Any) -> None:
    """Raise an ArgumentValueError unless outputs and gradients agree for the example.

    In evaluation, where nothing is random. Raises an ArgumentTypeError if torch's module does not
    take the example.
    """
    twin = copy.deepcopy(theirs).double().eval()
    inputs = _inputs(example_for(twin, torch) if example is None else example, torch)
    try:
        expected = _first(twin(*inputs))
    except Exception as error:
        raise ArgumentTypeError(
            f"example must be an input of the module, or a tuple of several; with one of the shape "
            f"{', '.join(str(tuple(x.shape)) for x in inputs)} torch says: {error}"
        ) from None
    was = [(module, module.training) for module in ours.modules()]
    gradients = {name: p.grad for name, p in ours.named_parameters()}
    try:
        ours.eval()
        ours.zero_grad()
        output = _first(ours(*[tensor(x.detach().numpy()) for x in inputs]))
        _compare("the output", output.numpy(), expected.detach().numpy())
        if not expected.requires_grad:
            return
        weights = np.random.default_rng(1).normal(size=tuple(expected.shape))
        (expected * torch.tensor(weights)).sum().backward()
        (output * weights).sum().backward()
        mine = dict(ours.named_parameters())
        for name, p in twin.named_parameters():
            grad = None if mine[name].grad is None else mine[name].grad.numpy()
            other = None if p.grad is None else p.grad.numpy()
            if (grad is None) != (other is None):
                raise ArgumentValueError(f"the gradient of {name} is there on one side only")
            if other is not None:
                _compare(f"the gradient of {name}", grad, other)
    finally:
        for module, training in was:
            module.training = training
        for name, p in ours.named_parameters():
            p.grad = gradients[name]


def _first(output: Any) -> Any:
    return output[0] if isinstance(output, tuple) else output


def _inputs(example: Any, torch: Any) -> list[Any]:
    given = example if isinstance(example, tuple) else (example,)
    made = [
        torch.tensor(np.asarray(x)) if not isinstance(x, torch.Tensor) else x.detach()
        for x in (x.numpy() if isinstance(x, Tensor) else x for x in given)
    ]
    return [x.double() if x.is_floating_point() else x for x in made]


def _compare(what: str, mine: Any, theirs: Any) -> None:
    if mine.shape != theirs.shape or not np.allclose(
        mine, theirs, rtol=TOLERANCE, atol=1e-12, equal_nan=True
    ):
        worst = "their shapes" if mine.shape != theirs.shape else f"{np.abs(mine - theirs).max():g}"
        raise ArgumentValueError(f"the two modules disagree in {what}, by {worst}")
