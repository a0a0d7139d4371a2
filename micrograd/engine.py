"""Eager scalar reverse-mode automatic differentiation: `Value` records, `backward` differentiates.

A drop-in for Karpathy's `micrograd.engine`. What an operation computes and what its derivative is
comes from the op table (`micrograd.ops`); this module only records and walks the graph. It never
recurses over the graph, makes no reference cycles, and leaves the garbage collector alone.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any

from micrograd import observers
from micrograd.errors import ArgumentTypeError
from micrograd.ops import BY_HAND, FLOATS, OPS, Op
from micrograd.walk import prepare_backward

Unary = Callable[["Value"], "Value"]
Method = Callable[[], "Value"]
Binary = Callable[["Value", "Value | float"], "Value"]


def _unary(name: str) -> Unary:
    """The method of `Value` for a row with one input."""
    row = OPS[name]
    f = row.f

    def method(self: Value) -> Value:
        return make_node(row, f(self._data), self)

    method.__name__ = name
    method.__doc__ = row.text("x")
    return method


def _binary(name: str) -> tuple[Binary, Binary]:
    """The operator methods of `Value` for a row with two inputs, plain and reflected."""
    row = OPS[name]
    f = row.f

    def method(self: Value, other: Value | float) -> Value:
        if type(other) is Value:
            return make_node(row, f(self._data, other._data), self, other)
        b = as_operand(other)
        return b if b is NotImplemented else make_node(row, f(self._data, b._data), self, b)

    def reflected(self: Value, other: Value | float) -> Value:
        a = as_operand(other)
        return a if a is NotImplemented else make_node(row, f(a._data, self._data), a, self)

    method.__name__ = reflected.__name__ = name
    method.__doc__ = row.text("x", "y")
    reflected.__doc__ = row.text("y", "x")
    return method, reflected


def _unary_static(name: str) -> Callable[[Value, Real | float], Value]:
    """The method of `Value` for a row with one input and a static parameter."""
    row = OPS[name]

    def method(self: Value, static: Real | float) -> Value:
        k = as_number(static, "the static parameter")
        return make_node(row, row.f(self._data, k), self, None, k)

    return method


def _comparison(test: Callable[[Any, Any], bool]) -> Callable[[Value, Value | float], bool]:
    """The method of `Value` that compares data."""

    def method(self: Value, other: Value | float) -> bool:
        return test(self.data, other.data if isinstance(other, Value) else other)

    return method


class Value:
    """A scalar that remembers how it was computed.

    `data` is a float, `grad` the derivative by this value of the one on which `backward` was
    called, `label` a name for pictures. `_children` and `_op` make a node by hand, as lectures do;
    its derivative is what its `_backward` is set to.

    >>> a, b = Value(2.0), Value(-3.0)
    >>> loss = (a * b + 1).relu() + a**2
    >>> loss.backward()
    >>> loss, a.grad
    (Value(data=4.0, grad=1.0), 4.0)
    """

    # `_row`: the row of the op table, None for a leaf. The inputs are `_a` and `_b`, or in `_more`
    # where they are not one or two. `_static`: the row's static parameter; in a leaf, its number if
    # the leaf stands for a plain number of an expression. `_mark`: the token of
    # the last backward pass that came here, None if none did. `_more`: what few nodes have.
    __slots__ = ("_a", "_b", "_mark", "_more", "_row", "_static", "data", "grad")

    if TYPE_CHECKING:
        data: float
        grad: float
        _row: Op | None
        _a: Value | None
        _b: Value | None
        _static: float | None
        _mark: object | None
        _more: More | None
        # One method a row with one input: the loop below the class adds them.
        abs: Method
        relu: Method
        exp: Method
        log: Method
        sqrt: Method
        sin: Method
        cos: Method
        tanh: Method
        sigmoid: Method
        softplus: Method

        @property
        def _data(self) -> float: ...
        @_data.setter
        def _data(self, x: float) -> None: ...

    def __init__(
        self, data: float, _children: Sequence[Value] = (), _op: str = "", label: str = ""
    ) -> None:
        self._data = as_number(data, "data")
        self.grad = 0.0
        self._row = self._a = self._b = self._static = self._mark = self._more = None
        if _children or _op:
            self._row = BY_HAND
            self._more = More(inputs=tuple(_children), op=_op)
        if label:
            self.label = label
        if observers.active:
            observers.tell_leaf(self)

    __add__, __radd__ = _binary("add")
    __sub__, __rsub__ = _binary("sub")
    __mul__, __rmul__ = _binary("mul")
    __truediv__, __rtruediv__ = _binary("div")
    _pow_value, __rpow__ = _binary("pow")
    _pow_number = _unary_static("pow_static")
    _leaky_relu = _unary_static("leaky_relu")
    __neg__ = _unary("neg")
    __abs__ = _unary("abs")

    def __pow__(self, exponent: Value | float) -> Value:
        """To the power. A number is a static parameter, a Value an input like any other."""
        if isinstance(exponent, Value):
            return self._pow_value(exponent)
        if not isinstance(exponent, Real):
            return NotImplemented
        return self._pow_number(exponent)

    def leaky_relu(self, slope: float = 0.01) -> Value:
        """`x` where x > 0, else slope * x."""
        return self._leaky_relu(slope)

    def __pos__(self) -> Value:
        return self

    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)

    def __float__(self) -> float:
        return float(self.data)

    def __int__(self) -> int:
        return int(self.data)

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"

    def item(self) -> float:
        """The number, without its history."""
        return float(self.data)

    def detach(self) -> Value:
        """A new leaf with the same data."""
        return Value(self.data)

    # ---- the recorded graph ------------------------------------------------------------------

    @property
    def _inputs(self) -> tuple[Value, ...]:
        """What this node was computed from, in order and with repeats (`a * a` has two)."""
        if self._a is None:
            return self._more.inputs if self._more is not None else ()
        return (self._a,) if self._b is None else (self._a, self._b)

    @property
    def _prev(self) -> set[Value]:
        return set(self._inputs)

    @property
    def _op(self) -> str:
        if self._row is BY_HAND:
            return self._notes().op
        return "" if self._row is None else self._row.symbol.format(self._static)

    @property
    def label(self) -> str:
        """A name for pictures; empty unless set."""
        return "" if self._more is None else self._more.label

    @label.setter
    def label(self, label: str) -> None:
        self._notes().label = label

    def _notes(self) -> More:
        if self._more is None:
            self._more = More()
        return self._more

    # ---- derivatives -------------------------------------------------------------------------

    @property
    def _backward(self) -> Callable[[], None]:
        """Adds this node's share to the gradients of its inputs; may be set by hand."""
        hook = None if self._more is None else self._more.hook
        return hook or partial(self._pull, self._row, self._inputs, self._static)

    @_backward.setter
    def _backward(self, hook: Callable[[], None]) -> None:
        notes = self._notes()
        notes.op, notes.inputs, notes.hook = self._op, self._inputs, hook
        self._row, self._a, self._b, self._static = BY_HAND, None, None, None

    def _pull(self, row: Op | None, inputs: tuple[Value, ...], static: float | None) -> None:
        # Row and inputs are arguments: a hand-written `_backward` may call the one it replaced.
        if row is None or row is BY_HAND:
            return
        parameter = () if static is None else (static,)
        shares = row.vjp(FLOATS, self.grad, self._data, *[x._data for x in inputs], *parameter)
        for x, share in zip(inputs, shares, strict=True):
            x.grad += share
            x._mark = x._mark or BY_HAND

    @property
    def _reached(self) -> bool:
        """Whether a backward pass, or a gradient set by hand, has come here."""
        return self._mark is not None or self.grad != 0

    def zero_grad(self) -> None:
        """Set the gradient to zero, as if no backward pass had been here."""
        self.grad = 0.0
        self._mark = None

    def backward(self) -> None:
        """Fill `.grad` of all that this value was computed from.

        Adds to the gradients of the leaves (so two calls give twice the gradient) and overwrites
        those of the other nodes.
        """
        order = prepare_backward(self)
        if self._row is None:
            self.grad += 1.0
            return
        self.grad = 1.0
        if observers.active:
            for node in reversed(order):
                node._backward()
                observers.tell_pulled(node, node.grad, [x.grad for x in node._inputs])
            return
        v: Any  # every attribute is there: these are operations
        for v in reversed(order):
            vjp, a, b = v._row.vjp, v._a, v._b
            if b is not None:
                share_a, share_b = vjp(FLOATS, v.grad, v._data, a._data, b._data)
                a.grad += share_a
                b.grad += share_b
            elif a is not None:
                k = v._static
                static = () if k is None else (k,)
                (share_a,) = vjp(FLOATS, v.grad, v._data, a._data, *static)
                a.grad += share_a
            else:
                v._backward()


