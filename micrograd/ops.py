"""The op table: every scalar operation, one row, all its facts.

Everything else is derived from the rows: the methods of `Value`, the backward pass, gradients of
gradients, labels in the pictures, and the tests. To add an op, add a row.

A derivative is written once, in terms of the table's own operations. `m` stands for the numbers
that it runs on: `FLOATS` computes, `engine.VALUES` records (so that the result can be
differentiated again). Division and functions go through `m`; `+ - *` are the same for both.

>>> OPS["mul"].f(3.0, 4.0), OPS["mul"].vjp(FLOATS, 1.0, 12.0, 3.0, 4.0)
(12.0, (4.0, 3.0))
>>> FLOATS.div(1.0, 0.0), FLOATS.log(-1.0)
(inf, nan)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Interval = tuple[float, float]
LOOSE, SUM, PRODUCT, POWER, ATOM = range(5)
# A sum of products: each has a coefficient and one or two factors, which are inputs.
Terms = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Op:
    """One row of the table.

    Functions take the inputs and then the static parameter, if the op has one (`x ** 3` has the
    static parameter 3; it is a number, not an input, and has no derivative).
    """

    name: str
    arity: int
    f: Callable[..., float]  # on floats; IEEE results, never raises
    vjp: Callable[..., tuple[Any, ...]]  # (m, g, y, *inputs) -> what each input's adjoint gains
    on_paper: Callable[..., tuple[Any, ...]]  # the same as an equation has it, with y
    symbol: str  # what `Value._op` shows; {0} is the static parameter
    text: Callable[..., str]  # the operation on operands given as text, for labels
    binds: int  # how tightly the text holds together: `SUM`, `PRODUCT`, `POWER`, or `ATOM`
    needs: tuple[int, ...]  # how tightly each operand must, to stand in it without brackets
    prefixes: Mapping[float, tuple[str, int]]  # of some static parameters: shorter, in formulas
    simpler: Callable[..., Any]  # (*inputs[, static]) -> what an equation says instead, or None
    chooses: bool  # whether it hands on one of its last two inputs, as the first says
    latex: Callable[..., str]
    terms: Callable[..., Terms | None]  # (*inputs[, static]) -> the op as a sum of products
    # (m, k, y, *inputs, static) -> the op at k, had from what it is at static; None if that is
    # no quicker.
    from_own: Callable[..., Any]
    compiled: Callable[..., float]  # f as array code runs it, within 2 units in the last place
    torch: str  # expression that tests compare with
    numpy: str  # an expression of NumPy on arrays; a comparison is true or false there
    ufunc: str  # the function of NumPy that reduces with it; empty if nothing does
    jax: str  # of JAX, which has derivatives of its own: the same as the row's
    onnx: str  # the operator of ONNX; empty if there is none
    domain: tuple[Interval, ...]  # where tests sample each input
    kink: Callable[..., float] | None  # zero where there is no derivative
    cycles: int  # until its result is there, about, where the inputs are
    exact: bool  # correctly rounded by IEEE 754, so that all implementations agree to the bit
    method: bool  # whether Values and arrays have a method of that name
    static: str  # the name of the static parameter; empty if the op has none
    static_default: float | None
    static_samples: tuple[float, ...]  # parameters to test with

    @property
    def has_static(self) -> bool:
        """True if the op takes a static parameter."""
        return bool(self.static)

    @property
    def is_cheap(self) -> bool:
        """Whether it is so few instructions that doing it again costs less than storing it.

        What is rounded correctly everywhere is an instruction; the rest is approximated by many.
        """
        return self.exact

    def __reduce__(self) -> tuple[Callable[[str], Op], tuple[str]]:
        return _row_named, (self.name,)

    @property
    def adds(self) -> bool:
        """Whether it is the sum of its two inputs."""
        return self._of_two == ((1.0, "a"), (1.0, "b"))

    @property
    def subtracts(self) -> bool:
        """Whether it is the difference of its two inputs."""
        return self._of_two == ((1.0, "a"), (-1.0, "b"))

    @property
    def multiplies(self) -> bool:
        """Whether it is the product of its two inputs."""
        return self._of_two == ((1.0, "a", "b"),)

    @property
    def negates(self) -> bool:
        """Whether it is its input with the other sign."""
        return self.arity == 1 and not self.static and self.terms("a") == ((-1.0, "a"),)

    @property
    def divides(self) -> bool:
        """Whether it is the quotient of its two inputs."""
        return self.f is _div

    @property
    def is_fraction(self) -> bool:
        """Whether it is a product, a quotient or a sign: factors above and below a line."""
        return self.multiplies or self.divides or self.negates

    @property
    def needs_numbers(self) -> bool:
        """Whether it is something else of true and false than of 1 and 0, or an error."""
        return self.adds or self.subtracts or self.negates or self.divides

    @property
    def _of_two(self) -> Terms | None:
        return self.terms("a", "b") if self.exact and self.arity == 2 and not self.static else None

    @property
    def compares(self) -> bool:
        """Whether it is 1 or 0, and constant on both sides of a jump."""
        return self.vjp is _flat


class Numbers(Protocol):
    """Functions on one kind of number, one attribute an op: what a derivative calls `m`."""

    def __getattr__(self, name: str) -> Callable[..., Any]: ...


class Arithmetic:
    """`+ - *` for a kind of number that says how rows are applied to it."""

    __slots__ = ()

    def _applied(self, row: str, *inputs: Any) -> Any:
        raise NotImplementedError

    def __add__(self, other: Any) -> Any:
        return self._applied("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self._applied("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self._applied("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._applied("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        return self._applied("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._applied("mul", other, self)

    def __neg__(self) -> Any:
        return self._applied("neg", self)


OPS: dict[str, Op] = {}


def _row(
    name: str,
    arity: int,
    f: Callable[..., float],
    vjp: Callable[..., tuple[Any, ...]],
    *,
    infix: str = "",
    domain: Interval | tuple[Interval, ...] = (-2.0, 2.0),
    **given: Any,
) -> Op:
    """A row; what is left out follows from the name."""
    shown = given.setdefault("symbol", infix or name)
    slots = ", ".join(f"{{{i}}}" for i in range(arity + ("static" in given)))
    each: Any = domain if domain and isinstance(domain[0], tuple) else (domain,) * arity
    usual: dict[str, Any] = {
        "on_paper": vjp,
        "text": lambda *args: f"{shown}({', '.join(args)})",
        "binds": ATOM,
        "needs": (LOOSE,) * arity,
        "prefixes": {},
        "simpler": _decided(f) if vjp is _flat else lambda *args: None,
        "chooses": False,
        "latex": lambda *args: rf"\operatorname{{{name}}}\left({', '.join(args)}\right)",
        "terms": lambda *args: None,
        "from_own": lambda *args: None,
        "compiled": f,
        "torch": f"{{0}} {infix} {{1}}" if infix else f"torch.{name}({slots})",
        "onnx": name.capitalize(),
        "numpy": f"{{0}} {infix} {{1}}" if infix else f"np.{name}({slots})",
        "kink": None,
        "cycles": 3 if given.get("exact") else 40,
        "exact": False,
        "ufunc": "",
        "method": arity == 1,
        "static": "",
        "static_default": None,
        "static_samples": (),
    }
    usual["jax"] = given.get("numpy", usual["numpy"]).replace("np.", "jnp.")
    return Op(name, arity, f, vjp, domain=each, **(usual | given))


def _op(*args: Any, **given: Any) -> None:
    """Add a row to the table."""
    row = _row(*args, **given)
    OPS[row.name] = row


def _row_named(name: str) -> Op:
    return BY_HAND if name == BY_HAND.name else OPS[name]


def _decided(f: Callable[..., float]) -> Callable[..., float]:
    """A comparison within an equation is what it is at these numbers."""
    return lambda *inputs: f(*map(float, inputs))


def _flat(m: Numbers, g: Any, y: Any, a: Any, b: Any) -> tuple[float, float]:
    return 0.0, 0.0


# The row of a node made by hand: its symbol, inputs and derivative are in the node.
BY_HAND = _row("by_hand", 0, f=lambda: math.nan, vjp=lambda: (), symbol="", torch="")


# ---- IEEE results where Python raises ----------------------------------------------------------


def _div(a: float, b: float) -> float:
    try:
        return a / b
    except ZeroDivisionError:
        if a == 0 or a != a:
            return math.nan
        return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _pow(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except OverflowError:
        negative = a < 0 and math.fmod(b, 2.0) != 0
    except ValueError:
        if a != 0:
            return math.nan
        negative = math.copysign(1.0, a) < 0 and math.fabs(math.fmod(b, 2.0)) == 1
    return -math.inf if negative else math.inf


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _log(x: float) -> float:
    if x > 0:
        return math.log(x)
    return -math.inf if x == 0 else math.nan


def _sqrt(x: float) -> float:
    return math.sqrt(x) if x >= 0 else math.nan


def _sin(x: float) -> float:
    return math.nan if math.isinf(x) else math.sin(x)


def _cos(x: float) -> float:
    return math.nan if math.isinf(x) else math.cos(x)


def _sigmoid(x: float) -> float:
    e = math.exp(-math.fabs(x))  # never overflows, so that the result is not 0 below -709
    other = e / (1.0 + e)
    return e - e * other if x < 0.0 else 1.0 - other


def _softplus(x: float) -> float:
    rest = math.log1p(math.exp(-math.fabs(x)))
    return x + rest if x > 0.0 else rest


def _superscript(exponent: str) -> str:
    if exponent.isdigit():
        return exponent.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"^{exponent}"


def _sign(m: Numbers, x: Any) -> Any:
    """-1, 0 or 1; 0 for nan, as torch.sgn has it."""
    return m.less(0.0, x) - m.less(x, 0.0)


def _sigmoid_slope(x: float) -> float:
    e = math.exp(-math.fabs(x))
    rest = e * e + 2.0 * e
    d = 1.0 + rest
    y = e / d
    return y + y * ((d - 1.0 - rest) / d)  # what d has lost in rounding


def _simpler_product(a: Any, b: Any) -> Any:
    """One times x is x, minus one times x is -x, zero times x is zero unless x is not finite."""
    if a == 1 or b == 1:
        return b if a == 1 else a
    if a == -1 or b == -1:
        return -b if a == -1 else -a
    return 0.0 if (a == 0 or b == 0) and float(a) * float(b) == 0 else None


def _has_exact_inverse(b: Any) -> bool:
    """Whether a divisor is a number that may as well be multiplied with: a power of two."""
    return isinstance(b, float) and 1e-300 < abs(b) < 1e300 and abs(math.frexp(b)[0]) == 0.5


# ---- arithmetic --------------------------------------------------------------------------------

_op("add", 2, lambda a, b: a + b, lambda m, g, y, a, b: (g, g),
    infix="+", exact=True, terms=lambda a, b: ((1.0, a), (1.0, b)), ufunc="np.add",
    binds=SUM, needs=(SUM, SUM), simpler=lambda a, b: b if a == 0 else a if b == 0 else None,
    text=lambda a, b: f"{a} + {b}", latex=lambda a, b: f"{a} + {b}")
_op("sub", 2, lambda a, b: a - b, lambda m, g, y, a, b: (g, -g),
    infix="-", exact=True, terms=lambda a, b: ((1.0, a), (-1.0, b)),
    binds=SUM, needs=(SUM, PRODUCT), simpler=lambda a, b: a if b == 0 else None,
    text=lambda a, b: f"{a} − {b}", latex=lambda a, b: f"{a} - {b}")
_op("mul", 2, lambda a, b: a * b, lambda m, g, y, a, b: (g * b, g * a),
    infix="*", exact=True, terms=lambda a, b: ((1.0, a, b),),
    binds=PRODUCT, needs=(PRODUCT, PRODUCT),
    simpler=_simpler_product,
    text=lambda a, b: f"{a} × {b}", latex=lambda a, b: rf"{a} \cdot {b}")
_op("div", 2, _div, lambda m, g, y, a, b: (m.div(g, b), -g * m.div(m.div(a, b), b)),
    infix="/", exact=True, cycles=13, domain=((-2.0, 2.0), (0.5, 2.0)),
    terms=lambda a, b: ((1.0 / b, a),) if _has_exact_inverse(b) else None,
    binds=PRODUCT, needs=(PRODUCT, POWER), simpler=lambda a, b: a if b == 1 else None,
    text=lambda a, b: f"{a} / {b}", latex=lambda a, b: rf"\frac{{{a}}}{{{b}}}")
_op("neg", 1, lambda a: -a, lambda m, g, y, a: (-g,),
    symbol="-", exact=True, terms=lambda a: ((-1.0, a),),
    numpy="-{0}",
    binds=SUM, needs=(PRODUCT,),
    text=lambda a: f"-{a}", latex=lambda a: f"-{a}")


def _pow_vjp(m: Numbers, g: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    by_base = m.select(m.equal(b, 0.0), 0.0, g * (b * m.pow(a, b - 1.0)))
    flat = m.equal(a, 0.0) * m.less_equal(0.0, b)  # 0 ** b is 0 around every b > 0
    return by_base, m.select(flat, 0.0, g * (y * m.log(a)))


def _pow_static_vjp(m: Numbers, g: Any, y: Any, a: Any, k: float) -> tuple[Any]:
    return (g * (k * m.pow_static(a, k - 1.0)),) if k else (0.0,)


def _quick_power(a: float, k: float) -> float:
    """Products and roots where they are within 2 units in the last place; they are much faster."""
    if k in (0.0, 1.0, 2.0, 3.0):
        return (1.0, a, a * a, a * a * a)[int(k)]
    if k in (-1.0, -2.0):
        inverse = 1.0 / a
        return inverse if k == -1 else inverse * inverse
    if k not in (0.5, 1.5, -0.5, -1.5):
        return _pow(a, k)
    if a == -math.inf:
        return math.inf if k > 0 else 0.0
    a = a + 0.0  # the power of -0.0 is that of 0.0
    root = math.sqrt(a)
    if k > 0:
        return root if k == 0.5 else a * root
    return 1.0 / root if k == -0.5 else 1.0 / a / root


_op("pow", 2, _pow, _pow_vjp,
    infix="**", domain=((0.5, 2.0), (-2.0, 2.0)),
    binds=POWER, needs=(ATOM, ATOM),
    text=lambda a, b: f"{a}^{b}", latex=lambda a, b: f"{{{a}}}^{{{b}}}")
_op("pow_static", 1, _pow, _pow_static_vjp,
    symbol="**{0:g}", domain=(0.5, 2.0), static_samples=(2.0, 3.0, -1.0, 0.5, 1.0, 0.0),
    terms=lambda a, k: ((1.0, a, a),) if k == 2 else ((1.0, a),) if k == 1 else None,
    # Of negative exponents, where a function would be called: the next is a quotient away.
    from_own=lambda m, k, y, a, own: m.div(y, a) if k == own - 1.0 and own < 0.0 else None,
    static="exponent", method=False, compiled=_quick_power,
    # With a number, torch computes some exponents otherwise (0.5 as sqrt), off from IEEE at -0.0.
    torch="torch.pow({0}, torch.tensor({1}, dtype=torch.float64))",
    numpy="{0} ** {1}", onnx="Pow",
    binds=POWER, needs=(ATOM,), simpler=lambda a, k: a if k == 1 else None,
    prefixes={-1.0: ("1 / ", PRODUCT), -0.5: ("1 / √", PRODUCT), 0.5: ("√", ATOM)},
    text=lambda a, k: f"{a}{_superscript(k)}", latex=lambda a, k: f"{{{a}}}^{{{k}}}")

# ---- comparisons: 1.0 or 0.0, constant on both sides of a jump -----------------------------------


_op("less", 2, lambda a, b: 1.0 if a < b else 0.0, _flat,
    symbol="<", exact=True, kink=lambda a, b: a - b,
    torch="torch.lt({0}, {1}).double()", numpy="{0} < {1}",
    text=lambda a, b: f"[{a} < {b}]", latex=lambda a, b: rf"\left[{a} < {b}\right]")
_op("less_equal", 2, lambda a, b: 1.0 if a <= b else 0.0, _flat,
    symbol="<=", exact=True, kink=lambda a, b: a - b,
    torch="torch.le({0}, {1}).double()", numpy="{0} <= {1}", onnx="LessOrEqual",
    text=lambda a, b: f"[{a} ≤ {b}]", latex=lambda a, b: rf"\left[{a} \le {b}\right]")
_op("equal", 2, lambda a, b: 1.0 if a == b else 0.0, _flat,
    symbol="==", exact=True, kink=lambda a, b: a - b,
    torch="torch.eq({0}, {1}).double()", numpy="{0} == {1}",
    text=lambda a, b: f"[{a} = {b}]", latex=lambda a, b: rf"\left[{a} = {b}\right]")

# ---- choices: a masked gradient is a select, never g * 0 (inf * 0 is nan) ------------------------

_op("select", 3, lambda c, a, b: a if c else b,
    lambda m, g, y, c, a, b: (0.0, m.select(c, g, 0.0), m.select(c, 0.0, g)),
    exact=True, kink=lambda c, a, b: c,
    torch="torch.where({0} != 0, {1}, {2})", numpy="np.where({0}, {1}, {2})", onnx="Where",
    binds=LOOSE, needs=(SUM, SUM, SUM),
    simpler=lambda c, a, b: (a if c else b) if isinstance(c, float) else None, chooses=True,
    text=lambda c, a, b: f"{a} if {c} else {b}",
    latex=lambda c, a, b: rf"\begin{{cases}}{a}&{c}\\{b}&\text{{else}}\end{{cases}}")
_op("maximum", 2, lambda a, b: a if a != a or a > b else b,
    lambda m, g, y, a, b: (
        m.select(m.less(a, b), 0.0, m.select(m.equal(a, b), 0.5 * g, g)),
        m.select(m.less(b, a), 0.0, m.select(m.equal(a, b), 0.5 * g, g))),
    symbol="max", exact=True, kink=lambda a, b: a - b, onnx="Max", ufunc="np.maximum",
    latex=lambda a, b: rf"\max\left({a}, {b}\right)")
_op("minimum", 2, lambda a, b: a if a != a or a < b else b,
    lambda m, g, y, a, b: (
        m.select(m.less(b, a), 0.0, m.select(m.equal(a, b), 0.5 * g, g)),
        m.select(m.less(a, b), 0.0, m.select(m.equal(a, b), 0.5 * g, g))),
    symbol="min", exact=True, kink=lambda a, b: a - b, onnx="Min",
    latex=lambda a, b: rf"\min\left({a}, {b}\right)")
_op("abs", 1, math.fabs,
    lambda m, g, y, x: (m.select(m.equal(_sign(m, x), 0.0), 0.0, g * _sign(m, x)),),
    symbol="abs", exact=True, kink=lambda x: x,
    jax="{0} * jnp.sign({0})",  # whose slope at 0 is 0; that of jnp.abs is 1
    text=lambda x: f"|{x}|", latex=lambda x: rf"\left|{x}\right|")
_op("relu", 1, lambda x: 0.0 if x < 0.0 else x,
    lambda m, g, y, x: (m.select(m.less_equal(y, 0.0), 0.0, g),),
    symbol="ReLU", exact=True, kink=lambda x: x,
    numpy="np.maximum({0}, 0.0)", jax="jax.nn.relu({0})",
    latex=lambda x: rf"\max\left(0, {x}\right)")
_op("leaky_relu", 1, lambda x, k: x if x > 0.0 else k * x,
    lambda m, g, y, x, k: (m.select(m.less(0.0, x), g, k * g),),
    symbol="LeakyReLU", exact=True, kink=lambda x: x,
    static="slope", static_default=0.01, static_samples=(0.01, 0.2, 0.0, -0.5, 1.5),
    numpy="np.where({0} > 0.0, {0}, {1} * {0})", onnx="LeakyRelu",
    torch="torch.nn.functional.leaky_relu({0}, {1})")

# ---- transcendental ------------------------------------------------------------------------------


_op("exp", 1, _exp, lambda m, g, y, x: (g * y,), latex=lambda x: f"e^{{{x}}}")
_op("log", 1, _log, lambda m, g, y, x: (m.div(g, x),),
    domain=(0.5, 3.0), latex=lambda x: rf"\ln\left({x}\right)")
_op("sqrt", 1, _sqrt, lambda m, g, y, x: (m.div(g, 2.0 * y),),
    domain=(0.5, 3.0), exact=True, cycles=18, text=lambda x: f"√({x})",
    latex=lambda x: rf"\sqrt{{{x}}}")
_op("sin", 1, _sin, lambda m, g, y, x: (g * m.cos(x),))
_op("cos", 1, _cos, lambda m, g, y, x: (g * -m.sin(x),))
_op("tanh", 1, math.tanh, lambda m, g, y, x: (g * (4.0 * m.sigmoid_slope(2.0 * x)),),
    on_paper=lambda m, g, y, x: (g * (1.0 - y * y),))
_op("sigmoid", 1, _sigmoid, lambda m, g, y, x: (g * m.sigmoid_slope(x),),
    on_paper=lambda m, g, y, x: (g * (1.0 - y) * y,),
    numpy="1.0 / (1.0 + np.exp(-{0}))", jax="jax.nn.sigmoid({0})",
    latex=lambda x: rf"\sigma\left({x}\right)")
# The slope of sigmoid, and of tanh: y (1 - y) and 1 - y² have few digits left where |y| is near 1.
_op("sigmoid_slope", 1, _sigmoid_slope, lambda m, g, y, x: (-g * (y * m.tanh(0.5 * x)),),
    symbol="σ′", method=False, onnx="", torch="torch.sigmoid({0}) * torch.sigmoid(-{0})",
    numpy="1.0 / (np.exp({0}) + 2.0 + np.exp(-{0}))",
    jax="jax.nn.sigmoid({0}) * jax.nn.sigmoid(-{0})",
    latex=lambda x: rf"\sigma'\left({x}\right)")
_op("erf", 1, math.erf, lambda m, g, y, x: (g * (2.0 / math.sqrt(math.pi) * m.exp(-(x * x))),),
    numpy="np.vectorize(math.erf)({0})", jax="jax.scipy.special.erf({0})")
_op("softplus", 1, _softplus, lambda m, g, y, x: (g * m.sigmoid(x),),
    numpy="np.logaddexp(0.0, {0})", jax="jax.nn.softplus({0})",
    torch="torch.nn.functional.softplus({0}, threshold=40)")  # torch's 20 costs 7 digits there

LARGER = OPS["maximum"]  # what the largest of several comes from, two at a time
REDUCTIONS = {"add": OPS["add"], "max": LARGER}  # what sums and maxima come from


class _Floats:
    """`m` for Python floats."""

    __slots__ = tuple(OPS)

    def __init__(self) -> None:
        for row in OPS.values():
            setattr(self, row.name, row.f)

    def __getattr__(self, name: str) -> Callable[..., float]:
        raise AttributeError(f"the op table has no row {name!r}")


FLOATS: Numbers = _Floats()
