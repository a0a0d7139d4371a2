"""A recording with loops in pieces, and the arrays that these hand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.explain.expressions import ArrayStep, Formulas
from micrograd.compiler.explain.recovered import ProgramNames
from micrograd.compiler.trace.recording import Recording
from micrograd.exporting.loops.moving import ArgumentRows, TurnReader, flattened
from micrograd.exporting.loops.pieces import ReadArrays, piece, straight
from micrograd.exporting.loops.plan import NOTHING, Between, LoopPart, LoopPlan, NoLoops


@dataclass(slots=True, eq=False)
class LoopPiece:
    """A part of the plan on its way to statements."""

    part: Between | LoopPart
    recording: Recording
    outputs: list[tuple[int, Ids]]  # the array that it makes, by its part; and what that is
    formulas: Formulas = field(init=False)
    steps: list[ArrayStep] = field(init=False)
    names: ProgramNames = field(init=False)


class LoopCutting:
    """The pieces of a plan. Arrays that are handed on are parts of what is `read`, by number."""

    def __init__(self, plan: LoopPlan, read: ReadArrays, rows: ArgumentRows) -> None:
        self.plan, self.r, self.read = plan, plan.r, read
        self._rows = rows
        self._codes: dict[int, int] = {}  # for operations that other pieces read
        self.sources: dict[int, int] = {}  # the parts of arrays that loops read turn by turn
        self.initial: dict[int, int] = {}  # the parts that states begin as, by theirs
        self.states: dict[int, list[list[int]]] = {}  # parts, by the loop, array and lag
        self.pieces: list[LoopPiece] = []
        for k, part in enumerate(plan.parts):
            if isinstance(part, LoopPart):
                self._cut_loop(k, part)
            else:
                self._cut_between(part)

    def shape_of(self, p: LoopPiece, part: int) -> tuple[int, ...]:
        """The shape of an array as its piece makes it: what is kept, that of one turn."""
        shape = self.read.shapes[part]
        kept = isinstance(p.part, LoopPart) and part not in {
            x for of_loop in self.states.values() for parts in of_loop for x in parts
        }
        return shape[1:] if kept else shape

    def _cut_between(self, part: Between) -> None:
        """What is between loops; its outputs are told later, when the next loop is known."""
        outputs = []
        for codes in part.exported:
            new, code = self.read.new(_shape(len(codes)))
            outputs.append((new, codes))
            self._codes |= {c: code + i for i, c in enumerate(codes.tolist())}
        if part is self.plan.parts[-1]:
            outputs.insert(0, (-1, self.r.outputs[:1]))
        self.pieces.append(LoopPiece(part, self.r, outputs))
        if part is self.plan.parts[-1]:
            self._cut(self.pieces[-1])

    def _cut(self, p: LoopPiece) -> None:
        a, b = p.part.start, p.part.end
        flat = self.plan.flat
        reads = [flat.codes[flat.first[n] : flat.first[n + 1]] for n in range(a, b)]
        outputs = flattened([codes for _, codes in p.outputs])
        p.recording = straight(self.r, reads, a, b, self._codes, outputs)

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
        reader = TurnReader(self.plan, loop, self._rows, self.read, self._codes, states)
        of_turn = reader.read()
        for part, codes in of_turn.arrays.items():
            shape = codes.shape if codes.shape[1] > 1 else codes.shape[:1]
            self.sources[part] = self.read.new(shape)[0]
            before.outputs.append((self.sources[part], codes))
        self._cut(before)
        last = turns.start + turns.period * (turns.count - 1)
        for (m, q), code in states.items():
            if q == 1 and m not in loop.every:
                self._codes[last + m] = code
        for made in loop.kept:
            part, code = self.read.new((turns.count, *_shape(len(made))))
            outputs.append((part, made))
            for t in range(turns.count):
                own = turns.start + t * turns.period
                for i, m in enumerate(made.tolist()):
                    self._codes.setdefault(own + m, code + t * len(made) + i)
        out = np.array(flattened([made for _, made in outputs]), np.int64)
        cut = piece(self.r, last, loop.end, of_turn.codes, out, of_turn.choices)
        self.pieces.append(LoopPiece(loop, cut, outputs))


def _shape(size: int) -> tuple[int, ...]:
    return (size,) if size > 1 else ()
