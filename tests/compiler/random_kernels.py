"""Programs drawn at random: every kind of kernel, over affine shapes of all sorts."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from nests import rows, summed, taken

from micrograd.compiler.nest.ir import (
    GRADIENTS,
    PARAMETERS,
    STATE,
    TERM,
    WORK,
    Affine,
    Nest,
    Program,
    Space,
    Statement,
    argument,
    integers,
    maximum,
    one_hot,
)
from micrograd.compiler.nest.verify import ProgramError, check
from micrograd.ops import OPS

EXTENTS = (1, 1, 2, 3, 5, 7, 8, 9, 13, 15, 16, 17, 24, 31, 33, 64, 70)
SIZES = {
    PARAMETERS: 300,
    STATE: 100,
    argument(0): 400,
    argument(1): 90,
    integers(0): 40,
    GRADIENTS: 8,
}
GIVEN = 300  # numbers that work begins with
TAME = ("add", "sub", "mul", "less", "select", "maximum", "minimum", "abs", "relu", "tanh", "sin")
COEFFICIENTS = (1.0, 1.0, -1.0, 0.25)


class Draw:
    """Kernels over what is in work so far; each writes to a place of its own or what it made."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.top = GIVEN
        self.made: list[tuple[Affine, tuple[int, ...]]] = []

    def extents(self, axes: int, most: int = 3000) -> tuple[int, ...]:
        while True:
            extents = tuple(self.rng.choice(EXTENTS) for _ in range(axes))
            if math.prod(extents) <= most:
                return extents

    def source(self, extents: tuple[int, ...]) -> Affine:
        """An operand: dense in some order of the axes, spread out, broadcast along some."""
        rng = self.rng
        if self.made and rng.random() < 0.5:
            access, shape = rng.choice(self.made)
            if shape == extents:
                return access
        while True:
            space = rng.choice([WORK, WORK, PARAMETERS, STATE, argument(0), argument(1)])
            size = GIVEN if space == WORK else SIZES[space]
            strides = [0] * len(extents)
            step = rng.choice((1, 1, 1, 2, 3))
            for axis in rng.sample(range(len(extents)), len(extents)):
                if rng.random() < 0.7 and step * extents[axis] <= size:
                    strides[axis] = step
                    step *= extents[axis]
            low = sum(s * (n - 1) for s, n in zip(strides, extents, strict=True))
            if low < size:
                base = rng.randrange(size - low)
                if strides and rng.random() < 0.1:  # backwards
                    axis = rng.randrange(len(extents))
                    base += strides[axis] * (extents[axis] - 1)
                    strides[axis] *= -1
                return Affine(space, base, tuple(strides))

    def target(self, extents: tuple[int, ...], reduced: tuple[int, ...] = ()) -> Affine:
        """A new place in work."""
        strides = [0] * len(extents)
        axes = [i for i in range(len(extents)) if i not in reduced]
        if self.rng.random() < 0.3:
            self.rng.shuffle(axes)
        step = self.rng.choice((1, 1, 1, 2))
        for axis in reversed(axes):
            strides[axis] = step
            step *= extents[axis] + self.rng.choice((0, 0, 1))
        access = Affine(WORK, self.top, tuple(strides))
        self.top += step + 3
        return access

    def elementwise(self) -> Nest:
        extents = self.extents(self.rng.randrange(4))
        statements: list[Statement] = []
        for _ in range(self.rng.randrange(1, 5)):
            own = [s.out for s in statements]
            reused = bool(own) and self.rng.random() < 0.3
            out = self.rng.choice(own) if reused else self.target(extents)

            def operand(own: list[Affine] = own) -> Affine:
                chosen = own and self.rng.random() < 0.5
                return self.rng.choice(own) if chosen else self.source(extents)

            if self.rng.random() < 0.5:
                inputs = tuple(operand() for _ in range(self.rng.randrange(3)))
                c = self.rng.choice(COEFFICIENTS)
                accumulate = reused or self.rng.random() < 0.1
                s = Statement(TERM, out, inputs, coefficient=c, accumulate=accumulate)
            else:
                row = self.rng.choice(TAME)
                s = Statement(row, out, tuple(operand() for _ in range(OPS[row].arity)))
            statements.append(s)
        self.made += [(s.out, extents) for s in statements]
        return Nest(extents, tuple(statements))

    def reduced(self) -> tuple[tuple[int, ...], Affine]:
        axes = self.rng.randrange(4)
        extents = self.extents(axes, 4000)
        reduced = tuple(i for i in range(axes) if self.rng.random() < 0.5)
        out = self.target(extents, reduced)
        if not reduced:
            self.made.append((out, extents))
        return extents, out

    def contraction(self) -> Nest:
        extents, out = self.reduced()
        v = self.source(extents) if self.rng.random() < 0.8 else None
        c = self.rng.choice(COEFFICIENTS)
        return summed(extents, out, self.source(extents), v, c, self.rng.random() < 0.3)

    def maximum(self) -> Nest:
        extents, out = self.reduced()
        return maximum(extents, out, self.source(extents))

    def addresses(self, count: int) -> tuple[Space, np.ndarray]:
        space = self.rng.choice([WORK, PARAMETERS, argument(0)])
        size = GIVEN if space == WORK else SIZES[space]
        listed = [self.rng.randrange(size) for _ in range(count)]
        return space, np.array(listed, np.int64)

    def gather(self) -> Nest:
        space, index = self.addresses(self.rng.choice(EXTENTS))
        base, self.top = self.top, self.top + len(index) + 1
        return taken(base, space, index)

    def ragged(self) -> Nest:
        lengths = [self.rng.randrange(1, 7) for _ in range(self.rng.choice(EXTENTS))]
        start = np.cumsum([0, *lengths])
        base, self.top = self.top, self.top + len(lengths) + 1
        u_space, u = self.addresses(start[-1])
        if self.rng.random() < 0.3:
            return rows(base, "max", start, u_space, u, WORK, None, 1.0, False)
        v_space, v = self.addresses(start[-1])
        c = self.rng.choice(COEFFICIENTS)
        with_v = v if self.rng.random() < 0.6 else None
        return rows(base, "add", start, u_space, u, v_space, with_v, c, self.rng.random() < 0.3)

    def regular(self) -> Nest:
        """Runs of addresses, and rows that differ by their place in a run."""
        rng, width = self.rng, self.rng.choice((2, 4, 8, 16))
        lengths = [rng.randrange(1, 6) for _ in range(rng.choice((1, 2, 5)))]
        start = np.cumsum([0, *np.repeat(lengths, width)])

        def runs(step: int) -> np.ndarray:
            found = []
            for n in lengths:
                first = np.array([rng.randrange(200) for _ in range(n)])
                found += [first + step * lane for lane in range(width)]
            return np.concatenate(found)

        base, self.top = self.top, self.top + 100
        if rng.random() < 0.4:
            firsts = [rng.randrange(200) for _ in range(6)]
            index = np.concatenate([np.arange(n, n + width) for n in firsts])
            return taken(base, WORK, index[: rng.choice((6, 5)) * width + rng.choice((0, -1))])
        u, v = runs(rng.randrange(2)), runs(rng.randrange(2))
        accumulate, with_v = rng.random() < 0.5, v if rng.random() < 0.7 else None
        if with_v is None and rng.random() < 0.5:
            return rows(base, "max", start, WORK, u, WORK, None, 1.0, False)
        return rows(base, "add", start, WORK, u, argument(0), with_v, -0.5, accumulate)

    def one_hot(self) -> Nest:
        extents = tuple(self.rng.choice((1, 2, 5, 8, 9, 17)) for _ in range(2))
        axis = self.rng.randrange(2)
        strides = (0, self.rng.choice((1, 2))) if axis == 0 else (self.rng.choice((0, 1, 2)), 0)
        out = self.target(extents)
        self.made.append((out, extents))
        return one_hot(extents, axis, out, Affine(integers(0), self.rng.randrange(5), strides))

    def kernel(self) -> Nest:
        kinds: list[Callable[[], Nest]] = [
            self.elementwise, self.elementwise, self.contraction, self.contraction,
            self.maximum, self.gather, self.ragged, self.regular, self.one_hot,
        ]  # fmt: skip
        return self.rng.choice(kinds)()


