"""Problem and the named problems: shapes, exactness, recipes, and constants that are known."""

from __future__ import annotations

import json
import pickle
from fractions import Fraction

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpsharp
from mpsharp import datasets, problems
from mpsharp.errors import ConfigurationError, DatasetError, NonFiniteError, ShapeError, UnknownNameError
from mpsharp.optimizers import GD
from mpsharp.problems import Problem
from mpsharp.theory.difficulty import difficulty_float64


def explicit(**changes):
    parts = {"X": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "y": [1.0, -1.0], "u": [0.1, 0.2, 0.3], "v": [1.0, 2.0]}
    return Problem(**{**parts, **changes})


def test_explicit_problem():
    P = explicit()
    assert (P.n_samples, P.n_features, P.depth, P.optimizer, P.steps, P.recipe) == (2, 3, 3, None, None, None)
    assert explicit(depth=3).sha256 == P.sha256
    with pytest.raises(ValueError, match="read-only"):
        P.X[0, 0] = 7.0


def test_data_is_copied():
    X = np.ones((2, 3))
    P = explicit(X=X)
    X[:] = 0.0
    assert P.X.tolist() == np.ones((2, 3)).tolist()


def test_nothing_is_rounded():
    tenth = gmpy2.mpfr("0.1", 300)
    P = explicit(u=["0.1", Fraction(1, 3), tenth])
    assert P.u.tolist()[:2] == [gmpy2.mpq(1, 10), gmpy2.mpq(1, 3)]
    assert P.u[2].precision == 300
    assert P.sha256 != explicit(u=["0.1", Fraction(1, 3), tenth + gmpy2.mpfr(2.0**-60)]).sha256


def test_sha256_sees_values_not_memory():
    P = explicit()
    assert explicit(X=np.asfortranarray(P.X)).sha256 == P.sha256
    assert explicit(X=P.X.astype(np.float32)).sha256 == P.sha256
    changed = {"X": P.X + 1, "y": -P.y, "u": P.u * 2, "v": P.v * 2}
    assert len({P.sha256, *(explicit(**{name: value}).sha256 for name, value in changed.items())}) == 5


def test_pickles():
    P = problems.appendix_d(n=4)
    P.rank  # noqa: B018  # fills the cache, which stays behind
    again = pickle.loads(pickle.dumps(P))
    assert again.sha256 == P.sha256
    assert again.optimizer == P.optimizer
    assert again.rank == 4
    assert not again.X.flags.writeable


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"X": [1.0, 2.0]}, ShapeError, r"X: expected 2 dimension\(s\), got 1"),
        ({"X": np.ones((2, 3, 1))}, ShapeError, r"X: expected 2 dimension\(s\), got 3"),
        ({"X": [[1.0], [1.0, 2.0]]}, ShapeError, "X: expected nested lists of equal lengths"),
        ({"X": np.ones((0, 3)), "y": np.ones(0)}, ShapeError, "X: expected at least one entry"),
        ({"y": [1.0]}, ShapeError, "y: expected length 2 .* got 1"),
        ({"y": [[1.0], [2.0]]}, ShapeError, r"y: expected 1 dimension\(s\), got 2"),
        ({"u": [1.0, 2.0]}, ShapeError, "u: expected length 3 .* got 2"),
        ({"v": []}, ShapeError, "v: expected at least one entry"),
        ({"v": 1.0}, ShapeError, r"v: expected 1 dimension\(s\), got 0"),
        ({"depth": 2}, ShapeError, "v: expected length 1 .* got 2"),
        ({"depth": 1}, ConfigurationError, "depth: expected an integer of at least 2, got 1"),
        (
            {"X": [[1, 2, 3], [4, np.nan, 6]]},
            NonFiniteError,
            r"X: expected finite .* got nan at index \[1, 1\]",
        ),
        ({"u": [0, 0, -np.inf]}, NonFiniteError, r"u: expected finite .* got -inf at index \[2\]"),
        ({"v": [gmpy2.mpfr("nan"), 1]}, NonFiniteError, r"v: expected finite .* got nan at index \[0\]"),
        ({"y": ["one", "two"]}, ConfigurationError, "y: number: expected decimal text"),
        ({"y": [1j, 0]}, ConfigurationError, "y: number: expected"),
        (
            {"y": np.array([True, False])},
            ConfigurationError,
            "y: expected an array of real numbers, got dtype bool",
        ),
        ({"optimizer": 0.1}, ConfigurationError, "optimizer: expected a GD, SGD or GradientFlow, got 0.1"),
        ({"steps": 0}, ConfigurationError, "steps: expected an integer of at least 1, got 0"),
    ],
)
def test_bad_problems(changes, error, message):
    with pytest.raises(error, match=message):
        explicit(**changes)


# --- the default problem ------------------------------------------------------------------------------


