"""Elements that a traced number chooses: a table at run time, or a sum over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from numbers import Real
from typing import Any

import numpy as np

from micrograd.compiler.trace.numbers.maybe import (
    an_uncertain,
    certain,
    either,
    element,
    is_in,
    required,
    that,
    there,
)
from micrograd.compiler.trace.numbers.merging import are_one, merged
from micrograd.compiler.trace.numbers.narrow import numpy_type
from micrograd.compiler.trace.numbers.reads import MOST_ENTRIES, Read, Truth, outside, typed
from micrograd.compiler.trace.numbers.refusing import current
from micrograd.engine import Value
from micrograd.functions import apply
from micrograd.tensors.chosen import chosen
from micrograd.tensors.tensor import Tensor

LOOKUPS = [t.__getitem__ for t in (list, tuple, dict, np.ndarray, Tensor)]


def item(x: Any, key: Any) -> Any:
    """`x[key]`; what a traced key chooses at every run anew."""
    if an_uncertain(x) is not None:
        return _uncertain_item(x, key)
    if isinstance(key, tuple) and _axis_by_axis(x, key):
        for k in key:
            x = item(x, k)
        return x
    if isinstance(key, Tensor) and not key.ndim:
        key = key.item()
    if current() is not None and type(x) is np.ndarray and not isinstance(key, Read):
        found = chosen(x, key, x.dtype.kind in "iub")
        return x[key] if found is None else found if found.ndim else found[()]
    if not isinstance(key, Read) or current() is None:
        return x[key]
    if getattr(type(x), "__getitem__", None) not in LOOKUPS:
        return x[key]  # a class that looks up in its own way
    if isinstance(x, dict):
        return _entry(x, key)
    if not isinstance(x, list | tuple | np.ndarray | Tensor):
        return x[key]
    here = int(key._data)
    if key._data != here or not -len(x) <= here < len(x):
        outside(key, len(x))
        return x[here]  # raises what Python raises
    if _slot(key) is None and len(x) > MOST_ENTRIES:
        return x[key]
    entries = list(x._values if isinstance(x, Tensor) else x)
    dtype = numpy_type(entries[0])
    if isinstance(entries[0], np.generic):
        entries = [number.item() for number in entries]
    picked = _picked(entries, key)
    if isinstance(picked, Read):
        picked = typed(picked, dtype)
    if picked is None:
        return x[key]
    rows = isinstance(x, Tensor) and isinstance(picked, np.ndarray)
    return Tensor(picked) if rows else picked


def _uncertain_item(x: Any, key: Any) -> Any:
    if isinstance(x, dict) and not isinstance(key, Read):
        entry = x[key]
        required(there(entry), lambda: KeyError(key))
        return that(entry)
    if isinstance(x, list | tuple) and type(key) is int:
        return element(x, key)
    certain(x, "an element is looked up")
    return x[key]


def _axis_by_axis(x: Any, key: tuple[Any, ...]) -> bool:
    """Whether an array is indexed by traced numbers along its first axes."""
    plain = any(isinstance(k, slice) or k is None or k is Ellipsis for k in key)
    traced = any(isinstance(k, Read) for k in key)
    return isinstance(x, np.ndarray | Tensor) and traced and not plain


def _slot(key: Read) -> int | None:
    tracer = current()
    return None if tracer is None else tracer.slots.get(id(key))


def _picked(entries: list[Any], key: Read) -> Any:
    """The entry that the key chooses; None if the entries are not alike."""
    first = entries[0]
    if all(isinstance(x, Value | Real | np.bool_) for x in entries):
        return key._entry(entries)
    if not all(type(x) is type(first) for x in entries):
        return None
    if isinstance(first, list | tuple) and len({len(x) for x in entries}) == 1:
        parts = [_picked(list(column), key) for column in zip(*entries, strict=True)]
        if any(part is None for part in parts):
            return None
        return first._make(parts) if hasattr(first, "_make") else type(first)(parts)
    if isinstance(first, np.ndarray) and len({x.shape for x in entries}) == 1:
        columns = zip(*[x.ravel().tolist() for x in entries], strict=True)
        made = np.empty(first.size, object)
        made[:] = [key._entry(list(column)) for column in columns]
        return made.reshape(first.shape)
    return None


def _entry(x: dict[Any, Any], key: Read) -> Any:
    keys = [k for k in x if isinstance(k, Real) and not isinstance(k, bool)]
    here = int(key._data) if key._data.is_integer() else key._data
    if len(keys) != len(x) or here not in x or len(x) > MOST_ENTRIES:
        return x[key]
    tracer = current()
    assert tracer is not None
    found: Any = None
    answers = [tracer.equals(key, float(k)) for k in keys]
    for answer, k in zip(answers, keys, strict=True):
        found = x[k] if found is None else merged(answer, x[k], found, "an entry of a dict")
    tracer.required.append(_any(answers))
    return found


def _any(truths: Sequence[Any]) -> Any:
    total = truths[0]
    for x in truths[1:]:
        total = apply("add", total, x)
    return total


def contained(x: Any, container: Any) -> Any:
    """`x in container`."""
    if not isinstance(container, list | tuple | set | frozenset | dict | range | np.ndarray):
        return x in container
    if an_uncertain(container) is not None:
        if isinstance(container, dict):
            return x in container and there(container[x])
        return is_in(x, container, lambda a, b: a == b)
    members = list(container.flat) if isinstance(container, np.ndarray) else list(container)
    if isinstance(x, Value) and not isinstance(x, Read):
        return reduce(either, [are_one(x, v) for v in members if isinstance(v, Value)], False)
    traced = isinstance(x, Read) or any(isinstance(member, Read) for member in members)
    if not traced or not members:
        return x in container
    answers = []
    for member in members:
        answer = x == member
        if isinstance(answer, Truth):
            answers.append(answer)
        elif answer is True:
            return True
    if not answers:
        return False
    total = answers[0]
    for answer in answers[1:]:
        total = merged(total, True, answer)
    return total
