"""Sharpness and imbalance of the mirror against the exact Hessian and exact projections."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import mpsharp
import oracles
from mpsharp.backends.mirror import arrow as arrow_module
from mpsharp.backends.mirror.arrow import Arrow, top_eigenpair
from mpsharp.backends.mirror.spectrum import Spectrum
from strategies import matrices, problems, vectors

EPS = 2.0**-52


def tolerance(X, y, u, v):
    """How far rounding may move an eigenvalue (Weyl): all errors of H, in norm.

    An entry of H is a sum of products of n + d + D factors or terms, each rounded, so that its error is at
    most that many times EPS times the same sum of absolute values; the two decompositions add backward errors
    of that size, and so does the way to the row space and back: together a factor of 4.
    """
    X, y, u, v = map(abs, (X, y, u, v))
    n, d = X.shape
    # With z replaced by −(c s + |y|) every term of the oracle is positive: an upper bound entry by entry.
    bound = oracles.hessian(*map(oracles.rationals, (X, -y, u, v)))
    return 4 * (n + d + len(v) + 1) * EPS * float(np.linalg.norm(np.array(bound, dtype=float)))


def check(X, y, u, v, dtype="float64"):
    """Sharpness within its tolerance of the oracle's, and a residual that is as small."""
    X, y, u, v = (np.asarray(part, dtype=dtype) for part in (X, y, u, v))
    value, residual = Spectrum(X, y).sharpness(u, v)
    X, y, u, v = (part.astype(np.float64) for part in (X, y, u, v))
    allowed = tolerance(X, y, u, v)
    assert abs(value - float(oracles.sharpness(X, y, u, v))) <= allowed
    assert 0 <= residual <= allowed
    return value


# --- the arrow matrix -------------------------------------------------------------------------------

sizes = st.sampled_from([0.0, 0.0, 1.0, 1.0, 2.0, 1e-8, 1e-18, 1e8, 1e-170]).flatmap(
    lambda size: st.sampled_from([size, -size]) | st.floats(-1, 1).map(lambda x: x * size)
)


@st.composite
def arrows(draw):
    k, m = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    square = draw(vectors(m * m, sizes)).reshape(m, m)
    return Arrow(
        abs(draw(vectors(k, sizes))), draw(vectors(k, sizes)), draw(vectors(m, sizes)), square + square.T
    )


@given(arrows())
@example(Arrow(np.array([1.0, 1.0]), np.array([1e-30, 0.0]), np.array([1.0]), np.array([[1.0]])))
@example(Arrow(np.array([0.0]), np.array([0.0]), np.array([0.0]), np.array([[-1.0]])))
@example(Arrow(np.array([0.0]), np.array([0.0]), np.array([0.0]), np.array([[0.0]])))
@example(Arrow(np.array([1.0]), np.array([1e-160]), np.array([1.0]), np.array([[0.0]])))
@example(Arrow(np.array([1.0]), np.array([1e-150]), np.array([1.0]), np.array([[0.0]])))
@example(Arrow(np.array([1.0, 1 - EPS]), np.array([0.0, 1e-9]), np.array([1.0]), np.array([[-5.0]])))
def test_top_eigenpair_is_that_of_the_dense_matrix(arrow):
    matrix = arrow.dense()
    value, vector = top_eigenpair(arrow)
    # Both are backward stable: their errors are bounded by the order times EPS times the norm.
    allowed = 4 * len(matrix) * EPS * math.hypot(*matrix.ravel())  # np.linalg.norm underflows
    assert abs(value - np.linalg.eigvalsh(matrix)[-1]) <= allowed
    assert math.hypot(*(matrix @ vector - value * vector)) <= allowed
    assert abs(np.linalg.norm(vector) - 1) <= len(vector) * EPS


@given(arrows())
@example(  # ψ jumps between both signs of its rounding error
    Arrow(
        np.array([0.0, 1.0]),
        np.array([0.0, 1.0]),
        np.array([1.0, 1.0, 0.0]),
        np.array([[0.0, 0, 0], [0, 0, 1], [0, 1, 0]]),
    )
)
@example(  # the first guess is all rounding error, the zero is at 1e-52
    Arrow(
        np.array([0.0, 1e8, 0.0]),
        np.array([0.0, 1.0, 0.0]),
        np.array([0.0, 1e-18]),
        np.array([[0.0, 0.015625], [0.015625, 0.0]]),
    )
)
@example(  # the lower bound is the zero itself, but for rounding
    Arrow(
        np.zeros(3),
        np.array([0.0, 0.0, 7.5e-9]),
        np.array([2.0, -2.0, 0.0]),
        np.array([[0.0, 1e-8, 0.0], [1e-8, 0.0, 0.0], [0.0, 0.0, 0.0]]),
    )
)
@example(  # the pole alone puts the zero at 1e-120, the others at 6e-16
    Arrow(np.array([1.0, 1 - EPS, 1 - EPS]), np.array([1e-60, 2e-8, 2e-8]), np.ones(1), np.zeros((1, 1)))
)
def test_the_iteration_converges_without_the_dense_fallback(arrow):
    calls = []
    step = np.linalg.eigh

    def counting(matrix):
        calls.append(len(matrix))
        return step(matrix)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrow_module.np.linalg, "eigh", counting)
        top_eigenpair(arrow)
    assert set(calls) <= {len(arrow.w)}


