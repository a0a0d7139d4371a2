"""What a function finds around it, and whether that is still so: part of its program.

A trace reads the world outside: names in closures and globals, attributes, entries of lists and
dicts, contents of arrays. What the code in reach can name is noted, and compared before each call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from micrograd.compiler.trace.world.around import (
    CELL,
    MOST,
    SORTS,
    Around,
    NumberPlace,
    Slot,
    is_float_array,
)
from micrograd.compiler.trace.world.asks import (
    asks_identity,
    asks_layout,
    asks_numbers,
    asks_truths,
    asks_types,
    catches,
)
from micrograd.compiler.trace.world.left import Left
from micrograd.compiler.trace.world.named import Named, is_written
from micrograd.compiler.trace.world.sources import put_back
from micrograd.compiler.trace.world.watched import (
    Watched,
    are_same,
    content_of,
    entries_are_same,
    in_one_piece,
    is_same,
    kept_entries,
    unchanged,
    watched,
)
from micrograd.engine import same_all, same_entries
from micrograd.nn.module import Module, attributes_set

CONSTANTS = {int, float, bool, str, bytes}
NOTHING = NotImplemented  # where there is no attribute: see `watched`


class Surroundings:
    """What was there when it was made; `same` says whether it still is.

    >>> rate = [0.5]
    >>> around = Surroundings(lambda x: rate[0] * x)
    >>> around.same()
    True
    >>> rate[0] = 0.25
    >>> around.same()
    False
    """

    def __init__(
        self, fn: Callable[..., Any], around: Around | None = None, also: Sequence[Any] = ()
    ) -> None:
        found = (Named(fn, also) if around is None
                 else around.arrays_apart(lambda: Named(fn, also)))  # fmt: skip
        apart = around.identities if around is not None else set()
        lists = {place for place, key in apart if isinstance(key, int)}
        named = [*((cell, CELL) for cell in found.cells.values()),
                 *((x, Slot(name)) for x, name in found.slots()),
                 *((c, Slot(n)) for c in found.classes for n in sorted(found.names)
                   if n in vars(c))]  # fmt: skip
        places = [NumberPlace(*x) for x in named if (id(x[0]), x[1]) not in apart]
        self._variables = [(place, place.get(NOTHING)) for place in places]
        self._lists = [x for x in found.lists if id(x) not in lists]
        self._copies = [list(x) for x in self._lists]  # which keep alive what they hold
        self._entries, self._modules = (
            kept_entries(found.entries(modules), lambda d, key, _: (id(d), key) not in apart)
            for modules in (False, True)
        )
        self._arrays = [(x, content_of(x)) for x in found.arrays]
        self._sizes = [(x, len(x)) for x in [*found.dicts, *found.lists]
                       if isinstance(x, dict) or id(x) in lists]  # fmt: skip
        self._orders = [(x, list(x)) for x in found.dicts if type(x) is dict]
        self._parts = [(vars(x), len(vars(x))) for x in found.objects if isinstance(x, Module)]
        self._held = [(vars(x), len(vars(x))) for x in found.objects if hasattr(x, "__dict__")]
        self._others = [(x, list(x)) for x in found.others]
        self._kinds = [(vars(c), len(vars(c))) for c in found.classes]
        self._items = [(x, k, x[k]) for x, k in found.items() if (id(x), k) not in apart]
        self._texts = found.texts
        self._watch()
        self._set = attributes_set()
        # Whether the user's code asks of which type something is: stand-ins are of others.
        own = [code for code in found.codes if is_written(code)]
        self.asks_types = any(map(asks_types, own))
        self.asks_layout = any(map(asks_layout, own))
        self.asks_numbers = any(map(asks_numbers, own))
        self.asks_truths = any(map(asks_truths, own))
        self.catches = any(map(catches, own))
        has_containers = found.has_containers()
        self.asks_identity = any(asks_identity(code, has_containers) for code in own)

    @cached_property
    def outside(self) -> dict[int, int]:
        """A number below 0 for each container around, by its id: an argument may be one."""
        held = [*self._lists, *(x for x, _ in (*self._arrays, *self._sizes))]
        held += [x.of_what for x, _ in self._others]
        return {id(x): -1 - k for k, x in enumerate(held)}

    def left(self) -> tuple[list[Left], list[tuple[Any, list[Any]]]]:
        """What the function has put into dicts, and lists and sets that it has changed.

        These with what they held before.
        """
        put = [Left.of(place, None if before is NOTHING else before)
               for place, before in (*self._named_entries(), *self._variables)
               if place.get() is not None and not is_same(place.get(), before)]  # fmt: skip
        known = {(id(left.where), left.key) for left in put}
        for d, size in self._sizes + self._held:
            if len(d) > size:
                new = [NumberPlace(d, k) for k in list(d)[size:] if (id(d), k) not in known]
                put += map(Left.of, new)
        held = [*zip(self._lists, self._copies, strict=True), *self._others]
        return put, [(x, items) for x, items in held if not are_same(x, items)]

    def drop_changed(self) -> None:
        """Leave out what has changed: called after the function has run, what it counts itself.

        Constants that it has put where nothing was are what the next call finds.
        """
        put = self._constants_put()
        self._held = []
        self._variables = [(p, x) for p, x in self._variables if is_same(p.get(NOTHING), x)]
        kept = [k for k, x in enumerate(self._lists) if are_same(x, self._copies[k])]
        self._lists = [self._lists[k] for k in kept]
        self._copies = [list(self._lists[k]) for k in range(len(kept))]
        self._entries, self._modules = unchanged(self._entries), unchanged(self._modules)
        for column, more in zip(self._entries, zip(*put, strict=True), strict=bool(put)):
            column.extend(more)
        self._kinds = [(x, n) for x, n in self._kinds if len(x) == n]
        self._arrays = [(x, content) for x, content in self._arrays if content_of(x) == content]
        self._sizes = [(x, n) for x, n in self._sizes if len(x) == n]
        self._orders = [(x, keys) for x, keys in self._orders if list(x) == keys]
        self._parts = [(x, n) for x, n in self._parts if len(x) == n]
        self._others = [(x, list(x) if x.counts_runs else items) for x, items in self._others
                        if x.counts_runs or are_same(list(x), items)]  # fmt: skip
        self._items = [(x, k, v) for x, k, v in self._items if len(x) > k and is_same(x[k], v)]
        self._watch()
        self._set = attributes_set()

    def _constants_put(self) -> list[tuple[dict[Any, Any], Any, Any]]:
        entries = zip(*self._entries, strict=True)
        put = [(d, key) for d, key, value in entries if value is None and key in d]
        put += [(d, k) for d, n in self._sizes + self._held if isinstance(d, dict)
                for k in list(d)[n:]]  # fmt: skip
        found = {(id(d), k): (d, k, d[k]) for d, k in put if type(d[k]) in CONSTANTS}
        return list(found.values())

    def same(self) -> bool:
        """Whether all is still what it was."""
        if self._others and not self._same_others():
            return False
        if self._items and not self._same_items():
            return False
        if self._scattered and not all(content_of(x) == content for x, content in self._scattered):
            return False
        if not same_all(*self._watched) and not self._all_equal():
            return False
        return self.same_modules()

    @property
    def watched(self) -> Watched | None:
        """What `same` compares, modules apart, for one call of `same_all`; None: it is not all."""
        more = self._others or self._items or self._scattered
        return None if more else self._watched

    def same_modules(self) -> bool:
        """Whether attributes of modules are what they were."""
        return self._set == attributes_set() or self._same_modules()

    def changed_numbers(self, arrays: bool = True) -> list[NumberPlace]:
        """Where other numbers are than there were; none if something else has changed, too.

        With `arrays` also where arrays of floats are, whose contents are others.
        """
        were, renewed = {id(x): content for x, content in self._arrays}, set()
        found: list[NumberPlace] = []
        items = [(NumberPlace(x, k), before) for x, k, before in self._items]
        for place, before in (*self._variables, *self._named_entries(), *items):
            now = place.get(NOTHING if before is NOTHING else None)
            if arrays and is_float_array(before) and id(before) in were:
                if not is_float_array(now) or now.shape != before.shape:
                    return []
                if now is not before or content_of(now) != were[id(before)]:
                    found.append(place)
                    renewed.add(id(before))
            elif not is_same(now, before):
                if type(now) not in SORTS or type(before) not in SORTS:
                    return []
                found.append(place)
        for x, copy in zip(self._lists, self._copies, strict=True):
            if not are_same(x, copy):
                if len(x) != len(copy) or {*map(type, x), *map(type, copy)} - {*SORTS}:
                    return []
                found += [NumberPlace(x, k) for k in range(len(x))]
        fixed = all(content_of(x) == content for x, content in self._arrays if id(x) not in renewed)
        sizes = self._sizes + self._kinds + self._parts
        fixed = fixed and all(len(x) == n for x, n in sizes)
        fixed = fixed and self._same_others() and self._same_orders()
        return found if fixed and len(found) <= MOST else []

    def changes(self) -> list[str]:
        """What is no longer what it was, as code says it."""
        found = [self.name_of(p) for p, x in self._variables if not is_same(p.get(NOTHING), x)]
        found += [self.name_of(p) for p, x in self._named_entries() if not is_same(p.get(), x)]
        found += [f"{self._text(x)}[{k}]" for x, k, v in self._items
                  if not (len(x) > k and is_same(x[k], v))]  # fmt: skip
        held = [*zip(self._lists, self._copies, strict=True), *self._others]
        found += [self._text(x) for x, items in held if not are_same(x, items)]
        found += [self._text(x) for x, content in self._arrays if content_of(x) != content]
        sizes = self._sizes + self._kinds + self._parts
        new = [(x, n) for x, n in sizes if isinstance(x, dict) and len(x) > n]
        found += [self._entry(x, key) for x, n in new for key in list(x)[n:]]
        found += [f"len({self._text(x)})" for x, n in sizes if len(x) != n and (x, n) not in new]
        found += [f"the order of {self._text(x)}" for x, keys in self._orders
                  if list(x) != keys and len(x) == len(keys)]  # fmt: skip
        return list(dict.fromkeys(found))

    def name_of(self, place: NumberPlace) -> str:
        """A place as code says it."""
        if place.key is CELL:
            return self._text(place.where)
        if isinstance(place.key, Slot):
            owner = place.where
            text = owner.__name__ if isinstance(owner, type) else self._text(owner)
            return f"{text}.{place.key.name}"
        return self._entry(place.where, place.key)

    def put_back(self) -> None:
        """Let all be as it was, after a run that has ended with an error."""
        new = {(id(d), k) for d, size in self._sizes + self._held
               if isinstance(d, dict) for k in list(d)[size:]}  # fmt: skip
        for dicts, keys, values in (self._entries, self._modules):
            for d, key, value in zip(dicts, keys, values, strict=True):
                if (id(d), key) in new and value is None:
                    d.pop(key, None)
                elif key in d and not is_same(d[key], value):
                    d[key] = value
        for d, size in self._sizes + self._held:
            for key in list(d)[size:] if isinstance(d, dict) else ():
                del d[key]
        for x, copy in zip(self._lists, self._copies, strict=True):
            if not are_same(x, copy):
                x[:] = copy
        for other, items in self._others:
            if not are_same(other, items):
                put_back(other, items)
        for array, (shape, numbers) in self._arrays:
            if array.dtype != object and content_of(array) != (shape, numbers):
                array[...] = np.frombuffer(numbers, array.dtype).reshape(shape)
        for place, value in self._variables:
            if not is_same(place.get(NOTHING), value):
                place.put(None if value is NOTHING else value)

    def _named_entries(self) -> list[tuple[NumberPlace, Any]]:
        """Entries, of modules, too, and what was there; None for nothing."""
        return [(NumberPlace(d, key), value) for part in (self._entries, self._modules)
                for d, key, value in zip(*part, strict=True)]  # fmt: skip

    def _text(self, x: Any) -> str:
        return self._texts.get(id(x)) or f"a {type(x).__name__}"

    def _entry(self, d: dict[Any, Any], key: Any) -> str:
        owner = self._texts.get(id(d), "")
        attribute = isinstance(key, str) and (not owner or owner.endswith("."))
        return f"{owner}{key}" if attribute else f"{owner}[{key!r}]"

    def _same_others(self) -> bool:
        return all(are_same(other, items) for other, items in self._others)

    def _same_orders(self) -> bool:
        return all(list(x) == keys for x, keys in self._orders)

    def _same_items(self) -> bool:
        return all(len(x) > k and is_same(x[k], value) for x, k, value in self._items)

    def _same_modules(self) -> bool:
        if any(len(x) != n for x, n in self._parts):
            return False
        if not same_entries(*self._modules) and not entries_are_same(self._modules):
            return False
        self._set = attributes_set()
        return True

    def _watch(self) -> None:
        """Note what is compared before each call, in one go."""
        now = [(place, place.get(NOTHING)) for place, _ in self._variables]
        classes = [(vars(p.where), p.key.name, x) for p, x in now if p.is_of_class]
        attributes = [(p.where, "cell_contents" if p.key is CELL else p.key.name, x)
                      for p, x in now if not p.is_of_class]  # fmt: skip
        whole = [in_one_piece(x) for x, _ in self._arrays]
        self._scattered = [pair for pair, one in zip(self._arrays, whole, strict=True) if not one]
        arrays = [x for (x, _), one in zip(self._arrays, whole, strict=True) if one]
        entries = [*zip(*self._entries, strict=True), *classes]
        ordered = {id(x) for x, _ in self._orders}
        sizes = [(x, None if id(x) in ordered else n) for x, n in [*self._sizes, *self._kinds]]
        self._watched = watched(self._lists, entries, attributes, arrays, sizes)

    def _all_equal(self) -> bool:
        """Whether nothing but numbers was replaced, by equal ones; those are then the ones."""
        if not all(is_same(place.get(NOTHING), x) for place, x in self._variables):
            return False
        if not all(content_of(x) == content for x, content in self._arrays):
            return False
        sizes = self._sizes + self._kinds
        if not all(len(x) == n for x, n in sizes):
            return False
        if not self._same_orders() or not entries_are_same(self._entries):
            return False
        for x, copy in zip(self._lists, self._copies, strict=True):
            if not are_same(x, copy):
                return False
            copy[:] = x
        self._watch()
        return True
