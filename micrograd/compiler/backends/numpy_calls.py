"""The text of a program as NumPy calls."""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.axes import as_statement, merged, ordered, reduces
from micrograd.compiler.program import (
    TERM,
    Access,
    Contraction,
    Elementwise,
    Gather,
    Integers,
    Kernel,
    Maximum,
    OneHot,
    Program,
    Ragged,
    Statement,
)
from micrograd.compiler.touches import Touches, latest
from micrograd.ops import OPS

Shape = tuple[int, ...]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
INFIX = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}
EXACT_POWERS = {1.0: "positive", 2.0: "square", -1.0: "reciprocal"}  # what np.power is slow at
ROOT = "np.where({x} == -inf, inf, np.sqrt({x} + 0.0))"  # np.power does not except -inf and -0.0


class Writer:
    """The function that runs a program, and the arrays that its names stand for."""

    def __init__(self, program: Program) -> None:
        self.views: dict[tuple[Access, Shape], str] = {}
        self.integers: dict[str, NDArray[np.int64]] = {}
        self.temporaries: dict[str, Shape] = {}
        self._sizes = {**program.sizes, "work": len(program.work)}
        self._lines: list[str] = []
        self._copies: list[tuple[str, str]] = []
        for kernel in program.kernels[: program.update_from]:
            self._kernel(kernel)
        loss = self._block(program.loss, 1)
        for base, length in [(program.loss, 1), *program.checked]:
            self._line(
                f"if not np.isfinite({self._block(base, length)}).all():\n            return nan"
            )
        self._updates(program)
        if self._copies:  # in one call, inside which no signal handler runs
            targets, sources = zip(*self._copies, strict=True)
            self._line(f"list(map(np.copyto, [{', '.join(targets)}], [{', '.join(sources)}]))")
        self.function = "\n".join(
            [
                "def run():",
                '    with np.errstate(all="ignore"):',
                *(f"        {line}" for line in self._lines),
                f"    return float({loss}[0])",
            ]
        )

    @property
    def source(self) -> str:
        """The function, after a line for each view that it uses."""
        views = [
            f"{name} = {a.space}[{a.base}:], shape {shape}, strides {a.strides}"
            for (a, shape), name in self.views.items()
        ]
        return "\n".join([*views, "", self.function, ""])

    def _updates(self, program: Program) -> None:
        """What follows the check, but for the copies to parameters and state, which are noted."""
        kernels = program.kernels[program.update_from :]
        self._touches = Touches(program)
        for place, kernel in enumerate(kernels):
            self._touches.note(kernel, place)
        for self._place, kernel in enumerate(kernels):
            self._kernel(kernel)

    # ---- names ---------------------------------------------------------------------------------

    def _line(self, text: str) -> None:
        self._lines.append(text)

    def _view(self, access: Access, extents: Shape) -> str:
        return self.views.setdefault((access, extents), f"v{len(self.views)}")

    def _block(self, base: int, length: int, space: str = "work") -> str:
        return self._view(Access(space, base, (1,)), (length,))

    def _whole(self, space: str) -> str:
        return self._block(0, self._sizes[space], space)

    def _temporary(self, shape: Shape) -> str:
        name = f"t{len(self.temporaries)}"
        self.temporaries[name] = shape
        return name

    def _integers(self, values: Integers) -> str:
        name = f"i{len(self.integers)}"
        self.integers[name] = values
        return name

    # ---- kernels -------------------------------------------------------------------------------

    def _kernel(self, kernel: Kernel) -> None:
        match kernel:
            case Elementwise():
                kernel = merged(kernel)
                for statement in kernel.statements:
                    self._statement(statement, kernel.extents)
            case Contraction():
                if reduces(kernel):
                    self._contraction(merged(kernel))
                else:
                    self._kernel(as_statement(kernel))
            case Maximum():
                kernel = ordered(kernel)
                u, out, axes = self._reduced(kernel, kernel.u)
                self._line(f"np.maximum.reduce({u}, axis={axes}, out={out})")
            case Gather():
                self._take(kernel.space, kernel.index, self._block(kernel.base, len(kernel.index)))
            case Ragged():
                self._ragged(kernel)
            case OneHot():
                shape = [1] * len(kernel.extents)
                shape[kernel.axis] = n = kernel.extents[kernel.axis]
                choices = self._integers(np.arange(n).reshape(shape))
                ids, out = (self._view(a, kernel.extents) for a in (kernel.ids, kernel.out))
                self._line(f"np.equal({ids}, {choices}, out={out})")

    def _statement(self, s: Statement, extents: Shape) -> None:
        out = self._view(s.out, extents)
        inputs = [self._view(access, extents) for access in s.inputs]
        if s.row != TERM:
            static = () if s.static is None else (s.static,)
            self._line(_row_into(s.row, static).format(*inputs, out=out))
        elif s.out.space in ("parameters", "state"):
            self._copies.append((out, self._copied(s, extents)))
        else:
            self._term(out, inputs, s.coefficient, s.accumulate, extents)

    def _copied(self, s: Statement, extents: Shape) -> str:
        """The view that a statement copies in the end, of a temporary if it does not last."""
        (source,) = s.inputs
        read_later = latest(self._touches.read, s.out, extents) > self._place
        if s.coefficient != 1.0 or s.accumulate or source.space != "work" or read_later:
            raise ValueError(f"{s.out.space} may only be copied to from work, and last: {s}")
        view = self._view(source, extents)
        if latest(self._touches.written, source, extents) <= self._place:
            return view
        lasting = self._temporary(extents)
        self._line(f"np.copyto({lasting}, {view})")
        return lasting

    def _term(
        self, out: str, inputs: list[str], coefficient: float, accumulate: bool, shape: Shape
    ) -> None:
        """`out = coefficient · Πinputs`, or that added to it."""
        factors = list(inputs)
        if coefficient != 1.0 or not factors:
            factors.append(repr(coefficient))
        if len(factors) > 1:
            into = self._temporary(shape) if accumulate else out
            for factor in factors[1:]:
                self._line(f"np.multiply({factors[0]}, {factor}, out={into})")
                factors[0] = into
        if accumulate:
            self._line(f"np.add({out}, {factors[0]}, out={out})")
        elif factors[0] != out:
            self._line(f"np.copyto({out}, {factors[0]})")

    def _reduced(self, kernel: Contraction | Maximum, u: Access) -> tuple[str, str, Shape]:
        """The views of u and of out, and the axes of u that out has not."""
        strides = kernel.out.strides
        axes = tuple(i for i, stride in enumerate(strides) if not stride)
        kept = [i for i, stride in enumerate(strides) if stride]
        out = Access(kernel.out.space, kernel.out.base, tuple(strides[i] for i in kept))
        extents = tuple(kernel.extents[i] for i in kept)
        return self._view(u, kernel.extents), self._view(out, extents), axes

    def _contraction(self, kernel: Contraction) -> None:
        u, out, axes = self._reduced(kernel, kernel.u)
        shape = tuple(kernel.extents[i] for i in range(len(kernel.extents)) if i not in axes)
        plain = kernel.coefficient == 1.0 and not kernel.accumulate
        into = out if plain else self._temporary(shape)
        if kernel.v is None:
            self._line(f"np.add.reduce({u}, axis={axes}, out={into})")
        elif product := self._matrix_product(kernel, into if plain else None):
            into = product
        else:
            v = self._view(kernel.v, kernel.extents)
            letters = LETTERS[: len(kernel.extents)]
            kept = "".join(c for i, c in enumerate(letters) if i not in axes)
            self._line(f'np.einsum("{letters},{letters}->{kept}", {u}, {v}, out={into})')
        if not plain:
            self._term(out, [into], kernel.coefficient, kernel.accumulate, shape)
        if kernel.after:
            self._after(kernel)

    def _after(self, kernel: Contraction) -> None:
        """The statements at each index of the result."""
        kept = [i for i, stride in enumerate(kernel.out.strides) if stride]
        extents = tuple(n if i in kept else 1 for i, n in enumerate(kernel.extents))
        self._kernel(Elementwise(extents, kernel.after))

    def _matrix_product(self, kernel: Contraction, out: str | None) -> str | None:
        """Call np.matmul if it does this; the name of the result, or None if it does not."""
        assert kernel.v is not None
        columns = zip(kernel.out.strides, kernel.u.strides, kernel.v.strides, strict=True)
        kinds = "".join(_kind(o, u, v) for o, u, v in columns)
        if "".join(sorted(kinds)) not in ("k", "km", "kn", "kmn"):
            return None
        m, n, k = ([i for i, c in enumerate(kinds) if c == kind] for kind in "mnk")
        left, right = self._part(kernel, kernel.u, m + k), self._part(kernel, kernel.v, k + n)
        if m > n and n:
            left, right = self._part(kernel, kernel.v, n + k), self._part(kernel, kernel.u, k + m)
        out = out or self._temporary(tuple(kernel.extents[i] for i in sorted(m + n)))
        self._line(f"np.matmul({left}, {right}, out={out})")
        return out

    def _part(self, kernel: Contraction, access: Access, axes: list[int]) -> str:
        """A view over some of the axes, in this order."""
        strides = tuple(access.strides[i] for i in axes)
        extents = tuple(kernel.extents[i] for i in axes)
        return self._view(Access(access.space, access.base, strides), extents)

    def _take(self, space: str, addresses: Integers, out: str) -> None:
        where = self._integers(addresses)
        self._line(f'np.take({self._whole(space)}, {where}, out={out}, mode="clip")')

    def _ragged(self, kernel: Ragged) -> None:
        numbers = self._temporary((len(kernel.u),))
        self._take(kernel.u_space, kernel.u, numbers)
        if kernel.v is not None:
            factors = self._temporary((len(kernel.v),))
            self._take(kernel.v_space, kernel.v, factors)
            self._line(f"np.multiply({numbers}, {factors}, out={numbers})")
        rows = len(kernel.start) - 1
        result = self._temporary((rows,))
        call = "np.add.reduceat" if kernel.reduction == "sum" else "np.maximum.reduceat"
        starts = self._integers(kernel.start[:-1])
        self._line(f"{call}({numbers}, {starts}, out={result})")
        out = self._block(kernel.base, rows)
        self._term(out, [result], kernel.coefficient, kernel.accumulate, (rows,))


