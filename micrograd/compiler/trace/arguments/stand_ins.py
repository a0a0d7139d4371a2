"""What a compiled function is called with: its shape, its numbers, and stand-ins for a trace."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from numbers import Integral, Real
from typing import Any

import numpy as np

from micrograd.compiler.trace.arguments.given import Contents
from micrograd.compiler.trace.arguments.structures import is_static, kind, parts, rebuilt, static
from micrograd.compiler.trace.numbers.narrow import MOST_INTEGER, is_narrow, numpy_type
from micrograd.compiler.trace.numbers.reads import Flag, Index, Read, of_numpy, type_of
from micrograd.compiler.trace.numbers.tracer import Tracer
from micrograd.engine import Value, floats_in
from micrograd.errors import ArgumentTypeError, ArgumentValueError, CompileError
from micrograd.tensors.dtypes import NUMPY
from micrograd.tensors.elements import filled
from micrograd.tensors.tensor import Tensor

FLOAT, INTEGER, STATIC = "float", "int", "static"
MOST_FIELDS = 16  # of a record, each of which has integers of its own
CallShape = tuple[Hashable, ...]


def shape_of(arguments: tuple[Any, ...]) -> CallShape:
    """What a program depends on: the arguments' structure, sorts of number and static values."""
    return tuple(_shape(x, f"argument {k}") for k, x in enumerate(arguments))


def _shape(x: Any, name: str) -> Hashable:
    if isinstance(x, np.ndarray):
        sort = {"f": FLOAT, "i": INTEGER, "u": INTEGER, "b": INTEGER}.get(x.dtype.kind)
        if hasattr(x, "mask"):
            raise ArgumentTypeError(
                f"{name} is a masked array; pass its numbers, `x.filled(0.0)`, and beside them its "
                "mask as numbers, `1.0 - x.mask`"
            )
        if sort is None:
            raise ArgumentTypeError(f"{name} must hold numbers, got an array of {x.dtype}")
        return "array", _precisely(sort, x.dtype), x.shape
    if isinstance(x, Tensor):
        if x.requires_grad:
            raise ArgumentTypeError(
                f"{name} is an array that requires gradients; arguments are numbers, and what is "
                "trained is met by itself"
            )
        return "tensor", x._kind, x.shape
    if is_static(x):
        return STATIC, static(x)
    if isinstance(x, Value):
        raise ArgumentTypeError(
            f"{name} holds a Value; arguments are numbers, and what is trained is met by itself: "
            "let the function find it in its closure, as `lambda x, y: loss(model, x, y)` does"
        )
    if isinstance(x, Real | np.bool_):
        return _precisely(FLOAT if type_of(x) is float else INTEGER, numpy_type(x))
    inside = parts(x)
    if inside is None:
        raise ArgumentTypeError(
            f"{name} must be a number or nested lists, tuples, dicts, dataclasses or arrays of "
            f"numbers, text, a flag or None, got {type(x).__name__}; an object that holds what is "
            "trained belongs in the closure: `lambda x, y: loss(model, x, y)`"
        )
    if isinstance(x, list | tuple):
        regular = _regular(x)
        if regular is not None:
            sort, shape = regular
            return containers(x), _precisely(sort, numpy_type(_first_number(x))), shape
    shapes = [_shape(item, name) for item in inside]
    if len(shapes) > 1 and isinstance(x, list | tuple) and shapes.count(shapes[0]) == len(shapes):
        return kind(x), len(shapes), shapes[0]
    return kind(x), tuple(shapes)


def _precisely(sort: str, dtype: np.dtype[Any] | None) -> str:
    """The sort of a number, with the type of NumPy's if it is a narrow one."""
    return f"{sort}, {dtype}" if is_narrow(dtype) else sort


def _first_number(x: Any) -> Any:
    while isinstance(x, list | tuple | np.ndarray) and len(x):
        x = x[0]
    return x


def check_layout(arguments: tuple[Any, ...]) -> None:
    """Raise a CompileError for arrays that do not lie in memory as stand-ins for them do."""
    stack = list(arguments)
    while stack:
        x = stack.pop()
        if not isinstance(x, np.ndarray):
            stack += () if is_static(x) else parts(x) or ()
        elif x.itemsize != 8 or x.base is not None or not x.flags.carray:
            raise CompileError(
                "cannot be compiled: the function asks how an array lies in memory, and is given a "
                "view, or one that is not in one piece or of other numbers than 64 bits; pass "
                "`np.array(x, float)`"
            )


def types_in(arguments: tuple[Any, ...]) -> Hashable:
    """Of which types the numbers in arguments are.

    >>> types_in((1, [2.0, True], np.arange(3)))
    (<class 'int'>, ((<class 'float'>, <class 'bool'>),), dtype('int64'))
    """
    return tuple(_types(x) for x in arguments)


