"""Gradients of arrays: the backward pass from one, hooks, what made an array."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd.engine import Value, gradients_of, weighted_sum
from micrograd.errors import ArgumentTypeError, GraphError, ShapeError
from micrograd.ops import BY_HAND
from micrograd.tensors.dtypes import FLOAT

if TYPE_CHECKING:
    from micrograd.tensors.tensor import Tensor

# By id, in the order of the hooks: leaves, and arrays inside a graph, which keeps their elements.
_leaves: weakref.WeakValueDictionary[int, Tensor] = weakref.WeakValueDictionary()
_inner: dict[int, Tensor] = {}


UNUSED = 3  # references: of what holds it, of a loop's variable, and of who counts


class GradFn:
    """The operation that made an array, by torch's name.

    >>> from micrograd import tensor
    >>> (tensor([1.0], requires_grad=True) * 2).grad_fn.name()
    'MulBackward0'
    """

    def __init__(self, op: str) -> None:
        self._name = f"{op}Backward0"

    def name(self) -> str:
        """The name."""
        return self._name

    def __repr__(self) -> str:
        return f"<{self._name} object at {id(self):#x}>"


class Handle:
    """What takes a hook away again."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """The hook is not called any more."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


def register_hook(x: Tensor, hook: Callable[[Tensor], Tensor | None]) -> Handle:
    """Call `hook` with the gradient of x after each backward pass that comes here.

    For a leaf it may return another gradient, which is added instead. Raises a GraphError for an
    array without gradients, and in the pass, if the hook of another array returns one.
    """
    if not x.requires_grad:
        raise GraphError("cannot register a hook on a tensor that doesn't require gradient")
    if x._hooks is None:
        x._hooks = []
    x._hooks.append(hook)
    if x.is_leaf:
        _leaves[id(x)] = x
    else:
        hooked()
        _inner[id(x)] = x
    return Handle(x._hooks, hook)


def root_of(x: Tensor, gradient: Any) -> Value:
    """The Value to differentiate: the element, or the sum of the elements times `gradient`.

    Raises a GraphError if x depends on no parameter, a ShapeError for several elements without a
    gradient, or one of another shape.
    """
    if not x.requires_grad:
        raise GraphError(
            "backward() of an array that does not depend on any parameter: element 0 of tensors "
            "does not require grad and does not have a grad_fn"
        )
    if gradient is None:
        return x._only("backward()")
    given = x._as_tensor(gradient)
    if tuple(given.shape) != tuple(x.shape):
        raise ShapeError(
            f"gradient must have the shape of the array, {tuple(x.shape)}, got {tuple(given.shape)}"
        )
    root: Value = weighted_sum(x._values.ravel().tolist(), given._values.ravel().tolist())
    return root


def backward(
    x: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False
) -> None:
    """Fill `.grad` of all leaves that x was computed from, adding to what is there.

    Of several elements, `gradient` says what each counts. Graphs are kept as long as something
    refers to them, whatever `retain_graph` says. Raises a GraphError for `create_graph`:
    `micrograd.autograd.grad` gives gradients that can be differentiated again.
    """
    if create_graph:
        raise GraphError(
            "backward(create_graph=True) is not here: use torch.autograd.grad(…, create_graph=True)"
        )
    root = root_of(x, gradient)
    watched = [(t, gradients_of(t._values.ravel().tolist())) for t in hooked()]
    root.backward()
    for t, before in reversed(watched):  # what came last in the forward pass first
        if any(v._mark == root._mark for v in t._values.flat):
            _call_hooks(t, np.array(before))


def hooked() -> list[Tensor]:
    """The arrays that hooks wait for."""
    if not (_leaves or _inner):
        return []
    for key in list(_inner):
        t = _inner[key]
        if getrefcount(t) == UNUSED and all(getrefcount(v) == UNUSED for v in t._values.flat):
            del _inner[key]
    return [t for t in (*_leaves.values(), *_inner.values()) if t._hooks]


def _call_hooks(t: Tensor, before: Any) -> None:
    numbers = np.array(gradients_of(t._values.ravel().tolist()))
    earlier = before if t.is_leaf else np.zeros_like(before)
    gradient = t._of_numbers((numbers - earlier).reshape(t.shape), FLOAT)
    for hook in list(t._hooks):
        result = hook(gradient)
        if result is None:
            continue
        if not t.is_leaf:
            raise GraphError(
                "a hook returned a gradient for an array that is no leaf, through which gradients "
                "have gone already: change it in the forward pass, or in a hook of a leaf"
            )
        if not t._is_array(result):
            raise ArgumentTypeError(f"a hook must return an array or None, got {result!r:.80}")
        gradient = result
        new = earlier + gradient.numpy().ravel()
        for v, g in zip(t._values.flat, new.tolist(), strict=True):
            v.grad = g
            v._mark = BY_HAND
