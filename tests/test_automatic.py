"""bits="auto": the run of exact arithmetic in as few bits as that takes."""

from __future__ import annotations

import dataclasses
import json

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpsharp
from mpsharp import GD, SGD, Problem, automatic, problems
from mpsharp.agreement import compare_runs, smallest_agreement
from mpsharp.automatic import AGREED_BITS, PrecisionChoice, needed_bits, pilot_stride
from mpsharp.coordinates import COORDINATES
from mpsharp.errors import ConfigurationError, ConvergenceError, Interrupted


def random_problem(seed):
    """Any depth and rank, labels in the column space or not; step sizes from very stable to blowing up."""
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(2, 5))
    if rng.random() < 0.25:
        ratio = float(rng.choice([0.5, 1.2, 1.5, 2.2, 3.0]))
        made = problems.appendix_d(int(rng.integers(4, 20)), seed=seed, depth=depth, limit_ratio=ratio)
        return dataclasses.replace(made, steps=int(rng.integers(50, 400)))
    n, d = (int(k) for k in rng.integers(1, 13, 2))
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    kind = rng.integers(3)
    if kind == 0:
        y = X @ rng.standard_normal(d)
    elif kind == 1:
        X[-1] = X[0]
    return Problem(
        X=X,
        y=y,
        u=0.3 * rng.standard_normal(d),
        v=rng.uniform(0.3, 1.2, depth - 1),
        optimizer=GD(float(rng.choice([0.05, 0.3, 0.8, 1.5, 4]) / np.linalg.norm(X, 2) ** 2 * n)),
        steps=int(rng.integers(20, 300)),
    )


def check(seed):
    problem, coordinates = random_problem(seed), COORDINATES[seed % 3]
    run = mpsharp.run(problem, bits="auto", coordinates=coordinates)
    twice = mpsharp.run(problem, bits=2 * run.format.bits, coordinates=coordinates)
    assert (run.status, run.status_step) == (twice.status, twice.status_step)
    assert np.array_equal(run.step, twice.step)
    for name in ("loss", "sharpness"):
        with gmpy2.context(precision=2000):
            for value, reference in zip(run.exact(name), twice.exact(name), strict=True):
                assert abs(value - reference) <= gmpy2.mpfr("1e-12") * abs(reference)
    # … and not at many bits fewer: what is agreed beyond the 40 bits is all that there is to save.
    assert run.precision_choice.agreed_bits <= AGREED_BITS + 16


@pytest.mark.parametrize("seed", range(6))
def test_equals_the_run_at_twice_the_bits(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 150))
def test_equals_the_run_at_twice_the_bits_in_fifty_problems(seed):
    check(seed)


def test_default_problem_blows_up_as_in_exact_arithmetic():
    run = mpsharp.run(bits="auto", coordinates="spectral", observables="loss,sharpness")
    # From 384 bits on the curves coincide to the eye; 40 bits of agreement take some more.
    assert 384 <= run.format.bits <= 384 + 60
    assert (run.status, run.catapult_step) == ("diverged", 422)
    assert run.rerun().identical(run)


# --- the prediction -----------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.floats(0.01, 1))
def test_windows_are_the_worst_growth_that_ends_at_each_step(sharpness, step_size):
    growth = np.log2(np.maximum(np.abs(1 - step_size * np.array(sharpness)), 2.0**-53))
    expected = [max(growth[s:t].sum() for s in range(t + 1)) for t in range(len(growth))]
    # sums of 40 terms below 2**6, each rounded at 2**-53 of a partial sum below 2**12
    np.testing.assert_allclose(automatic._windows(growth), expected, atol=2.0**-30)


def test_prediction_counts_growth_and_decay():
    # One sample, u and v such that the loss is that of a quadratic: every number can be followed by hand.
    stable = Problem(X=[[1.0]], y=[1.0], u=[0.5], v=[1.0], optimizer=GD(0.25), steps=200)
    run = mpsharp.run(stable, bits=400)
    decay = (run.log2_loss[0] - run.log2_loss[-1]) / 2
    assert decay > 60
    base = AGREED_BITS + 8 + np.log2(201) / 2
    assert needed_bits(run) == int(np.ceil(base + decay))  # the sharpness stays below the limit


