"""``verify=``: agreed and proven bits of every record."""

from __future__ import annotations

import dataclasses

import gmpy2
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mpsharp
import mpsharp.verification
from mpsharp.agreement import agreed_bits
from mpsharp.errors import ConfigurationError, Interrupted, ResourceError, UnknownNameError
from mpsharp.exact import ExactArray
from oracles import descent_states, rational, rationals, sharpness
from oracles import loss as exact_loss
from strategies import problems


def test_agreed_bits_fall_from_the_precision_to_nothing_at_the_catapult(tmp_path):
    seen = mpsharp.run(bits=53, steps=300, coordinates="spectral", verify=True)
    assert seen.config["verified"] == {"how": "agreed", "at": 170}
    for name in ("loss_bits", "sharpness_bits"):
        agreed = seen[name]
        assert agreed.shape == seen.step.shape
        assert np.all((agreed >= 0) & (agreed <= 53))
        assert agreed[0] > 45
        # The catapult comes at another step in exact arithmetic: nothing of the run behind it is right.
        assert agreed[seen.catapult_step + 5] < 4
        assert agreed[: seen.first_unstable_step].min() > 30
    seen.save(tmp_path / "run")
    back = mpsharp.load(tmp_path / "run")
    assert back.identical(seen)
    assert back.rerun().identical(seen)


@pytest.mark.parametrize("arithmetic", ["exact", "numpy"])
def test_float_formats_and_runs_without_sharpness(arithmetic):
    problem = mpsharp.problems.gaussian(5, 4, step_size=0.01)
    seen = mpsharp.run(
        problem, format="float64", steps=5, arithmetic=arithmetic, observables="loss", verify=True
    )
    assert list(seen.records) == ["loss", "loss_bits"]
    assert seen["loss_bits"].min() > 40
    plain = mpsharp.run(problem, format="float64", steps=5, arithmetic=arithmetic, observables="loss")
    assert "loss_bits" not in plain


def test_a_wrong_record_is_seen():
    run = mpsharp.run(mpsharp.problems.gaussian(5, 4, step_size=0.01), bits=64, steps=4)
    other = run.rerun(bits=200)
    loss = run.records["loss"]
    limbs = loss.limbs.copy()
    limbs[2, 0] ^= np.uint64(1) << np.uint64(40)
    changed = ExactArray(loss.bits, loss.sign, loss.kind, loss.exponent, limbs)
    agreed = agreed_bits(changed, other.records["loss"])
    assert agreed[2] < 30 < agreed[[0, 1, 3, 4]].min()


def test_steps_of_their_own_cannot_be_compared():
    with pytest.raises(ConfigurationError, match="verify=True: expected GD, SGD or GradientFlow"):
        mpsharp.run(bits=64, steps=2, optimizer=mpsharp.GradientFlow(), verify=True)


# --- proven ------------------------------------------------------------------------------------------


def right_bits(value, true, bits):
    """floor(−log₂ of the relative error), between 0 and `bits`, in rationals."""
    if not gmpy2.is_finite(value):
        return 0
    error = abs(rational(value) - true)
    if not error:
        return bits
    k = 0
    while k < bits and error * 2 ** (k + 1) <= abs(true):
        k += 1
    return k


@settings(max_examples=25)
@given(problems(max_n=4, max_d=4, max_depth=4), st.sampled_from([11, 24, 53, 100]))
def test_proven_bits_are_the_true_ones(problem, bits):
    pytest.importorskip("flint")
    steps = 2
    run = mpsharp.run(problem, bits=bits, steps=steps, verify="proven")
    states = descent_states(problem, problem.optimizer.step_size, steps)
    for record, step in enumerate(run.step):
        u, v = states[step]
        parts = rationals(problem.X), rationals(problem.y), u, v
        true = right_bits(run.exact("loss")[record], exact_loss(*parts), bits)
        assert true - 1 <= run["loss_bits"][record] <= true
        value = sharpness(*parts, bits=200)
        true = right_bits(
            run.exact("sharpness")[record], gmpy2.mpq(*mpmath.libmp.to_rational(value._mpf_)), bits
        )
        if value > 2.0**-150:  # the oracle's own error
            assert true - 1 <= run["sharpness_bits"][record] <= true


@pytest.mark.parametrize("coordinates", ["parameter", "row_space", "spectral"])
def test_proven_is_what_five_times_the_bits_agree_on(coordinates):
    pytest.importorskip("flint")
    problem = mpsharp.problems.gaussian(6, 4, seed=3, step_size=0.3)
    run = mpsharp.run(problem, bits=53, steps=60, coordinates=coordinates, verify="proven")
    other = mpsharp.run(problem, bits=265, steps=60)
    assert run.config["verified"] == {"how": "proven", "at": 181, "decided": 61}
    for name in ("loss", "sharpness"):
        true = agreed_bits(run.records[name], other.records[name])
        assert np.all(run[f"{name}_bits"] <= true)
        assert np.all(run[f"{name}_bits"] >= np.floor(true) - 1)
    assert run["loss_bits"].min() > 40


def test_nothing_is_proven_behind_a_catapult_at_few_bits(tmp_path):
    pytest.importorskip("flint")
    problem = mpsharp.problems.appendix_d(n=8, seed=1)
    run = mpsharp.run(problem, bits=24, steps=420, verify="proven")
    assert run["loss_bits"][0] > 15
    assert run.catapult_step is not None
    assert not np.any(run["loss_bits"][run.catapult_step + 5 :] > 2)
    assert run.config["verified"]["decided"] == len(run.step)
    run.save(tmp_path / "run")
    back = mpsharp.load(tmp_path / "run")
    assert back.identical(run)
    assert back.rerun().identical(run)


