"""A program for NumPy: copies left out, comparisons kept as booleans.

Each address is looked at by itself: which kernel writes it, and who reads it until when. What
cannot be shown to be the same is left as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from micrograd.compiler.backends.numpy.rows import is_choice, is_mask
from micrograd.compiler.nest.ir import (
    MASKS,
    TERM,
    WORK,
    Affine,
    Integers,
    Listed,
    Nest,
    Program,
    Shape,
    Space,
    Statement,
)
from micrograd.compiler.nest.spans import NEVER, Touches, listed, reads, view, writes

FEW = 64  # numbers that are read as fast wherever they lie


def simplified(program: Program) -> Program:
    """The same program with fewer calls; work holds only what is kept after a run."""
    work = _Simplification(program)
    nests = [work.changed(place) for place in range(len(work.nests))]
    kept = [work.still_needed(place) for place in range(len(nests))]
    left = tuple(nest for nest, keep in zip(nests, kept, strict=True) if keep)
    return replace(program, nests=left, sizes={**program.sizes, MASKS: len(program.work)})


def _single(nests: tuple[Nest, ...]) -> list[Nest]:
    """The nests, those of several statements as one for each."""
    return [
        part
        for nest in nests
        for part in ([nest] if nest.reduce else [replace(nest, body=(s,)) for s in nest.body])
    ]


class _Simplification:
    def __init__(self, program: Program) -> None:
        self.nests = _single(program.nests)
        self._touches = Touches(program)
        sizes = program.all_sizes
        self._first_write = {space: np.full(n, NEVER, np.int32) for space, n in sizes.items()}
        self._writes = np.zeros(sizes[WORK], np.int32)  # how many nests write it
        self._plain = np.zeros(sizes[WORK], np.int32)  # reads other than as what a choice is by
        self._addresses = {space: np.arange(n) for space, n in sizes.items()}
        for place, nest in enumerate(self.nests):
            self._touches.note(nest, place)
            self._note(place, nest)
        self._choices_by_one_mask()
        self._needed = program.needed
        if program.sequence:
            self._plain[self._needed] += 1
        # Of each address of work: what is read in its stead, and whether it is read nevertheless.
        self._space = np.zeros(sizes[WORK], np.int64)  # its place in `spaces`, 0 for none
        self._instead = np.zeros(sizes[WORK], np.int64)
        self._read_still = np.zeros(sizes[WORK], bool)
        self._spaces = [MASKS, *sizes]
        self._masked = np.zeros(sizes[WORK], bool)
        self._dropped: dict[int, Integers] = {}  # places of copies, and what they write

    def _note(self, place: int, nest: Nest) -> None:
        for x in writes(nest):
            at = self._at(x, nest.extents)
            first = self._first_write[x.space]
            first[at] = np.minimum(first[at], place)
            if x.space is WORK:
                self._writes[at] += 1
        found = reads(nest)[is_choice(nest.first.row) :]  # what a choice is by comes first
        read = [(x.space, self._at(x, nest.extents)) for x in found]
        for space, at in [*read, *((x.space, x.index) for x in listed(nest))]:
            if space is WORK:
                self._plain[at] += 1

    def _choices_by_one_mask(self) -> None:
        """Let only those be choices whose conditions come from one nest."""
        for nest in self.nests:
            if is_choice(nest.first.row):
                by = nest.first.inputs[0]
                at = self._at(by, nest.extents)
                writers = self._touches.written[by.space][at]
                if by.space is WORK and writers.min() != writers.max():
                    self._plain[at] += 1

    def _at(self, x: Affine, extents: Shape) -> Integers:
        """The addresses of an operand, each once, in the order of its axes."""
        return view(self._addresses[x.space], x, extents)

    # ---- one nest ------------------------------------------------------------------------------

    def changed(self, place: int) -> Nest:
        """The nest, reading what copies read; what it copies is read where it comes from."""
        nest = self._reading(self.nests[place])
        s = nest.first
        if nest.reduce or s.out.space is not WORK:
            return nest
        out = self._at(s.out, nest.extents)
        if s.row == TERM and s.coefficient == 1.0 and not s.accumulate and len(s.inputs) == 1:
            self._pass_on(place, out, s.inputs[0].space, self._source(s, nest.extents))
        elif is_mask(s.row) and self._passes(place, out) and not self._plain[out].any():
            self._masked[out] = True
            return replace(nest, body=(replace(s, out=s.out._replace(space=MASKS)),))
        return nest

    def still_needed(self, place: int) -> bool:
        """False of a copy that nothing reads any more."""
        return place not in self._dropped or bool(self._read_still[self._dropped[place]].any())

    def _source(self, s: Statement, extents: Shape) -> Integers:
        """The addresses of the input, over the axes of the output's addresses."""
        (x,) = s.inputs
        if isinstance(x, Listed):
            return x.index.reshape([n for n in extents if n > 1])
        pairs = zip(extents, s.out.strides, x.strides, strict=True)
        axes = [(n, stride) for n, along, stride in pairs if along and n > 1]
        array = self._addresses[x.space][x.base :]
        strides = [stride * array.itemsize for _, stride in axes]
        return as_strided(array, [n for n, _ in axes], strides)

    def _passes(self, place: int, out: Integers) -> bool:
        """Whether these are of this kernel alone, read by later ones, and not read after a run."""
        return bool(
            (self._writes[out] == 1).all()
            and (self._touches.first_read[WORK][out] > place).all()
            and not self._needed[out].any()
        )

    def _pass_on(self, place: int, out: Integers, space: Space, source: Integers) -> None:
        """Let what is copied be read where it comes from, if it is the same until the end."""
        if not self._passes(place, out):
            return
        last = self._touches.read[WORK][out]
        later = self._first_write[space][source] > last
        if not ((self._touches.written[space][source] < place) | later).all():
            return
        self._space[out] = self._spaces.index(space)
        self._instead[out] = source
        np.maximum.at(self._touches.read[space], source, last)
        self._dropped[place] = np.array(out)

    # ---- what is read instead --------------------------------------------------------------------

    def _reading(self, nest: Nest) -> Nest:
        body = []
        for s in nest.body:
            inputs: list[Any] = []
            for x in s.inputs:
                if isinstance(x, Affine):
                    inputs.append(self._affine(x, nest.extents, s.out.space is not WORK))
                else:
                    inputs.append(self._listed(x) if isinstance(x, Listed) else x)
            body.append(replace(s, inputs=tuple(inputs)))
        return replace(nest, body=tuple(body))

    def _affine(self, x: Affine, extents: Shape, from_work: bool) -> Affine:
        """What is read in the stead of these addresses, where that is affine, too."""
        if x.space is not WORK:
            return x
        at = self._at(x, extents)
        if self._masked[at].all():
            return x._replace(space=MASKS)
        spaces = self._space[at]
        if not spaces.any():
            return x
        instead = self._over_axes(spaces, self._instead[at], x, extents)
        if instead is None or (from_work and instead.space is not WORK):
            self._read_still[at] = True
            return x
        return instead

    def _over_axes(
        self, spaces: Integers, source: Integers, x: Affine, extents: Shape
    ) -> Affine | None:
        """The operand with these addresses, over the axes of another; None if there is none."""
        number, base = int(spaces.flat[0]), int(source.flat[0])
        if (spaces != number).any():
            return None
        moving = [bool(s) and n > 1 for n, s in zip(extents, x.strides, strict=True)]
        steps = [int(source.take(1, axis).flat[0]) - base for axis in range(source.ndim)]
        expected = np.full(source.shape, base)
        for axis, (n, step) in enumerate(zip(source.shape, steps, strict=True)):
            along = [1] * source.ndim
            along[axis] = n
            expected += (step * np.arange(n)).reshape(along)
        near = source.size <= FEW or 1 in steps or not any(steps)
        if not near or (expected != source).any():
            return None
        left = iter(steps)
        strides = tuple(next(left) if moves else 0 for moves in moving)
        return Affine(self._spaces[number], base, strides)

    def _listed(self, x: Listed) -> Listed:
        """What is read in the stead of what is listed."""
        if x.space is not WORK:
            return x
        spaces, instead = self._space[x.index], self._instead[x.index]
        own, other = self._spaces.index(WORK), int(spaces.max(initial=0))
        if other and (spaces == other).all():
            return Listed(self._spaces[other], instead)
        passed = spaces == own
        self._read_still[x.index[(spaces != 0) & ~passed]] = True
        return Listed(WORK, np.where(passed, instead, x.index))
