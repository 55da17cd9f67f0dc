"""Sharpness at the minimisers of the two-layer model, for every imbalance."""

from __future__ import annotations

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from mpsharp import GD, ConfigurationError, NonFiniteError, Problem, ShapeError, run, theory
from theory_cases import at_most, cases, close, difficulty, exactly, formats, projection, slack

imbalances = st.one_of(
    st.just(0), st.floats(-4, 4), st.sampled_from(["0.1", "-2/3", 1e-9, -1e-9, 1e6, -1e6]), st.integers(-3, 3)
)


@given(cases(), imbalances, formats)
def test_bounds_hold_and_ours_is_between(case, imbalance, format):
    lower, upper = theory.minimizer_sharpness_bounds(case.X, case.y, imbalance=imbalance, format=format)
    sharper, same = theory.minimizer_sharpness_bounds(
        case.X, case.y, imbalance=imbalance, sharper=True, format=format
    )
    exact = theory.minimizer_sharpness(case.X, case.y, imbalance=imbalance, format=format)
    # All are computed from the same decomposition, so that only the formulas' own roundings separate them.
    allowed = slack(format, case.rank)
    assert upper == same
    assert lower > 0
    assert at_most(lower, sharper, allowed)
    assert at_most(sharper, exact, allowed)
    assert at_most(exact, upper, allowed)


@given(cases(), imbalances, st.sampled_from([64, 256]))
def test_the_bounds_are_the_formulas(case, imbalance, bits):
    # By exact arithmetic, up to the square root in t and σ₁², which the spectrum brings.
    Q = difficulty(case.X, case.y)
    inside = projection(case.X, case.y)
    lower, upper = theory.minimizer_sharpness_bounds(case.X, case.y, 2, imbalance, format=bits)
    parts = theory.spectrum(case.X, format=600)
    with gmpy2.context(precision=700):
        C = exactly(imbalance)
        t = 2 * Q / (gmpy2.sqrt(gmpy2.mpfr(C * C + 4 * Q)) + gmpy2.mpfr(C))
        top = parts.top**2 * t / len(case.X)
        ceiling = top + oracles.dot(inside, inside) / t / len(case.X)
        # 1e6 loses 60 of 700 bits in t; half a unit in the last place is left.
        assert abs(lower - top) <= top * gmpy2.exp2(gmpy2.mpfr(-bits)) * 1.01
        assert abs(upper - ceiling) <= ceiling * gmpy2.exp2(gmpy2.mpfr(-bits)) * 1.01


@given(cases(), imbalances)
def test_float64_is_the_exact_value_but_for_the_error_of_the_difficulty(case, imbalance):
    value = theory.minimizer_sharpness(case.X, case.y, imbalance=imbalance)
    parts = theory.spectrum(case.X, format=80)
    exact = theory.minimizer_sharpness(case.X, case.y, imbalance=imbalance, format=80)
    Q, Q64 = theory.dataset_difficulty(case.X, case.y, format=80), theory.dataset_difficulty(case.X, case.y)
    assert parts.rank == case.rank
    # S is made of t and 1/t, which follow Q with a relative slope of at most 1; XXᵀ and Py have backward
    # errors of some (n + d) roundings, labels outside the column space κ times as much of the projection.
    relative = float(abs(Q64 - Q) / Q) + 16 * sum(case.X.shape) * 2.0**-52 * (
        1 if case.inside else 2.0**10 * case.condition
    )
    assert abs(float(exact) - value) <= relative * value


@given(cases())
def test_upper_bound_is_attained_by_labels_along_the_top_singular_vector(case):
    parts = theory.spectrum(case.X, format=300)
    y = parts.left[:, 0]
    lower, upper = theory.minimizer_sharpness_bounds(case.X, y, sharper=True, format=200)
    exact = theory.minimizer_sharpness(case.X, y, format=200)
    # The vector is right to some 300 bits; the result to 200.
    assert close(lower, upper, 2.0**-198)
    assert close(exact, upper, 2.0**-198)


