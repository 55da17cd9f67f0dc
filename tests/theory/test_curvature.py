"""Gradient of the curvature along a direction: against exact rationals and their differences."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp.theory.curvature import curvature_gradient


def exact_curvature(sigma, d, nu, v, n, q):
    """QᵀHq by second differences of n times the loss along q, in rationals: the loss is a polynomial."""

    def loss(step):
        u = [Fraction(a) + step * Fraction(b) for a, b in zip(nu, q, strict=False)]
        layers = [Fraction(a) + step * Fraction(b) for a, b in zip(v, q[len(nu) :], strict=True)]
        c = Fraction(1)
        for layer in layers:
            c *= layer
        z = (c * Fraction(s) * a - Fraction(b) for s, a, b in zip(sigma, u, d, strict=True))
        return sum(x * x for x in z) / (2 * n)

    # The loss is of degree 2·depth in the step: its second derivative at 0 from interpolation is exact.
    degree = 2 * (len(v) + 1)
    points = [Fraction(k) for k in range(-degree // 2, degree // 2 + 1)]
    coefficient = Fraction(0)
    for i, x in enumerate(points):
        others = [p for j, p in enumerate(points) if j != i]
        polynomial = [Fraction(1)]
        scale = Fraction(1)
        for p in others:
            polynomial = [
                (polynomial[k - 1] if k else 0) - p * (polynomial[k] if k < len(polynomial) else 0)
                for k in range(len(polynomial) + 1)
            ]
            scale *= x - p
        coefficient += loss(x) * polynomial[2] / scale
    return 2 * coefficient


@given(depth=st.integers(2, 5), rank=st.integers(1, 4), seed=st.integers(0, 2**32))
def test_against_rational_differences(depth, rank, seed):
    rng = np.random.default_rng(seed)
    draws = [rng.integers(-8, 9, size).astype(float) / 4 for size in (rank, rank, rank, depth - 1)]
    sigma, d, nu, v = draws
    q = rng.integers(-8, 9, rank + depth - 1).astype(float) / 8
    n = rank + 3
    value, gradient = curvature_gradient(sigma, d, nu, v, n, q)
    exact = exact_curvature(sigma, d, nu, v, n, q)
    size = 1 + abs(float(exact)) + np.abs(gradient).max()
    # Small multiples of 1/8: float64 holds every product and sum, and rounds in the division by n alone.
    assert value == pytest.approx(float(exact), rel=2**-51, abs=0)
    step = Fraction(1, 2**20)
    theta = [*map(Fraction, nu), *map(Fraction, v)]
    for k in range(len(theta)):
        ends = []
        for sign in (1, -1):
            moved = list(theta)
            moved[k] += sign * step
            ends.append(exact_curvature(sigma, d, moved[:rank], moved[rank:], n, q))
        # Central differences of a polynomial: an error of step² times its third derivative.
        assert gradient[k] == pytest.approx(float((ends[0] - ends[1]) / (2 * step)), abs=1e-6 * size)
