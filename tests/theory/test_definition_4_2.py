"""Layer imbalance, balancedness, and the threshold C* of Remark 4.4."""

from __future__ import annotations

import gmpy2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import oracles
from mpsharp import ConfigurationError, ShapeError, theory
from mpsharp.theory.bounds import bounds, layer_squares
from mpsharp.theory.imbalance import threshold
from strategies import problems, vectors
from theory_cases import cases, exactly, formats, norm, row_basis, slack


@given(problems(), st.sampled_from([24, 53, 200]))
def test_imbalance_is_the_exact_one_rounded(problem, bits):
    exact = oracles.imbalance(problem.X, problem.u, problem.v)
    computed = theory.layer_imbalance(problem.X, problem.u, problem.v, format=bits)
    scale = oracles.dot(*[oracles.rationals(problem.u)] * 2)
    for value, wanted, v in zip(computed, exact, problem.v, strict=True):
        # One rounding of the difference, and the guard bits' error relative to what was subtracted.
        allowed = abs(wanted) / 2**bits + (scale + exactly(v) ** 2) / 2 ** (bits + 50)
        assert abs(exactly(value) - wanted) <= allowed


@given(cases(), st.data())
def test_imbalance_in_float64(case, data):
    u, v = data.draw(vectors(case.X.shape[1])), data.draw(vectors(2))
    computed = theory.layer_imbalance(case.X, u, v)
    for value, wanted, layer in zip(computed, oracles.imbalance(case.X, u, v), v, strict=True):
        allowed = sum(case.X.shape) * case.condition * 2.0**-52 * (norm(u) ** 2 + layer**2)
        assert abs(float(exactly(value) - wanted)) <= allowed


@given(cases(), st.integers(2, 6), formats)
def test_balanced_minimisers_are_balanced_and_others_are_not(case, depth, format):
    u, v = theory.minimizer(case.X, case.y, depth, format=format)
    assert theory.is_balanced(case.X, u, v, format=format)
    v[0] = 2 * v[0]
    assert not theory.is_balanced(case.X, u, v, format=format)
    assert theory.is_balanced(case.X, u, v, format=format, tolerance=1e9 * float(abs(v[0])) ** 2)


@given(cases(), formats)
def test_what_lies_outside_the_row_space_does_not_count(case, format):
    assume(case.rank < case.X.shape[1])
    u, v = theory.minimizer(case.X, case.y, format=format)
    basis = np.array([[float(x) for x in row] for row in row_basis(case.X)])
    outside = np.linalg.svd(basis)[2][-1] * float(abs(v[0]))
    assert theory.is_balanced(case.X, u + outside, v, tolerance=2.0**-20 * float(v[0]) ** 2)


@pytest.mark.parametrize("seed", range(5))
def test_a_nearly_singular_matrix_leaves_a_balanced_state_balanced(seed):
    # Of rows that are 2⁻²⁶ apart, float64's row space is off by κ roundings, with which it sees what u has
    # outside.
    a, b, u = np.random.default_rng(seed).standard_normal((3, 4))
    X = np.array([a, a + 2.0**-26 * b])
    v = float(oracles.imbalance(X, u, [0.0])[0]) ** 0.5
    assert theory.is_balanced(X, u, [v])
    assert not theory.is_balanced(X, u, [(1 + 2.0**-10) * v])


@given(cases(), formats)
def test_threshold_is_where_the_upper_bounds_slope_changes_sign(case, format):
    # d(upper)/dt = (σ₁² − ‖Py‖²/t²)/n vanishes at t = ‖Py‖/σ₁, and t(C*) = ‖Py‖/σ₁, since
    # t² + C*t = Q there.
    threshold = theory.imbalance_threshold(case.X, case.y, format=format)
    parts = theory.spectrum(case.X, format=format)
    with parts.arithmetic.active():
        d = parts.labels(case.y)
        t = norm([float(x) for x in d]) / float(parts.top)
        Q = float(parts.difficulty(d))
    # float(…) and the formula's two terms: some 16 roundings of the larger of them, over the smaller t.
    error = slack(53 if format is None else min(format, 53), len(d)) + 16 * 2.0**-52
    assert abs(t * t + float(threshold) * t - Q) <= error * (t * t + Q) * 4


