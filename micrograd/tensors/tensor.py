"""`Tensor`: an array of Values with the names that torch users know.

Numbers are float64, one Value an element; an operation on arrays is the operation on each Value.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import reduce
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from micrograd.core.methods import public
from micrograd.engine import Value, as_operand, gradients_of, zero_gradients
from micrograd.errors import ArgumentTypeError, ArgumentValueError, GraphError
from micrograd.observers import recording
from micrograd.ops import BY_HAND, OPS, Op
from micrograd.tensors.elements import Objects, as_objects, filled, values_of
from micrograd.tensors.printing import array_text

if TYPE_CHECKING:
    from micrograd.core.methods import Methods

    _Base = Methods["Tensor"]
else:
    _Base = object

Floats = NDArray[np.float64]
Combine = Callable[["Tensor", Any], "Tensor"]


def tensor(data: Any, *, requires_grad: bool = False, dtype: object = None) -> Tensor:
    """An array of Values from numbers, Values, nested lists of them, or arrays.

    `dtype` is accepted for the sake of torch scripts; numbers are always float64. An array that
    holds given Values requires gradients. Raises an ArgumentValueError for ragged lists, an
    ArgumentTypeError for what is not a number.

    >>> x = tensor([[2.0, 3.0]])
    >>> x.shape, (x * x).sum()
    ((1, 2), tensor(13.))
    """
    return Tensor(_elements(data), requires_grad or _holds_values(data))


def FloatTensor(data: Any) -> Tensor:  # noqa: N802  (the name torch users know)
    """`tensor(data)`, under torch's older name."""
    return tensor(data)


def _elementwise(f: Callable[[Any, Any], Any]) -> tuple[Combine, Combine]:
    """The operator methods of `Tensor` for a NumPy function on objects, plain and reflected."""

    def combine(self: Tensor, a: Objects, b: Objects, other: Any) -> Tensor:
        try:
            return self._tracked(f(a, b), other)
        except ValueError as error:
            raise ArgumentValueError(f"shapes {a.shape} and {b.shape}: {error}") from None

    def method(self: Tensor, other: Any) -> Tensor:
        return combine(self, self._values, _operand(other), other)

    def reflected(self: Tensor, other: Any) -> Tensor:
        return combine(self, _operand(other), self._values, other)

    return method, reflected


def _operand(data: Any) -> Objects:
    """The elements of an operand; a plain number is one of the expression, as with Values."""
    return as_objects(as_operand(data)) if type(data) in (int, float) else _elements(data)


def _elements(data: Any) -> Objects:
    if isinstance(data, Tensor):
        return data._values
    if isinstance(data, list | tuple) and any(isinstance(x, Tensor) for x in data):
        return np.stack([_elements(x) for x in data])
    return values_of(data)


def _holds_values(data: Any) -> bool:
    """Whether there are Values, or arrays that require gradients, among the data."""
    if isinstance(data, Tensor):
        return data.requires_grad
    if isinstance(data, list | tuple):
        return any(map(_holds_values, data))
    if isinstance(data, np.ndarray):
        return data.dtype == object and any(isinstance(x, Value) for x in data.flat)
    return isinstance(data, Value)


def _on_each(row: Op) -> Callable[..., Tensor]:
    """The method of Values that is the row, on each element."""

    def method(self: Tensor, *static: float) -> Tensor:
        return self._each(methodcaller(row.name, *static))

    method.__name__ = row.name
    method.__doc__ = row.text("x", *[row.static] * row.has_static) + " of each element."
    return method


