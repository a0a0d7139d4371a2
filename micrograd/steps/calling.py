"""How a recorded step calls models and losses: what goes in as Values, and what comes out."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np

from micrograd.engine import Value, make_leaf
from micrograd.errors import ArgumentTypeError, ArgumentValueError, MicrogradError
from micrograd.nn.losses import Loss
from micrograd.nn.mlp import MLP, Layer, Neuron
from micrograd.nn.module import Module
from micrograd.tensors.elements import Objects, filled, values_of
from micrograd.tensors.given import elements_of
from micrograd.tensors.tensor import Tensor, tensor


class Whole(Value):
    """A whole number among the data: a Value that can be an index of a list, too."""

    __slots__ = ()

    def __index__(self) -> int:
        return int(self.data)


class StepInputs:
    """The inputs and the targets of one step, as the model and the loss take them.

    A Module gets Tensors; Karpathy's modules, and objects with `parameters` that are no Modules of
    ours, are for one sample and get one row after the other; any other function gets lists as lists
    and arrays as arrays, with Values in place of numbers. `x` is several inputs if the model takes
    several: a tuple of them in their order, or a dict by their names.
    """

    def __init__(self, model: Any, loss: Any, x: Any, y: Any) -> None:
        arrays = _takes_arrays(model)
        convert = _as_tensor if arrays else as_values
        self._model = model
        self._loss = loss
        given = _inputs(model, x)
        self._by_name = given is x
        self._named = {name: convert(a, name) for name, a in given.items()}
        self.rows = not arrays and _takes_rows(model) and _is_matrix(self._named.get("x"))
        if self.rows and isinstance(self._named["x"], Tensor):
            self._named["x"] = self._named["x"]._values
        self._y = _as_tensor(y, "y") if arrays or isinstance(loss, Loss) else as_values(y, "y")
        self.inputs = {name: objects_in(a) for name, a in self._named.items()}
        self.y = objects_in(self._y)
        for name, values in self.inputs.items():
            if not values.size and not isinstance(self._named[name], str | bool | None):
                raise ArgumentValueError(f"{name} is empty: its shape is {values.shape}")

    def output(self) -> Any:
        """What the model makes of the inputs; of rows, a list with an output each.

        Raises an ArgumentTypeError if a function cannot take the lists that are passed to it.
        """
        if self.rows:
            return [self._model(row) for row in self._named["x"]]
        try:
            if self._by_name:
                return self._model(**self._named)
            return self._model(*self._named.values())
        except TypeError as error:
            lists = [name for name, a in self._named.items() if isinstance(a, list)]
            if not lists or isinstance(error, MicrogradError):
                raise
            raise ArgumentTypeError(
                f"model failed on {lists[0]}, a list of {len(self._named[lists[0]])} that it got "
                f"whole: {error}; a function of one row goes in as lambda {lists[0]}: "
                f"[model(row) for row in {lists[0]}]"
            ) from error

    def loss(self, output: Any) -> Value:
        """The loss of an output."""
        if self.rows and isinstance(self._loss, Loss):
            values = objects_in(output)
            same = values.size == self.y.size  # a neuron gives no row of one number, data may
            output = tensor(values.reshape(self.y.shape) if same else values)
        if isinstance(self._loss, Loss) and self._loss.broadcasts:
            Loss.check(self._loss, *map(_tensor, (output, self._y)))
        result = self._loss(output, self._y)
        if isinstance(result, Tensor):
            return result._only("the loss")
        if not isinstance(result, Value):
            raise ArgumentTypeError(
                f"loss must return one Value, got {type(result).__name__}: {result!r:.80}"
            )
        return result

    def objects(self, output: Any) -> Objects:
        """The Values of an output; of rows, a row for each."""
        values = objects_in(output)
        if not any(isinstance(v, Value) for v in values.flat):
            raise ArgumentTypeError(
                f"model must return Values, got {type(output).__name__}: {output!r:.80}"
            )
        return values.reshape(len(output), -1) if self.rows and values.ndim < 2 else values

    def samples(self) -> int:
        """How many samples there are; 1 for an input without a batch axis."""
        if self.rows:
            return len(self._named["x"])
        first = next(iter(self.inputs.values()))
        return first.shape[0] if first.ndim > 1 else 1

    def values(self) -> Iterator[Value]:
        """Everything that goes in."""
        for array in (*self.inputs.values(), self.y):
            yield from array.flat


# ---- how a model is called -----------------------------------------------------------------------


def _takes_arrays(model: Any) -> bool:
    """Whether it is a Module with a `forward` of its own, other than Karpathy's."""
    ours = isinstance(model, Module) and type(model).__call__ is Module.__call__
    return ours and not isinstance(model, Neuron | Layer | MLP)


