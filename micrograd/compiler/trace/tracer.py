"""Writing down what a scalar program computes, while it runs once.

The program runs on ordinary Values and the engine records as always. A number that the program
reads from a Value is a `Read`, a stand-in that keeps its place in the graph. Arithmetic on Reads is
part of the program; whatever would turn one into a plain number (a branch, `float`, an f-string)
raises a CompileError that names the user's line, because the answer would hold for one run only.
`watching` sees to it that `.data` gives Reads.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from threading import get_ident
from typing import Any, NoReturn

import numpy as np

from micrograd.checks import user_line
from micrograd.core.copies import copied
from micrograd.engine import Value, record
from micrograd.errors import CompileError
from micrograd.functions import apply
from micrograd.observers import Keeper
from micrograd.ops import BY_HAND, OPS
from micrograd.tensors.dtypes import FLOAT, INTEGER, TRUTH
from micrograd.tensors.generator import DEFAULT

# Rows that only a trace has: a number read from a node, the largest of several, and a select of
# which only the side that is taken counts as reached by a backward pass.
DETACH = replace(BY_HAND, name="detach", arity=1, symbol="detach", vjp=lambda m, g, y, a: (0.0,))
LARGEST = replace(
    BY_HAND, name="largest", symbol="largest", vjp=lambda m, g, y, *xs: (0.0,) * len(xs)
)
SIDES = replace(OPS["select"])
# An entry of a table, which another integer would choose otherwise.
PICK = replace(BY_HAND, name="pick", arity=1, symbol="pick", vjp=lambda m, g, y, a: (g,))

BRANCH = "a branch depends on traced data, and could go the other way in the next run"

COUNTS = "an integer counts, looks up something, or is computed with as an integer"

Decision = tuple[bool, float]  # whether a condition holds, and of which number it is

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


class UndecidedError(CompileError):
    """A refusal that rewriting the function may do without: what happens depends on numbers."""


class Restart(BaseException):
    """The branch at `site` cannot be two sides of a select: trace again, and decide it."""

    def __init__(self, site: Hashable, reason: str) -> None:
        self.site = site
        self.reason = reason


class Missed(BaseException):  # so that no program catches it; answered by another program
    """A program was traced for other decisions than these arguments lead to."""


def undecided(reason: str) -> NoReturn:
    """Raise about a number on which more depends than the numbers of a program."""
    tracer = current()
    if tracer is not None and tracer.guarding and tracer.sides:
        raise Restart(tracer.sides[0].site, f"{reason}\n  at {user_line()}")
    error = UndecidedError(f"cannot be compiled: {reason}\n  at {user_line()}")
    if tracer is not None and tracer.refusal is None:
        tracer.refusal = error
    raise error


def raises(error: BaseException) -> str:
    """Why a branch on traced data is no select if one of its sides raises."""
    return f"one side of a branch on traced data raises {type(error).__name__}: {error}"


def decided(condition: Value, holds: bool, reason: str, of: float = 0.0) -> bool:
    """Whether the condition holds here, where a program may be of one decision; else refused.

    `of` is the number that the condition compares with, if that is another one in other calls.
    """
    tracer = current()
    if tracer is None or not tracer.guarding or tracer.sides:
        undecided(reason)
    tracer.decide(condition, (holds, of), reason)
    return holds


class Read(Value):
    """A number that a traced program reads: known to the program only as a number."""

    __slots__ = ()
    number_kind = FLOAT  # in an array it is such a number, and requires no gradients

    def _chosen(self, a: Value, b: Value) -> Value:
        """What `where` is of this condition."""
        return choose(self, a, b)

    def __bool__(self) -> bool:
        return decided(self, bool(self._data), BRANCH)

    def __float__(self) -> float:
        undecided("a traced number is turned into a float, which would be a constant")

    def __int__(self) -> int:
        return self._as_integer(int, "turned into an int")

    def __index__(self) -> int:
        reason = "a traced number indexes a list, which would choose for this run only"
        if not self._data.is_integer():
            refuse(reason)
        return int(self._decided_to_be(int(self._data), reason))

    def conjugate(self) -> Read:
        """The number itself, for functions of NumPy that take complex ones."""
        return self

    def __round__(self, digits: int | None = None) -> Any:
        if digits is not None:
            refuse("a traced number is rounded, which would be a constant of the program")
        return self._as_integer(round, "rounded")

    def __trunc__(self) -> int:
        return self._as_integer(math.trunc, "truncated")

    def __floor__(self) -> int:
        return self._as_integer(math.floor, "rounded down")

    def __ceil__(self) -> int:
        return self._as_integer(math.ceil, "rounded up")

    def _as_integer(self, whole: Callable[[float], int], what: str) -> int:
        """The integer that the number becomes, where a program may be of one integer."""
        reason = f"a traced number is {what}, which would be a constant of the program"
        tracer = current()
        if tracer is None or not tracer.guarding or not math.isfinite(self._data):
            undecided(reason)
        n = whole(self._data)
        # Those that become n lie in an interval; its ends are decided to be as they are here.
        for end in (n - 1.0, n - 0.5, float(n), n + 0.5, n + 1.0):
            decided(_compared("less", self, end), self._data < end, reason, end)
            decided(_compared("equal", self, end), self._data == end, reason, end)
        return n

    def _decided_to_be(self, n: Any, reason: str) -> Any:
        decided(_compared("equal", self, float(n)), True, reason, n)
        return n

    def __format__(self, spec: str) -> str:
        refuse("a traced number is turned into text, which would be of this run only")

    def __hash__(self) -> int:
        reason = "a traced number is looked up, which would choose for this run only"
        if not self._data.is_integer():
            refuse(reason)
        return hash(self._decided_to_be(int(self._data), reason))

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
    number_kind = INTEGER

    def _within(self, end: int) -> None:
        """The program is right only where this is one of 0 to end - 1."""
        tracer = current()
        if tracer is not None:
            tracer.require(self, end)

    def __index__(self) -> int:
        tracer = current()
        n = int(self._data)
        if tracer is not None and tracer.guarding:
            return int(self._decided_to_be(n, COUNTS))
        if tracer is not None:
            tracer.index_used(self)
        return n

    __int__ = __index__

    def __str__(self) -> str:
        return str(self._as_text())

    def __format__(self, spec: str) -> str:
        return format(self._as_text(), spec)

    def _as_text(self) -> int:
        tracer = current()
        if tracer is None or not tracer.guarding:
            undecided("a run-time integer is turned into text")
        return int(self._decided_to_be(int(self._data), "an integer is turned into text"))


class Truth(Read):
    """The answer of a comparison: 1.0 or 0.0 to the program."""

    __slots__ = ()
    number_kind = TRUTH


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


_DIVISIONS = ("%", "//", "divmod")


def _divided(operator: str, a: Any, b: Any) -> Any:
    """Floats divided: how often b is in a is decided, as rounding is."""
    if any(type(x) is Value for x in (a, b)):
        return NotImplemented
    times = math.floor(a / b)
    rest = a - times * b
    return {"%": rest, "//": float(times), "divmod": (float(times), rest)}[operator]


def _no_row(
    operator: str, on_integers: Callable[..., Any] | None, reflected: bool = False
) -> Callable[..., Any]:
    def method(self: Read, *others: Any) -> Any:
        if operator in _DIVISIONS and not any(isinstance(x, Index) for x in (self, *others)):
            return _divided(operator, *(others[0], self) if reflected else (self, others[0]))
        reason = f"the operator {operator} on a traced number is no row of the op table"
        integers = [x for x in (self, *others) if isinstance(x, Index)]
        plain = [int(x) if isinstance(x, Index) else x for x in (self, *others)]
        if not integers or any(isinstance(x, Value) for x in plain):
            undecided(reason)
        return NotImplemented if on_integers is None else on_integers(*plain)

    return method


_NO_ROW = {"mod": "%", "floordiv": "//", "divmod": "divmod", "matmul": "@", "and": "&", "or": "|",
           "xor": "^", "lshift": "<<", "rshift": ">>"}  # fmt: skip
for _name, _operator in _NO_ROW.items():
    _plain = divmod if _name == "divmod" else getattr(operator, f"__{_name}__")
    setattr(Read, f"__{_name}__", _no_row(_operator, _plain))
    setattr(Read, f"__r{_name}__", _no_row(_operator, lambda a, b, f=_plain: f(b, a), True))
Read.__invert__ = _no_row("~", operator.invert)  # type: ignore[operator]


@dataclass(slots=True, eq=False)
class Side:
    """One side of a branch that is being traced."""

    site: Hashable
    condition: Any  # that it is taken


class Tracer(Keeper):
    """What the program does, while entered: its nodes, and the leaves that it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: dict[int, int] = {}  # id of a traced argument: its number
        self.sources: dict[int, Value] = {}  # id of a leaf that repeats a number: whose
        self.stopped: list[Value] = []  # nodes made inside `no_grad`
        self.slots: dict[int, int] = {}  # id of a traced integer: its number
        self.indexed: dict[int, str] = {}  # of integers that chose from a list: the line
        self.refusal: CompileError | None = None  # the first one, if the program goes on after it
        self.guarding = False  # whether a program may be of some decisions
        self.decisions: list[tuple[Value, Decision]] = []  # conditions, and whether they hold
        self.required: list[Value] = []  # what must hold for the program to be right
        self.expected: list[Decision] | None = None  # decisions of the trace before
        self.reasons: list[str] = []  # of the decisions
        self._asked: dict[tuple[int, float], Truth] = {}
        self._in_range: set[tuple[int, int]] = set()
        self.sides: list[Side] = []  # of branches, innermost last
        self.opposites: dict[int, Any] = {}  # id of a condition: its opposite
        self.joint: dict[tuple[int, int], Any] = {}  # ids of two conditions: that both hold
        self.chosen: dict[int, tuple[tuple[Value, ...], int]] = {}  # of each PICK: table, slot

    def cut(self, node: Value) -> None:
        """Keep what a node that `no_grad` turns into a leaf was, in another."""
        whole = make_twin(node)
        self.nodes[-1] = whole
        self.stopped.append(whole)
        self.leaves.append(node)
        self.sources[id(node)] = whole

    def decide(self, condition: Value, holds: Decision, reason: str) -> None:
        """Note a decision; raises Missed where the trace before has decided otherwise."""
        place = len(self.decisions)
        if self.expected is not None and self.expected[place : place + 1] != [holds]:
            raise Missed
        self.decisions.append((condition, holds))
        self.reasons.append(f"{reason}\n  at {user_line()}")

    def equals(self, number: Value, n: float) -> Truth:
        """Whether a number is n: asked once each."""
        key = id(number), float(n)
        if key not in self._asked:
            self._asked[key] = _compared("equal", number, n)
        return self._asked[key]

    def require(self, number: Value, end: int) -> None:
        """The program is right only where a number is at least 0, and less than `end`."""
        key = id(number), end
        if key not in self._in_range:
            self._in_range.add(key)
            self.required.append(_compared("less_equal", 0.0, number))
            self.required.append(_compared("less", number, float(end)))

    def pick(self, table: tuple[Value, ...], here: int, slot: int) -> Value:
        """The entry of a table that the integer of a slot chooses, now that of this place."""
        picked = record(PICK, table[here]._data, (table[here],))
        self.chosen[id(picked)] = table, slot
        return picked

    def index_used(self, integer: Index) -> None:
        """Note that an integer has chosen from a list."""
        slot = self.slots.get(id(integer), -1)
        if slot not in self.indexed:
            self.indexed[slot] = user_line()

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
        self._node = node

    def made(self, node: Value) -> None:
        """Keep a node."""
        if len(self.nodes) == self._node:
            self.line = user_line()
        self.nodes.append(node)


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
    return random.getstate(), DEFAULT.get_state(), words["pos"], words["key"].tobytes(), own
