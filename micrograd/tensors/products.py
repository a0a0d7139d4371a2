"""Products of arrays: matrices, dots, outer products, sums in Einstein's notation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd.engine import make_leaf, weighted_sum
from micrograd.errors import ShapeError
from micrograd.tensors.dtypes import joined
from micrograd.tensors.elements import Objects, filled

if TYPE_CHECKING:
    from micrograd.tensors.tensor import Tensor


def matmul(x: Tensor, other: Any) -> Tensor:
    """The matrix product; each element is a sum of products from left to right.

    A row is a matrix of one row on the left, of one column on the right; axes before the last two
    are of a batch, and broadcast. Raises a ShapeError for shapes that do not multiply.
    """
    y = x._as_tensor(other)
    a, b = x._values, y._values
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[max(b.ndim - 2, 0)]:
        raise ShapeError(
            f"shapes {a.shape} and {b.shape} cannot be multiplied: the last axis of the first "
            "must be as long as the last but one of the second"
        )
    op = "Dot" if a.ndim == b.ndim == 1 else "Mv" if b.ndim == 1 else "Mm"
    op = "UnsafeView" if max(a.ndim, b.ndim) > 2 else op
    return x._result(_product(a, b), (other,), op, joined(x._kind, y._kind))


def rmatmul(x: Tensor, other: Any) -> Tensor:
    """`other @ x`."""
    return matmul(x._as_tensor(other), x)


def _product(a: Objects, b: Objects) -> Objects:
    left = a.reshape(1, -1) if a.ndim == 1 else a
    right = b.reshape(-1, 1) if b.ndim == 1 else b
    try:
        batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    except ValueError as error:
        raise ShapeError(f"shapes {a.shape} and {b.shape}: {error}") from None
    (n, k), m = left.shape[-2:], right.shape[-1]
    lefts = np.broadcast_to(left, (*batch, n, k)).reshape(-1, n, k)
    rights = np.broadcast_to(right, (*batch, k, m)).swapaxes(-1, -2).reshape(-1, m, k)
    products = [
        weighted_sum(row, column) if k else make_leaf(0.0)
        for rows, columns in zip(lefts.tolist(), rights.tolist(), strict=True)
        for row in rows
        for column in columns
    ]
    shape = (*batch, *((n,) if a.ndim > 1 else ()), *((m,) if b.ndim > 1 else ()))
    return filled(shape, products)


def dot(x: Tensor, other: Tensor) -> Tensor:
    """The sum of the products of two rows."""
    _need(x, other, 1, 1, "dot")
    return matmul(x, other)


def mm(x: Tensor, other: Tensor) -> Tensor:
    """The product of two matrices."""
    _need(x, other, 2, 2, "mm")
    return matmul(x, other)


def mv(x: Tensor, other: Tensor) -> Tensor:
    """The product of a matrix and a row."""
    _need(x, other, 2, 1, "mv")
    return matmul(x, other)


def bmm(x: Tensor, other: Tensor) -> Tensor:
    """The products of two batches of matrices."""
    _need(x, other, 3, 3, "bmm")
    result = matmul(x, other)
    result._op = result._op and "Bmm"
    return result


def _need(x: Tensor, y: Tensor, first: int, second: int, name: str) -> None:
    if (x.ndim, y.ndim) != (first, second):
        raise ShapeError(
            f"{name} takes arrays of {first} and {second} axes, got the shapes "
            f"{tuple(x.shape)} and {tuple(y.shape)}"
        )


def outer(x: Tensor, other: Tensor) -> Tensor:
    """All products of an element of one row with one of another."""
    return x.reshape(-1, 1) * other.reshape(1, -1)


def addmm(x: Tensor, mat1: Tensor, mat2: Tensor) -> Tensor:
    """X + mat1 @ mat2."""
    return x + matmul(mat1, mat2)


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sums of products as the equation says, with a letter for each axis.

    Raises a ShapeError for an equation that does not fit the shapes.
    """
    given = list(operands[0]) if isinstance(operands[0], list | tuple) else list(operands)
    try:
        values = np.einsum(equation, *[x._values for x in given])
    except (ValueError, TypeError) as error:
        raise ShapeError(f"einsum {equation!r}: {error}") from None
    array = values if isinstance(values, np.ndarray) else filled((), [values])
    return given[0]._result(array, tuple(given[1:]), "View", joined(*[x._kind for x in given]))  # type: ignore[no-any-return]
