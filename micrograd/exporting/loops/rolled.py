"""A program of arrays with loops: what is between them and a turn of each are lowered apart."""

from __future__ import annotations

from micrograd.compiler.codes import Ids
from micrograd.compiler.explain.naming import (
    ParameterNames,
    given_names,
    shape_of_argument,
    variables,
)
from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.constants import ConstantArrays
from micrograd.exporting.expressions import ARRAY, Expr, Turn, array, number, sliced
from micrograd.exporting.leaves import ArrayLeaves, GivenArrays
from micrograd.exporting.loops.cutting import LoopCutting, LoopPiece
from micrograd.exporting.loops.formulas import PieceFormulas, lowered_piece
from micrograd.exporting.loops.moving import ArgumentRows
from micrograd.exporting.loops.operands import FlatOperands
from micrograd.exporting.loops.pieces import ReadArrays
from micrograd.exporting.loops.plan import Between, LoopPart, LoopPlan, NoLoops
from micrograd.exporting.loops.reading import grown, usable, with_kinds
from micrograd.exporting.loops.turns import find_turns
from micrograd.exporting.lowering import ArrayLowering, program_of
from micrograd.exporting.picking import WHOLE
from micrograd.exporting.program import (
    AFTER,
    Argument,
    ArrayLoop,
    ArrayProgram,
    ArrayStatement,
    KeptArray,
    LoopState,
    ProgramPart,
)
from micrograd.exporting.renaming import Renaming
from micrograd.exporting.subject import Subject
from micrograd.exporting.trained import TrainedArrays

INDICES = ("t", "step", "turn")


def rolled(subject: Subject) -> ArrayProgram | None:
    """The program of a subject with its recurrences as loops; None if there are none."""
    r = subject.traced.recording
    if subject.unit.lanes:
        return None
    found = find_turns(r)
    if not found:
        return None
    flat = FlatOperands.of(r)
    names = variables(subject.function.fn, subject.traced, arrays=True)
    try:
        return _Rolling(subject, LoopPlan(r, flat, found, names)).program()
    except NoLoops:
        return None


