"""Names for the arrays of a recorded graph, as lectures have them: x, W1, b1, z1, h1, out, y, L."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.explain.expressions import ArrayStep, Formulas
from micrograd.compiler.explain.formula import Marked
from micrograd.compiler.explain.naming import stem
from micrograd.compiler.explain.recovered import CONSTANT, INPUT, MADE, PARAMETER, Array, role
from micrograd.compiler.explain.views import CONSTANTS, PARAMETERS, RESULT, View
from micrograd.compiler.graph.graph import ROW
from micrograd.reading.names import unused
from micrograd.steps.step import Floats, Positions
from micrograd.text.words import exact
from viz.arrays.parameter_arrays import LeafRead, ParameterArrays
from viz.arrays.parameter_cards import rule_names
from viz.arrays.tape_recording import AnnotatedTape, TapePlaces

PICKED = "[…]"
LONGEST_NUMBER = 7  # characters of a constant within a formula; others have a card


class ArrayNames:
    """What groups and views of a recorded graph are called; see `recovered.ArrayNaming`."""

    def __init__(
        self,
        source: AnnotatedTape,
        places: TapePlaces,
        stages: Sequence[ArrayStep],
        formulas: Formulas,
    ) -> None:
        self._source, self._places, self._formulas = source, places, formulas
        self._shapes = {s.group: tuple(map(int, formulas.full_shape(s.group))) for s in stages}
        self._constants: dict[bytes, str] = {}
        self.constant_values: dict[str, Floats] = {}
        results = self._result_names(stages)
        reads = [
            LeafRead(places.of(m.view).reshape(m.view.shape), role(stage.pieces, i))
            for stage in stages
            for i, m in enumerate(stage.pieces)
            if isinstance(m, Marked) and m.view.space == PARAMETERS
        ]
        taken = {*results.values(), *source.inputs, *rule_names(source.parameters)}
        self.parameters = ParameterArrays(reads, source.parameters, source.leaves, taken)
        self._results = results

    # ---- results ---------------------------------------------------------------------------------

    def _result_names(self, stages: Sequence[ArrayStep]) -> dict[int, str]:
        labels = {s.group: self._label(s.group) for s in stages}
        times = Counter(labels.values())
        output = set(np.ravel(self._source.output).tolist())
        names: dict[int, str] = {stages[-1].group: self._source.root}
        for stage in stages[:-1]:
            if labels[stage.group] and times[labels[stage.group]] == 1:
                names.setdefault(stage.group, labels[stage.group])
            elif output and set(self._places.of_group(stage.group).tolist()) == output:
                names.setdefault(stage.group, "out")
        sums = [s for s in stages if s.group not in names and _is_layer(s)]
        before_out = [s for s in sums if names.get(self._only_user(s, stages)) == "out"]
        names |= {s.group: "z_out" for s in before_out if len(before_out) == 1}
        sums = [s for s in sums if s.group not in names]
        number = {s.group: str(i) if len(sums) > 1 else "" for i, s in enumerate(sums, 1)}
        names |= {k: f"z{n}" for k, n in number.items()}
        taken = set(names.values())
        count = 0
        for stage in stages:
            if stage.group in names:
                continue
            of = self._function_of(stage)
            name = f"h{number[of]}" if of in number else ""
            while not name or name in taken:
                count += 1
                name = f"a{count}"
            names[stage.group] = name
            taken.add(name)
        return self._apart(names, stages[-1].group)

    def _apart(self, names: Mapping[int, str], last: int) -> dict[int, str]:
        """The names of results, each one's own: an x that is made of the input x is x_2."""
        taken = {*self._source.inputs, names[last]}
        return {k: name if k == last else unused(name, taken) for k, name in names.items()}

    def _label(self, k: int) -> str:
        """The label that all elements of a group have, without their indices."""
        positions = self._places.of_group(k)
        nodes = self._source.tape.nodes
        stems = {stem(nodes[i].label) if i >= 0 else "" for i in positions.tolist()}
        return stems.pop() if len(stems) == 1 else ""

    def _function_of(self, stage: ArrayStep) -> int:
        """The group of which a stage is a function, element by element; -1 if it is none."""
        group = self._formulas.forward.groups[stage.group]
        views = [p.view for p in stage.pieces if isinstance(p, Marked)]
        plain = group.kind == ROW and len(group.args) == 1 and len(views) == 1
        return views[0].group if plain and not views[0].form else -1

    def _only_user(self, stage: ArrayStep, stages: Sequence[ArrayStep]) -> int:
        users = [
            s for s in stages
            if any(isinstance(p, Marked) and p.view.group == stage.group for p in s.pieces)
        ]  # fmt: skip
        if len(users) == 1 and self._function_of(users[0]) == stage.group:
            return users[0].group
        return -1

    def result(self, k: int, shape: tuple[int | str, ...]) -> Array:
        """The array that a group makes, and where on the tape it is."""
        name = self._results[k]
        return Array(name, MADE, shape, of=(name,), origin=self._places.of_group(k))

    # ---- operands --------------------------------------------------------------------------------

    def array(self, view: View, transposed: bool) -> Array:
        """An operand: its name, with the indices that it is read at, and where it is."""
        if view.space == CONSTANTS:
            return self._constant(view, transposed)
        origin = self._places.of(view)
        if view.space == PARAMETERS:
            return self._parameter(view, transposed, origin)
        if view.space == RESULT:
            name, shape = self._results[view.group], self._shapes[view.group]
            whole = self._places.of_group(view.group).reshape(shape)
            picked = self._chosen_by_target(view, shape)
            if picked:
                y = self._source.target
                return Array(f"{name}[{y}]", MADE, origin.shape, of=(name, y), origin=origin)
            return self._part(name, MADE, view, transposed, origin, whole)
        names = view.space.split("+")
        if len(names) > 1:
            joined = " and ".join(names)
            return Array(joined, INPUT, view.shape, view.form, transposed, of=tuple(names))
        whole = self._source.inputs[names[0]]
        return self._part(names[0], INPUT, view, transposed, origin, whole)

    def _part(
        self, name: str, sort: str, view: View, transposed: bool, origin: Ids, whole: Positions
    ) -> Array:
        if whole.size == 1 and not view.form:
            number = whole.ndim and not view.shape and sort != PARAMETER  # not an array of one
            shown = f"{name}[{', '.join('0' * whole.ndim)}]" if number else name
            return Array(shown, sort, view.shape, whole=whole.shape, of=(name,), origin=origin)
        index = index_text(whole, origin, view.shape)
        if not index and sort != PARAMETER and view.shape == (*whole.shape, 1) and whole.ndim == 1:
            index = "[:, None]"
        form = view.form if index == PICKED else ""
        shown = name if form else f"{name}{index}"
        return Array(
            shown, sort, view.shape, form, transposed, whole=whole.shape, of=(name,), origin=origin
        )

    def _parameter(self, view: View, transposed: bool, origin: Ids) -> Array:
        arrays = self.parameters.of(origin)
        if len(arrays) == 1:
            whole = arrays[0].positions
            return self._part(arrays[0].name, PARAMETER, view, transposed, origin, whole)
        name = self.parameters.joined(arrays)
        covered = sum(a.positions.size for a in arrays) == len(origin)
        of = tuple(a.name for a in arrays)
        shown = name if covered else name + PICKED
        return Array(shown, PARAMETER, view.shape, "", transposed, of=of, origin=origin)

    def _constant(self, view: View, transposed: bool) -> Array:
        values = self._formulas.forward.graph.value[view.places]
        same = not view.shape or bool((values == values[0]).all())
        if same and len(exact(values[0])) <= LONGEST_NUMBER:
            return Array(exact(values[0]), CONSTANT, ())
        key = view.places.tobytes()
        name = self._constants.setdefault(key, f"C{len(self._constants) + 1}")
        shape = view.shape if len(values) == np.prod(view.shape) else (len(values),)
        self.constant_values[name] = values.reshape(shape)
        return Array(name, CONSTANT, view.shape, "", transposed, of=(name,))

    def _chosen_by_target(self, view: View, shape: tuple[int, ...]) -> bool:
        """Whether a view has the entry of each row that the target says."""
        y = self._source.targets
        if not view.form or len(shape) != 2 or y.shape != shape[:1]:
            return False
        at = np.arange(shape[0]) * shape[1] + y.astype(np.int64)
        return np.array_equal(view.places, at)


