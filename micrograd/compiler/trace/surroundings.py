"""What a function finds around it, and whether that is still so: part of its program.

A trace reads the world outside: names in closures and globals, attributes, entries of lists and
dicts, contents of arrays. What the code in reach can name is noted, and compared before each call.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from micrograd.compiler.trace.reachable import PACKAGE, filled, names_of
from micrograd.engine import Value, packed, same_entries, same_lists
from micrograd.nn.module import Module, attributes_set
from micrograd.optim.lr_scheduler import LRScheduler
from micrograd.optim.optimizer import Optimizer
from micrograd.tensors.tensor import Tensor

NUMBERS = (int, float, str, bytes, bool, complex, type(None))
# What goes on by itself, or is asked elsewhere.
APART = (Optimizer, LRScheduler, Random, np.random.Generator, type)
DYNAMIC = frozenset(["getattr", "hasattr", "get", "vars"])
ROUNDS = 8  # of looking for code, and for what it names

Entries = tuple[list[dict[str, Any]], list[Any], list[Any]]  # dicts, keys, values: None for none


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

    __slots__ = (
        "_arrays",
        "_cells",
        "_classes",
        "_copies",
        "_entries",
        "_lists",
        "_modules",
        "_others",
        "_packed",
        "_set",
        "_sizes",
        "_slots",
    )

    def __init__(self, fn: Callable[..., Any]) -> None:
        found = _Found(fn)
        self._cells = list(found.cells.values())
        self._lists = found.lists
        self._copies = [list(x) for x in found.lists]  # which keep alive what they hold
        self._packed = packed(found.lists)
        self._entries, self._modules = found.entries(modules=False), found.entries(modules=True)
        self._arrays = [(x, _content(x)) for x in found.arrays]
        self._sizes = [(x, len(x)) for x in found.dicts]
        self._others = [(x, list(x)) for x in found.others]
        self._slots = [(x, name, getattr(x, name, None)) for x, name in found.slots()]
        self._classes = [(c, n, vars(c)[n]) for c in found.classes for n in sorted(found.names)
                         if n in vars(c)]  # fmt: skip
        self._set = attributes_set()

    def drop_changed(self) -> None:
        """Leave out what has changed: called after the function has run, what it counts itself."""
        self._cells = [(cell, value) for cell, value in self._cells if cell.cell_contents is value]
        kept = [k for k, x in enumerate(self._lists) if _equal(x, self._copies[k])]
        self._lists = [self._lists[k] for k in kept]
        self._copies = [list(self._lists[k]) for k in range(len(kept))]
        self._packed = packed(self._lists)
        self._entries, self._modules = _unchanged(self._entries), _unchanged(self._modules)
        self._arrays = [(x, content) for x, content in self._arrays if _content(x) == content]
        self._sizes = [(x, n) for x, n in self._sizes if len(x) == n]
        self._others = [(x, items) for x, items in self._others if _equal(list(x), items)]
        self._slots = [(x, n, v) for x, n, v in self._slots if _same(getattr(x, n, None), v)]
        self._set = attributes_set()

    def same(self) -> bool:
        """Whether all is still what it was."""
        for cell, value in self._cells:
            if cell.cell_contents is not value:
                return False
        for cls, name, value in self._classes:
            if vars(cls).get(name) is not value:
                return False
        for array, content in self._arrays:
            if _content(array) != content:
                return False
        for container, size in self._sizes:
            if len(container) != size:
                return False
        for other, items in self._others:
            if len(other) != len(items) or not all(map(_same, other, items)):
                return False
        for x, name, value in self._slots:
            if not _same(getattr(x, name, None), value):
                return False
        if not same_lists(self._lists, self._packed) and not self._equal_lists():
            return False
        if not same_entries(*self._entries) and not _equal_entries(self._entries):
            return False
        if self._set == attributes_set():
            return True
        if not same_entries(*self._modules) and not _equal_entries(self._modules):
            return False
        self._set = attributes_set()
        return True

    def _equal_lists(self) -> bool:
        """Whether nothing but numbers was replaced, by equal ones; those are then the ones."""
        for x, copy in zip(self._lists, self._copies, strict=True):
            if not _equal(x, copy):
                return False
            copy[:] = x
        self._packed = packed(self._lists)
        return True


def _same(x: Any, y: Any) -> bool:
    """Whether it is the same object, or an equal number of its type."""
    if x is y:
        return True
    return type(x) is type(y) and isinstance(x, NUMBERS) and repr(x) == repr(y)


def _equal(x: list[Any], copy: list[Any]) -> bool:
    return len(x) == len(copy) and all(map(_same, x, copy))


def _equal_entries(entries: Entries) -> bool:
    dicts, keys, values = entries
    for k, (d, key) in enumerate(zip(dicts, keys, strict=True)):
        if not _same(d.get(key), values[k]):
            return False
        values[k] = d.get(key)
    return True


def _unchanged(entries: Entries) -> Entries:
    kept = [
        entry for entry in zip(*entries, strict=True) if _same(entry[0].get(entry[1]), entry[2])
    ]
    dicts, keys, values = zip(*kept, strict=True) if kept else ((), (), ())
    return list(dicts), list(keys), list(values)


def _content(x: np.ndarray) -> tuple[Any, bytes]:
    """Shape and bytes: of an array of objects, which objects."""
    return x.shape, x.tobytes()


class _Found:
    """Everything that the code in reach of a function can name."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        self.names: set[str] = {"training"}
        self.asked: set[str] = set()  # what `getattr` and the like may ask for
        self.codes: set[CodeType] = set()
        for _ in range(ROUNDS):
            known = len(self.names), len(self.codes)
            self._look()
            if known == (len(self.names), len(self.codes)):
                break

    def _look(self) -> None:
        self.cells: dict[int, tuple[Any, Any]] = {}
        self.lists: list[list[Any]] = []
        self.dicts: list[dict[Any, Any]] = []
        self.others: list[Any] = []  # sets, deques
        self.spaces: list[dict[str, Any]] = []  # globals
        self.objects: list[Any] = []
        self.arrays: list[np.ndarray] = []
        self.classes: list[type] = []
        seen: set[int] = set()
        stack: list[Any] = [self.fn]
        while stack:
            x = stack.pop()
            if id(x) in seen or isinstance(x, (Value, *NUMBERS, *APART)):
                continue
            seen.add(id(x))
            stack += reversed([*self._inside(x)])

    def _inside(self, x: Any) -> Iterator[Any]:
        if isinstance(x, Tensor):
            self.arrays.append(x._values)
        elif isinstance(x, np.ndarray):
            self.arrays.append(x)
            yield from x.flat if x.dtype == object else ()
        elif isinstance(x, list | tuple | set | frozenset):
            if isinstance(x, list):
                self.lists.append(x)
            elif isinstance(x, set):
                self.others.append(x)
            yield from x
        elif isinstance(x, deque | bytearray):
            self.others.append(x)
            yield from x
        elif isinstance(x, dict):
            self.dicts.append(x)
            yield from x.values()
        elif isinstance(x, partial):
            yield from (x.func, x.args, x.keywords)
        elif isinstance(x, ModuleType):
            if _is_users(x):
                self.spaces.append(vars(x))
                yield from (value for name, value in vars(x).items() if name in self.names)
        elif isinstance(x, MethodType):
            yield from (x.__self__, x.__func__)
        elif isinstance(x, FunctionType):
            yield from self._of_function(x)
        else:
            yield from self._of_object(x)

    def _of_function(self, f: FunctionType) -> Iterator[Any]:
        self._note(f.__code__)
        if f.__code__.co_filename.startswith(PACKAGE):
            return
        for cell in f.__closure__ or ():
            if filled(cell):
                self.cells[id(cell)] = (cell, cell.cell_contents)
                yield cell.cell_contents
        if not any(space is f.__globals__ for space in self.spaces):
            self.spaces.append(f.__globals__)
        for name in names_of(f.__code__):
            if name in f.__globals__:
                yield f.__globals__[name]
        yield from f.__defaults__ or ()
        yield from (f.__kwdefaults__ or {}).values()

    def _note(self, code: CodeType) -> None:
        self.codes.add(code)
        names = names_of(code)
        self.names.update(names)
        if not DYNAMIC.isdisjoint(names):
            self.asked.update(x for x in code.co_consts if isinstance(x, str) and x.isidentifier())
            self.names |= self.asked

    def _of_object(self, x: Any) -> Iterator[Any]:
        """The attributes of an object that code names, and the code of its class that is named."""
        held = getattr(x, "__dict__", {})
        if type(held) is not dict or _is_foreign(type(x)):
            return
        self.objects.append(x)
        for cls in type(x).__mro__[:-1]:
            if cls not in self.classes and not cls.__module__.startswith("micrograd."):
                self.classes.append(cls)
            for name, attribute in vars(cls).items():
                if name in self.names or name in ("forward", "__call__"):
                    code = getattr(getattr(attribute, "fget", attribute), "__code__", None)
                    if isinstance(code, CodeType):
                        self._note(code)
        yield from (value for name, value in held.items() if name in self.names)
        yield from (getattr(x, name) for name in self._slots_of(x) if hasattr(x, name))

    def _slots_of(self, x: Any) -> list[str]:
        """The slots of an object that code names."""
        slots: set[str] = set()
        for cls in type(x).__mro__:
            own = vars(cls).get("__slots__", ())
            slots |= {own} if isinstance(own, str) else set(own)
        return sorted(slots & self.names)

    def slots(self) -> Iterator[tuple[Any, str]]:
        """Objects and their slots that are to be compared."""
        yield from ((x, name) for x in self.objects for name in self._slots_of(x))

    def entries(self, modules: bool) -> Entries:
        """What is to be compared in dicts: those of modules, or all others."""
        dicts: list[dict[str, Any]] = []
        keys: list[Any] = []
        values: list[Any] = []

        def note(d: dict[Any, Any], key: Any) -> None:
            dicts.append(d)
            keys.append(key)
            values.append(d.get(key))

        for x in self.objects:
            if isinstance(x, Module) is modules:
                held = getattr(x, "__dict__", None)
                if held is not None:
                    known = held.keys() | {"training"} | set(dir(type(x))) | self.asked
                    for name in self.names & known:
                        note(held, name)
        if not modules:
            for d in self.dicts:
                for key in d:
                    note(d, key)
            for space in self.spaces:
                for name in self.names & space.keys():
                    note(space, name)
        return dicts, keys, values


def _is_foreign(cls: type) -> bool:
    """Whether a class is of the standard library, or of a library that has nothing to watch."""
    root = cls.__module__.partition(".")[0]
    known = sys.stdlib_module_names - {"__main__", "types", "argparse"}
    return root in known or root in ("numpy", "torch")


def _is_users(module: ModuleType) -> bool:
    """Whether a module is neither installed nor ours."""
    path = getattr(module, "__file__", None) or ""
    apart = (PACKAGE, sys.prefix, sys.base_prefix)
    return bool(path) and "site-packages" not in path and not path.startswith(apart)