@given(st.integers(1, 52), st.sampled_from([2.0, -0.75]), formats)
def test_threshold_does_not_cancel(gap_bits, label, format):
    # σ = 1, ρ = 1 − 2⁻ᵏ and y = (1, b): C* = b²(1/ρ² − 1)/√(1 + b²).
    ratio = 1 - gmpy2.mpq(1, 2**gap_bits)
    with gmpy2.context(precision=1000):
        wanted = label**2 * gmpy2.mpfr(1 / ratio**2 - 1) / gmpy2.sqrt(gmpy2.mpfr(1 + label**2))
        threshold = theory.imbalance_threshold([[1, 0], [0, ratio]], [1, label], format=format)
        # LAPACK finds the entries of a diagonal matrix exactly, and formats have 64 guard bits, some 50 of
        # which 1 − ρ may take; then a handful of roundings.
        assert abs(threshold - wanted) <= wanted * slack(format, 2)


@given(cases(max_n=1), formats)
def test_threshold_is_zero_for_one_sample(case, format):
    assert theory.imbalance_threshold(case.X, case.y, format=format) == 0
    assert theory.report(case.X, case.y, format=format)["below_threshold"] is False


@given(cases(), st.floats(0.05, 4), st.floats(1.01, 4))
def test_below_the_threshold_both_bounds_rise_with_difficulty_and_above_it_the_upper_one_falls(
    case, distance, factor
):
    # With ‖Py‖ and σ₁ fixed, and Q put into the formula.
    parts = theory.spectrum(case.X, format=200)
    with parts.arithmetic.active():
        d = parts.labels(case.y)
        Q, C = parts.difficulty(d), threshold(parts, d)
        step = distance * (abs(C) + gmpy2.sqrt(Q))

        def at(Q, C):
            return bounds(parts, d, layer_squares(parts.arithmetic, Q, [C]))

        lower, upper = at(Q, C - step)
        more_lower, more_upper = at(factor * Q, C - step)
        assert more_lower > lower
        assert more_upper > upper
        lower, upper = at(Q, C + step)
        ratio = gmpy2.sqrt((d * d).sum()) / parts.top
        border = (C + step + ratio) * ratio  # the Q whose threshold C + step is
        more_lower, more_upper = at((Q + border) / 2, C + step)
        assert more_lower > lower
        assert more_upper < upper


def test_labels_without_a_part_in_the_column_space_are_refused():
    with pytest.raises(ConfigurationError, match="Q = 0"):
        theory.imbalance_threshold([[1.0], [0.0]], [0.0, 1.0])
    X = np.array([[1.0, 2.0], [2.0, 4.0]])
    with pytest.raises(ConfigurationError, match="Q = 0"):
        theory.imbalance_threshold(X, [2.0, -1.0])
    with pytest.raises(ConfigurationError, match="Q = 0"):
        theory.imbalance_threshold(X, [2.0, -1.0], format=100)


@pytest.mark.parametrize("seed", range(5))
def test_labels_outside_a_nearly_singular_matrix_are_refused(seed):
    # As above: the singular vector of the small singular value is off by κ roundings, and y is seen in it.
    a, b = np.random.default_rng(seed).integers(-9, 10, (2, 3)).astype(float)
    X = np.array([a, a + 2.0**-26 * b]).T
    outside = np.cross(a, b)
    assert (outside @ X).tolist() == [0.0, 0.0]
    with pytest.raises(ConfigurationError, match="Q = 0"):
        theory.imbalance_threshold(X, outside)
    assert theory.imbalance_threshold(X, outside + 2.0**-10 * a) > 0


def test_shapes_and_options_are_checked():
    with pytest.raises(ShapeError, match="u: expected length 2, got 1"):
        theory.layer_imbalance(np.eye(2), [1.0], [1.0])
    with pytest.raises(ShapeError, match="v: expected at least one entry"):
        theory.layer_imbalance(np.eye(2), [1.0, 1.0], [])
    with pytest.raises(ConfigurationError, match="tolerance"):
        theory.is_balanced(np.eye(2), [1.0, 1.0], [1.0], tolerance=-1)
    with pytest.raises(ConfigurationError, match="tolerance"):
        theory.is_balanced(np.eye(2), [1.0, 1.0], [1.0], tolerance="1")


def test_an_exact_example():
    assert theory.layer_imbalance([["3", "4"]], ["0.6", "0.8"], ["0.5"], format=90)[0] == gmpy2.mpfr("0.75")
