"""The core in Python: nodes, operators and the backward pass, wherever no compiled one is.

It says what the compiled core does, too: the tests compare the two to the bit.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import chain
from numbers import Real
from operator import add, attrgetter, is_, mul
from typing import TYPE_CHECKING, Any

from micrograd import observers
from micrograd.core.notes import More
from micrograd.core.scalar import Scalar, as_number
from micrograd.core.walk import prepare_backward, topological_order
from micrograd.ops import FLOATS, OPS, Op

Unary = Callable[["Value"], "Value"]
Binary = Callable[["Value", "Value | float"], "Value"]


def _unary(row: Op) -> Unary:
    """The method of `Value` for a row with one input."""
    f = row.f

    def method(self: Value) -> Value:
        return make_node(row, f(self._data), self)

    method.__name__ = row.name
    method.__doc__ = row.text("x")
    return method


def _binary(row: Op) -> tuple[Binary, Binary]:
    """The operator methods of `Value` for a row with two inputs, plain and reflected."""
    f = row.f

    def method(self: Value, other: Value | float) -> Value:
        if type(other) is Value:
            return make_node(row, f(self._data, other._data), self, other)
        b = as_operand(other)
        return b if b is NotImplemented else make_node(row, f(self._data, b._data), self, b)

    def reflected(self: Value, other: Value | float) -> Value:
        a = as_operand(other)
        return a if a is NotImplemented else make_node(row, f(a._data, self._data), a, self)

    method.__name__ = reflected.__name__ = row.name
    method.__doc__ = row.text("x", "y")
    reflected.__doc__ = row.text("y", "x")
    return method, reflected


def _unary_static(row: Op) -> Callable[[Value, Real | float], Value]:
    """The method of `Value` for a row with one input and a static parameter."""

    def method(self: Value, static: Real | float) -> Value:
        k = static if type(static) is float else as_number(static, row.static)
        return make_node(row, row.f(self._data, k), self, None, k)

    return method


def _number(name: str) -> property:
    """An attribute for users: a slot that takes numbers only."""

    def put(self: Value, x: float) -> None:
        setattr(self, slot, x if type(x) is float else as_number(x, name))

    slot = f"_{name}"
    return property(attrgetter(slot), put)


class Value(Scalar):
    """A scalar that remembers how it was computed."""

    # `_row`: the row of the op table, None for a leaf. The inputs are `_a` and `_b`, or in `_more`
    # where they are not one or two. `_static`: the row's static parameter; in a leaf, its number if
    # the leaf stands for a plain number of an expression. `_mark`: the token of
    # the last backward pass that came here, None if none did. `_more`: what few nodes have.
    if not TYPE_CHECKING:  # `data` and `grad` can be assigned as well
        __slots__ = ("_a", "_b", "_data", "_grad", "_mark", "_more", "_row", "_static")
    else:
        _data: float
        _grad: float
        _row: Op | None
        _a: Value | None
        _b: Value | None
        _static: float | None
        _mark: object | None
        _more: More | None

    def __init__(
        self, data: float, _children: Sequence[Value] = (), _op: str = "", label: str = ""
    ) -> None:
        self._data = as_number(data, "data")
        self._grad = 0.0
        self._row = self._a = self._b = self._static = self._mark = self._more = None
        if _children or _op or label:
            self._describe(_children, _op, label)
        if observers.active:
            observers.tell_leaf(self)

    if not TYPE_CHECKING:
        data, grad = _number("data"), _number("grad")

    __add__, __radd__ = _binary(OPS["add"])
    __sub__, __rsub__ = _binary(OPS["sub"])
    __mul__, __rmul__ = _binary(OPS["mul"])
    __truediv__, __rtruediv__ = _binary(OPS["div"])
    _pow_value, __rpow__ = _binary(OPS["pow"])
    _pow_static = _unary_static(OPS["pow_static"])
    __neg__ = _unary(OPS["neg"])
    __abs__ = _unary(OPS["abs"])

    def __pow__(self, exponent: Value | float) -> Value:
        """To the power. A number is a static parameter, a Value an input like any other."""
        if isinstance(exponent, Value):
            return self._pow_value(exponent)
        if not isinstance(exponent, Real):
            return NotImplemented
        return self._pow_static(exponent)

    # ---- the recorded graph ------------------------------------------------------------------

    @property
    def _inputs(self) -> tuple[Value, ...]:
        """What this node was computed from, in order and with repeats (`a * a` has two)."""
        if self._a is None:
            return self._more.inputs if self._more is not None else ()
        return (self._a,) if self._b is None else (self._a, self._b)

    def _become(
        self, row: Op | None, inputs: Sequence[Value], static: float | None, more: More | None
    ) -> None:
        """Turn this node into one of another row; by hand, the inputs are in `more`."""
        self._row, self._static, self._more = row, static, more
        self._a = self._b = None
        if row is not None and 1 <= row.arity <= 2:
            self._a, self._b = (*inputs, None)[:2]
        elif inputs:
            self._notes().inputs = tuple(inputs)

    # ---- derivatives -------------------------------------------------------------------------

    def backward(self) -> None:
        """Fill `.grad` of all that this value was computed from.

        Adds to the gradients of the leaves (so two calls give twice the gradient) and overwrites
        those of the other nodes.
        """
        order = prepare_backward(self)
        if self._row is None:
            self._grad += 1.0
            return
        self._grad = 1.0
        if observers.active:
            for node in reversed(order):
                node._pull_watched()
            return
        v: Any  # every attribute is there: these are operations
        for v in reversed(order):
            vjp, a, b = v._row.vjp, v._a, v._b
            if b is not None:
                share_a, share_b = vjp(FLOATS, v._grad, v._data, a._data, b._data)
                a._grad += share_a
                b._grad += share_b
            elif a is not None:
                k = v._static
                static = () if k is None else (k,)
                (share_a,) = vjp(FLOATS, v._grad, v._data, a._data, *static)
                a._grad += share_a
            else:
                v._backward()


for _row in OPS.values():
    if _row.static and _row.arity == 1:
        setattr(Value, f"_{_row.name}", _unary_static(_row))  # `Scalar` has the public one
    elif _row.method:
        setattr(Value, _row.name, _unary(_row))

_new = object.__new__


# ---- making nodes ----------------------------------------------------------------------------


def make_leaf(data: float) -> Value:
    """`Value(data)` for what is a float already, in a third of the time."""
    v = _new(Value)
    v._data = data
    v._grad = 0.0
    v._row = v._a = v._b = v._static = v._mark = v._more = None
    if observers.active:
        observers.tell_leaf(v)
    return v


def make_leaves(numbers: Iterable[float]) -> list[Value]:
    """A leaf for each float."""
    return [make_leaf(x) for x in numbers]


def make_operand(data: float) -> Value:
    """A leaf for a plain number in an expression; `_static` tells it from other leaves."""
    v = _new(Value)
    v._data = v._static = data
    v._grad = 0.0
    v._row = v._a = v._b = v._mark = v._more = None
    return v


def make_node(
    row: Op,
    data: float,
    a: Value | None,
    b: Value | None = None,
    static: float | None = None,
    more: More | None = None,
) -> Value:
    """A recorded operation with the result `data`; more than two inputs are in `more`."""
    v = _new(Value)
    v._data = data
    v._grad = 0.0
    v._row = row
    v._a = a
    v._b = b
    v._static = static
    v._mark = None
    v._more = more
    if observers.active:
        observers.tell_made(v)
    return v


def record(row: Op, data: float, inputs: tuple[Value, ...]) -> Value:
    """A recorded operation of any number of inputs, of which the result is known."""
    if 1 <= row.arity <= 2:
        return make_node(row, data, inputs[0], *inputs[1:])  # type: ignore[arg-type]
    return make_node(row, data, None, more=More(inputs=inputs))


def compute(row: Op, inputs: tuple[Value, ...], static: float | None = None) -> Value:
    """Compute a row of the op table, and record it."""
    numbers = [x._data for x in inputs]
    if static is not None:
        return make_node(row, row.f(*numbers, static), inputs[0], None, static)
    return record(row, row.f(*numbers), inputs)


def as_operand(x: Any) -> Any:
    """A Value as it is, a number as a leaf; NotImplemented for anything else."""
    if type(x) is float:
        return make_operand(x)
    if isinstance(x, Value):
        return x
    return make_operand(as_number(x, "operand")) if isinstance(x, Real) else NotImplemented


# ---- many at once ----------------------------------------------------------------------------


def weighted_sum(weights: Sequence[Any], xs: Sequence[Any], start: Any = None) -> Any:
    """The sum of products w x from left to right, onto `start` where there is one."""
    products = map(mul, weights, xs)
    return reduce(add, products) if start is None else reduce(add, products, start)


def zero_gradients(values: Iterable[Value]) -> None:
    """`zero_grad` of each."""
    for v in values:
        v._grad = 0.0
        v._mark = None


def backward_from(root: Value, noted: list[tuple[Value, float, Any]]) -> None:
    """`backward` from gradients of 0.

    To `noted` come all leaves, but no plain numbers, with the gradients and marks that they had.
    """
    leaves = [v for v in topological_order(root) if v._row is None and v._static is None]
    noted += [(v, v._grad, v._mark) for v in leaves]
    zero_gradients(leaves)
    root.backward()


def numbers_of(values: Iterable[Value]) -> list[float]:
    """The number of each."""
    return [v._data for v in values]


def gradients_of(values: Iterable[Value]) -> list[float]:
    """The gradient of each."""
    return [v._grad for v in values]


def floats_in(x: Any) -> tuple[bytes, tuple[int, ...]] | None:
    """The float64 numbers of nested lists of floats, and their shape; None for anything else."""
    items: list[Any] = [x]
    shape: list[int] = []
    while (sorts := set(map(type, items))) in ({list}, {tuple}):
        lengths = set(map(len, items))
        if len(lengths) > 1:
            return None
        shape += lengths
        items = list(chain.from_iterable(items))
    return (array("d", items).tobytes(), tuple(shape)) if shape and sorts == {float} else None


def floats_into(x: Any, layout: tuple[Any, ...], numbers: Any) -> bool:
    """Write such lists into a float64 array, which has their size.

    False, and any may be written, if they are not as the layout says: the type and the length of
    the lists along each axis, one after the other.
    """
    found = floats_in(x)
    if found is None or found[1] != layout[1::2]:
        return False
    for sort in layout[::2]:
        if type(x) is not sort:
            return False
        x = x[0]
    memoryview(numbers).cast("B")[:] = found[0]
    return True


# ---- what was recorded, as arrays ---------------------------------------------------------------


def as_arrays(
    nodes: list[Value], others: list[Value], hidden: Op
) -> tuple[list[Op | None], bytes, bytes, bytes, dict[int, bytes], list[Value], bytes]:
    """What nodes are computed from: numbers instead of objects.

    The rows that occur, None for leaves among the nodes; of each node the number of its row
    (int32), the codes of up to three inputs (int64, -1 where there is none; `others` have theirs
    behind them), and its static parameter (nan if it has none); the codes of nodes that take more;
    the leaves, and for each two int64: the node that uses it first, and the id of the float that it
    stands for (0 if it is another leaf, -1 if it is the result of an operation). A code is the
    number of a node, or -2 - k for leaf k. Nodes of the row `hidden` are shown without inputs.
    """
    code = {id(v): i for i, v in reversed([*enumerate(nodes)])}
    leaves: list[Value] = []
    of_leaves, row, codes, statics = array("q"), array("i"), array("q"), array("d")
    numbers: dict[int, int] = {}
    rows: list[Op | None] = []
    many: dict[int, bytes] = {}

    def coded(x: Value, user: int) -> int:
        found = code.get(id(x))
        if found is None:
            found = code[id(x)] = -2 - len(leaves)
            leaves.append(x)
            plain = 0 if x._static is None else id(x._static)
            of_leaves.extend((user, plain if x._row is None else -1))
        return found

    for i, v in enumerate(nodes):
        own = v._row
        number = numbers.setdefault(id(own), len(rows))
        if number == len(rows):
            rows.append(own)
        row.append(number)
        statics.append(math.nan if v._static is None or own is None else v._static)
        inputs = [coded(x, i) for x in v._inputs] if own not in (None, hidden) else []
        few = own is not None and len(inputs) <= 3 and len(inputs) == own.arity
        if inputs and not few:
            many[i] = array("q", inputs).tobytes()
            inputs = []
        codes.extend((*inputs, -1, -1, -1)[:3])
    codes.extend(coded(x, len(nodes)) for x in others)
    return (rows, row.tobytes(), codes.tobytes(), statics.tobytes(), many, leaves,
            of_leaves.tobytes())  # fmt: skip


# ---- graphs as arrays, an edge the numbers of two nodes ------------------------------------------


def _neighbours(source: Any, to: Any, size: int) -> list[list[int]]:
    near: list[list[int]] = [[] for _ in range(size)]
    for n, m in zip(memoryview(source).tolist(), memoryview(to).tolist(), strict=True):
        near[n].append(m)
    return near


def longest_paths(users: Any, used: Any, size: int) -> bytes | None:
    """The longest path to each of so many nodes (int32), along edges (arrays of int64) from `used`.

    None if there is a circle.
    """
    near, waiting, level = _neighbours(used, users, size), [0] * size, array("i", [0]) * size
    for n in memoryview(users).tolist():
        waiting[n] += 1
    ready = [n for n in range(size) if not waiting[n]]
    for n in ready:
        after = level[n] + 1
        for m in near[n]:
            level[m] = max(level[m], after)
            waiting[m] -= 1
            if not waiting[m]:
                ready.append(m)
    return level.tobytes() if len(ready) == size else None


def reachable(source: Any, to: Any, seed: bytes, through: bytes) -> bytes:
    """The seeds, and what is in `through` and edges lead to from what is found: a byte a node."""
    near, known = _neighbours(source, to, len(seed)), bytearray(seed)
    found = [n for n, is_seed in enumerate(seed) if is_seed]
    for n in found:
        for m in near[n]:
            if through[m] and not known[m]:
                known[m] = 1
                found.append(m)
    return bytes(known)


def occurrences(keys: Any) -> tuple[bytes, bytes]:
    """Of an array of int64 the number of each key among the different ones, in order (int64).

    And where the same key was last, or -1.
    """
    known: dict[int, int] = {}
    last: dict[int, int] = {}
    numbers, before = array("q"), array("q")
    for i, key in enumerate(memoryview(keys).cast("B").cast("q")):
        numbers.append(known.setdefault(key, len(known)))
        before.append(last.get(key, -1))
        last[key] = i
    return numbers.tobytes(), before.tobytes()


# ---- whether things are still what they were ---------------------------------------------------


def packed(lists: list[list[Any]]) -> Any:
    """What lists hold, to be compared with what they hold later."""
    return [list(x) for x in lists]


def _same_lists(lists: list[list[Any]], before: Any) -> bool:
    """Whether each list holds the objects that it held when it was packed, or equal ones."""
    try:
        return bool(lists == before)
    except Exception:  # arrays do not compare so, and lists may hold themselves
        return all(len(x) == len(y) and all(map(is_, x, y)) for x, y in zip(lists, before))  # noqa: B905


def same_entries(dicts: list[dict[str, Any]], keys: list[Any], values: list[Any]) -> bool:
    """Whether each dict has that value there, None if it has none."""
    for d, key, value in zip(dicts, keys, values, strict=True):  # noqa: SIM110  (often called)
        if d.get(key) is not value:
            return False
    return True


def packed_keys(d: dict[Any, Any]) -> Any:
    """The keys of a dict in order, to be given to `same_all` in the place of its size."""
    return list(d)


def packed_array(x: Any, address: int, axes: int, size: int) -> Any:
    """What an array holds, to be compared with what it holds later; of size 0: its shape alone."""
    return x.shape, x.strides, x.tobytes() if size else b""


def same_all(
    lists: list[list[Any]], before: Any, dicts: list[Any], keys: list[Any], values: list[Any],
    objects: list[Any], names: list[str], contents: list[Any], arrays: list[Any],
    packed_before: list[Any], containers: list[Any], sizes: list[Any],
) -> bool:  # fmt: skip
    """All in one go; and attributes of objects, of which NotImplemented is none, and sizes."""
    for x, size in zip(containers, sizes):  # noqa: B905
        if len(x) != size if isinstance(size, int) else list(x) != size:
            return False
    for x, (shape, strides, held) in zip(arrays, packed_before):  # noqa: B905
        if (x.shape, x.strides) != (shape, strides) or (held and x.tobytes() != held):
            return False
    for x, name, content in zip(objects, names, contents):  # noqa: B905
        if _attribute(x, name) is not content:
            return False
    return _same_lists(lists, before) and same_entries(dicts, keys, values)


def word_of(x: Any, value: Any, size: int) -> int:
    """-1: where things are in memory only the compiled core knows."""
    return -1


def same_call(given: tuple[Any, ...], held: tuple[Any, ...], before: tuple[Any, ...]) -> bool:
    """Whether two tuples hold the same objects, and `same_all` of what was packed before."""
    return len(given) == len(held) and all(map(is_, given, held)) and same_all(*before)


def _attribute(x: Any, name: str) -> Any:
    try:
        return getattr(x, name)
    except Exception:  # an empty cell has none either
        return NotImplemented


# ---- numbers that are in a store -------------------------------------------------------------

_slot: Any = Value.__dict__["_data"]
_grad_slot: Any = Value.__dict__["_grad"]
_mark_slot: Any = Value.__dict__["_mark"]
_owed: list[Callable[[], object]] = []  # writes gradients of Values in stores


class Stored(Value):
    """A leaf whose number is in a store; everything else is as in any Value."""

    __slots__ = ()

    @property
    def _data(self) -> float:
        store, place = _slot.__get__(self)
        number: float = store.view[place]
        return number

    @_data.setter
    def _data(self, x: float) -> None:
        store, place = _slot.__get__(self)
        store.view[place] = x

    @property
    def _grad(self) -> float:
        _pay()
        grad: float = _grad_slot.__get__(self)
        return grad

    @_grad.setter
    def _grad(self, x: float) -> None:
        _pay()
        _grad_slot.__set__(self, x)

    @property
    def _mark(self) -> object | None:
        _pay()
        mark: object | None = _mark_slot.__get__(self)
        return mark

    @_mark.setter
    def _mark(self, x: object | None) -> None:
        _pay()
        _mark_slot.__set__(self, x)

    @classmethod
    def _plain_class(cls) -> Any:
        return Value


PLAIN = (Value, Stored)
"""The classes of Values that are no user's."""


def move(v: Value, store: Any, place: int) -> None:
    """Let the number of a leaf be the one at `place` of `store.view` from now on."""
    _slot.__set__(v, (store, place))
    v.__class__ = Stored


def owe(write: Callable[[], object]) -> None:
    """Gradients of Values in stores are there when this has been called."""
    _owed[:] = [write]


def _pay() -> None:
    if _owed:
        write = _owed[0]
        try:
            _owed.pop()()
        except BaseException:  # interrupted: it is owed still
            owe(write)
            raise


def home_of(v: Value) -> tuple[Any, int] | None:
    """The store and the place there of a number that is in one."""
    return _slot.__get__(v) if isinstance(v, Stored) else None
