"""Coordinates: the same run in fewer numbers, whatever the shape and rank of X."""

from __future__ import annotations

import gmpy2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import mpsharp
from mpsharp import GD, SGD, Problem, _core, problems
from mpsharp.backends.coordinates import transform
from mpsharp.backends.transfer import from_core, matrix_to_core, to_core
from mpsharp.coordinates import COORDINATES
from mpsharp.errors import ConfigurationError, UnknownNameError
from mpsharp.exact import ExactArray


def integer_problem(seed, n, d, rank, depth, *, repeat=False):
    """Small integers, so that rank and column space are exact; labels anywhere."""
    rng = np.random.default_rng(seed)
    rank = min(rank, n, d)
    if repeat:  # orthogonal rows and columns of equal length: equal singular values
        X = np.zeros((n, d))
        X[np.arange(rank), np.arange(rank)] = 2.0
    else:
        X = (rng.integers(-3, 4, (n, rank)) @ rng.integers(-3, 4, (rank, d))).astype(float)
        X[0, 0] += not X.any()
    v = rng.choice([0.5, 1.0, -0.75, 1.25], depth - 1)
    y, u = rng.integers(-4, 5, n).astype(float), rng.integers(-8, 9, d) / 8
    # n·‖H‖ is at most the sum of its blocks' norms; with M ≥ every layer, that is below this.
    M = max(1.0, float(np.abs(v).max()), float(np.linalg.norm(u)))
    data = max(np.linalg.norm(X), 1.0) * M ** (depth - 1)
    bound = 3 * depth**2 * data * (data + np.linalg.norm(y))
    return Problem(
        X=X,
        y=y,
        u=u,
        v=v,
        optimizer=GD(step_size=float(1.5 * n / bound)),  # stable: below 2/‖H‖, with room for ‖H‖ to grow
        steps=12,
    )


shapes = {
    "seed": st.integers(0, 2**32 - 1),
    "n": st.integers(1, 7),
    "d": st.integers(1, 7),
    "rank": st.integers(1, 7),
    "depth": st.integers(2, 5),
    "repeat": st.booleans(),
}


def log2_distance(a, b, least=0):
    """log2 of the largest difference of two arrays of gmpy2 numbers over the largest or `least`."""
    with gmpy2.context(precision=2000):
        size = max((abs(x) for x in np.ravel(a)), default=gmpy2.mpfr(0))
        size = max(size, gmpy2.mpfr(least))
        difference = max((abs(x - y) for x, y in zip(np.ravel(a), np.ravel(b), strict=True)), default=0)
        return -np.inf if difference == 0 else float(gmpy2.log2(difference / max(size, gmpy2.mpfr("1e-30"))))


@pytest.mark.parametrize("coordinates", ["row_space", "spectral"])
@given(**shapes)
def test_same_run_in_other_coordinates(coordinates, seed, n, d, rank, depth, repeat):
    problem = integer_problem(seed, n, d, rank, depth, repeat=repeat)
    plain = mpsharp.run(problem, bits=256)
    other = mpsharp.run(problem, bits=256, coordinates=coordinates)
    assert plain.status == other.status
    # 12 stable steps of depth 5 at most: a relative error of 2**-256 per operation, some hundreds of them,
    # each amplified by less than the condition number of X (below 2**20 here).
    for name in ("loss", "sharpness"):
        assert log2_distance(plain.exact(name), other.exact(name)) < -256 + 36, name
    # The imbalance is a difference of squares, and can be nothing but its rounding errors.
    squares = float(problem.u @ problem.u + problem.v @ problem.v)
    assert log2_distance(plain.exact("imbalance"), other.exact("imbalance"), squares) < -256 + 36
    u, v = other.parameters()
    assert log2_distance(plain.u.to_gmpy2(), u.to_gmpy2()) < -256 + 36
    assert log2_distance(plain.v.to_gmpy2(), v.to_gmpy2()) < -256 + 36


