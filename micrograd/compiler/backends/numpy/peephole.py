"""A program for NumPy: copies left out, comparisons kept as booleans.

Each address is looked at by itself: which kernel writes it, and who reads it until when. What
cannot be shown to be the same is left as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from micrograd.compiler.backends import MASKS
from micrograd.compiler.backends.numpy.rows import is_choice, is_mask
from micrograd.compiler.backends.numpy.sums import single
from micrograd.compiler.nest.program import (
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
from micrograd.compiler.nest.spans import affine_reads, affine_writes, block_written, listed_reads
from micrograd.compiler.nest.touches import NEVER, Touches, view

Shape = tuple[int, ...]

FEW = 64  # numbers that are read as fast wherever they lie


def simplified(program: Program) -> Program:
    """The same program with fewer calls; work holds only what is kept after a run."""
    work = _Simplification(program)
    kernels = [work.changed(place) for place in range(len(work.kernels))]
    kept = [work.still_needed(place) for place in range(len(kernels))]
    first = work.update_from
    before, after = (
        tuple(k for k, keep in zip(kernels[part], kept[part], strict=True) if keep)
        for part in (slice(first), slice(first, None))
    )
    sizes = {**program.sizes, MASKS: len(program.work)}
    return replace(program, kernels=before + after, update_from=len(before), sizes=sizes)


class _Simplification:
    def __init__(self, program: Program) -> None:
        steps = single(program.kernels)
        self.kernels = [kernel for _, kernel in steps]
        self.update_from = sum(place < program.update_from for place, _ in steps)
        self._touches = Touches(program)
        sizes = {**program.sizes, "work": len(program.work)}
        self._first_write = {s: np.full(n, NEVER, np.int32) for s, n in sizes.items()}
        self._writes = np.zeros(sizes["work"], np.int32)  # how many kernels write it
        self._plain = np.zeros(sizes["work"], np.int32)  # reads other than as what a choice is by
        self._addresses = {space: np.arange(n) for space, n in sizes.items()}
        for place, kernel in enumerate(self.kernels):
            self._touches.note(kernel, place)
            self._note(place, kernel)
        self._choices_by_one_mask()
        self._needed = np.zeros(sizes["work"], bool)
        for base, length in [(program.loss, 1), *program.checked, *program.kept]:
            self._needed[base : base + length] = True
        # Of each address of work: what is read in its stead, and whether it is read nevertheless.
        self._space = np.zeros(sizes["work"], np.int64)  # its number in `names`, 0 for none
        self._instead = np.zeros(sizes["work"], np.int64)
        self._read_still = np.zeros(sizes["work"], bool)
        self._names = ["", *sizes]
        self._masked = np.zeros(sizes["work"], bool)
        self._dropped: dict[int, Integers] = {}  # places of copies, and what they write

    def _note(self, place: int, kernel: Kernel) -> None:
        for space, at in self._written(kernel):
            first = self._first_write[space]
            first[at] = np.minimum(first[at], place)
            if space == "work":
                self._writes[at] += 1
        extents: Shape = getattr(kernel, "extents", ())
        reads = affine_reads(kernel)
        if isinstance(kernel, Elementwise) and is_choice(kernel.statements[0].row):
            reads = reads[1:]
        listed = [(a.space, self._at(a, extents)) for a in reads] + listed_reads(kernel)
        for space, at in listed:
            if space == "work":
                self._plain[at] += 1

    def _choices_by_one_mask(self) -> None:
        """Let only those be choices whose conditions come from one kernel."""
        for kernel in self.kernels:
            if isinstance(kernel, Elementwise) and is_choice(kernel.statements[0].row):
                by = kernel.statements[0].inputs[0]
                at = self._at(by, kernel.extents)
                writers = self._touches.written[by.space][at]
                if by.space == "work" and writers.min() != writers.max():
                    self._plain[at] += 1

    def _at(self, access: Access, extents: Shape) -> Integers:
        """The addresses of an access, each once, in the order of its axes."""
        return view(self._addresses[access.space], access, extents)

    def _written(self, kernel: Kernel) -> list[tuple[str, Integers]]:
        extents: Shape = getattr(kernel, "extents", ())
        found = [(a.space, self._at(a, extents)) for a in affine_writes(kernel)]
        block = block_written(kernel)
        if block:
            found.append((block.space, np.arange(block.low, block.high + 1)))
        return found

    # ---- one kernel ----------------------------------------------------------------------------

    def changed(self, place: int) -> Kernel:
        """The kernel, reading what copies read; what it copies is read where it comes from."""
        kernel = self._reading(self.kernels[place])
        if isinstance(kernel, Gather):
            out = np.arange(kernel.base, kernel.base + len(kernel.index))
            self._pass_on(place, out, kernel.space, kernel.index)
        if not isinstance(kernel, Elementwise):
            return kernel
        (s,) = kernel.statements
        if s.out.space != "work":
            return kernel
        out = self._at(s.out, kernel.extents)
        if s.row == TERM and s.coefficient == 1.0 and not s.accumulate and len(s.inputs) == 1:
            self._pass_on(place, out, s.inputs[0].space, self._source(s, kernel.extents))
        elif is_mask(s.row) and self._passes(place, out) and not self._plain[out].any():
            self._masked[out] = True
            return replace(kernel, statements=(replace(s, out=replace(s.out, space=MASKS)),))
        return kernel

    def still_needed(self, place: int) -> bool:
        """False of a copy that nothing reads any more."""
        return place not in self._dropped or bool(self._read_still[self._dropped[place]].any())

    def _source(self, s: Statement, extents: Shape) -> Integers:
        """The addresses of the input, over the axes of the output's addresses."""
        (access,) = s.inputs
        pairs = zip(extents, s.out.strides, access.strides, strict=True)
        axes = [(n, stride) for n, along, stride in pairs if along and n > 1]
        array = self._addresses[access.space][access.base :]
        strides = [stride * array.itemsize for _, stride in axes]
        return as_strided(array, [n for n, _ in axes], strides)

    def _passes(self, place: int, out: Integers) -> bool:
        """Whether these are of this kernel alone, read by later ones, and not read after a run."""
        return bool(
            (self._writes[out] == 1).all()
            and (self._touches.first_read["work"][out] > place).all()
            and not self._needed[out].any()
        )

    def _pass_on(self, place: int, out: Integers, space: str, source: Integers) -> None:
        """Let what is copied be read where it comes from, if it is the same until the end."""
        if not self._passes(place, out):
            return
        last = self._touches.read["work"][out]
        later = self._first_write[space][source] > last
        if not ((self._touches.written[space][source] < place) | later).all():
            return
        self._space[out] = self._names.index(space)
        self._instead[out] = source
        np.maximum.at(self._touches.read[space], source, last)
        self._dropped[place] = np.array(out)

    # ---- what is read instead --------------------------------------------------------------------

    def _reading(self, kernel: Kernel) -> Kernel:
        match kernel:
            case Elementwise():
                (s,) = kernel.statements
                return replace(kernel, statements=(self._statement(s, kernel.extents),))
            case Contraction():
                after = tuple(self._statement(s, kernel.extents) for s in kernel.after)
                u = self._access(kernel.u, kernel.extents)
                v = None if kernel.v is None else self._access(kernel.v, kernel.extents)
                return replace(kernel, u=u, v=v, after=after)
            case Maximum():
                return replace(kernel, u=self._access(kernel.u, kernel.extents))
            case Gather():
                return replace(kernel, **self._listed("space", kernel.space, "index", kernel.index))
            case Ragged():
                changes = self._listed("u_space", kernel.u_space, "u", kernel.u)
                if kernel.v is not None:
                    changes |= self._listed("v_space", kernel.v_space, "v", kernel.v)
                return replace(kernel, **changes)
            case OneHot():
                return kernel

    def _statement(self, s: Statement, extents: Shape) -> Statement:
        lasting = s.out.space != "work"
        return replace(s, inputs=tuple(self._access(a, extents, lasting) for a in s.inputs))

    def _access(self, access: Access, extents: Shape, from_work: bool = False) -> Access:
        """What is read in the stead of these addresses, where that is affine, too."""
        if access.space != "work":
            return access
        at = self._at(access, extents)
        if self._masked[at].all():
            return replace(access, space=MASKS)
        spaces = self._space[at]
        if not spaces.any():
            return access
        instead = self._affine(spaces, self._instead[at], access, extents)
        if instead is None or (from_work and instead.space != "work"):
            self._read_still[at] = True
            return access
        return instead

    def _affine(
        self, spaces: Integers, source: Integers, access: Access, extents: Shape
    ) -> Access | None:
        """The access with these addresses, over the axes of another; None if there is none."""
        number, base = int(spaces.flat[0]), int(source.flat[0])
        if (spaces != number).any():
            return None
        moving = [bool(s) and n > 1 for n, s in zip(extents, access.strides, strict=True)]
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
        return Access(self._names[number], base, strides)

    def _listed(self, space_name: str, space: str, name: str, at: Integers) -> dict[str, Any]:
        """The fields of a list of operands, where they are read in its stead."""
        if space != "work":
            return {}
        spaces = self._space[at]
        own, other = self._names.index(space), int(spaces.max(initial=0))
        if (spaces == other).all() and other:
            return {space_name: self._names[other], name: self._instead[at]}
        passed = spaces == own
        self._read_still[at[(spaces != 0) & ~passed]] = True
        return {space_name: space, name: np.where(passed, self._instead[at], at)}
