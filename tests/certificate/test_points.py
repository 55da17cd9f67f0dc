"""What rounding the problem's numbers does to the Hessian stays within the bound."""

from __future__ import annotations

from fractions import Fraction

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from mpsharp import Problem
from mpsharp.certificate.interval import IntervalArithmetic
from mpsharp.certificate.points import Points, lowest_bit, rounding_shift
from strategies import numbers

ratios = st.fractions(-4, 4, max_denominator=50)


def exact_lists(*arrays):
    return [
        [[gmpy2.mpq(x) for x in row] for row in a] if np.ndim(a) == 2 else list(map(gmpy2.mpq, a))
        for a in arrays
    ]


@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 4),
    st.lists(ratios, min_size=19, max_size=19),
    st.data(),
)
def test_weyl_term(n, d, layers, values, data):
    bits = data.draw(st.sampled_from([6, 12, 40]))
    draw = iter(values)
    X = [[next(draw) for _ in range(d)] for _ in range(n)]
    y, u, v = ([next(draw) for _ in range(size)] for size in (n, d, layers))
    points = Points.of(Problem(X=X, y=y, u=u, v=v), None, None)
    rounded = {name: array.to_gmpy2() for name, array in points.rounded(bits).items()}
    ops = IntervalArithmetic(bits)
    shift = rounding_shift(ops.norm_bound(rounded["X"].flat), rounded, ops)
    exact = oracles.hessian(*exact_lists(X, y, u, v))
    moved = oracles.hessian(*exact_lists(*(rounded[name] for name in ("X", "y", "u", "v"))))
    # ‖ΔH‖₂ ≤ ‖ΔH‖_F, and some entry or a Rayleigh quotient shows how large it is at least.
    change = [
        [a - b for a, b in zip(row, other, strict=True)] for row, other in zip(exact, moved, strict=True)
    ]
    largest = max(abs(x) for row in change for x in row)
    assert largest <= gmpy2.mpq(shift)
    ones = sum(sum(row) for row in change) / len(change)
    assert abs(ones) <= gmpy2.mpq(shift)


def test_the_bound_is_attained_up_to_a_small_factor():
    # D = 2 with one number in every place: H = [[x²v², 2x²uv − xy], [., x²u²]].
    third = Fraction(1, 3)
    points = Points.of(Problem(X=[[third]], y=[0], u=[third], v=[third]), None, None)
    rounded = {name: array.to_gmpy2() for name, array in points.rounded(8).items()}
    ops = IntervalArithmetic(8)
    shift = float(rounding_shift(ops.norm_bound(rounded["X"].flat), rounded, ops))
    r = float(rounded["u"][0])
    change = np.array([[1, 2], [2, 1]]) * abs(r**4 - 3.0**-4)
    assert np.linalg.norm(change, 2) <= shift <= 8 * np.linalg.norm(change, 2)


@given(st.lists(numbers, min_size=1, max_size=6))
def test_lowest_bit(values):
    doubles = np.array(values)
    objects = np.array([gmpy2.mpfr(x) for x in values])
    lowest = lowest_bit(doubles)
    assert lowest == lowest_bit(objects)
    if lowest is None:
        assert not doubles.any()
    else:
        quotients = [Fraction(x) / Fraction(2) ** lowest for x in values]
        assert all(q.denominator == 1 for q in quotients)
        assert any(q.numerator % 2 for q in quotients)


@pytest.mark.parametrize(
    ("numbers", "bits"), [([0.1], 53), ([gmpy2.mpfr("0.1", 80)], 80), (["0.375"], 2), (["1/3"], np.inf)]
)
def test_bits_that_hold_the_numbers(numbers, bits):
    points = Points.of(Problem(X=[[1.0]], y=numbers, u=[1.0], v=[1.0]), None, None)
    assert points.exact_bits("y") == bits
