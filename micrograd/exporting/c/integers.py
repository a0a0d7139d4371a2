"""Tests of run-time integers: nothing is computed of those that no trace has had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from micrograd.compiler.trace.arguments.stand_ins import IndexGroup
from micrograd.compiler.trace.traced import ANY, Traced
from micrograd.errors import CompileError
from micrograd.exporting.c.interface import CArgument
from micrograd.exporting.c.programs import CPrograms
from micrograd.exporting.c.rows import number

MOST_INTEGERS = 64  # that a test names one by one


def tests(exported: CPrograms, arguments: Sequence[CArgument], suffix: str) -> Iterator[str]:
    """Statements that return NAN where an integer is none of those that the program is for."""
    made, known = exported.traced.stand_ins, allowed(exported.traced)
    lanes = exported.gradient.lanes
    answer = f"return {number(float('nan'), suffix)};"
    for x in arguments:
        if not x.is_integer:
            continue
        of: dict[tuple[int, ...], list[int]] = {}
        for k, at in enumerate(made.ids_at):
            if made.ids_argument[k] == x.space.number:
                of.setdefault(known[made.ids_group[k]], []).append(at)
        for numbers, places in of.items():
            yield from _test(x, numbers, sorted(places), lanes, answer)


def allowed(traced: Traced) -> dict[IndexGroup, tuple[int, ...]]:
    """The integers of each group that a program is for: places of a list, or those it has had."""
    if traced.choices is None:
        return {group: tuple(sorted(numbers)) for group, numbers in traced.tried.items()}
    found: dict[IndexGroup, tuple[int, ...]] = {}
    for group, extent in zip(traced.stand_ins.ids_group, traced.extents.tolist(), strict=True):
        numbers = tuple(range(extent)) if extent < ANY else tuple(sorted(traced.tried[group]))
        found[group] = min(numbers, found.get(group, numbers), key=len)
    return found


def counted(count: int, body: Sequence[str]) -> list[str]:
    """The lines for each i below the count."""
    return [f"for (int i = 0; i < {count}; i++) {{", *(f"    {x}" for x in body), "}"]


def _test(
    x: CArgument, numbers: Sequence[int], places: list[int], lanes: int, answer: str
) -> Iterator[str]:
    def refused(name: str) -> list[str]:
        return [f"if ({_outside(name, numbers)}) {{", f"    {answer}", "}"]

    single = x.size // max(lanes, 1)
    if x.scalar:
        yield from refused(x.name)
    elif places == list(range(single)):
        yield from counted(x.size, refused(f"{x.name}[i]"))
    else:
        for at in places:
            if lanes:
                yield from counted(lanes, refused(f"{x.name}[{single} * i + {at}]"))
            else:
                yield from refused(f"{x.name}[{at}]")


def _outside(x: str, numbers: Sequence[int]) -> str:
    low, high = numbers[0], numbers[-1]
    if list(numbers) == list(range(low, high + 1)):
        return f"{x} < {low} || {x} > {high}"
    if len(numbers) > MOST_INTEGERS:
        raise CompileError(
            f"cannot be written in C: {x} may be one of {len(numbers)} integers with gaps"
        )
    return " && ".join(f"{x} != {k}" for k in numbers)
