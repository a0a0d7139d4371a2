"""Numbers that a traced program reads: arithmetic on them is part of the program.

Whatever would turn one into a plain number (a branch, `float`, an f-string) is refused or decided.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np

from micrograd.checks import user_line
from micrograd.compiler.trace.numbers.narrow import (
    BOOL,
    FLOAT64,
    interval,
    is_lossy,
    numpy_type,
    type_of_result,
)
from micrograd.compiler.trace.numbers.refusing import (
    BRANCH,
    COUNTS,
    Missed,
    current,
    decided,
    refuse,
    undecided,
)
from micrograd.engine import Value, as_operand, record
from micrograd.functions import apply
from micrograd.ops import BY_HAND, OPS
from micrograd.tensors.dtypes import FLOAT, INTEGER, TRUTH

RAISES = "an error is raised, as numbers decide"
OUT_OF_RANGE = "a number that chooses from a list is out of its range"
MOST_ENTRIES = 4096  # of a table that a computed number chooses from

# Rows that only a trace has: a number read from a node, the largest of several, and a select of
# which only the side that is taken counts as reached by a backward pass.
DETACH = replace(BY_HAND, name="detach", arity=1, symbol="detach", vjp=lambda m, g, y, a: (0.0,))
LARGEST = replace(
    BY_HAND, name="largest", symbol="largest", vjp=lambda m, g, y, *xs: (0.0,) * len(xs)
)
SIDES = replace(OPS["select"])
# An entry of a table, which another integer would choose otherwise.
PICK = replace(BY_HAND, name="pick", arity=1, symbol="pick", vjp=lambda m, g, y, a: (g,))


class Read(Value):
    """A number that a traced program reads: known to the program only as a number."""

    __slots__ = ()
    number_kind = FLOAT  # in an array it is such a number, and requires no gradients
    numpy_type: np.dtype[Any] | None = None  # if it is one of NumPy's numbers

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

    def of_kind(self, kind: str) -> Any:
        """The number as an element of an array of that kind gives it."""
        if kind == FLOAT or type_of(self) is not float:
            return self
        return self != 0 if kind == TRUTH else again(self, int)

    def conjugate(self) -> Read:
        """The number itself, for functions of NumPy that take complex ones."""
        return self

    def _place(self, among_integers: bool) -> int | None:
        """The entry of a table that it chooses, where other traces say what others would choose.

        None where the trace has to say it, with `_entry`.
        """
        return None

    def _entry(self, entries: Sequence[Any]) -> Any:
        """The entry of a table of numbers that it chooses, recorded."""
        here = int(self._data)
        if self._data != here or not -len(entries) <= here < len(entries):
            outside(self, len(entries))
            raise IndexError(f"index {self._data:g} is out of bounds for size {len(entries)}")
        if len(entries) > MOST_ENTRIES:
            undecided("a computed number chooses from a table that is too long")
        key: Any = self
        tracer = current()
        if tracer is not None and tracer.of_samples and tracer.has_negative:
            key = self + choose(self < 0, as_operand(len(entries)), as_operand(0))
        elif here < 0:
            decided(self < 0, True, "a number that chooses from a list is negative", len(entries))
            key = self + len(entries)
        assert tracer is not None
        tracer.require(key, len(entries))
        total: Any = None
        for j, x in enumerate(map(as_operand, entries)):
            one = choose(tracer.equals(key, j), x, as_operand(0.0))
            total = one if total is None else total + one
        return as_one_of(total, entries)

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
        if tracer is None or not tracer.guarding:
            undecided(reason)
        if not math.isfinite(self._data):
            raise Missed  # Python has an error or a nan: no program, the function as it is
        n = whole(self._data)
        # Those that become n lie in an interval; its ends are decided to be as they are here.
        for end in (n - 1.0, n - 0.5, float(n), n + 0.5, n + 1.0):
            decided(compared("less", self, end), self._data < end, reason, end)
            decided(compared("equal", self, end), self._data == end, reason, end)
        return n

    def _decided_to_be(self, n: Any, reason: str) -> Any:
        decided(compared("equal", self, float(n)), True, reason, n)
        return n

    def __format__(self, spec: str) -> str:
        undecided("a traced number is turned into text, which would be of this run only")

    def __hash__(self) -> int:
        reason = "a traced number is looked up, which would choose for this run only"
        if not self._data.is_integer():
            refuse(reason)
        return hash(self._decided_to_be(int(self._data), reason))

    def __eq__(self, other: object) -> Any:
        return compared("equal", self, other)

    def __ne__(self, other: object) -> Any:
        equal = compared("equal", self, other)
        return equal if equal is NotImplemented else compared("equal", equal, 0.0)

    def __lt__(self, other: Any) -> Any:
        return compared("less", self, other)

    def __gt__(self, other: Any) -> Any:
        return compared("less", other, self)

    def __le__(self, other: Any) -> Any:
        return compared("less_equal", self, other)

    def __ge__(self, other: Any) -> Any:
        return compared("less_equal", other, self)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        """What NumPy computes of it: as the operator of Python, or element by element."""
        operators = _OF_UFUNC.get(ufunc.__name__)
        arrays = [x for x in inputs if isinstance(x, np.ndarray)]
        if operators and method == "__call__" and not (named or arrays):
            a, b = inputs
            mine = isinstance(a, Read)
            return getattr(a if mine else b, operators[not mine])(b if mine else a)
        if any(is_lossy(x.dtype) for x in arrays):
            in_numpy(ufunc.__name__, *(x.dtype.type() for x in arrays), self)
        boxed = [_boxed(x) if isinstance(x, Read) else x for x in inputs]
        return getattr(ufunc, method)(*boxed, **named)

    def __str__(self) -> str:
        undecided("a traced number is turned into text, which would be of this run only")

    def __repr__(self) -> str:
        return f"<traced number, here {self._data!r}>"


# NumPy's names of operators, with the method of the left operand, and that of the right one.
_OF_UFUNC = {
    **{ufunc: (f"__{name}__", f"__r{name}__") for ufunc, name in (
        ("add", "add"), ("subtract", "sub"), ("multiply", "mul"), ("divide", "truediv"),
        ("power", "pow"), ("floor_divide", "floordiv"), ("remainder", "mod"))},
    "less": ("__lt__", "__gt__"), "less_equal": ("__le__", "__ge__"),
    "greater": ("__gt__", "__lt__"), "greater_equal": ("__ge__", "__le__"),
    "equal": ("__eq__", "__eq__"), "not_equal": ("__ne__", "__ne__"),
}  # fmt: skip


def _boxed(x: Any) -> np.ndarray:
    box = np.empty((), object)
    box[()] = x
    return box


def outside(key: Read, size: int) -> None:
    """Let the program be for calls in which a number chooses nothing from so many, as here."""
    if key._data >= size:
        decided(key >= size, True, OUT_OF_RANGE, size)
    elif key._data < -size:
        decided(key < -size, True, OUT_OF_RANGE, -size)


class WholeNumber(Read):
    """A number that is an integer to Python, computed or chosen."""

    __slots__ = ()
    number_kind = INTEGER

    def _itself(self, digits: int | None = None) -> Read:
        if digits is not None and digits < 0:
            undecided("a traced integer is rounded to tens, which is no row of the op table")
        return self

    __round__ = __trunc__ = __floor__ = __ceil__ = __pos__ = _itself  # type: ignore[assignment]


class Index(WholeNumber):
    """A run-time integer: also an index of lists."""

    __slots__ = ()

    def _place(self, among_integers: bool) -> int | None:
        tracer = current()
        if tracer is None:
            return int(self._data)
        if tracer.guarding:
            return None
        if among_integers:
            undecided("a run-time integer indexes whole numbers, which may choose in turn")
        return int(self)

    def _entry(self, entries: Sequence[Any]) -> Any:
        tracer, here = current(), int(self._data)
        slot = None if tracer is None else tracer.slots.get(id(self))
        from_end = tracer is not None and tracer.of_samples and tracer.has_negative
        if tracer is None or slot is None or from_end or not 0 <= here < len(entries):
            return Read._entry(self, entries)
        tracer.require(self, len(entries))
        picked = tracer.pick(tuple(map(as_operand, entries)), here, slot)
        return as_one_of(picked, entries)

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


class Flag(Index):
    """A run-time truth value, of an array of them."""

    __slots__ = ()
    number_kind = TRUTH


class Truth(Read):
    """The answer of a comparison: 1.0 or 0.0 to the program."""

    __slots__ = ()
    number_kind = TRUTH


TYPES: dict[str, type] = {FLOAT: float, INTEGER: int, TRUTH: bool}


def type_of(x: Any) -> type:
    """Of which type a number is in the function as it is: bool, int or float."""
    if isinstance(x, Value):
        return TYPES[getattr(type(x), "number_kind", FLOAT)]
    return bool if isinstance(x, bool | np.bool_) else int if isinstance(x, Integral) else float


def plain(x: Any) -> Any:
    """The number that something stands for, of its sort."""
    return type_of(x)(x._data) if isinstance(x, Value) else x


_of_numpy: dict[tuple[type[Read], np.dtype[Any]], type[Read]] = {}


def of_numpy(sort: type[Read], dtype: np.dtype[Any]) -> type[Read]:
    """The class of such numbers that are NumPy's, of that type."""
    made = _of_numpy.get((sort, dtype))
    if made is None:
        made = type(sort.__name__, (sort,), {"__slots__": (), "numpy_type": dtype})
        _of_numpy[sort, dtype] = made
    return made


