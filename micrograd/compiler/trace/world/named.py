"""What code in reach of a function can name: where a trace may have read from."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from enum import Enum
from functools import partial
from random import Random
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from micrograd.checks import PACKAGE
from micrograd.compiler.trace.world.reachable import (
    HOLD_NOTHING,
    filled,
    is_in_users_file,
    is_plain,
    names_of,
)
from micrograd.compiler.trace.world.sources import Asked, behind, names_in
from micrograd.compiler.trace.world.uses import BY_ANY_NAME, Spelled, Uses, reads_by_any_name
from micrograd.engine import Value
from micrograd.nn.module import Module
from micrograd.optim.lr_scheduler import LRScheduler
from micrograd.optim.optimizer import Optimizer
from micrograd.tensors.tensor import Tensor

NUMBERS = (int, float, str, bytes, bool, complex, type(None))
# What goes on by itself, or is asked elsewhere.
APART = (Optimizer, LRScheduler, Random, np.random.Generator)
NOT_LOOKED_INTO = (Value, *NUMBERS, *APART)
BELONGS = (Module, Tensor, Value)  # to a module, whatever its name is: it may be iterated over
ENVIRONMENT = frozenset(["environ", "environb", "getenv", "getenvb"])  # of the process
CALLED = ("forward", "__call__")
# What is not run of an object that is there already, or not to compute.
NOT_CALLED = frozenset(
    f"__{name}__" for name in ("init", "new", "post_init", "repr", "str", "del", "reduce",
                               "getstate", "setstate", "copy", "deepcopy", "init_subclass")
)  # fmt: skip
CATCHING = frozenset(["AttributeError", "Exception", "BaseException", "suppress"])
DYNAMIC = frozenset(["getattr", "hasattr", "get", "vars", "__getattribute__", "__dict__"])
OF_FUNCTIONS = ("__code__", "__defaults__", "__kwdefaults__")  # which may be put into them
ROUNDS = 8  # of looking for code, and for what it names

Reached = tuple[Any, Spelled | None, str]  # an object, how code says it, and how a person would
Entries = tuple[list[dict[str, Any]], list[Any], list[Any]]  # dicts, keys, values: None for none


class Named:
    """Everything that the code in reach of a function can name."""

    def __init__(self, fn: Callable[..., Any], also: Sequence[Any] = ()) -> None:
        self.fn = fn
        self._also = also  # functions, classes and the like that arguments bring along
        self.names: set[str] = {"training"}
        self.asked: set[str] = set()  # what `getattr` and the like may ask for
        self.codes: set[CodeType] = set()
        self.by_any_name = False  # whether attributes are read by names that are made at run time
        for _ in range(ROUNDS):
            known = len(self.names), len(self.codes)
            own = [code for code in self.codes if not code.co_filename.startswith(PACKAGE)]
            asks = any(not BY_ANY_NAME.isdisjoint(names_of(code)) for code in own)
            self.by_any_name = asks and any(
                reads_by_any_name(code) for code in own if is_in_users_file(code.co_filename)
            )
            self._look(None if asks else Uses(self.codes))
            if known == (len(self.names), len(self.codes)):
                return
        self._look(None)

    def _look(self, uses: Uses | None) -> None:
        """Go through everything; of what `uses` has keys of, through these entries only."""
        self._uses = uses
        self.cells: dict[int, Any] = {}
        self.lists: list[list[Any]] = []
        self.dicts: list[dict[Any, Any]] = []
        self.parts: dict[int, tuple[Any, dict[Any, None]]] = {}  # dicts and lists, and their keys
        self.texts: dict[int, str] = {}
        self.others: list[Asked] = []  # sets, deques, buffers
        self.spaces: list[dict[str, Any]] = []  # globals
        self.objects: list[Any] = []
        self.arrays: list[np.ndarray] = []
        self.classes: list[type] = []
        self.functions: list[FunctionType] = []
        seen: set[int] = set()
        self._by_path: set[tuple[int, Spelled]] = set()
        stack: list[Reached] = [(x, None, getattr(x, "__name__", "")) for x in self._also]
        stack.append((self.fn, None, ""))
        while stack:
            x, path, text = stack.pop()
            if id(x) in seen or isinstance(x, NOT_LOOKED_INTO):
                continue
            keys = None if uses is None or type(x) not in (dict, list) else uses.of(path)
            if keys is not None and path is not None and self._is_read_by(x, path, keys):
                stack += reversed([*self._entries_of(x, path, text, keys)])
                continue
            seen.add(id(x))
            self.parts.pop(id(x), None)
            self.texts.setdefault(id(x), text)
            source = Asked.of(x)
            if source is not None:
                self.others.append(source)
                self.texts[id(source)] = text
            self.names.update(names_in(x))
            stack += reversed([*self._inside(x, text)])

    def _is_read_by(self, x: Any, path: Spelled, keys: list[Any]) -> bool:
        """Whether entries are watched each by itself: in lists those with plain indices."""
        if type(x) is dict:
            return True
        plain = all(type(k) is int and 0 <= k < len(x) for k in keys)
        return plain and self._uses is not None and not self._uses.writes(path)

    def _entries_of(self, x: Any, path: Spelled, text: str, keys: list[Any]) -> Iterator[Reached]:
        """The entries of a dict or list that code which says `path` reads."""
        if (id(x), path) in self._by_path:
            return
        self._by_path.add((id(x), path))
        self.texts.setdefault(id(x), text)
        _, known = self.parts.setdefault(id(x), (x, {}))
        for key in keys:
            known[key] = None
            if isinstance(x, list) or key in x:
                yield x[key], (*path, key), f"{text}[{key!r}]"

    def _inside(self, x: Any, text: str) -> Iterator[Reached]:
        entry = f"{text}[…]"
        if isinstance(x, Tensor):
            self._arrays_in(x._values, text)
        elif isinstance(x, np.ndarray):
            self._arrays_in(x, text)
            yield from ((v, None, entry) for v in (x.flat if x.dtype == object else ()))
        elif isinstance(x, list | tuple | set | frozenset | deque):
            if isinstance(x, list):
                self.lists.append(x)
            if not HOLD_NOTHING.issuperset(map(type, x)) and not is_plain(x):
                yield from ((v, None, entry) for v in x)
        elif isinstance(x, dict):
            self.dicts.append(x)
            if not HOLD_NOTHING.issuperset(map(type, x.values())):
                yield from ((v, None, f"{text}[{key!r:.40}]") for key, v in x.items())
        elif isinstance(x, partial):
            yield from ((v, None, text) for v in (x.func, x.args, x.keywords))
        elif isinstance(x, ModuleType):
            if _is_users(x):
                self.spaces.append(vars(x))
                yield from ((value, (name,), f"{x.__name__}.{name}")
                            for name, value in vars(x).items() if name in self.names)  # fmt: skip
        elif isinstance(x, MethodType):
            yield x.__self__, None, "self"
            yield x.__func__, None, ""
        elif isinstance(x, FunctionType):
            yield from self._of_function(x)
        elif behind(x) is not None:
            yield behind(x), None, text
        else:
            yield from self._of_object(x, text)

    def _arrays_in(self, x: np.ndarray, text: str) -> None:
        self.arrays.append(x)
        self.texts[id(x)] = text

    def _of_function(self, f: FunctionType) -> Iterator[Reached]:
        code = f.__code__
        self._note(code)
        if f.__code__.co_filename.startswith(PACKAGE):
            return
        for name, cell in zip(code.co_freevars, f.__closure__ or (), strict=True):
            if filled(cell):
                self.cells[id(cell)] = cell
                self.texts[id(cell)] = name
                yield cell.cell_contents, (name,), name
        if is_in_users_file(code.co_filename):  # what a library keeps is its own
            self.functions.append(f)
            if not any(space is f.__globals__ for space in self.spaces):
                self.spaces.append(f.__globals__)
            names = names_of(code)
            for name in names:
                if name in f.__globals__:
                    yield f.__globals__[name], (name,), name
            yield f.__dict__, None, f"{f.__name__}."
            if not ENVIRONMENT.isdisjoint(names):
                yield getattr(os.environ, "_data", None), None, "os.environ"
        defaults = f.__defaults__ or ()
        last = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
        yield from ((value, (name,), name) for name, value in zip(last, defaults, strict=True))
        if f.__kwdefaults__:
            yield f.__kwdefaults__, None, f"{f.__name__}.__kwdefaults__"

    def _note(self, code: CodeType) -> None:
        self.codes.add(code)
        names = names_of(code)
        self.names.update(names)
        if not DYNAMIC.isdisjoint(names):
            self.asked.update(x for x in code.co_consts if isinstance(x, str) and x.isidentifier())
            self.names |= self.asked
        if not CATCHING.isdisjoint(names):  # an attribute may be missing, and come later
            self.asked.update(names)

    def _of_object(self, x: Any, text: str) -> Iterator[Reached]:
        """The attributes of an object that code names, and the code of its class that is named."""
        if isinstance(x, type):
            for cls in (*x.__mro__[:-1], *type.mro(type(x))[:-2]):  # and of what it is an instance
                yield from self._of_class(cls, ())
            return
        held = getattr(x, "__dict__", {})
        if type(held) is not dict or _is_foreign(type(x)):
            return
        if type(x).__module__.startswith("micrograd.compiler."):  # a compiled function: itself
            yield getattr(x, "fn", None), None, text
            return
        self.objects.append(x)
        for cls in type(x).__mro__[:-1]:
            yield from self._of_class(cls, NOT_CALLED)
        owner = text or type(x).__name__
        self.texts[id(held)] = f"{owner}."  # attributes
        if self.by_any_name and not isinstance(x, Module):
            self.dicts.append(held)
        inside = [(name, held[name]) for name in self._held_by(x, held)]
        inside += [(n, getattr(x, n)) for n in self._slots_of(x) if hasattr(x, n)]
        yield from ((value, (name,), f"{owner}.{name}") for name, value in inside)

    def _of_class(self, cls: type, apart: Collection[str]) -> Iterator[Reached]:
        """The attributes of a class that code names, and what its methods can name."""
        if cls.__module__.startswith("micrograd."):
            for name, attribute in vars(cls).items():
                code = getattr(getattr(attribute, "fget", attribute), "__code__", None)
                if isinstance(code, CodeType) and (name in self.names or name in CALLED):
                    self._note(code)
            return
        if _is_foreign(cls):
            return
        if cls not in self.classes:
            self.classes.append(cls)
        for name, attribute in vars(cls).items():
            inner = getattr(attribute, "fget", getattr(attribute, "__func__", attribute))
            by_operators = name.startswith("__") and isinstance(inner, FunctionType)
            by_operators = by_operators and name not in apart
            if name in self.names or name == "forward" or by_operators:
                yield inner, (name,), f"{cls.__name__}.{name}"

    def _held_by(self, x: Any, held: dict[str, Any]) -> list[str]:
        """The attributes of an object that code can read."""
        ours = isinstance(x, Module) and type(x).__module__.startswith("micrograd.")
        if ours or self.by_any_name or type(x).__module__ == "collections":
            return list(held)
        parts = BELONGS if isinstance(x, Module) else ()
        return [n for n, value in held.items() if n in self.names or isinstance(value, parts)]

    def _slots_of(self, x: Any) -> list[str]:
        """The slots of an object that code names."""
        slots: set[str] = set()
        for cls in type(x).__mro__:
            own = vars(cls).get("__slots__", ())
            slots |= {own} if isinstance(own, str) else set(own)
        return sorted(slots & self.names)

    def slots(self) -> Iterator[tuple[Any, str]]:
        """Objects and their classes and slots, to be compared; functions, which may be changed."""
        yield from ((x, "__class__") for x in self.objects)
        yield from ((x, "__bases__") for x in self.classes)
        yield from ((x, name) for x in self.objects for name in self._slots_of(x))
        yield from ((f, name) for f in self.functions for name in OF_FUNCTIONS)

    def has_containers(self) -> bool:
        """Whether there are lists, dicts or arrays, but those of enumerations and functions."""
        apart = {id(x) for c in self.classes if issubclass(c, Enum) for x in vars(c).values()}
        apart |= {id(f.__dict__) for f in self.functions}
        return any(id(x) not in apart for x in (*self.lists, *self.dicts, *self.arrays))

    def items(self) -> Iterator[tuple[list[Any], int]]:
        """Lists of which single items are to be compared, and which."""
        yield from ((x, k) for x, read in self.parts.values() if isinstance(x, list) for k in read)

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
                    for name in dict.fromkeys([*self._held_by(x, held), *(self.names & known)]):
                        note(held, name)
        if not modules:
            for d in self.dicts:
                for key in d:
                    note(d, key)
            for d, read in self.parts.values():
                for key in read if isinstance(d, dict) else ():
                    note(d, key)
            for space in self.spaces:
                for name in self.names & space.keys():
                    note(space, name)
        return dicts, keys, values


def _is_foreign(cls: type) -> bool:
    """Whether a class is of the standard library, or of a library that has nothing to watch."""
    root = cls.__module__.partition(".")[0]
    known = sys.stdlib_module_names - {"__main__", "types", "argparse"}
    if cls.__module__ == "collections":  # of a UserList and the like what they hold is watched
        return False
    return root in known or root in ("numpy", "torch")


def _is_users(module: ModuleType) -> bool:
    """Whether a module is neither installed nor ours."""
    path = getattr(module, "__file__", None)
    if not path:  # one that was made by hand is the user's
        return getattr(module, "__spec__", None) is None
    return is_in_users_file(path)


def is_written(code: CodeType) -> bool:
    """Whether it is the user's, and not a method that `dataclass` has made (`__eq__`)."""
    if code.co_filename.startswith(PACKAGE):
        return False
    return code.co_filename != "<string>" or not code.co_name.startswith("__")
