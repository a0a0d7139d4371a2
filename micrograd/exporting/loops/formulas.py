"""The arrays of each piece of a recording with loops: of several ways, the one that reads best."""

from __future__ import annotations

import numpy as np

from micrograd.compiler.explain.expressions import ArrayStep, Formulas
from micrograd.compiler.explain.naming import Given
from micrograd.compiler.explain.recovered import ProgramNames, formulas_in
from micrograd.errors import CompileError
from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.constants import ConstantArrays
from micrograd.exporting.expressions import Expr, inside
from micrograd.exporting.leaves import ArrayLeaves, GivenArrays
from micrograd.exporting.loops.cutting import LoopCutting, LoopPiece
from micrograd.exporting.loops.plan import NoLoops
from micrograd.exporting.loops.reading import ways
from micrograd.exporting.lowering import ArrayLowering
from micrograd.exporting.program import ArrayStatement
from micrograd.exporting.trained import TrainedArrays

IMPOSSIBLE = 1 << 60  # the cost of what is no program of arrays


class PieceFormulas:
    """Gives the pieces of a cutting their formulas, with the names that arguments have."""

    def __init__(self, cut: LoopCutting, given: Given, shapes: list[tuple[int, ...]]) -> None:
        self._cut, self._given, self._shapes = cut, given, shapes

    def find(self) -> None:
        """Find them; what one piece reads as matrices are matrices for all."""
        self._find()
        if self._reshaped():
            self._find()

    def _find(self) -> None:
        read = self._cut.read
        arguments = read.arguments
        count = len(self._shapes)
        shapes = [*self._shapes, *read.shapes.values()]
        assert all(read.parts[p].argument == count + i for i, p in enumerate(read.shapes))
        inputs = read.kinds
        for p in self._cut.pieces:
            outputs = np.repeat(np.arange(len(p.outputs)), [x.size for _, x in p.outputs])
            found = [
                formulas_in(p.recording, arguments, shapes, self._given, kinds)
                for kinds in ways(p.recording, self._given, inputs, outputs)
            ]
            costs = [self._cost(p, *x) for x in found]
            if min(costs) == IMPOSSIBLE:
                raise NoLoops
            p.formulas, p.steps, p.names = found[costs.index(min(costs))]

    def _cost(
        self, p: LoopPiece, formulas: Formulas, steps: list[ArrayStep], names: ProgramNames
    ) -> int:
        """How much there is to read of a piece that is written like this."""
        p.formulas, p.steps, p.names = formulas, steps, names
        constants = ConstantArrays(())
        trained = TrainedArrays([formulas], names.parameters, constants.free)
        given = GivenArrays(self._cut.read.arguments, self._cut.read.parts)
        leaves = ArrayLeaves(given, formulas.forward, trained, constants)
        try:
            statements, values = lowered_piece(
                self._cut, p, ArrayLowering(formulas, leaves, names.results)
            )
        except (CompileError, LookupError, ValueError, AssertionError):  # no array program
            return IMPOSSIBLE
        found = {id(x): x.op for s in statements for x in inside(s.value)}
        found |= {id(x): x.op for value in values for x in inside(value)}
        hard = sum(op in (E.TAKE, E.JOIN, E.SEGMENTS) for op in found.values())
        return len(statements) + len(found) + 8 * hard

    def _reshaped(self) -> bool:
        """Give states the finest shape that they are read in, if they are read so as a whole."""
        finest: dict[str, tuple[int, ...]] = {}
        for p in self._cut.pieces:
            for v in (v for own in p.formulas.readings for reading in own for v in reading.views):
                matrix = v.space.startswith("input") and not v.form and len(v.shape) > 1
                if matrix and np.array_equal(v.places, np.arange(len(v.places))):
                    finest.setdefault(v.space, v.shape)
        changed = False
        for of_loop in self._cut.states.values():
            for parts in of_loop:
                size = int(np.prod(self._cut.read.shapes[parts[0]]))
                found = [finest.get(self._cut.read.space(part), ()) for part in parts]
                shape = next((s for s in found if s and int(np.prod(s)) == size), None)
                for part in parts if shape else ():
                    assert shape is not None
                    self._cut.read.reshape(part, shape)
                    if part in self._cut.initial:
                        self._cut.read.reshape(self._cut.initial[part], shape)
                    changed = True
        return changed


def lowered_piece(
    cut: LoopCutting, p: LoopPiece, lowering: ArrayLowering
) -> tuple[list[ArrayStatement], list[Expr]]:
    """The statements of a piece, with the names that there are, and the arrays that it makes."""
    outputs = p.formulas.forward.leaves.outputs
    ends = set(p.formulas.forward.of[outputs].tolist())
    for step in p.steps:
        lowering.state(step.group, light=step.group in ends)
    values, at = [], 0
    for part, codes in p.outputs:
        nodes = outputs[at : at + codes.size]
        at += codes.size
        shape = () if part < 0 else cut.shape_of(p, part)
        values.append(lowering.read(nodes.reshape(shape)))
    return lowering.used(values), values
