"""What rows are made of: arithmetic on vectors, and elementary functions.

Those that are `ELEMENTARY` have code here, within 2 units in the last place everywhere; all others
call the C library, lane by lane.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property

from micrograd.compiler.backends.llvm.ir import FLOAT, Body, Precision
from micrograd.compiler.backends.llvm.polynomials import exp_rest, fitted, log_rest, tanh_rest

Number = str | float  # a value, or the same constant in all lanes
TANH_LIMIT = 0.625  # below it tanh is a polynomial
OF_LIBRARY = ("exp", "log", "log1p", "tanh")
LONG = (*OF_LIBRARY, "sigmoid")
ELEMENTARY = (*LONG, "sqrt", "fabs")  # methods below


@dataclass(frozen=True)
class Constants:
    """What the functions need to know of a precision; polynomials from the highest power down.

    These, and how many coefficients they have, are worked out for a function when it is asked for.
    """

    mantissa: int  # bits
    bias: int
    exp_limits: tuple[float, float]  # beyond these exp is 0, or inf
    ln2: tuple[float, float]  # so few bits of it that its multiples are exact, and the rest
    sqrt_half: int  # the bits of √½, the least mantissa, as a number
    counts: tuple[int, int, int]  # of coefficients

    @cached_property
    def exp(self) -> tuple[float, ...]:
        """Of exp's rest, up to half of ln 2."""
        half = math.log(2) / 2
        return fitted(exp_rest, -half, half, self.counts[0])

    @cached_property
    def log(self) -> tuple[float, ...]:
        """Of log's rest, of mantissas from √½ to √2."""
        most = (math.sqrt(2) - 1) / (math.sqrt(2) + 1)
        return fitted(log_rest, 0.0, most * most, self.counts[1])

    @cached_property
    def tanh(self) -> tuple[float, ...]:
        """Of tanh's rest, up to its limit."""
        return fitted(tanh_rest, 0.0, TANH_LIMIT**2, self.counts[2])


@cache
def constants(precision: Precision) -> Constants:
    """Those of a precision, with as many coefficients as it takes."""
    single = precision is FLOAT
    unit = 2.0**-9 if single else 2.0**-32
    few_bits = round(math.log(2) / unit) * unit
    return Constants(
        mantissa=23 if single else 52,
        bias=127 if single else 1023,
        exp_limits=(-104.0, 89.0) if single else (-746.0, 710.0),
        ln2=(few_bits, float(Decimal(2).ln() - Decimal(few_bits))),
        sqrt_half=int.from_bytes(struct.pack(">f" if single else ">d", math.sqrt(0.5))),
        counts=(5, 4, 5) if single else (10, 7, 11),
    )


def _binary(instruction: str) -> Callable[[Instructions, Number, Number], str]:
    """The method that writes an instruction on two operands."""

    def method(m: Instructions, a: Number, b: Number) -> str:
        return m._body.value(f"{instruction} {m._type} {m.text(a)}, {m.text(b)}")

    return method


