"""What arrays are called in C: as `explain` calls them, and derivatives by them with a d."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.compilation import Compilation
from micrograd.compiler.explain.recovered import Array
from micrograd.compiler.graph.graph import adjoint_of
from micrograd.compiler.nest.ir import LANES, WORK
from micrograd.exporting.c.arrays import CNames, NamedPart
from micrograd.exporting.c.programs import CPrograms

EVERY = "θ"  # all parameters, as one array


def names_of_operations(exported: CPrograms) -> dict[int, str]:
    """The array, or the variable, that each recorded operation is part of."""
    if exported.found is None:
        return exported.variables
    return {int(op): x.result.name for x in exported.found.operations for op in x.origin}


def labels(exported: CPrograms, unit: Compilation) -> Callable[[Ids], str]:
    """A function that proposes a name for addresses of work."""
    label = np.full(len(unit.program.work), "", object)
    named, g, layout = names_of_operations(exported), unit.graph, unit.layout
    argument = {int(n): exported.given.argument(unit.arguments.space[k].number)
                for k, n in enumerate(unit.leaves.inputs.tolist()) if n >= 0}  # fmt: skip
    chosen = {int(n): exported.given.argument(unit.arguments.ids_space[k].number)
              for k, row in enumerate(unit.leaves.hot.tolist()) for n in row if n >= 0}  # fmt: skip

    def name(node: int) -> str:
        origin = int(g.origin[node])
        if node in argument or node in chosen:
            return argument.get(node) or f"{chosen[node]}_is"
        if origin >= 0:
            return named.get(origin, "")
        of = named.get(adjoint_of(origin), "") if origin < -1 else ""
        return f"d{of}" if of else ""

    if unit.sequence is not None:
        for node, at in enumerate(layout.address.tolist()):
            label[at] = name(node) or label[at]
        groups = []
    else:
        groups = [*range(len(unit.groups))]
    width, base = unit.arguments.batch.width, unit.loops.free[WORK]
    for k in groups:
        for node in layout.nodes[k].tolist():
            at = int(layout.address[node])
            if layout.space[k] is LANES:
                label[base + at * width : base + (at + 1) * width] = name(node)
            elif layout.space[k] is WORK:
                label[at] = name(node)

    def proposed(at: Ids) -> str:
        counts = Counter(x for x in label[at].tolist() if x)
        if not counts:
            return "w"
        name, most = counts.most_common(1)[0]
        return name if 2 * most > counts.total() else "steps"

    return proposed


def parameter_parts(exported: CPrograms, names: CNames) -> list[NamedPart]:
    """The arrays of parameters, in the order in which they lie; none overlaps another."""
    places, given = exported.gradient.places, exported.given.parameters
    found: list[tuple[Ids, str, Sequence[int]]] = []
    for x in exported.found.parameters if exported.found is not None else ():
        if len({given[k] for k in x.parameters.tolist()}) == 1:
            found.append((places[x.parameters], x.name, _shape(x)))  # as in the formulas
    of: dict[str, list[int]] = {}
    for place, name in zip(places.tolist(), given, strict=True):
        of.setdefault(name, []).append(place)
    found += [(np.array(sorted(p)), name, (len(p),) if len(p) > 1 else ())
              for name, p in of.items() if name]  # fmt: skip
    free = np.ones(exported.gradient.size, bool)
    parts = []
    for at, name, shape in sorted(found, key=lambda x: (len(x[0]), int(x[0].min()))):
        if free[at].all() and name != EVERY:
            free[at] = False
            parts.append(NamedPart(names.new(name), at, laid_out(at, shape), tuple(shape)))
    return sorted(parts, key=lambda part: part.base)


def _shape(x: Array) -> list[int]:
    return [int(n) for n in x.shape]


def laid_out(at: Ids, shape: Sequence[int]) -> str:
    """How an array of that shape lies: `[i][j] at 4 * i + j, 5×3`; "" if it has no such form."""
    if not shape:
        return ""
    grid = at.reshape(shape) - at.min()
    strides = [int(np.take(grid, 1, axis).flat[0]) if n > 1 else 0 for axis, n in enumerate(shape)]
    index = np.indices(shape).reshape(len(shape), -1)
    if not np.array_equal(np.array(strides) @ index, grid.ravel()):
        return ""
    letters = "ijklmn"[: len(shape)]
    moving = [x if s == 1 else f"{s} * {x}" for s, x in zip(strides, letters, strict=True) if s]
    size = "×".join(map(str, shape))
    return f"{''.join(f'[{x}]' for x in letters)} at {' + '.join(moving) or '0'}, {size}"


def state_parts(exported: CPrograms, names: CNames) -> Iterator[NamedPart]:
    """What an optimiser keeps."""
    memory = exported.memory
    assert memory is not None
    groups = range(len(memory.optimizer.param_groups))
    rates = np.array([memory.rate_address(k) for k in groups])
    yield NamedPart(names.new("learning_rate"), rates, "may be changed between steps")
    places = np.arange(memory.places)
    yield NamedPart(names.new("stepped"), memory.stepped_address(places), "1 where it has stepped")
    for name in memory.shared:
        yield NamedPart(names.new(name), memory.shared_address(name, np.arange(memory.cohorts)))
    for name in memory.vectors:
        yield NamedPart(
            names.new(name), memory.vector_address(name, places), "one for each parameter"
        )