def test_lower_bound_is_attained_when_the_top_eigenvalue_stands_alone():
    # Labels along the second direction, whose eigenvalue t + |y|²/t = 2 stays below 100²·t: deflation.
    X, y = np.diag([100.0, 1.0]), np.array([0.0, 1.0])
    for format in (None, 100):
        bounds = theory.minimizer_sharpness_bounds(X, y, format=format)
        assert bounds == (5000, 5000.5)
        assert theory.minimizer_sharpness(X, y, format=format) == 5000


@given(cases(max_n=4, max_d=4), imbalances)
def test_run_measures_the_exact_value_at_the_constructed_minimiser(case, imbalance):
    u, v = theory.minimizer(case.X, case.y, 2, imbalance, format=400)
    problem = Problem(X=case.X, y=case.y, u=u, v=v, optimizer=GD(1e-9))
    outside = [exactly(a) - b for a, b in zip(case.y, projection(case.X, case.y), strict=True)]
    measured = run(problem, bits=256, steps=1, arithmetic="exact")
    exact = theory.minimizer_sharpness(case.X, case.y, imbalance=imbalance, format=300)
    got = measured.exact("sharpness")[0]
    floor = oracles.dot(outside, outside) / (2 * len(case.y))
    # u and v enter the run with one rounding, which leaves a residual |z| of some 2⁻²⁵⁶|c||X||u| ≤ κ·2⁻²⁵⁶|y|
    # and an entry Xᵀz in the Hessian: relative to n·S ≥ max(σ₁²t, |Py|²/t) ≥ σ₁|Py| no more than that.
    size = sum(case.X.shape)
    allowed = size * case.condition * 2.0**-250 * 2.0**10
    assert close(got, exact, allowed)
    assert abs(exactly(measured.exact("loss")[0]) - floor) <= floor * 2**-200 + sum(
        exactly(x) ** 2 for x in case.y
    ) / 2 ** gmpy2.mpz(200)
    C = theory.layer_imbalance(case.X, u, v, format=256)[0]
    scale = exactly(v[0]) ** 2 + abs(exactly(imbalance))
    assert abs(exactly(C) - exactly(imbalance)) <= scale / 2 ** gmpy2.mpz(240)


@given(cases(), st.floats(-4, 4), st.floats(0.01, 4), formats)
def test_lower_bound_falls_with_the_imbalance(case, imbalance, more, format):
    low = theory.minimizer_sharpness_bounds(case.X, case.y, imbalance=imbalance, format=format).lower
    high = theory.minimizer_sharpness_bounds(case.X, case.y, imbalance=imbalance + more, format=format).lower
    assert at_most(high, low, slack(format, 4))


def test_beyond_float64s_range_a_format_is_asked_for():
    X, y = 1e200 * np.eye(2), np.array([1.0, 2.0])
    with pytest.raises(NonFiniteError, match="float64's range"):
        theory.minimizer_sharpness(X, y)
    with pytest.raises(NonFiniteError, match="float64's range"):
        theory.minimizer_sharpness_bounds(np.eye(2), 1e-200 * y)
    # S is a power of two times that of the scaled data: t ∝ |y|/|X|, σ₁²t ∝ |X||y|.
    k = 2.0**600
    exact = theory.minimizer_sharpness(np.eye(2), y, format=100)
    assert (
        exactly(theory.minimizer_sharpness(k * np.eye(2), k * y, format=100))
        == exactly(exact) * exactly(k) ** 2
    )


def test_arguments_are_checked():
    with pytest.raises(ShapeError, match="imbalance: expected one number or 1"):
        theory.minimizer_sharpness(np.eye(2), [1.0, 1.0], 2, [0, 0])
    with pytest.raises(ShapeError, match="imbalance: expected nested lists of equal lengths"):
        theory.minimizer_sharpness(np.eye(2), [1.0, 1.0], 2, [[1, 2], [3]])
    with pytest.raises(ConfigurationError, match="imbalance: number"):
        theory.minimizer_sharpness(np.eye(2), [1.0, 1.0], 2, {1: 2})
    with pytest.raises(ConfigurationError, match="depth"):
        theory.minimizer_sharpness(np.eye(2), [1.0, 1.0], 1)
    with pytest.raises(ConfigurationError, match="Q = 0"):
        theory.minimizer(np.zeros((2, 2)), [1.0, 1.0])