def _types(x: Any) -> Any:
    if isinstance(x, np.ndarray | Tensor):
        return x.dtype
    inside = None if is_static(x) else parts(x)
    if inside is None:
        return type(x)
    types = tuple(map(_types, inside))
    return types[:1] if len(set(types)) == 1 else (types,)


def containers(x: Any) -> str:
    """The types of nested lists, as of the first in each."""
    name = str(kind(x))
    if not isinstance(x, list | tuple) or not x or not isinstance(x[0], list | tuple | np.ndarray):
        return name
    return f"{name} of {containers(x[0])}"


def _regular(x: Any) -> tuple[str, tuple[int, ...]] | None:
    """The sort and shape of nested lists that make an array of numbers."""
    floats = floats_in(x)
    if floats is not None:
        return FLOAT, floats[1]
    if any(isinstance(item, Tensor) for item in x):
        return None
    try:
        array = np.array(x)
    except ValueError:
        return None
    sort = {"f": FLOAT, "i": INTEGER}.get(array.dtype.kind)
    if sort is None or not array.size:
        return None
    items: list[Any] = [x]
    sorts: set[type] = set()
    holders: set[type] = set()
    for _ in range(array.ndim):
        holders = set(map(type, items))
        items = list(chain.from_iterable(items))
        sorts = set(map(type, items))
        if len(sorts) > 1 and not all(issubclass(sort, Real) for sort in sorts):
            return None
    if len(sorts) > 1 and any(is_narrow(numpy_type(sort())) for sort in sorts):
        return None
    # A tuple is a record: (user, item, rating) has two integers. A list of numbers is of one sort.
    if len(sorts) > 1 and holders != {list} and any(issubclass(t, Integral) for t in sorts):
        return None
    return None if bool in sorts else (sort, array.shape)


def _plain_numbers(x: Any) -> list[Any] | None:
    """The numbers in nested lists that hold floats or integers alone, all as deep."""
    items: list[Any] = [x]
    sorts: set[type] = {type(x)}
    while sorts and sorts <= {list, tuple}:
        items = list(chain.from_iterable(items))
        sorts = set(map(type, items))
    return items if sorts in ({float}, {int}) else None


def flat(x: Any, dtype: Any) -> np.ndarray:
    """The numbers of an argument, in one contiguous array."""
    if isinstance(x, Tensor):
        return flat(_numbers(x), dtype)
    if isinstance(x, np.ndarray):
        if x.dtype.kind in "iu" and x.itemsize == 8 and x.size and dtype != np.int64:
            _check_integers(x.min(), x.max())
        return np.ascontiguousarray(x, dtype).reshape(-1)
    floats = floats_in(x)
    if floats is not None:
        return np.frombuffer(floats[0]).astype(dtype)
    plain = _plain_numbers(x)
    if plain is not None:
        array = np.array(plain)
        if array.dtype.kind != "f" or (np.abs(array) > MOST_INTEGER).any():
            whole = [n for n in plain if not isinstance(n, float)]
            _check_integers(min(whole, default=0), max(whole, default=0))
        return array.astype(dtype, copy=False)
    numbers: list[Any] = []
    stack = [x]
    while stack:
        item = stack.pop()
        inside = parts(item)
        if inside is not None:
            stack.extend(reversed([*inside]))
        elif isinstance(item, np.ndarray | Tensor):
            numbers.extend(flat(item, dtype).tolist())
        elif not is_static(item):
            if type(item) is not float and isinstance(item, Integral):
                _check_integers(item, item)
            numbers.append(item)
    if dtype == np.int64:  # where there are floats, too, these are not read
        return np.nan_to_num(np.array(numbers, np.float64), posinf=0, neginf=0).astype(dtype)
    return np.array(numbers, dtype)


def _numbers(x: Tensor) -> np.ndarray:
    """The numbers of an array of Values, of their sort."""
    numbers = np.array([v._data for v in x._values.flat], np.float64)
    return numbers.astype(NUMPY[x._kind], copy=False).reshape(x.shape)


def _check_integers(least: Any, most: Any) -> None:
    """Raise an error about an integer that a program, which computes in floats, cannot hold."""
    for number in (int(least), int(most)):
        if abs(number) > MOST_INTEGER:
            raise ArgumentValueError(
                f"an argument holds the integer {number}; compiled programs compute in floats, "
                "which hold integers up to 2**53: pass it as a float if that is near enough"
            )


IndexGroup = (
    Hashable  # of integers in one list: the argument; of one in a record: its place in it, too
)


