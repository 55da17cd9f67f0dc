"""Agreement of numbers and of runs, against fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import gmpy2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import mpsharp
from mpsharp import GD, Problem
from mpsharp.agreement import agreed_bits, compare_runs, smallest_agreement
from mpsharp.exact import ExactArray

NUMBERS = st.integers(-(2**70), 2**70)


def exact(values, bits):
    return ExactArray.from_any(list(values), bits)


def log2(x: Fraction) -> float:
    return float(gmpy2.log2(gmpy2.mpfr(gmpy2.mpq(x), 80)))


@given(
    reference=NUMBERS.filter(bool), change=NUMBERS, shift=st.integers(0, 90), scale=st.integers(-2000, 2000)
)
def test_agreed_bits_are_those_of_the_exact_distance(reference, change, shift, scale):
    # x = r + change·2**-shift as 100 bits hold it, both far outside float64's range, too
    x = exact([gmpy2.mpq(reference + Fraction(change, 2**shift)) * gmpy2.mpq(2) ** scale], 100)
    r = exact([gmpy2.mpq(reference) * gmpy2.mpq(2) ** scale], 160)
    distance = abs(Fraction(*map(int, x.to_gmpy2()[0].as_integer_ratio())) - reference * Fraction(2) ** scale)
    expected = 100.0 if not distance else -log2(distance / abs(reference * Fraction(2) ** scale))
    # the logarithms are right to 2**-51·|log2|, |log2| below 2**12
    assert math.isclose(agreed_bits(x, r)[0], min(max(expected, 0.0), 100.0), abs_tol=2.0**-38)


def test_corners():
    pairs = {
        ("0", "0"): 60,
        ("1", "1"): 60,
        ("1", "0"): 0,
        ("0", "1"): 0,
        ("-1", "1"): 0,
        ("nan", "nan"): 60,
        ("nan", "1"): 0,
        ("1", "nan"): 0,
        ("inf", "inf"): 60,
        ("inf", "-inf"): 0,
        ("1", "inf"): 0,
        ("inf", "1"): 0,
        ("-0", "0"): 60,
    }
    values, references = zip(*pairs, strict=True)
    got = agreed_bits(exact(map(float, values), 60), exact(map(float, references), 90))
    assert got.tolist() == list(pairs.values())


def test_runs_agree_where_both_have_a_record():
    P = Problem(
        X=[[1.0, 2.0], [3.0, -1.0]], y=[1.0, 2.0], u=[0.1, 0.2], v=[0.5], optimizer=GD(0.05), steps=20
    )
    low, high = mpsharp.run(P, bits=60, record_every=5), mpsharp.run(P, bits=120)
    agreed = compare_runs(low, high)
    assert list(agreed) == ["loss", "sharpness"]
    assert all(values.shape == low.step.shape for values in agreed.values())
    assert smallest_agreement(low, high) == min(values.min() for values in agreed.values()) > 40
    short = mpsharp.run(P, bits=120, steps=10)
    assert compare_runs(low, short)["loss"][3:].tolist() == [0, 0]
    assert smallest_agreement(low, short) == 0  # they end at different steps
    only = mpsharp.run(P, bits=120, observables="loss")
    assert list(compare_runs(low, only)) == ["loss"]
    assert np.array_equal(compare_runs(low, only)["loss"], agreed["loss"])