class Tensor(_Base):
    """An array of Values; see `tensor`.

    Its elements cannot be assigned. `requires_grad` is for printing, as in torch: derivatives are
    computed for every leaf.
    """

    __slots__ = ("_is_view", "_values", "requires_grad")

    __array_ufunc__ = None  # so that `ndarray + tensor` is ours to compute
    __hash__ = object.__hash__

    def __init__(self, values: Objects, requires_grad: bool = False) -> None:
        self._values = values
        self.requires_grad = requires_grad
        self._is_view = False

    # ---- shape ---------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._values.shape

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

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape; -1 for the length that follows from the others."""
        try:
            return self._like(self._values.reshape(*shape))
        except ValueError as error:
            raise ArgumentValueError(f"shape: {error}") from None

    view = reshape

    def flatten(self) -> Tensor:
        """The elements in one row."""
        return self.reshape(-1)

    def squeeze(self, dim: int | None = None) -> Tensor:
        """Without the axes of length 1 (or without that one, if its length is 1)."""
        if dim is not None and self.shape[dim] != 1:
            return self
        return self._like(self._values.squeeze(dim))

    def unsqueeze(self, dim: int) -> Tensor:
        """With a new axis of length 1."""
        return self._like(np.expand_dims(self._values, dim))

    @property
    def T(self) -> Tensor:  # noqa: N802  (the name torch and NumPy users know)
        """The transpose."""
        return self._like(self._values.T)

    def __len__(self) -> int:
        if not self.ndim:
            raise ArgumentTypeError("len() of an array without axes")
        return len(self._values)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Tensor:
        if isinstance(index, Tensor):
            index = index.numpy().astype(int)
        return self._like(self._values[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        raise ArgumentTypeError(
            "the elements of an array cannot be assigned; assign the whole: "
            "a = p.data.numpy(); a[index] = value; p.data = a"
        )

    def _like(self, values: Any) -> Tensor:
        view = Tensor(as_objects(values), self.requires_grad)
        view._is_view = True
        return view

    # ---- numbers -------------------------------------------------------------------------------

    def numpy(self) -> Floats:
        """A new float64 array of the numbers."""
        return np.array([v.data for v in self._values.flat], dtype=np.float64).reshape(self.shape)

    def tolist(self) -> Any:
        """The numbers as nested lists, or one float."""
        return self.numpy().tolist()

    def item(self) -> float:
        """The number of an array of one element."""
        return self._only("item()").item()

    def _only(self, what: str) -> Value:
        if self._values.size != 1:
            raise ArgumentValueError(
                f"{what} needs one element, the array has shape {self.shape}: take its sum(), or "
                "an element"
            )
        value: Value = self._values.flat[0]
        return value

    def __float__(self) -> float:
        return self.item()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self.numpy().astype(dtype or np.float64)

    def __repr__(self) -> str:
        return array_text(self.numpy(), self._suffixes())

    def _suffixes(self) -> list[str]:
        if not self.requires_grad:
            return []
        row = self._values.flat[0]._row if self._values.size else None
        if row is None and not self._is_view:
            return ["requires_grad=True"]
        name = "view" if row is None else row.name
        return [f"grad_fn=<{name.title().replace('_', '')}Backward>"]

    @property
    def data(self) -> Tensor:
        """The numbers, without history; assign the whole to change them in place."""
        return self.detach()

    @data.setter
    def data(self, new: Any) -> None:
        for v, x in zip(self._values.flat, self._numbers(new, "data").flat, strict=True):
            v.data = float(x)

    def detach(self) -> Tensor:
        """New leaves with the same numbers."""
        return tensor(self.numpy())

    def _numbers(self, new: Any, name: str) -> Floats:
        array = tensor(new).numpy()
        if array.shape != self.shape:
            raise ArgumentValueError(f"{name} must have the shape {self.shape}, got {array.shape}")
        return array

    # ---- gradients -----------------------------------------------------------------------------

    @property
    def grad(self) -> Tensor | None:
        """The gradients; None before a backward pass, and where `requires_grad` is False."""
        if not (self.requires_grad and any(v._reached for v in self._values.flat)):
            return None
        gradients = gradients_of(self._values.ravel().tolist())
        return tensor(np.array(gradients, dtype=np.float64).reshape(self.shape))

    @grad.setter
    def grad(self, new: Any) -> None:
        if new is None:
            zero_gradients(self._values.ravel().tolist())
            return
        for v, x in zip(self._values.flat, self._numbers(new, "grad").flat, strict=True):
            v.grad = float(x)
            v._mark = BY_HAND  # zeros that were set are a gradient, too

    def backward(self) -> None:
        """`Value.backward` of the only element."""
        if not self.requires_grad:
            raise GraphError("backward() of an array that does not depend on any parameter")
        self._only("backward()").backward()

    # ---- arithmetic ----------------------------------------------------------------------------

    def _tracked(self, values: Any, *others: Any) -> Tensor:
        """The result of an operation on this array and `others`."""
        return Tensor(as_objects(values), _holds_values((self, *others)) and recording())

    __add__, __radd__ = _elementwise(np.add)
    __sub__, __rsub__ = _elementwise(np.subtract)
    __mul__, __rmul__ = _elementwise(np.multiply)
    __truediv__, __rtruediv__ = _elementwise(np.true_divide)
    __matmul__, __rmatmul__ = _elementwise(np.matmul)
    __rpow__ = _elementwise(np.power)[1]

    def __pow__(self, exponent: Any) -> Tensor:
        """To the power; a number is a static parameter, as with a Value."""
        if isinstance(exponent, Tensor | Value | np.ndarray):
            return _elementwise(np.power)[0](self, exponent)
        return self._each(lambda v: v**exponent)

    def __neg__(self) -> Tensor:
        return self._each(operator.neg)

    def __abs__(self) -> Tensor:
        return self._each(abs)

    def _each(self, f: Callable[[Value], Value]) -> Tensor:
        return self._tracked(filled(self.shape, list(map(f, self._values.ravel().tolist()))))

    def matmul(self, other: Any) -> Tensor:
        """The matrix product."""
        return self @ other  # type: ignore[no-any-return]

    def sum(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """The sum over one axis, or of all elements, left to right."""
        if not self.numel():
            return tensor(self.numpy().sum(dim, keepdims=keepdim))
        if dim is None:
            return self._tracked(reduce(operator.add, self._values.flat))
        values: Any = np.add.reduce(self._values, axis=dim)
        return self._tracked(np.expand_dims(values, dim) if keepdim else values)

    def mean(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """The mean over one axis, or of all elements; nan if there are none."""
        n = self.numel() if dim is None else self.shape[dim]
        total = self.sum(dim, keepdim)
        return total if n == 1 else total / n


for _row in OPS.values():
    if _row.method:
        setattr(Tensor, f"_{_row.name}" if _row.static else _row.name, _on_each(_row))
        if _row.static:
            setattr(Tensor, _row.name, public(_row))