class _Rolling:
    def __init__(self, subject: Subject, plan: LoopPlan) -> None:
        self.subject, self.plan, self.r = subject, plan, plan.r
        inputs = subject.traced.stand_ins.arguments
        self.given = with_kinds(GivenArrays(subject.unit.arguments, subject.parts), plan)
        self.shapes = [shape_of_argument(x) for x in inputs]
        self.read = ReadArrays(subject.unit.arguments, self.given.parts, len(inputs))
        taken = {part.name for part in subject.parts}
        self.index = next((name for name in INDICES if name not in taken), "t_")
        self.rows = ArgumentRows(self.given, self.read, self.index)
        self.cut = LoopCutting(plan, self.read, self.rows)
        self.written: dict[int, Expr] = {}
        self.constants = ConstantArrays({*taken, self.index})
        self.made: set[str] = set()  # the names of what statements and loops make
        self.result = ""
        self.names = {
            self._state_name(part, state.made)
            for part in plan.parts if isinstance(part, LoopPart) for state in part.states
        }  # fmt: skip

    def program(self) -> ArrayProgram:
        """All of it."""
        f = self.subject.function
        own = given_names(f.fn, self.subject.leaves, f.batch)
        PieceFormulas(self.cut, own, self.shapes).find()
        names = self._parameter_names()
        parts = [p.formulas for p in self.cut.pieces]
        trained = TrainedArrays(parts, names, self.constants.free)
        self.written |= self.rows.written
        given = GivenArrays(self.read.arguments, self.read.parts, self.written)
        statements: list[ProgramPart] = []
        for k, p in enumerate(self.cut.pieces):
            leaves = ArrayLeaves(given, p.formulas.forward, trained, self.constants)
            lowering = ArrayLowering(p.formulas, leaves, p.names.results)
            if isinstance(p.part, LoopPart):
                statements.append(self._loop(k, p, lowering))
            else:
                statements += self._between(p, lowering)
        arguments = tuple(Argument(p.name, p.shape, p.whole) for p in self.given.parts)
        return program_of(
            self.subject.name, arguments, trained, self.constants, tuple(statements), self.result
        )

    def _parameter_names(self) -> ParameterNames:
        given = self.cut.pieces[0].names.given
        results = {name for p in self.cut.pieces for name in p.names.results.values()}
        names = ParameterNames(given.parameters, self.constants.taken | results)
        for p in self.cut.pieces:
            p.names.meet(p.steps, names)
        names.settle()
        return names

    # ---- statements ------------------------------------------------------------------------------

    def _lower(
        self, p: LoopPiece, lowering: ArrayLowering
    ) -> tuple[list[ArrayStatement], list[Expr]]:
        """The statements of a piece, with names of its own, and the arrays that it makes."""
        statements, values = lowered_piece(self.cut, p, lowering)
        renaming = Renaming()
        new = []
        for s in statements:
            old = s.name
            name = self.constants.free(*self._stem(p, lowering, old))
            self.made.add(name)
            new.append(ArrayStatement(name, renaming.of(s.value)))
            renaming.names[old] = array(name, s.value.shape)
        return new, [renaming.of(value) for value in values]

    def _stem(self, p: LoopPiece, lowering: ArrayLowering, name: str) -> tuple[str, int]:
        """What a statement is called: by its variable, if all that it makes has the same."""
        group = group_named(p, name)
        if p.outputs[0][0] < 0 and lowering.found.of[lowering.found.leaves.outputs[0]] == group:
            return "L", 0
        origin = lowering.found.origin[lowering.found.groups[group].nodes]
        first = p.part.start
        if isinstance(p.part, LoopPart):
            first = p.part.end - p.part.turns.period
        found = {self.plan.name(first + n) if n >= 0 else "" for n in origin.tolist()}
        name = found.pop() if len(found) == 1 else ""
        if not usable(name):
            return "H", 1
        return (f"{name}_0" if name in self.names and isinstance(p.part, Between) else name), 0

    def _between(self, p: LoopPiece, lowering: ArrayLowering) -> list[ProgramPart]:
        statements, values = self._lower(p, lowering)
        for (part, _), value in zip(p.outputs, values, strict=True):
            if part < 0:
                if value.op != ARRAY or value.given[0] not in self.made:
                    statements.append(ArrayStatement(self.constants.free("L"), value))
                    value = array(statements[-1].name, ())
                self.result = value.given[0]
                continue
            self.written[part] = value
        return list(statements)

    def _loop(self, k: int, p: LoopPiece, lowering: ArrayLowering) -> ArrayLoop:
        loop = p.part
        assert isinstance(loop, LoopPart)
        count = loop.turns.count
        names = self._state_names(k, loop)
        self._read_by_turn()
        statements, values = self._lower(p, lowering)
        renaming = Renaming()
        kept, updates = [], {}
        own = {s.name for s in statements}
        for (part, made), value in zip(p.outputs, values, strict=True):
            if part not in names:
                name = self.constants.free(f"{self._state_name(loop, made)}s")
                kept.append(KeptArray(name, value))
                self.written[part] = array(name, (count, *value.shape))
            elif value.op == ARRAY and value.given[0] in own - set(renaming.names):
                after = array(names[part] + AFTER, value.shape)
                renaming.names[value.given[0]] = after
                updates[part] = after
            else:
                statements.append(ArrayStatement(names[part] + AFTER, value))
                updates[part] = array(names[part] + AFTER, value.shape)
        states = self._states(k, names, updates)
        new = {old: x.given[0] for old, x in renaming.names.items()}
        body = tuple(
            ArrayStatement(new.get(s.name, s.name), grown(renaming.of(s.value), states))
            for s in statements
        )
        kept = [KeptArray(x.name, renaming.of(x.value)) for x in kept]
        return ArrayLoop(self.index, count, tuple(states), body, tuple(kept))

    def _state_names(self, k: int, loop: LoopPart) -> dict[int, str]:
        """What the states of a loop are called, by their parts."""
        names: dict[int, str] = {}
        for state, parts in zip(loop.states, self.cut.states[k], strict=True):
            name = self._state_name(loop, state.made)
            for q, part in enumerate(parts):
                names[part] = self.constants.free(name if not q else f"{name}_{q + 1}")
                self.made.add(names[part])
                self.written[part] = array(names[part], self.read.shapes[part])
        return names

    def _read_by_turn(self) -> None:
        """What turns read of arrays that there are by now: of each turn its part."""
        for part, source in self.cut.sources.items():
            whole = self.written.get(source)
            if whole is not None:
                at: list[E.PartOfAxis | int | Turn] = [Turn(self.index)]
                at += [WHOLE] * len(whole.shape[1:])
                self.written[part] = sliced(whole, at, self.read.shapes[part])

    def _states(self, k: int, names: dict[int, str], updates: dict[int, Expr]) -> list[LoopState]:
        states = []
        for parts in self.cut.states[k]:
            for q, part in enumerate(parts):
                shape = self.read.shapes[part]
                update = updates[part] if not q else array(names[parts[q - 1]], shape)
                source = self.cut.initial.get(part)
                initial = number(0.0) if source is None else self.written[source]
                states.append(LoopState(names[part], shape, initial, update))
        return states

    def _state_name(self, loop: LoopPart, made: Ids) -> str:
        name = self.plan.name(loop.start + int(made[0]))
        return name if usable(name) else "h" if len(made) > 1 else "s"


def group_named(p: LoopPiece, name: str) -> int:
    """The group that a statement makes."""
    return next(k for k, n in p.names.results.items() if n == name)
