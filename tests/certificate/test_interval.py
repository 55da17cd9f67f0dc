"""Intervals contain what exact rational arithmetic gives."""

from __future__ import annotations

from fractions import Fraction

import gmpy2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp.certificate.interval import Interval, IntervalArithmetic

ratios = st.one_of(st.fractions(-8, 8, max_denominator=1000), st.sampled_from([Fraction(0), Fraction(1, 3)]))
arithmetics = st.sampled_from([2, 24, 100]).map(IntervalArithmetic)


def within(x, interval):
    return gmpy2.mpq(interval.lower) <= x <= gmpy2.mpq(interval.upper)


def around(ops, x, y):
    """An interval of this precision that contains both."""
    a, b = ops.enclose(gmpy2.mpq(x)), ops.enclose(gmpy2.mpq(y))
    return Interval(min(a.lower, b.lower), max(a.upper, b.upper))


@given(arithmetics, ratios, ratios, ratios, ratios)
def test_operations_contain_the_exact_results(ops, x, x2, y, y2):
    a, b = around(ops, x, x2), around(ops, y, y2)
    for p in (x, x2):
        assert within(-p, ops.neg(a))
        assert within(p * p, ops.square(a))
        assert within(p * p + 1, ops.norm_squared([a, ops.enclose(1)]))
        assert within(p**3, ops.product([a, a, a]))
        for q in (y, y2):
            assert within(p + q, ops.add(a, b))
            assert within(p - q, ops.sub(a, b))
            assert within(p * q, ops.mul(a, b))
            assert within(p * q + q * p, ops.dot([a, b], [b, a]))
            if b.lower > 0:
                assert within(p / q, ops.div(a, b))
    middle = ops.middle(a)
    radius = gmpy2.mpq(ops.radius(a, middle))
    assert all(abs(gmpy2.mpq(p) - gmpy2.mpq(middle)) <= radius for p in (x, x2))
    assert (
        gmpy2.mpq(ops.norm_bound([a.lower, a.upper])) ** 2
        >= gmpy2.mpq(a.lower) ** 2 + gmpy2.mpq(a.upper) ** 2
    )


@given(arithmetics, ratios)
def test_a_rounded_number_widens_to_what_rounds_to_it(ops, x):
    assert within(x, ops.widen(ops.nearest.plus(gmpy2.mpq(x))))


def test_the_precision_of_the_caller_does_not_matter():
    with gmpy2.context(precision=10, round=gmpy2.RoundUp):
        ops = IntervalArithmetic(100)
        third = ops.div(ops.enclose(1), ops.enclose(3))
        assert within(Fraction(1, 3), third)
        assert third.upper.precision == 100
        assert third.lower < third.upper


@given(st.lists(ratios, min_size=9, max_size=9), ratios)
def test_definiteness_is_never_proven_of_an_indefinite_matrix(entries, shift):
    # MᵀM − s·I; Sylvester's criterion in exact arithmetic.
    ops = IntervalArithmetic(30)
    M = [entries[3 * i : 3 * i + 3] for i in range(3)]
    A = [
        [sum(M[k][i] * M[k][j] for k in range(3)) - (shift if i == j else 0) for j in range(3)]
        for i in range(3)
    ]

    def minor(size):
        if size == 1:
            return A[0][0]
        if size == 2:
            return A[0][0] * A[1][1] - A[0][1] ** 2
        return (
            A[0][0] * (A[1][1] * A[2][2] - A[1][2] ** 2)
            - A[0][1] * (A[1][0] * A[2][2] - A[1][2] * A[2][0])
            + A[0][2] * (A[1][0] * A[2][1] - A[1][1] * A[2][0])
        )

    definite = all(minor(size) > 0 for size in (1, 2, 3))
    proven = ops.is_positive_definite([[ops.enclose(gmpy2.mpq(x)) for x in row] for row in A])
    assert definite or not proven
    if minor(3) > Fraction(1, 1000) and definite:  # 30 bits are enough for entries up to 200
        assert proven


def test_definiteness_takes_every_matrix_of_the_interval():
    ops = IntervalArithmetic(53)
    one, wide = ops.enclose(1), Interval(gmpy2.mpfr(-1), gmpy2.mpfr(1))
    narrow = Interval(gmpy2.mpfr("-0.99"), gmpy2.mpfr("0.99"))
    assert ops.is_positive_definite([[one, one], [narrow, one]])
    assert not ops.is_positive_definite([[one, one], [wide, one]])
    assert ops.is_positive_definite([])


def test_zero_is_recognised():
    ops = IntervalArithmetic(10)
    assert ops.enclose(0).is_zero
    assert not Interval(gmpy2.mpfr(0), gmpy2.mpfr(1)).is_zero
    assert Interval(gmpy2.mpfr(-3), gmpy2.mpfr(1)).magnitude == pytest.approx(3)
