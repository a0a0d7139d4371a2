"""Writing down what a scalar program computes, while it runs once.

The program runs on ordinary Values and the engine records as always. A number that the program
reads from a Value is a `Read`, a stand-in that keeps its place in the graph. Arithmetic on Reads is
part of the program; whatever would turn one into a plain number (a branch, `float`, an f-string)
raises a CompileError that names the user's line, because the answer would hold for one run only.
`watching` sees to it that `.data` gives Reads.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import get_ident
from typing import Any, NoReturn

import numpy as np

from micrograd.checks import user_line
from micrograd.core.copies import copied
from micrograd.engine import Value, record
from micrograd.errors import CompileError
from micrograd.functions import apply
from micrograd.observers import Observer
from micrograd.ops import BY_HAND, OPS

# Rows that only a trace has: a number read from a node, the largest of several, and a select of
# which only the side that is taken counts as reached by a backward pass.
DETACH = replace(BY_HAND, name="detach", arity=1, symbol="detach", vjp=lambda m, g, y, a: (0.0,))
LARGEST = replace(
    BY_HAND, name="largest", symbol="largest", vjp=lambda m, g, y, *xs: (0.0,) * len(xs)
)
SIDES = replace(OPS["select"])

active: list[Tracer] = []  # innermost last; all of one thread


def current() -> Tracer | None:
    """The trace that is on in this thread."""
    if active and active[-1].thread == get_ident():
        return active[-1]
    return None


def refuse(reason: str) -> NoReturn:
    """Raise a CompileError about the line that is being traced."""
    error = CompileError(f"cannot be compiled: {reason}\n  at {user_line()}")
    tracer = current()
    if tracer is not None and tracer.refusal is None:
        tracer.refusal = error
    raise error


class Read(Value):
    """A number that a traced program reads: known to the program only as a number."""

    __slots__ = ()

    def _chosen(self, a: Value, b: Value) -> Value:
        """What `where` is of this condition."""
        return choose(self, a, b)

    def __bool__(self) -> bool:
        refuse("a branch depends on traced data, and could go the other way in the next run")

    def __float__(self) -> float:
        refuse("a traced number is turned into a float, which would be a constant of the program")

    def __int__(self) -> int:
        refuse("a traced number is turned into an int, which would be a constant of the program")

    def __index__(self) -> int:
        refuse("a traced number indexes a list, which would choose for this run only")

    def __round__(self, digits: int | None = None) -> float:
        refuse("a traced number is rounded, which would be a constant of the program")

    __trunc__ = __floor__ = __ceil__ = __round__

    def __format__(self, spec: str) -> str:
        refuse("a traced number is turned into text, which would be of this run only")

    def __hash__(self) -> int:
        refuse("a traced number is looked up, which would choose for this run only")

    def __eq__(self, other: object) -> Any:
        return _compared("equal", self, other)

    def __ne__(self, other: object) -> Any:
        equal = _compared("equal", self, other)
        return equal if equal is NotImplemented else _compared("equal", equal, 0.0)

    def __lt__(self, other: Any) -> Any:
        return _compared("less", self, other)

    def __gt__(self, other: Any) -> Any:
        return _compared("less", other, self)

    def __le__(self, other: Any) -> Any:
        return _compared("less_equal", self, other)

    def __ge__(self, other: Any) -> Any:
        return _compared("less_equal", other, self)

    def __str__(self) -> str:
        refuse("a traced number is turned into text, which would be of this run only")

    def __repr__(self) -> str:
        return f"<traced number, here {self._data!r}>"


class Index(Read):
    """A run-time integer: also an index of lists."""

    __slots__ = ()

    def __index__(self) -> int:
        tracer = current()
        if tracer is not None:
            tracer.index_used(self)
        return int(self._data)

    __int__ = __index__


class Truth(Read):
    """The answer of a comparison: 1.0 or 0.0 to the program."""

    __slots__ = ()


def _compared(name: str, a: Any, b: Any) -> Any:
    if not all(isinstance(x, Value | float | int | np.number | np.bool_) for x in (a, b)):
        return NotImplemented
    numbers = [x.data if isinstance(x, Value) else float(x) for x in (a, b)]
    answer = apply(name, *numbers)
    answer.__class__ = Truth
    return answer


def as_read(v: Any) -> Any:
    """A node that is a number to the program, with no derivative of its own."""
    if type(v) is Value:
        v.__class__ = Read
    return v


def choose(condition: Read, a: Value, b: Value) -> Value:
    """The operand a where the condition holds, else b, recorded."""
    if a is b:
        return a
    if not isinstance(condition, Truth):
        condition = condition != 0
    return record(SIDES, (a if condition._data else b)._data, (condition, a, b))


def _closed(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of Value whose result is a Read, unless a Value takes part."""

    def closed(self: Read, *others: Any) -> Any:
        result = method(self, *others)
        if any(isinstance(x, Value) and not isinstance(x, Read) for x in others):
            return result
        return as_read(result)

    closed.__name__ = method.__name__
    closed.__doc__ = method.__doc__
    return closed


