"""Arrays as expressions: operations on named arrays, each with its shape.

What an operation of the op table does stands in its row; here are those that move numbers about
(`transpose`, `take`, …) or sum them. Makers leave out what changes nothing. A size is an int, or
`Samples`: what follows the number of samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from micrograd.ops import OPS, Arithmetic


@dataclass(frozen=True, slots=True)
class Samples:
    """`times · n + plus`, where n is the number of samples."""

    times: int = 1
    plus: int = 0

    def of(self, n: int) -> int:
        """The size for n samples."""
        return self.times * n + self.plus


@dataclass(frozen=True, slots=True)
class Turn:
    """A place that moves with the turns of a loop: `times · index + plus`."""

    index: str
    times: int = 1
    plus: int | Samples = 0


AxisSize = int | Samples
ArrayShape = tuple[AxisSize, ...]

ARRAY, NUMBER, ROW, DOT, SUM, MAX, RESHAPE, TRANSPOSE, EXPAND, SPREAD, SLICE, TAKE, SEGMENTS = (
    "array", "number", "row", "dot", "sum", "max", "reshape", "transpose", "expand", "spread",
    "slice", "take", "segments",
)  # fmt: skip
JOIN, INTEGERS, STOP, COUNT, ZEROS, ONE_HOT, MASKED = (
    "join", "integers", "stop", "count", "zeros", "one_hot", "masked",
)  # fmt: skip


class Expr(Arithmetic):
    """An operation on expressions; `given` is what is not an array: axes, a number, a name."""

    __slots__ = ("args", "given", "op", "shape")

    def __init__(
        self,
        op: str,
        shape: ArrayShape,
        args: Sequence[Expr] = (),
        given: tuple[Any, ...] = (),
    ) -> None:
        self.op, self.shape, self.args, self.given = op, shape, tuple(args), given

    def _applied(self, row: str, *inputs: Any) -> Expr:
        return applied(row, *inputs)

    def __float__(self) -> float:
        """The number that it is; nan if that is not known."""
        return float(self.given[0]) if self.op == NUMBER else math.nan

    def __repr__(self) -> str:
        inner = ", ".join([*map(repr, self.args), *map(str, self.given)])
        return f"{self.op}({inner})" if self.op != ARRAY else str(self.given[0])


def inside(x: Expr) -> Iterator[Expr]:
    """The expression and all that is in it, operands first, each once."""
    seen: set[int] = set()
    stack = [(x, False)]
    while stack:
        e, ready = stack.pop()
        if ready:
            yield e
        elif id(e) not in seen:
            seen.add(id(e))
            stack.append((e, True))
            stack.extend((a, False) for a in reversed(e.args))


def remade(x: Expr, args: Sequence[Expr]) -> Expr:
    """The same operation on other operands."""
    if all(a is b for a, b in zip(args, x.args, strict=True)):
        return x
    return Expr(x.op, x.shape, args, x.given)


def array(name: str, shape: ArrayShape) -> Expr:
    """A named array."""
    return Expr(ARRAY, shape, (), (name,))


def number(x: float) -> Expr:
    """A plain number."""
    return Expr(NUMBER, (), (), (float(x),))


def fixed(shape: ArrayShape) -> int:
    """How many numbers an array of fixed sizes has."""
    assert not any(isinstance(n, Samples) for n in shape)
    sizes = [n for n in shape if isinstance(n, int)]
    return math.prod(sizes)


def as_expression(x: Any) -> Expr:
    """An expression, or a plain number as one."""
    return x if isinstance(x, Expr) else number(x)


def count(plus: int = 0) -> Expr:
    """The number of samples, and so many more."""
    return Expr(COUNT, (), (), (plus,))


def broadcast(*shapes: ArrayShape) -> ArrayShape:
    """The shape of arrays that are combined element by element, as NumPy has it."""
    rank = max(map(len, shapes), default=0)
    found: list[AxisSize] = [1] * rank
    for shape in shapes:
        for i, n in enumerate(shape, rank - len(shape)):
            if n != 1:
                assert found[i] in (1, n), f"shapes do not fit: {shapes}"
                found[i] = n
    return tuple(found)


def applied(row: str, *inputs: Any, static: float | None = None) -> Expr:
    """A row of the op table on arrays, element by element."""
    op = OPS[row]
    args = [as_expression(x) for x in inputs]
    if static is None and op.has_static:
        *args, last = args
        static = float(last)
    plain = [float(x) if x.op == NUMBER else x for x in args]
    statics = () if static is None else (static,)
    if all(isinstance(x, float) for x in plain):
        return number(op.f(*plain, *statics))
    simpler = None if op.compares else op.simpler(*plain, *statics)
    shape = broadcast(*(x.shape for x in args))
    if simpler is not None and as_expression(simpler).shape == shape:
        return as_expression(simpler)
    if op.multiplies:
        return _times(shape, *args)
    if op.negates and args[0].op == ROW and OPS[args[0].given[0]].negates:
        return args[0].args[0]
    return Expr(ROW, shape, args, (row, static))


def _times(shape: ArrayShape, a: Expr, b: Expr) -> Expr:
    """A product, with what is the same for all numbers put together in front."""
    if _is_fixed(b) and not _is_fixed(a):
        a, b = b, a
    if _is_fixed(a) and b.op == ROW and OPS[b.given[0]].multiplies and _is_fixed(b.args[0]):
        return applied("mul", applied("mul", a, b.args[0]), b.args[1])
    if b.op == NUMBER and a.op == ROW and OPS[a.given[0]].divides:  # k / n
        return applied("div", applied("mul", a.args[0], b), a.args[1])
    return Expr(ROW, shape, (a, b), ("mul", None))


def _is_fixed(x: Expr) -> bool:
    """Whether it is a number, or one over the number of samples."""
    over = x.op == ROW and OPS[x.given[0]].divides and x.args[0].op == NUMBER
    return x.op == NUMBER or (over and x.args[1].op == COUNT)


class ArrayRows:
    """The rows of the op table on expressions: the `m` of derivatives."""

    def __getattr__(self, row: str) -> Any:
        if row not in OPS:
            raise AttributeError(row)
        return lambda *inputs: applied(row, *inputs)


ROWS_OF_ARRAYS: Any = ArrayRows()


class DerivativeRows(ArrayRows):
    """The same, where what is handed back is multiplied with a mask rather than selected."""

    def select(self, condition: Any, yes: Any, no: Any) -> Expr:
        """What is chosen; a choice between something and 0 is a product."""
        c, a, b = map(as_expression, (condition, yes, no))
        is_mask = c.op == ROW and OPS[c.given[0]].compares
        if not is_mask or (float(a) != 0 and float(b) != 0):
            return applied("select", c, a, b)
        kept = b if float(a) == 0 else a
        return Expr(MASKED, broadcast(kept.shape, c.shape), (kept, c), (float(a) == 0,))


DERIVATIVES_OF_ARRAYS: Any = DerivativeRows()


def transpose(x: Expr, order: Sequence[int]) -> Expr:
    """The axes in another order."""
    order = tuple(order)
    if order == tuple(range(len(x.shape))):
        return x
    if x.op == TRANSPOSE:
        return transpose(x.args[0], [x.given[0][i] for i in order])
    return Expr(TRANSPOSE, tuple(x.shape[i] for i in order), (x,), (order,))


def reshape(x: Expr, shape: ArrayShape) -> Expr:
    """The numbers in their order, in another shape."""
    if x.shape == shape:
        return x
    if x.op in (RESHAPE, EXPAND):
        return reshape(x.args[0], shape)
    squeezed = tuple(n for n in x.shape if n != 1)
    if squeezed == tuple(n for n in shape if n != 1) and len(shape) > len(x.shape):
        axes, j = [], 0
        for n in shape:
            new = j >= len(x.shape) or n != x.shape[j]
            axes.append(new)
            j += not new
        if j == len(x.shape) and not axes[0]:
            return expand(x, axes)
    return Expr(RESHAPE, shape, (x,))


def expand(x: Expr, new: Sequence[bool]) -> Expr:
    """Axes of size 1 where `new` says so; none in front, as in broadcasting."""
    kept = list(new)
    while kept and kept[0]:
        kept.pop(0)
    if not any(kept):
        return x
    sizes = iter(x.shape)
    shape = tuple(1 if n else next(sizes) for n in kept)
    return Expr(EXPAND, shape, (x,), (tuple(kept),))


def spread(x: Expr, shape: ArrayShape) -> Expr:
    """The array as often as the shape says."""
    return x if x.shape == shape else Expr(SPREAD, shape, (x,))


def added(parts: Sequence[Expr]) -> Expr:
    """The sum of expressions, which broadcast."""
    return reduce(lambda a, b: applied("add", a, b), parts)


def total(x: Expr, axes: Sequence[int], largest: bool = False) -> Expr:
    """The sum over axes, or the largest along them."""
    if not axes:
        return x
    shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    return Expr(MAX if largest else SUM, shape, (x,), (tuple(sorted(axes)),))


Labels = tuple[int, ...]


def dot(a: Expr, b: Expr, of: tuple[Labels, Labels, Labels]) -> Expr:
    """The sum of products over all axes that `of[2]` does not have; `of` labels the axes."""
    if a.op == TRANSPOSE:
        return dot(a.args[0], b, (_untransposed(a, of[0]), of[1], of[2]))
    if b.op == TRANSPOSE:
        return dot(a, b.args[0], (of[0], _untransposed(b, of[1]), of[2]))
    shared = set(of[0]) & set(of[1]) or not of[0] or not of[1]
    if shared and {*of[0], *of[1]} == set(of[2]):  # nothing is summed
        parts = []
        for x, own in ((a, of[0]), (b, of[1])):
            order = [own.index(i) for i in of[2] if i in own]
            parts.append(expand(transpose(x, order), [i not in own for i in of[2]]))
        return applied("mul", *parts)
    sizes = dict(zip((*of[0], *of[1]), (*a.shape, *b.shape), strict=True))
    return Expr(DOT, tuple(sizes[i] for i in of[2]), (a, b), of)


def _untransposed(x: Expr, axes: Labels) -> Labels:
    """The labels of what was transposed."""
    return tuple(axes[x.given[0].index(i)] for i in range(len(axes)))


PartOfAxis = tuple[Any, Any, int]  # start, end, step; an end of None is open


def sliced(x: Expr, parts: Sequence[PartOfAxis | int | Turn], shape: ArrayShape) -> Expr:
    """A range of each axis, or a place on it."""
    whole = (0, None, 1)
    if all(p == whole for p in parts):
        return x
    if x.op == SLICE and all(p == whole or not isinstance(p, tuple) for p in x.given[0]):
        own = iter(parts)
        return sliced(x.args[0], [next(own) if p == whole else p for p in x.given[0]], shape)
    return Expr(SLICE, shape, (x,), (tuple(parts),))


def take(x: Expr, at: Expr, axis: int) -> Expr:
    """What is at these places of an axis, which is replaced by the axes of `at`."""
    shape = (*x.shape[:axis], *at.shape, *x.shape[axis + 1 :])
    return Expr(TAKE, shape, (x, at), (axis,))


def segments(x: Expr, of: Expr, rows: int, largest: bool = False) -> Expr:
    """Sums of what belongs together along the last axis: `of` says to which row each belongs."""
    return Expr(SEGMENTS, (*x.shape[:-1], rows), (x, of), (rows, largest))


def joined(parts: Sequence[Expr]) -> Expr:
    """Arrays of one axis, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return Expr(JOIN, (sum(fixed(p.shape) for p in parts),), parts)


def integers(x: Expr) -> Expr:
    """Numbers as integers."""
    return Expr(INTEGERS, x.shape, (x,))


def one_hot(at: Expr, choices: int) -> Expr:
    """ArrayRows of zeros, with a one at each place."""
    return Expr(ONE_HOT, (*at.shape, choices), (at,))


def stopped(x: Expr) -> Expr:
    """The same numbers, through which no derivative flows."""
    return x if x.op in (NUMBER, STOP) else Expr(STOP, x.shape, (x,))


def zeros(shape: ArrayShape) -> Expr:
    """Zeros."""
    return Expr(ZEROS, shape) if shape else number(0.0)
