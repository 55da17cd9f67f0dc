"""Sharpness at random starts: against eigenvalues of the full Hessian, and Theorem 5.6."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp import theory
from mpsharp.paper import starts


def hessian(X, y, u, v):
    """n times the Hessian of the two-layer model, in the parameters themselves."""
    s = X @ u
    border = X.T @ (v * s - y) + v * X.T @ s
    return np.block([[v * v * X.T @ X, border[:, None]], [border[None], np.array([[s @ s]])]])


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 12), st.sampled_from([1e-3, 1.0, 50.0]))
def test_against_the_eigenvalues_of_the_hessian(seed, n, features, scale):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, features)) * scale ** rng.uniform(-1, 1, features)
    y = rng.standard_normal(n)
    W, sigma, Rt = np.linalg.svd(X, full_matrices=False)
    u, v = rng.standard_normal((6, features)), rng.standard_normal(6)
    got = starts.arrow_sharpness(sigma, W.T @ y, u @ Rt.T, v)
    for value, first, second in zip(got, u, v, strict=True):
        matrix = hessian(X, y, first, second)
        # Both solvers, and the decomposition, are backward stable: some roundings of the norms of the parts
        # that cancel, of which the matrix is made.
        size = np.linalg.norm(X, 2) ** 2 * (second**2 + first @ first) + np.linalg.norm(X.T @ y)
        size += 4 * abs(second) * np.linalg.norm(X, 2) ** 2 * np.linalg.norm(first)
        assert abs(value - np.linalg.eigvalsh(matrix)[-1]) <= 64 * (n + features) * 2.0**-52 * size


def test_a_border_of_zeros_leaves_the_pole():
    sigma, d = np.array([3.0, 1.0]), np.zeros(2)
    got = starts.arrow_sharpness(sigma, d, np.zeros((2, 2)), np.array([2.0, -1.0]))
    np.testing.assert_allclose(got, [36, 9], rtol=2**-51)


@pytest.mark.parametrize("shape", [(6, 40), (30, 10)])
def test_the_mean_lies_between_the_bounds(shape):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal(shape), rng.standard_normal(shape[0])
    W, sigma, _ = np.linalg.svd(X, full_matrices=False)
    alpha, beta = (3 * shape[1]) ** -0.5, 3**-0.5
    values = starts.initial_sharpness(sigma, W.T @ y, shape[0], alpha, beta, rng, 20_000)
    bounds = theory.initial_sharpness_bounds(X, y, alpha, beta, sharper=True)
    error = 4 * values.std() / 20_000**0.5
    assert bounds.lower - error <= values.mean() <= bounds.upper + error
