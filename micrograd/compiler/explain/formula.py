"""Formulas as pieces of text and views, with the brackets and in the shapes that they need.

Rows are samples: where a product can be written either way, parameters come second, `x · Wᵀ`.
The axes of a shape are those of the loop that reads them, so that what is written multiplies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from micrograd.compiler.explain.views import GATHERED, PARAMETERS, RAGGED, WINDOWS, TermLoop, View
from micrograd.compiler.nest.ir import Shape
from micrograd.ops import ATOM, LOOSE, OPS, PRODUCT, SUM
from micrograd.text.words import exact


@dataclass(frozen=True, slots=True)
class Marked:
    """A view within a formula; `transposed` if its axes are the other way round there."""

    view: View
    transposed: bool = False


Pieces = tuple["str | Marked", ...]
Formula = tuple[Pieces, int]  # with how tightly it holds together: a level of the op table


def held(formula: Formula, level: int) -> Pieces:
    """The pieces, in brackets unless they hold together as tightly as asked."""
    pieces, own = formula
    return pieces if own >= level else ("(", *pieces, ")")


def added(parts: list[tuple[float, Pieces, int]]) -> Formula:
    """The sum of formulas, each times a number."""
    pieces: list[str | Marked] = []
    level = SUM
    for c, factor, own in parts:
        sign = "−" if c < 0 else "+"
        scaled, own = _scaled(abs(c), (factor, own))
        if not pieces:
            pieces += ["−"] if sign == "−" else []
            level = own if sign == "+" else SUM
        else:
            pieces.append(f" {sign} ")
            level = SUM
        least = PRODUCT if sign == "−" else SUM if len(parts) > 1 else LOOSE
        pieces += held((scaled, own), least)
    return tuple(pieces), level


def _scaled(c: float, formula: Formula) -> Formula:
    if not formula[0]:
        return (exact(c),), ATOM
    if c == 1:
        return formula
    if formula[0][0] == "−":
        return ("−", *_scaled(c, (formula[0][1:], PRODUCT))[0]), SUM
    if 0 < c < 1 and abs(round(1 / c) * c - 1) < 1e-12:
        return (*held(formula, PRODUCT), f" / {round(1 / c):,}"), PRODUCT
    return (f"{exact(c)} · ", *held(formula, PRODUCT)), PRODUCT


def applied(name: str, static: float, arguments: list[Formula]) -> Formula:
    """A row of the op table on formulas."""
    op = OPS[name]
    given = () if static != static else (exact(static),)
    prefix, binds = op.prefixes.get(static, ("", ATOM))
    if prefix:
        sums = prefix.endswith(" ") and arguments[0][0][0] == "Σ "
        return (prefix, *held(arguments[0], PRODUCT if sums else ATOM)), binds
    if len(arguments) == 1 and op.binds == ATOM:
        return (f"{name}(", *arguments[0][0], *[f", {k}" for k in given], ")"), ATOM
    parts = op.text(*[f"\0{i}\0" for i in range(len(arguments))], *given).split("\0")
    pieces: list[str | Marked] = []
    for i, part in enumerate(parts):
        if i % 2:
            pieces += held(arguments[int(part)], op.needs[int(part)])
        elif part:
            pieces.append(part)
    return tuple(pieces), op.binds


LANES = -1  # the axis of the batch
Dims = tuple["int | None", ...]  # the axis of the loop that each axis of a shape is; None: size 1


def matrices(reading: TermLoop, result: Shape, lanes: bool, reduced: bool) -> list[Marked] | None:
    """The factors of a product of matrices or vectors, in order; None if it is no such product.

    `result` is the shape of what comes out; `lanes` says whether that has a batch, and `reduced`
    whether it is a sum over one.
    """
    forms = [view.form for view in reading.views]
    if reduced or GATHERED in forms or RAGGED in forms:
        return None
    if WINDOWS in forms:
        first = forms.index(WINDOWS)
        return [Marked(reading.views[first]), Marked(reading.views[1 - first])]
    if len(reading.summed) > 1:
        return None
    over = next(iter(reading.summed), None)
    out = dims_of(result, outer_axes(reading), reading.extents)
    if out is None:
        return None
    out = (*((LANES,) * lanes), *out)
    trained = [view.space == PARAMETERS for view in reading.views]
    for views in _written(reading, out):
        dims = [_with_lanes(view, reading) for view in views]
        for i, j in ((1, 0), (0, 1)) if trained[0] > trained[1] else ((0, 1), (1, 0)):
            one, two = _first(dims[i], over), _second(dims[j], over)
            if one and two and one[1] + two[1] == out:
                return [Marked(views[i], one[0]), Marked(views[j], two[0])]
    return None


def _written(reading: TermLoop, out: Dims) -> list[list[View]]:
    """The views in the shapes to try: their own, those of ranges of a whole, no axes of size 1."""
    views = list(reading.views)
    parts = [replace(v, shape=v.kept) if v.kept is not None else v for v in views]
    plain = [squeezed(v, reading) for v in views]
    return [views, parts, plain] if out or all(len(v.shape) < 2 for v in views) else [views]


def _with_lanes(view: View, reading: TermLoop) -> Dims | None:
    dims = dims_of(view.shape, tuple(a for a in view.axes if a >= 0), reading.extents)
    return None if dims is None else (*((LANES,) * view.lanes), *dims)


def _first(dims: Dims | None, over: int | None) -> tuple[bool, Dims] | None:
    """As the first factor: whether transposed, and the axes that are left."""
    if not dims or dims.count(over) == 0:
        return None
    if dims[-1] == over:
        return False, dims[:-1]
    return (True, dims[1:]) if len(dims) == 2 and dims[0] == over else None


def _second(dims: Dims | None, over: int | None) -> tuple[bool, Dims] | None:
    """As the second factor, in the same way."""
    if not dims or len(dims) > 2:
        return None
    if dims[0] == over:
        return False, dims[1:]
    return (True, dims[:1]) if dims[-1] == over else None


def outer_axes(reading: TermLoop) -> tuple[int, ...]:
    """The axes of a loop that are not summed."""
    return tuple(i for i in range(len(reading.extents)) if i not in reading.summed)


def dims_of(shape: Shape, axes: tuple[int, ...], extents: Shape) -> Dims | None:
    """Which axis of the loop each axis of a shape is, or is a part of; None if that is not so.

    >>> dims_of((8, 1), (0,), (8, 5)), dims_of((2, 4, 5), (0, 1), (8, 5))
    ((0, None), (0, 0, 1))
    """
    dims: list[int | None] = []
    waiting, left = list(axes), 1
    for n in shape:
        if n == 1:
            dims.append(None)
            continue
        if left == 1:
            if not waiting:
                return None
            left = extents[waiting[0]]
        if left % n:
            return None
        dims.append(waiting[0])
        left //= n
        if left == 1:
            waiting.pop(0)
    return tuple(dims) if left == 1 and not waiting else None


def squeezed(view: View, reading: TermLoop) -> View:
    """A view in the shape in which the loop reads it."""
    return replace(view, shape=tuple(reading.extents[a] for a in view.axes if a >= 0))


def broadcast(view: View, reading: TermLoop, result: Shape) -> Marked:
    """An operand, element by element, in a shape that NumPy broadcasts to that of the result."""
    axes = tuple(a for a in view.axes if a >= 0)
    out = dims_of(result, outer_axes(reading), reading.extents)
    own = dims_of(view.shape, axes, reading.extents)
    if out is None or (own is None and view.form):
        return Marked(view)
    if own is not None and len(own) <= len(out):
        skip = len(out) - len(own)
        tail = zip(own, out[skip:], view.shape, result[skip:], strict=True)
        if all(a is None or (a == b and n == m) for a, b, n, m in tail):
            return Marked(view)
    if view.kept is not None and len(view.kept) == len(result):
        same = zip(view.kept, result, strict=True)
        if dims_of(view.kept, axes, reading.extents) == out or all(n in (1, m) for n, m in same):
            return Marked(replace(view, shape=view.kept))
    if list(axes) != sorted(axes):
        plain = squeezed(view, reading)
        return Marked(plain, len(plain.shape) == 2)
    shape = [n if a in axes else 1 for a, n in zip(out, result, strict=True)]
    while shape and shape[0] == 1:
        shape.pop(0)
    return Marked(replace(view, shape=tuple(shape)))
