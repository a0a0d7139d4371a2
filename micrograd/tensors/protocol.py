"""What Python asks of an array: its shape and length, its numbers, its text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from micrograd.engine import (
    Value,
    numbers_of,
)
from micrograd.errors import (
    ArgumentTypeError,
    OneElementError,
)
from micrograd.tensors import (
    conversions,
)
from micrograd.tensors.dtypes import FLOAT, INTEGER, KEPT, DType, Size
from micrograd.tensors.elements import Objects
from micrograd.tensors.given import ArrayOfValues
from micrograd.tensors.methods import UFUNCS
from micrograd.tensors.printing import array_text

Floats = NDArray[np.float64]


class PythonArray(ArrayOfValues):
    """The part of a Tensor that says what it is."""

    __slots__ = ()
    if TYPE_CHECKING:
        _op: str
        item: Callable[..., Any]
        numpy: Callable[..., NDArray[Any]]

        @property
        def is_leaf(self) -> bool: ...  # noqa: D102
        def __getitem__(self, index: Any) -> Any: ...
        @staticmethod
        def _as_tensor(data: Any) -> Any: ...

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

    def __len__(self) -> int:
        if not self.ndim:
            raise ArgumentTypeError("len() of an array without axes")
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
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
        return np.asarray(self.numpy(), np.float64)

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
        numbers = self.numpy()
        return numbers if dtype is None else numbers.astype(dtype)

    def __repr__(self) -> str:
        return array_text(self.numpy(), self._suffixes())

    def _suffixes(self) -> list[str]:
        if not self.requires_grad:
            return []
        return ["requires_grad=True"] if self.is_leaf else [f"grad_fn=<{self._made_by()}Backward0>"]

    def _made_by(self) -> str:
        row = self._values.flat[0]._row if self._values.size else None
        return self._op or ("View" if row is None else row.name.title().replace("_", ""))

    # ---- operators of others -------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        """NumPy's operators with an array of ours are ours; its functions see the numbers."""
        operator = UFUNCS.get(ufunc.__name__) if method == "__call__" and not named else None
        if operator is not None and len(inputs) == 2:
            return operator(self._as_tensor(inputs[0]), inputs[1])
        plain = [np.asarray(x) if isinstance(x, PythonArray) else x for x in inputs]
        result = getattr(ufunc, method)(*plain, **named)
        return self._as_tensor(result) if isinstance(result, np.ndarray | np.generic) else result

    def __pos__(self) -> Any:
        return self
