"""What groups compute, as formulas on views: `relu(X · W1ᵀ + b1)`.

A formula is a list of pieces, each a text or a view. Steps that only one other step uses, element
by element, are written into its formula; a formula has one sum of products at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from micrograd.compiler.arrays.schedule import Group, TermClass
from micrograd.compiler.codes import ROWS, Ids
from micrograd.compiler.explain.formula import (
    Formula,
    Marked,
    Pieces,
    added,
    applied,
    broadcast,
    held,
    matrices,
)
from micrograd.compiler.explain.forward import Forward
from micrograd.compiler.explain.inlining import inlined
from micrograd.compiler.explain.views import (
    RAGGED,
    WINDOWS,
    NodePlaces,
    TermLoop,
    View,
    result_shape,
)
from micrograd.compiler.graph.graph import LARGEST, ROW
from micrograd.compiler.nest.ir import Shape
from micrograd.ops import ATOM, PRODUCT
from micrograd.text.words import exact

ELEMENTWISE = "elementwise"


@dataclass(frozen=True, slots=True)
class ArrayStep:
    """A group that is an array operation of its own, with those that are written into it."""

    group: int
    members: tuple[int, ...]
    pieces: Pieces
    kind: str
    size: str


class Formulas:
    """Writes the formula of each group."""

    def __init__(
        self, forward: Forward, places: NodePlaces, lanes: int, batch: str,
        known: Mapping[int, Shape] | None = None,
    ) -> None:  # fmt: skip
        """`known` are shapes of groups; with it, what was recorded stays (see `inlining`)."""
        self.forward = forward
        self.places = places
        self.lanes = lanes
        self.batch = batch
        self.readings: list[list[TermLoop]] = []
        self.shapes: list[Shape] = []
        for k, group in enumerate(forward.groups):
            readings = self._readings(group)
            self.readings.append(readings)
            shape = (known or {}).get(k)
            if shape is None or not self._multiplies(group, readings, shape):
                shape = result_shape(len(group.nodes), readings, known is not None)
            self.shapes.append(shape)
            if readings:
                places.shapes[k] = self.shapes[k]
        self._take_shapes_of_users(known or {})
        self.inlined = inlined(forward, self.readings, known is not None)

    # ---- what there is ---------------------------------------------------------------------------

    def _readings(self, group: Group) -> list[TermLoop]:
        if group.constant is not None:
            return []
        if group.args:
            return [self.places.reading(len(group.nodes), group.args)]
        return [
            self.places.reading(len(group.nodes), _factors(terms), terms) for terms in group.terms
        ]

    def _multiplies(self, group: Group, readings: list[TermLoop], shape: Shape) -> bool:
        """Whether what a group is computed from comes out in that shape."""
        fine = not shape
        for i, reading in enumerate(readings):
            two = bool(group.terms) and len(reading.views) == 2 and not _squared(group.terms[i])
            product = two and matrices(reading, shape, group.lanes, group.reduced) is not None
            if two and reading.summed and not product:
                return False
            fine |= product or bool(reading.summed and not two)
            fine |= any(len(view.kept or view.shape) >= len(shape) for view in reading.views)
        return fine

    def _take_shapes_of_users(self, known: Mapping[int, Shape]) -> None:
        """A list that is read as a matrix is one."""
        for readings in self.readings:
            for view in (view for reading in readings for view in reading.views):
                k = view.group
                if k in known:
                    continue
                finer = k >= 0 and len(self.shapes[k]) == 1 < len(view.shape) and not view.form
                if finer and np.array_equal(view.places, np.arange(self.shapes[k][0])):
                    self.shapes[k] = view.shape

    # ---- formulas --------------------------------------------------------------------------------

    def steps(self) -> list[ArrayStep]:
        """The array operations, in order."""
        found = []
        for k, group in enumerate(self.forward.groups):
            if k in self.inlined.groups or not (group.terms or group.args):
                continue
            members: list[int] = []
            kinds: list[tuple[str, str]] = []
            pieces, _ = self._formula(k, members, kinds)
            dims = "×".join(map(str, self.full_shape(k))) or "1"
            kind, size = kinds[0] if kinds else (ELEMENTWISE, dims)
            found.append(ArrayStep(k, tuple(members), pieces, kind, size))
        return found

    def full_shape(self, k: int) -> tuple[int | str, ...]:
        """The shape of a result, the batch first."""
        lanes = (self.batch,) * self.forward.groups[k].lanes
        return (*lanes, *self.shapes[k])

    def _formula(self, k: int, members: list[int], kinds: list[tuple[str, str]]) -> Formula:
        members.append(k)
        group = self.forward.groups[k]
        if group.constant is not None:
            return (exact(group.constant),), ATOM
        if group.kind == ROW:
            (reading,) = self.readings[k]
            marked = [broadcast(view, reading, self.shapes[k]) for view in reading.views]
            arguments = [
                self._factor(ids, m, members, kinds)
                for ids, m in zip(group.args, marked, strict=True)
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
        if k not in self.inlined.groups:
            return (Marked(view),), ATOM
        if k in self.inlined.derived:
            members.append(k)
            group = self.forward.groups[k]
            base = self._operand(group.args[0], self._behind(k, view), members, kinds)
            return applied(ROWS[group.row], group.static, [base])
        if not self.inlined.alias[k]:
            return self._formula(k, members, kinds)
        members.append(k)
        (terms,) = self.forward.groups[k].terms
        assert terms.u is not None
        below = int(self.forward.of[terms.u.flat[0]])
        (source,) = self.readings[k][0].views
        if below in self.inlined.groups:
            return self._operand(terms.u, source, members, kinds)
        return (Marked(replace(view, space=source.space, group=source.group)),), ATOM

    def _original(self, view: View) -> View:
        """What a view is a copy of, as a view of the same shape."""
        while view.group >= 0 and self.inlined.alias[view.group]:
            (source,) = self.readings[view.group][0].views
            view = replace(view, space=source.space, group=source.group)
        return view

    def _behind(self, k: int, view: View) -> View:
        """What a derived group is computed from, as a view of the group is read."""
        (inner,) = self.readings[k][0].views
        one = len(inner.places) == 1
        places = np.zeros_like(view.places) if one else view.places
        form = view.form if inner.form in ("", view.form) else inner.form
        return replace(
            view, space=inner.space, group=inner.group, places=inner.places[places], form=form
        )

    def _term(
        self, group: Group, terms: TermClass, reading: TermLoop, members: list[int],
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
            return (("Σ ", *pieces), PRODUCT) if reduced else (pieces, ATOM)
        product = self._matrices(group, terms, reading)
        if product:
            first, second = product
            sign = " ∗ " if WINDOWS in (first.view.form, second.view.form) else " · "
            return (first, sign, second), PRODUCT
        marked = [Marked(view) for view in views]
        if not summed:
            shape = self.shapes[int(self.forward.of[group.nodes[0]])]
            marked = [broadcast(view, reading, shape) for view in views]
        inner = self._product(ids, marked, members, kinds)
        if group.kind == LARGEST:
            return ("max(", *inner[0], ")"), ATOM
        if not summed:
            return inner
        return ("Σ ", *held(inner, PRODUCT if inner[1] == ATOM else ATOM)), PRODUCT

    def _matrices(self, group: Group, terms: TermClass, reading: TermLoop) -> list[Marked] | None:
        """The factors of a product of two matrices."""
        apart = len(reading.views) < 2 or _squared(terms) or group.kind == LARGEST
        views = tuple(map(self._original, reading.views))
        if apart or any(view.group in self.inlined.groups for view in views):
            return None
        reading = replace(reading, views=views)
        shape = self.shapes[int(self.forward.of[group.nodes[0]])]
        return matrices(reading, shape, group.lanes, _over_lanes(group, reading))

    def _product(
        self, ids: list[Ids], marked: list[Marked], members: list[int],
        kinds: list[tuple[str, str]],
    ) -> Formula:  # fmt: skip
        factors = [self._factor(ids[0], marked[0], members, kinds)]
        if len(ids) == 2 and np.array_equal(ids[0], ids[1]):
            return (*held(factors[0], ATOM), "²"), ATOM
        if len(ids) == 1:
            return factors[0]
        factors.append(self._factor(ids[1], marked[1], members, kinds))
        if factors[0][0][0] == "1 / ":
            factors.reverse()
        if factors[1][0][0] == "1 / ":  # x · 1 / y
            return (*held(factors[0], PRODUCT), " / ", *factors[1][0][1:]), PRODUCT
        scalar = any(not m.view.shape and not m.view.lanes for m in marked)
        sign = " · " if scalar else " ⊙ "
        return (*held(factors[0], PRODUCT), sign, *held(factors[1], PRODUCT)), PRODUCT

    def _factor(
        self, ids: Ids, marked: Marked, members: list[int], kinds: list[tuple[str, str]]
    ) -> Formula:
        """The formula of an operand, transposed where it is read so."""
        pieces, level = self._operand(ids, marked.view, members, kinds)
        if marked.transposed and len(pieces) == 1 and isinstance(pieces[0], Marked):
            return (replace(pieces[0], transposed=True),), level
        return pieces, level

    def _kind(self, group: Group, reading: TermLoop) -> tuple[str, str]:
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


def _over_lanes(group: Group, reading: TermLoop) -> bool:
    """Whether a term of a group is summed over the lanes."""
    return group.reduced and any(view.lanes for view in reading.views)


def _squared(terms: TermClass) -> bool:
    return terms.u is not None and terms.v is not None and np.array_equal(terms.u, terms.v)


def _factors(terms: TermClass) -> list[Ids]:
    return [x for x in (terms.u, terms.v) if x is not None]
