"""`Tensor`: the array, how results of operations are made, and what it knows of gradients."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from micrograd.engine import (
    Value,
    as_operand,
    zero_gradients,
)
from micrograd.errors import (
    LISTED,
    ArgumentRuntimeError,
    ArgumentValueError,
    no_attribute,
)
from micrograd.observers import followed, recording
from micrograd.ops import BY_HAND
from micrograd.tensors import (
    backward,
    indexing,
    pointwise,
    products,
)
from micrograd.tensors.dtypes import FLOAT, Size
from micrograd.tensors.elements import (
    Objects,
    as_objects,
    copied,
    detached,
    filled,
    numbers_as_leaves,
)
from micrograd.tensors.given import elements_of, holds_values, number_kind, zeros
from micrograd.tensors.methods import INSTEAD
from micrograd.tensors.protocol import PythonArray


class Tensor(PythonArray):
    """An array of Values; see `tensor`. `Tensor(2, 3)` has that shape, `Tensor([2, 3])` these.

    Derivatives are computed for every leaf that an operation was recorded of; `requires_grad` says
    which are shown and updated, and that operations on the array are recorded.
    """

    # `_kind`: of number. `_op`: the operation that made it, "" for a leaf. `_is_view`: shares
    # elements with another. `_through`: these are a leaf's that requires gradients. `_hooks`: what
    # is called with its gradient.
    __slots__ = (
        "__weakref__", "_hooks", "_is_view", "_kind", "_op", "_through", "_values", "requires_grad",
    )  # fmt: skip

    __hash__ = object.__hash__
    _window: ClassVar[Any]  # makes a `Window`

    def __init__(self, *data: Any, requires_grad: bool = False) -> None:
        self._kind, self._op = FLOAT, ""
        self._is_view = self._through = False
        self._hooks: Any = None
        if data and isinstance(data[0], np.ndarray) and data[0].dtype == object:
            values, requires_grad = (*data, requires_grad)[:2]
        elif len(data) == 1 and not isinstance(data[0], int):
            sizes = data[0] if isinstance(data[0], Size) else None
            values = elements_of(data[0]) if sizes is None else zeros(sizes)
            if isinstance(data[0], Tensor):
                values = data[0].detach().clone()._values
        else:
            values = zeros(data or (0,))
        self._values: Objects = values
        self.requires_grad = requires_grad

    # ---- making others -------------------------------------------------------------------------

    @staticmethod
    def _plain(values: Any, kind: str) -> Tensor:
        """An array of leaves."""
        made = Tensor(as_objects(values))
        made._kind = kind
        return made

    def _of_numbers(self, numbers: Any, kind: str) -> Tensor:
        """A new array of these numbers."""
        return Tensor._plain(numbers_as_leaves(numbers), kind)

    def _tracked(self, values: Any, *others: Any) -> Tensor:
        """The result of an operation on this array and `others`."""
        return self._result(values, others)

    def _result(
        self, values: Any, others: tuple[Any, ...] = (), op: str = "", kind: str = FLOAT
    ) -> Tensor:
        """The result of an operation; without history where nothing requires gradients."""
        array = as_objects(values)
        needed = self.requires_grad or any(map(holds_values, others))
        needed = needed and recording()
        if not needed and not followed():
            array = copied(array)
        made = Tensor(array, needed and kind == FLOAT)
        made._kind = kind
        made._op = op if made.requires_grad else ""
        return made

    def _moved(self, values: Any, op: str, others: Any = ()) -> Tensor:
        """Some of the elements in another array of their own."""
        array = as_objects(values)
        needed = self.requires_grad or any(x.requires_grad for x in others)
        of_leaves = needed or any(x._is_parameter() for x in (self, *others))
        if of_leaves and not recording() and not followed():
            array = copied(array)
        made = Tensor(array, needed and recording())
        made._kind = self._kind
        made._op = op if made.requires_grad else ""
        return made

    def _viewed(self, f: Callable[[Objects], Any], op: str) -> Tensor:
        """The same elements seen otherwise; what is written there is written here."""
        found = f(self._values)
        values = as_objects(found)
        if found is values and values.size and not np.may_share_memory(found, self._values):
            return self._moved(values, op)
        made = Tensor(values, self.requires_grad and recording())
        made._kind = self._kind
        made._is_view = made.requires_grad
        made._op = op if made.requires_grad else ""
        made._through = self._is_parameter()
        return made

    def _each(self, f: Callable[[Value], Value], op: str = "", kind: str = FLOAT) -> Tensor:
        made = list(map(f, self._values.ravel().tolist()))
        return self._result(filled(self._values.shape, made), (), op, kind)

    @staticmethod
    def _is_array(x: Any) -> bool:
        return isinstance(x, Tensor)

    @staticmethod
    def _kind_of(x: Any) -> str:
        return number_kind(x)

    @staticmethod
    def _operand(data: Any) -> Objects:
        """The elements of an operand; a plain number is one of the expression, as with Values."""
        return as_objects(as_operand(data)) if type(data) in (int, float) else elements_of(data)

    @staticmethod
    def _as_tensor(data: Any, like: Tensor | None = None) -> Tensor:
        if isinstance(data, Tensor):
            return data
        made = Tensor(Tensor._operand(data), holds_values(data))
        made._kind = (
            like._kind if like is not None and type(data) in (int, bool) else number_kind(data)
        )
        return made

    # ---- shape ---------------------------------------------------------------------------------

    @property
    def T(self) -> Tensor:  # noqa: N802  (the name torch and NumPy users know)
        """The transpose."""
        return self._viewed(lambda values: values.T, "Permute")

    mT = property(lambda self: self.transpose(-2, -1))  # noqa: N815

    def __reduce__(self) -> Any:
        return rebuilt, (type(self), self._values, self.requires_grad, self._kind, self._op)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if self.is_leaf:  # the very scalars that others hold, too, as an optimiser's state does
            numbers = copy.deepcopy(self._values, memo)
        else:
            numbers = numbers_as_leaves(self._known())
        made: Self = rebuilt(type(self), numbers, self.requires_grad, self._kind, "")
        return memo.setdefault(id(self), made)  # type: ignore[no-any-return]

    # ---- gradients -----------------------------------------------------------------------------

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        if not self.requires_grad:
            return True
        first = self._values.flat[0] if self._values.size else None
        return not self._op and not self._is_view and (first is None or first._row is None)

    @property
    def grad_fn(self) -> backward.GradFn | None:
        """What made it; None for a leaf."""
        return None if self.is_leaf else backward.GradFn(self._made_by())

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let it require gradients, or not; returns it.

        Raises an ArgumentTypeError for whole numbers and truth values.
        """
        if requires_grad and self._kind != FLOAT:
            raise ArgumentRuntimeError(
                "only floats can require gradients: write 1.0 instead of 1, or dtype=torch.float; "
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        if requires_grad and len(set(map(id, self._values.flat))) < self._values.size:
            self._values = numbers_as_leaves(self._known())
        self.requires_grad = requires_grad
        return self

    def retain_grad(self) -> None:
        """Nothing: gradients of all elements are kept."""

    def _is_parameter(self) -> bool:
        """Whether writing changes numbers of a leaf that requires gradients."""
        return self._through or (self.requires_grad and self.is_leaf)

    def _guarded(self) -> bool:
        """Whether it may be written to only while nothing is recorded."""
        return True

    def _home(self) -> Objects:
        """The elements that writing changes, if `_is_parameter`."""
        return self._values

    def _put(self, values: Objects, new: Objects) -> None:
        indexing.put_numbers(values, new, "data")

    @property
    def data(self) -> Tensor:
        """The numbers, without history; what is changed there is changed here."""
        return self.detach()

    @data.setter
    def data(self, new: Any) -> None:
        indexing.put_numbers(self._values, self._fitting(new, "data")._values, "data")

    def detach(self) -> Tensor:
        """The numbers without history; what is changed there is changed here, if this is a leaf."""
        if not (self.is_leaf or self._through):
            return Tensor._plain(detached(self._values), self._kind)
        made: Tensor = self._window(self._values, "data", self._kind)
        return made

    def detach_(self) -> Self:
        """Without history, in place."""
        self._values = detached(self._values)
        self.requires_grad, self._op = False, ""
        return self

    def _fitting(self, new: Any, name: str) -> Tensor:
        given = self._as_tensor(new)
        if given.shape != self.shape:
            raise ArgumentValueError(
                f"{name} must have the shape {tuple(self.shape)}, got {tuple(given.shape)}"
            )
        return given

    @property
    def grad(self) -> Tensor | None:
        """The gradients; None before a backward pass, and where `requires_grad` is False."""
        if not (self.requires_grad and any(v._reached for v in self._values.flat)):
            return None
        made: Tensor = self._window(self._values, "grad", FLOAT)
        return made

    @grad.setter
    def grad(self, new: Any) -> None:
        if new is None:
            zero_gradients(self._values.ravel().tolist())
            return
        indexing.put_numbers(self._values, self._fitting(new, "grad")._values, "grad")
        for v in self._values.flat:
            v._mark = BY_HAND  # zeros that were set are a gradient, too

    # ---- operators -----------------------------------------------------------------------------

    __add__, __radd__ = pointwise.add, pointwise.radd
    __sub__, __rsub__ = pointwise.sub, pointwise.rsub
    __mul__, __rmul__ = pointwise.mul, pointwise.rmul
    __truediv__, __rtruediv__ = pointwise.div, pointwise.rdiv
    __floordiv__, __rfloordiv__ = pointwise.floor_divide, pointwise.rfloor_divide
    __mod__, __rmod__ = pointwise.remainder, pointwise.rremainder
    __matmul__, __rmatmul__ = products.matmul, products.rmatmul
    __pow__, __rpow__ = pointwise.pow, pointwise.rpow
    __neg__, __abs__, __invert__ = pointwise.neg, pointwise.absolute, pointwise.invert
    __lt__, __le__, __gt__, __ge__ = pointwise.lt, pointwise.le, pointwise.gt, pointwise.ge
    __eq__ = pointwise.eq  # type: ignore[assignment]
    __ne__ = pointwise.ne  # type: ignore[assignment]
    __and__ = __rand__ = pointwise.bit_and
    __or__ = __ror__ = pointwise.bit_or
    __xor__ = __rxor__ = pointwise.bit_xor
    __getitem__, __setitem__ = indexing.getitem, indexing.setitem
    __round__ = pointwise.round

    if TYPE_CHECKING:  # the methods that are given by name: see `METHODS`
        numpy: Callable[..., NDArray[Any]]
        item: Callable[..., Any]
        tolist: Callable[..., Any]
        backward: Callable[..., None]
        max: Callable[..., Any]
        min: Callable[..., Any]
        sort: Callable[..., Any]
        chunk: Callable[..., tuple[Tensor, ...]]

        def __getattr__(self, name: str) -> Callable[..., Tensor]: ...

    else:

        def __getattr__(self, name: str) -> Any:
            raise no_attribute("Tensor", name, INSTEAD.get(name, LISTED))


def rebuilt(cls: Any, values: Objects, requires_grad: bool, kind: str, op: str) -> Any:
    """An array as it was when it was copied or pickled."""
    made = cls.__new__(cls)
    Tensor.__init__(made, values, requires_grad)
    made._kind, made._op = kind, op
    return made
