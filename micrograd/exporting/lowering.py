"""From the arrays that were found in a trace to a program of arrays that can be run.

Groups and what they read are those of `explain`, and so are the names and what has a statement of
its own. An operand has an axis for each axis of the loop that it moves along; here those axes
become those of matrices, sums and broadcasting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from micrograd.compiler.arrays.schedule import Group
from micrograd.compiler.codes import ROWS, Ids
from micrograd.compiler.explain.expressions import Formulas
from micrograd.compiler.explain.naming import given_names
from micrograd.compiler.explain.recovered import formulas_of
from micrograd.compiler.explain.views import TermLoop
from micrograd.compiler.graph.graph import ROW
from micrograd.errors import CompileError
from micrograd.exporting.constants import ConstantArrays
from micrograd.exporting.expressions import (
    ARRAY,
    NUMBER,
    SLICE,
    Expr,
    applied,
    array,
    inside,
    joined,
    number,
    reshape,
    spread,
    stopped,
)
from micrograd.exporting.leaves import ArrayLeaves, GivenArrays
from micrograd.exporting.operands import shaped
from micrograd.exporting.picking import picked
from micrograd.exporting.program import (
    Argument,
    ArrayProgram,
    ArrayStatement,
    ProgramPart,
)
from micrograd.exporting.sizes import LIGHT
from micrograd.exporting.subject import Subject
from micrograd.exporting.terms import TermLowering
from micrograd.exporting.trained import TrainedArrays


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


class ArrayLowering(TermLowering):
    """Statements of groups, and what is read of them."""

    def __init__(self, formulas: Formulas, leaves: ArrayLeaves, names: Mapping[int, str]) -> None:
        super().__init__(formulas, leaves)
        self.names = names
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
        loss = self.read_group(np.array(output), 0)
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
            return self.read_group(nodes, 0)
        at = np.zeros(nodes.shape, np.int64)
        parts, start = [], 0
        for k in groups[np.argsort([np.argmax(of.ravel() == k) for k in groups])].tolist():
            own = of == k
            at[own] = start + np.arange(int(own.sum()))
            start += int(own.sum())
            parts.append(spread(self.read_group(nodes[own], 0), (int(own.sum()),)))
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
            value = self.terms(group, self.formulas.readings[k], shape)
        if k not in self.formulas.inlined.groups or value.op == NUMBER:
            value = shaped(value, full)
        stop = self.found.graph.stop[group.nodes]
        if stop.all():
            return stopped(value)
        if stop.any():
            mask = self.leaves.constants.constant(stop.reshape(shape).astype(float), "M")
            return applied("select", mask, stopped(value), value)
        return value

    def _row(self, group: Group, reading: TermLoop, shape: tuple[int, ...]) -> Expr:
        operands = [self.operand(v) for v in reading.views]
        parts = [self.placed(x, reading, shape, group.lanes) for x in operands]
        static = group.static if group.static == group.static else None
        return applied(ROWS[group.row], *parts, static=static)


def refuse(reason: str) -> CompileError:
    """The error about what no array program is."""
    return CompileError(f"cannot be exported: {reason}")
