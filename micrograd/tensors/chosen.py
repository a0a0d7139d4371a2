"""Elements that integers choose which a compiled program knows at run time only.

Such an integer is a Value: it says itself how an entry of a table is chosen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd.engine import Value
from micrograd.tensors.dtypes import INTEGER, TRUTH
from micrograd.tensors.elements import Objects, filled
from micrograd.tensors.given import ArrayOfValues, number_kind


def run_time_part(part: Any) -> Objects | None:
    """A part of an index as an array of objects, if it holds integers of the run time.

    A mask of truth values is decided: the array is one of truth values then.
    """
    if isinstance(part, Value):
        traced = part.data
        if not isinstance(traced, Value) or traced._place(False) is not None:
            return None
        return filled((), [traced])
    if isinstance(part, ArrayOfValues):
        array = filled(part._values.shape, [v.data for v in part._values.flat])
        kind = part._kind
    elif isinstance(part, np.ndarray | list):
        array, kind = np.asarray(part, object), number_kind(part)
    else:
        return None
    if kind not in (INTEGER, TRUTH) or not any(isinstance(n, Value) for n in array.flat):
        return None
    if kind == TRUTH:
        return np.array([bool(n) for n in array.flat]).reshape(array.shape)
    return array


def known(part: Any) -> Any:
    """An array that is an index as NumPy takes it; integers of the run time are those of now."""
    array = run_time_part(part)
    if array is None:
        return part.numpy() if isinstance(part, ArrayOfValues) else part  # type: ignore[attr-defined]
    return array if array.dtype == bool else array.astype(int)


def chosen(values: Any, index: Any, of_integers: bool = False) -> Objects | None:
    """The elements at an index that holds integers of the run time; None if it holds none.

    `of_integers` says that these elements are whole numbers themselves.
    """
    given = index if isinstance(index, tuple) else (index,)
    found = [run_time_part(part) for part in given]
    if all(part is None for part in found):
        return None
    parts: list[Any] = []
    for part, traced in zip(given, found, strict=True):
        part = part if traced is None else traced
        if isinstance(part, ArrayOfValues):
            part = part.numpy()  # type: ignore[attr-defined]
        array = np.asarray(part) if isinstance(part, list | np.ndarray) else None
        parts += [part] if array is None or array.dtype != bool else array.nonzero()
    values, parts = _axis_by_axis(values, parts)
    axes = [k for k, part in enumerate(parts) if not isinstance(part, slice)]
    try:
        arrays = np.broadcast_arrays(*[np.asarray(parts[k], object) for k in axes])
    except ValueError as error:
        raise IndexError(str(error)) from None
    front = np.moveaxis(values, axes, range(len(axes)))
    shape, rest = arrays[0].shape, front.shape[len(axes) :]
    made = np.empty((arrays[0].size, *rest), object)
    for k, keys in enumerate(zip(*[a.ravel().tolist() for a in arrays], strict=True)):
        made[k] = _entry(front, keys, of_integers)
    made = made.reshape(*shape, *rest)
    if axes != list(range(axes[0], axes[0] + len(axes))):
        return made
    return np.moveaxis(made, range(len(shape)), range(axes[0], axes[0] + len(shape)))


def entry_at(table: list[Any], v: Any) -> Any:
    """The entry of a list of numbers or Values that the number of a Value chooses."""
    number = v.data
    if not isinstance(number, Value):
        return table[int(number)]
    return _entry(filled((len(table),), table), (number,), False)


def _axis_by_axis(values: Any, parts: list[Any]) -> tuple[Any, list[Any]]:
    """The array with all its slices taken and axes added, and a slice or indices for each axis."""
    used = sum(part is not None and part is not Ellipsis for part in parts)
    if used > values.ndim:
        raise IndexError(f"too many indices: the array has {values.ndim} axes, got {used}")
    dots = next((k for k, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[dots : dots + 1] = [slice(None)] * (values.ndim - used)
    basic = [x if x is None or isinstance(x, slice) else slice(None) for x in parts]
    rest = [slice(None) if x is None or isinstance(x, slice) else x for x in parts]
    return values[tuple(basic)], rest


def _entry(values: Any, keys: tuple[Any, ...], of_integers: bool) -> Any:
    for key in keys:
        place = key._place(of_integers) if isinstance(key, Value) else int(key)  # type: ignore[attr-defined]
        if place is not None:
            values = values[place]
            continue
        columns = np.reshape(values, (len(values), -1)).T.tolist()
        made = [key._entry(column) for column in columns]
        values = filled(values.shape[1:], made) if values.ndim > 1 else made[0]
    return values
