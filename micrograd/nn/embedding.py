"""Rows of a table, chosen by whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd.engine import Value
from micrograd.errors import ArgumentIndexError, ArgumentTypeError, ArgumentValueError
from micrograd.nn.module import Module
from micrograd.nn.parameter import Parameter
from micrograd.tensors.chosen import chosen
from micrograd.tensors.dtypes import FLOAT
from micrograd.tensors.generator import DEFAULT
from micrograd.tensors.tensor import Tensor, tensor


def embedding(indices: Any, weight: Tensor) -> Tensor:
    """The row of `weight` for each index; any shape of indices, and one axis more.

    Raises an ArgumentIndexError for a row that there is not, an ArgumentTypeError for floats.
    """
    x = indices if isinstance(indices, Tensor) else tensor(indices)
    rows = weight._values
    known = [v.data for v in x._values.ravel().tolist()]
    if any(isinstance(k, Value) for k in known):
        values = chosen(rows, x)
    else:
        if x._kind == FLOAT and any(not float(k).is_integer() for k in known):
            raise ArgumentTypeError("indices must be whole numbers: write x.long()")
        wrong = [k for k in known if not 0 <= k < len(rows)]
        if wrong:
            raise ArgumentIndexError(
                f"index out of range: the table has rows 0 to {len(rows) - 1}, got {wrong[0]:g}"
            )
        values = rows[np.array(known, int).reshape(x.shape)]
    return x._result(values, (weight,), "Embedding")


class Embedding(Module):
    """A row of `weight` (num_embeddings, embedding_dim) for each index.

    >>> from micrograd import nn, tensor
    >>> table = nn.Embedding.from_pretrained(tensor([[1.0, 2.0], [3.0, 4.0]]))
    >>> table(tensor([1, 0]))
    tensor([[3., 4.],
            [1., 2.]])
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None
    ) -> None:
        super().__init__()
        for name, n in (("num_embeddings", num_embeddings), ("embedding_dim", embedding_dim)):
            if not isinstance(n, int) or n < 1:
                raise ArgumentValueError(f"{name} must be a whole number from 1, got {n!r}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_idx
        numbers = DEFAULT.normals(num_embeddings * embedding_dim)
        numbers = numbers.reshape(num_embeddings, embedding_dim)
        if padding_idx is not None:
            numbers[padding_idx] = 0.0
        self.weight = Parameter(numbers)

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True) -> Embedding:
        """A table of these rows, which are not trained unless `freeze` is False."""
        made = cls(*embeddings.shape)
        made.weight.data = embeddings
        made.weight.requires_grad = not freeze
        return made

    def forward(self, x: Any) -> Tensor:
        """See `embedding`; the row of `padding_idx` has no gradient."""
        table = self.weight
        if self.padding_idx is None:
            return embedding(x, table)
        values = table._values.copy()
        values[self.padding_idx] = [v.detach() for v in values[self.padding_idx]]
        return embedding(x, Tensor(values, table.requires_grad))

    def extra_repr(self) -> str:
        """As in torch."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
