"""Arrays as other things: kinds of numbers, copies, NumPy arrays, lists, single numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from micrograd.engine import Value, as_operand
from micrograd.observers import followed, recording
from micrograd.tensors.dtypes import CPU, FLOAT, INTEGER, NUMPY, TRUTH, Device, DType, kind_of
from micrograd.tensors.elements import as_objects, copied, filled

if TYPE_CHECKING:
    from micrograd.tensors.tensor import Tensor


def numpy(x: Tensor, *, force: bool = False) -> NDArray[Any]:
    """A new array of the numbers: float64, int64 or bool; of objects while a program is traced."""
    given = [v.data for v in x._values.flat]
    if any(isinstance(number, Value) for number in given):
        return filled(x._values.shape, [_number_of_kind(number, x._kind) for number in given])
    numbers = np.array(given, dtype=np.float64)
    return numbers.reshape(x.shape).astype(NUMPY[x._kind], copy=False)


def tolist(x: Tensor) -> Any:
    """The numbers as nested lists, or one number."""
    return numpy(x).tolist()


def item(x: Tensor) -> Any:
    """The number of an array of one element."""
    only = x._only("item()")
    number = only.data
    return _number_of_kind(number if isinstance(number, Value) else only.item(), x._kind)


def to(x: Tensor, *args: Any, **named: Any) -> Tensor:
    """As another kind of number; a device, which is the CPU, changes nothing.

    `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(other)`. Raises an ArgumentValueError for
    another device than the CPU.
    """
    given = [*args, named.get("device"), named.get("dtype")]
    for wanted in given:
        if wanted is None or isinstance(wanted, bool):
            continue
        if x._is_array(wanted):
            x = cast(x, wanted._kind)
        elif isinstance(wanted, Device | str):
            Device(wanted)
        else:
            x = cast(x, kind_of(wanted))
    return x


def cast(x: Tensor, kind: str) -> Tensor:
    """The array with numbers of a kind."""
    if kind == x._kind:
        return x
    if followed():
        same = kind == FLOAT or x._kind == TRUTH
        made = [v if same else _of_kind(v, kind) for v in x._values.flat]
        return x._result(filled(x._values.shape, made), (), "ToCopy", kind)
    if kind == FLOAT or (kind == INTEGER and x._kind == TRUTH):
        result = x._result(x._values, (), "ToCopy", kind)
        result._values = result._values.copy()
        return result
    numbers = numpy(x)
    return x._of_numbers(numbers != 0 if kind == TRUTH else np.trunc(numbers), kind)


def _of_kind(v: Value, kind: str) -> Value:
    """The element itself if its number is of that kind, so that whoever watches can tell."""
    number = v.data  # of a trace: what is made of it is part of the program
    if getattr(type(number), "number_kind", FLOAT) in (kind, TRUTH):
        return v
    if kind == TRUTH:
        return v if not isinstance(number, Value) and number in (0, 1) else as_operand(number != 0)
    whole = math.trunc(number)
    return v if number == whole else as_operand(float(whole))


def _number_of_kind(number: Any, kind: str) -> Any:
    """A number, or one that is part of a program that is traced, as one of that kind."""
    if isinstance(number, Value):
        return number.of_kind(kind)  # type: ignore[attr-defined]
    return number if kind == FLOAT else bool(number) if kind == TRUTH else int(number)


def type_(x: Tensor, dtype: Any = None) -> Any:
    """The name of the array's type; with `dtype` (also a class of older torch), such an array."""
    if dtype is None:
        return {FLOAT: "torch.DoubleTensor", INTEGER: "torch.LongTensor"}.get(
            x._kind, "torch.BoolTensor"
        )
    kind = getattr(dtype, "kind", None) if not isinstance(dtype, DType | np.dtype) else None
    if isinstance(dtype, str):
        kind = INTEGER if "Long" in dtype or "Int" in dtype else TRUTH if "Bool" in dtype else FLOAT
    return cast(x, kind) if kind else to(x, dtype)


def float_(x: Tensor) -> Tensor:
    """As floats."""
    return cast(x, FLOAT)


def long(x: Tensor) -> Tensor:
    """As whole numbers, rounded towards zero."""
    return cast(x, INTEGER)


def bool_(x: Tensor) -> Tensor:
    """As truth values: whether each is not 0."""
    return cast(x, TRUTH)


def cpu(x: Tensor) -> Tensor:
    """The array itself: everything is on the CPU."""
    return x


def cuda(x: Tensor, device: Any = None) -> Tensor:
    """Raises an ArgumentValueError: there is the CPU only."""
    Device("cuda")
    return x


def same(x: Tensor, *args: Any, **named: Any) -> Tensor:
    """The array itself."""
    return x


def clone(x: Tensor, **named: Any) -> Tensor:
    """A copy, through which gradients go back to this array."""
    if x.requires_grad and x._is_parameter() and recording():
        values = as_objects(x._values * 1.0)  # what is a leaf's changes when the leaf does
    else:
        values = x._values.copy() if x.requires_grad or followed() else copied(x._values)
    return x._moved(values, "Clone")


def device(x: Tensor) -> Device:
    """Where the numbers are."""
    return CPU
