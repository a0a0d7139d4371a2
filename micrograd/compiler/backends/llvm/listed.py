"""Kernels that look addresses or choices up in integers, and the check for what is not finite.

What is regular in such addresses is found first: neighbours that vectors can take the place of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from micrograd.compiler.backends.llvm.functions import Instructions
from micrograd.compiler.backends.llvm.ir import Body, Segment, segments
from micrograd.compiler.nest.ir import Integers, Listed, Nest, Shape

SIZES = (16, 8, 4)  # of the vectors looked for


@dataclass(frozen=True, slots=True)
class Alike:
    """So many rows at a time are as long as the first, at addresses that differ by the strides."""

    rows: int = 1
    u: int = 0
    v: int = 0


def run_length(index: Integers, lanes: int) -> int:
    """A size such that all runs of it, from the first on, lie one after the other; or 1."""
    for size in SIZES:
        if size <= lanes and len(index) >= size:
            runs = index[: len(index) // size * size].reshape(-1, size)
            if (np.diff(runs) == 1).all():
                return size
    return 1


def rows_alike(starts: Integers, factors: Sequence[Listed], lanes: int) -> Alike:
    """The largest groups of rows that differ by strides of 0 and 1 only."""
    count = len(starts) - 1
    lengths = np.diff(starts)
    row = np.repeat(np.arange(count), lengths)
    for size in SIZES:
        if size > lanes or count % size or np.ptp(lengths.reshape(-1, size), axis=1).any():
            continue
        lane = row % size
        first = np.arange(len(row)) - starts[row] + starts[row - lane]
        strides = [_stride(x.index, first, lane) for x in factors]
        known = [stride for stride in strides if stride is not None]
        if len(known) == len(strides):
            return Alike(size, *known)
    return Alike()


def _stride(addresses: Integers, first: Integers, lane: Integers) -> int | None:
    """0 or 1, if the addresses of all rows differ by that from those of the first."""
    apart = addresses - addresses[first]
    if not apart.any():
        return 0
    return 1 if (apart == lane).all() else None


UNROLL = 4


def emit_gather(body: Body, count: int, lanes: int) -> None:
    """Copy `%n · count` numbers, from %source at the addresses in %index to %out.

    So many lanes at a time have addresses one after the other.
    """

    def step(i: str) -> None:
        index = body.moved("%index", i, count, "i64")
        out = body.moved("%out", i, count)
        for k in range(0, count, lanes):
            address = body.value(f"load i64, ptr {body.moved(index, str(k), 1, 'i64')}")
            x = body.load(body.moved("%source", address, 1), 0, 1, lanes, lanes)
            body.store(x, out, k, 1, lanes, lanes)

    body.each("%n", step)


def emit_ragged(body: Body, nest: Nest, alike: Alike) -> None:
    """Reduce %n groups of rows: %out, %u_source, %u, %v_source, %v and %start are pointers.

    A number, %c, is the coefficient.
    """
    lanes = alike.rows
    m = Instructions(body, lanes)
    largest = nest.reduce == "max"

    def numbers(source: str, index: str, j: str, stride: int) -> str:
        place = body.moved(index, j, 1, "i64")
        address = body.value(f"load i64, ptr {place}")
        return body.load(body.moved(source, address, 1), 0, stride, lanes, lanes)

    def group(i: str) -> None:
        start = body.moved("%start", i, lanes, "i64")
        first = body.value(f"load i64, ptr {start}")
        end = body.value(f"load i64, ptr {body.moved(start, '1', 1, 'i64')}")
        count = body.value(f"sub nuw nsw i64 {end}, {first}")

        def step(j: str, total: list[str]) -> list[str]:
            place = body.value(f"add nuw nsw i64 {first}, {j}")
            x = numbers("%u_source", "%u", place, alike.u)
            if len(nest.first.inputs) == 2:
                return [m.fma(x, numbers("%v_source", "%v", place, alike.v), total[0])]
            return [m.maximum(total[0], x) if largest else m.fadd(total[0], x)]

        (total,) = body.repeat(count, lanes, [m.text(-math.inf if largest else 0.0)], step)
        out = body.moved("%out", i, lanes)
        c = "%c" if lanes == 1 else body.spread("%c", lanes)
        before = body.load(out, 0, 1, lanes, lanes) if nest.first.accumulate else None
        total = m.term(c, [total], before)
        body.store(total, out, 0, 1, lanes, lanes)

    body.each("%n", group)


@dataclass(frozen=True, slots=True)
class OneHot:
    """Choices by run-time integers: the axis of the choices, and how result and integers lie."""

    extents: Shape
    axis: int
    out: Shape
    ids: Shape


def emit_one_hot(body: Body, hot: OneHot) -> None:
    """Compare %ids with the indices of their axis: in vectors where those lie side by side."""
    outer = [i for i in range(len(hot.extents)) if i != hot.axis]
    n, stride = hot.extents[hot.axis], hot.out[hot.axis]
    lanes = body.lanes if stride == 1 and n > 1 else 1

    def compare(place: str, chosen: str, part: Segment, index: str) -> None:
        size = len(part.active) * lanes
        place = body.moved(place, index, stride * size)
        done = body.value(f"mul nsw i64 {index}, {size}")
        relative = body.value(f"sub nsw i64 {chosen}, {done}")
        kind = "i64" if lanes == 1 else f"<{lanes} x i64>"
        wanted = relative if lanes == 1 else body.spread(relative, lanes, "i64")
        m = Instructions(body, lanes)
        for k, active in enumerate(part.active):
            first = part.start + k * lanes
            choices = [str(first + lane) for lane in range(lanes)]
            listed = f"<{', '.join(f'i64 {c}' for c in choices)}>" if lanes > 1 else choices[0]
            equal = body.value(f"icmp eq {kind} {wanted}, {listed}")
            x = m.select(equal, 1.0, 0.0)
            body.store(x, place, first * stride, stride, lanes, active)

    def nest(level: int, place: str, identity: str) -> None:
        if level == len(outer):
            chosen = body.value(f"load i64, ptr {identity}")
            for part in segments(n, lanes, UNROLL):
                body.each(part.trips, partial(compare, place, chosen, part))
            return
        axis = outer[level]

        def step(index: str) -> None:
            moved = body.moved(place, index, hot.out[axis])
            nest(level + 1, moved, body.moved(identity, index, hot.ids[axis], "i64"))

        body.each(hot.extents[axis], step)

    nest(0, "%out", "%ids")


def emit_finite(body: Body, n: int) -> None:
    """Return whether the n numbers at %p are finite: 0 times any of them is 0 then."""
    m = Instructions(body, body.lanes)
    parts = segments(n, body.lanes, UNROLL)
    sums = [m.text(0.0)] * max(len(part.active) for part in parts)
    for part in parts:
        size = len(part.active) * body.lanes

        def step(index: str, sums: list[str], part: Segment = part, size: int = size) -> list[str]:
            place = body.moved("%p", index, size)
            sums = list(sums)
            for k, active in enumerate(part.active):
                x = body.load(place, part.start + k * body.lanes, 1, body.lanes, active)
                sums[k] = m.fma(x, 0.0, sums[k])
            return sums

        sums = body.repeat(part.trips, body.lanes, sums, step)
    total = sums[0]
    for x in sums[1:]:
        total = m.fadd(total, x)
    finite = Instructions(body, 1).fcmp("ord", m.sum(total), 0.0)
    body.line(f"ret i1 {finite}")
