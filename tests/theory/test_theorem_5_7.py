"""Expected sharpness where gradient flow ends from an (α, β) start."""

from __future__ import annotations

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp import theory
from mpsharp.theory.bounds import exact_sharpness, layer_squares
from mpsharp.theory.expectations import converged_bounds, imbalance_moments
from theory_cases import cases, close, gaussian_points, slack

scales = st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0])


@given(cases(max_n=3, max_d=3), scales, scales)
def test_the_moments_are_those_of_the_imbalance(case, alpha, beta):
    # C² has degree 4 in every parameter: integrated exactly.
    mean = square = 0.0
    for point, weight in gaussian_points(case.X.shape[1] + 1):
        C = theory.layer_imbalance(case.X, alpha * point[:-1], [beta * point[-1]])[0]
        mean += weight * C
        square += weight * C**2
    expected_mean, variance = imbalance_moments(case.rank, alpha, beta)
    size = case.rank * alpha**2 + beta**2
    unit = 32 * case.condition * 2.0**-52
    assert mean == pytest.approx(expected_mean, abs=unit * size, rel=0)
    assert square == pytest.approx(expected_mean**2 + variance, abs=16 * unit * size**2, rel=0)


@given(cases(), st.lists(st.floats(-4, 4), min_size=1, max_size=6))
def test_bounds_hold_for_any_distribution_of_the_imbalance(case, imbalances):
    # The theorem's proof is Jensen's inequality, so that it holds for a handful of equally likely values.
    parts = theory.spectrum(case.X, format=200)
    with parts.arithmetic.active():
        d = parts.labels(case.y)
        Q = parts.difficulty(d)
        S = [exact_sharpness(parts, d, layer_squares(parts.arithmetic, Q, [C])) for C in imbalances]
        values = [gmpy2.mpfr(C) for C in imbalances]
        mean = sum(values) / len(values)
        variance = sum((C - mean) ** 2 for C in values) / len(values)
        lower, upper = converged_bounds(parts, d, mean, variance)
        allowed = 1 + gmpy2.mpfr(slack(200, 1))
        assert lower <= sum(S) / len(S) * allowed
        assert sum(S) / len(S) <= upper * allowed


@given(cases(), st.floats(-4, 4), st.sampled_from([None, 60, 200]))
def test_a_certain_imbalance_gives_theorem_4_3(case, imbalance, format):
    parts = theory.spectrum(case.X, format=format)
    with parts.arithmetic.active():
        d = parts.labels(case.y)
        C = parts.arithmetic.number(imbalance, "C")
        pair = [parts.arithmetic.leave(x) for x in converged_bounds(parts, d, C, 0 * C)]
    for a, b in zip(
        pair, theory.minimizer_sharpness_bounds(case.X, case.y, 2, imbalance, format=format), strict=True
    ):
        assert close(a, b, slack(format, case.rank))


@given(cases(), scales, scales, st.sampled_from([60, 200]))
def test_formats_agree(case, alpha, beta, bits):
    low = theory.converged_sharpness_bounds(case.X, case.y, alpha, beta, format=bits)
    high = theory.converged_sharpness_bounds(case.X, case.y, alpha, beta, format=400)
    assert low.lower <= low.upper
    for a, b in zip(low, high, strict=True):
        assert close(a, b, 1.01 * 2.0**-bits)


@pytest.mark.parametrize("seed", range(4))
def test_sampled_starts_end_with_a_mean_between_the_bounds(seed):
    rng = np.random.default_rng(seed)
    n, d = rng.integers(1, 8, 2)
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    alpha, beta = rng.uniform(0.2, 1, 2)
    values = []
    for _ in range(400):
        C = theory.layer_imbalance(X, alpha * rng.standard_normal(d), [beta * rng.standard_normal()])
        values.append(theory.minimizer_sharpness(X, y, 2, C))
    lower, upper = theory.converged_sharpness_bounds(X, y, alpha, beta)
    error = 5 * np.std(values) / 400**0.5  # five standard errors
    assert lower - error <= np.mean(values) <= upper + error
