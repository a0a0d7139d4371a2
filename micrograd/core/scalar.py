"""`Scalar`: what a Value can do that need not be fast, the same over both cores.

A core (`python_core`, `native_core`) makes the class `Value` of it: it holds the numbers and the
inputs, and has the operators and `backward`. This module asks it for `_data`, `_grad`, `_row`,
`_inputs`, `_static`, `_mark`, `_more`, and changes what a node is through `_become`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

from micrograd import observers
from micrograd.core import copies
from micrograd.core.lost import warn_of_lost_graph, warn_of_truth
from micrograd.core.methods import public
from micrograd.core.notes import More
from micrograd.errors import ArgumentTypeError
from micrograd.ops import BY_HAND, FLOATS, OPS, Op

if TYPE_CHECKING:
    from micrograd.core.methods import Methods
    from micrograd.engine import Value

    _Base = Methods["Value"]
else:
    _Base = object


def _comparison(test: Callable[[Any, Any], bool]) -> Callable[[Any, Value | float], bool]:
    """The method that compares data."""

    def method(self: Any, other: Value | float) -> bool:
        return test(self.data, other.data if isinstance(other, Scalar) else other)

    return method


class Scalar(_Base):
    """The part of `Value` that both cores share."""

    if not TYPE_CHECKING:  # the core has the slots
        __slots__ = ()

    if TYPE_CHECKING:
        data: float
        grad: float
        _data: float
        _grad: float
        _mark: object | None
        _more: More | None

        @property
        def _row(self) -> Op | None: ...
        @property
        def _static(self) -> float | None: ...
        @property
        def _inputs(self) -> tuple[Value, ...]: ...
        def detach(self) -> Value: ...  # noqa: D102
        def _become(
            self, row: Op | None, inputs: tuple[Value, ...], static: float | None, more: More | None
        ) -> None: ...

    def __pos__(self) -> Self:
        return self

    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)

    def __float__(self) -> float:
        warn_of_lost_graph()
        return float(self.data)

    def __bool__(self) -> bool:
        if self._data == 0:
            warn_of_truth()
        return True

    def __int__(self) -> int:
        return int(self.data)

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"

    def item(self) -> float:
        """The number, without its history."""
        return float(self.data)

    # ---- the recorded graph ------------------------------------------------------------------

    @property
    def _prev(self) -> set[Value]:
        return set(self._inputs)

    @property
    def _op(self) -> str:
        row = self._row
        if row is BY_HAND:
            return self._notes().op
        return "" if row is None else row.symbol.format(self._static)

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

    def _describe(self, children: Sequence[Value], op: str, label: str) -> None:
        """Take what a node made by hand is given besides its number."""
        if children or op:
            inputs = tuple(children)
            self._become(BY_HAND, (), None, More(inputs, op))
        if label:
            self.label = label

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
        self._become(BY_HAND, (), None, notes)

    def _pull(self, row: Op | None, inputs: tuple[Value, ...], static: float | None) -> None:
        # Row and inputs are arguments: a hand-written `_backward` may call the one it replaced.
        if row is None or row is BY_HAND:
            return
        parameter = () if static is None else (static,)
        shares = row.vjp(FLOATS, self._grad, self._data, *[x._data for x in inputs], *parameter)
        for x, share in zip(inputs, shares, strict=True):
            x._grad += share
            x._mark = x._mark or BY_HAND

    def _pull_watched(self) -> None:
        """The part of a backward pass that belongs to this node, shown to observers."""
        self._backward()
        if observers.active:
            observers.tell_pulled(self, self._grad, [x._grad for x in self._inputs])  # type: ignore[arg-type]

    @property
    def _reached(self) -> bool:
        """Whether a backward pass, or a gradient set by hand, has come here."""
        return self._mark is not None or self._grad != 0

    def zero_grad(self) -> None:
        """Set the gradient to zero, as if no backward pass had been here."""
        self._grad = 0.0
        self._mark = None

    @classmethod
    def _plain_class(cls) -> type[Self]:
        """The class of a copy: a number that is in a store is copied out of it."""
        return cls

    # ---- copies ------------------------------------------------------------------------------

    __copy__ = copies.copied
    __deepcopy__ = copies.deeply_copied
    __reduce__ = copies.reduced


for _row in OPS.values():
    if _row.static and _row.method:
        setattr(Scalar, _row.name, public(_row))


def as_number(x: Any, name: str) -> float:
    """The float that a real number stands for; anything else is an error about `name`."""
    if isinstance(x, Scalar) or not isinstance(x, Real):
        raise ArgumentTypeError(f"{name} must be a number, got {type(x).__name__}: {x!r:.80}")
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf  # type: ignore[operator]