def index_text(whole: Positions, part: Ids, shape: tuple[int, ...]) -> str:
    """How a part of an array is picked, in NumPy's words: `[0]`, `[:, 1:3]`; `[…]` if it is not so.

    >>> grid = np.arange(12).reshape(4, 3)
    >>> index_text(grid, grid[:, 1].ravel(), (4,)), index_text(grid, grid[2:, :2].ravel(), (2, 2))
    ('[:, 1]', '[2:, :2]')
    """
    flat = whole.ravel()
    if np.array_equal(part, flat) and len(shape) >= whole.ndim:
        return ""
    where = {int(i): k for k, i in enumerate(flat.tolist())}
    if (
        not whole.ndim
        or len(set(part.tolist())) < len(part)
        or not set(part.tolist()) <= set(where)
    ):
        return PICKED
    at = np.stack(np.unravel_index([where[int(i)] for i in part], whole.shape))
    axes = [np.unique(a) for a in at]
    if np.prod([len(a) for a in axes]) != len(part) or any(len(a) <= a[-1] - a[0] for a in axes):
        return PICKED
    grid = whole[tuple(slice(a[0], a[-1] + 1) for a in axes)]
    if not np.array_equal(grid.ravel(), part):
        return PICKED
    dropped = whole.ndim - len(shape)
    texts = []
    for a, n in zip(axes, whole.shape, strict=True):
        first, last = int(a[0]), int(a[-1]) + 1
        if len(a) == 1 and dropped > 0:
            dropped -= 1
            texts.append(str(first))
        elif len(a) == n:
            texts.append(":")
        else:
            texts.append(f"{first or ''}:{'' if last == n and first else last}")
    while texts and texts[-1] == ":":
        texts.pop()
    return f"[{', '.join(texts)}]" if texts else ""


def _is_layer(stage: ArrayStep) -> bool:
    """Whether a stage has a matrix product with parameters, as a layer has."""
    signs = (" · ", " ∗ ")
    pieces = stage.pieces
    return any(
        isinstance(p, Marked) and p.view.space == PARAMETERS and len(p.view.places) > 1
        and any(x in signs for x in (*pieces[max(i - 1, 0) : i], *pieces[i + 1 : i + 2]))
        for i, p in enumerate(pieces)
    )  # fmt: skip
