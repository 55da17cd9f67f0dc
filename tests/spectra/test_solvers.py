"""Four solvers for the same eigenvalues: they agree within their residuals, and each residual is a bound."""

from __future__ import annotations

import itertools

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpsharp
import oracles
from certificate.cases import random_problem
from mpsharp import ConfigurationError, Hessian, Problem, ResourceError, ShapeError, UnknownNameError
from mpsharp.spectra import METHODS, lanczos
from strategies import problems

EXACT = ("secular", "dense", "lanczos")


def exact_matrix(problem):
    parts = (oracles.rationals(x.tolist()) for x in (problem.X, problem.y, problem.u, problem.v))
    return oracles.hessian(*parts)


def norm(problem):
    return float(np.linalg.norm(np.array([[float(x) for x in row] for row in exact_matrix(problem)])))


def roundings(problem, bits):
    """Backward error of any of the solvers: some p² roundings of ‖H‖.

    H itself is rounded with respect to its entries' parts, which may cancel: |c||s| + |y| for z.
    """
    size = problem.n_features + len(problem.v) + problem.n_samples
    X, y, u, v = (np.abs(x.astype(np.float64)) for x in (problem.X, problem.y, problem.u, problem.v))
    plain = Problem(X=X, y=-y, u=u, v=v)  # no sign cancels another
    return size**2 * 2.0 ** (4 - bits) * norm(plain)


@given(problems())
def test_matrix_and_products_are_the_hessian(problem):
    exact = exact_matrix(problem)
    for format, bits in ((None, 53), (80, 80)):
        operator = Hessian(problem, format=format)
        allowed = roundings(problem, bits)
        dense = operator.dense()
        assert dense.shape == operator.shape == (len(exact), len(exact))
        assert all(
            abs(gmpy2.mpq(a) - b) <= allowed
            for row, other in zip(dense, exact, strict=True)
            for a, b in zip(row, other, strict=True)
        )
        q = dense[:, 0] * 0 + 1
        with operator.arithmetic.active():
            difference = operator @ q - dense @ q
            assert max(abs(x) for x in difference) <= allowed


@given(problems(scale_bits=20), st.integers(1, 12), st.sampled_from([None, 100]))
def test_solvers_agree_within_their_residuals(problem, count, bits):
    size = problem.n_features + len(problem.v)
    count = min(count, size)
    allowed = roundings(problem, bits or 53)
    found = {name: mpsharp.eigenvalues(problem, count, name, bits=bits) for name in EXACT}
    for name, result in found.items():
        assert result.values.shape == result.residuals.shape == (count,)
        assert result.vectors.shape == (size, count)
        falling = itertools.pairwise(map(gmpy2.mpq, result.values))
        assert all(low <= high + gmpy2.mpq(allowed) for high, low in falling)
        # Below the poles φ = Σb²/(λ − a) may exceed ‖H‖, and its rounding with it; guard bits cover that.
        first = 1 if name == "secular" and bits is None else count
        assert all(residual <= allowed for residual in result.residuals[:first])
    with gmpy2.context(precision=200):
        for k in range(count):
            for one, other in itertools.combinations(found.values(), 2):
                slack = one.residuals[k] + other.residuals[k] + 2 * allowed
                assert abs(gmpy2.mpfr(one.values[k]) - gmpy2.mpfr(other.values[k])) <= slack


@given(problems(), st.sampled_from(METHODS))
def test_a_true_eigenvalue_is_within_the_residual_and_none_is_above(problem, method):
    # By the enclosure: a Ritz value is never above the sharpness, and LOBPCG's is that of its vector.
    result = mpsharp.eigenvalues(problem, 1, method)
    interval = mpsharp.sharpness_interval(problem, 80, threads=1)
    allowed = roundings(problem, 53)
    value, residual = float(result.values[0]), float(result.residuals[0])
    assert value <= float(interval.upper) + allowed
    if method != "lobpcg":  # which may stop early
        assert abs(value - float(interval.lower)) <= residual + allowed
    eigenvalues = np.linalg.eigvalsh(np.array([[float(x) for x in row] for row in exact_matrix(problem)]))
    assert np.abs(eigenvalues - value).min() <= residual + allowed


def test_lobpcg_on_a_larger_problem():
    problem = mpsharp.problems.gaussian(30, 80, 0, depth=3)
    dense = mpsharp.eigenvalues(problem, 3, "dense")
    lobpcg = mpsharp.eigenvalues(problem, 3, "lobpcg")
    allowed = lobpcg.residuals + dense.residuals + roundings(problem, 53)
    assert (np.abs(dense.values - lobpcg.values) <= allowed).all()
    assert lobpcg.residuals.max() <= 1e-8 * dense.values[0]