def test_prediction_from_every_few_steps_is_nearly_that_from_all():
    run = mpsharp.run(bits=512, steps=400, coordinates="spectral")
    sparse = run.rerun(record_every=7)
    assert (
        abs(needed_bits(sparse) - needed_bits(run)) <= 8
    )  # of some 400: the catapult is between two records


@given(st.integers(1, 20_000), st.integers(1, 3000))
def test_pilots_have_the_records_of_the_run(steps, record_every):
    stride = pilot_stride(steps, record_every)
    assert record_every % stride == 0
    assert 1 <= stride <= max(1, steps // 500)


def test_pilots_of_a_long_run_record_seldom(monkeypatch):
    seen = []
    plain = automatic.needed_bits
    monkeypatch.setattr(automatic, "needed_bits", lambda run: seen.append(len(run.step)) or plain(run))
    problem = problems.gaussian(4, 3, step_size=0.01)
    run = mpsharp.run(problem, bits="auto", steps=2000, record_every=1000)
    assert seen == [501]
    assert run.step.tolist() == [0, 1000, 2000]
    assert run.precision_choice.agreed_bits >= AGREED_BITS


def test_stable_run_to_a_tiny_loss_has_the_bits_that_the_loss_decays_by():
    P = Problem(X=[[1.0]], y=[1.0], u=[0.5], v=[1.0], optimizer=GD(0.25), steps=2000)
    run = mpsharp.run(P, bits="auto", stop_loss="1e-60")
    assert run.status == "converged"
    assert abs(run.format.bits - (AGREED_BITS + 100)) < 16  # 1e-60 = 2**-199


# --- every way to run ---------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [2, 5])
def test_stochastic_gradient_descent(batch_size):
    P = problems.gaussian(8, seed=1)
    options = {"optimizer": SGD(0.1, batch_size), "steps": 60, "seed": 3, "record_every": 7}
    run = mpsharp.run(P, bits="auto", **options)
    assert run.precision_choice.predicted is None
    twice = mpsharp.run(P, bits=2 * run.format.bits, **options)
    assert smallest_agreement(run, twice) >= AGREED_BITS


def test_records_what_was_asked_for():
    P = random_problem(1)
    asked = {"observables": "gradient_norm, loss", "record_every": 6, "steps": 20}
    run = mpsharp.run(P, bits="auto", **asked)
    assert list(run.records) == ["loss", "gradient_norm"]
    again = mpsharp.run(P, bits=run.format.bits, **asked)
    assert again.identical(run)
    assert again.precision_choice is None


def test_choice_is_kept_with_the_run(tmp_path):
    run = mpsharp.run(random_problem(2), bits="auto")
    choice = run.precision_choice
    assert choice.bits == run.format.bits in choice.runs
    assert choice.confirmed_at >= choice.bits + 32
    assert choice.agreed_bits >= AGREED_BITS
    assert mpsharp.load(run.save(tmp_path / "run")).precision_choice == choice
    assert PrecisionChoice.from_config(json.loads(json.dumps(choice.config()))) == choice
    assert run.summary()["precision"] == str(choice)
    assert str(choice).startswith(f"{choice.bits} bits chosen ({choice.predicted} predicted)")
    assert run.rerun().identical(run)
    assert run.rerun(bits="auto").precision_choice.bits == choice.bits


def test_a_prediction_that_is_too_low_is_corrected(monkeypatch):
    P = random_problem(1)
    expected = mpsharp.run(P, bits="auto")
    monkeypatch.setattr(automatic, "needed_bits", lambda run: 8)
    run = mpsharp.run(P, bits="auto")
    assert run.precision_choice.predicted == 8
    assert abs(run.format.bits - expected.format.bits) <= 8


# --- how it ends --------------------------------------------------------------------------------------


def test_too_many_bits_is_an_error_that_says_how_many(monkeypatch):
    monkeypatch.setattr(automatic, "MAX_AUTO_BITS", 200)
    P = Problem(X=[[1.0]], y=[1.0], u=[0.5], v=[1.0], optimizer=GD(0.25), steps=2000)
    with pytest.raises(ConvergenceError, match=r"needs about \d+ bits or more, expected at most 200"):
        mpsharp.run(P, bits="auto")
    with pytest.raises(ConvergenceError, match=r"runs were made at \["):
        mpsharp.run(P, bits="auto", optimizer=SGD(0.25, 1))


@pytest.mark.parametrize(("interrupted", "bits"), [(0, 128), (1, 128), (2, 53)])
def test_interrupt_returns_the_best_so_far(monkeypatch, interrupted, bits):
    P = problems.gaussian(6, seed=0)
    options = {"optimizer": GD(0.05), "steps": 30}
    made = []
    original = mpsharp.training._train

    def train(runner, *rest):
        made.append(runner)
        if len(made) == interrupted + 1:
            raise KeyboardInterrupt
        return original(runner, *rest)

    whole = mpsharp.run(P, bits="auto", **options).precision_choice
    assert len(whole.runs) >= 3
    monkeypatch.setattr(mpsharp.training, "_train", train)
    with pytest.raises(Interrupted) as caught:
        mpsharp.run(P, bits="auto", **options)
    run = caught.value.trajectory
    assert run.status == "interrupted"
    assert run.format.bits == whole.runs[max(interrupted - 1, 0)]
    assert (run.step[-1] == 30) == (interrupted > 0)  # only the first run is one that was cut off


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": 53}, "got both"),
        ({"observables": "mood"}, "mood"),
        ({"backend": "mirror"}, "mirror"),
        ({"arithmetic": "numpy"}, "numpy"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ConfigurationError, match=message):
        mpsharp.run(random_problem(1), bits="auto", **options)


def test_agreement_of_the_parts_is_what_the_choice_says():
    run = mpsharp.run(random_problem(3), bits="auto")
    reference = run.rerun(bits=run.precision_choice.confirmed_at)
    agreed = compare_runs(run, reference)
    assert min(values.min() for values in agreed.values()) == run.precision_choice.agreed_bits


def test_ctrl_c_between_two_runs_keeps_the_finished_one(monkeypatch):
    def interrupted(run, reference):
        raise KeyboardInterrupt

    monkeypatch.setattr(automatic, "smallest_agreement", interrupted)
    with pytest.raises(Interrupted) as caught:
        mpsharp.run(problems.gaussian(6, seed=0), bits="auto", optimizer=GD(0.05), steps=30)
    assert caught.value.trajectory.step[-1] == 30


def test_fewer_bits_would_not_do():
    run = mpsharp.run(random_problem(1), bits="auto")
    fewer, twice = run.rerun(bits=max(2, run.format.bits - 24)), run.rerun(bits=2 * run.format.bits)
    assert smallest_agreement(fewer, twice) < AGREED_BITS <= smallest_agreement(run, twice)


@pytest.mark.parametrize("noise", ["1e-20", None])
def test_noise_is_the_same_at_every_precision(noise):
    run = mpsharp.run(problems.gaussian(6, seed=0), bits="auto", optimizer=GD(0.05), steps=30, noise=noise)
    assert run.config["noise"] == noise
    assert smallest_agreement(run, run.rerun(bits=2 * run.format.bits)) >= AGREED_BITS


def test_gradient_flow_takes_part_with_fixed_steps_alone():
    P = problems.gaussian(6, seed=0)
    with pytest.raises(
        ConfigurationError, match=r"bits='auto': expected GD, SGD or GradientFlow\(rule='fixed'\)"
    ):
        mpsharp.run(P, bits="auto", optimizer=mpsharp.GradientFlow(), steps=3)
    flow = mpsharp.GradientFlow("fixed", step_size=0.01)
    run = mpsharp.run(P, bits="auto", optimizer=flow, steps=20)
    assert run.precision_choice.predicted is None
    assert smallest_agreement(run, run.rerun(bits=2 * run.format.bits)) >= AGREED_BITS


def test_another_text_is_no_number_of_bits():
    with pytest.raises(mpsharp.PrecisionError, match="bits: expected an integer, got 'many'"):
        mpsharp.run(bits="many", steps=1)
