"""What a program of arrays reads: arguments, arrays of parameters, constants."""

from __future__ import annotations

import keyword
import re
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.explain.expressions import Formulas
from micrograd.compiler.explain.recovered import ProgramNames
from micrograd.compiler.explain.views import PARAMETERS, View
from micrograd.compiler.graph.graph import CONSTANT
from micrograd.errors import CompileError
from micrograd.exporting.expressions import (
    Expr,
    array,
    integers,
    joined,
    number,
    reshape,
    spread,
)
from micrograd.exporting.picking import picked
from micrograd.exporting.program import Argument, TrainedArray
from micrograd.exporting.subject import Subject

RESERVED = frozenset({"np", "jnp", "jax", "torch", "parameters", "loss", "gradient", "n", "dim"})


class ArrayLeaves:
    """Expressions of leaves; arguments, parameters and constants that were asked for."""

    def __init__(self, subject: Subject, formulas: Formulas, names: ProgramNames) -> None:
        self._subject, self._names = subject, names
        self._found = formulas.forward
        self._lanes = subject.unit.lanes
        self.parts = subject.parts
        self.taken = set(names.results.values()) | {part.name for part in self.parts}
        self.constants: dict[str, np.ndarray] = {}
        self._constant_names: dict[tuple[Any, ...], str] = {}
        self._parts_of_node()
        self.parameters = self._parameter_arrays(formulas)

    # ---- arguments -------------------------------------------------------------------------------

    def _parts_of_node(self) -> None:
        g, leaves, arguments = self._found.graph, self._found.leaves, self._subject.unit.arguments
        size = len(g)
        self.parameter = np.full(size, -1)
        known = np.flatnonzero(leaves.parameters >= 0)
        self.parameter[leaves.parameters[known]] = known
        self.argument, self.at = np.full(size, -1), np.full(size, -1)
        read = np.flatnonzero(leaves.inputs >= 0)
        owners = np.array([space.number for space in arguments.space], np.int64)
        nodes = leaves.inputs[read]
        self.argument[nodes], self.at[nodes] = self._places(owners[read], arguments.at[read])
        self._read = set(self.argument[nodes].tolist())  # the parts whose numbers are used
        self.slot, self.choice = np.full(size, -1), np.full(size, -1)
        for slot, row in enumerate(leaves.hot):
            have = row >= 0
            self.slot[row[have]] = slot
            self.choice[row[have]] = np.flatnonzero(have)

    def _places(self, arguments: Ids, at: Ids) -> tuple[Ids, Ids]:
        """The part that each number of an argument is in, and its place there."""
        part, place = np.full(at.shape, -1), np.zeros(at.shape, np.int64)
        for k, p in enumerate(self.parts):
            order = np.argsort(p.places.ravel())
            known = p.places.ravel()[order]
            near = order[np.minimum(np.searchsorted(known, at), max(len(known) - 1, 0))]
            own = (arguments == p.argument) & (p.places.ravel()[near] == at)
            part[own], place[own] = k, near[own]
        return part, place

    def arguments(self) -> tuple[Argument, ...]:
        """All arguments, in order."""
        lead = (self._lanes,) if self._lanes else ()
        return tuple(
            Argument(p.name, (*lead, *p.shape), self._is_whole(k)) for k, p in enumerate(self.parts)
        )

    def _argument(self, k: int) -> Expr:
        lead = (self._lanes,) if self._lanes else ()
        return array(self.parts[k].name, (*lead, *self.parts[k].shape))

    def chosen(self, slots: Ids) -> Expr:
        """Run-time integers, in the shape of `slots`; the samples of a batch first."""
        arguments = self._subject.unit.arguments
        owners = np.array([space.number for space in arguments.ids_space])[slots]
        part, at = self._places(owners, arguments.ids_at[slots])
        lead = int(self._lanes > 0)
        if len(np.unique(part)) == 1:
            return self._chosen_from(int(part.flat[0]), at, lead)
        if lead:
            raise CompileError(
                "cannot be exported: one operation chooses by integers of several arguments"
            )
        flat = np.zeros(slots.size, np.int64)
        found, start = [], 0
        for k in np.unique(part).tolist():  # one part after the other, and from there
            own = np.flatnonzero(part.ravel() == k)
            found.append(self._chosen_from(k, at.ravel()[own], lead))
            flat[own] = start + np.arange(len(own))
            start += len(own)
        return picked(joined(found), flat.reshape(slots.shape), 0, self.index)

    def _chosen_from(self, k: int, at: Ids, lead: int) -> Expr:
        x = picked(self._argument(k), at, lead, self.index)
        return x if self._is_whole(k) else integers(x)

    def _is_whole(self, k: int) -> bool:
        """Whether the numbers of a part are integers, and nothing but indices."""
        return self.parts[k].whole and k not in self._read

    # ---- leaves of a view ------------------------------------------------------------------------

    def leaf(self, nodes: Ids) -> Expr:
        """ArrayLeaves, in the shape of `nodes`; arguments of a batch have its axis in front."""
        flat = nodes.ravel()
        g = self._found.graph
        sorts = [
            (g.kind[flat] == CONSTANT, self._constant),
            (self.parameter[flat] >= 0, self._parameter),
        ]
        for k in np.unique(self.argument[flat][self.argument[flat] >= 0]).tolist():
            sorts.append((self.argument[flat] == k, self._input))
        present = [(own, make) for own, make in sorts if own.any()]
        assert sum(int(own.sum()) for own, _ in present) == len(flat), "a leaf of no sort"
        if len(present) == 1:
            return present[0][1](nodes)
        # Of several sorts: one after the other, and from there to where they are read.
        at = np.zeros(len(flat), np.int64)
        parts, start = [], 0
        for own, make in present:
            at[own] = start + np.arange(int(own.sum()))
            start += int(own.sum())
            part = make(flat[own])
            parts.append(spread(part, (int(own.sum()),)))
        return picked(joined(parts), at.reshape(nodes.shape), 0, self.index)

    def _input(self, nodes: Ids) -> Expr:
        k = int(self.argument[nodes.flat[0]])
        return picked(self._argument(k), self.at[nodes], int(self._lanes > 0), self.index)

    def _constant(self, nodes: Ids) -> Expr:
        values = self._found.graph.value[nodes]
        first = values.flat[0]
        if ((values == first) | (np.isnan(values) & np.isnan(first))).all():
            return number(float(values.flat[0]))
        return self.constant(values, "C")

    def constant(self, values: np.ndarray, letter: str) -> Expr:
        """An array of numbers, which gets a name with that letter."""
        key = (letter, values.shape, values.tobytes())
        if key not in self._constant_names:
            self._constant_names[key] = self._free(letter, 1)
            self.constants[self._constant_names[key]] = np.ascontiguousarray(values)
        return array(self._constant_names[key], values.shape)

    def index(self, at: Ids) -> Expr:
        """An array of indices."""
        return self.constant(at.astype(np.int64), "I")

    def _free(self, stem: str, k: int = 0) -> str:
        name = f"{stem}{k or ''}"
        while name in self.taken or name in RESERVED:
            k += 1
            name = f"{stem}{k}"
        self.taken.add(name)
        return name

    # ---- parameters ------------------------------------------------------------------------------

    def _parameter_arrays(self, formulas: Formulas) -> tuple[TrainedArray, ...]:
        """Arrays of which no two share a parameter: as large as they are read."""
        views: dict[bytes, tuple[Ids, View]] = {}
        for readings in formulas.readings:
            for view in (v for r in readings for v in r.views if v.space == PARAMETERS):
                members = self.parameter[view.nodes]
                key = np.unique(members).tobytes()
                known = views.get(key)
                if known is None or (known[0].ndim < 2 <= members.ndim and not view.form):
                    views[key] = members, view
        sets = {key: set(members.ravel().tolist()) for key, (members, _) in views.items()}
        owner: dict[int, int] = {}
        kept: list[tuple[str, Ids]] = []
        for key in sorted(views, key=lambda key: (-len(sets[key]), list(views).index(key))):
            members, view = views[key]
            if views_inside(sets[key], sets, members.ndim):
                continue
            new = [m for m in dict.fromkeys(members.ravel().tolist()) if m not in owner]
            if not new:
                continue
            whole = len(new) == members.size == len(sets[key])
            own = members if whole else np.array(new)
            kept.append((self._names.parameters.names.get(key, ""), own))
            owner.update(dict.fromkeys(new, len(kept) - 1))
        return self._named(kept)

    def _named(self, kept: list[tuple[str, Ids]]) -> tuple[TrainedArray, ...]:
        order = sorted(range(len(kept)), key=lambda i: int(kept[i][1].min()))
        found = []
        self._home = np.full((2, max(int(self.parameter.max(initial=-1)) + 1, 1)), -1)
        for i, (name, members) in enumerate(kept[k] for k in order):
            stem = re.sub(r"\W+", "_", name).strip("_") or "p"
            if not stem.isidentifier() or keyword.iskeyword(stem):
                stem = f"p_{stem}"
            flat = members.ravel()
            self._home[0, flat], self._home[1, flat] = i, np.arange(len(flat))
            found.append(TrainedArray(self._free(stem), members.shape, flat))
        return tuple(found)

    def _parameter(self, nodes: Ids) -> Expr:
        members = self.parameter[nodes]
        home, at = self._home[0, members], self._home[1, members]
        arrays = [array(p.name, p.shape) for p in self.parameters]
        owners = list(dict.fromkeys(home.ravel().tolist()))
        if len(owners) == 1:
            return picked(arrays[owners[0]], at, 0, self.index)
        sizes = [int(np.prod(self.parameters[k].shape)) for k in owners]
        starts = dict(zip(owners, np.cumsum([0, *sizes]).tolist(), strict=False))
        flat = joined([reshape(arrays[k], (n,)) for k, n in zip(owners, sizes, strict=True)])
        first = np.vectorize(starts.get, otypes=[np.int64])(home)
        return picked(flat, first + at, 0, self.index)


def views_inside(own: set[int], sets: dict[bytes, set[int]], axes: int) -> bool:
    """Whether a list of parameters is nothing but other arrays, one after the other."""
    inside = [s for s in sets.values() if s < own]
    if axes > 1 or max(map(len, inside), default=0) < 2:
        return False
    largest = [s for s in inside if not any(s < other for other in inside)]
    return sum(map(len, largest)) == len(own) and set().union(*largest) == own
