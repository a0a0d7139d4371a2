"""A program of arrays with loops: what is between them and a turn of each are lowered apart."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.explain.expressions import ArrayStep, Formulas
from micrograd.compiler.explain.naming import (
    Given,
    ParameterNames,
    given_names,
    shape_of_argument,
)
from micrograd.compiler.explain.recovered import ProgramNames, formulas_in
from micrograd.compiler.explain.variables import variables
from micrograd.compiler.trace.recording import Recording
from micrograd.errors import CompileError
from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.constants import ConstantArrays
from micrograd.exporting.expressions import ARRAY, Expr, Turn, array, inside, number, sliced
from micrograd.exporting.leaves import ArrayLeaves, GivenArrays
from micrograd.exporting.loops.moving import ArgumentRows, TurnReader, flattened
from micrograd.exporting.loops.operands import FlatOperands
from micrograd.exporting.loops.pieces import ReadArrays, piece, straight
from micrograd.exporting.loops.plan import NOTHING, Between, LoopPart, LoopPlan, NoLoops
from micrograd.exporting.loops.reading import grown, usable, ways, with_kinds
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
IMPOSSIBLE = 1 << 60  # the cost of what is no program of arrays


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


@dataclass(slots=True, eq=False)
class _LoopPiece:
    """A part of the plan on its way to statements."""

    part: Between | LoopPart
    recording: Recording
    outputs: list[tuple[int, Ids]]  # the array that it makes, by its part; and what that is
    formulas: Formulas = field(init=False)
    steps: list[ArrayStep] = field(init=False)
    names: ProgramNames = field(init=False)


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
        self.written: dict[int, Expr] = {}
        self.constants = ConstantArrays({*taken, self.index})
        self.codes: dict[int, int] = {}  # for operations that other pieces read
        self.sources: dict[int, int] = {}  # the parts of arrays that loops read turn by turn
        self.initial: dict[int, int] = {}  # the parts that states begin as, by theirs
        self.states: dict[int, list[list[int]]] = {}  # parts, by the loop, array and lag
        self.pieces: list[_LoopPiece] = []
        self.made: set[str] = set()  # the names of what statements and loops make
        self.result = ""
        self.names = {
            self._state_name(part, state.made)
            for part in plan.parts if isinstance(part, LoopPart) for state in part.states
        }  # fmt: skip

    def program(self) -> ArrayProgram:
        """All of it."""
        for k, part in enumerate(self.plan.parts):
            if isinstance(part, LoopPart):
                self._cut_loop(k, part)
            else:
                self._cut_between(part)
        self._formulas()
        names = self._parameter_names()
        parts = [p.formulas for p in self.pieces]
        trained = TrainedArrays(parts, names, self.constants.free)
        self.written |= self.rows.written
        given = GivenArrays(self.read.arguments, self.read.parts, self.written)
        statements: list[ProgramPart] = []
        for k, p in enumerate(self.pieces):
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

    # ---- pieces ----------------------------------------------------------------------------------

    def _cut_between(self, part: Between) -> None:
        """What is between loops; its outputs are told later, when the next loop is known."""
        outputs = []
        for codes in part.exported:
            new, code = self.read.new(_shape(len(codes)))
            outputs.append((new, codes))
            self.codes |= {c: code + i for i, c in enumerate(codes.tolist())}
        if part is self.plan.parts[-1]:
            outputs.insert(0, (-1, self.r.outputs[:1]))
        self.pieces.append(_LoopPiece(part, self.r, outputs))
        if part is self.plan.parts[-1]:
            self._cut(self.pieces[-1])

    def _cut(self, p: _LoopPiece) -> None:
        a, b = p.part.start, p.part.end
        flat = self.plan.flat
        reads = [flat.codes[flat.first[n] : flat.first[n + 1]] for n in range(a, b)]
        outputs = flattened([codes for _, codes in p.outputs])
        p.recording = straight(self.r, reads, a, b, self.codes, outputs)

    def _cut_loop(self, k: int, loop: LoopPart) -> None:
        before, turns = self.pieces[-1], loop.turns
        states: dict[tuple[int, int], int] = {}
        outputs = []
        self.states[k] = []
        for state in loop.states:
            parts = []
            for q in range(state.lags):
                part, code = self.read.new(_shape(len(state.made)))
                parts.append(part)
                states |= {(m, q + 1): code + i for i, m in enumerate(state.made.tolist())}
                if (state.initial[q] != NOTHING).all():
                    self.initial[part] = self.read.new(_shape(len(state.made)))[0]
                    before.outputs.append((self.initial[part], state.initial[q]))
                elif (state.initial[q] != NOTHING).any():
                    raise NoLoops
            self.states[k].append(parts)
            outputs.append((parts[0], state.made))
        reader = TurnReader(self.plan, loop, self.rows, self.read, self.codes, states)
        of_turn = reader.read()
        for part, codes in of_turn.arrays.items():
            shape = codes.shape if codes.shape[1] > 1 else codes.shape[:1]
            self.sources[part] = self.read.new(shape)[0]
            before.outputs.append((self.sources[part], codes))
        self._cut(before)
        last = turns.start + turns.period * (turns.count - 1)
        for (m, q), code in states.items():
            if q == 1 and m not in loop.every:
                self.codes[last + m] = code
        for made in loop.kept:
            part, code = self.read.new((turns.count, *_shape(len(made))))
            outputs.append((part, made))
            for t in range(turns.count):
                own = turns.start + t * turns.period
                for i, m in enumerate(made.tolist()):
                    self.codes.setdefault(own + m, code + t * len(made) + i)
        out = np.array(flattened([made for _, made in outputs]), np.int64)
        cut = piece(self.r, last, loop.end, of_turn.codes, out, of_turn.choices)
        self.pieces.append(_LoopPiece(loop, cut, outputs))

    # ---- formulas --------------------------------------------------------------------------------

    def _formulas(self) -> None:
        """The arrays of each piece; those that one reads as matrices are matrices for all."""
        f = self.subject.function
        given = given_names(f.fn, self.subject.leaves, f.batch)
        self._find(given)
        if self._reshaped():
            self._find(given)

    def _find(self, given: Given) -> None:
        arguments = self.read.arguments
        count = len(self.shapes)
        shapes = [*self.shapes, *self.read.shapes.values()]
        assert all(self.read.parts[p].argument == count + i for i, p in enumerate(self.read.shapes))
        inputs = self.read.kinds
        for p in self.pieces:
            outputs = np.repeat(np.arange(len(p.outputs)), [x.size for _, x in p.outputs])
            found = [
                formulas_in(p.recording, arguments, shapes, given, kinds)
                for kinds in ways(p.recording, given, inputs, outputs)
            ]
            costs = [self._cost(p, *x) for x in found]
            if min(costs) == IMPOSSIBLE:
                raise NoLoops
            p.formulas, p.steps, p.names = found[costs.index(min(costs))]

    def _cost(
        self, p: _LoopPiece, formulas: Formulas, steps: list[ArrayStep], names: ProgramNames
    ) -> int:
        """How much there is to read of a piece that is written like this."""
        p.formulas, p.steps, p.names = formulas, steps, names
        constants = ConstantArrays(())
        trained = TrainedArrays([formulas], names.parameters, constants.free)
        given = GivenArrays(self.read.arguments, self.read.parts)
        leaves = ArrayLeaves(given, formulas.forward, trained, constants)
        try:
            statements, values = self._lowered(p, ArrayLowering(formulas, leaves, names.results))
        except (CompileError, LookupError, ValueError, AssertionError):  # no array program
            return IMPOSSIBLE
        found = {id(x): x.op for s in statements for x in inside(s.value)}
        found |= {id(x): x.op for value in values for x in inside(value)}
        hard = sum(op in (E.TAKE, E.JOIN, E.SEGMENTS) for op in found.values())
        return len(statements) + len(found) + 8 * hard

    def _reshaped(self) -> bool:
        """Give states the finest shape that they are read in, if they are read so as a whole."""
        finest: dict[str, tuple[int, ...]] = {}
        for p in self.pieces:
            for v in (v for own in p.formulas.readings for reading in own for v in reading.views):
                matrix = v.space.startswith("input") and not v.form and len(v.shape) > 1
                if matrix and np.array_equal(v.places, np.arange(len(v.places))):
                    finest.setdefault(v.space, v.shape)
        changed = False
        for of_loop in self.states.values():
            for parts in of_loop:
                size = int(np.prod(self.read.shapes[parts[0]]))
                found = [finest.get(self.read.space(part), ()) for part in parts]
                shape = next((s for s in found if s and int(np.prod(s)) == size), None)
                for part in parts if shape else ():
                    assert shape is not None
                    self.read.reshape(part, shape)
                    if part in self.initial:
                        self.read.reshape(self.initial[part], shape)
                    changed = True
        return changed

    def _parameter_names(self) -> ParameterNames:
        given = self.pieces[0].names.given
        results = {name for p in self.pieces for name in p.names.results.values()}
        names = ParameterNames(given.parameters, self.constants.taken | results)
        for p in self.pieces:
            p.names.meet(p.steps, names)
        names.settle()
        return names

    # ---- statements ------------------------------------------------------------------------------

    def _lower(
        self, p: _LoopPiece, lowering: ArrayLowering
    ) -> tuple[list[ArrayStatement], list[Expr]]:
        """The statements of a piece, with names of its own, and the arrays that it makes."""
        statements, values = self._lowered(p, lowering)
        renaming = Renaming()
        new = []
        for s in statements:
            old = s.name
            name = self.constants.free(*self._stem(p, lowering, old))
            self.made.add(name)
            new.append(ArrayStatement(name, renaming.of(s.value)))
            renaming.names[old] = array(name, s.value.shape)
        return new, [renaming.of(value) for value in values]

    def _lowered(
        self, p: _LoopPiece, lowering: ArrayLowering
    ) -> tuple[list[ArrayStatement], list[Expr]]:
        """The same with the names that there are."""
        outputs = p.formulas.forward.leaves.outputs
        ends = set(p.formulas.forward.of[outputs].tolist())
        for step in p.steps:
            lowering.state(step.group, light=step.group in ends)
        values, at = [], 0
        for part, codes in p.outputs:
            nodes = outputs[at : at + codes.size]
            at += codes.size
            shape = () if part < 0 else self._shape_of(p, part)
            values.append(lowering.read(nodes.reshape(shape)))
        return lowering.used(values), values

    def _shape_of(self, p: _LoopPiece, part: int) -> tuple[int, ...]:
        shape = self.read.shapes[part]
        kept = isinstance(p.part, LoopPart) and part not in {
            x for of_loop in self.states.values() for parts in of_loop for x in parts
        }
        return shape[1:] if kept else shape

    def _stem(self, p: _LoopPiece, lowering: ArrayLowering, name: str) -> tuple[str, int]:
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

    def _between(self, p: _LoopPiece, lowering: ArrayLowering) -> list[ProgramPart]:
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

    def _loop(self, k: int, p: _LoopPiece, lowering: ArrayLowering) -> ArrayLoop:
        loop = p.part
        assert isinstance(loop, LoopPart)
        count = loop.turns.count
        names: dict[int, str] = {}
        for state, parts in zip(loop.states, self.states[k], strict=True):
            name = self._state_name(loop, state.made)
            for q, part in enumerate(parts):
                names[part] = self.constants.free(name if not q else f"{name}_{q + 1}")
                self.made.add(names[part])
                self.written[part] = array(names[part], self.read.shapes[part])
        for part, source in self.sources.items():
            whole = self.written.get(source)
            if whole is not None:
                at: list[E.PartOfAxis | int | Turn] = [Turn(self.index)]
                at += [WHOLE] * len(whole.shape[1:])
                self.written[part] = sliced(whole, at, self.read.shapes[part])
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
        states = []
        for parts in self.states[k]:
            for q, part in enumerate(parts):
                shape = self.read.shapes[part]
                update = updates[part] if not q else array(names[parts[q - 1]], shape)
                initial = self.written[self.initial[part]] if part in self.initial else number(0.0)
                states.append(LoopState(names[part], shape, initial, update))
        body = tuple(
            ArrayStatement(renaming.names[s.name].given[0], grown(renaming.of(s.value), states))
            if s.name in renaming.names
            else ArrayStatement(s.name, grown(renaming.of(s.value), states))
            for s in statements
        )
        kept = [KeptArray(x.name, renaming.of(x.value)) for x in kept]
        return ArrayLoop(self.index, count, tuple(states), body, tuple(kept))

    def _state_name(self, loop: LoopPart, made: Ids) -> str:
        name = self.plan.name(loop.start + int(made[0]))
        return name if usable(name) else "h" if len(made) > 1 else "s"


def group_named(p: _LoopPiece, name: str) -> int:
    """The group that a statement makes."""
    return next(k for k, n in p.names.results.items() if n == name)


def _shape(size: int) -> tuple[int, ...]:
    return (size,) if size > 1 else ()
