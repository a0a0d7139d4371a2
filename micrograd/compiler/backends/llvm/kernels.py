"""Kernels that programs share: compiled once, however many programs call them.

Programs of one function for lists of other lengths differ, for the most part, in how often loops
run and in where numbers lie. So these numbers become arguments of a kernel, and what is left of its
text is what it is known by. What is compiled is a module without the kernels that are known, which
calls all of them through a table of addresses.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

MOST_KERNELS = 4096  # that are known
MOST_NUMBERS = 48  # that become arguments of one kernel
TABLE = "kernels"

DEFINITION = re.compile(
    r"^define internal (\w+) @(kernel\d+)\((.*)\) noinline #0 \{\n((?:.*\n)*?)\}\n", re.M
)
NUMBER = re.compile(
    r"(icmp ult i64 %\w+, |getelementptr \w+, ptr %[\w.]+, i64 |mul nsw i64 %\w+, )(\d+)$", re.M
)
CALL = re.compile(r"^(.*)call (\w+) @(kernel\d+)\((.*)\)$", re.M)

KernelText = tuple[str, str, str]  # of a kernel: what it returns, its parameters, its lines


@dataclass(frozen=True, slots=True, eq=False)
class Divided:
    """A module whose kernels are in a table, and the text of each of these.

    The functions `new0`, `new1` and so on are the kernels of these numbers that were not known.
    """

    text: str
    kernels: list[KernelText]
    new: list[int]


class Kernels:
    """Addresses of kernels, and the engines that they are in."""

    def __init__(self) -> None:
        self._known: OrderedDict[KernelText, tuple[int, Any]] = OrderedDict()

    def divided(self, text: str) -> Divided:
        """The module without the kernels that are known."""
        places: dict[KernelText, int] = {}
        of: dict[str, tuple[int, str]] = {}  # of each kernel its place, and more arguments

        def take(match: re.Match[str]) -> str:
            result, name, parameters, lines = match.groups()
            kernel, numbers = _general(result, parameters, lines)
            of[name] = places.setdefault(kernel, len(places)), numbers
            return ""

        rest = DEFINITION.sub(take, text)
        rest = CALL.sub(lambda match: _called(match, *of[match[3]]), rest)
        kernels = list(places)
        new = [k for k, kernel in enumerate(kernels) if kernel not in self._known]
        written = [_definition(f"new{n}", kernels[k]) for n, k in enumerate(new)]
        table = f"@{TABLE} = global [{len(kernels)} x ptr] zeroinitializer\n"
        return Divided("".join([table, *written, rest]), kernels, new)

    def linked(self, divided: Divided, engine: Any) -> list[tuple[int, Any]] | None:
        """The address of each kernel, and what keeps it; None if one is forgotten."""
        for n, k in enumerate(divided.new):
            self._known[divided.kernels[k]] = engine.get_function_address(f"new{n}"), engine
        found = [self._known.get(kernel) for kernel in divided.kernels]
        while len(self._known) > MOST_KERNELS:
            self._known.popitem(last=False)
        return None if None in found else found  # type: ignore[return-value]


kernels = Kernels()


def _general(result: str, parameters: str, lines: str) -> tuple[KernelText, str]:
    """The kernel with arguments for numbers, and these numbers."""
    numbers: dict[str, int] = {}

    def named(match: re.Match[str]) -> str:
        return f"{match[1]}%number{numbers.setdefault(match[2], len(numbers))}"

    general = NUMBER.sub(named, lines)
    if len(numbers) > MOST_NUMBERS:
        return (result, parameters, lines), ""
    more = "".join(f", i64 %number{k}" for k in range(len(numbers)))
    return (result, parameters + more, general), "".join(f", i64 {n}" for n in numbers)


def _definition(name: str, kernel: KernelText) -> str:
    result, parameters, lines = kernel
    return f"define {result} @{name}({parameters}) noinline #0 {{\n{lines}}}\n"


def _called(match: re.Match[str], place: int, numbers: str) -> str:
    """A call through the table."""
    name = f"%called{match.start()}"
    entry = f"getelementptr (ptr, ptr @{TABLE}, i64 {place})"
    call = f"{match[1]}call {match[2]} {name}({match[4]}{numbers})"
    return f"  {name} = load ptr, ptr {entry}\n{call}"
