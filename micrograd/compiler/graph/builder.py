"""Adding nodes to a graph, many at a time: what passes and derivatives write with.

>>> from micrograd.compiler.graph.graph import PARAMETER, SUM
>>> builder = Builder()
>>> x = builder.leaves(PARAMETER, [3.0])
>>> y = x * x + 1.0
>>> builder.graph().kind[y.ids] == SUM
array([ True])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from micrograd.compiler.codes import NONE, ROW_INDEX, Floats, Ids, Mask
from micrograd.compiler.graph.graph import CONSTANT, ROW, SUM, Graph, sorted_terms
from micrograd.errors import CompileError
from micrograd.ops import FLOATS, OPS, Arithmetic

# What nodes have that were given nothing else, and its type, in the order of a graph's arrays.
UNNAMED: dict[str, tuple[Any, ...]] = {
    "kind": (SUM, np.int8), "row": (NONE, np.int16), "args": (NONE, np.int64, 3),
    "static": (np.nan, np.float64), "value": (0.0, np.float64), "stop": (False, bool),
    "reduced": (False, bool), "origin": (NONE, np.int64),
}  # fmt: skip


class Builder:
    """Adds nodes to a graph, many at a time, by arithmetic on `Lanes`."""

    def __init__(self, start: Graph | None = None, shared: bool = False) -> None:
        self.size = 0
        self.shared = shared  # whether lanes with equal operands share a node
        none = np.zeros(0, np.int64)
        self._nodes: list[list[Any]] = []  # arrays of what nodes have, as a graph has them
        self._terms: list[list[Any]] = [[none, none, none, np.zeros(0)]]
        self._constants: dict[float, int] = {}
        if start is not None:
            arrays = [getattr(start, name) for name in Graph.__dataclass_fields__]
            self._nodes, self._terms = [arrays[: len(UNNAMED)]], [arrays[len(UNNAMED) :]]
            self.size = len(start)

    def _add(self, count: int, **given: Any) -> None:
        """New nodes, that have what is given."""
        made = [given[name] if name in given else np.full((count, *shape), fill, sort)
                for name, (fill, sort, *shape) in UNNAMED.items()]  # fmt: skip
        self._nodes.append(made)
        self.size += count

    def leaves(self, kind: int, values: Sequence[float] | Floats) -> Lanes:
        """New leaves."""
        first = self.size
        kinds = np.full(len(values), kind, np.int8)
        self._add(len(values), kind=kinds, value=np.asarray(values, np.float64))
        return Lanes(self, np.arange(first, self.size))

    def constant(self, x: float) -> int:
        """The leaf for a number that is the same for all lanes."""
        if x not in self._constants or x != x:
            self._constants[x] = int(self.leaves(CONSTANT, [x]).ids[0])
        return self._constants[x]

    def block(
        self, kind: Any, row: Any, args: Sequence[Ids], static: Floats, stop: Mask, sums: int
    ) -> None:
        """Many nodes at once, whose terms follow, and then so many SUM nodes."""
        is_row = kind == ROW
        columns = np.stack(args, 1)
        columns[~is_row] = NONE
        self._add(
            len(kind), kind=kind, row=np.where(is_row, row, NONE).astype(np.int16), args=columns,
            static=np.where(is_row, static, np.nan), stop=stop,
        )  # fmt: skip
        self.block_of_sums(sums)

    def block_of_sums(self, count: int, reduced: bool = False, stop: bool = False) -> Ids:
        """SUM nodes whose terms follow."""
        self._add(count, reduced=np.full(count, reduced), stop=np.full(count, stop))
        return np.arange(self.size - count, self.size)

    def sum_of(self, terms: Sequence[Term]) -> Ids:
        """New SUM nodes, as many as the terms have lanes."""
        factors = [x for term in terms for x in term[:2] if x is not None]
        count = max((len(x.ids) for x in factors), default=1)
        if self.shared and count > 1:
            columns = np.stack([np.broadcast_to(x.ids, (count,)) for x in factors], 1)
            distinct, place = _distinct(columns)
            rows = iter(distinct.T)
            lanes = [
                (*(None if x is None else Lanes(self, next(rows)) for x in term[:2]), term[2])
                for term in terms
            ]
            ids = self.block_of_sums(len(distinct))
            self.define(ids, lanes)  # type: ignore[arg-type]
            return ids[place]
        ids = self.block_of_sums(count)
        self.define(ids, terms)
        return ids

    def define(self, ids: Ids, terms: Sequence[Term]) -> None:
        """Give existing SUM nodes their terms."""
        for u, v, c in terms:
            self.add_terms(ids, NONE if u is None else u.ids, NONE if v is None else v.ids, c)

    def add_terms(self, node: Ids, u: Any, v: Any, c: Any) -> None:
        """One more term `c · u · v` for each node."""
        terms = [x if np.shape(x) == node.shape else np.full(len(node), x) for x in (u, v, c)]
        self._terms.append([node, *terms])

    def apply(self, name: str, *args: Lanes | float) -> Lanes:
        """New nodes of a row: its inputs, and then its static parameter if it has one."""
        row = OPS[name]
        inputs, static = args[: row.arity], args[row.arity :]
        count = max((len(x.ids) for x in inputs if isinstance(x, Lanes)), default=1)
        columns = np.full((count, 3), NONE)
        for i, x in enumerate(inputs):
            columns[:, i] = x.ids if isinstance(x, Lanes) else self.constant(float(x))
        place = np.arange(count)
        if self.shared:
            columns, place = _distinct(columns)
            count = len(columns)
        first = self.size
        self._add(
            count, kind=np.full(count, ROW, np.int8), args=columns,
            row=np.full(count, ROW_INDEX[name], np.int16),
            static=np.full(count, float(static[0]) if static else np.nan),
        )  # fmt: skip
        return Lanes(self, first + place)

    def graph(self) -> Graph:
        """All nodes so far."""
        return sorted_terms(self.unsorted())

    def unsorted(self) -> Graph:
        """All nodes so far, terms in the order in which they were added: for passes that sort."""
        columns = [*zip(*self._nodes, strict=True), *zip(*self._terms, strict=True)]
        return Graph(*map(np.concatenate, columns))


Term = tuple["Lanes | None", "Lanes | None", float]  # u, v and c


class Lanes(Arithmetic):
    """A number for each of several nodes: what a derivative or an update rule computes with.

    Arithmetic adds nodes to the builder. One node among many counts for all of them.
    """

    __slots__ = ("builder", "ids")
    __array_ufunc__ = None

    def __init__(self, builder: Builder, ids: Ids) -> None:
        self.builder = builder
        self.ids = ids

    def _applied(self, row: str, *inputs: Any) -> Any:
        return getattr(Symbols(self.builder), row)(*inputs)

    def _refused(self, *others: object) -> Any:
        raise CompileError(
            "cannot be compiled: the optimiser's rule branches on a number, or takes it out of "
            "the table's operations; write it with m.select, m.abs, m.maximum, …"
        )

    __bool__ = __float__ = __int__ = __abs__ = _refused
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refused
    __hash__ = object.__hash__


class Symbols:
    """`m` for Lanes, as derivatives and update rules take it; numbers alone are computed."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder

    def __getattr__(self, name: str) -> Any:
        if name not in OPS:
            raise AttributeError(f"the op table has no row {name!r}")

        def method(*args: Any) -> Any:
            if not any(isinstance(x, Lanes) for x in args):
                return getattr(FLOATS, name)(*args)
            terms = self.terms(name, *args)
            if terms is None:
                return self._builder.apply(name, *args)
            return Lanes(self._builder, self._builder.sum_of(terms))

        return method

    def terms(self, name: str, *args: Any) -> list[Term] | None:
        """A row's sum of products on these arguments, or None if it has none."""
        products = OPS[name].terms(*args)
        if products is None:
            return None
        terms: list[Term] = []
        for c, *factors in products:
            lanes: list[Lanes] = []
            for x in factors:
                if isinstance(x, Lanes):
                    lanes.append(x)
                else:
                    c *= float(x)
            u, v = (*lanes, None, None)[:2]
            terms.append((u, v, c))
        return terms


def _distinct(rows: Ids) -> tuple[Ids, Ids]:
    """The rows that there are, each once, and which of them each is."""
    if (rows[1:] > rows[:-1]).all(0).any():  # as those of parameters and gradients
        return rows, np.arange(len(rows))
    distinct, place = np.unique(rows, axis=0, return_inverse=True)
    return distinct, place.ravel()
