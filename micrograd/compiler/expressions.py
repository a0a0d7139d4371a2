"""What groups compute, as formulas on views: `relu(X · W1ᵀ + b1)`.

A formula is a list of pieces, each a text or a view. Steps that only one other step uses, element
by element, are written into its formula; a formula has one sum of products at most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from micrograd.compiler.formula import (
    ATOM,
    PRODUCTS,
    Formula,
    Marked,
    Pieces,
    added,
    applied,
    as_matrices,
    held,
)
from micrograd.compiler.forward import Forward
from micrograd.compiler.graph import CONSTANT, INPUT, LARGEST, PARAMETER, ROW, ROWS, SUM, Ids
from micrograd.compiler.schedule import Group, Terms, operands
from micrograd.compiler.views import RAGGED, WINDOWS, Places, Reading, Shape, View

MOST_VIEWS = 5  # in one formula
ELEMENTWISE = "elementwise"


@dataclass(frozen=True, slots=True)
class Step:
    """A group that is an array operation of its own, with those that are written into it."""

    group: int
    members: tuple[int, ...]
    pieces: Pieces
    kind: str
    size: str


class Formulas:
    """Writes the formula of each group."""

    def __init__(self, forward: Forward, places: Places, lanes: int, batch: str) -> None:
        self.forward = forward
        self.places = places
        self.lanes = lanes
        self.batch = batch
        self.readings: list[list[Reading]] = []
        self.shapes: list[Shape] = []
        for k, group in enumerate(forward.groups):
            readings = self._readings(group)
            self.readings.append(readings)
            self.shapes.append(_result_shape(len(group.nodes), readings))
            if readings:
                places.shapes[k] = self.shapes[k]
        self._take_shapes_of_users()
        self.alias = [self._is_copy(k) for k in range(len(forward.groups))]
        self.inlined = self._inlined()

    # ---- what there is ---------------------------------------------------------------------------

    def _readings(self, group: Group) -> list[Reading]:
        if group.constant is not None:
            return []
        if group.args:
            return [self.places.reading(len(group.nodes), group.args)]
        return [
            self.places.reading(len(group.nodes), _factors(terms), terms) for terms in group.terms
        ]

    def _take_shapes_of_users(self) -> None:
        """A list that is read as a matrix is one."""
        for readings in self.readings:
            for view in (view for reading in readings for view in reading.views):
                k = view.group
                finer = k >= 0 and len(self.shapes[k]) == 1 < len(view.shape) and not view.form
                if finer and np.array_equal(view.places, np.arange(self.shapes[k][0])):
                    self.shapes[k] = view.shape

    def _is_copy(self, k: int) -> bool:
        group = self.forward.groups[k]
        if group.kind != SUM or group.constant is not None or len(group.terms) != 1:
            return False
        (terms,) = group.terms
        plain = terms.v is None and terms.u is not None and terms.c == 1 and terms.node is None
        return plain and not group.reduced and self._source(group, terms.u) >= 0

    def _source(self, group: Group, ids: Ids | None) -> int:
        """The group of results that an operand is, element by element; -1 if there is none."""
        if ids is None or ids.size != len(group.nodes):
            return -1
        k = int(self.forward.of[ids.flat[0]])
        source = self.forward.groups[k]
        if source.kind in (PARAMETER, INPUT, CONSTANT) or source.lanes != group.lanes:
            return -1
        return k if np.array_equal(ids.ravel(), source.nodes) else -1

    def _inlined(self) -> set[int]:
        groups, of = self.forward.groups, self.forward.of
        users: list[list[tuple[int, Ids]]] = [[] for _ in groups]
        for k, group in enumerate(groups):
            for ids in operands(group):
                for j in np.unique(of[ids]).tolist():
                    users[j].append((k, ids))
        kept = set(of[self.forward.leaves.outputs].tolist())
        inlined: set[int] = set()
        views = [len({id(v) for r in readings for v in r.views}) for readings in self.readings]
        heavy = [self._heavy(k) for k in range(len(groups))]
        for j, group in enumerate(groups):  # sources come first
            if not (group.terms or group.args) or j in kept or not users[j]:
                continue
            if group.constant is not None or self.alias[j]:
                inlined.add(j)
                continue
            if len({k for k, _ in users[j]}) > 1:
                continue
            k = users[j][0][0]
            squared = len(users[j]) == 2 and np.array_equal(users[j][0][1], users[j][1][1])
            if len(users[j]) > 1 and not squared:
                continue
            ids = users[j][0][1]
            whole = self._source(groups[k], ids) == j
            whole |= not heavy[j] and not groups[k].ragged and np.array_equal(
                ids.ravel(), group.nodes) and group.lanes >= groups[k].lanes  # fmt: skip
            fits = views[j] + views[k] - 1 <= MOST_VIEWS and not (heavy[j] and heavy[k])
            if whole and fits and not (heavy[k] and views[k] > 1 and not squared):
                inlined.add(j)
                views[k] += views[j] - 1
                heavy[k] |= heavy[j]
        return inlined

    def _heavy(self, k: int) -> bool:
        """Whether it sums, or looks for the largest."""
        group = self.forward.groups[k]
        return group.reduced or any(r.summed or r.lengths[1] for r in self.readings[k])

    # ---- formulas --------------------------------------------------------------------------------

    def steps(self) -> list[Step]:
        """The array operations, in order."""
        found = []
        for k, group in enumerate(self.forward.groups):
            if k in self.inlined or not (group.terms or group.args):
                continue
            members: list[int] = []
            kinds: list[tuple[str, str]] = []
            pieces, _ = self._formula(k, members, kinds)
            dims = "×".join(map(str, self.full_shape(k))) or "1"
            kind, size = kinds[0] if kinds else (ELEMENTWISE, dims)
            found.append(Step(k, tuple(members), pieces, kind, size))
        return found

    def full_shape(self, k: int) -> tuple[int | str, ...]:
        """The shape of a result, the batch first."""
        lanes = (self.batch,) * self.forward.groups[k].lanes
        return (*lanes, *self.shapes[k])

    def _formula(self, k: int, members: list[int], kinds: list[tuple[str, str]]) -> Formula:
        members.append(k)
        group = self.forward.groups[k]
        if group.constant is not None:
            return (f"{group.constant:g}",), ATOM
        if group.kind == ROW:
            (reading,) = self.readings[k]
            arguments = [
                self._operand(ids, view, members, kinds)
                for ids, view in zip(group.args, reading.views, strict=True)
            ]
            return applied(ROWS[group.row], group.static, arguments)
        paired = list(zip(group.terms, self.readings[k], strict=True))
        paired.sort(key=lambda pair: -len(pair[1].views))  # products first
        parts = []
        for terms, reading in paired:
            formula = self._term(group, terms, reading, members, kinds)
            times = self.lanes if group.reduced and not _over_lanes(group, reading) else 1
            parts.append((terms.c * times, *formula))
        return added(parts)

    def _operand(
        self, ids: Ids, view: View, members: list[int], kinds: list[tuple[str, str]]
    ) -> Formula:
        k = int(self.forward.of[ids.flat[0]])
        if k in self.inlined:
            if not self.alias[k]:
                return self._formula(k, members, kinds)
            members.append(k)
            group = self.forward.groups[k]
            (source,) = self.readings[k][0].views
            assert group.terms[0].u is not None
            below = int(self.forward.of[group.terms[0].u.flat[0]])
            if below in self.inlined:
                return self._operand(group.terms[0].u, source, members, kinds)
            return (Marked(replace(view, space=source.space, group=source.group)),), ATOM
        return (Marked(view),), ATOM

    def _term(
        self, group: Group, terms: Terms, reading: Reading, members: list[int],
        kinds: list[tuple[str, str]],
    ) -> Formula:  # fmt: skip
        ids = _factors(terms)
        if not ids:
            return (), ATOM
        reduced = _over_lanes(group, reading)
        summed = bool(reading.summed or reading.lengths[1] or reduced)
        views = reading.views
        if summed:
            kinds.append(self._kind(group, reading))
        if summed and any(view.choice for view in views) and len(views) == 2:
            choice, table = (0, 1) if views[0].choice else (1, 0)
            looked = self._operand(ids[table], views[table], members, kinds)
            pieces = (*held(looked, ATOM), "[", Marked(views[choice]), "]")
            return (("Σ ", *pieces), PRODUCTS) if reduced else (pieces, ATOM)
        square = len(ids) == 2 and np.array_equal(ids[0], ids[1])
        order = as_matrices(reading, reduced) if len(views) == 2 and not square else None
        if summed and order:
            (i, first), (j, second) = order
            sign = " ∗ " if WINDOWS in (views[0].form, views[1].form) else " · "
            return (Marked(views[i], first), sign, Marked(views[j], second)), PRODUCTS
        if not summed:
            views = tuple(self._in_shape(group, view) for view in views)
        inner = self._product(group, ids, views, members, kinds)
        if group.kind == LARGEST:
            return ("max(", *inner[0], ")"), ATOM
        if not summed:
            return inner
        return ("Σ ", *held(inner, PRODUCTS if inner[1] == ATOM else ATOM)), PRODUCTS

    def _in_shape(self, group: Group, view: View) -> View:
        """The view of an element-wise operand, in the shape of the result."""
        shape = self.shapes[int(self.forward.of[group.nodes[0]])]
        flat = len(view.shape) == 1 < len(shape) and view.shape[0] == len(group.nodes)
        return replace(view, shape=shape) if flat else view

    def _product(
        self, group: Group, ids: list[Ids], views: tuple[View, ...], members: list[int],
        kinds: list[tuple[str, str]],
    ) -> Formula:  # fmt: skip
        factors = [self._operand(ids[0], views[0], members, kinds)]
        if len(ids) == 2 and np.array_equal(ids[0], ids[1]):
            return (*held(factors[0], ATOM), "²"), ATOM
        if len(ids) == 1:
            return factors[0]
        factors.append(self._operand(ids[1], views[1], members, kinds))
        if factors[1][0][0] == "1 / ":  # x · 1 / y
            return (*held(factors[0], PRODUCTS), " / ", *factors[1][0][1:]), PRODUCTS
        scalar = any(len(view.places) == 1 and not view.lanes for view in views)
        sign = " · " if scalar else " ⊙ "
        return (*held(factors[0], PRODUCTS), sign, *held(factors[1], PRODUCTS)), PRODUCTS

    def _kind(self, group: Group, reading: Reading) -> tuple[str, str]:
        lanes = (self.batch,) if group.lanes or _over_lanes(group, reading) else ()
        outer = [str(n) for n in (*lanes, *reading.result)]
        inner = [str(n) for i, n in enumerate(reading.extents) if i in reading.summed]
        size = "×".join(outer + inner) or "1"
        if reading.lengths[1]:
            least, most = reading.lengths
            name = "max" if group.kind == LARGEST else "sum"
            return f"{RAGGED} {name}", f"{'×'.join(outer)}×({least}–{most})"
        if group.kind == LARGEST:
            return "max", size
        views = reading.views
        if any(view.choice for view in views):
            return "lookup", size
        if len(views) == 1:
            return "sum", size
        out = set(range(len(reading.extents))) - reading.summed
        out |= {-1} if group.lanes else set()
        alone = [out & set(a.axes) - set(b.axes) for a, b in (views, views[::-1])]
        if any(alone) and WINDOWS in (v.form for v in views):
            return "convolution", size
        if all(alone):
            return "matmul", size
        if any(alone):
            return "matvec", size
        return ("dot" if not out else "batched dot"), size


def _over_lanes(group: Group, reading: Reading) -> bool:
    """Whether a term of a group is summed over the lanes."""
    return group.reduced and any(view.lanes for view in reading.views)


def _factors(terms: Terms) -> list[Ids]:
    return [x for x in (terms.u, terms.v) if x is not None]


def _result_shape(count: int, readings: list[Reading]) -> Shape:
    """The finest shape that an operand gives to what comes out."""
    found: list[Shape] = [(count,)]
    for reading in readings:
        found.append(reading.result)
        for view in reading.views:
            whole = not view.form and len(view.places) == count and not reading.summed
            if whole and (view.places == np.arange(count)).all():
                found.append(view.shape)
    found = [shape for shape in found if int(np.prod(shape)) == count]
    return max(found, key=len) if count > 1 else ()
