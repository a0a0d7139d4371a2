"""The arrays of parameters of an exported program: as large as its operations read them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Sequence

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.explain.expressions import Formulas
from micrograd.compiler.explain.naming import ParameterNames
from micrograd.compiler.explain.views import PARAMETERS, View
from micrograd.compiler.graph.graph import Graph
from micrograd.compiler.graph.normal_form import Leaves
from micrograd.exporting.expressions import Expr, array, joined, reshape
from micrograd.exporting.picking import MakeIndex, picked
from micrograd.exporting.program import TrainedArray


class TrainedArrays:
    """Arrays of which no two share a parameter; of one program, or of the parts of one."""

    def __init__(
        self, parts: Sequence[Formulas], names: ParameterNames, free: Callable[[str], str]
    ) -> None:
        self._names, self._free = names, free
        self.all = self._found(parts)

    def _found(self, parts: Sequence[Formulas]) -> tuple[TrainedArray, ...]:
        views: dict[bytes, tuple[Ids, View]] = {}
        most = 0
        for formulas in parts:
            numbers = parameters_of(formulas.forward.graph, formulas.forward.leaves)
            most = max(most, int(numbers.max(initial=-1)) + 1)
            for view in (v for own in formulas.readings for r in own for v in r.views):
                if view.space == PARAMETERS:
                    members = numbers[view.nodes]
                    key = np.unique(members).tobytes()
                    known = views.get(key)
                    if known is None or (known[0].ndim < 2 <= members.ndim and not view.form):
                        views[key] = members, view
        self._home = np.full((2, max(most, 1)), -1)
        return self._named(_disjoint(views, self._names))

    def _named(self, kept: list[tuple[str, Ids]]) -> tuple[TrainedArray, ...]:
        order = sorted(range(len(kept)), key=lambda i: int(kept[i][1].min()))
        found = []
        for i, (name, members) in enumerate(kept[k] for k in order):
            stem = re.sub(r"\W+", "_", name).strip("_") or "p"
            if not stem.isidentifier() or keyword.iskeyword(stem):
                stem = f"p_{stem}"
            flat = members.ravel()
            self._home[0, flat], self._home[1, flat] = i, np.arange(len(flat))
            found.append(TrainedArray(self._free(stem), members.shape, flat))
        return tuple(found)

    def read(self, members: Ids, index: MakeIndex) -> Expr:
        """Parameters, by their numbers, in that shape."""
        home, at = self._home[0, members], self._home[1, members]
        arrays = [array(p.name, p.shape) for p in self.all]
        owners = list(dict.fromkeys(home.ravel().tolist()))
        if len(owners) == 1:
            return picked(arrays[owners[0]], at, 0, index)
        sizes = [int(np.prod(self.all[k].shape)) for k in owners]
        starts = dict(zip(owners, np.cumsum([0, *sizes]).tolist(), strict=False))
        flat = joined([reshape(arrays[k], (n,)) for k, n in zip(owners, sizes, strict=True)])
        first = np.vectorize(starts.get, otypes=[np.int64])(home)
        return picked(flat, first + at, 0, index)


def parameters_of(g: Graph, leaves: Leaves) -> Ids:
    """The parameter that each node is, by its number; -1 of others."""
    parameter = np.full(len(g), -1)
    known = np.flatnonzero(leaves.parameters >= 0)
    parameter[leaves.parameters[known]] = known
    return parameter


def _disjoint(views: dict[bytes, tuple[Ids, View]], names: ParameterNames) -> list[tuple[str, Ids]]:
    """The largest arrays that are read, and what is left of others, with their names."""
    sets = {key: set(members.ravel().tolist()) for key, (members, _) in views.items()}
    owned: set[int] = set()
    kept: list[tuple[str, Ids]] = []
    places = {key: k for k, key in enumerate(views)}
    for key in sorted(views, key=lambda key: (-len(sets[key]), places[key])):
        members, _ = views[key]
        if views_inside(sets[key], sets, members.ndim):
            continue
        new = [m for m in dict.fromkeys(members.ravel().tolist()) if m not in owned]
        if not new:
            continue
        whole = len(new) == members.size == len(sets[key])
        kept.append((names.names.get(key, ""), members if whole else np.array(new)))
        owned.update(new)
    return kept


def views_inside(own: set[int], sets: dict[bytes, set[int]], axes: int) -> bool:
    """Whether a list of parameters is nothing but other arrays, one after the other."""
    inside = [s for s in sets.values() if s < own]
    if axes > 1 or max(map(len, inside), default=0) < 2:
        return False
    largest = [s for s in inside if not any(s < other for other in inside)]
    return sum(map(len, largest)) == len(own) and set().union(*largest) == own