@pytest.mark.parametrize("coordinates", ["row_space", "spectral"])
@pytest.mark.parametrize("format", ["float64", "float32"])
@given(**shapes)
def test_same_run_in_the_float_formats(coordinates, format, seed, n, d, rank, depth, repeat):
    problem = integer_problem(seed, n, d, rank, depth, repeat=repeat)
    plain = mpsharp.run(problem, bits=256)
    other = mpsharp.run(problem, format=format, coordinates=coordinates)
    # Some hundreds of operations; orthogonal factors from LAPACK are good to a modest multiple of 2**-52.
    tolerance = 2.0 ** (14 - {"float64": 53, "float32": 24}[format])
    # Errors of Xu are relative to ‖X‖·‖u‖, also where it cancels to nothing.
    outputs = np.prod(problem.v) ** 2 * np.sum(problem.X**2) * (problem.u @ problem.u)
    size = plain.loss.max() + (problem.y @ problem.y + outputs) / (2 * n)
    np.testing.assert_allclose(other.loss, plain.loss, rtol=0, atol=tolerance * size)
    u = other.parameters()[0].to_float64()
    np.testing.assert_allclose(u, plain.u.to_float64(), rtol=0, atol=tolerance * max(1, abs(u).max()))
    assert other.u.shape == (mpsharp.run(problem, bits=53, coordinates=coordinates, steps=1).u.shape)


@given(**shapes)
@example(seed=227, n=3, d=2, rank=2, depth=2, repeat=True)  # diagonal, and y within its columns
def test_loss_has_its_floor(seed, n, d, rank, depth, repeat):
    problem = integer_problem(seed, n, d, rank, depth, repeat=repeat)
    run = mpsharp.run(problem, bits=200, coordinates="spectral", steps=1)
    left = np.linalg.svd(problem.X)[0][:, : problem.rank]
    outside = problem.y - left @ (left.T @ problem.y)
    expected = outside @ outside / (2 * n)
    text = run.config["loss_floor"]
    assert (text is None) == (problem.rank == n)
    assert float(text or 0) == pytest.approx(expected, abs=1e-12 * (problem.y @ problem.y + 1))
    if text is not None:  # the text gives the very number back
        floor = ExactArray.from_any([text], 200)
        form = transform(problem, "spectral", 200)
        assert floor.identical(ExactArray.from_any([form.loss_floor.to_gmpy2()], 200))
        assert min(run.exact("loss")) >= floor.to_gmpy2()[0]


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5)])
@pytest.mark.parametrize("rank", [2, 9])
def test_decomposition_is_one(shape, rank):
    """W and R orthonormal, X = W Σ R', σ falling, to the guard bits."""
    bits = 300
    problem = integer_problem(3, *shape, rank, 2)
    dense, form = (transform(problem, "spectral", bits, dense=flag) for flag in (True, False))
    with gmpy2.context(precision=1000):
        scaled = dense.X.to_gmpy2()
        sigma = form.X.to_gmpy2()
        assert all(a >= b > 0 for a, b in zip(sigma, [*sigma[1:], sigma[-1]], strict=True))
        product = scaled.T @ scaled - np.diag(sigma * sigma)
        assert max(abs(x) for x in product.ravel()) <= sigma[0] ** 2 * gmpy2.exp2(-bits - 20)
        # XX' = (W Σ)(W Σ)'
        whole = problem.X @ problem.X.T - scaled @ scaled.T
        assert max(abs(x) for x in whole.ravel()) <= sigma[0] ** 2 * gmpy2.exp2(-bits - 20)
        # ν = R'u has R = X'W/Σ, so Σ²ν = (W Σ)'X u.
        expected = scaled.T @ (problem.X @ problem.u.astype(object))
        assert log2_distance(sigma * sigma * form.u.to_gmpy2(), expected) < -bits - 20
        assert log2_distance(sigma * form.y.to_gmpy2(), scaled.T @ problem.y) < -bits - 20


def test_row_space_of_full_column_rank_is_parameter():
    problem = integer_problem(1, 6, 3, 3, 3)
    a, b = (mpsharp.run(problem, bits=100, coordinates=name) for name in ("parameter", "row_space"))
    assert a.identical(b)


@pytest.mark.parametrize("name", COORDINATES)
@pytest.mark.parametrize("format", [90, "float64"])
def test_stored_and_repeated(name, format, tmp_path):
    run = mpsharp.run(integer_problem(5, 4, 6, 3, 3), format=format, coordinates=name)
    again = mpsharp.load(run.save(tmp_path / "run"))
    assert again.identical(run)
    assert again.config["coordinates"] == name
    assert again.rerun().identical(run)
    assert again.parameters()[0].identical(run.parameters()[0])
    assert again.parameters()[0].shape == (6,)