_OPERATORS = ("add", "sub", "mul", "truediv", "pow")
_METHODS = [f"__{side}{name}__" for name in _OPERATORS for side in ("", "r")]
_METHODS += ["__neg__", "__abs__", *[row.name for row in OPS.values() if row.method]]
for _name in _METHODS:
    setattr(Read, _name, _closed(getattr(Value, _name)))


def _no_row(operator: str) -> Callable[..., NoReturn]:
    def method(self: Read, *others: Any) -> NoReturn:
        refuse(f"the operator {operator} on a traced number is no row of the op table")

    return method


_NO_ROW = {"mod": "%", "floordiv": "//", "divmod": "divmod", "matmul": "@", "and": "&", "or": "|",
           "xor": "^", "lshift": "<<", "rshift": ">>"}  # fmt: skip
for _name, _operator in _NO_ROW.items():
    setattr(Read, f"__{_name}__", _no_row(_operator))
    setattr(Read, f"__r{_name}__", _no_row(_operator))
Read.__invert__ = _no_row("~")  # type: ignore[operator]


class Tracer(Observer):
    """What the program does, while entered."""

    def __init__(self) -> None:
        self.nodes: list[Value] = []
        self.leaves: list[Value] = []  # made by the program
        self.inputs: dict[int, int] = {}  # id of a traced argument: its number
        self.sources: dict[int, Value] = {}  # id of a leaf that repeats a number: whose
        self.stopped: list[Value] = []  # nodes made inside `no_grad`
        self.slots: dict[int, int] = {}  # id of a traced integer: its number
        self.indexed: dict[int, str] = {}  # of integers that chose from a list: the line
        self.refusal: CompileError | None = None  # the first one, if the program goes on after it
        self.made = self.nodes.append  # type: ignore[assignment,method-assign]  # a C function

    def cut(self, node: Value) -> None:
        """Keep what a node that `no_grad` turns into a leaf was, in another."""
        whole = make_twin(node)
        self.nodes[-1] = whole
        self.stopped.append(whole)
        self.leaves.append(node)
        self.sources[id(node)] = whole

    def index_used(self, integer: Index) -> None:
        """Note that an integer has chosen from a list."""
        slot = self.slots.get(id(integer), -1)
        if slot not in self.indexed:
            self.indexed[slot] = user_line()

    def leaf(self, leaf: Value) -> None:
        """Write down a leaf that the program makes."""
        self.leaves.append(leaf)

    def read(self, v: Value) -> Any:
        """What `v.data` is to the program."""
        if isinstance(v, Read):
            return v
        if v._row is None and v._static is not None:
            return v._data
        return as_read(record(DETACH, v._data, (v,)))


class LineTracer(Tracer):
    """A trace that notes the line which makes a certain node."""

    def __init__(self, node: int) -> None:
        super().__init__()
        self.line = ""

        def made(made: Value) -> None:
            if len(self.nodes) == node:
                self.line = user_line()
            self.nodes.append(made)

        self.made = made  # type: ignore[assignment,method-assign]


def make_twin(node: Value) -> Value:
    """Another node of the same operation."""
    twin: Value = copied(node)
    return twin


def random_states(generators: Iterable[Any] = ()) -> tuple[Any, ...]:
    """The states of the random generators that everybody shares, and of others.

    Two are equal if nothing was drawn between them.
    """
    state = np.random.get_state(legacy=False)
    words = state["state"]
    own = [
        g.getstate() if isinstance(g, random.Random) else str(g.bit_generator.state)
        for g in generators
    ]
    return random.getstate(), words["pos"], words["key"].tobytes(), own
