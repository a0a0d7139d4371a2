"""The layer graph of a recording: a card for each array, with what was computed and its matrices.

Steps that follow each other element by element, such as a layer and its activation, stand in one
frame; what recurs is drawn once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from micrograd.compiler.explain.expressions import ELEMENTWISE
from micrograd.compiler.explain.recovered import (
    CONSTANT,
    INPUT,
    MADE,
    PARAMETER,
    Array,
    Operation,
    Repeated,
    folded,
)
from micrograd.errors import GraphError
from micrograd.text.words import exact, word
from viz.arrays.parameter_cards import parameter_card
from viz.arrays.step_arrays import Found
from viz.arrays.tape_recording import AnnotatedTape
from viz.drawing.cards import Card, Heading, Matrices
from viz.drawing.drawing import Drawing
from viz.drawing.palette import DATA_FRAME, FORWARD, GRADIENT, NEURON_FRAME

MOST_IN_A_FRAME = 3  # operations
MOST_IN_A_ROW = 12  # frames from left to right; more go from top to bottom
MOST_FRAMES = 60
NUMBER = re.compile(r"\d+\.\d+(?:e[+-]?\d+)?")
MORE = 2  # digits of a number in a formula than decimals in matrices
MOST_IN_A_LINE = 48  # characters of a formula


@dataclass(frozen=True)
class _Frame:
    """Operations in one frame, by number; of `times` repetitions, the last is shown."""

    numbers: tuple[int, ...]
    times: int = 0


class LayerPicture:
    """Draws the arrays of a recording; `samples` is the size of its batch.

    With `backward` gradients have wires, too.
    """

    def __init__(
        self, drawing: Drawing, source: AnnotatedTape, found: Found, samples: int, language: str,
        digits: int, backward: bool = False,
    ) -> None:  # fmt: skip
        self.backward = backward
        self.drawing, self.source, self.found = drawing, source, found
        self.samples, self.language, self.digits = samples, language, digits
        self._card_of: dict[str, str] = {}  # of an array
        self._wired: set[tuple[str, str, str]] = set()

    def draw(self) -> None:
        """Add all cards and wires to the drawing."""
        frames = _frames(self.found.operations, self.source.root)
        if len(frames) > MOST_FRAMES:
            raise GraphError(
                f"the recording has {len(self.found.operations):,} array operations, too many for "
                "a picture of its layers; draw op_graph(step)"
            )
        if len(frames) > MOST_IN_A_ROW:
            self.drawing.graph.attr("graph", rankdir="TB", ranksep="0.4")
        for frame in frames:
            self._frame(frame)

    def _frame(self, frame: _Frame) -> None:
        operations = self.found.operations
        own = [operations[i] for i in frame.numbers]
        key = f"op{frame.numbers[0]}"
        made = {op.result.name for op in own}
        read: list[tuple[str, str]] = []  # the names that are read, and where
        for i, op in zip(frame.numbers, own, strict=True):
            port = "" if frame.times or op is own[0] else f"p{i}"
            read += [(name, port) for x in op.operands for name in x.of if name not in made]
        for op in own:
            for x in op.operands:
                self._leaf(x)
        parts = self._repeated(frame, own) if frame.times else self._sections(frame, own)
        title = ", ".join(op.result.name for op in own)
        self.drawing.card(Card(key, title, "", tuple(parts), NEURON_FRAME))
        for name, port in read:
            if name in self._card_of:
                self._wire(self._card_of[name], key, port)
        self._card_of |= dict.fromkeys(made, key)

    def _wire(self, tail: str, key: str, port: str) -> None:
        if (tail, key, port) not in self._wired:
            self._wired.add((tail, key, port))
            target = tail == self._card_of.get(self.source.target)
            straight = tail.startswith(("op", INPUT)) and not target
            self.drawing.link(tail, key, into=port, straight=straight)
            if self.backward and tail.startswith(("op", PARAMETER)):
                self.drawing.link_back(key, tail)

    def _sections(self, frame: _Frame, own: Sequence[Operation]) -> list[Heading | Matrices]:
        parts: list[Heading | Matrices] = []
        for i, op in zip(frame.numbers, own, strict=True):
            parts.append(Heading(_lines(op, self.digits + MORE), f"p{i}"))
            parts.append(self._matrices(op.result, f"op{i}"))
        return parts

    def _repeated(self, frame: _Frame, own: Sequence[Operation]) -> list[Heading | Matrices]:
        first, last = own[0].result, own[-1].result
        names = first.name if first is last else f"{first.name} … {last.name}"
        like = self.found.operations[frame.numbers[0] - len(own) // frame.times : frame.numbers[0]]
        said = ", ".join(op.result.name for op in like)
        times = "  " + word(
            "like {names}, {n} times more", self.language, names=said, n=frame.times
        )
        heading = Heading((((names, False), (times, True)),), f"p{frame.numbers[0]}")
        shown = Heading((((last.name, False), (_shape_text(last), True)),))
        return [heading, shown, self._matrices(last, f"op{frame.numbers[-1]}")]

    def _matrices(self, made: Array, key: str) -> Matrices:
        """The values of a result, and the gradients of the loss by it."""
        positions = made.origin.reshape([int(n) for n in made.shape])
        columns = [(word("value", self.language), FORWARD, self.source.values(positions))]
        if made.name != self.source.root:
            name = f"∂{self.source.root}/∂{made.name}"
            columns.append((name, GRADIENT, self.source.gradients(positions)))
        return Matrices(tuple(columns), key, self.digits)

    # ---- what is read ----------------------------------------------------------------------------

    def _leaf(self, x: Array) -> None:
        """Draw the cards that an operand comes from, when they are met first."""
        if x.sort == MADE and len(x.of) == 1:
            return
        for name in x.of:
            if name in self._card_of or (x.sort == MADE and name != self.source.target):
                continue
            sort = INPUT if x.sort == MADE else x.sort
            key = f"{sort}{sum(k.startswith(sort) for k in self._card_of.values())}"
            self.drawing.card(self._leaf_card(sort, name, key))
            self._card_of[name] = key

    def _leaf_card(self, sort: str, name: str, key: str) -> Card:
        if sort == PARAMETER:
            (array,) = [a for a in self.found.names.parameters.all if a.name == name]
            return parameter_card(array, self.source, key, self.samples, self.language, self.digits)
        if sort == CONSTANT:
            values = self.found.names.constant_values[name]
            said = word("constant", self.language)
        else:
            values = self.source.data[name]
            said = word("target" if name == self.source.target else "input", self.language)
        column = (word("value", self.language), FORWARD, values)
        shape = "×".join(map(str, values.shape))
        subtitle = "  ".join(part for part in (shape, said) if part)
        return Card(key, name, subtitle, (Matrices((column,), digits=self.digits),), DATA_FRAME)


def _frames(operations: Sequence[Operation], root: str) -> list[_Frame]:
    """Which operations stand together; the root only with what is a number, too."""
    users: dict[str, int] = {}
    for op in operations:
        for x in op.operands:
            for name in x.of:
                users[name] = users.get(name, 0) + 1
    frames: list[_Frame] = []
    at = 0
    for item in folded(operations):
        if isinstance(item, Repeated):
            n = len(item.operations)
            frames.append(_Frame(tuple(range(at, at + n)), n // item.period))
            at += n
            continue
        before = frames[-1] if frames else None
        joins = before and not before.times and len(before.numbers) < MOST_IN_A_FRAME
        alone = item.result.name == root and operations[at - 1].result.shape != ()
        if joins and not alone and _follows(item, operations[at - 1], users):
            frames[-1] = _Frame((*frames[-1].numbers, at))
        else:
            frames.append(_Frame((at,)))
        at += 1
    return frames


def _follows(op: Operation, before: Operation, users: dict[str, int]) -> bool:
    """Whether an operation is a function, element by element, of what nothing else reads."""
    made = [x for x in op.operands if x.sort == MADE]
    alone = len(made) == 1 and made[0].of == (before.result.name,)
    same = op.result.shape == before.result.shape and op.kind == ELEMENTWISE
    return alone and same and users[before.result.name] == 1


def _lines(op: Operation, digits: int) -> tuple[tuple[tuple[str, bool], ...], ...]:
    """`z (8×5) = x (8×3) · W1ᵀ (3×5) + b1 (5)`, the shapes in small print, on several lines.

    Numbers that are no matrix, as the shift of a softmax, have no more than so many digits.
    """

    def rounded(found: re.Match[str]) -> str:
        return exact(float(f"{float(found[0]):.{digits}g}"))

    lines: list[list[tuple[str, bool]]] = [
        [(op.result.name, False), (_shape_text(op.result), True), (" = ", False)]
    ]
    for piece in op.formula:
        if isinstance(piece, Array):
            lines[-1] += [(piece.short, False), (_shape_text(piece), True)]
            continue
        long = sum(len(text) for text, _ in lines[-1]) > MOST_IN_A_LINE
        if long and piece in (" + ", " − "):
            lines.append([])
        lines[-1].append((NUMBER.sub(rounded, piece), False))
    return tuple(tuple((text, small) for text, small in line if text) for line in lines)


def _shape_text(array: Array) -> str:
    shape = "×".join(map(str, array.written))
    said = ", ".join(part for part in (shape, array.form) if part)
    return f" ({said})" if (said and array.sort != CONSTANT) or shape else ""
