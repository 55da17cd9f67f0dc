"""Expected sharpness at an (α, β) start."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp import ConfigurationError, theory
from theory_cases import at_most, cases, close, formats, gaussian_points, slack

scales = st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0])


@given(cases(max_n=3, max_d=3), scales, scales)
def test_the_upper_bound_is_the_expectation_of_that_of_lemma_b_3(case, alpha, beta):
    # Two polynomials in u and v, integrated exactly; Jensen's inequality takes the mean under the root.
    X, n = case.X, len(case.y)
    top = np.linalg.norm(X, 2) ** 2
    quadratic = slope = 0.0
    for point, weight in gaussian_points(X.shape[1] + 1):
        u, v = alpha * point[:-1], beta * point[-1]
        quadratic += weight * (top * v**2 + np.sum((X @ u) ** 2))
        slope += weight * np.sum((X.T @ (v * (X @ u) - case.y)) ** 2)
    # X.T @ y of labels outside the column space cancels: no relative accuracy in its root's square.
    unit = slack(None, 4 * X.size) * (
        1 + np.linalg.norm(X) * np.linalg.norm(case.y) / max(slope**0.5, 1e-300)
    )
    upper = theory.initial_sharpness_bounds(X, case.y, alpha, beta).upper
    assert upper == pytest.approx((quadratic + slope**0.5) / n, rel=unit)


@pytest.mark.parametrize(("alpha", "beta"), [(1, 1), (0.3, 2), (5, 0.5)])
def test_our_term_is_an_expectation(alpha, beta):
    # In polar coordinates v = βρ cos φ, ν = αρ sin φ, and E ρ² = 2: a mean over the angle, by the trapezoidal
    # rule on a periodic analytic function, exact to 2**-53 with 400 points for these ratios.
    with mpmath.workprec(80):
        angles = [2 * mpmath.pi * (k + mpmath.mpf(1) / 3) / 400 for k in range(400)]
        v2 = [(beta * mpmath.cos(a)) ** 2 for a in angles]
        nu2 = [(alpha * mpmath.sin(a)) ** 2 for a in angles]
        mean = float(2 * mpmath.fsum(a * b / (a + b) for a, b in zip(v2, nu2, strict=True)) / 400)
    plain = theory.initial_sharpness_bounds([[1.0]], [1.0], alpha, beta).lower
    ours = theory.initial_sharpness_bounds([[1.0]], [1.0], alpha, beta, sharper=True).lower
    assert ours - plain == pytest.approx(2 * mean, rel=1e-12)


@given(cases(), scales, scales, formats)
def test_lower_ours_upper(case, alpha, beta, format):
    lower, upper = theory.initial_sharpness_bounds(case.X, case.y, alpha, beta, format=format)
    sharper, same = theory.initial_sharpness_bounds(case.X, case.y, alpha, beta, sharper=True, format=format)
    assert upper == same
    assert at_most(lower, sharper, 0)
    assert at_most(sharper, upper, slack(format, case.rank))


@given(cases(), scales, scales, st.sampled_from([60, 200]))
def test_formats_agree(case, alpha, beta, bits):
    low = theory.initial_sharpness_bounds(case.X, case.y, alpha, beta, format=bits)
    high = theory.initial_sharpness_bounds(case.X, case.y, alpha, beta, format=400)
    for a, b in zip(low, high, strict=True):
        assert close(a, b, 1.01 * 2.0**-bits)


@pytest.mark.parametrize("seed", range(4))
def test_sampled_starts_have_a_mean_between_the_bounds(seed):
    rng = np.random.default_rng(seed)
    n, d = rng.integers(1, 8, 2)
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    alpha, beta = rng.uniform(0.2, 1, 2)
    values = []
    for _ in range(2000):
        u, v = alpha * rng.standard_normal(d), beta * rng.standard_normal()
        s = X @ u
        z = v * s - y
        b = X.T @ z + v * (X.T @ s)
        H = np.block([[v * v * X.T @ X, b[:, None]], [b[None, :], np.array([[s @ s]])]]) / n
        values.append(np.linalg.eigvalsh(H)[-1])
    lower, upper = theory.initial_sharpness_bounds(X, y, alpha, beta, sharper=True)
    error = 5 * np.std(values) / 2000**0.5  # five standard errors
    assert lower - error <= np.mean(values) <= upper + error


def test_negative_scales_are_refused():
    with pytest.raises(ConfigurationError, match="alpha, beta"):
        theory.initial_sharpness_bounds(np.eye(2), [1.0, 1.0], -1, 1)
