"""What rows are made of: arithmetic on vectors, and elementary functions.

Those that are `ELEMENTARY` have code here, within 2 units in the last place everywhere; all others
call the C library, lane by lane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from micrograd.compiler.backends.llvm.ir import FLOAT, Body

Operand = str | float  # a value, or the same constant in all lanes
ELEMENTARY = ("exp", "log", "log1p", "tanh", "sigmoid", "sqrt", "fabs")  # methods below


@dataclass(frozen=True, slots=True)
class Constants:
    """What the functions need to know of a precision; polynomials from the highest power down."""

    mantissa: int  # bits
    bias: int
    exp_limits: tuple[float, float]  # beyond these exp is 0, or inf
    ln2: tuple[float, float]  # a number with few bits, and what is missing
    exp: tuple[float, ...]  # (e**r - 1 - r) / r² for |r| <= ln 2 / 2
    log: tuple[float, ...]  # (ln((1 + s) / (1 - s)) / s - 2) / s², a polynomial of s²
    sqrt_half: int  # bits of the least mantissa, as a number
    tanh: tuple[float, ...]  # (tanh(x) / x - 1) / x² for |x| < tanh_limit, a polynomial of x²
    tanh_over: tuple[float, ...]  # its denominator
    tanh_limit: float


IN_DOUBLE = Constants(
    mantissa=52,
    bias=1023,
    exp_limits=(-746.0, 710.0),
    ln2=(6.93147180369123816490e-01, 1.90821492927058770002e-10),
    exp=tuple(1 / math.factorial(k) for k in range(13, 1, -1)),
    log=(
        1.479819860511658591e-01,
        1.531383769920937332e-01,
        1.818357216161805012e-01,
        2.222219843214978396e-01,
        2.857142874366239149e-01,
        3.999999999940941908e-01,
        6.666666666666735130e-01,
    ),
    sqrt_half=0x3FE6A09E667F3BCD,
    tanh=(-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3),
    tanh_over=(1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3),
    tanh_limit=0.625,
)
IN_FLOAT = Constants(
    mantissa=23,
    bias=127,
    exp_limits=(-104.0, 89.0),
    ln2=(6.93359375e-1, -2.12194440e-4),
    exp=tuple(1 / math.factorial(k) for k in range(7, 1, -1)),
    log=(0.24279078841, 0.28498786688, 0.40000972152, 0.66666662693),
    sqrt_half=0x3F3504F3,
    tanh=(
        -5.70498872745e-3,
        2.06390887954e-2,
        -5.37397155531e-2,
        1.33314422036e-1,
        -3.33332819422e-1,
    ),
    tanh_over=(1.0,),
    tanh_limit=0.625,
)


class Arithmetic:
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
        self._constants = IN_FLOAT if body.precision is FLOAT else IN_DOUBLE

    def text(self, x: Operand) -> str:
        """The value, or the constant as LLVM writes it."""
        return x if isinstance(x, str) else self._body.constant(x, self.lanes)

    def _binary(self, instruction: str, a: Operand, b: Operand) -> str:
        first, second = self.text(a), self.text(b)
        return self._body.value(f"{instruction} contract {self._type} {first}, {second}")

    def _intrinsic(self, name: str, *inputs: Operand) -> str:
        arguments = [(self._type, self.text(x)) for x in inputs]
        return self._body.call(self._type, f"llvm.{name}.{self._suffix}", *arguments)

    def fadd(self, a: Operand, b: Operand) -> str:
        """A + b."""
        return self._binary("fadd", a, b)

    def fsub(self, a: Operand, b: Operand) -> str:
        """A - b."""
        return self._binary("fsub", a, b)

    def fmul(self, a: Operand, b: Operand) -> str:
        """A * b."""
        return self._binary("fmul", a, b)

    def fdiv(self, a: Operand, b: Operand) -> str:
        """A / b."""
        return self._binary("fdiv", a, b)

    def fneg(self, x: Operand) -> str:
        """-x."""
        return self._body.value(f"fneg {self._type} {self.text(x)}")

    def fma(self, a: Operand, b: Operand, c: Operand) -> str:
        """A * b + c, rounded once."""
        return self._intrinsic("fma", a, b, c)

    def fabs(self, x: Operand) -> str:
        """|x|."""
        return self._intrinsic("fabs", x)

    def sqrt(self, x: Operand) -> str:
        """The square root."""
        return self._intrinsic("sqrt", x)

    def fcmp(self, condition: str, a: Operand, b: Operand) -> str:
        """A truth, for `select`; the condition is LLVM's: "olt", "une" and so on."""
        if condition == "une" and b == 0.0 and a in self._truths:
            return self._truths[str(a)]
        return self._body.value(f"fcmp {condition} {self._type} {self.text(a)}, {self.text(b)}")

    def select(self, truth: str, a: Operand, b: Operand) -> str:
        """Of a where it is true, b elsewhere."""
        chosen = f"{self._type} {self.text(a)}, {self._type} {self.text(b)}"
        result = self._body.value(f"select {self._booleans} {truth}, {chosen}")
        if a == 1.0 and b == 0.0:
            self._truths[result] = truth
        return result

    def maximum(self, a: Operand, b: Operand) -> str:
        """The larger; nan if either is."""
        larger = self.select(self.fcmp("ogt", a, b), a, b)
        return self.select(self.fcmp("uno", a, a), a, larger)

    def sum(self, x: str) -> str:
        """The sum of all lanes."""
        if self.lanes == 1:
            return x
        number = self._body.precision.name
        start = (number, self._body.precision.constant(-0.0))
        name = f"llvm.vector.reduce.fadd.{self._suffix}"
        return self._body.call(number, name, start, (self._type, x), flags="reassoc ")

    def largest(self, x: str) -> str:
        """The largest of all lanes; nan if any is."""
        if self.lanes == 1:
            return x
        name = f"llvm.vector.reduce.fmaximum.{self._suffix}"
        return self._body.call(self._body.precision.name, name, (self._type, x))

    # ---- elementary functions ------------------------------------------------------------------

    def function(self, name: str, *inputs: Operand) -> str:
        """A function of `math`, or one that has code here."""
        if name in ELEMENTARY:
            return getattr(self, name)(*inputs)  # type: ignore[no-any-return]
        return self._library(name, *inputs)

    def exp(self, x: Operand) -> str:
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
        bits = self._as_integers(shifted)
        power = self._on_integers("sub", bits, self._shift_bits(shift))
        half = self._on_integers("ashr", power, 1)  # 2**n may be too small for one factor
        for part in (half, self._on_integers("sub", power, half)):
            biased = self._on_integers("add", part, c.bias)
            scale = self._as_numbers(self._on_integers("shl", biased, c.mantissa))
            e = self.fmul(e, scale)
        return e

    def log(self, x: Operand) -> str:
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

    def log1p(self, x: Operand) -> str:
        """ln(1 + x); what 1 + x loses in rounding is added to the first order."""
        u = self.fadd(1.0, x)
        lost = self.fsub(x, self.fsub(u, 1.0))
        plain = self.log(u)
        corrected = self.fadd(plain, self.fdiv(lost, u))
        return self.select(self.fcmp("one", lost, 0.0), corrected, plain)

    def tanh(self, x: Operand) -> str:
        """1 - 2 / (e**2|x| + 1), with the sign of x; a rational function near 0."""
        c = self._constants
        size = self.fabs(x)
        e = self.exp(self.fadd(size, size))
        far = self.fsub(1.0, self.fdiv(2.0, self.fadd(e, 1.0)))
        z = self.fmul(x, x)
        p = self._polynomial(c.tanh, z)
        if len(c.tanh_over) > 1:
            p = self.fdiv(p, self._polynomial(c.tanh_over, z))
        near = self.fma(self.fmul(z, p), x, x)
        signed = self._intrinsic("copysign", far, x)
        return self.select(self.fcmp("olt", size, c.tanh_limit), near, signed)

    def sigmoid(self, x: Operand) -> str:
        """1 / (1 + e**-x), by e**-|x|, which cannot overflow."""
        e = self.exp(self.fneg(self.fabs(x)))
        whole = self.select(self.fcmp("olt", x, 0.0), e, 1.0)
        return self.fma(self.fneg(whole), self.fdiv(e, self.fadd(e, 1.0)), whole)

    def _library(self, name: str, *inputs: Operand) -> str:
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
        value: Operand = coefficients[0]
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

    def _shift_bits(self, shift: float) -> int:
        """The bits of 1.5 · 2**mantissa."""
        c = self._constants
        return ((c.bias + c.mantissa) << c.mantissa) | (1 << (c.mantissa - 1))
