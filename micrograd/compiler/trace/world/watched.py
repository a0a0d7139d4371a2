"""What is compared before each call, put so that one call of the core compares all of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import reduce
from operator import add, is_
from typing import Any

import numpy as np

from micrograd.compiler.trace.world.named import NUMBERS, Entries
from micrograd.compiler.trace.world.words import CLASS, place_of
from micrograd.engine import packed, packed_array, packed_keys

Watched = tuple[Any, ...]  # the arguments of `same_all`
Triple = tuple[Any, str, Any]


def watched(
    lists: list[list[Any]],
    entries: Sequence[tuple[Any, Any, Any]],
    attributes: Sequence[Triple] = (),
    arrays: Sequence[np.ndarray] = (),
    sizes: Sequence[tuple[Any, int | None]] = (),
    shapes: Sequence[np.ndarray] = (),
) -> Watched:
    """Lists, entries (dict, key, value), attributes (object, name, value), arrays and sizes.

    Where a size is None, the keys of a dict in order. Of the arrays in `shapes` only these, not
    what is in them.

    `entries` may be of a class's dict, too; None is no entry, NotImplemented no attribute. Of
    arrays only those that lie in one piece: see `in_one_piece`.

    >>> from micrograd.engine import same_all
    >>> rates = {"first": 0.5}
    >>> before = watched([], [(rates, "first", rates["first"])])
    >>> same_all(*before)
    True
    >>> rates["first"] = 0.25
    >>> same_all(*before)
    False
    """
    placed, of_classes = _placed(attributes)
    dicts, keys, values = _columns([*entries, *of_classes])
    objects, names, contents = _columns(placed)
    held = [*map(_packed, arrays), *(_packed(x, 0) for x in shapes)]
    containers = [x for x, _ in sizes]
    lengths = [packed_keys(x) if n is None else n for x, n in sizes]
    return (lists, packed(lists), dicts, keys, values, objects, names, contents,
            [*arrays, *shapes], held, containers, lengths)  # fmt: skip


def _placed(attributes: Sequence[Triple]) -> tuple[list[tuple[Any, Any, Any]], list[Triple]]:
    """Attributes with where they are in memory, if that is known; and what it depends on."""
    placed: list[tuple[Any, Any, Any]] = []
    classes: dict[tuple[type[Any], str], Any] = {}
    for x, name, value in attributes:
        at, entries = place_of(x, name, value)
        placed.append((x, name if at < 0 else at, value))
        if entries:
            placed.append((x, CLASS, type(x)))
            classes.update(((base, key), found) for base, key, found in entries)
    return placed, [(vars(base), key, found) for (base, key), found in classes.items()]


def together(*parts: Watched) -> Watched:
    """All of them, compared in one go."""
    return tuple(reduce(add, columns) for columns in zip(*parts, strict=True))


def in_one_piece(x: np.ndarray) -> bool:
    """Whether the core can compare the contents of an array where they are."""
    return type(x) is np.ndarray and bool(x.flags.c_contiguous) and _packed(x) is not None


def _packed(x: np.ndarray, size: int | None = None) -> Any:
    address = x.__array_interface__["data"][0]
    return packed_array(x, address, x.ndim, x.nbytes if size is None else size)


def _columns(triples: Sequence[tuple[Any, Any, Any]]) -> tuple[list[Any], list[Any], list[Any]]:
    return [x for x, _, _ in triples], [x for _, x, _ in triples], [x for _, _, x in triples]


def is_same(x: Any, y: Any) -> bool:
    """Whether it is the same object, or an equal number of its type."""
    if x is y:
        return True
    if type(x) is type(y) is bytes:
        return bool(x == y)
    return type(x) is type(y) and isinstance(x, NUMBERS) and repr(x) == repr(y)


def are_same(x: Collection[Any], copy: list[Any]) -> bool:
    """Whether a container holds what it held, or equal numbers."""
    return len(x) == len(copy) and (all(map(is_, x, copy)) or all(map(is_same, x, copy)))


def entries_are_same(entries: Entries) -> bool:
    """Whether dicts have these values, or equal numbers, which are then the ones."""
    dicts, keys, values = entries
    for k, (d, key) in enumerate(zip(dicts, keys, strict=True)):
        if not is_same(d.get(key), values[k]):
            return False
        values[k] = d.get(key)
    return True


def unchanged(entries: Entries) -> Entries:
    """The entries that are still so."""
    return kept_entries(entries, lambda d, key, value: is_same(d.get(key), value))


def kept_entries(entries: Entries, wanted: Callable[[Any, Any, Any], bool]) -> Entries:
    """Those of which `wanted` is true."""
    kept = [entry for entry in zip(*entries, strict=True) if wanted(*entry)]
    dicts, keys, values = zip(*kept, strict=True) if kept else ((), (), ())
    return list(dicts), list(keys), list(values)


def content_of(x: np.ndarray) -> tuple[Any, bytes]:
    """Shape and bytes: of an array of objects, which objects."""
    return x.shape, x.tobytes()