@pytest.mark.parametrize("k", [3, 17, 40])
def test_a_record_moved_by_a_power_of_two_keeps_that_many_bits(k):
    pytest.importorskip("flint")
    run = mpsharp.run(mpsharp.problems.gaussian(5, 4, step_size=0.01), bits=64, steps=4)
    context = gmpy2.context(precision=64)
    moved = {}
    for name in ("loss", "sharpness"):
        values = run.exact(name)
        values[2] = context.mul(values[2], context.add(1, gmpy2.exp2(-k)))
        moved[name] = ExactArray.from_any(values, 64)
    changed = dataclasses.replace(run, records={**run.records, **moved})
    seen = mpsharp.verification.verified(changed, "proven")
    for name in ("loss_bits", "sharpness_bits"):
        assert seen[name][2] in (k - 1, k)
        assert seen[name][[0, 1, 3, 4]].min() > 55


def test_the_proof_takes_the_bits_it_needs(monkeypatch):
    """A loss of 2⁻³⁰⁰ is the square of what cancels; with next to no spare bits the first pass fails."""
    pytest.importorskip("flint")
    monkeypatch.setattr("mpsharp.balls.proof._FIRST", 4)
    problem = mpsharp.problems.gaussian(5, 9, step_size=0.1)
    options = {"steps": 5000, "record_every": 50, "stop_loss": "1e-100"}
    run = mpsharp.run(problem, bits=200, verify="proven", **options)
    assert run.config["verified"]["at"] > 204
    other = mpsharp.run(problem, bits=1000, **options)
    for name in ("loss", "sharpness"):
        true = agreed_bits(run.records[name], other.records[name])
        assert np.all((true - 2 < run[f"{name}_bits"]) & (run[f"{name}_bits"] <= true))


@pytest.mark.parametrize("shape", [(5, 7), (7, 5)])
def test_singular_values_that_float64_takes_for_noise(shape):
    """A product of factors of rank 2, rounded: σ₃ … σ₅ are some 2⁻⁵³, and count."""
    pytest.importorskip("flint")
    rng = np.random.default_rng(5)
    n, d = shape
    X = rng.standard_normal((n, 2)) @ rng.standard_normal((2, d))
    problem = mpsharp.Problem(X=X, y=rng.standard_normal(n), u=rng.standard_normal(d), v=[1.0])
    assert problem.rank == 2
    run = mpsharp.run(problem, bits=256, steps=5, optimizer=mpsharp.GD(0.02), verify="proven")
    assert run["sharpness_bits"].min() > 245


def test_data_that_the_format_does_not_hold_count_as_errors():
    pytest.importorskip("flint")
    problem = mpsharp.Problem(X=[["1/3"]], y=["0.3"], u=["0.1"], v=["0.7"])
    run = mpsharp.run(problem, bits=12, steps=2, optimizer=mpsharp.GD("1/10"), verify="proven")
    assert 5 <= run["loss_bits"][0] < 12
    loss = (rational("0.7") / 3 * rational("0.1") - rational("0.3")) ** 2 / 2
    assert run["loss_bits"][0] == right_bits(run.exact("loss")[0], loss, 12)


def test_a_run_that_blows_up_is_decided():
    pytest.importorskip("flint")
    problem = mpsharp.problems.gaussian(4, 4, step_size=3.0)
    run = mpsharp.run(problem, bits=53, steps=50, verify="proven")
    assert run.status == "diverged"
    assert run.config["verified"]["decided"] == len(run.step)
    assert run["loss_bits"][-1] > 10


def test_what_cannot_be_proven_is_refused(monkeypatch):
    for changes, expected in (
        ({"optimizer": mpsharp.GradientFlow()}, "expected GD"),
        ({"optimizer": mpsharp.SGD(0.1, batch_size=2)}, "expected GD"),
        ({"noise": 2.0**-20}, "expected noise=None"),
    ):
        with pytest.raises(ConfigurationError, match=f"verify='proven': {expected}"):
            mpsharp.run(bits=64, steps=2, verify="proven", **changes)
    with pytest.raises(UnknownNameError, match="verify"):
        mpsharp.run(bits=64, steps=2, verify="sworn")
    with monkeypatch.context() as little:
        little.setattr("mpsharp.training.check_memory", lambda *arguments: None)
        little.setattr("mpsharp.resources.available_bytes", lambda: 1000)
        with pytest.raises(ResourceError, match="order 100"):
            mpsharp.run(bits=64, steps=2, verify="proven")
    monkeypatch.setattr(mpsharp.verification.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'mpsharp\[verify\]'"):
        mpsharp.run(bits=64, steps=2, verify="proven")


def test_an_interrupted_proof_keeps_the_run(monkeypatch):
    pytest.importorskip("flint")
    from mpsharp.balls.descent import Descent

    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Descent, "advance", stop)
    with pytest.raises(Interrupted) as caught:
        mpsharp.run(mpsharp.problems.gaussian(5, 4, step_size=0.01), bits=64, steps=4, verify="proven")
    assert caught.value.trajectory.status == "completed"
    assert len(caught.value.trajectory.step) == 5