_READ64 = of_numpy(Read, FLOAT64)


def compared(name: str, a: Any, b: Any) -> Any:
    """The answer of a comparison of the op table; NotImplemented for what is no number."""
    if not all(isinstance(x, Value | float | int | np.number | np.bool_) for x in (a, b)):
        return NotImplemented
    types = [numpy_type(x) for x in (a, b)]
    if is_lossy(types[0]) or is_lossy(types[1]):
        a, b = _as_precise(a, types[1]), _as_precise(b, types[0])
    numbers = [x.data if isinstance(x, Value) else float(x) for x in (a, b)]
    answer = apply(name, *numbers)
    answer.__class__ = Truth if types == [None, None] else of_numpy(Truth, BOOL)
    return answer


def _as_precise(x: Any, other: np.dtype[Any] | None) -> Any:
    """A number that is compared with a float of that type: rounded to it, if it is Python's.

    Raises a CompileError if it is not known before the call.
    """
    if numpy_type(x) is not None or not is_lossy(other):
        return x
    if not isinstance(x, Value):
        return other.type(x)  # type: ignore[union-attr]
    if type_of(x) is float:
        refuse(f"a float is compared with a number that is {other}, as which NumPy rounds it")
    return x


def in_numpy(name: str, *numbers: Any) -> np.dtype[Any] | None:
    """The type of NumPy's that a result has; raises a CompileError if a program has no such."""
    types = [t for x in numbers if (t := numpy_type(x)) is not None]
    if not types:
        return None
    floats = None if name in _WHOLE else np.float64 if "truediv" in name else np.float16
    python = [type_of(x) for x in numbers if numpy_type(x) is None]
    dtype = type_of_result(types, python, floats)
    tracer = current()
    if is_lossy(dtype) and (tracer is None or tracer.precision != dtype):
        refuse(f"NumPy computes {dtype} here, in another precision than programs, float64")
    return dtype


