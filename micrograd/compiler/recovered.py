"""The arrays that were found in a scalar program: what `explain` and the layer graph show.

The forward computation as a list of array operations, plain data. Nothing in here looks at modules:
shapes are those of the indices that the program reads, names are the user's where there are any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from micrograd.compiler.expressions import Formulas, Step
from micrograd.compiler.formula import Marked, Pieces
from micrograd.compiler.forward import Forward, forward
from micrograd.compiler.graph import Ids
from micrograd.compiler.naming import Given, ParameterNames, shape_of_argument
from micrograd.compiler.pipeline import Built
from micrograd.compiler.store import place_of
from micrograd.compiler.traced import Traced
from micrograd.compiler.views import (
    CONSTANTS,
    GATHERED,
    PARAMETERS,
    PART,
    RAGGED,
    RESULT,
    Places,
    View,
)
from micrograd.engine import Value

BATCH = "batch"
LEAST_TIMES, MOST_PERIOD = 3, 16  # of what is folded
PARAMETER, INPUT, CONSTANT, MADE = "parameter", "input", "constant", "result"


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """An array, as one operation reads or makes it.

    `sort` is PARAMETER, INPUT, CONSTANT or MADE. `form` is "" for an array of regular steps, and
    else "gathered", "ragged", "part" of a result, or "windows" (that overlap). `parameters` are the
    numbers of a parameter's elements in the recording, in C order of the shape; `whole` is the
    shape of the argument that an input is, or is a part of.
    """

    name: str
    sort: str
    shape: tuple[int | str, ...]
    form: str = ""
    transposed: bool = False
    parameters: Ids = field(default_factory=lambda: np.zeros(0, np.int64))
    whole: tuple[int | str, ...] = ()

    def __str__(self) -> str:
        """The name and the shape: `W1ᵀ (5×3)`."""
        sign = "ᵀ" * self.transposed
        inner = [*(["×".join(map(str, self.shape))] if self.shape else []), self.form]
        said = ", ".join(part for part in inner if part)
        return f"{self.name}{sign} ({said})" if said else f"{self.name}{sign}"

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

    @property
    def operands(self) -> list[Array]:
        """What it reads, each once."""
        return list({x.name: x for x in self.formula if isinstance(x, Array)}.values())

    @property
    def scalars(self) -> int:
        """How many recorded operations it stands for."""
        return sum(count for _, count in self.counts)

    def text(self, shapes: bool = True) -> str:
        """The formula: `relu(X (800×3) · W1ᵀ (5×3) + b1 (5))`, or without shapes.

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


def recovered(built: Built, traced: Traced, given: Given) -> Recovered:
    """What was found in a trace; `given` are the names that the user gave."""
    r, made = traced.recording, traced.stand_ins
    lanes = 0
    if given.batch:
        sizes = Counter([*made.space, *made.ids_space])
        lanes = next(built.program.sizes[name] // count for name, count in sizes.items())
    values = np.array(made.values, np.float64)
    found = forward(r, values, lanes)
    shapes = {f"input{k}": shape_of_argument(x) for k, x in enumerate(made.arguments)}
    places = Places(
        found, np.array([place_of(v) for v in r.parameters], np.int64),
        (made.space, made.at), made.ids_space, shapes,
    )  # fmt: skip
    formulas = Formulas(found, places, lanes, BATCH)
    steps = formulas.steps()
    names = _Names(
        found, steps, given, shapes, {place_of(v): i for i, v in enumerate(r.parameters)}
    )
    operations = []
    for step in steps:
        result = Array(names.results[step.group], MADE, formulas.full_shape(step.group))
        formula = tuple(
            x if isinstance(x, str) else names.array(x.view, x.transposed) for x in step.pieces
        )
        counts: Counter[str] = Counter()
        for k in step.members:
            counts += found.counts[k]
        ordered = tuple(sorted(counts.items(), key=lambda item: -item[1]))
        operations.append(Operation(result, formula, step.kind, step.size, ordered))
    return Recovered(tuple(operations), lanes, tuple(r.parameters))


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
    name = x.name if x.sort == PARAMETER else x.name.split("[")[0] if x.sort == INPUT else ""
    return name, x.sort, x.shape, x.form, x.transposed


class _Names:
    """Names of results, parameters, arguments and constants."""

    def __init__(
        self, found: Forward, steps: Sequence[Step], given: Given,
        shapes: dict[str, tuple[int, ...]], numbers: dict[int, int],
    ) -> None:  # fmt: skip
        self.given, self.shapes, self.numbers = given, shapes, numbers
        self.graph = found.graph
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
        for step in steps:
            for i, piece in enumerate(step.pieces):
                if isinstance(piece, Marked) and piece.view.space == PARAMETERS:
                    self.parameters.meet(self._members(piece.view), _role(step.pieces, i))
        self.parameters.settle()

    def _members(self, view: View) -> Ids:
        return np.array([self.numbers[p] for p in view.places.tolist()], np.int64)

    def array(self, view: View, transposed: bool) -> Array:
        """An operand, with its name."""
        shape: tuple[int | str, ...] = (*((BATCH,) * view.lanes), *view.shape)
        if view.space == PARAMETERS:
            members = self._members(view)
            name = self.parameters.name(members)
            return Array(name, PARAMETER, shape, view.form, transposed, members)
        if view.space == RESULT:
            return Array(self.results[view.group], MADE, shape, view.form, transposed)
        if view.space == CONSTANTS:
            return Array(self._constant(view), CONSTANT, shape, view.form, transposed)
        whole: tuple[int | str, ...] = self._whole(view.space)
        whole = (BATCH, *whole) if view.lanes else whole
        return Array(self._argument(view), INPUT, shape, view.form, transposed, whole=whole)

    def _whole(self, space: str) -> tuple[int, ...]:
        return self.shapes.get(space.replace("ids", "input"), ())

    def _constant(self, view: View) -> str:
        if not view.shape and len(view.places) == 1:
            return f"{self.graph.value[view.places[0]]:g}"
        key = np.unique(view.places).tobytes()
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


def _role(pieces: Pieces, i: int) -> str:
    """What a parameter is in a formula: a table, a weight or what is added."""
    after = pieces[i + 1] if i + 1 < len(pieces) else ""
    before = pieces[i - 1] if i else ""
    if after == "[":
        return "E"
    signs = (" · ", " ⊙ ", " ∗ ")
    return "W" if before in signs or after in signs else "b"
