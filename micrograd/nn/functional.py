"""What modules compute, as functions of arrays: `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from micrograd.engine import Value, as_operand
from micrograd.errors import LISTED, ArgumentValueError, no_attribute
from micrograd.nn import classification, convolution, losses, nonlinear, regularisation
from micrograd.nn.convolution import convolved
from micrograd.nn.embedding import embedding as embedding
from micrograd.nn.normalisation import layer_norm as layer_norm
from micrograd.nn.recurrent import linear as linear
from micrograd.tensors import norms, soft_maxima
from micrograd.tensors.creation import _made
from micrograd.tensors.dtypes import INTEGER
from micrograd.tensors.elements import filled
from micrograd.tensors.tensor import Tensor


def __getattr__(name: str) -> Any:
    raise no_attribute("module 'micrograd.nn.functional'", name, INSTEAD.get(name, LISTED))


INSTEAD = {
    "interpolate": "repeat_interleave repeats rows and columns",
    "grid_sample": "there is nothing like it here",
    "pad": "put zeros around with torch.cat, or the padding of a convolution",
    "unfold": "Conv2d does it inside",
    "multi_head_attention_forward": "write attention with @ and softmax",
    "gumbel_softmax": "softmax of logits plus noise",
}

# ---- activations ---------------------------------------------------------------------------------


def _of_method(name: str) -> Callable[..., Tensor]:
    def function(input: Tensor, inplace: bool = False) -> Tensor:
        return getattr(input, name)()  # type: ignore[no-any-return]

    function.__name__ = name
    function.__doc__ = f"`{name}` of each element."
    return function


def _of_number(formula: Callable[..., Any], op: str) -> Callable[..., Tensor]:
    def function(input: Tensor, *options: Any, inplace: bool = False, **named: Any) -> Tensor:
        return input._each(partial(_called, formula, options, named), op)

    function.__name__ = formula.__name__
    function.__doc__ = formula.__doc__
    return function


def _called(formula: Any, options: Any, named: Any, v: Any) -> Any:
    return formula(v, *options, **named)


relu, tanh, sigmoid = _of_method("relu"), _of_method("tanh"), _of_method("sigmoid")
gelu = _of_number(nonlinear.gelu, "Gelu")
silu = _of_number(nonlinear.silu, "Silu")
elu = _of_number(nonlinear.elu, "Elu")
selu = _of_number(nonlinear.selu, "Elu")
celu = _of_number(nonlinear.celu, "Celu")
mish = _of_number(nonlinear.mish, "Mish")
relu6 = _of_number(nonlinear.relu6, "Hardtanh")
softplus = _of_number(nonlinear.softplus, "Softplus")
softsign = _of_number(nonlinear.softsign, "Div")
logsigmoid = _of_number(nonlinear.logsigmoid, "LogSigmoid")
hardsigmoid = _of_number(nonlinear.hardsigmoid, "Hardsigmoid")
hardswish = _of_number(nonlinear.hardswish, "Hardswish")
tanhshrink = _of_number(nonlinear.tanhshrink, "Sub")


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """`x` where x > 0, else negative_slope * x."""
    return input.leaky_relu(negative_slope)


def hardtanh(
    input: Tensor,
    min_val: float = -1.0,
    max_val: float = 1.0,
    inplace: bool = False,
) -> Tensor:
    """Not below `min_val`, not above `max_val`."""
    return input._each(lambda v: nonlinear.hardtanh(v, min_val, max_val), "Hardtanh")


def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """exp(x) / Σ exp(x), the sum along an axis; which one must be said."""
    return soft_maxima.softmax(input, _axis(input, dim))


def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """X - log Σ exp(x), the sum along an axis."""
    return soft_maxima.log_softmax(input, _axis(input, dim))


def softmin(input: Tensor, dim: int | None = None) -> Tensor:
    """`softmax` of -x."""
    return softmax(-input, dim)


def _axis(x: Tensor, dim: int | None) -> int:
    # What torch chooses, with a warning, where none is given.
    return dim if dim is not None else 0 if x.ndim in (0, 1, 3) else 1


# ---- layers --------------------------------------------------------------------------------------


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element 0 with the probability p, the others divided by 1 - p, unless not training."""
    return regularisation.dropout(input, p, training)


def conv1d(input: Tensor, weight: Tensor, bias: Any = None, *options: Any, **named: Any) -> Tensor:
    """Of sequences: see `convolution.convolved`."""
    return convolved(input, weight, bias, *options, **named)