@dataclass(slots=True)
class StandIns:
    """Traced arguments, and what their numbers are called."""

    arguments: tuple[Any, ...] = ()
    values: list[float] = field(default_factory=list)  # of the inputs, through all arguments
    argument: list[int] = field(default_factory=list)  # which argument each is in
    at: list[int] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)  # of the integers, through all arguments
    ids_argument: list[int] = field(default_factory=list)
    ids_at: list[int] = field(default_factory=list)
    ids_group: list[IndexGroup] = field(default_factory=list)  # which are indices of the same lists
    contents: Contents = field(default_factory=lambda: Contents(()))  # before the function runs

    def integers_in(self, inputs: tuple[Any, ...]) -> Iterator[tuple[IndexGroup, list[int]]]:
        """The integers of each group in the arguments of a call, which may be of many samples."""
        for k in dict.fromkeys(self.ids_argument):
            numbers = flat(inputs[k], np.int64).reshape(-1, self.argument.count(k))
            members: dict[IndexGroup, list[int]] = {}
            for at, of, group in zip(self.ids_at, self.ids_argument, self.ids_group, strict=True):
                if of == k:
                    members.setdefault(group, []).append(at)
            for group, places in members.items():
                yield group, numbers[:, places].ravel().tolist()


def stand_ins(arguments: tuple[Any, ...], tracer: Tracer, same: bool = False) -> StandIns:
    """The arguments with a Read in the place of every number.

    With `same`, what is the same container in several places is so here.
    """
    made = StandIns()
    whole = []
    known: dict[int, Any] | None = {} if same else None
    for k, x in enumerate(arguments):
        flat(x, np.float64)  # raises for integers that no float holds
        first = len(made.values)

        def read(number: Any, group: IndexGroup, k: int = k, first: int = first) -> Read:
            return _read(number, group, k, len(made.values) - first, made, tracer)

        whole.append(refilled(x, read, k, as_objects=True, known=known))
    made.arguments = tuple(whole)
    made.contents = Contents(made.arguments)
    return made


def _read(number: Any, group: IndexGroup, k: int, at: int, made: StandIns, tracer: Tracer) -> Read:
    """The stand-in for the number at that place of an argument; an integer has a group."""
    sort = Read if group is None else Flag if isinstance(number, bool | np.bool_) else Index
    if isinstance(number, np.generic):
        sort = of_numpy(sort, number.dtype)
    read = sort.__new__(sort)
    Value.__init__(read, float(number))
    tracer.inputs[id(read)] = len(made.values)
    tracer.leaves.append(read)
    made.values.append(float(number))
    made.argument.append(k)
    made.at.append(at)
    if group is not None:
        tracer.slots[id(read)] = len(made.ids)
        made.ids.append(int(number))
        tracer.has_negative |= number < 0
        made.ids_argument.append(k)
        made.ids_at.append(at)
        made.ids_group.append(group)
    return read


def refilled(
    x: Any, new: Callable[[Any, IndexGroup], Any], group: IndexGroup = 0, as_objects: bool = False,
    sort: str = "", known: dict[int, Any] | None = None,
) -> Any:  # fmt: skip
    """The argument with others in the place of its numbers: `new(number, group of an integer)`.

    `sort` is that of all its numbers, where it is known. Arrays stay what they are, or become
    arrays of objects. With `known`, a container that is met again is the one that was made of it.
    """
    made = _refilled(x, new, group, as_objects, sort, known)
    is_container = isinstance(x, np.ndarray) or (not is_static(x) and parts(x) is not None)
    return made if known is None or not is_container else known.setdefault(id(x), made)


def _refilled(
    x: Any, new: Callable[[Any, IndexGroup], Any], group: IndexGroup, as_objects: bool, sort: str,
    known: dict[int, Any] | None,
) -> Any:  # fmt: skip
    if isinstance(x, np.ndarray | Tensor):
        old = _numbers(x) if isinstance(x, Tensor) else x
        own = group if old.dtype.kind != "f" else None
        plain = list(old.ravel()) if as_objects and old is x else old.ravel().tolist()
        numbers = [new(number, own) for number in plain]
        if as_objects:
            made = filled(old.shape, numbers)
            return Tensor._plain(made, x._kind) if isinstance(x, Tensor) else made
        array = np.array(numbers, old.dtype).reshape(old.shape)
        return x._of_numbers(array, x._kind) if isinstance(x, Tensor) else array
    if is_static(x):
        return set(x) if type(x) is set else x
    inside = parts(x)
    if inside is None:
        integral = sort == INTEGER or (not sort and isinstance(x, Integral | np.bool_))
        return new(x, group if integral else None)
    if not sort and isinstance(x, list | tuple):
        sort = (_regular(x) or [""])[0]
    record = not isinstance(x, list) and len(inside) <= MOST_FIELDS
    groups = [(group, place) if record else group for place in range(len(inside))]
    floats = sort != INTEGER
    return rebuilt(x, [new(item, None) if floats and type(item) is float
                       else refilled(item, new, own, as_objects, sort, known)
                       for item, own in zip(inside, groups, strict=True)])  # fmt: skip