@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**-300, 2.0**300, 2.0**900])
def test_scaling_by_powers_of_two_changes_no_bit(scale):
    rng = np.random.default_rng(1)
    b, w, G = rng.standard_normal(5), rng.standard_normal(2), np.eye(2)
    poles = abs(rng.standard_normal(5))
    value, vector = top_eigenpair(Arrow(poles, b, w, G))
    scaled, same = top_eigenpair(Arrow(poles * scale, b * scale, w, G * scale))
    assert scaled == value * scale
    np.testing.assert_array_equal(same, vector)


# --- sharpness --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(problem=problems())
def test_sharpness_is_the_top_eigenvalue_of_the_exact_hessian(dtype, problem):
    check(problem.X, problem.y, problem.u, problem.v, dtype)


EYE = np.eye(4)
AWKWARD = {
    "repeated singular values": (EYE, [1, 2, 3, 4], [1, 0, 0, 0], [0.5]),
    "c = 0": (EYE + 1, [1, 2, 3, 4], [1, 2, 0, 0], [0]),
    "c = 0 twice": (EYE + 1, [1, 2, 3, 4], [1, 2, 0, 0], [0, 0]),
    "zero border": (EYE, [2, 2, 2, 2], [1, 1, 1, 1], [1]),
    "the top pole itself": (np.diag([9.0, 1, 1, 1]), [0, 2, 2, 2], [0, 1, 1, 1], [1]),
    "negative curvature": (EYE, [50, 1, 1, 1], [0.1, 0, 0, 0], [0.1, 0.1]),
    "rank one, n > d": (np.ones((5, 2)), np.ones(5), [1, -0.5], [2]),
    "rank one, n < d": (np.ones((2, 5)), np.ones(2), np.ones(5), [2, 1]),
    "graded": (np.diag([1e8, 1, 1e-8, 1e-3]), [1, 2, 3, 4], [1, 1, 1, 1], [0.5]),
    "one by one": ([[3.0]], [1], [2], [1, 1, 1, 1]),
    "everything zero": (np.zeros((3, 2)), np.zeros(3), np.zeros(2), np.zeros(3)),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_sharpness_of_awkward_spectra(name):
    value = check(*AWKWARD[name])
    if name == "the top pole itself":
        assert value == 81 / 4
    if name == "everything zero":
        assert value == 0


def test_sharpness_by_hand():
    # X = y = u = 1, v = 1: z = 0, so H = ∇f ∇fᵀ with ∇f = (1, 1).
    one = np.ones(1)
    assert Spectrum(np.ones((1, 1)), one).sharpness(one, one)[0] == pytest.approx(2, abs=4 * EPS)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("where", ["u", "v"])
def test_a_state_that_is_not_finite_has_no_sharpness(bad, where):
    u, v = np.ones(2), np.ones(2)
    {"u": u, "v": v}[where][1] = bad
    spectrum = Spectrum(np.eye(2), np.ones(2))
    assert np.isnan(spectrum.sharpness(u, v)).all()
    assert np.isnan(spectrum.imbalance(u, v)).all()


def test_a_hessian_beyond_float64_has_no_sharpness():
    assert np.isnan(Spectrum(np.eye(2), np.ones(2)).sharpness(np.full(2, 1e200), np.ones(1))).all()


# --- imbalance --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(X=matrices().filter(lambda X: X.any()), data=st.data())
def test_imbalance_projects_exactly_onto_the_row_space(dtype, X, data):
    X = np.rint(4 * X).astype(dtype)  # small integers: the numerical rank is the rank
    u, v = (data.draw(vectors(size)).astype(dtype) for size in (X.shape[1], 3))
    spectrum = Spectrum(X, np.zeros(len(X)))
    exact = np.array(oracles.imbalance(X, u, v), dtype=float)
    assert spectrum.rank == np.linalg.matrix_rank(X.astype(float))
    if not X.any():
        np.testing.assert_array_equal(exact, -(v.astype(float) ** 2))
    sigma = np.linalg.svd(X.astype(float), compute_uv=False)[: spectrum.rank]
    condition = sigma[0] / sigma[-1] if spectrum.rank else 1
    # The computed row space is off by at most the condition number times the backward error of the SVD, and Π
    # enters twice; the sums add less than that.
    size = u.astype(float) @ u.astype(float) + v.astype(float) @ v.astype(float)
    allowed = 4 * sum(X.shape) * EPS * condition * size
    np.testing.assert_allclose(spectrum.imbalance(u, v), exact, rtol=0, atol=allowed)


def test_float32_data_keep_the_rank_that_they_had():
    problem = mpsharp.problems.appendix_d(12, rank=5)
    X, y = problem.X.astype(np.float32), problem.y.astype(np.float32)
    assert Spectrum(X, y).rank == 12
    run = mpsharp.run(problem, format="float32", steps=1)
    exact = mpsharp.run(problem, format="float64", steps=1)
    # Directions of the row space move by 2**-24 of its condition number, 5.477/0.233.
    np.testing.assert_allclose(run.imbalance, exact.imbalance, rtol=0, atol=64 * 2.0**-24 * 5.477 / 0.233)


# --- against the run --------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["float32", "float64"])
@pytest.mark.parametrize("depth", [2, 3, 5])
def test_sharpness_at_the_end_of_a_run_is_that_of_its_parameters(format, depth):
    problem = mpsharp.problems.gaussian(4, 6, seed=depth, depth=depth, step_size=0.05)
    run = mpsharp.run(problem, format=format, steps=20)
    X, y = (part.astype(format).astype(float) for part in (problem.X, problem.y))
    u, v = run.u.to_float64(), run.v.to_float64()
    expected = float(oracles.sharpness(X, y, u, v))
    assert abs(run.sharpness[-1] - expected) <= tolerance(X, y, u, v)
