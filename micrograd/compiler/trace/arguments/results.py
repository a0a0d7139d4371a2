"""What a function returns: the loss, and aux, as Values now and as numbers in every run."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from numbers import Real
from typing import Any

import numpy as np

from micrograd.compiler.trace.numbers.merging import Unset
from micrograd.compiler.trace.numbers.reads import type_of
from micrograd.compiler.trace.numbers.records import attributes_of, is_record, record_like
from micrograd.engine import Value, as_operand
from micrograd.errors import CompileError
from micrograd.tensors.dtypes import NUMPY
from micrograd.tensors.tensor import Tensor

Rebuild = Callable[[Sequence[float]], Any]


@dataclass(slots=True)
class Outputs:
    """The Values of a result, the loss first, and what else is in aux and must not change."""

    values: list[Value]
    packed: Callable[[Any, Any], Any] | None = None  # what is returned, of loss and aux
    constants: list[Any] = field(default_factory=list)
    rebuild: Rebuild = lambda numbers: None  # aux from the numbers of the values
    left: int = 0  # how many of the values, the last ones, the function has left somewhere
    conditional: bool = (
        False  # whether one after aux says that the program is right for its arguments
    )

    @property
    def has_aux(self) -> bool:
        """Whether more is returned than a loss."""
        return self.packed is not None

    def result(self, loss: float, numbers: Sequence[float]) -> Any:
        """What the function returns, with these numbers for its Values."""
        return loss if self.packed is None else self.packed(loss, self.rebuild(numbers))

    def forget(self) -> None:
        """Let go of the graph: what is read again are Values that the function has left."""
        self.values = self.values[len(self.values) - self.left :]


def outputs_of(result: Any, mean: bool = False) -> Outputs:
    """What a function has returned; with `mean`, aux are means over samples and so are floats.

    Of a tuple the first is the loss, and what is after it aux. Raises a CompileError for what is
    neither the loss nor such a tuple.
    """
    if not isinstance(result, tuple) or not result:
        return Outputs([loss_of(result)])
    sort = type(result)
    outputs = Outputs([loss_of(result[0])], lambda loss, aux: sequence(sort, (loss, *aux)))
    outputs.rebuild = _collected(tuple(result[1:]), outputs, mean)
    return outputs


def sequence(sort: type, parts: Sequence[Any]) -> Any:
    """A list, a tuple or a named tuple of these parts."""
    return sort(*parts) if hasattr(sort, "_fields") else sort(parts)


def loss_of(loss: Any) -> Value:
    """The loss as a Value."""
    if isinstance(loss, Tensor) and loss.numel() == 1:
        loss = loss._values.flat[0]
    if isinstance(loss, Value):
        return loss
    if isinstance(loss, Real):
        return as_operand(loss)  # type: ignore[no-any-return]
    raise CompileError(
        "cannot be compiled: the function must return the loss, a Value, or (loss, aux), "
        f"got {type(loss).__name__}"
    )


def _collected(aux: Any, outputs: Outputs, mean: bool) -> Rebuild:
    """What makes one part of aux; Values are added to the outputs, others to the constants."""
    if isinstance(aux, Value):
        place = len(outputs.values)
        outputs.values.append(aux)
        sort = float if mean else type_of(aux)
        return lambda x: sort(x[place])
    if isinstance(aux, Unset):
        bool(aux)  # raises
    if isinstance(aux, Tensor):
        return _array(aux._values, None if mean else aux._kind, outputs, mean)
    if isinstance(aux, np.ndarray) and aux.dtype == object:
        return _array(aux, None, outputs, mean)
    if isinstance(aux, dict):
        items = {key: _collected(value, outputs, mean) for key, value in aux.items()}
        empty = _empty(aux)
        if empty is dict:
            return lambda x: {key: part(x) for key, part in items.items()}
        return lambda x: _filled(empty(), {key: part(x) for key, part in items.items()})
    if is_record(aux):
        parts = [_collected(v, outputs, mean) for v in attributes_of(aux).values()]
        like = record_like(aux, [None] * len(parts))
        return lambda x: record_like(like, [part(x) for part in parts])
    if isinstance(aux, list | tuple):
        parts = [_collected(value, outputs, mean) for value in aux]
        kind = type(aux)
        return lambda x: sequence(kind, [part(x) for part in parts])
    if aux is None or isinstance(aux, str | bytes | Enum | Real | np.bool_ | np.ndarray):
        outputs.constants.append(aux.tolist() if isinstance(aux, np.ndarray) else aux)
        return lambda x: aux
    raise CompileError(
        f"cannot be compiled: aux holds a {type(aux).__name__}; it may hold Values, numbers, text, "
        "members of enums, and lists, tuples, dicts, dataclasses and arrays of these"
    )


def _empty(aux: dict[Any, Any]) -> Callable[[], dict[Any, Any]]:
    """What makes an empty dict of its sort: those of `collections` stay what they are."""
    if isinstance(aux, defaultdict):
        return partial(defaultdict, aux.default_factory)
    return type(aux) if type(aux) in (OrderedDict, Counter) else dict


def _filled(made: dict[Any, Any], items: dict[Any, Any]) -> dict[Any, Any]:
    for key, item in items.items():  # update() of a Counter adds
        made[key] = item
    return made


def _array(values: Any, kind: str | None, outputs: Outputs, mean: bool) -> Rebuild:
    """What makes an array of aux, of this kind of numbers; None: of what its elements are."""
    parts = [_collected(v, outputs, mean) for v in values.flat]
    shape, dtype = values.shape, None if kind is None else np.dtype(NUMPY[kind])
    return lambda x: np.array([part(x) for part in parts], dtype=dtype).reshape(shape)
