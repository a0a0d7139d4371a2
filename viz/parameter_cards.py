"""The card of a parameter: value, gradient, what the optimiser made of it, and the new value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from micrograd.equations import Quantity, quantities
from micrograd.optim.equation import Equation
from micrograd.step import Floats, ParameterRecord
from micrograd.words import exact, word
from viz.cards import Band, Card, Columns, Matrices, Row
from viz.matrix import MOST_CELLS
from viz.palette import DATA_FRAME, FORWARD, GRADIENT, UPDATE, WEIGHT_FRAME, Role
from viz.parameter_arrays import ParameterArray
from viz.tape_recording import Source

MOST_IN_A_COLUMN = 3  # matrices; more are in two columns


def parameter_card(
    array: ParameterArray, source: Source, key: str, samples: int, language: str, digits: int
) -> Card:
    """The card of an array of leaves.

    A gradient is a sum over the samples of a batch, and the card says so. An optimiser with more
    to its rule than a step against the gradient has a matrix for each of its equations.
    """
    gradient = f"∂{source.root}/∂{array.name}"
    said = gradient
    if samples > 1 and array.trained:
        said += " = " + word("Σ over {n} samples", language, n=samples)
    columns = [
        (word("value", language), FORWARD, source.values(array.positions)),
        (said, GRADIENT, source.gradients(array.positions)),
    ]
    chosen: dict[str, float] = {}
    if array.trained:
        columns += _updated(array, source, gradient, chosen, language)
    parts: list[Matrices | Columns | Band] = [Matrices(tuple(columns), digits=digits)]
    if len(columns) > MOST_IN_A_COLUMN:
        shown = [(name, role, _as_row(values)) for name, role, values in columns]
        half = (len(shown) + 1) // 2
        left = Matrices(tuple(shown[:half]), digits=digits, stacked=True)
        right = Matrices(tuple(shown[half:]), digits=digits, first=half, stacked=True)
        parts = [Columns((left,), (right,))]
    if chosen:
        said = ", ".join(f"{name} = {exact(x)}" for name, x in chosen.items())
        parts.append(Band(UPDATE, (Row(said, ""),)))
    shape = "×".join(map(str, array.positions.shape))
    kind = word("parameter" if array.trained else "leaf", language)
    path = array.path if array.path != array.name else ""
    subtitle = "  ".join(part for part in (path or kind, shape) if part)
    frame = WEIGHT_FRAME if array.trained else DATA_FRAME
    return Card(key, array.name, subtitle, tuple(parts), frame)


def _updated(
    array: ParameterArray, source: Source, gradient: str, chosen: dict[str, float], language: str
) -> Iterator[tuple[str, Role, Floats]]:
    """What came of the gradient, in matrices; `chosen` gets the numbers of the rule."""
    where = {int(i): (p, k) for p in source.parameters for k, i in enumerate(p.positions.flat)}
    elements = [where[int(i)] for i in array.positions.flat]
    shape = array.positions.shape
    new = np.reshape([p.after.flat[k] for p, k in elements], shape)
    each = [_equations(p, k, array.name, gradient) for p, k in elements]
    texts = {tuple(e.text() for e in equations) for equations in each}
    if len(each) > MOST_CELLS or len(texts) != 1 or not each[0]:
        yield word("new", language), UPDATE, new
        return
    used = [[q for e in equations for q in quantities(e.expression)] for equations in each]
    results = {e.name for e in each[0]}
    names: set[str] = {array.name, gradient, *results}
    for i, q in enumerate(used[0]):
        if q.exact and len(each[0]) > 1:
            chosen[q.name] = q.value
        if not q.exact and q.name not in names:
            names.add(q.name)
            said = f"{q.name} ({word('before the step', language)})"
            yield said, UPDATE, np.reshape([own[i].value for own in used], shape)
    for i, equation in enumerate(each[0][:-1]):
        yield equation.text(), UPDATE, np.reshape([e[i].value for e in each], shape)
    yield each[0][-1].text(), UPDATE, new


def _as_row(values: Floats) -> Floats:
    return values.reshape(1, -1) if values.ndim < 2 else values


def _equations(p: ParameterRecord, k: int, name: str, gradient: str) -> Sequence[Equation]:
    if p.gradient is None or k >= p.gradient.size:
        return ()
    index = tuple(int(i) for i in np.unravel_index(k, p.before.shape))
    weight = Quantity(name, float(p.before[index]))
    return p.equations(index, weight, Quantity(gradient, float(p.gradient[index])))