def as_read(v: Any) -> Any:
    """A node that is a number to the program, with no derivative of its own."""
    if type(v) is Value:
        v.__class__ = Read
    return v


def unless_raised(v: Any, plain: Callable[..., Any], numbers: Sequence[Any]) -> Any:
    """A result of Python's numbers, which raise where a program has inf or nan.

    Where the function may catch that, the program is for calls in which nothing is raised, or for
    those in which it is, as here.
    """
    tracer = current()
    if tracer is None or not tracer.catches or not isinstance(v, Read):
        return v
    if not (tracer.guarding or tracer.of_samples):
        undecided(RAISES)
    raised: Exception | None = None
    try:
        plain(*[x._data if isinstance(x, Value) else x for x in numbers])
    except (ArithmeticError, ValueError) as error:
        raised = error
    finite = compared("equal", v - v, 0.0)
    if finite._data:
        tracer.required.append(finite)
    else:
        decided(finite, False, RAISES, math.inf)
    if raised is not None:
        raise raised
    return v


def typed(v: Any, dtype: np.dtype[Any] | None) -> Any:
    """A node that is of one of NumPy's types to the program."""
    if dtype is FLOAT64 and type(v) is Read:
        v.__class__ = _READ64
    elif dtype is not None and type(v).numpy_type is None:
        v.__class__ = of_numpy(type(v), dtype)
    return v


def as_whole(v: Any, dtype: np.dtype[Any] | None = None) -> Any:
    """A node that is an integer to the program; beyond what floats hold, the trace is in vain."""
    if type(v) is Read:
        v.__class__ = WholeNumber
        tracer = current()
        if tracer is not None:
            tracer.whole.append(v)
            least, most = interval(dtype, tracer.precision)
            if not (tracer.inexact or least <= v._data <= most):
                tracer.inexact = user_line()
    return typed(v, dtype)


def as_one_of(v: Any, numbers: Iterable[Any]) -> Any:
    """A node that is one of these to the program: a Value, or a number of their sort."""
    given = list(numbers)
    if any(isinstance(x, Value) and not isinstance(x, Read) for x in given):
        return v
    v = as_read(v)
    sorts = set(map(type_of, given))
    if type(v) is Read and sorts == {bool}:
        v.__class__ = Truth
    types = [t for x in given if (t := numpy_type(x)) is not None]
    dtype = max(types, key=is_lossy, default=None)
    return as_whole(v, dtype) if sorts <= {bool, int} else typed(v, dtype)


