"""Kernels that programs share: compiled once, however many programs call them.

Programs of one function for lists of other lengths differ, for the most part, in how often loops
run and in where numbers lie. So these numbers become arguments of a kernel, and what is left of its
text is what it is known by. What is compiled is a module without the kernels that are known, which
calls all of them through a table of addresses. A kernel that is made better later is put into the
tables of all programs that have it.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from micrograd.compiler.backends.llvm.ir import INLINE

if TYPE_CHECKING:
    from micrograd.compiler.backends.llvm.execution import Code

MOST_KERNELS = 4096  # that are known
MOST_NUMBERS = 48  # that become arguments of one kernel
TABLE = "kernels"

DEFINITION = re.compile(
    r"^define internal (\w+) @(kernel\d+)\((.*)\) noinline #0 \{\n((?:.*\n)*?)\}\n", re.M
)
NUMBER = re.compile(
    r"(icmp ult i64 %\w+, |getelementptr (?:\w+|<\d+ x \w+>), ptr %[\w.]+, i64 |"
    r"mul nsw i64 %\w+, |call .*strided[\w.]+\(.*, i64 )(\d+)(?=\)?$)", re.M
)  # fmt: skip
NEEDED = re.compile(rf"declare |attributes |define .* {INLINE} ")
# What ends a block is what LLVM's quick way cannot do: alone in one, it leaves the rest to it.
APART = "  musttail call", "  br label %apart\napart:\n  musttail call"
CALL = re.compile(r"^(  (?:%[\w.]+ = )?)call (\w+) @(kernel\d+)\((.*)\)$", re.M)

KernelText = tuple[str, str, str]  # of a kernel: what it returns, its parameters, its lines


@dataclass(frozen=True, slots=True, eq=False)
class Divided:
    """A module whose kernels are in a table, and the text of each of these.

    The functions `new0`, `new1` and so on are the kernels of these numbers that were not known.
    """

    text: str
    kernels: list[KernelText]
    new: list[int]
    needs: str  # the lines that declare and describe functions, which any module of kernels needs


@dataclass(slots=True, eq=False)
class _Kernel:
    """Where a kernel is, in which library, and whether it was made well."""

    address: int
    library: Any
    good: bool = False


class Kernels:
    """Addresses of kernels, the libraries that they are in, and the code that calls them."""

    def __init__(self) -> None:
        self._known: OrderedDict[KernelText, _Kernel] = OrderedDict()
        self._calls: WeakSet[Any] = WeakSet()  # code whose `divided` says which kernels it has
        self._lock = RLock()
        self._left = math.inf  # seconds that code may run before kernels are made well

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
        needed = [f"{x}\n" for x in rest.splitlines() if x[:1] in "da" and NEEDED.match(x)]
        made = called("".join([table, *written, rest]).replace(*APART), needed)
        return Divided(made, kernels, new, "".join(needed))

    def link(self, code: Code, divided: Divided) -> bool:
        """Give code the addresses of its kernels; False if one is forgotten."""
        with self._lock:
            for n, k in enumerate(divided.new):
                address = code.library[f"new{n}"]
                self._known[divided.kernels[k]] = _Kernel(address, code.library)
            whole = self._point(code, divided)
            while len(self._known) > MOST_KERNELS:
                self._known.popitem(last=False)
            if whole:
                self._calls.add(code)
            return whole

    def _point(self, code: Code, divided: Divided) -> bool:
        found = [self._known.get(kernel) for kernel in divided.kernels]
        table = code.library[TABLE]
        for place, kernel in enumerate(found):
            if kernel is not None:
                ctypes.c_void_p.from_address(table + 8 * place).value = kernel.address
                if kernel.library is not code.library and kernel.library not in code.parts:
                    code.parts.append(kernel.library)
        return None not in found

    def allow(self, seconds: float) -> None:
        """Let code run for so long, or for what is left, before kernels are made well."""
        with self._lock:
            self._left = min(seconds, self._left)

    def spend(self, seconds: float) -> bool:
        """Note that code has run; whether that was long enough for kernels to be made well now."""
        self._left -= seconds
        if self._left > 0:
            return False
        self._left = math.inf
        return True

    def all_to_improve(self) -> tuple[list[KernelText], str]:
        """All kernels that were made quickly and are in use, and the lines that they need."""
        with self._lock:
            found: dict[KernelText, None] = {}
            needs: dict[str, None] = {}
            for code in self._calls:
                found.update(dict.fromkeys(self.to_improve(code.divided)))
                needs.update(dict.fromkeys(code.divided.needs.splitlines(keepends=True)))
            return list(found), "".join(needs)

    def are_shared(self, divided: Divided) -> bool:
        """Whether most of these kernels' text is that of others, too."""
        with self._lock:
            others = [code.divided for code in self._calls if code.divided is not divided]
        had = {kernel for other in others for kernel in other.kernels}
        shared = sum(len(kernel[2]) for kernel in divided.kernels if kernel in had)
        return 2 * shared > sum(len(kernel[2]) for kernel in divided.kernels)

    def to_improve(self, divided: Divided) -> list[KernelText]:
        """Those of its kernels that were made quickly."""
        return [k for k in divided.kernels if k in self._known and not self._known[k].good]

    def improve(self, improved: Sequence[KernelText], library: Any) -> None:
        """Let all code that has these kernels call a library's: `new0`, `new1` and so on."""
        with self._lock:
            for n, kernel in enumerate(improved):
                self._known[kernel] = _Kernel(library[f"new{n}"], library, good=True)
            for code in self._calls:
                self._point(code, code.divided)


def module_of(kernels: Sequence[KernelText], needs: str) -> str:
    """A module of these kernels alone."""
    return "".join([*(_definition(f"new{n}", k) for n, k in enumerate(kernels)), needs])


def called(text: str, needed: Sequence[str]) -> str:
    """The module without those of these lines that are functions to be inline, called nowhere."""
    for line in reversed([x for x in needed if INLINE in x]):  # callers come last
        if text.count(line[line.index("@") : line.index("(") + 1]) == 1:
            text = text.replace(line, "")
    return text


kernels = Kernels()


def _general(result: str, parameters: str, lines: str) -> tuple[KernelText, str]:
    """The kernel with arguments for numbers, and these numbers."""
    numbers: dict[tuple[str, int], int] = {}

    def named(match: re.Match[str]) -> str:
        # How often a loop runs is an argument of its own: it may be what a stride is by chance.
        at = match.start() if match[1].startswith("icmp") else 0
        return f"{match[1]}%number{numbers.setdefault((match[2], at), len(numbers))}"

    general = NUMBER.sub(named, lines)
    if len(numbers) > MOST_NUMBERS:
        return (result, parameters, lines), ""
    more = "".join(f", i64 %number{k}" for k in range(len(numbers)))
    return (result, parameters + more, general), "".join(f", i64 {n}" for n, _ in numbers)


def _definition(name: str, kernel: KernelText) -> str:
    result, parameters, lines = kernel
    return f"define {result} @{name}({parameters}) noinline #0 {{\n{lines}}}\n"


def _called(match: re.Match[str], place: int, numbers: str) -> str:
    """A call through the table."""
    name = f"%called{match.start()}"
    entry = f"getelementptr (ptr, ptr @{TABLE}, i64 {place})"
    call = f"{match[1]}call {match[2]} {name}({match[4]}{numbers})"
    return f"  {name} = load ptr, ptr {entry}\n{call}"