def _kind(out: int, u: int, v: int) -> str:
    """What an axis is to a matrix product: m of the left, n of the right, k summed, b of both."""
    if not out:
        return "k"
    if not v:
        return "m"
    return "n" if not u else "b"


@cache
def _row_into(row: str, static: tuple[float, ...]) -> str:
    """The NumPy column of a row as a statement that writes to `{out}`; `{0}` is the first input."""
    names = [f"_{i}_" for i in range(OPS[row].arity)]
    column = OPS[row].numpy.format(*names, *map(repr, static))
    expression: Any = ast.parse(column, mode="eval").body
    call, arguments = "", []
    match expression:
        case ast.Call(ast.Attribute(ast.Name("np"), "power"), [x, _]) if (
            static and static[0] in EXACT_POWERS
        ):
            call, arguments = EXACT_POWERS[static[0]], [x]
        case ast.Call(ast.Attribute(ast.Name("np"), "power"), [x, ast.Constant(0.5)]):
            expression = ast.parse(ROOT.format(x=ast.unparse(x)), mode="eval").body
        case ast.Call(ast.Attribute(ast.Name("np"), name), args) if isinstance(
            getattr(np, name), np.ufunc
        ):
            call, arguments = name, args
        case ast.BinOp(left, sign, right) if type(sign) in INFIX:
            call, arguments = INFIX[type(sign)], [left, right]
        case ast.UnaryOp(ast.USub(), operand):
            call, arguments = "negative", [operand]
    if call:
        text = f"np.{call}({', '.join(map(ast.unparse, arguments))}, out={{out}})"
    else:
        text = f"{{out}}[...] = {ast.unparse(expression)}"
    for i, name in enumerate(names):
        text = text.replace(name, f"{{{i}}}")
    return text
