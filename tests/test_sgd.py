"""SGD runs: both backends, an oracle, chunks, and how they end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpsharp
import oracles
from mpsharp import GD, SGD, ExactArray, Problem, training
from mpsharp.batches import Batches
from mpsharp.errors import ConfigurationError
from strategies import problems


def small(n=12, d=7, depth=3, batch_size=5, sampling="reshuffle", seed=0, step_size=0.05):
    rng = np.random.default_rng(seed)
    return Problem(
        X=rng.standard_normal((n, d)),
        y=rng.standard_normal(n),
        u=0.3 * rng.standard_normal(d),
        v=np.ones(depth - 1),
        optimizer=SGD(step_size, batch_size, sampling),
        steps=40,
    )


# --- the numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampling", ["reshuffle", "uniform"])
@pytest.mark.parametrize("arithmetic", ["sequential", "exact"])
@pytest.mark.parametrize(("bits", "name"), [(24, "float32"), (53, "float64")])
def test_core_equals_mirror_bit_for_bit(sampling, arithmetic, bits, name):
    problem = mpsharp.problems.appendix_d(30, 1.2, depth=3)
    options = {
        "optimizer": SGD(problem.optimizer.step_size, 7, sampling),
        "arithmetic": arithmetic,
        "steps": 150,
        "record_every": 7,
    }
    core = mpsharp.run(problem, bits=bits, **options)
    mirror = mpsharp.run(problem, format=name, **options)
    assert core.status == mirror.status == "completed"
    assert core.records["loss"].identical(mirror.records["loss"])
    assert core.u.identical(mirror.u)
    assert core.v.identical(mirror.v)


@pytest.mark.parametrize("arithmetic", ["sequential", "exact"])
@pytest.mark.parametrize("bits", [24, 53, 100])
@given(problem=problems(), data=st.data())
def test_a_run_equals_the_oracle_bit_for_bit(bits, arithmetic, problem, data):
    size = data.draw(st.integers(1, problem.n_samples))
    sampling = data.draw(st.sampled_from(["reshuffle", "uniform"]))
    optimizer = SGD(problem.optimizer.step_size, size, sampling)
    batches = Batches(optimizer, problem.n_samples, 5).rows(0, problem.steps)
    expected = oracles.sgd_run(problem, bits, batches, arithmetic=arithmetic)
    run = mpsharp.run(problem, bits=bits, arithmetic=arithmetic, optimizer=optimizer, seed=5)
    if run.status == "completed":
        # By value: the sign of an exact sum that is zero is MPFR's.
        assert run.exact("u").tolist() == expected.u
        assert run.exact("v").tolist() == expected.v
    else:
        assert run.status == "diverged"


@pytest.mark.parametrize("format", [100, "float64"])
def test_one_batch_of_all_rows_is_gradient_descent_up_to_their_order(format):
    stochastic = small(batch_size=12)
    run = mpsharp.run(stochastic, format=format, arithmetic="sequential")
    full = mpsharp.run(stochastic, format=format, arithmetic="sequential", optimizer=GD(0.05))
    # Forward errors of a stable run: γ_n of each sum, n·steps roundings in all, a generous constant.
    unit = 2.0 ** -(53 if format == "float64" else format)
    assert np.abs(run.u.to_float64() - full.u.to_float64()).max() <= 64 * 12 * 40 * unit
    assert not run.u.identical(full.u)
    np.testing.assert_allclose(run.loss, full.loss, rtol=1e-10)
    # The loss of all rows is always computed in their own order.
    assert run.records["loss"][0].identical(full.records["loss"][0])


def test_exact_sums_of_one_whole_batch_make_the_step_of_gradient_descent():
    """In exact arithmetic the order of the rows is no part of a sum, so every bit agrees."""
    problem = small(batch_size=12)
    run = mpsharp.run(problem, bits=60, arithmetic="exact")
    full = mpsharp.run(problem, bits=60, arithmetic="exact", optimizer=GD(0.05))
    assert run.u.identical(full.u)
    assert run.records["loss"].identical(full.records["loss"])


# --- reproducible ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", [90, "float32"])
@pytest.mark.parametrize("sampling", ["reshuffle", "uniform"])
def test_same_seed_same_bits_however_it_is_recorded(format, sampling):
    problem = small(sampling=sampling)
    runs = [mpsharp.run(problem, format=format, seed=4, record_every=every) for every in (1, 3, 40)]
    for run in runs[1:]:
        assert run.u.identical(runs[0].u)
        assert run.v.identical(runs[0].v)
    assert (
        runs[1]
        .records["sharpness"]
        .identical(ExactArray.stack([*runs[0].records["sharpness"][:40:3], runs[0].records["sharpness"][40]]))
    )
    assert runs[0].rerun().identical(runs[0])
    assert not mpsharp.run(problem, format=format, seed=5).u.identical(runs[0].u)


def test_every_precision_sees_the_same_batches():
    runs = mpsharp.compare(small(), formats=(53, 200, "float64"), seed=2)
    reference = runs[200].u.to_float64()
    for run in runs.values():
        assert np.abs(run.u.to_float64() - reference).max() < 1e-12


def test_a_stored_run_comes_back(tmp_path):
    run = mpsharp.run(small(), bits=70, seed=3)
    again = mpsharp.load(run.save(tmp_path / "run"))
    assert again.identical(run)
    assert again.problem.optimizer == run.problem.optimizer
    assert again.rerun().identical(run)


# --- how it ends ------------------------------------------------------------------------------------------


def solvable(batch_size):
    rng = np.random.default_rng(1)
    X, u = rng.standard_normal((12, 20)), rng.standard_normal(20)
    return Problem(X=X, y=X @ u, u=0.5 * u, v=[1.0], optimizer=SGD(0.02, batch_size), steps=20_000)


@pytest.mark.parametrize("format", [80, "float64"])
def test_stop_loss_is_tested_at_records_and_at_ends_of_epochs(format):
    problem = solvable(6)  # epochs of two steps
    dense, sparse, odd = (
        mpsharp.run(problem, format=format, stop_loss=1e-4, record_every=every) for every in (1, 20_000, 3)
    )
    assert dense.status == sparse.status == odd.status == "converged"
    assert dense.loss[-1] <= 1e-4 < dense.loss[-2]
    assert sparse.status_step % 2 == 0
    assert sparse.loss[-1] <= 1e-4
    assert dense.status_step <= sparse.status_step <= dense.status_step + 20
    assert odd.status_step % 6 in (0, 2, 3, 4)


@pytest.mark.parametrize("record_every", [1, 7, 1000])
def test_divergence_is_the_same_in_both_backends(record_every):
    problem = small(step_size=20.0)
    runs = [
        mpsharp.run(problem, format=format, record_every=record_every, steps=200)
        for format in (53, "float64")
    ]
    for run in runs:
        assert run.status == "diverged"
        assert run.status_step == run.step[-1] < 200
    assert runs[0].status_step == runs[1].status_step
    assert runs[0].records["loss"].identical(runs[1].records["loss"])


@pytest.mark.parametrize("format", [53, "float64"])
def test_a_batch_that_diverges_at_a_recorded_step_makes_no_second_record(format, monkeypatch):
    """One row blows up, but not the mean over all: seen by the next batch, at a step already recorded."""
    monkeypatch.setattr(training, "DIVERGENCE_FACTOR", 1.0)
    problem = Problem(X=np.eye(2), y=[0.0, 1.0], u=[1.5, 0.9], v=[1.0], optimizer=SGD(1e-3, 1), steps=10)
    run = mpsharp.run(problem, format=format)
    assert run.status == "diverged"
    assert run.step.tolist() == list(range(run.status_step + 1))


# --- bad input ------------------------------------------------------------------------------------------


def test_batches_larger_than_the_data_are_refused_before_any_work():
    with pytest.raises(ConfigurationError, match="n_samples = 12, got 13"):
        mpsharp.run(small(batch_size=13))
