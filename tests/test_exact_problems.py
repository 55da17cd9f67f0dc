"""Problems computed as if exactly and rounded once: against mpmath, entry by entry."""

from __future__ import annotations

import dataclasses

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp import draws, problems, row_space, theory
from mpsharp.problems import Problem
from mpsharp.problems.orthonormal import orthonormal
from mpsharp.problems.step_sizes import data_step_size

DIGITS = 60


def factor(matrix):
    """Q of QR at 60 digits, with the signs of NumPy's."""
    q, _ = mpmath.qr(mpmath.matrix(matrix.tolist()))
    signs = np.linalg.qr(matrix)[0]
    for j in range(len(matrix)):
        if mpmath.sign(q[0, j]) != np.sign(signs[0, j]):
            q[:, j] *= -1
    return q


def rounded(matrix):
    return np.array([[float(x) for x in row] for row in matrix.tolist()])


@given(st.integers(1, 9), st.integers(0, 10**6))
def test_orthonormal_is_numpys(n, seed):
    draw = np.random.default_rng(seed).standard_normal((n, n))
    rows = orthonormal(draw)
    # LAPACK's errors are those of the matrix, a few n roundings, times its condition number.
    bound = 20 * n * np.linalg.cond(draw) * 2.0**-53
    assert np.abs(rows.to_float64() - np.linalg.qr(draw)[0].T).max() <= bound
    exact = mpmath.matrix([[mpmath.mpf(str(x)) for x in row] for row in rows.to_gmpy2()])
    with mpmath.workprec(200):
        assert mpmath.mnorm(exact * exact.T - mpmath.eye(n), 1) < 2.0**-40


@pytest.mark.parametrize("rank", [2, 5])
def test_appendix_d_is_the_exact_matrix_rounded_once(rank):
    n = 5
    rng = np.random.default_rng(3)
    first, second = (draws.standard_normal(rng, (n, n)) for _ in range(2))
    sigma = (np.sqrt(n) * np.array([5.477] + [0.233] * (rank - 1))).tolist()
    labels = (np.sqrt(n) * np.array([0.3] + [1.414 / np.sqrt(rank - 1)] * (rank - 1))).tolist()
    with mpmath.workdps(DIGITS):
        w, r = (factor(draw)[:, :rank] for draw in (first, second))
        X, y = w * mpmath.diag(sigma) * r.T, w * mpmath.matrix(labels)
        difficulty = sum((mpmath.mpf(c) / s) ** 2 for c, s in zip(labels, sigma, strict=True))
        step_size = float(4 * n / (mpmath.mpf(sigma[0]) ** 2 * difficulty ** (mpmath.mpf(2) / 3)))
    P = problems.appendix_d(n, 2.0, rank, 3, depth=3)
    assert P.X.tolist() == rounded(X).tolist()
    assert P.y.tolist() == rounded(y).ravel().tolist()
    assert P.optimizer.step_size == step_size


SHAPES = [(4, 9), (9, 4), (5, 5), (6, 1), (1, 6)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("depth", [2, 5])
def test_step_size_of_data_is_rounded_once(shape, depth):
    P = problems.gaussian(*shape, seed=2)
    exact = theory.predicted_sharpness(P.X, P.y, depth, format=150)
    assert data_step_size(P.X, P.y, depth, 1.25) == float(2.5 / exact)


@pytest.mark.parametrize("shape", SHAPES[:3])
@pytest.mark.parametrize("smallest", [1e-5, 1e-9, 0.0])
def test_step_size_of_data_that_is_nearly_or_really_singular(shape, smallest):
    rng = np.random.default_rng(4)
    X = rng.standard_normal(shape)
    rank = min(shape)
    if smallest:
        left, sigma, right = np.linalg.svd(X, full_matrices=False)
        sigma[-1] = smallest
        X = left * sigma @ right
    else:
        X[0], X[:, 0] = X[1], X[:, 1]
        rank -= int(np.linalg.matrix_rank(X) < rank)
    y = rng.standard_normal(shape[0])
    exact = theory.predicted_sharpness(X, y, 2, format=150, rank=rank)
    assert data_step_size(X, y, 2, 1.0) == float(2 / exact)


@pytest.mark.parametrize("shape", [(3, 6), (6, 3), (4, 4)])
def test_part_in_the_row_space_is_rounded_once(shape):
    P = problems.gaussian(*shape, seed=1)
    got = row_space.scaled_part(P.X, P.u, 0.7)
    with mpmath.workdps(DIGITS):
        X, u = mpmath.matrix(P.X.tolist()), mpmath.matrix(P.u.tolist())
        part = X.T * mpmath.lu_solve(X * X.T, X * u) if shape[0] < shape[1] else u
        wanted = [float(x) for x in part * (mpmath.mpf(0.7) / mpmath.norm(part))]
    assert got.tolist() == wanted


def test_part_in_the_row_space_without_full_rank():
    P = problems.gaussian(2, 5, seed=1)
    once = row_space.scaled_part(P.X, P.u, 0.7)
    assert row_space.scaled_part(np.concatenate([P.X, 2 * P.X]), P.u, 0.7).tolist() == once.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_reduced_is_rounded_once(seed):
    P = problems.gaussian(4, 7, seed=seed)
    with mpmath.workdps(DIGITS):
        X = mpmath.matrix(P.X.tolist())
        lower = mpmath.cholesky(X * X.T)
        first = mpmath.lu_solve(lower, X * mpmath.matrix(P.u.tolist()))
        squares, w = mpmath.eigsy(X * X.T)
        order = sorted(range(4), key=lambda i: -squares[i])
        sigma = [float(mpmath.sqrt(squares[i])) for i in order]
        labels = [abs(float((w[:, i].T * mpmath.matrix(P.y.tolist()))[0])) for i in order]
    triangular, diagonal = problems.reduced(P), problems.reduced(P, "spectral")
    assert triangular.X.tolist() == rounded(lower).tolist()
    assert triangular.u.tolist() == [float(x) for x in first]
    assert np.diagonal(diagonal.X).tolist() == sigma
    assert np.abs(diagonal.y).tolist() == labels


def test_reduced_rounds_labels_outside_once():
    P = problems.gaussian(5, 2, seed=1)
    with mpmath.workdps(DIGITS):
        X, y = mpmath.matrix(P.X.tolist()), mpmath.matrix(P.y.tolist())
        outside = y - X * mpmath.lu_solve(X.T * X, X.T * y)
        wanted = float(mpmath.norm(outside))
    made = problems.reduced(P, "spectral")
    assert made.y[2] == wanted
    assert made.y[3:].tolist() == [0.0, 0.0]


def test_reduced_wants_data_other_than_zero():
    zero = Problem(X=np.zeros((2, 3)), y=np.ones(2), u=np.ones(3), v=np.ones(1))
    for coordinates in ("row_space", "spectral"):
        with pytest.raises(ValueError, match="reduced: expected data other than zero"):
            problems.reduced(dataclasses.replace(zero), coordinates)
