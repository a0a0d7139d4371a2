"""Names for arrays: the user's labels, attributes and variables, or else W1, b1, W2.

And what a program calls its numbers: the variables that each recorded operation was assigned to.
The function runs once more, and after every line its local variables are looked at.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids, distinct
from micrograd.compiler.trace.arguments.stand_ins import refilled
from micrograd.compiler.trace.numbers.reads import plain
from micrograd.compiler.trace.numbers.tracer import Tracer
from micrograd.compiler.trace.traceable import Traceable
from micrograd.compiler.trace.traced import Traced
from micrograd.compiler.trace.world.around import around_in
from micrograd.compiler.trace.world.reachable import filled, names_of
from micrograd.engine import Value
from micrograd.errors import MicrogradError
from micrograd.tensors.tensor import Tensor

LONGEST = 24  # characters of a name; of a longer one nothing is gained
MOST_JOINED = 3  # names of arrays that one operation reads as one


@dataclass(frozen=True, slots=True)
class Given:
    """The names that the user gave: of arguments in order, and of recorded parameters."""

    arguments: tuple[str, ...]
    parameters: tuple[str, ...]  # "" where there is none
    batch: bool

    def argument(self, k: int) -> str:
        """The name of an argument; `x0` and so on if it has none."""
        return self.arguments[k] if k < len(self.arguments) else f"x{k}"


def given_names(
    fn: Callable[..., Any], leaves: Sequence[Value], batch: bool, inputs: Sequence[Any] = ()
) -> Given:
    """The names of a function's arguments and of the leaves that it uses.

    `inputs` are those of a program, which may have numbers around the function behind them.

    >>> w = [Value(1.0), Value(2.0)]
    >>> given_names(lambda x: w[0] * x, w, False)
    Given(arguments=('x',), parameters=('w', 'w'), batch=False)
    """
    try:
        signature = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):  # of some built-in functions
        signature = []
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = _variables(fn)
    names = [p.name for p in signature if p.kind in plain]
    around = around_in(inputs)
    if around is not None:
        given = len(around.without(tuple(inputs)))
        names = [*names[:given], *(f"x{k}" for k in range(len(names), given))]
        names += [place.name or f"x{k}" for k, place in enumerate(around.places, given)]
    return Given(
        tuple(names),
        tuple(stem(v.label) if v.label else named.get(id(v), "") for v in leaves),
        batch,
    )


def shape_of_argument(x: Any) -> tuple[int, ...]:
    """The shape of an argument, nested lists or an array; that of a ragged one is its length."""
    if isinstance(x, np.ndarray | Tensor):
        return tuple(x.shape)
    if not isinstance(x, list | tuple):
        return ()
    inner = {shape_of_argument(item) for item in x}
    return (len(x), *inner.pop()) if len(inner) == 1 else (len(x),)


def stem(label: str) -> str:
    """A label without its indices.

    >>> stem("W1[0,2]"), stem("w_3"), stem("b")
    ('W1', 'w', 'b')
    """
    label = " ".join(label.split())
    without = re.sub(r"(\[[^\]]*\]|\([^)]*\))+$", "", label).strip()
    return without if without != label else re.sub(r"[_,.\d]+$", "", label) or label


def _variables(fn: Any) -> dict[int, str]:
    """For each leaf in reach, the variable or attribute that holds it, or the lists around it."""
    found: dict[int, str] = {}
    seen: set[int] = set()
    stack = list(reversed(_roots(fn)))
    while stack:
        name, x = stack.pop()
        if isinstance(x, Value):
            found.setdefault(id(x), name)
            continue
        if id(x) in seen or isinstance(x, type | str | bytes | int | float):
            continue
        seen.add(id(x))
        inner: list[tuple[str, Any]] = []
        if isinstance(x, Tensor):
            inner = [(name, v) for v in x._values.flat]
        elif isinstance(x, np.ndarray):
            inner = [(name, v) for v in x.flat] if x.dtype == object else []
        elif isinstance(x, list | tuple | set | frozenset):
            inner = [(name, v) for v in x]
        elif isinstance(x, dict):
            inner = [(str(key), v) for key, v in x.items()]
        elif inspect.isfunction(x) or inspect.ismethod(x):
            inner = _roots(x)
        elif not inspect.ismodule(x) and hasattr(x, "__dict__"):
            inner = [(str(key), v) for key, v in vars(x).items()]
        stack.extend(reversed(inner))
    return found


def _roots(fn: Any) -> list[tuple[str, Any]]:
    bound = [("self", fn.__self__)] if inspect.ismethod(fn) else []
    fn = getattr(fn, "__func__", fn)
    if not inspect.isfunction(fn):
        return [("self", fn)]
    cells = zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True)
    closed = [(name, cell.cell_contents) for name, cell in cells if filled(cell)]
    names = names_of(fn.__code__)
    known = [(name, fn.__globals__[name]) for name in names if name in fn.__globals__]
    return [*bound, *closed, *known]


class ParameterNames:
    """Names of arrays of parameters, which are known by their elements.

    First `meet` all arrays, then `settle`, then ask.
    """

    def __init__(self, given: Sequence[str], taken: set[str]) -> None:
        self.given = given
        self.taken = set(taken)
        self.roles: dict[bytes, str] = {}
        self.stems: dict[bytes, str] = {}
        self.names: dict[bytes, str] = {}

    def meet(self, members: Ids, role: str) -> None:
        """An array, and the letter that it gets if it has no name."""
        key = _key(members)
        if self.roles.setdefault(key, role) == role and key in self.stems:
            return
        stems = list(dict.fromkeys(self.given[i] for i in members.tolist()))
        joined = stems[0] if len(stems) == 1 else f"[{'; '.join(stems)}]"
        fits = "" not in stems and len(stems) <= MOST_JOINED and len(joined) <= LONGEST
        self.stems[key] = joined if fits else ""

    def settle(self) -> None:
        """Give every array a name of its own; the array of all others is θ."""
        times = Counter(self.stems.values())
        every = max(self.roles, key=len, default=b"")
        others = b"".join(key for key in self.roles if key != every)
        of_all = set(np.frombuffer(others, np.int64)) == set(np.frombuffer(every, np.int64))
        layer = 0
        for key, role in self.roles.items():
            stem = self.stems[key]
            if key == every and of_all:
                self.names[key] = self._free("θ")
            elif stem and times[stem] == 1 and stem not in self.taken:
                self.names[key] = stem
            else:
                layer += role == "W"
                self.names[key] = self._free(f"{role}{max(layer, 1)}")
            self.taken.add(self.names[key])

    def _free(self, name: str) -> str:
        letter, number = name[0], int(name[1:] or 0)
        while name in self.taken:
            number += 1
            name = f"{letter}{number}"
        return name

    def name(self, members: Ids) -> str:
        """The name of an array that was met."""
        return self.names[_key(members)]


def _key(members: Ids) -> bytes:
    return distinct(members).astype(np.int64).tobytes()


MOST_LOCALS = 64  # of a frame that is looked at


class _Names(Tracer):
    """A trace that notes the variables to which its nodes are assigned: of each node the first.

    With `arrays` also lists and Tensors of them; then a node has the name that it was last given
    where it was made. So `h = [(…).tanh() for …]` and `h = new` name what is in them `h`.
    """

    def __init__(self, arrays: bool) -> None:
        super().__init__()
        self.names: dict[int, str] = {}  # by the id of a node; nodes live as long as the trace
        self._arrays, self._named = arrays, (Value, list, tuple, Tensor) if arrays else (Value,)
        self._seen: dict[tuple[int, str], int] = {}
        self._where: dict[int, int] = {}  # the frame in which a node got its first name
        self._held: list[Any] = []  # what has been seen lives on, and so do its ids

    def watch(self, frame: FrameType, event: str, _: Any) -> Any:
        """After each line: which variables are new."""
        room = str(frame.f_globals.get("__name__", "")).split(".")[:2]
        if room[0] == "micrograd" and not (self._arrays and room == ["micrograd", "nn"]):
            return None
        if event in ("line", "return"):
            held = frame.f_locals
            for name in list(held)[:MOST_LOCALS]:
                v = held[name]
                key = id(frame), name
                if isinstance(v, self._named) and self._seen.get(key) != id(v):
                    self._seen[key] = id(v)
                    self._note(v, name, frame)
        return self.watch

    def _note(self, v: Any, name: str, frame: FrameType) -> None:
        if not self._arrays:
            self.names.setdefault(id(v), name)
            return
        self._held.append((v, frame))
        for x in _values_in(v):
            if self._where.setdefault(id(x), id(frame)) == id(frame):
                self.names[id(x)] = name


def _values_in(v: Any) -> list[Value]:
    """The Values that an array is made of; a list of which the first is none has none."""
    while isinstance(v, list | tuple) and v and isinstance(v[0], list | tuple):
        v = [item for row in v if isinstance(row, list | tuple) for item in row]
    if isinstance(v, Tensor):
        v = v._values.ravel().tolist()
    return [x for x in (v if isinstance(v, list | tuple) else [v]) if isinstance(x, Value)]


def variables(fn: Callable[..., Any], traced: Traced, arrays: bool = False) -> dict[int, str]:
    """The variable of each recorded operation that was assigned to one, by its number.

    With `arrays` also of those in lists and Tensors that were.
    """
    tracer = _Names(arrays)
    arguments = tuple(map(_plain, traced.stand_ins.arguments))
    before = sys.gettrace()
    try:
        sys.settrace(tracer.watch)
        Traceable(fn, []).again(arguments, tracer)
    except MicrogradError:
        return {}
    finally:
        sys.settrace(before)
    return {k: tracer.names[id(v)] for k, v in enumerate(tracer.nodes) if id(v) in tracer.names}


def _plain(x: Any) -> Any:
    """An argument as it was given: numbers in place of what stands for them."""
    if isinstance(x, np.ndarray):
        return np.array([plain(v) for v in x.ravel().tolist()]).reshape(x.shape)
    return refilled(x, lambda v, _: plain(v))