def test_exact_data_enter_exactly():
    """Data that float64 does not hold: the decomposition sees them to the guard bits."""
    X = [["0.1", "0.2", "0.7"], ["1/3", "5", "0.9"]]
    problem = Problem(X=X, y=["0.3", "1/7"], u=["0.1"] * 3, v=["0.9"], optimizer=GD("0.01"), steps=20)
    plain = mpsharp.run(problem, bits=333)
    for name in ("row_space", "spectral"):
        run = mpsharp.run(problem, bits=333, coordinates=name)
        assert log2_distance(plain.exact("loss"), run.exact("loss")) < -310


@pytest.mark.parametrize("coordinates", ["row_space", "spectral"])
@pytest.mark.parametrize("format", [100, "float64"])
def test_zero_data_is_refused(coordinates, format):
    problem = Problem(X=np.zeros((2, 3)), y=[1.0, 2], u=np.ones(3), v=[1.0], optimizer=GD(0.1), steps=1)
    with pytest.raises(ConfigurationError, match="X = 0"):
        mpsharp.run(problem, format=format, coordinates=coordinates)


@pytest.mark.parametrize("arithmetic", ["exact", "sequential"])
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 6), bits=st.integers(2, 200))
def test_diagonal_products_are_those_of_the_dense_matrix(arithmetic, seed, size, bits):
    rng = np.random.default_rng(seed)
    diagonal, x = (ExactArray.from_float64(rng.standard_normal(size), bits) for _ in range(2))
    dense = np.full((size, size), gmpy2.mpfr(0), dtype=object)
    dense[np.diag_indices(size)] = diagonal.to_gmpy2()
    rows = rng.integers(0, size, 4)
    z = ExactArray.from_float64(rng.standard_normal(4), bits)
    results = [
        (
            data.apply(to_core(x), bits),
            data.apply_transposed(to_core(x), bits),
            data.apply_rows(to_core(x), rows, bits),
            data.apply_transposed_rows(to_core(z), rows, bits),
        )
        for data in (
            _core.Data.diagonal(to_core(diagonal), arithmetic),
            _core.Data(matrix_to_core(dense, bits), arithmetic, 1, "reference"),
        )
    ]
    for fast, slow in zip(*results, strict=True):
        # Signs of zero apart: the dense products see -0·z where the diagonal ones see nothing.
        assert (from_core(fast).to_gmpy2() == from_core(slow).to_gmpy2()).all()


@pytest.mark.parametrize("coordinates", ["row_space", "spectral"])
@given(**shapes)
def test_sgd_in_other_coordinates(coordinates, seed, n, d, rank, depth, repeat):
    problem = integer_problem(seed, n, d, rank, depth, repeat=repeat)
    optimizer = SGD(problem.optimizer.step_size, 1 + seed % n)
    plain = mpsharp.run(problem, bits=200, optimizer=optimizer, seed=seed)
    other = mpsharp.run(problem, bits=200, optimizer=optimizer, seed=seed, coordinates=coordinates)
    assert log2_distance(plain.exact("loss"), other.exact("loss")) < -200 + 36
    assert log2_distance(plain.u.to_gmpy2(), other.parameters()[0].to_gmpy2()) < -200 + 36


def test_unknown_coordinates():
    with pytest.raises(UnknownNameError, match="coordinates"):
        mpsharp.run(coordinates="polar")


def test_depth_20_and_divergence():
    problem = integer_problem(2, 5, 4, 4, 20)
    for name in COORDINATES:
        run = mpsharp.run(problem, bits=100, coordinates=name, optimizer=GD(1e30))
        assert run.status == "diverged"
        assert run.parameters()[0].shape == (4,)


