"""The arrays that were found in a scalar program: what `explain` and the layer graph show.

The forward computation as a list of array operations, plain data. Nothing in here looks at modules:
shapes are those of the indices that the program reads, names are the user's where there are any.
What comes again and again is folded to its first time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from micrograd.compiler.arrays.inputs import Arguments
from micrograd.compiler.codes import Ids, distinct
from micrograd.compiler.compilation import Compilation, Kinds
from micrograd.compiler.explain.expressions import ArrayStep, Formulas
from micrograd.compiler.explain.formula import Marked, Pieces
from micrograd.compiler.explain.forward import Forward, forward
from micrograd.compiler.explain.naming import Given, ParameterNames, shape_of_argument
from micrograd.compiler.explain.views import (
    CONSTANTS,
    GATHERED,
    PARAMETERS,
    PART,
    RAGGED,
    RESULT,
    NodePlaces,
    View,
)
from micrograd.compiler.store import place_of
from micrograd.compiler.trace.recording import Recording
from micrograd.compiler.trace.traced import Traced
from micrograd.engine import Value

BATCH = "batch"
PARAMETER, INPUT, CONSTANT, MADE = "parameter", "input", "constant", "result"


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """An array, as one operation reads or makes it.

    `sort` is PARAMETER, INPUT, CONSTANT or MADE. `form` is "" for an array of regular steps, and
    else "gathered", "ragged", "part" of a result, or "windows" (that overlap). `parameters` are the
    numbers of a parameter's elements in the recording, in C order of the shape; `whole` is the
    shape of the argument that an input is, or is a part of. `of` names the arrays that it is, or is
    a part of. `origin` says where its elements are in what was recorded, in C order of the shape:
    a result's in the recording, all arrays' of a recorded step on its tape.
    """

    name: str
    sort: str
    shape: tuple[int | str, ...]
    form: str = ""
    transposed: bool = False
    parameters: Ids = field(default_factory=lambda: np.zeros(0, np.int64))
    whole: tuple[int | str, ...] = ()
    of: tuple[str, ...] = ()
    origin: Ids = field(default_factory=lambda: np.zeros(0, np.int64))

    def __str__(self) -> str:
        """The name and the shape of what is written: `W1ᵀ (3×5)`, where W1 is 5×3."""
        sign = "ᵀ" * self.transposed
        inner = [*(["×".join(map(str, self.written))] if self.shape else []), self.form]
        said = ", ".join(part for part in inner if part)
        return f"{self.name}{sign} ({said})" if said else f"{self.name}{sign}"

    @property
    def written(self) -> tuple[int | str, ...]:
        """The shape of what is written, transposed or not."""
        return self.shape[::-1] if self.transposed else self.shape

    @property
    def short(self) -> str:
        """The name, and whether it is the whole: `W1ᵀ`, `H6[…]`."""
        picked = "[…]" if self.form in (GATHERED, RAGGED, PART) else ""
        return self.name + picked + "ᵀ" * self.transposed


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """`result = formula`; `kind` and `size` are those of its sum of products, if it has one.

    `counts` says how many recorded operations of each name it stands for.
    """

    result: Array
    formula: tuple[str | Array, ...]
    kind: str
    size: str
    counts: tuple[tuple[str, int], ...]
    origin: Ids  # recorded operations that are nodes of their own

    @property
    def operands(self) -> list[Array]:
        """What it reads, each once."""
        return list({x.name: x for x in self.formula if isinstance(x, Array)}.values())

    @property
    def scalars(self) -> int:
        """How many recorded operations it stands for."""
        return sum(count for _, count in self.counts)

    def text(self, shapes: bool = True) -> str:
        """The formula: `relu(X (800×3) · W1ᵀ (3×5) + b1 (5))`, or without shapes.

        Without them `H[…]` are entries of H that are picked one by one.
        """
        return "".join(
            x if isinstance(x, str) else str(x) if shapes else x.short for x in self.formula
        )


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """All array operations of the forward computation, in order; `lanes` are 0 without a batch."""

    operations: tuple[Operation, ...]
    lanes: int
    leaves: tuple[Value, ...]  # the parameters by number

    @property
    def scalars(self) -> int:
        """How many recorded operations there are; of one sample, with a batch."""
        return sum(op.scalars for op in self.operations)

    def values(self, parameter: Array) -> np.ndarray:
        """What the elements of an array of parameters are now, in its shape."""
        numbers = [self.leaves[i].data for i in parameter.parameters.tolist()]
        return np.array(numbers).reshape([int(n) for n in parameter.shape])

    @property
    def parameters(self) -> list[Array]:
        """The arrays of parameters, each once, in the order in which they are read."""
        found = (x for op in self.operations for x in op.operands if x.sort == PARAMETER)
        return list({x.name: x for x in found}.values())


def recovered(unit: Compilation, traced: Traced, given: Given) -> Recovered:
    """What was found in a trace; `given` are the names that the user gave."""
    formulas, steps, names = formulas_of(unit, traced, given)
    leaves = tuple(traced.recording.parameters)
    return Recovered(operations_of(formulas, steps, names), unit.lanes, leaves)


def formulas_of(
    unit: Compilation, traced: Traced, given: Given
) -> tuple[Formulas, list[ArrayStep], ProgramNames]:
    """How the arrays of a trace are computed, those with a line of their own, and their names."""
    shapes = [shape_of_argument(x) for x in traced.stand_ins.arguments]
    return formulas_in(traced.recording, unit.arguments, shapes, given)


def formulas_in(
    r: Recording, arguments: Arguments, shapes: Sequence[tuple[int, ...]], given: Given,
    kinds: Kinds | None = None,
) -> tuple[Formulas, list[ArrayStep], ProgramNames]:  # fmt: skip
    """The same of a recording whose arguments have these shapes; see `forward`."""
    found = forward(r, arguments, None, kinds)
    whole = {f"input{k}": shape for k, shape in enumerate(shapes)}
    places = NodePlaces(
        found, np.array([place_of(v) for v in r.parameters], np.int64),
        ([f"input{space.number}" for space in arguments.space], arguments.at.tolist()),
        [f"ids{space.number}" for space in arguments.ids_space], whole,
    )  # fmt: skip
    formulas = Formulas(found, places, arguments.lanes, BATCH)
    steps = formulas.steps()
    names = ProgramNames(
        found, steps, given, whole, {place_of(v): i for i, v in enumerate(r.parameters)}
    )
    return formulas, steps, names


class ArrayNaming(Protocol):
    """What groups and views are called."""

    def result(self, k: int, shape: tuple[int | str, ...]) -> Array:
        """The array that a group makes."""

    def array(self, view: View, transposed: bool) -> Array:
        """An operand."""


def operations_of(
    formulas: Formulas, steps: Sequence[ArrayStep], names: ArrayNaming
) -> tuple[Operation, ...]:
    """The array operations, with their names."""
    operations = []
    for step in steps:
        result = names.result(step.group, formulas.full_shape(step.group))
        formula = tuple(
            x if isinstance(x, str) else names.array(x.view, x.transposed) for x in step.pieces
        )
        counts: Counter[str] = Counter()
        for k in step.members:
            counts += formulas.forward.counts[k]
        ordered = tuple(sorted(counts.items(), key=lambda item: -item[1]))
        nodes = np.concatenate([formulas.forward.groups[k].nodes for k in step.members])
        origin = distinct(formulas.forward.graph.origin[nodes])
        operations.append(
            Operation(result, formula, step.kind, step.size, ordered, origin[origin >= 0])
        )
    return tuple(operations)


class ProgramNames:
    """Names of results, parameters, arguments and constants."""

    def __init__(
        self, found: Forward, steps: Sequence[ArrayStep], given: Given,
        shapes: dict[str, tuple[int, ...]], numbers: dict[int, int],
    ) -> None:  # fmt: skip
        self.given, self.shapes, self.numbers = given, shapes, numbers
        self.found = found
        self.constants: dict[bytes, str] = {}
        last = [int(k) for k in found.of[found.leaves.outputs]]
        taken = set(given.arguments)
        self.results = {last[0]: "L" if "L" not in taken else "loss"}
        self.results |= {k: f"aux{i}" for i, k in enumerate(last[1:], 1) if k not in self.results}
        count = 0
        for step in steps:
            if step.group not in self.results:
                count += 1
                self.results[step.group] = f"H{count}"
        self.parameters = ParameterNames(given.parameters, taken | set(self.results.values()))
        self.meet(steps, self.parameters)
        self.parameters.settle()

    def meet(self, steps: Sequence[ArrayStep], parameters: ParameterNames) -> None:
        """Let names of parameters meet those that steps read."""
        for step in steps:
            for i, piece in enumerate(step.pieces):
                if isinstance(piece, Marked) and piece.view.space == PARAMETERS:
                    parameters.meet(self._members(piece.view), role(step.pieces, i))

    def _members(self, view: View) -> Ids:
        return np.array([self.numbers[p] for p in view.places.tolist()], np.int64)

    def result(self, k: int, shape: tuple[int | str, ...]) -> Array:
        """The array that a group makes, and the recorded operations that it is."""
        origin = self.found.graph.origin[self.found.groups[k].nodes]
        return Array(self.results[k], MADE, shape, of=(self.results[k],), origin=origin)

    def array(self, view: View, transposed: bool) -> Array:
        """An operand, with its name."""
        shape: tuple[int | str, ...] = (*((BATCH,) * view.lanes), *view.shape)
        if view.space == PARAMETERS:
            members = self._members(view)
            name = self.parameters.name(members)
            return Array(name, PARAMETER, shape, view.form, transposed, members, of=(name,))
        if view.space == RESULT:
            name = self.results[view.group]
            return Array(name, MADE, shape, view.form, transposed, of=(name,))
        if view.space == CONSTANTS:
            name = self._constant(view)
            return Array(name, CONSTANT, shape, view.form, transposed, of=(name,))
        whole: tuple[int | str, ...] = self._whole(view.space)
        whole = (BATCH, *whole) if view.lanes else whole
        of = (" and ".join(self._named(space) for space in view.space.split("+")),)
        name = self._argument(view)
        return Array(name, INPUT, shape, view.form, transposed, whole=whole, of=of)

    def _whole(self, space: str) -> tuple[int, ...]:
        return self.shapes.get(space.replace("ids", "input"), ())

    def _constant(self, view: View) -> str:
        if not view.shape and len(view.places) == 1:
            return f"{self.found.graph.value[view.places[0]]:g}"
        key = distinct(view.places).tobytes()
        return self.constants.setdefault(key, f"C{len(self.constants) + 1}")

    def _argument(self, view: View) -> str:
        spaces = view.space.split("+")
        if len(spaces) > 1:
            return " and ".join(self._named(space) for space in spaces)
        name = self._named(spaces[0])
        shape = self._whole(spaces[0])
        for depth in range(1, len(shape) + 1):  # a row of a matrix, an element of a list
            size = int(np.prod(shape[depth:]))
            first = int(view.places[0])
            row = not view.choice and size < int(np.prod(shape)) and first % size == 0
            if row and np.array_equal(view.places, first + np.arange(size)):
                at = np.unravel_index(first // size, shape[:depth])
                return f"{name}[{','.join(str(int(i)) for i in at)}]"
        return name

    def _named(self, space: str) -> str:
        if space in (CONSTANTS, PARAMETERS):
            return space
        return self.given.argument(int(space.strip("inputds")))


def role(pieces: Pieces, i: int) -> str:
    """What a parameter is in a formula: a table, a weight or what is added."""
    after = pieces[i + 1] if i + 1 < len(pieces) else ""
    before = pieces[i - 1] if i else ""
    if after == "[":
        return "E"
    signs = (" · ", " ⊙ ", " ∗ ")
    return "W" if before in signs or after in signs else "b"


LEAST_TIMES, MOST_PERIOD = 3, 16  # of what is folded


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """Operations that do the same again and again, `period` of them at a time."""

    operations: tuple[Operation, ...]
    period: int


def folded(operations: Sequence[Operation]) -> list[Operation | Repeated]:
    """The operations, where the same steps come three times or more only the first of them."""
    signs = [_signature(op) for op in operations]
    shown: list[Operation | Repeated] = []
    i = 0
    while i < len(signs):
        period, times = 1, 1
        for p in range(1, MOST_PERIOD + 1):
            n = 1
            while signs[i : i + p] == signs[i + n * p : i + n * p + p]:
                n += 1
            if n >= LEAST_TIMES and i + p <= len(signs):
                period, times = p, n
                break
        shown += operations[i : i + period]
        if times > 1:
            shown.append(Repeated(tuple(operations[i + period : i + times * period]), period))
        i += times * period
    return shown


def _signature(op: Operation) -> tuple[object, ...]:
    """What is the same of two operations that differ in their data only."""
    arrays = (x if isinstance(x, str) else _kept(x) for x in op.formula)
    return (op.kind, op.size, op.result.shape, *arrays)


def _kept(x: Array) -> tuple[object, ...]:
    name = x.name if x.sort == PARAMETER else x.of if x.sort == INPUT else ""
    return name, x.sort, x.shape, x.form, x.transposed