for _row in OPS.values():
    if _row.arity == 1 and not _row.has_static:
        setattr(Value, _row.name, _unary(_row.name))


class More:
    """What few nodes have: more than two inputs, a hand-written derivative, a name, an origin."""

    __slots__ = ("hook", "inputs", "label", "op", "origin", "scope")

    def __init__(self, inputs: tuple[Value, ...] = (), op: str = "") -> None:
        self.inputs = inputs
        self.op = op
        self.label = ""
        self.hook: Callable[[], None] | None = None
        self.scope: Any = None  # the module, and the unit of it, that made the node
        self.origin = ""  # the user's source line


_new = object.__new__


# ---- making nodes ----------------------------------------------------------------------------


def as_number(x: Any, name: str) -> float:
    """The float that a real number stands for; anything else is an error about `name`."""
    if isinstance(x, Value) or not isinstance(x, Real):
        raise ArgumentTypeError(f"{name} must be a number, got {type(x).__name__}: {x!r:.80}")
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf  # type: ignore[operator]


# The number as the engine reads and writes it. `data` is the same slot under the name that users
# know, which the compiler watches while it traces.
Value._data = Value.__dict__["data"]  # type: ignore[method-assign]


def make_leaf(data: float) -> Value:
    """`Value(data)` for what is a float already, in a third of the time."""
    v = _new(Value)
    v._data = data
    v.grad = 0.0
    v._row = v._a = v._b = v._static = v._mark = v._more = None
    if observers.active:
        observers.tell_leaf(v)
    return v


def make_operand(data: float) -> Value:
    """A leaf for a plain number in an expression; `_static` tells it from other leaves."""
    v = _new(Value)
    v._data = v._static = data
    v.grad = 0.0
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
    v.grad = 0.0
    v._row = row
    v._a = a
    v._b = b
    v._static = static
    v._mark = None
    v._more = more
    if observers.active:
        observers.tell_made(v)
    return v


def as_operand(x: Any) -> Any:
    """A Value as it is, a number as a leaf; NotImplemented for anything else."""
    if type(x) is float:
        return make_operand(x)
    if isinstance(x, Value):
        return x
    return make_operand(as_number(x, "operand")) if isinstance(x, Real) else NotImplemented