def test_default_problem_has_its_published_constants():
    P = problems.appendix_d()
    difficulty, sigma = difficulty_float64(P.X, P.y)
    predicted = sigma**2 * np.sqrt(difficulty) / 100
    # The digits below are the documented ones, so half a unit of their last place is the tolerance.
    assert abs(difficulty - 36.83) < 0.005
    assert abs(predicted - 182.05) < 0.005
    # 1/η = Ŝ/(2ρ); one part in 2**30 is far above float64's error and far below any real difference.
    assert abs(P.optimizer.stability_limit * 2.2 / predicted - 1) < 2.0**-30
    assert (P.n_samples, P.n_features, P.depth, P.steps) == (100, 100, 2, 1000)
    assert P.v.tolist() == [1.0]


def test_default_problem_draws_in_the_documented_order():
    rng = np.random.default_rng(7)
    W, R = (np.linalg.qr(rng.standard_normal((20, 20)))[0] for _ in range(2))
    u = 0.01 * rng.standard_normal(20)
    P = problems.appendix_d(n=20, seed=7)
    assert P.u.tolist() == u.tolist()
    d, sigma = W.T @ P.y / np.sqrt(20), W.T @ P.X @ R / np.sqrt(20)
    bound = 20 * 20 * 2.0**-53 * 6  # n terms, twice, of numbers up to 5.5
    assert np.abs(d - [0.3, *[1.414 / np.sqrt(19)] * 19]).max() < bound
    assert np.abs(sigma - np.diag([5.477, *[0.233] * 19])).max() < bound


@given(st.integers(2, 12), st.data())
def test_rank_and_predicted_sharpness(n, data):
    rank = data.draw(st.integers(2, n))
    depth = data.draw(st.integers(2, 5))
    P = problems.appendix_d(n=n, rank=rank, depth=depth, limit_ratio=1.5)
    assert P.rank == rank
    assert P.depth == depth
    difficulty, sigma = difficulty_float64(P.X, P.y)
    predicted = sigma**2 * difficulty ** ((depth - 1) / depth) / n
    assert abs(predicted / P.optimizer.stability_limit / 1.5 - 1) < 2.0**-30


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 5, "rank": 6}, "rank: expected at most n = 5, got 6"),
        ({"rank": 1}, "rank: expected an integer of at least 2, got 1"),
        ({"n": 1}, "n: expected an integer of at least 2, got 1"),
        ({"n": 2.5}, "n: expected an integer of at least 2, got 2.5"),
        ({"n": 4, "depth": 1}, "depth: expected an integer of at least 2, got 1"),
        ({"n": 4, "limit_ratio": -1.0}, "limit_ratio: expected a finite number above 0, got -1.0"),
        ({"n": 4, "limit_ratio": "2"}, "limit_ratio: expected a finite number above 0, got '2'"),
        ({"n": 4, "limit_ratio": np.nan}, "limit_ratio: expected a finite number above 0, got nan"),
        ({"n": 4, "seed": -1}, "seed: expected an integer of at least 0, got -1"),
        ({"n": 4, "steps": 0}, "steps: expected an integer of at least 1, got 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        problems.appendix_d(**arguments)


def test_gaussian():
    P = problems.gaussian(n=6, d=9, depth=4, seed=3, step_size="0.1", scale=0.5)
    rng = np.random.default_rng(3)
    assert P.X.tolist() == rng.standard_normal((6, 9)).tolist()
    assert P.y.tolist() == rng.standard_normal(6).tolist()
    assert P.u.tolist() == (0.5 * rng.standard_normal(9)).tolist()
    assert P.v.tolist() == [1.0, 1.0, 1.0]
    assert P.optimizer == GD("0.1")
    assert (problems.gaussian().X.shape, problems.gaussian().optimizer) == ((100, 100), GD(0.2))
    for bad in ({"scale": 0.0}, {"step_size": -0.2}, {"d": 0}, {"seed": "x"}):
        with pytest.raises(ConfigurationError, match=next(iter(bad))):
            problems.gaussian(n=4, **bad)


# --- recipes and real data ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: problems.appendix_d(n=np.int64(6), rank=3, seed=2, depth=3, steps=np.int32(7)),
        lambda: problems.gaussian(n=4, d=np.int64(7), step_size=Fraction(1, 8)),
        lambda: problems.from_dataset("digits-3-5", 20, 5, depth=3, v=0.25),
        lambda: problems.reduced(problems.gaussian(n=4, d=9)),
        lambda: problems.reduced(problems.gaussian(n=4, d=9), "spectral"),
    ],
)
def test_recipes_rebuild_the_same_problem(make):
    P = make()
    again = problems.from_recipe(json.loads(json.dumps(P.recipe)))
    assert again.sha256 == P.sha256
    assert again.optimizer.config() == P.optimizer.config()
    assert (again.steps, again.depth, again.recipe) == (P.steps, P.depth, P.recipe)


