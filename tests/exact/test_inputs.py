"""as_exact_input against fractions.Fraction: what the caller's array says, exactly."""

from __future__ import annotations

from fractions import Fraction

import gmpy2
import mpmath
import numpy as np
import pytest

from mpsharp.errors import ConfigurationError, NonFiniteError
from mpsharp.exact import ExactArray, as_exact_input


@pytest.mark.parametrize(
    "data",
    [
        [1.0, 2.0],
        np.array([1, 2]),
        np.array([1, 2], np.float32),
        np.array([1, 2], np.uint8),
        (np.float16(1), 2.0),
    ],
)
def test_as_exact_input_keeps_what_float64_holds(data):
    out = as_exact_input(data, "y")
    assert out.dtype == np.float64
    assert out.tolist() == [1.0, 2.0]
    assert not out.flags.writeable


def test_what_is_masked_is_no_number():
    data = np.ma.masked_equal(np.array([1.0, -999.0]), -999.0)
    with pytest.raises(ConfigurationError, match="y: expected an array without masked entries"):
        as_exact_input(data, "y")
    with pytest.raises(ConfigurationError, match="masked"):
        ExactArray.from_any(data, 53)
    out = as_exact_input(np.ma.array([1.0, 2.0]), "y")
    assert (type(out), out.tolist()) == (np.ndarray, [1.0, 2.0])


def test_as_exact_input_copies():
    data = np.ones(2)
    out = as_exact_input(data, "y")
    data[0] = 7.0
    assert out.tolist() == [1.0, 1.0]


def test_as_exact_input_is_exact():
    out = as_exact_input(["0.1", Fraction(1, 3), gmpy2.mpfr("0.1", 300), 0.1, 2**70, mpmath.mpf(1) / 3], "y")
    with mpmath.workprec(53):
        third = Fraction(float(mpmath.mpf(1) / 3))
    assert out.tolist()[:2] == [gmpy2.mpq(1, 10), gmpy2.mpq(1, 3)]
    assert out[2].precision == 300
    assert out.tolist()[3:] == [gmpy2.mpq(0.1), gmpy2.mpq(2**70), gmpy2.mpq(third)]
    large = as_exact_input(np.array([2**53 + 1]), "y")
    assert large.tolist() == [gmpy2.mpq(2**53 + 1)]
    huge = as_exact_input([mpmath.ldexp(mpmath.mpf(3), 2**35)], "y")
    assert ExactArray.from_any(huge, 53).log2_abs() == [2**35 + np.log2(3)]


def test_as_exact_input_of_exact_arrays():
    x = ExactArray.from_any(["0.1", -3], 200)
    assert ExactArray.from_any(as_exact_input(x, "u"), 200).identical(x)


@pytest.mark.parametrize("bad", [np.nan, np.inf, "nan", gmpy2.mpfr("inf")])
def test_as_exact_input_names_the_first_bad_index(bad):
    with pytest.raises(NonFiniteError, match=r"X: expected finite numbers, got .* at index \[1, 0\]"):
        as_exact_input([[1.0, 2.0], [bad, bad]], "X")
