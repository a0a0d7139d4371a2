"""What a program of arrays reads: arguments, arrays of parameters, constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from micrograd.compiler.arrays.inputs import Arguments
from micrograd.compiler.codes import Ids
from micrograd.compiler.explain.forward import Forward
from micrograd.compiler.graph.graph import CONSTANT
from micrograd.errors import CompileError
from micrograd.exporting.arguments import ArgumentPart
from micrograd.exporting.constants import ConstantArrays
from micrograd.exporting.expressions import Expr, array, integers, joined, number, spread
from micrograd.exporting.picking import picked
from micrograd.exporting.program import Argument
from micrograd.exporting.trained import TrainedArrays, parameters_of


@dataclass(frozen=True, slots=True, eq=False)
class GivenArrays:
    """Where the numbers of arguments are: in which array, at which place.

    An argument that is not one of the function that is written is an expression, by the number of
    its part.
    """

    arguments: Arguments
    parts: list[ArgumentPart]
    written: Mapping[int, Expr] = field(default_factory=dict)

    def places(self, arguments: Ids, at: Ids) -> tuple[Ids, Ids]:
        """The part that each number of an argument is in, and its place there."""
        part, place = np.full(at.shape, -1), np.zeros(at.shape, np.int64)
        for k, p in enumerate(self.parts):
            order = np.argsort(p.places.ravel())
            known = p.places.ravel()[order]
            near = order[np.minimum(np.searchsorted(known, at), max(len(known) - 1, 0))]
            own = (arguments == p.argument) & (p.places.ravel()[near] == at)
            part[own], place[own] = k, near[own]
        return part, place


class ArrayLeaves:
    """Expressions of leaves: arguments, parameters and constants that are asked for."""

    def __init__(
        self, given: GivenArrays, found: Forward, trained: TrainedArrays, constants: ConstantArrays
    ) -> None:
        self._given, self._found = given, found
        self._lanes = given.arguments.lanes
        self.parts = given.parts
        self.trained, self.constants = trained, constants
        self.index = constants.index
        self._parts_of_node()

    # ---- arguments -------------------------------------------------------------------------------

    def _parts_of_node(self) -> None:
        g, leaves, arguments = self._found.graph, self._found.leaves, self._given.arguments
        size = len(g)
        self.parameter = parameters_of(g, leaves)
        self.argument, self.at = np.full(size, -1), np.full(size, -1)
        read = np.flatnonzero(leaves.inputs >= 0)
        owners = np.array([space.number for space in arguments.space], np.int64)
        nodes = leaves.inputs[read]
        self.argument[nodes], self.at[nodes] = self._given.places(owners[read], arguments.at[read])
        self._read = set(self.argument[nodes].tolist())  # the parts whose numbers are used
        self.slot, self.choice = np.full(size, -1), np.full(size, -1)
        for slot, row in enumerate(leaves.hot):
            have = row >= 0
            self.slot[row[have]] = slot
            self.choice[row[have]] = np.flatnonzero(have)

    def arguments(self) -> tuple[Argument, ...]:
        """All arguments, in order."""
        lead = (self._lanes,) if self._lanes else ()
        return tuple(
            Argument(p.name, (*lead, *p.shape), self._is_whole(k)) for k, p in enumerate(self.parts)
        )

    def _argument(self, k: int) -> Expr:
        if k in self._given.written:
            return self._given.written[k]
        lead = (self._lanes,) if self._lanes else ()
        return array(self.parts[k].name, (*lead, *self.parts[k].shape))

    def chosen(self, slots: Ids) -> Expr:
        """Run-time integers, in the shape of `slots`; the samples of a batch first."""
        arguments = self._given.arguments
        owners = np.array([space.number for space in arguments.ids_space])[slots]
        part, at = self._given.places(owners, arguments.ids_at[slots])
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
        return self.constants.constant(values, "C")

    def _parameter(self, nodes: Ids) -> Expr:
        return self.trained.read(self.parameter[nodes], self.index)