def test_bad_recipes():
    with pytest.raises(UnknownNameError, match=r"unknown problem: .*'appendix_d'.*got 'appendix_e'"):
        problems.from_recipe({"name": "appendix_e"})
    with pytest.raises(ConfigurationError, match="recipe: expected the arguments of gaussian"):
        problems.from_recipe({"name": "gaussian", "colour": "red"})


def test_from_dataset_sets_the_limit_ratio_of_its_subset():
    P = problems.from_dataset("digits-3-5", 30, seed=1, depth=3, limit_ratio=1.25)
    difficulty, sigma = difficulty_float64(P.X, P.y)
    predicted = sigma**2 * difficulty ** (2 / 3) / 30
    assert abs(predicted / P.optimizer.stability_limit / 1.25 - 1) < 2.0**-30
    assert np.abs(P.u).max() <= 1 / np.sqrt(64)
    assert np.abs(P.v).max() <= 1
    assert P.sha256 != problems.from_dataset("digits-3-5", 30, seed=2, depth=3, limit_ratio=1.25).sha256
    data = datasets.load("digits-3-5").balanced_subset(30, np.random.default_rng(1))
    np.testing.assert_array_equal(P.X, data[0])


@pytest.mark.usefixtures("no_data")
def test_figure_29_without_data():
    for make in (problems.figure29_postponed, problems.figure29_blowup):
        with pytest.raises(DatasetError, match="MPSHARP_DATA"):
            make()


def catapult_step(P):
    """Plain float64 gradient descent in row-space coordinates: first step with S > 2/η, then L > 10 min L."""
    Q, T = np.linalg.qr(P.X.T)
    X, u, v, n = T.T, Q.T @ P.u, P.v[0], P.n_samples
    step_size, smallest, unstable = P.optimizer.step_size, np.inf, False
    for step in range(P.steps + 1):
        s = X @ u
        z = v * s - P.y
        loss = z @ z / (2 * n)
        smallest = min(smallest, loss)
        if not unstable and step % 25 == 0:
            b = X.T @ (z + v * s)
            hessian = np.block([[v * v * X.T @ X, b[:, None]], [b, s @ s]]) / n
            unstable = np.linalg.eigvalsh(hessian)[-1] > 2 / step_size
        if unstable and not loss <= 10 * smallest:
            return step
        u, v = u - step_size * v / n * (X.T @ z), v - step_size / n * (s @ z)
    return None


@pytest.mark.usefixtures("cats_and_dogs")
def test_figure_29_blow_up_comes_within_its_steps():
    P = problems.figure29_blowup()
    assert (P.X.shape, P.v.tolist()) == ((100, 3072), [0.15])
    assert catapult_step(P) is not None
    assert problems.from_recipe(P.recipe).sha256 == P.sha256


@pytest.mark.slow
@pytest.mark.usefixtures("cats_and_dogs")
def test_figure_29_postponed_drop_comes_within_its_steps():
    P = problems.figure29_postponed()
    assert (P.X.shape, P.v.tolist()) == ((300, 3072), [0.4])
    assert catapult_step(P) is not None


@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 99))
def test_row_space_keeps_what_the_model_computes(n, d, seed):
    P = problems.gaussian(n=n, d=d, seed=seed)
    short = problems.reduced(P)
    assert short.X.shape == (n, min(n, d))
    # Each side errs by at most about d·u·‖x_i‖‖u‖ in the product, and as much in the factorisation.
    scale = np.linalg.norm(P.X) * np.linalg.norm(P.u)
    assert np.abs(short.X @ short.u - P.X @ P.u).max() <= 16 * (n + d) * d * 2.0**-53 * scale


def test_row_space_wants_float64():
    with pytest.raises(ConfigurationError, match="reduced: expected float64 data"):
        problems.reduced(explicit(u=["0.1", "0.2", "0.3"]))


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 99))
def test_spectral_keeps_loss_and_sharpness(n, d, seed):
    P = problems.gaussian(n=n, d=d, seed=seed)
    short = problems.reduced(P, "spectral")
    assert short.X.shape == (n, min(n, d))
    assert np.count_nonzero(short.X) == min(n, d)
    before, after = (mpsharp.run(Q, bits=100, steps=1) for Q in (P, short))
    # A float64 decomposition of at most 6 rows moves X by some 50·2⁻⁵³ of its norm; S and L are at most
    # quadratic in X, but L may be small against ‖y‖².
    assert after.sharpness == pytest.approx(before.sharpness, rel=1e-12)
    assert after.loss == pytest.approx(before.loss, abs=1e-12 * float(P.y @ P.y))
    assert problems.from_recipe(short.recipe).sha256 == short.sha256


def test_spectral_wants_float64_and_data():
    with pytest.raises(ConfigurationError, match="reduced: expected float64 data"):
        problems.reduced(explicit(u=["0.1", "0.2", "0.3"]), "spectral")
    with pytest.raises(ConfigurationError, match="reduced: expected data other than zero"):
        problems.reduced(Problem(X=np.zeros((2, 2)), y=np.ones(2), u=np.ones(2), v=np.ones(1)), "spectral")