@pytest.mark.parametrize("seed", [1, 5, 8, 13])
def test_many_bits_agree_with_the_enclosure(seed):
    problem = random_problem(seed, 6, 5)
    interval = mpsharp.sharpness_interval(problem, 200, threads=1)
    for method in EXACT:
        result = mpsharp.eigenvalues(problem, 1, method, bits=200)
        value = result.values[0]
        assert value.precision == 200
        # 64 guard bits: but for the roundings of the result what is left is the residual.
        slack = abs(gmpy2.mpq(value)) * gmpy2.mpq(2) ** -190 + gmpy2.mpq(result.residuals[0])
        assert gmpy2.mpq(interval.lower) - slack <= gmpy2.mpq(value) <= gmpy2.mpq(interval.upper) + slack
        assert gmpy2.mpq(result.residuals[0]) <= gmpy2.mpq(interval.upper) * gmpy2.mpq(2) ** -190


def test_every_copy_of_a_multiple_eigenvalue():
    # c = 1, y = u = 0: H = diag(I/2, 0).
    problem = Problem(X=np.eye(2, 3), y=[0.0, 0.0], u=[0.0, 0.0, 0.0], v=[1.0])
    for method in EXACT:
        for bits in (None, 90):
            result = mpsharp.eigenvalues(problem, 4, method, bits=bits)
            np.testing.assert_allclose(result.values.astype(float), [0.5, 0.5, 0, 0], atol=1e-14)
            vectors = result.vectors.astype(float)
            np.testing.assert_allclose(vectors.T @ vectors, np.eye(4), atol=1e-12)


def test_a_hessian_of_zeros():
    problem = Problem(X=np.zeros((2, 2)), y=[1.0, 2.0], u=[1.0, 1.0], v=[1.0, 1.0])
    for method in EXACT:
        for bits in (None, 60):
            result = mpsharp.eigenvalues(problem, 2, method, bits=bits)
            assert max(abs(float(x)) for x in result.values) <= 1e-15
            assert not any(result.residuals > 1e-15)


@given(st.integers(1, 12), st.integers(0, 50))
def test_lanczos_takes_any_operator(size, seed):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((size, size))
    A = A + A.T
    count = min(3, size)
    values, vectors = lanczos(lambda q: A @ q, rng.standard_normal(size), count)
    expected = np.linalg.eigvalsh(A)[::-1][:count]
    allowed = size**2 * 2.0**-49 * np.linalg.norm(A)
    assert np.abs(values - expected).max() <= allowed
    assert np.linalg.norm(A @ vectors - vectors * values, axis=0).max() <= allowed


def test_lanczos_stops_early():
    diagonal = np.concatenate([[100.0, 50.0], np.linspace(0, 1, 400)])
    calls = []

    def matvec(q):
        calls.append(1)
        return diagonal * q

    values, _ = lanczos(matvec, np.ones(402), 2)
    np.testing.assert_allclose(values, [100, 50], rtol=1e-13)
    assert len(calls) < 60
    values, _ = lanczos(matvec, np.ones(402), 2, max_steps=3)
    assert values[0] <= 100 * (1 + 1e-14)


def test_other_parameters():
    problem = mpsharp.problems.gaussian(4, 3, 0)
    u, v = problem.u * 2, problem.v + 1
    moved = Problem(X=problem.X, y=problem.y, u=u, v=v)
    assert mpsharp.eigenvalues(problem, u=u, v=v).values == mpsharp.eigenvalues(moved).values


def test_arguments_are_checked():
    problem = mpsharp.problems.gaussian(3, 4, 0)
    with pytest.raises(ConfigurationError, match="expected a Problem"):
        mpsharp.eigenvalues([1])
    with pytest.raises(UnknownNameError, match="secular"):
        mpsharp.eigenvalues(problem, method="power")
    with pytest.raises(ConfigurationError, match="at most 5"):
        mpsharp.eigenvalues(problem, 6)
    with pytest.raises(ConfigurationError, match="both"):
        mpsharp.eigenvalues(problem, bits=100, format=100)
    with pytest.raises(ConfigurationError, match="float64"):
        mpsharp.eigenvalues(problem, method="lobpcg", bits=100)
    with pytest.raises(ConfigurationError, match="float32"):
        mpsharp.eigenvalues(problem, format="float32")
    with pytest.raises(ShapeError, match="u: expected length"):
        mpsharp.eigenvalues(problem, u=[1.0])
    with pytest.raises(ConfigurationError, match="other than zero"):
        lanczos(lambda q: q, np.zeros(3))
    with pytest.raises(ResourceError, match="use secular"):
        mpsharp.eigenvalues(mpsharp.problems.gaussian(2, 400, 0), method="dense", bits=100)
