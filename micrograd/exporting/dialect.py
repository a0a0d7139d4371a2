"""Expressions as Python: the calls of an array library, each operation in the way of its users.

Texts are put together as syntax trees, so that brackets are where Python needs them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from functools import cache

from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.expressions import ArrayShape, AxisSize, Expr, Samples, Turn
from micrograd.ops import OPS, REDUCTIONS, Op

LETTERS = "ijklmopqrstuvwxyz"  # of axes, without n
LONG_NUMBER = 8  # characters, from which it is better told as a quotient
OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq
}  # fmt: skip
N = "n"  # the number of samples
Write = Callable[[Expr], ast.expr]


class Dialect:
    """How one library writes operations; a subclass says what is different there."""

    module = "np"
    axis = "axis"
    from_file = 'kept["{0}"]'
    concatenate, largest, integer, literal = "concatenate", "max", "int", "array"

    def template(self, row: str) -> str:
        """The text of a row of the op table, with `{0}` for its first input."""
        return OPS[row].numpy

    def needs_numbers(self, op: Op) -> bool:
        """Whether a row is to be given 1 and 0 for true and false."""
        return op.needs_numbers

    def written(self, x: Expr, inner: Write) -> ast.expr:
        """An expression, whose operands `inner` writes."""
        return getattr(self, f"_{x.op}")(x, inner)  # type: ignore[no-any-return]

    def named(self, x: Expr, inner: Write) -> ast.expr:
        """The same, if it is to have a name: 1 and 0 for true and false."""
        return self._as_number(inner(x), x)

    # ---- leaves ----------------------------------------------------------------------------------

    def _array(self, x: Expr, inner: Write) -> ast.expr:
        return ast.Name(x.given[0])

    def _number(self, x: Expr, inner: Write) -> ast.expr:
        return number_text(x.given[0], self.module)

    def _count(self, x: Expr, inner: Write) -> ast.expr:
        (plus,) = x.given
        return parsed(f"{N} + {plus}" if plus > 0 else f"{N} - {-plus}" if plus else N)

    def _zeros(self, x: Expr, inner: Write) -> ast.expr:
        return parsed(f"{self.module}.zeros({sizes_text(x.shape)})")

    # ---- element by element ----------------------------------------------------------------------

    def _row(self, x: Expr, inner: Write) -> ast.expr:
        row, static = x.given
        args = [inner(a) for a in x.args]
        quotient = self._over(x, inner)
        if quotient is not None:
            return quotient
        if self.needs_numbers(OPS[row]):
            args = [self._as_number(a, e) for a, e in zip(args, x.args, strict=True)]
        if OPS[row].adds:
            return _sum(*args)
        texts = [] if static is None else [number_text(static, self.module)]
        return filled(self.template(row), [*args, *texts])

    def _over(self, x: Expr, inner: Write) -> ast.expr | None:
        """`2 * x / n` for `(2 / n) * x`."""
        if not OPS[x.given[0]].multiplies:
            return None
        c = float(x.args[0])
        if 0 < c < 1 and len(repr(c)) > LONG_NUMBER and abs(round(1 / c) * c - 1) < 1e-15:
            return filled(f"{{0}} / {round(1 / c)}", [inner(x.args[1])])
        if x.args[0].op != E.ROW or not OPS[x.args[0].given[0]].divides:
            return None
        (k, n), y = x.args[0].args, x.args[1]
        if k.op != E.NUMBER:
            return None
        top = inner(y) if float(k) == 1 else filled("{0} * {1}", [inner(k), inner(y)])
        return filled("{0} / {1}", [top, inner(n)])

    def _as_number(self, text: ast.expr, x: Expr) -> ast.expr:
        is_mask = x.op == E.ROW and OPS[x.given[0]].compares
        return filled("{0} * 1.0", [text]) if is_mask else text

    def _masked(self, x: Expr, inner: Write) -> ast.expr:
        """Something where a comparison holds, or does not, and else 0: a product."""
        of, mask = x.args
        (opposite,) = x.given
        return filled("{0} * {1}", [inner(of), _opposite(mask, inner) if opposite else inner(mask)])

    # ---- sums ------------------------------------------------------------------------------------

    def _sum(self, x: Expr, inner: Write) -> ast.expr:
        return self._reduced("sum", x, inner)

    def _max(self, x: Expr, inner: Write) -> ast.expr:
        return self._reduced(self.largest, x, inner)

    def _reduced(self, name: str, x: Expr, inner: Write) -> ast.expr:
        (of,), (axes,) = x.args, x.given
        every = len(axes) == len(of.shape)
        along = "" if every else f"{self.axis}={axes[0] if len(axes) == 1 else axes}"
        text = inner(of)
        if isinstance(text, ast.Name | ast.Attribute):
            return filled(f"{{0}}.{name}({along})", [text])
        return filled(f"{self.module}.{name}({{0}}{', ' * bool(along)}{along})", [text])

    def _dot(self, x: Expr, inner: Write) -> ast.expr:
        (a, b), (ia, ib, io) = x.args, x.given
        text = matmul(inner(a), inner(b), ia, ib, io)
        if text is not None:
            return text
        if not io and ia == ib:
            return filled(f"{self.module}.sum({{0}} * {{1}})", [inner(a), inner(b)])
        if ia == ib and io == ia[: len(io)]:
            axes = tuple(range(len(io), len(ia)))
            along = f"{self.axis}={axes[0] if len(axes) == 1 else axes}"
            return filled(f"{self.module}.sum({{0}} * {{1}}, {along})", [inner(a), inner(b)])
        if not set(ia) & set(ib) and len(ia) == len(ib) == 1:
            first, second = (a, b) if io == (*ia, *ib) else (b, a)
            return filled(f"{self.module}.outer({{0}}, {{1}})", [inner(first), inner(second)])
        letter = {axis: LETTERS[k] for k, axis in enumerate(sorted({*ia, *ib}))}
        spec = ",".join("".join(letter[i] for i in axes) for axes in (ia, ib))
        spec += "->" + "".join(letter[i] for i in io)
        return filled(f'{self.module}.einsum("{spec}", {{0}}, {{1}})', [inner(a), inner(b)])

    def _segments(self, x: Expr, inner: Write) -> ast.expr:
        rows, largest = x.given
        texts = [inner(a) for a in x.args]
        if len(x.shape) == 1 and not largest:
            return filled(f"np.bincount({{1}}, weights={{0}}, minlength={rows})", texts)
        name = REDUCTIONS["max" if largest else "add"].ufunc
        first = "np.unique({1}, return_index=True)[1]"
        return filled(f"{name}.reduceat({{0}}, {first}, axis=-1)", texts)

    # ---- numbers moved about ---------------------------------------------------------------------

    def _reshape(self, x: Expr, inner: Write) -> ast.expr:
        free = sum(isinstance(n, Samples) for n in x.shape) == 1
        sizes = ["-1" if free and isinstance(n, Samples) else size_text(n) for n in x.shape]
        if len(x.shape) == 1:
            sizes = ["-1"]
        return filled(f"{{0}}.reshape({', '.join(sizes) or '()'})", [inner(x.args[0])])

    def _transpose(self, x: Expr, inner: Write) -> ast.expr:
        (order,) = x.given
        if order == (1, 0):
            return filled("{0}.T", [inner(x.args[0])])
        return filled(f"{self._permuted()}{order})", [inner(x.args[0])])

    def _permuted(self) -> str:
        return f"{self.module}.transpose({{0}}, "

    def _expand(self, x: Expr, inner: Write) -> ast.expr:
        at = ", ".join("None" if new else ":" for new in x.given[0])
        return filled(f"{{0}}[{at}]", [inner(x.args[0])])

    def _spread(self, x: Expr, inner: Write) -> ast.expr:
        shape = shape_text(x.shape)
        if not x.args[0].shape:
            return filled(f"{self.module}.full({shape}, {{0}})", [inner(x.args[0])])
        return filled(f"{self.module}.broadcast_to({{0}}, {shape})", [inner(x.args[0])])

    def _slice(self, x: Expr, inner: Write) -> ast.expr:
        return filled(f"{{0}}[{slice_text(x.given[0])}]", [inner(x.args[0])])

    def _take(self, x: Expr, inner: Write) -> ast.expr:
        before = ":, " * x.given[0]
        return filled(f"{{0}}[{before}{{1}}]", [inner(a) for a in x.args])

    def _join(self, x: Expr, inner: Write) -> ast.expr:
        slots = ", ".join(f"{{{k}}}" for k in range(len(x.args)))
        return filled(f"{self.module}.{self.concatenate}([{slots}])", [inner(a) for a in x.args])

    def _integers(self, x: Expr, inner: Write) -> ast.expr:
        return filled(f"{self.module}.asarray({{0}}, {self.integer})", [inner(x.args[0])])

    def _one_hot(self, x: Expr, inner: Write) -> ast.expr:
        return filled(f"{self.module}.eye({x.shape[-1]})[{{0}}]", [inner(x.args[0])])

    def _stop(self, x: Expr, inner: Write) -> ast.expr:
        return inner(x.args[0])


# ---- texts ---------------------------------------------------------------------------------------


@cache
def _template(text: str) -> str:
    return re.sub(r"\{(\d+)\}", r"_\1", text)


def parsed(text: str) -> ast.expr:
    """An expression of Python."""
    return ast.parse(text, mode="eval").body


def filled(template: str, parts: Sequence[ast.expr]) -> ast.expr:
    """A template with expressions in it, in brackets where they need them."""

    class Fill(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            place = re.fullmatch(r"_(\d+)", node.id)
            return parts[int(place[1])] if place else node

    return Fill().visit(parsed(_template(template)))  # type: ignore[no-any-return]


def _sum(a: ast.expr, b: ast.expr) -> ast.expr:
    """A + b; a minus where one of them has a sign."""
    for x, other in ((b, a), (a, b)):
        positive = _without_sign(x)
        if positive is not None:
            return ast.BinOp(other, ast.Sub(), positive)
    return ast.BinOp(a, ast.Add(), b)


def _without_sign(x: ast.expr) -> ast.expr | None:
    """Of -x, and of a product that begins so, the opposite; None of others."""
    if isinstance(x, ast.UnaryOp) and isinstance(x.op, ast.USub):
        return x.operand
    if isinstance(x, ast.BinOp) and isinstance(x.op, ast.Mult | ast.Div):
        left = _without_sign(x.left)
        return None if left is None else ast.BinOp(left, x.op, x.right)
    return None


def _opposite(mask: Expr, inner: Write) -> ast.expr:
    """Where a comparison does not hold."""
    if mask.op == E.ARRAY:
        return filled("1 - {0}", [inner(mask)])
    text = filled(OPS[mask.given[0]].numpy, [inner(x) for x in mask.args])
    assert isinstance(text, ast.Compare)
    return ast.Compare(text.left, [OPPOSITE[type(text.ops[0])]()], text.comparators)


def number_text(x: float, module: str) -> ast.expr:
    """A number as one writes it: whole ones without a point."""
    if x != x or x in (float("inf"), float("-inf")):
        name = "nan" if x != x else "inf"
        text = f"{module}.{name}"
        return parsed(text if x > 0 or x != x else f"-{text}")
    whole = x == int(x) and 0 <= x < 1e15 and not (x == 0 and str(x)[0] == "-")
    return parsed(str(int(x)) if whole else repr(x))


def size_text(n: AxisSize | Turn) -> str:
    """A size: `5`, `n`, `2 * n - 1`; or a place: `t`, `t + 1`, `n - 1 - t`."""
    if isinstance(n, Turn):
        moving = n.index if abs(n.times) == 1 else f"{abs(n.times)} * {n.index}"
        if n.times < 0:
            return f"{size_text(n.plus)} - {moving}"
        if isinstance(n.plus, int) and n.plus < 0:
            return f"{moving} - {-n.plus}"
        return f"{moving} + {size_text(n.plus)}" if n.plus else moving
    if not isinstance(n, Samples):
        return str(n)
    text = N if n.times == 1 else f"{n.times} * {N}"
    return text + (f" + {n.plus}" if n.plus > 0 else f" - {-n.plus}" if n.plus else "")


def shape_text(shape: ArrayShape) -> str:
    """A shape as a tuple: `(n, 5)`, `(n,)`."""
    sizes = [size_text(n) for n in shape]
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"


def sizes_text(shape: ArrayShape) -> str:
    """A shape as an argument: `5`, `(n, 5)`."""
    return size_text(shape[0]) if len(shape) == 1 else shape_text(shape)


def slice_text(parts: Sequence[E.PartOfAxis | int | Turn]) -> str:
    """What is between the brackets: `:, 1:, 0`."""
    texts = []
    for p in parts:
        if not isinstance(p, tuple):
            texts.append(size_text(p))
            continue
        start, end, step = p
        first = "" if start in (0, None) else size_text(start)
        last = "" if end is None else size_text(end)
        texts.append(f"{first}:{last}" + (f":{step}" if step != 1 else ""))
    while len(texts) > 1 and texts[-1] == ":":
        texts.pop()
    return ", ".join(texts)


def matmul(a: ast.expr, b: ast.expr, ia: E.Labels, ib: E.Labels, io: E.Labels) -> ast.expr | None:
    """`a @ b`, with what has to be transposed; None if it is no such product."""
    over = [i for i in ia if i in ib and i not in io]
    if len(over) != 1 or len(ib) > 2 or (set(ia) & set(ib)) != set(over):
        return None
    (s,) = over
    found: list[tuple[int, ast.expr]] = []  # with how much is transposed
    for x, ix, y, iy in ((a, ia, b, ib), (b, ib, a, ia)):
        turned = ix[-1] != s, iy[0] != s
        rest = (*(i for i in ix if i != s), *(i for i in iy if i != s))
        if len(iy) > 2 or (turned[0] and len(ix) > 2) or rest != io:
            continue
        sides = ["{0}.T" if t else "{0}" for t in turned]
        text = f"{sides[0]} @ {sides[1].replace('0', '1')}"
        found.append((sum(turned), filled(text, [x, y])))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def unparsed(node: ast.expr) -> str:
    """The text, as ruff has it."""
    text = ast.unparse(node)
    text = re.sub(r"'([^'\"]*)'", r'"\1"', text)
    text = re.sub(r"\*\* \((-[\d.]+)\)", r"** \1", text)
    simple = r"(?<![\w.)\]])(-?[A-Za-z_][\w.]*|\d[\w.]*) \*\* (-?\w[\w.]*)(?![\w.(\[])"
    return re.sub(simple, r"\1**\2", text)
