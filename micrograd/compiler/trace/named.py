"""What code in reach of a function can name: where a trace may have read from."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from micrograd.compiler.trace.reachable import PACKAGE, PLAIN, filled, is_plain, names_of
from micrograd.engine import Value
from micrograd.nn.module import Module
from micrograd.optim.lr_scheduler import LRScheduler
from micrograd.optim.optimizer import Optimizer
from micrograd.tensors.tensor import Tensor

NUMBERS = (int, float, str, bytes, bool, complex, type(None))
# What goes on by itself, or is asked elsewhere.
APART = (Optimizer, LRScheduler, Random, np.random.Generator, type)
DYNAMIC = frozenset(["getattr", "hasattr", "get", "vars"])
ROUNDS = 8  # of looking for code, and for what it names

Entries = tuple[list[dict[str, Any]], list[Any], list[Any]]  # dicts, keys, values: None for none


class Named:
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
            if not is_plain(x):
                yield from x
        elif isinstance(x, deque | bytearray):
            self.others.append(x)
            yield from x
        elif isinstance(x, dict):
            self.dicts.append(x)
            if not PLAIN.issuperset(map(type, x.values())):
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