def conv2d(input: Tensor, weight: Tensor, bias: Any = None, *options: Any, **named: Any) -> Tensor:
    """Of images: see `convolution.convolved`."""
    return convolved(input, weight, bias, *options, **named)


def max_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Tensor:
    """The largest number of each window."""
    return convolution.max_pool(input, 1, kernel_size, stride, padding)


def max_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Tensor:
    """The largest number of each window."""
    return convolution.max_pool(input, 2, kernel_size, stride, padding)


def avg_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Tensor:
    """The mean of each window."""
    return convolution.avg_pool(input, 1, kernel_size, stride, padding)


def avg_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Tensor:
    """The mean of each window."""
    return convolution.avg_pool(input, 2, kernel_size, stride, padding)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means of as many windows as `output_size` says."""
    return convolution.adaptive_avg_pool(input, 2, output_size)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A row for each class, with a 1 at its place.

    >>> from micrograd import tensor
    >>> one_hot(tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if tensor._kind != INTEGER:
        raise ArgumentValueError("one_hot takes whole numbers: write x.long()")
    numbers = [v.data for v in tensor._values.flat]
    if any(isinstance(n, Value) for n in numbers):
        return _one_hot_at_run_time(numbers, tuple(tensor.shape), num_classes)
    classes = tensor._known().astype(int)
    count = int(classes.max()) + 1 if num_classes == -1 else num_classes
    if classes.size and not (classes.min() >= 0 and classes.max() < count):
        raise ArgumentValueError(f"Class values must be from 0 to below num_classes, {count}")
    return _made(np.eye(count)[classes], INTEGER)


def _one_hot_at_run_time(numbers: list[Any], shape: tuple[int, ...], count: int) -> Tensor:
    """Of integers that a compiled program knows at run time only."""
    if count == -1:
        raise ArgumentValueError(
            "in a compiled function one_hot cannot know how many classes there are: "
            "write one_hot(x, num_classes=…)"
        )
    for n in numbers:
        if hasattr(n, "_within"):
            n._within(count)
    flat = [as_operand(n == k) for n in numbers for k in range(count)]
    return Tensor._plain(filled((*shape, count), flat), INTEGER)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Divided by the norm along an axis."""
    return input / norms.norm(input, p, dim, True).clamp(min=eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between the rows along an axis."""
    lengths = [norms.norm(x, 2, dim).clamp(min=eps) for x in (x1, x2)]
    return (x1 * x2).sum(dim) / (lengths[0] * lengths[1])


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6) -> Tensor:
    """The length of the difference of rows."""
    return norms.norm(x1 - x2 + eps, p, -1)


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """softmax(query keyᵀ / √width) value; with a mask, or of what came before only."""
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    scores = query @ key.transpose(-2, -1) * factor
    if is_causal:
        later = np.triu(np.ones((query.shape[-2], key.shape[-2])), 1)
        scores = scores.masked_fill(_made(later, "b"), float("-inf"))
    if attn_mask is not None:
        truth = attn_mask._kind == "b"
        scores = scores.masked_fill(~attn_mask, float("-inf")) if truth else scores + attn_mask
    weights = regularisation.dropout(softmax(scores, -1), dropout_p, dropout_p > 0)
    return weights @ value


# ---- losses ------------------------------------------------------------------------------------


def _of_loss(loss: type[losses.Loss]) -> Callable[..., Tensor]:
    def function(input: Any, target: Any, *options: Any, **named: Any) -> Tensor:
        return loss(*options, **named).forward(input, target)

    function.__doc__ = f"`nn.{loss.__name__}` with these options, of an output and a target."
    return function


mse_loss, l1_loss = _of_loss(losses.MSELoss), _of_loss(losses.L1Loss)
huber_loss, smooth_l1_loss = _of_loss(losses.HuberLoss), _of_loss(losses.SmoothL1Loss)
kl_div, soft_margin_loss = _of_loss(losses.KLDivLoss), _of_loss(losses.SoftMarginLoss)
binary_cross_entropy = _of_loss(classification.BCELoss)
binary_cross_entropy_with_logits = _of_loss(classification.BCEWithLogitsLoss)
nll_loss, cross_entropy = (
    _of_loss(classification.NLLLoss),
    _of_loss(classification.CrossEntropyLoss),
)
