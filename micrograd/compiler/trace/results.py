"""What a function returns: the loss, and aux, as Values now and as numbers in every run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from micrograd.compiler.trace.merging import Unset
from micrograd.compiler.trace.tracer import Index, Truth
from micrograd.engine import Value, as_operand
from micrograd.errors import CompileError
from micrograd.tensors.tensor import Tensor

Rebuild = Callable[[Sequence[float]], Any]


@dataclass(slots=True)
class Outputs:
    """The Values of a result, the loss first, and what else is in aux and must not change."""

    values: list[Value]
    has_aux: bool
    constants: list[Any] = field(default_factory=list)
    rebuild: Rebuild = lambda numbers: None  # aux from the numbers of the values
    left: int = 0  # how many of the values, the last ones, the function has left somewhere
    conditional: bool = (
        False  # whether one after aux says that the program is right for its arguments
    )

    def forget(self) -> None:
        """Let go of the graph: what is read again are Values that the function has left."""
        self.values = self.values[len(self.values) - self.left :]


def outputs_of(result: Any, mean: bool = False) -> Outputs:
    """What a function has returned; with `mean`, aux are means over samples and so are floats.

    Raises a CompileError for what is neither the loss nor (loss, aux).
    """
    has_aux = isinstance(result, tuple) and len(result) == 2
    loss, aux = result if has_aux else (result, None)
    outputs = Outputs([loss_of(loss)], has_aux)
    outputs.rebuild = _collected(aux, outputs, mean)
    return outputs


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
        sort = bool if isinstance(aux, Truth) else int if isinstance(aux, Index) else float
        return lambda x: (float if mean else sort)(x[place])
    if isinstance(aux, Unset):
        bool(aux)  # raises
    if isinstance(aux, Tensor):
        aux = aux._values
    if isinstance(aux, np.ndarray) and aux.dtype == object:
        parts = [_collected(v, outputs, mean) for v in aux.flat]
        shape = aux.shape
        return lambda x: np.array([part(x) for part in parts]).reshape(shape)
    if isinstance(aux, dict):
        items = {key: _collected(value, outputs, mean) for key, value in aux.items()}
        return lambda x: {key: part(x) for key, part in items.items()}
    if isinstance(aux, list | tuple):
        parts = [_collected(value, outputs, mean) for value in aux]
        sequence = type(aux)
        if hasattr(aux, "_fields"):
            return lambda x: sequence(*[part(x) for part in parts])
        return lambda x: sequence(part(x) for part in parts)
    if aux is None or isinstance(aux, str | bytes | Real | np.ndarray):
        outputs.constants.append(aux.tolist() if isinstance(aux, np.ndarray) else aux)
        return lambda x: aux
    raise CompileError(
        f"cannot be compiled: aux holds a {type(aux).__name__}; it may hold Values, numbers, text, "
        "and lists, tuples, dicts and arrays of these"
    )