def random_program(seed: int, nests: int = 6) -> Program:
    """A valid program: kernels, and copies of what they made, which are kept.

    With an odd seed an update, which has no loss and copies into parameters and state.
    """
    draw = Draw(seed)
    body: list[Nest] = []
    while len(body) < nests:
        top, made = draw.top, list(draw.made)
        kernel = draw.kernel()
        try:
            check(_program([kernel], draw, False, []))
        except ProgramError:  # it meets itself
            draw.top, draw.made = top, made
        else:
            body.append(kernel)
    update, kept = seed % 2 == 1, list[tuple[int, int]]()
    free = {PARAMETERS: 0, STATE: 0}
    for access, extents in draw.rng.sample(draw.made, min(3, len(draw.made))):
        space = draw.rng.choice([PARAMETERS, STATE])
        size = math.prod(extents)
        if free[space] + size <= SIZES[space]:
            dense = tuple(math.prod(extents[i + 1 :]) for i in range(len(extents)))
            new = draw.target(extents)
            half = Statement(TERM, new, (access,), coefficient=0.5)
            body.append(Nest(extents, (half,)))
            target = Affine(space, free[space], dense)
            if not update:
                target = Affine(WORK, draw.top, dense)
                kept.append((draw.top, size))
                draw.top += size
            body.append(Nest(extents, (Statement(TERM, target, (new,)),)))
            free[space] += size
    return _program(body, draw, update, kept)


def _program(nests: list[Nest], draw: Draw, update: bool, kept: list[tuple[int, int]]) -> Program:
    work = np.zeros(draw.top + 5)
    work[:GIVEN] = np.random.default_rng(1).normal(size=GIVEN)
    loss, checked = (None, ()) if update else (draw.top - 4, ((0, GIVEN),))
    return Program(tuple(nests), work, SIZES, loss, checked, tuple(kept))


def left_by(program: Program, spaces: dict[Space, np.ndarray]) -> dict[str, np.ndarray]:
    """What a program that has run leaves behind."""
    kept = [spaces[WORK][base : base + length] for base, length in program.kept]
    return {
        "kept": np.concatenate([np.zeros(0), *kept]),
        "parameters": spaces[PARAMETERS],
        "state": spaces[STATE],
    }


def random_spaces(seed: int, dtype: str) -> dict[str, np.ndarray]:
    """Numbers for all spaces but work."""
    rng = np.random.default_rng(seed)
    return {
        space: rng.integers(0, 9, size)
        if space == integers(0)
        else rng.normal(size=size).astype(dtype)
        for space, size in SIZES.items()
    }
