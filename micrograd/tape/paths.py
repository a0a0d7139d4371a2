"""Where Values are kept: `layers[0].neurons[2].w[1]` in an object, `xs[3]` in a caller's variables.

A path is the Python expression that reads the Value. Of several places, the first counts, in the
order in which attributes were set and variables assigned: a model comes before the list of its
parameters, and that list before the variable of a loop over it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Set
from contextlib import suppress
from itertools import chain
from pathlib import Path
from types import FrameType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any

import numpy as np

from micrograd.engine import Value
from micrograd.tensors.tensor import Tensor

MOST_PLACES = 100_000  # that are looked at below one object
LONGEST = 200  # characters of a path; further into a chain nobody follows
_IGNORED = (str, bytes, bytearray, int, float, complex, range, type, ModuleType, FunctionType)
_RECORDS = ("micrograd.tape", "micrograd.steps", "viz.")  # modules whose objects hold no Values
_HISTORY = ("In", "Out", "exit", "quit", "get_ipython")  # of IPython, among a user's variables
_DISPLAYS = ("IPython", "decorator", "ipykernel")
_OURS = tuple(str(Path(__file__).parents[2] / package) for package in ("micrograd", "viz"))


def paths_of(obj: Any, prefix: str = "") -> dict[int, str]:
    """For the id of every Value kept in an object, and of every Tensor, its path.

    Objects are looked through by their attributes, lists, tuples and dicts by their items; an
    element of a Tensor or of an array of Values has its indices. The paths begin with `prefix`,
    such as the name of a variable. The ids are good for as long as the object is.

    >>> from micrograd.nn import MLP
    >>> model = MLP(3, [4, 1])
    >>> paths_of(model)[id(model.layers[0].neurons[2].w[1])]
    'layers[0].neurons[2].w[1]'
    >>> state = {"wte": [Value(1.0), Value(2.0)]}
    >>> paths_of(state, "state")[id(state["wte"][1])]
    "state['wte'][1]"
    """
    found: dict[int, str] = {}
    seen: set[int] = set()
    stack = [(prefix, obj)]
    for _ in range(MOST_PLACES):
        if not stack:
            break
        path, x = stack.pop()
        if id(x) in seen or len(path) > LONGEST:
            continue
        seen.add(id(x))
        if isinstance(x, Value | Tensor):
            found[id(x)] = path
        if isinstance(x, Tensor):
            found |= {id(v): p for p, v in _elements(path, x._values) if id(v) not in found}
        elif not isinstance(x, Value):
            stack.extend(reversed(list(_inside(path, x))))
    return found


def variable_names(frame: FrameType, wanted: Set[int]) -> dict[int, str]:
    """Names in a frame for the Values with the ids `wanted`: its globals', then its locals'.

    Where only one object (with attributes) holds some of them, the names leave it out:
    `layers[0].w[1]` for `model.layers[0].w[1]`.
    """
    names: dict[int, str] = {}
    owner: dict[int, str] = {}
    for name, x in _variables(frame):
        if len(names) == len(wanted):
            break
        for key, path in paths_of(x, name).items():
            if key in wanted and key not in names:
                names[key], owner[key] = path, name
    inside = {key: name for key, name in owner.items() if names[key].startswith(f"{name}.")}
    if len(set(inside.values())) == 1:
        shorter = {key: names[key].removeprefix(f"{name}.") for key, name in inside.items()}
        if not set(shorter.values()) & {names[key] for key in names.keys() - shorter.keys()}:
            names |= shorter
    return names


def caller() -> FrameType:
    """The frame nearest to here that is not of this library, nor of a notebook that displays."""
    frame = sys._getframe(1)
    while _is_between(frame) and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _is_between(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return frame.f_code.co_filename.startswith(_OURS) or package in _DISPLAYS


def _variables(frame: FrameType) -> Iterator[tuple[str, Any]]:
    """What the user's code sees, in the order in which it was made, as far as that is known."""
    inner = {} if frame.f_locals is frame.f_globals else dict(frame.f_locals)
    outer = {name: x for name, x in list(frame.f_globals.items()) if name not in inner}
    for name, x in chain(outer.items(), inner.items()):
        if name.isidentifier() and not name.startswith("_") and name not in _HISTORY:
            yield name, x


def _inside(path: str, x: Any) -> Iterator[tuple[str, Any]]:
    """What an object holds directly, each with its path; never what it computes."""
    if isinstance(x, _IGNORED) or type(x).__module__.startswith(_RECORDS):
        return
    if isinstance(x, list | tuple):
        if not all(issubclass(kind, _IGNORED) for kind in set(map(type, x))):
            yield from ((f"{path}[{i}]", y) for i, y in enumerate(x))
    elif isinstance(x, dict):
        yield from ((f"{path}[{key!r}]", y) for key, y in list(x.items()))
    elif isinstance(x, np.ndarray):
        yield from _elements(path, x) if x.dtype == object else ()
    else:
        yield from ((_joined(path, name), y) for name, y in _attributes(x))


def _joined(path: str, name: str) -> str:
    """An attribute's path; those of a `Sequential` are numbers, and read as items."""
    if name.isdecimal():
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


def _elements(path: str, values: Any) -> Iterator[tuple[str, Any]]:
    for index in np.ndindex(values.shape):
        yield f"{path}[{','.join(map(str, index))}]" if index else path, values[index]


def _attributes(x: Any) -> Iterator[tuple[str, Any]]:
    yield from list(getattr(x, "__dict__", {}).items())
    for cls in type(x).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            slot = vars(cls).get(name)
            if isinstance(slot, MemberDescriptorType):
                with suppress(AttributeError):
                    yield name, slot.__get__(x, cls)
