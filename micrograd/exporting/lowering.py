"""From the arrays that were found in a trace to a program of arrays that can be run.

Groups and what they read are those of `explain`, and so are the names and what has a statement of
its own. An operand has an axis for each axis of the loop that it moves along; here those axes
become those of matrices, sums and broadcasting.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from micrograd.compiler.arrays.schedule import Group, TermClass
from micrograd.compiler.codes import ROWS, Ids
from micrograd.compiler.explain.expressions import Formulas
from micrograd.compiler.explain.naming import given_names
from micrograd.compiler.explain.products import dims_of, outer_axes
from micrograd.compiler.explain.recovered import formulas_of
from micrograd.compiler.explain.views import TermLoop, View
from micrograd.compiler.graph.graph import LARGEST, ROW
from micrograd.errors import CompileError
from micrograd.exporting.constants import ConstantArrays
from micrograd.exporting.expressions import (
    ARRAY,
    NUMBER,
    SLICE,
    Expr,
    applied,
    array,
    dot,
    expand,
    fixed,
    inside,
    joined,
    number,
    one_hot,
    reshape,
    segments,
    spread,
    stopped,
    take,
    total,
    transpose,
)
from micrograd.exporting.leaves import ArrayLeaves, GivenArrays
from micrograd.exporting.picking import picked
from micrograd.exporting.program import (
    Argument,
    ArrayProgram,
    ArrayStatement,
    ProgramPart,
    TrainedArray,
)
from micrograd.exporting.sizes import LIGHT
from micrograd.exporting.subject import Subject
from micrograd.exporting.trained import TrainedArrays

LANES = -1  # the label of the samples of a batch


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """An array, and which axis of a loop each of its axes is."""

    value: Expr
    axes: tuple[int, ...]


def lowered(subject: Subject) -> ArrayProgram:
    """The program of a subject, as it is for its arguments."""
    given = given_names(subject.function.fn, subject.leaves, subject.function.batch)
    formulas, steps, names = formulas_of(subject.unit, subject.traced, given)
    arrays = GivenArrays(subject.unit.arguments, subject.parts)
    constants = ConstantArrays({*names.results.values(), *(part.name for part in arrays.parts)})
    trained = TrainedArrays([formulas], names.parameters, constants.free)
    leaves = ArrayLeaves(arrays, formulas.forward, trained, constants)
    lowering = ArrayLowering(formulas, leaves, names.results)
    for step in steps:
        lowering.state(step.group)
    return program_of(subject.name, leaves.arguments(), trained, constants, lowering.finished())


def program_of(
    name: str, arguments: tuple[Argument, ...], trained: TrainedArrays,
    constants: ConstantArrays, statements: tuple[ProgramPart, ...], result: str = "",
) -> ArrayProgram:  # fmt: skip
    """A program with those arrays that its statements read; its loss is what the last makes."""
    used = {x.given[0] for s in statements for x in s.inside() if x.op == ARRAY}
    return ArrayProgram(
        name, arguments, tuple(p for p in trained.all if p.name in used),
        {key: c for key, c in constants.arrays.items() if key in used}, statements,
        taken=frozenset(constants.taken), loss=result or statements[-1].name,
    )  # fmt: skip


class ArrayLowering:
    """Statements of groups, and what is read of them."""

    def __init__(self, formulas: Formulas, leaves: ArrayLeaves, names: Mapping[int, str]) -> None:
        self.formulas, self.leaves, self.names = formulas, leaves, names
        self.found = formulas.forward
        self.lanes = formulas.lanes
        self.statements: list[ArrayStatement] = []
        self._known: dict[int, Expr] = {}  # groups: a named array, or what stands for it

    # ---- statements ------------------------------------------------------------------------------

    def state(self, k: int, light: bool = False) -> None:
        """The statement of a group that has one; if `light`, only of what is an operation."""
        value = self._value(k)
        if light and (value.op in LIGHT or (all(a.op in LIGHT for a in value.args)
                      and value.op == SLICE)):  # fmt: skip
            self._known[k] = value
            return
        self.statements.append(ArrayStatement(self.names[k], value))
        self._known[k] = array(self.names[k], value.shape)

    def finished(self) -> tuple[ArrayStatement, ...]:
        """The statements that the loss needs, in order."""
        output = int(self.found.leaves.outputs[0])
        loss = self._read(np.array(output), 0)
        if loss.shape:
            loss = reshape(loss, ())
        if not (loss.op == ARRAY and loss.given[0] in self._stated()):
            self.statements.append(ArrayStatement(self._loss_name(), loss))
            loss = array(self.statements[-1].name, loss.shape)
        return tuple(self.used([loss]))

    def used(self, values: Sequence[Expr]) -> list[ArrayStatement]:
        """The statements that these expressions need, in order."""
        wanted = {x.given[0] for value in values for x in inside(value) if x.op == ARRAY}
        kept = []
        for s in reversed(self.statements):
            if s.name in wanted:
                kept.append(s)
                wanted |= {x.given[0] for x in inside(s.value) if x.op == ARRAY}
        return kept[::-1]

    def read(self, nodes: Ids) -> Expr:
        """Nodes of any groups, in the shape of `nodes`."""
        of = self.found.of[nodes]
        groups = np.unique(of)
        if len(groups) == 1:
            return self._read(nodes, 0)
        at = np.zeros(nodes.shape, np.int64)
        parts, start = [], 0
        for k in groups[np.argsort([np.argmax(of.ravel() == k) for k in groups])].tolist():
            own = of == k
            at[own] = start + np.arange(int(own.sum()))
            start += int(own.sum())
            parts.append(spread(self._read(nodes[own], 0), (int(own.sum()),)))
        return picked(joined(parts), at, 0, self.leaves.index)

    def _stated(self) -> set[str]:
        return {s.name for s in self.statements}

    def _loss_name(self) -> str:
        name = "L"
        while (
            name in self.leaves.constants.taken and name in self._stated() | {"L"} & self._stated()
        ):
            name += "_"
        return name

    # ---- groups ----------------------------------------------------------------------------------

    def of(self, k: int) -> Expr:
        """A group, as others read it: its name, or what is written in place of it."""
        if k not in self._known:
            self._known[k] = self._value(k)
        return self._known[k]

    def _value(self, k: int) -> Expr:
        group, shape = self.found.groups[k], self.formulas.shapes[k]
        full = (*((self.lanes,) if group.lanes else ()), *shape)
        if group.constant is not None:
            return number(group.constant)
        if group.kind == ROW:
            value = self._row(group, self.formulas.readings[k][0], shape)
        else:
            value = self._terms(group, self.formulas.readings[k], shape)
        if k not in self.formulas.inlined.groups or value.op == NUMBER:
            value = _shaped(value, full)
        stop = self.found.graph.stop[group.nodes]
        if stop.all():
            return stopped(value)
        if stop.any():
            mask = self.leaves.constants.constant(stop.reshape(shape).astype(float), "M")
            return applied("select", mask, stopped(value), value)
        return value

    def _row(self, group: Group, reading: TermLoop, shape: tuple[int, ...]) -> Expr:
        operands = [self._operand(v) for v in reading.views]
        parts = [self._placed(x, reading, shape, group.lanes) for x in operands]
        static = group.static if group.static == group.static else None
        return applied(ROWS[group.row], *parts, static=static)

    def _terms(self, group: Group, readings: list[TermLoop], shape: tuple[int, ...]) -> Expr:
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

    # ---- terms -----------------------------------------------------------------------------------

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
        looked = None if squared or largest else self._lookup(views, over)
        if looked is not None:
            x, over = looked
        elif len(views) == 1 or squared:
            x = self._operand(views[0])
            if squared:
                if len(views) == 2 and self._all_apart(reading, views[0], over):
                    return self._squares_apart(views[0])
                x = Labelled(applied("pow_static", x.value, static=2.0), x.axes)
        else:
            x, over = self._product([self._operand(v) for v in views], over, largest)
        missing = over - set(x.axes)
        x = self._summed(x, over, largest)
        value = self._placed(x, reading, shape, group.lanes)
        if missing and not largest:
            times = np.prod([self._size(reading, a) for a in missing])
            value = applied("mul", number(float(times)), value)
        return value

    def _size(self, reading: TermLoop, axis: int) -> int:
        return self.lanes if axis == LANES else reading.extents[axis]

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
            x = [_aligned(y, every) for y in (a, b)]
            return Labelled(applied("mul", *x), tuple(every)), rest
        out = tuple(i for i in every if i not in both)
        return Labelled(dot(a.value, b.value, (a.axes, b.axes, out)), out), rest - both

    def _sum_of_all(
        self, reading: TermLoop, views: tuple[View, ...], over: set[int]
    ) -> Expr | None:
        """The sum of parameters in several arrays, whatever their order."""
        if len(views) != 1 or not self._all_apart(reading, views[0], over):
            return None
        return _added([total(x, range(len(x.shape))) for x in self._arrays(views[0])])

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
        return _added([total(x, range(len(x.shape))) for x in arrays])

    def _ragged(
        self, group: Group, terms: TermClass, views: tuple[View, ...], shape: tuple[int, ...]
    ) -> Expr:
        """Sums of unequal length: all terms in a row, and to which sum each belongs."""
        row = [self._operand(v) for v in views]
        axes = sorted({a for x in row for a in x.axes})
        value = _aligned(row[0], axes)
        for x in row[1:]:
            value = applied("mul", value, _aligned(x, axes))
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

    # ---- choices by integers ---------------------------------------------------------------------

    def _lookup(self, views: tuple[View, ...], over: set[int]) -> tuple[Labelled, set[int]] | None:
        """ArrayRows of a table, where one factor says which: the axis of choices is summed."""
        if len(views) != 2 or not any(v.choice for v in views):
            return None
        hot, table = views if views[0].choice else views[::-1]
        choices = self.leaves.choice[hot.nodes]
        own = [a for a in hot.axes if a != LANES]
        along = [i for i in range(choices.ndim) if _moves(choices, i)]
        x = self._operand(table)
        if len(along) != 1 or own[along[0]] not in over or own[along[0]] not in x.axes:
            return None
        axis = own[along[0]]
        slots = self.leaves.slot[hot.nodes].take(0, along[0])
        rest = tuple(a for a in own if a != axis)
        chosen = np.moveaxis(choices, along[0], -1).reshape(-1, choices.shape[along[0]])
        wanted = np.arange(choices.shape[along[0]])
        shared = set(rest) & set(x.axes) or (hot.lanes and LANES in x.axes)
        if shared or (chosen != wanted).any():
            return None
        at = self.leaves.chosen(slots)
        labels = (*((LANES,) if hot.lanes else ()), *rest)
        place = x.axes.index(axis)
        axes = (*x.axes[:place], *labels, *x.axes[place + 1 :])
        return Labelled(take(x.value, at, place), axes), over - {axis}

    def _hot(self, view: View) -> Labelled:
        """One-hot rows, as numbers."""
        slots = np.unique(self.leaves.slot[view.nodes])
        width = int(self.found.leaves.hot.shape[1])
        rows = one_hot(self.leaves.chosen(slots), width)
        place = np.searchsorted(slots, self.leaves.slot[view.nodes])
        at = place * width + self.leaves.choice[view.nodes]
        return Labelled(picked(rows, at, int(self.lanes > 0), self.leaves.index), view.axes)

    # ---- operands --------------------------------------------------------------------------------

    def _operand(self, view: View) -> Labelled:
        """What a view reads, with the axes of its loop."""
        if view.choice:
            return self._hot(view)
        value = self._read(view.nodes, int(view.lanes))
        axes = view.axes
        if view.nodes.ndim == 1 and len(axes) == int(view.lanes):  # a ragged one
            axes = (*axes, 0)
        if value.op == NUMBER:
            return Labelled(value, ())
        return Labelled(value, axes)

    def _read(self, nodes: Ids, lead: int) -> Expr:
        """Nodes of one group, in the shape of `nodes`."""
        k = int(self.found.of[nodes.flat[0]])
        group = self.found.groups[k]
        if not (group.terms or group.args) and group.constant is None:
            return self.leaves.leaf(nodes)
        value = self.of(k)
        if value.op == NUMBER:
            return value
        shape = self.formulas.shapes[k]
        full = (*value.shape[: len(value.shape) - len(shape)], *shape)
        address = np.searchsorted(group.nodes, nodes)
        if not np.array_equal(group.nodes[np.minimum(address, len(group.nodes) - 1)], nodes):
            order = np.argsort(group.nodes)
            address = order[np.searchsorted(group.nodes, nodes, sorter=order)]
        if lead:
            full = (self.lanes, *shape)
        return picked(spread(value, full), address, lead, self.leaves.index)

    def _placed(self, x: Labelled, reading: TermLoop, shape: tuple[int, ...], lanes: bool) -> Expr:
        """An array with axes of a loop, so that it broadcasts to the shape of the result."""
        if x.value.op == NUMBER:
            return x.value
        outer = outer_axes(reading)
        result = dims_of(shape, outer, reading.extents)
        lead = (LANES,) if lanes else ()
        if result is None:
            every = (*lead, *outer)
            value = _aligned(x, list(every))
            full = tuple(self._size(reading, a) for a in every)
            return reshape(spread(value, full), (*((self.lanes,) if lanes else ()), *shape))
        front = (self.lanes,) if LANES in x.axes else ()
        own = [a for a in sorted(x.axes) if a != LANES]
        value = transpose(x.value, [x.axes.index(a) for a in sorted(x.axes)])
        value = reshape(
            value,
            (*front, *(n for a, n in zip(result, shape, strict=True) if a in own)),
        )
        new = [LANES not in x.axes] * lanes + [a not in own for a in result]
        return expand(value, new)


def _aligned(x: Labelled, axes: list[int]) -> Expr:
    """An array so that it broadcasts along these axes, in their order."""
    if x.value.op == NUMBER:
        return x.value
    order = [a for a in axes if a in x.axes]
    value = transpose(x.value, [x.axes.index(a) for a in order])
    return expand(value, [a not in x.axes for a in axes])


def _shaped(x: Expr, shape: tuple[int, ...]) -> Expr:
    """The array in its full shape."""
    if x.op == NUMBER and not shape:
        return x
    return reshape(x, shape) if fixed(x.shape) == math.prod(shape) else spread(x, shape)


def _has_lanes(reading: TermLoop) -> bool:
    return any(view.lanes for view in reading.views)


def _moves(x: Ids, axis: int) -> bool:
    return bool((x != x.take([0], axis)).any())


def _added(parts: list[Expr]) -> Expr:
    out = parts[0]
    for x in parts[1:]:
        out = applied("add", out, x)
    return out


def refuse(reason: str) -> CompileError:
    """The error about what no array program is."""
    return CompileError(f"cannot be exported: {reason}")