class Instructions:
    """Instructions on vectors of some lanes, or on numbers where that is 1."""

    def __init__(self, body: Body, lanes: int) -> None:
        self._body = body
        self.lanes = lanes
        self._type = body.type(lanes)
        integer = body.precision.integer
        self._integer = integer
        self._integers = integer if lanes == 1 else f"<{lanes} x {integer}>"
        self._booleans = "i1" if lanes == 1 else f"<{lanes} x i1>"
        self._suffix = ("" if lanes == 1 else f"v{lanes}") + body.precision.suffix
        self._truths: dict[str, str] = {}  # of values that are 1 where they hold, 0 elsewhere
        self._constants = constants(body.precision)

    def text(self, x: Number) -> str:
        """The value, or the constant as LLVM writes it."""
        return x if isinstance(x, str) else self._body.constant(x, self.lanes)

    def _intrinsic(self, name: str, *inputs: Number) -> str:
        arguments = [(self._type, self.text(x)) for x in inputs]
        return self._body.call(self._type, f"llvm.{name}.{self._suffix}", *arguments)

    fadd, fsub, fmul, fdiv = map(_binary, ("fadd", "fsub", "fmul", "fdiv"))

    def fneg(self, x: Number) -> str:
        """-x."""
        return self._body.value(f"fneg {self._type} {self.text(x)}")

    def fma(self, a: Number, b: Number, c: Number) -> str:
        """A * b + c, rounded once."""
        return self._intrinsic("fma", a, b, c)

    def fabs(self, x: Number) -> str:
        """|x|."""
        return self._intrinsic("fabs", x)

    def sqrt(self, x: Number) -> str:
        """The square root."""
        return self._intrinsic("sqrt", x)

    def fcmp(self, condition: str, a: Number, b: Number) -> str:
        """A truth, for `select`; the condition is LLVM's: "olt", "une" and so on."""
        if condition == "une" and b == 0.0 and a in self._truths:
            return self._truths[str(a)]
        return self._body.value(f"fcmp {condition} {self._type} {self.text(a)}, {self.text(b)}")

    def select(self, truth: str, a: Number, b: Number) -> str:
        """Of a where it is true, b elsewhere."""
        chosen = f"{self._type} {self.text(a)}, {self._type} {self.text(b)}"
        result = self._body.value(f"select {self._booleans} {truth}, {chosen}")
        if a == 1.0 and b == 0.0:
            self._truths[result] = truth
        return result

    def maximum(self, a: Number, b: Number) -> str:
        """The larger; nan if either is."""
        larger = self.select(self.fcmp("ogt", a, b), a, b)
        return self.select(self.fcmp("uno", a, a), a, larger)

    def term(self, c: Number, factors: Sequence[str], total: str | None) -> str:
        """`c · Πfactors`, of at most two; added to what there is, if that is given."""
        if not factors:
            return self.text(c) if total is None else self.fadd(total, c)
        x: Number = factors[0]
        if total is None:
            x = x if len(factors) == 1 else self.fmul(x, factors[1])
            return self.text(x) if c == 1.0 else self.fneg(x) if c == -1.0 else self.fmul(x, c)
        other: Number = factors[1] if len(factors) == 2 else c
        if len(factors) == 1 and c in (1.0, -1.0):
            return self.fadd(total, x) if c == 1.0 else self.fsub(total, x)
        if len(factors) == 2 and c != 1.0:
            x = self.fneg(x) if c == -1.0 else self.fmul(x, c)
        return self.fma(x, other, total)

    def in_pairs(self, totals: list[str]) -> str:
        """The sum of as many as a power of 2 says, half of them added to the other half."""
        while len(totals) > 1:
            half = len(totals) // 2
            totals = [self.fadd(a, b) for a, b in zip(totals[:half], totals[half:], strict=True)]
        return totals[0]

    def sum(self, x: str) -> str:
        """The sum of all lanes."""
        if self.lanes == 1:
            return x
        number = self._body.precision.name
        start = (number, self._body.precision.constant(-0.0))
        name = f"llvm.vector.reduce.fadd.{self._suffix}"
        return self._body.inline(
            number, f"sum.{self._suffix}", (self._type, x),
            write=lambda b, a: b.call(number, name, start, (self._type, a[0]), flags="reassoc "),
        )  # fmt: skip

    def largest(self, x: str) -> str:
        """The largest of all lanes; nan if any is."""
        if self.lanes == 1:
            return x
        name = f"llvm.vector.reduce.fmaximum.{self._suffix}"
        return self._body.call(self._body.precision.name, name, (self._type, x))

    # ---- elementary functions ------------------------------------------------------------------

    def function(self, name: str, *inputs: Number) -> str:
        """A function of `math`, or one that has code here."""
        if name not in ELEMENTARY:
            return self._library(name, *inputs)
        if self.lanes == 1 or name not in LONG:
            return getattr(self, name)(*inputs)  # type: ignore[no-any-return]
        given = [(self._type, self.text(x)) for x in inputs]
        return self._body.inline(
            self._type, f"{name}.{self._suffix}", *given,
            write=lambda body, a: getattr(Instructions(body, self.lanes), name)(*a),
        )  # fmt: skip

    def exp(self, x: Number) -> str:
        """E to the x: 2**n · e**r, with x = n ln 2 + r."""
        c = self._constants
        low, high = c.exp_limits
        x = self.select(self.fcmp("olt", x, low), low, x)
        x = self.select(self.fcmp("ogt", x, high), high, x)
        shift = 1.5 * 2.0**c.mantissa  # adding it leaves the nearest integer in the last bits
        shifted = self.fma(x, 1 / math.log(2), shift)
        n = self._body.value(f"fsub {self._type} {shifted}, {self.text(shift)}")
        r = self.fma(n, -c.ln2[1], self.fma(n, -c.ln2[0], x))
        e = self.fadd(1.0, self.fma(self._polynomial(c.exp, r), self.fmul(r, r), r))
        power = self._as_integers(shifted)  # n, and bits above it that are shifted out
        half = self._on_integers("ashr", power, 1)  # 2**n may be too small for one factor
        for part in (half, self._on_integers("sub", power, half)):
            biased = self._on_integers("add", part, c.bias)
            scale = self._as_numbers(self._on_integers("shl", biased, c.mantissa))
            e = self.fmul(e, scale)
        return e

    def log(self, x: Number) -> str:
        """The natural logarithm: n ln 2 + ln m, with x = 2**n · m and m near 1."""
        c = self._constants
        least = 2.0 ** (1 - c.bias)
        small = self.fcmp("olt", x, least)
        normal = self.select(small, self.fmul(x, 2.0**c.mantissa), x)
        bits = self._as_integers(normal)
        n = self._on_integers("ashr", self._on_integers("sub", bits, c.sqrt_half), c.mantissa)
        scaled = self._on_integers("sub", bits, self._on_integers("shl", n, c.mantissa))
        m = self._as_numbers(scaled)
        exponent = self._body.value(f"sitofp {self._integers} {n} to {self._type}")
        exponent = self.fsub(exponent, self.select(small, float(c.mantissa), 0.0))
        f = self.fsub(m, 1.0)
        s = self.fdiv(f, self.fadd(f, 2.0))
        z = self.fmul(s, s)
        p = self.fmul(self._polynomial(c.log, z), z)
        half = self.fmul(self.fmul(f, 0.5), f)
        low = self.fma(s, self.fadd(half, p), self.fmul(exponent, c.ln2[1]))
        result = self.fma(exponent, c.ln2[0], self.fsub(f, self.fsub(half, low)))
        result = self.select(self.fcmp("ueq", x, math.inf), x, result)
        result = self.select(self.fcmp("oeq", x, 0.0), -math.inf, result)
        return self.select(self.fcmp("olt", x, 0.0), math.nan, result)

    def log1p(self, x: Number) -> str:
        """ln(1 + x); what 1 + x loses in rounding is added to the first order."""
        u = self.fadd(1.0, x)
        lost = self.fsub(x, self.fsub(u, 1.0))
        plain = self.function("log", u)
        corrected = self.fadd(plain, self.fdiv(lost, u))
        return self.select(self.fcmp("one", lost, 0.0), corrected, plain)

    def tanh(self, x: Number) -> str:
        """1 - 2 / (e**2|x| + 1), with the sign of x; a polynomial near 0."""
        c = self._constants
        size = self.fabs(x)
        e = self.function("exp", self.fadd(size, size))
        far = self.fsub(1.0, self.fdiv(2.0, self.fadd(e, 1.0)))
        z = self.fmul(x, x)
        near = self.fma(self.fmul(z, self._polynomial(c.tanh, z)), x, x)
        signed = self._intrinsic("copysign", far, x)
        return self.select(self.fcmp("olt", size, TANH_LIMIT), near, signed)

    def sigmoid(self, x: Number) -> str:
        """1 / (1 + e**-x), by e**-|x|, which cannot overflow."""
        e = self.function("exp", self.fneg(self.fabs(x)))
        whole = self.select(self.fcmp("olt", x, 0.0), e, 1.0)
        return self.fma(self.fneg(whole), self.fdiv(e, self.fadd(e, 1.0)), whole)

    def _library(self, name: str, *inputs: Number) -> str:
        """A function of the C library on doubles, lane by lane."""
        vectors = [self.text(x) for x in inputs]
        if self.lanes == 1:
            return self._library_call(name, vectors)
        result = "poison"
        for lane in range(self.lanes):
            numbers = [self._body.extract(x, lane, self.lanes) for x in vectors]
            one = self._library_call(name, numbers)
            result = self._body.insert(result, one, lane, self.lanes)
        return result

    def _library_call(self, name: str, numbers: list[str]) -> str:
        body = self._body
        if body.precision is not FLOAT:
            return body.call("double", name, *(("double", x) for x in numbers))
        wide = [body.value(f"fpext float {x} to double") for x in numbers]
        result = body.call("double", name, *(("double", x) for x in wide))
        return body.value(f"fptrunc double {result} to float")

    def _polynomial(self, coefficients: tuple[float, ...], x: str) -> str:
        value: Number = coefficients[0]
        for coefficient in coefficients[1:]:
            value = self.fma(value, x, coefficient)
        return self.text(value)

    def _as_integers(self, x: str) -> str:
        return self._body.value(f"bitcast {self._type} {x} to {self._integers}")

    def _as_numbers(self, bits: str) -> str:
        return self._body.value(f"bitcast {self._integers} {bits} to {self._type}")

    def _on_integers(self, instruction: str, a: str, b: str | int) -> str:
        if isinstance(b, int):
            b = str(b) if self.lanes == 1 else f"splat ({self._integer} {b})"
        return self._body.value(f"{instruction} {self._integers} {a}, {b}")


def instructions_of(body: Body, lanes: int) -> Instructions:
    """Those on so many lanes, or on numbers."""
    return (ScalarInstructions if lanes == 1 else Instructions)(body, lanes)


class ScalarInstructions(Instructions):
    """Instructions on single numbers; what the C library has is called, which waits less.

    Code for vectors is a long chain of products; for one number a table is faster.
    """

    def function(self, name: str, *inputs: Number) -> str:
        """A function of `math`, or one that only has code here."""
        known = name in OF_LIBRARY
        return self._library(name, *inputs) if known else super().function(name, *inputs)
