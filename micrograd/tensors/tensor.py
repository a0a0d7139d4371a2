"""`Tensor`: an array of Values with the names that torch users know.

Numbers are float64, one Value an element; an operation on arrays is the operation on each Value.
What an operation is stands in the modules beside this one, each once: as a function, which is the
method here, too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from micrograd import observers
from micrograd.core.methods import public
from micrograd.engine import (
    Value,
    as_operand,
    gradients_of,
    make_leaves,
    numbers_of,
    zero_gradients,
)
from micrograd.errors import LISTED, ArgumentTypeError, ArgumentValueError, no_attribute
from micrograd.observers import recording
from micrograd.ops import BY_HAND, OPS
from micrograd.tensors import (
    backward,
    conversions,
    indexing,
    pointwise,
    products,
    reductions,
)
from micrograd.tensors.dtypes import FLOAT, INTEGER, KEPT, TRUTH, Device, DType, Size, kind_of
from micrograd.tensors.elements import Objects, as_objects, filled, values_of
from micrograd.tensors.methods import IN_PLACE, INSTEAD, METHODS, UFUNCS
from micrograd.tensors.printing import array_text

Floats = NDArray[np.float64]

_KINDS = {bool: TRUTH, int: INTEGER, float: FLOAT}


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """An array of Values from numbers, Values, nested lists of them, or arrays.

    Whole numbers and truth values stay such unless `dtype` says otherwise; floats are float64. An
    array that holds given Values requires gradients. Raises an ArgumentValueError for ragged lists,
    an ArgumentTypeError for what is not a number, and for whole numbers that require gradients.

    >>> x = tensor([[2.0, 3.0]])
    >>> x.shape, (x * x).sum()
    (torch.Size([1, 2]), tensor(13.))
    """
    if device is not None:
        Device(device)
    if isinstance(data, Tensor):
        made = data.detach().clone()
    else:
        made = Tensor(_elements(data), _holds_values(data))
        made._kind = _kind_of(data)
    made = made if dtype is None else conversions.cast(made, kind_of(dtype))
    return made.requires_grad_() if requires_grad else made


def _elements(data: Any) -> Objects:
    if isinstance(data, Tensor):
        return data._values
    if isinstance(data, list | tuple) and any(isinstance(x, Tensor) for x in data):
        return np.stack([_elements(x) for x in data])
    return values_of(data)


def _kind_of(data: Any) -> str:
    """Of which kind the numbers are that `data` holds."""
    if isinstance(data, Tensor):
        return data._kind
    if type(data) in _KINDS:
        return _KINDS[type(data)]
    if isinstance(data, Value):
        return getattr(type(data), "number_kind", FLOAT)  # that of a traced number
    objects = isinstance(data, np.ndarray) and data.dtype == object
    if objects or isinstance(data, list | tuple):
        kinds = {_kind_of(x) for x in (data.flat if objects else data)}
        return next((k for k in (FLOAT, INTEGER, TRUTH) if k in kinds), FLOAT)
    kind = getattr(getattr(data, "dtype", None), "kind", "f")
    return {"i": INTEGER, "u": INTEGER, "b": TRUTH}.get(kind, FLOAT)


def _holds_values(data: Any) -> bool:
    """Whether there are Values, or arrays that require gradients, among the data."""
    if isinstance(data, Tensor):
        return data.requires_grad
    if isinstance(data, list | tuple):
        return any(map(_holds_values, data))
    if isinstance(data, np.ndarray):
        return data.dtype == object and any(map(_holds_values, data.flat))
    return isinstance(data, Value) and not hasattr(type(data), "number_kind")


class Tensor:
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

    def __init__(self, *data: Any, requires_grad: bool = False) -> None:
        self._kind, self._op = FLOAT, ""
        self._is_view = self._through = False
        self._hooks: Any = None
        if data and isinstance(data[0], np.ndarray) and data[0].dtype == object:
            values, requires_grad = (*data, requires_grad)[:2]
        elif len(data) == 1 and not isinstance(data[0], int):
            sizes = data[0] if isinstance(data[0], Size) else None
            values = _elements(data[0]) if sizes is None else _zeros(sizes)
            if isinstance(data[0], Tensor):
                values = data[0].detach().clone()._values
        else:
            values = _zeros(data or (0,))
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
        return Tensor._plain(reductions.numbers_as_leaves(numbers), kind)

    def _tracked(self, values: Any, *others: Any) -> Tensor:
        """The result of an operation on this array and `others`."""
        return self._result(values, others)

    def _result(
        self, values: Any, others: tuple[Any, ...] = (), op: str = "", kind: str = FLOAT
    ) -> Tensor:
        """The result of an operation; without history where nothing requires gradients."""
        array = as_objects(values)
        needed = self.requires_grad or any(map(_holds_values, others))
        if not needed and not observers.active:
            array = filled(array.shape, make_leaves(numbers_of(array.ravel().tolist())))
        made = Tensor(array, needed and kind == FLOAT and recording())
        made._kind = kind
        made._op = op if made.requires_grad else ""
        return made

    def _moved(self, values: Any, op: str, others: Any = ()) -> Tensor:
        """Some of the elements in another array of their own."""
        array = as_objects(values)
        needed = self.requires_grad or any(x.requires_grad for x in others)
        if needed and not recording() and not all(v._row for v in array.flat):
            array = filled(array.shape, make_leaves(numbers_of(array.ravel().tolist())))
        made = Tensor(array, needed and recording())
        made._kind = self._kind
        made._op = op if made.requires_grad else ""
        return made

    def _viewed(self, f: Callable[[Objects], Any], op: str) -> Tensor:
        """The same elements seen otherwise; what is written there is written here."""
        made = Tensor(as_objects(f(self._values)), self.requires_grad and recording())
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
        return _kind_of(x)

    @staticmethod
    def _operand(data: Any) -> Objects:
        """The elements of an operand; a plain number is one of the expression, as with Values."""
        return as_objects(as_operand(data)) if type(data) in (int, float) else _elements(data)

    @staticmethod
    def _as_tensor(data: Any, like: Tensor | None = None) -> Tensor:
        if isinstance(data, Tensor):
            return data
        made = Tensor(Tensor._operand(data), _holds_values(data))
        made._kind = (
            like._kind if like is not None and type(data) in (int, bool) else _kind_of(data)
        )
        return made

    # ---- shape ---------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The length of each axis."""
        return Size(self._values.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._values.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one of its lengths."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """The number of axes."""
        return self.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self._values.size

    nelement = numel

    def _contiguous(self) -> bool:
        return bool(self._values.flags.c_contiguous)

    def is_contiguous(self) -> bool:
        """Whether the last axis runs fastest, as it does in a new array."""
        return self._contiguous()

    @property
    def T(self) -> Tensor:  # noqa: N802  (the name torch and NumPy users know)
        """The transpose."""
        return self._viewed(lambda values: values.T, "Permute")

    mT = property(lambda self: self.transpose(-2, -1))  # noqa: N815

    def __len__(self) -> int:
        if not self.ndim:
            raise ArgumentTypeError("len() of an array without axes")
        return len(self._values)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise ArgumentTypeError("iteration over an array without axes")
        return (self[i] for i in range(len(self)))

    # ---- numbers -------------------------------------------------------------------------------

    @property
    def dtype(self) -> DType:
        """The kind of number: float64, int64 or bool."""
        return KEPT[self._kind]

    device = property(conversions.device)
    is_cuda = property(lambda self: False, doc="False: everything is on the CPU.")

    def is_floating_point(self) -> bool:
        """Whether the numbers are floats."""
        return self._kind == FLOAT

    def _floats(self, values: Objects) -> Floats:
        numbers = numbers_of(values.ravel().tolist())
        return np.array(numbers, dtype=np.float64).reshape(values.shape)

    def _known(self) -> Floats:
        """The numbers as floats; refused while a program is traced, which has none."""
        return np.asarray(conversions.numpy(self), np.float64)

    def _only(self, what: str) -> Value:
        if self._values.size != 1:
            raise OneElementError(
                f"{what} needs one element, the array has shape {tuple(self.shape)}: take its "
                "sum(), or an element; grad can be implicitly created only for scalar outputs"
                if what == "backward()"
                else f"{what} needs one element, the array has shape {tuple(self.shape)}: take its "
                "sum(), or an element"
            )
        value: Value = self._values.flat[0]
        return value

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self._kind != INTEGER:
            raise ArgumentTypeError("only whole numbers of a single element can be an index")
        return int(self._only("an index"))

    def __bool__(self) -> bool:
        if self._values.size != 1:
            raise OneElementError(
                "whether an array of several elements is true is ambiguous: write .any() or "
                f".all(); Boolean value of Tensor with {'no values' if not self._values.size else 'more than one value'} is ambiguous"  # noqa: E501
            )
        return bool(self.item())

    def __contains__(self, x: Any) -> bool:
        return bool((self == x).any())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        numbers = conversions.numpy(self)
        return numbers if dtype is None else numbers.astype(dtype)

    def __repr__(self) -> str:
        return array_text(conversions.numpy(self), self._suffixes())

    def _suffixes(self) -> list[str]:
        if not self.requires_grad:
            return []
        return ["requires_grad=True"] if self.is_leaf else [f"grad_fn=<{self._made_by()}Backward0>"]

    def _made_by(self) -> str:
        row = self._values.flat[0]._row if self._values.size else None
        return self._op or ("View" if row is None else row.name.title().replace("_", ""))

    def __reduce__(self) -> Any:
        return _rebuilt, (type(self), self._values, self.requires_grad, self._kind, self._op)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if self.is_leaf:  # the very scalars that others hold, too, as an optimiser's state does
            numbers = copy.deepcopy(self._values, memo)
        else:
            numbers = reductions.numbers_as_leaves(self._known())
        made: Self = _rebuilt(type(self), numbers, self.requires_grad, self._kind, "")
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
            raise reductions.ArgumentRuntimeError(
                "only floats can require gradients: write 1.0 instead of 1, or dtype=torch.float; "
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        if requires_grad and len(set(map(id, self._values.flat))) < self._values.size:
            self._values = reductions.numbers_as_leaves(self._known())
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
        array = self._numbers(new, "data")
        for v, x in zip(self._values.flat, array.flat, strict=True):
            v.data = float(x)

    def detach(self) -> Tensor:
        """The numbers without history; what is changed there is changed here, if this is a leaf."""
        values = self._values.ravel().tolist()
        if observers.active or any(v._row is not None for v in values):
            return Tensor._plain(
                filled(self._values.shape, [v.detach() for v in values]), self._kind
            )
        return Window(self._values, "data", self._kind)

    def detach_(self) -> Self:
        """Without history, in place."""
        self._values = filled(self._values.shape, [v.detach() for v in self._values.flat])
        self.requires_grad, self._op = False, ""
        return self

    def _numbers(self, new: Any, name: str) -> Floats:
        array = np.asarray((new if isinstance(new, Tensor) else tensor(new)).numpy(), np.float64)
        if array.shape != tuple(self.shape):
            raise ArgumentValueError(
                f"{name} must have the shape {tuple(self.shape)}, got {array.shape}"
            )
        return array

    @property
    def grad(self) -> Tensor | None:
        """The gradients; None before a backward pass, and where `requires_grad` is False."""
        if not (self.requires_grad and any(v._reached for v in self._values.flat)):
            return None
        return Window(self._values, "grad", FLOAT)

    @grad.setter
    def grad(self, new: Any) -> None:
        if new is None:
            zero_gradients(self._values.ravel().tolist())
            return
        for v, x in zip(self._values.flat, self._numbers(new, "grad").flat, strict=True):
            v.grad = float(x)
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

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        """NumPy's operators with an array of ours are ours; its functions see the numbers."""
        operator = UFUNCS.get(ufunc.__name__) if method == "__call__" and not named else None
        if operator is not None and len(inputs) == 2:
            return operator(self._as_tensor(inputs[0]), inputs[1])
        plain = [np.asarray(x) if isinstance(x, Tensor) else x for x in inputs]
        result = getattr(ufunc, method)(*plain, **named)
        return tensor(result) if isinstance(result, np.ndarray | np.generic) else result

    def __pos__(self) -> Tensor:
        return self

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


def _zeros(shape: Any) -> Objects:
    return reductions.numbers_as_leaves(np.zeros(tuple(shape)))


def _rebuilt(cls: Any, values: Objects, requires_grad: bool, kind: str, op: str) -> Any:
    made = cls.__new__(cls)
    Tensor.__init__(made, values, requires_grad)
    made._kind, made._op = kind, op
    return made


class OneElementError(ArgumentValueError, RuntimeError):
    """An array of several elements where one is needed."""


class Window(Tensor):
    """The numbers (or the gradients) of other elements: what is written here is written there."""

    __slots__ = ("_attribute", "_now", "_seen", "_source")

    def __init__(self, source: Objects, attribute: str, kind: str) -> None:
        self._source, self._attribute = source, attribute
        self._seen: list[float] = []
        self._now: Any = None
        read = numbers_of if attribute == "data" else gradients_of
        self.requires_grad = False
        self._look(read(source.ravel().tolist()))
        super().__init__(self._now)
        self._kind = kind

    def _guarded(self) -> bool:
        return self.requires_grad

    def _look(self, numbers: list[float]) -> None:
        if self._now is None or numbers != self._seen:
            self._seen = numbers
            self._now = filled(self._source.shape, make_leaves(numbers))

    @property
    def _values(self) -> Objects:
        if self._attribute == "data" and not self.requires_grad:
            self._look(numbers_of(self._source.ravel().tolist()))
        return self._now  # type: ignore[no-any-return]

    @_values.setter
    def _values(self, values: Objects) -> None:
        self._now = values

    def _viewed(self, f: Callable[[Objects], Any], op: str) -> Tensor:
        made = Window(as_objects(f(self._source)), self._attribute, self._kind)
        if self._attribute == "grad":  # as they were when this was made
            made._now = as_objects(f(self._now))
        return made

    def _is_parameter(self) -> bool:
        return True

    def _home(self) -> Objects:
        return self._now if self.requires_grad else self._source

    def _put(self, values: Objects, new: Objects) -> None:
        indexing.put_numbers(values, new, "data" if self.requires_grad else self._attribute)
        read = numbers_of if self._attribute == "data" else gradients_of
        self._look(read(self._source.ravel().tolist()))

    @property
    def data(self) -> Tensor:
        """The array itself."""
        return self

    @data.setter
    def data(self, new: Any) -> None:
        self._put(self._home(), reductions.numbers_as_leaves(self._numbers(new, "data")))

    def detach(self) -> Tensor:
        """The array itself: it has no history."""
        return self

    def __reduce__(self) -> Any:
        return _rebuilt, (Tensor, self._values, self.requires_grad, self._kind, "")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.clone()


def _attach() -> None:
    for row in OPS.values():
        if row.method:
            method = pointwise.of_row(row.name)
            setattr(Tensor, f"_{row.name}" if row.static else row.name, method)
            if row.static:
                setattr(Tensor, row.name, public(row))
    for module, names in METHODS.items():
        for entry in names.split():
            name, _, theirs = entry.partition("=")
            setattr(Tensor, name, getattr(module, theirs or name))
    for name in IN_PLACE.split():
        method = indexing.in_place(getattr(Tensor, name), f"{name}_")
        setattr(Tensor, f"{name}_", method)
    for name in ("add", "sub", "mul", "truediv", "pow", "floordiv", "and", "or"):
        operator = getattr(Tensor, f"__{name}__")
        setattr(Tensor, f"__i{name}__", indexing.in_place(operator, f"__i{name}__"))


_attach()