@pytest.mark.parametrize("arithmetic", ["exact", "sequential"])
@pytest.mark.parametrize("bits", [24, 53, 64, 128, 256, 1024, 1040, 1041])
def test_spectral_steps_are_those_of_mpfr_bit_for_bit(bits, arithmetic):
    """At a limit ratio of 2.2 some 260 steps see every component grow or shrink by hundreds of bits."""
    problem = problems.appendix_d(n=37, seed=bits)
    form = transform(problem, "spectral", bits)

    def numbers(values):
        return to_core(ExactArray.from_any(values, bits))

    runs = [
        _core.GradientDescent(
            _core.Minimalist(
                _core.Data.diagonal(numbers(form.X), arithmetic, kernels), numbers(form.y), 2, 37
            ),
            numbers(form.u),
            numbers(problem.v),
            numbers([problem.optimizer.step_size]),
        )
        for kernels in ("reference", "")
    ]
    for _ in range(4):
        for run in runs:
            run.advance(65, 1e300, None)
        expected, seen = runs
        for name in ("u", "v", "loss"):
            a, b = getattr(expected, name).parts(), getattr(seen, name).parts()
            assert all(map(np.array_equal, a, b)), (name, expected.step)


def test_catapult_step_of_the_default_problem_at_1024_bits():
    """Coordinates put the rounding noise elsewhere, but from 512 bits on the catapult does not care."""
    problem = problems.appendix_d()
    parameter = mpsharp.run(problem, bits=1024, steps=430)
    spectral = mpsharp.run(problem, bits=1024, steps=430, coordinates="spectral")
    assert parameter.catapult_step == spectral.catapult_step is not None
    assert parameter.first_unstable_step == spectral.first_unstable_step


OBSERVABLES = ("sharpness", "imbalance", "gradient_norm", "bounds", "flow_bounds", "flow_sharpness")


@pytest.mark.parametrize("coordinates", ["row_space", "spectral"])
@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (5, 5)])
@pytest.mark.parametrize("format", [128, "float64"])
def test_observables_in_other_coordinates(coordinates, shape, format):
    problem = integer_problem(11, *shape, 3, 2)
    options = {"format": format, "observables": OBSERVABLES, "steps": 4}
    plain = mpsharp.run(problem, **options)
    other = mpsharp.run(problem, coordinates=coordinates, **options)
    for name in plain.records:
        if name != "sharpness_residual":
            expected, got = (run.records[name].to_float64() for run in (plain, other))
            np.testing.assert_allclose(got, expected, rtol=2.0**-36, atol=2.0**-36 * abs(expected).max())


def test_batch_observables_need_the_samples():
    problem = integer_problem(11, 5, 4, 3, 2)
    run = mpsharp.run(problem, bits=64, coordinates="row_space", observables="imbalance_terms")
    plain = mpsharp.run(problem, bits=64, observables="imbalance_terms")
    np.testing.assert_allclose(
        run.records["imbalance_terms"].to_float64(), plain.records["imbalance_terms"].to_float64()
    )
    with pytest.raises(ConfigurationError, match="spectral"):
        mpsharp.run(problem, bits=64, coordinates="spectral", observables="imbalance_terms")


@given(**shapes, bits=st.sampled_from([24, 53, 200]))
def test_a_diagonal_matrix_is_its_own_spectral_form(seed, n, d, rank, depth, repeat, bits):
    """Every rounding of a spectral run is then one of the same run in parameters: equal bit by bit."""
    rng = np.random.default_rng(seed)
    X = np.zeros((n, d))
    size = min(n, d, rank)
    X[np.arange(size), np.arange(size)] = rng.permutation([3.0, -1.5, 0.5, 2.0, -0.25, 1.0, 4.0])[:size]
    if repeat:
        X[np.arange(size), np.arange(size)] = -2.0
    problem = Problem(
        X=X,
        y=rng.standard_normal(n),
        u=rng.standard_normal(d),
        v=rng.uniform(0.5, 1.5, depth - 1),
        optimizer=GD(step_size=0.1),
        steps=4,
    )
    plain = mpsharp.run(problem, bits=bits)
    spectral = mpsharp.run(problem, bits=bits, coordinates="spectral")
    largest_first = np.argsort(-np.abs(X.diagonal()), kind="stable")[:size]
    assert spectral.exact("u").tolist() == plain.exact("u")[largest_first].tolist()
    assert spectral.v.identical(plain.v)
    if size == n:
        assert spectral.records["loss"].identical(plain.records["loss"])
    else:  # the rows of zeros are summed apart: one rounding more of each of the two sums
        assert log2_distance(spectral.exact("loss"), plain.exact("loss")) <= 3 - bits
