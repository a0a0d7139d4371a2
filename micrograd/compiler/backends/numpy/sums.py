"""Sums of two terms in one call: a statement that writes what the next kernel adds to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from micrograd.compiler.nest.axes import as_statement, merged, ordered, reduces, refined
from micrograd.compiler.nest.program import (
    TERM,
    Access,
    Contraction,
    Elementwise,
    Kernel,
    Statement,
)
from micrograd.compiler.nest.spans import span

Shape = tuple[int, ...]


def single(kernels: Sequence[Kernel]) -> list[tuple[int, Kernel]]:
    """The kernels with their places, those of several statements as one kernel for each."""
    found: list[tuple[int, Kernel]] = []
    for place, kernel in enumerate(kernels):
        if isinstance(kernel, Contraction) and not reduces(kernel):
            kernel = as_statement(kernel)
        if isinstance(kernel, Elementwise):
            found += [(place, Elementwise(kernel.extents, (s,))) for s in kernel.statements]
        else:
            found.append((place, kernel))
    return found


def starts(kernels: Sequence[Kernel]) -> Iterator[tuple[int, Kernel, Statement | None]]:
    """The kernels with their places; of one that accumulates also the statement right before it.

    That statement, over the axes of the result, then runs with the kernel: it is what is added to.
    """
    steps = single(kernels)
    i = 0
    while i < len(steps):
        place, kernel = steps[i]
        i += 1
        if i < len(steps):
            pair = _pair(kernel, steps[i][1])
            if pair is not None:
                yield (steps[i][0], *pair)
                i += 1
                continue
        yield place, kernel, None


def _pair(first: Kernel, second: Kernel) -> tuple[Kernel, Statement] | None:
    """The second kernel and what it adds to, if that is what the first one writes."""
    if not isinstance(first, Elementwise) or not isinstance(second, Elementwise | Contraction):
        return None
    (s,) = first.statements
    if s.row != TERM or s.accumulate or s.out.space != "work":
        return None
    if isinstance(second, Elementwise):
        (t,) = second.statements
        if t.row != TERM or not t.accumulate or t.out.base != s.out.base:
            return None
        one, two = ordered(first), ordered(second)
        one = refined(one, two.extents) or one
        two = refined(two, one.extents) or two
        if one.extents != two.extents:
            return None
        both = merged(replace(one, statements=one.statements + two.statements))
        (s, t), extents = both.statements, both.extents
        if s.out != t.out or _touches((*s.inputs, *t.inputs), t.out, extents):
            return None
        return Elementwise(extents, (t,)), s
    if not second.accumulate or second.out.base != s.out.base:
        return None
    second = merged(second)
    kept = [i for i, stride in enumerate(second.out.strides) if stride]
    shape = tuple(second.extents[i] for i in kept)
    start = refined(ordered(first), shape)
    if start is None:
        return None
    (s,) = start.statements
    operands = (second.u,) if second.v is None else (second.u, second.v)
    same = s.out == Access("work", second.out.base, tuple(second.out.strides[i] for i in kept))
    if not same or _touches(s.inputs, s.out, shape):
        return None
    if _touches(operands, second.out, second.extents):
        return None
    return second, s


def _touches(inputs: Sequence[Access], out: Access, extents: Shape) -> bool:
    own = span(out, extents)
    return any(span(access, extents).meets(own) for access in inputs)
