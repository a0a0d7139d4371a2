"""Sums of products as expressions: products of matrices, sums along axes, rows of tables."""

from __future__ import annotations

import numpy as np

from micrograd.compiler.arrays.schedule import Group, TermClass
from micrograd.compiler.codes import Ids
from micrograd.compiler.explain.views import TermLoop, View
from micrograd.compiler.graph.graph import LARGEST
from micrograd.exporting.expressions import (
    Expr,
    added,
    applied,
    array,
    dot,
    number,
    reshape,
    segments,
    spread,
    total,
)
from micrograd.exporting.operands import LANES, ArrayOperands, Labelled, aligned
from micrograd.exporting.program import TrainedArray


class TermLowering(ArrayOperands):
    """Classes of terms, one after the other."""

    def terms(self, group: Group, readings: list[TermLoop], shape: tuple[int, ...]) -> Expr:
        """A sum of classes of terms, in the shape of its group or so that it broadcasts to it."""
        paired = list(zip(group.terms, readings, strict=True))
        paired.sort(key=lambda pair: -len(pair[1].views))  # products first
        out: Expr | None = None
        for terms, reading in paired:
            value, c = self._term(group, terms, reading, shape), terms.c
            if group.reduced and not _has_lanes(reading):
                value = applied("mul", number(self.lanes), value)
            if out is None:
                out = applied("neg", value) if c == -1 else applied("mul", number(c), value)
            elif c < 0:
                out = applied("sub", out, applied("mul", number(-c), value))
            else:
                out = applied("add", out, applied("mul", number(c), value))
        assert out is not None
        return out

    def _term(
        self, group: Group, terms: TermClass, reading: TermLoop, shape: tuple[int, ...]
    ) -> Expr:
        """One class of terms, without its coefficient, so that it broadcasts to the shape."""
        views = reading.views
        if not views:
            return number(1.0)
        if terms.node is not None:
            return self._ragged(group, terms, views, shape)
        over = set(reading.summed) | ({LANES} if group.reduced and _has_lanes(reading) else set())
        largest = group.kind == LARGEST
        squared = len(views) == 2 and np.array_equal(terms.u, terms.v)  # type: ignore[arg-type]
        apart = None if squared or largest else self._sum_of_all(reading, views, over)
        if apart is not None:
            return apart
        looked = None if squared or largest else self.lookup(views, over)
        if looked is not None:
            x, over = looked
        elif len(views) == 1 or squared:
            x = self.operand(views[0])
            if squared:
                if len(views) == 2 and self._all_apart(reading, views[0], over):
                    return self._squares_apart(views[0])
                x = Labelled(applied("pow_static", x.value, static=2.0), x.axes)
        else:
            x, over = self._product([self.operand(v) for v in views], over, largest)
        missing = over - set(x.axes)
        x = self._summed(x, over, largest)
        value = self.placed(x, reading, shape, group.lanes)
        if missing and not largest:
            times = np.prod([self.size(reading, a) for a in missing])
            value = applied("mul", number(float(times)), value)
        return value

    def _summed(self, x: Labelled, over: set[int], largest: bool = False) -> Labelled:
        places = [i for i, a in enumerate(x.axes) if a in over]
        return Labelled(total(x.value, places, largest), tuple(a for a in x.axes if a not in over))

    def _product(
        self, factors: list[Labelled], over: set[int], largest: bool
    ) -> tuple[Labelled, set[int]]:
        """Two factors multiplied, and added up where they have axes in common that are summed."""
        a, b = factors
        if not largest:  # what only one of them has is added up in it
            a = self._summed(a, over - set(b.axes))
            b = self._summed(b, over - set(factors[0].axes))
        rest = over - (set(factors[0].axes) ^ set(factors[1].axes)) if not largest else over
        both = rest & set(a.axes) & set(b.axes)
        every = sorted(set(a.axes) | set(b.axes))
        if not both or largest or not a.axes or not b.axes:
            x = [aligned(y, every) for y in (a, b)]
            return Labelled(applied("mul", *x), tuple(every)), rest
        out = tuple(i for i in every if i not in both)
        return Labelled(dot(a.value, b.value, (a.axes, b.axes, out)), out), rest - both

    def _sum_of_all(
        self, reading: TermLoop, views: tuple[View, ...], over: set[int]
    ) -> Expr | None:
        """The sum of parameters in several arrays, whatever their order."""
        if len(views) != 1 or not self._all_apart(reading, views[0], over):
            return None
        return added([total(x, range(len(x.shape))) for x in self._arrays(views[0])])

    def _all_apart(self, reading: TermLoop, view: View, over: set[int]) -> bool:
        """Whether all of several arrays of parameters are summed, each number once."""
        if over != set(range(len(reading.extents))) or view.nodes.size < 2:
            return False
        members = self.leaves.parameter[view.nodes].ravel()
        if (members < 0).any() or len(np.unique(members)) < members.size:
            return False
        return sum(len(p.members) for p in self._owners(members)) == members.size

    def _owners(self, members: Ids) -> list[TrainedArray]:
        have = set(members.tolist())
        return [p for p in self.leaves.trained.all if have & set(p.members.tolist())]

    def _arrays(self, view: View) -> list[Expr]:
        members = self.leaves.parameter[view.nodes].ravel()
        return [array(p.name, p.shape) for p in self._owners(members)]

    def _squares_apart(self, view: View) -> Expr:
        arrays = [applied("pow_static", x, static=2.0) for x in self._arrays(view)]
        return added([total(x, range(len(x.shape))) for x in arrays])

    def _ragged(
        self, group: Group, terms: TermClass, views: tuple[View, ...], shape: tuple[int, ...]
    ) -> Expr:
        """Sums of unequal length: all terms in a row, and to which sum each belongs."""
        row = [self.operand(v) for v in views]
        axes = sorted({a for x in row for a in x.axes})
        value = aligned(row[0], axes)
        for x in row[1:]:
            value = applied("mul", value, aligned(x, axes))
        nodes = group.nodes
        assert terms.node is not None
        owner = np.searchsorted(nodes, terms.node)
        if not np.array_equal(nodes[np.minimum(owner, len(nodes) - 1)], terms.node):
            order = np.argsort(nodes)
            owner = order[np.searchsorted(nodes, terms.node, sorter=order)]
        count = len(terms.node)
        if not value.shape or value.shape[-1] != count:
            value = spread(value, (*value.shape[:-1], count) if 0 in axes else (count,))
        over_lanes = group.reduced and LANES in axes
        if over_lanes:
            value = total(value, [0])
        lead = (self.lanes,) if LANES in axes and not over_lanes else ()
        found = segments(value, self.leaves.index(owner), len(nodes), group.kind == LARGEST)
        return reshape(found, (*lead, *shape))


def _has_lanes(reading: TermLoop) -> bool:
    return any(view.lanes for view in reading.views)