def again(x: Read, sort: type) -> Any:
    """The number once more, as one of Python's that is of that type to the program."""
    tracer = current()
    if isinstance(x, Index) and sort is int and tracer is not None:
        return tracer.twin(x, Index)
    v = as_read(record(DETACH, x._data, (x,)))
    return as_whole(v) if sort is int else v


def choose(condition: Read, a: Value, b: Value) -> Value:
    """The operand a where the condition holds, else b, recorded."""
    if a is b:
        return a
    if not isinstance(condition, Truth):
        condition = condition != 0
    return record(SIDES, (a if condition._data else b)._data, (condition, a, b))


def _are_whole(*numbers: Any) -> bool:
    return all(type_of(x) is not float for x in numbers)


def _is_whole_power(base: Any, exponent: Any) -> bool:
    """Whether a power is an integer, as those of integers are whose exponent is not negative."""
    if not _are_whole(base, exponent):
        return False
    if not isinstance(exponent, Value):
        return bool(exponent >= 0)
    tracer, condition = current(), compared("less_equal", 0.0, exponent)
    if tracer is not None and tracer.of_samples and condition._data:
        tracer.required.append(condition)
        return True
    return decided(condition, bool(condition._data), "the sign of an exponent is decided")


# Which operators give an integer, of which operands; division never does.
_WHOLE: dict[str, Callable[..., bool]] = {
    **{f"__{side}{name}__": _are_whole for name in ("add", "sub", "mul") for side in ("", "r")},
    "__neg__": _are_whole,
    "__abs__": _are_whole,
    "__pow__": _is_whole_power,
    "__rpow__": lambda exponent, base: _is_whole_power(base, exponent),
}


# Operators that raise an error where the result is not finite, as Python has them.
_RAISING: dict[str, Callable[..., Any]] = {
    "__truediv__": operator.truediv,
    "__rtruediv__": lambda b, a: a / b,
    "__pow__": operator.pow,
    "__rpow__": lambda b, a: a**b,
}


def _closed(
    method: Callable[..., Any], keeps: Callable[..., bool] | None, plain: Callable[..., Any] | None
) -> Callable[..., Any]:
    """A method of Value whose result is a Read, unless a Value takes part.

    `keeps` says of which operands it is an integer, `plain` is what may raise an error.
    """

    def closed(self: Read, *others: Any) -> Any:
        result, dtype = method(self, *others), self.numpy_type
        plain_types = dtype is None or dtype is FLOAT64  # all of them: most are
        for x in others:
            sort = type(x)
            if isinstance(x, Value) and not isinstance(x, Read):
                return result
            plain_types &= sort is float or sort is int or getattr(sort, "numpy_type", 0) is dtype
        result = as_read(result)
        if not plain_types:
            dtype = in_numpy(method.__name__, self, *others)
        whole = keeps is not None and self.number_kind != FLOAT and keeps(self, *others)
        if plain is not None and dtype is None:
            unless_raised(result, plain, (self, *others))
        return as_whole(result, dtype) if whole else typed(result, dtype)

    closed.__name__ = method.__name__
    closed.__doc__ = method.__doc__
    return closed


_OPERATORS = ("add", "sub", "mul", "truediv", "pow")
_METHODS = [f"__{side}{name}__" for name in _OPERATORS for side in ("", "r")]
_METHODS += ["__neg__", "__abs__", *[row.name for row in OPS.values() if row.method]]
for _name in _METHODS:
    setattr(Read, _name, _closed(getattr(Value, _name), _WHOLE.get(_name), _RAISING.get(_name)))


_DIVISIONS = ("%", "//", "divmod")


def _divided(operator: str, a: Any, b: Any) -> Any:
    """Numbers divided: how often b is in a is decided, as rounding is."""
    if any(type(x) is Value for x in (a, b)):
        return NotImplemented
    times: Any = math.floor(a / b)
    rest = a - times * b
    times = times if _are_whole(a, b) else float(times)
    return {"%": rest, "//": times, "divmod": (times, rest)}[operator]


def _no_row(
    operator: str, on_integers: Callable[..., Any] | None, reflected: bool = False
) -> Callable[..., Any]:
    def method(self: Read, *others: Any) -> Any:
        computed = any(isinstance(x, Value) and not isinstance(x, Index) for x in (self, *others))
        if operator in _DIVISIONS and computed:
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
Flag.__invert__ = lambda flag: compared("equal", flag, 0.0)  # type: ignore[operator]


def _opposite(truth: Truth) -> Any:
    """`~` of one of NumPy's; of Python's it is an integer."""
    if truth.numpy_type is None:
        return Read.__invert__(truth)  # type: ignore[operator]
    return typed(compared("equal", truth, 0.0), BOOL)


Truth.__invert__ = _opposite  # type: ignore[operator]
