"""Equations: what is printed comes to what is printed beside it, for every row of the table."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from micrograd.ops import FLOATS, OPS
from micrograd.text.derivatives import derivative
from micrograd.text.equations import (
    SYMBOLS,
    Quantity,
    digits_needed,
    quantities,
    spelled,
    symbolic,
)
from micrograd.text.words import number


def text(pieces):
    return "".join(part for part, _ in pieces)


def point(op, seed=0):
    """Quantities within the domain of a row, and its static parameter."""
    drawn = random.Random(seed)
    inputs = [Quantity(name, drawn.uniform(*d)) for name, d in zip("abc", op.domain, strict=False)]
    return inputs, op.static_samples[:1]


@pytest.mark.parametrize("name", OPS)
def test_the_derivative_of_a_row_is_its_own(name):
    op = OPS[name]
    inputs, static = point(op)
    whole = getattr(SYMBOLS, name)(*inputs, *static)
    y = float(whole)
    shares = op.vjp(FLOATS, 1.0, y, *map(float, inputs), *static)
    for x, share in zip(inputs, shares, strict=True):
        assert float(derivative(whole, x, Quantity("y", y))) == pytest.approx(share, rel=1e-15)


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("digits", [1, 4, 7])
def test_what_is_spelled_comes_to_the_result(name, digits):
    """The numbers are read back from the text and computed by Python itself."""
    op = OPS[name]
    inputs, static = point(op, 1)
    whole = getattr(SYMBOLS, name)(*inputs, *static)
    if isinstance(whole, float):
        pytest.skip("a comparison is a number")
    shown = number(whole.value, digits)
    assert text(spelled(whole, shown, digits))
    needed = digits_needed(whole, shown, digits)
    printed = [float(number(x.value, needed)) for x in inputs]
    assert number(op.f(*printed, *static), digits) == shown


def test_brackets_are_where_they_are_needed_and_nowhere_else():
    a, b, c = (Quantity(name, 2.0) for name in "abc")
    assert text(symbolic(a - (b - c))) == "a − (b − c)"
    assert text(symbolic((a - b) - c)) == "a − b − c"
    assert text(symbolic((a + b) * c)) == "(a + b) × c"
    assert text(symbolic(SYMBOLS.div(a, b * c))) == "a / (b × c)"
    assert text(symbolic(SYMBOLS.tanh(a + b))) == "tanh(a + b)"
    assert text(symbolic(SYMBOLS.pow_static(a + b, 2.0))) == "(a + b)²"
    assert text(symbolic(a * -b)) == "a × (-b)"


NUMBERS = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, math.inf, math.nan]


@pytest.mark.parametrize("row", OPS.values(), ids=OPS)
def test_what_is_written_shorter_is_the_same_number(row):
    for inputs in itertools.product(NUMBERS, repeat=row.arity):
        for known in itertools.product([True, False], repeat=row.arity):
            given = [x if k else Quantity("q", x) for x, k in zip(inputs, known, strict=True)]
            for static in [(k,) for k in NUMBERS] if row.has_static else [()]:
                found = float(getattr(SYMBOLS, row.name)(*given, *static))
                assert found == pytest.approx(row.f(*inputs, *static), rel=0, nan_ok=True), given


def test_minus_one_and_nothing_times_something():
    a = Quantity("a", 3.0)
    assert text(symbolic(-1.0 * a)) == text(symbolic(a * -1.0)) == "-a"
    assert 0.0 * a == a * 0.0 == 0.0
    assert text(symbolic(0.0 * Quantity("a", math.inf))) == "0 × a"


def test_what_is_one_or_zero_is_not_written():
    a = Quantity("a", 3.0)
    assert 1.0 * a is a
    assert a + 0.0 is a
    assert derivative(a, a) == 1.0
    assert derivative(a * a, Quantity("b", 1.0)) == 0.0


def test_numbers_have_the_digits_that_the_result_needs():
    a, b = Quantity("a", -9.28753), Quantity("b", -0.0031320344)
    assert text(spelled(a * b, "0.0291")) == "(-9.28753) × (-0.00313)"
    assert text(spelled(a * b, "0.03", 2)) == "(-9.29) × (-3.13e-03)"


def test_what_does_not_hold_is_not_printed():
    a = Quantity("a", 2.0)
    assert spelled(a * a, "5.0000") == ()
    assert spelled(a * a, "–") == ()


def test_nan_and_infinity_agree_with_themselves():
    a = Quantity("a", math.inf)
    assert text(spelled(a * 2.0, "inf")) == "inf × 2"
    assert text(spelled(a - a, "nan")) == "inf − inf"
    assert spelled(a * 2.0, "-inf") == ()


def test_chosen_numbers_are_in_full_and_tagged_pieces_stay_apart():
    rate, g = Quantity("lr", 0.123456, exact=True), Quantity("g", 2.0, "gradient")
    assert spelled(rate * g, "0.2469") == (("0.123456 × ", None), ("2", "gradient"))
    assert [q.name for q in quantities(rate * g + g)] == ["lr", "g"]


def test_random_products_and_sums_hold():
    drawn = random.Random(0)
    for _ in range(300):
        terms = [Quantity("q", drawn.gauss(0, 10.0 ** drawn.randint(-4, 3))) for _ in range(4)]
        whole = terms[0] * terms[1] + terms[2] * terms[3]
        shown = number(whole.value)
        printed = text(spelled(whole, shown)).replace("×", "*")
        unit = 10.0 ** (float(shown.partition("e")[2] or 0) - 4)
        assert abs(eval(printed) - float(shown)) <= 0.50001 * unit