def _takes_rows(model: Any) -> bool:
    return not inspect.isroutine(model) and hasattr(model, "parameters")


def _inputs(model: Any, x: Any) -> dict[str, Any]:
    """The inputs by name; `x` if there is one."""
    if not _takes_arrays(model) and _takes_rows(model):
        return {"x": x}
    parameters = _parameters(model)
    any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p.name for p in positional if p.default is p.empty]
    if isinstance(x, dict) and len(parameters) != 1:
        open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
        known = {p.name for p in parameters}
        if set(required) <= x.keys() and (open_ended or x.keys() <= known):
            return x
    several = isinstance(x, tuple | list) and len(required) > 1
    several |= isinstance(x, tuple) and any(isinstance(a, Tensor | np.ndarray) for a in x)
    if several and len(required) <= len(x) and (any_number or len(x) <= len(positional)):
        names = [p.name for p in positional]
        names += [f"x{i}" for i in range(len(names), len(x))]
        return dict(zip(names, x, strict=False))
    if len(required) > 1:
        raise ArgumentTypeError(
            f"x must be the model's {len(required)} inputs ({', '.join(required)}) in a tuple or "
            f"a dict, got {type(x).__name__}" + (f" of {len(x)}" if hasattr(x, "__len__") else "")
        )
    return {"x": x}


def _parameters(model: Any) -> list[inspect.Parameter]:
    try:
        signature = inspect.signature(model.forward if _takes_arrays(model) else model)
    except (TypeError, ValueError):  # built in, without one
        return []
    return list(signature.parameters.values())


# ---- numbers as Values ---------------------------------------------------------------------------


def _as_tensor(x: Any, name: str) -> Any:
    if isinstance(x, Tensor | str | bool | None):
        return x
    try:
        return tensor(x)
    except MicrogradError as error:
        raise type(error)(f"{name}: {error}") from None


def as_values(x: Any, name: str = "x") -> Any:
    """The same lists, tuples, dicts and arrays, with new leaves in place of numbers.

    >>> x = as_values({"a": [1.0, 2], "b": None})
    >>> x, ["zero", "one", "two"][x["a"][1]]
    ({'a': [Value(data=1.0, grad=0.0), Value(data=2.0, grad=0.0)], 'b': None}, 'two')
    """
    if isinstance(x, np.ndarray) and x.dtype.kind in "fiu":
        return values_of(x)
    if isinstance(x, list):
        return [as_values(item, name) for item in x]
    if type(x) is tuple:
        return tuple(as_values(item, name) for item in x)
    if isinstance(x, dict):
        return {key: as_values(item, name) for key, item in x.items()}
    if isinstance(x, bool | Value) or not isinstance(x, Real):
        return x
    return Whole(float(x)) if isinstance(x, Integral) else make_leaf(float(x))


def _tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else tensor(x)


def _is_matrix(x: Any) -> bool:
    """Whether it is rows of numbers."""
    if isinstance(x, Tensor | np.ndarray):
        return x.ndim == 2
    rows = isinstance(x, list | tuple) and len(x) > 0
    return rows and all(isinstance(row, list | tuple | np.ndarray | Tensor) for row in x)


def objects_in(x: Any) -> Objects:
    """The Values in lists, dicts and arrays: in their shape, or in a row if they have none."""
    try:
        return elements_of(x)
    except (MicrogradError, ValueError):
        found = list(_walked(x))
        return filled((len(found),), found)


def _walked(x: Any) -> Iterator[Value]:
    if isinstance(x, Value):
        yield x
    elif isinstance(x, Tensor):
        yield from x._values.flat
    elif isinstance(x, dict):
        yield from _walked(list(x.values()))
    elif isinstance(x, list | tuple | np.ndarray):
        for item in x:
            yield from _walked(item)
