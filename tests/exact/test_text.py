"""Numbers as text, read back by Fraction and gmpy2."""

from __future__ import annotations

from fractions import Fraction

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp.errors import ConfigurationError, NonFiniteError
from mpsharp.exact import ExactArray, exact_decimal, exact_text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_exact_decimal_of_doubles(value):
    text = exact_decimal(value)
    assert float(text) == value
    assert Fraction(text) == Fraction(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1000, "1000"),
        (Fraction(-1, 8), "-0.125"),
        ("0.10", "0.10"),
        (0.1, "0.1000000000000000055511151231257827021181583404541015625"),
        (0, "0"),
    ],
)
def test_exact_decimal_text(value, text):
    assert exact_decimal(value) == text


def test_exact_decimal_of_many_digits():
    value = gmpy2.mpfr("0.1", 40000)
    assert gmpy2.mpfr(exact_decimal(value), 40000) == value


def test_exact_decimal_refuses():
    with pytest.raises(ConfigurationError, match="finite decimal"):
        exact_decimal(Fraction(1, 3))
    with pytest.raises(NonFiniteError):
        exact_decimal(np.nan)
    with pytest.raises(ConfigurationError, match="exponent"):
        exact_decimal(gmpy2.mpfr(gmpy2.mpz(1) << 2_000_000))


@pytest.mark.parametrize(
    "value", [Fraction(1, 3), gmpy2.mpq(-22, 7), Fraction(1, 8), 0.1, "1/3", gmpy2.mpfr("0.1", 90)]
)
def test_exact_text_is_read_back_exactly(value):
    text = exact_text(value)
    assert ExactArray.from_any(text, 500).identical(ExactArray.from_any(value, 500))
