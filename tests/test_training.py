"""The training loop: what it records, how it ends, what it refuses."""

from __future__ import annotations

import os
import signal
import threading
import time

import gmpy2
import numpy as np
import pytest

import mpsharp
from mpsharp import GD, Format, Problem, problems, training
from mpsharp.errors import (
    ConfigurationError,
    NonFiniteError,
    PrecisionError,
    ResourceError,
    ShapeError,
    UnknownNameError,
)


def tiny(**changes):
    arguments = {
        "X": np.array([[1.0, 2.0], [3.0, -1.0]]),
        "y": np.array([1.0, 2.0]),
        "u": np.array([0.1, 0.2]),
        "v": np.array([0.5]),
        "optimizer": GD(0.05),
        "steps": 20,
    }
    return Problem(**(arguments | changes))


# --- the numbers that the paper's Appendix D is about -------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_default_problem_recovers_at_low_and_blows_up_at_high_precision(seed):
    runs = mpsharp.compare(formats=(24, 53, 256, 512), seed=seed, steps=600)
    assert [run.status for run in runs.values()] == ["completed", "completed", "diverged", "diverged"]
    expected = {24: 211, 53: 238, 256: 365, 512: 422}
    for bits, step in expected.items():
        assert abs(runs[bits].catapult_step - step) <= 0.03 * step


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_from_512_bits_on_the_curves_coincide(seed):
    runs = mpsharp.compare(formats=(512, 1024), seed=seed, record_every=1)
    assert runs[512].catapult_step == runs[1024].catapult_step
    assert runs[512].status == runs[1024].status == "diverged"


# --- recording and ending -----------------------------------------------------------------------------


@pytest.mark.parametrize("format", [53, 256, "float64", "float32"])
@pytest.mark.parametrize(("steps", "every"), [(1, 1), (7, 3), (9, 3), (5, 100)])
def test_records_first_every_kth_and_last_step(format, steps, every):
    run = mpsharp.run(tiny(), format=format, steps=steps, record_every=every)
    assert run.step.tolist() == sorted({0, *range(0, steps + 1, every), steps})
    assert run.status == "completed"
    assert run.status_step == steps


def test_records_do_not_depend_on_how_often_they_are_made():
    dense = mpsharp.run(tiny(), bits=100)
    sparse = mpsharp.run(tiny(), bits=100, record_every=5)
    assert dense.records["sharpness"][::5].identical(sparse.records["sharpness"])
    assert dense.u.identical(sparse.u)


@pytest.mark.parametrize("format", [256, "float64"])
def test_converges_at_stop_loss(format):
    run = mpsharp.run(tiny(), format=format, steps=10_000, stop_loss=1e-10)
    assert run.status == "converged"
    assert run.step[-1] == run.status_step
    assert run.loss[-1] <= 1e-10 < run.loss[-2]


def test_stop_loss_reaches_below_float64():
    run = mpsharp.run(tiny(), bits=2048, steps=100_000, stop_loss="1e-400", record_every=1000)
    assert run.status == "converged"
    assert run.loss[-1] == 0
    assert -1400 < run.log2_loss[-1] <= -1328
    assert run.exact("loss")[-1] <= gmpy2.mpfr("1e-400", 2048)


def test_converged_and_diverged_at_the_start():
    solved = tiny(u=np.zeros(2), y=np.zeros(2))
    assert mpsharp.run(solved, bits=64, stop_loss=0).status_step == 0
    assert mpsharp.run(solved, bits=64, stop_loss=0).status == "converged"


@pytest.mark.parametrize("format", [24, 256, "float32", "float64"])
def test_divergence_is_a_result(format):
    run = mpsharp.run(tiny(), format=format, optimizer=GD(1e3), steps=100)
    assert run.status == "diverged"
    assert run.status_step == run.step[-1] < 100
    assert run.loss[-1] > 1e8 or not np.isfinite(run.loss[-1])


def test_overflow_to_nan_is_a_result():
    run = mpsharp.run(tiny(u=np.array([1e150, 1.0])), format="float64", steps=3, arithmetic="numpy")
    assert run.status == "diverged"


def test_decimal_step_size_is_rounded_to_the_format():
    run = mpsharp.run(tiny(), bits=256, optimizer=GD("0.05"), steps=1)
    assert float(run.config["optimizer"]["step_size"]) == 0.05
    other = mpsharp.run(tiny(), bits=256, optimizer=GD(0.05), steps=1)
    assert not run.u.identical(other.u)  # 0.05 is not a float64


def test_exact_input_is_rounded_once():
    third = gmpy2.mpq(1, 3)
    run = mpsharp.run(tiny(u=[third, "0.1"]), bits=256, steps=1)
    float_run = mpsharp.run(tiny(u=[1 / 3, 0.1]), bits=256, steps=1)
    assert not run.records["loss"][0].identical(float_run.records["loss"][0])


def test_config_repeats_the_run():
    run = mpsharp.run(tiny(), bits=200, record_every=4, arithmetic="sequential")
    assert run.rerun().identical(run)
    assert not run.rerun(bits=201).identical(run)


def test_seed_chooses_the_default_problem():
    a = mpsharp.run(bits=53, steps=1, seed=3)
    assert a.problem.sha256 == problems.appendix_d(seed=3).sha256


def test_exponent_range_and_flags_of_gmpy2_are_left_alone():
    with gmpy2.context(gmpy2.get_context(), emax=100, emin=-100):
        before = (gmpy2.get_context().emax, gmpy2.get_context().emin)
        run = mpsharp.run(tiny(y=np.array([1e50, 1.0])), bits=64, steps=2)
        assert (gmpy2.get_context().emax, gmpy2.get_context().emin) == before
        assert np.isfinite(run.loss[0])
        assert gmpy2.is_infinite(gmpy2.mpfr(2) ** 200)


# --- Ctrl-C -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", [512, "float64"])
def test_ctrl_c_within_a_second_keeps_the_records(format, monkeypatch, request):
    problem = problems.appendix_d(n=100, limit_ratio=0.5)
    sent = []
    recording = threading.Event()
    # A shell starts what runs in its background with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    original = training._Recorder.add

    def add(self, runner):
        original(self, runner)
        recording.set()

    monkeypatch.setattr(training._Recorder, "add", add)

    def interrupt():
        recording.wait()
        time.sleep(0.3)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(mpsharp.Interrupted) as caught:
        mpsharp.run(problem, format=format, steps=10**7, record_every=10)
    elapsed = time.monotonic() - sent[0]
    thread.join()
    run = caught.value.trajectory
    assert isinstance(caught.value, KeyboardInterrupt)
    assert run.status == "interrupted"
    assert run.status_step >= run.step[-1] >= 0
    assert elapsed < 5  # the promise is a second; a busy machine must not fail the test


# --- bad input ----------------------------------------------------------------------------------------

BAD_RUNS = {
    "both": ({"bits": 53, "format": 53}, ConfigurationError, "got both"),
    "one bit": ({"bits": 1}, PrecisionError, "got 1"),
    "too many bits": ({"bits": 100_001}, PrecisionError, "got 100001"),
    "half a bit": ({"bits": 53.5}, PrecisionError, "53.5"),
    "text bits": ({"bits": "many"}, PrecisionError, "many"),
    "unknown format": ({"format": "float128"}, UnknownNameError, "float128"),
    "zero steps": ({"steps": 0}, ConfigurationError, "got 0"),
    "negative steps": ({"steps": -5}, ConfigurationError, "got -5"),
    "record_every": ({"record_every": 0}, ConfigurationError, "got 0"),
    "arithmetic": ({"arithmetic": "fast"}, UnknownNameError, "fast"),
    "numpy sums at 53 bits": ({"bits": 53, "arithmetic": "numpy"}, UnknownNameError, "numpy"),
    "backend": ({"backend": "gpu"}, UnknownNameError, "gpu"),
    "mirror at 256 bits": ({"bits": 256, "backend": "mirror"}, ConfigurationError, "256 bits"),
    "threads": ({"threads": 0}, ConfigurationError, "got 0"),
    "stop_loss": ({"stop_loss": -1.0}, ConfigurationError, "-1"),
    "stop_loss NaN": ({"stop_loss": float("nan")}, ConfigurationError, "nan"),
    "optimizer": ({"optimizer": 0.1}, ConfigurationError, "0.1"),
    "problem": ({"problem": "gaussian"}, ConfigurationError, "str"),
    "seed": ({"seed": -1}, ConfigurationError, "-1"),
}


@pytest.mark.parametrize("name", BAD_RUNS)
def test_bad_arguments_of_run(name):
    arguments, error, text = BAD_RUNS[name]
    started = time.monotonic()
    with pytest.raises(error, match=text):
        mpsharp.run(**({"problem": tiny()} | arguments))
    assert time.monotonic() - started < 5


def test_missing_optimizer_and_steps():
    with pytest.raises(ConfigurationError, match="optimizer"):
        mpsharp.run(tiny(optimizer=None))
    with pytest.raises(ConfigurationError, match="steps"):
        mpsharp.run(tiny(steps=None))


@pytest.mark.parametrize("step_size", [0, -0.1, float("inf"), float("nan"), "-1", "abc", None])
def test_bad_step_sizes(step_size):
    with pytest.raises(ConfigurationError):
        GD(step_size)


BAD_PROBLEMS = {
    "flat X": ({"X": np.ones(4)}, ShapeError, "X"),
    "y too long": ({"y": np.ones(3)}, ShapeError, "length 2"),
    "u too short": ({"u": np.ones(1)}, ShapeError, "length 2"),
    "depth and v": ({"depth": 4}, ShapeError, "length 3"),
    "NaN": ({"X": np.array([[1.0, np.nan], [0, 1]])}, NonFiniteError, "nan"),
    "infinity": ({"y": np.array([np.inf, 1])}, NonFiniteError, "inf"),
    "depth 1": ({"depth": 1}, ConfigurationError, "got 1"),
    "no layer": ({"v": np.ones(0)}, ShapeError, "v"),
    "empty": ({"X": np.ones((0, 2))}, ShapeError, "X"),
    "text": ({"y": ["one", "two"]}, ConfigurationError, "one"),
    "objects": ({"y": [object(), object()]}, ConfigurationError, "object"),
    "ragged": ({"X": [[1.0], [1.0, 2.0]]}, ShapeError, "X"),
    "optimizer": ({"optimizer": "GD"}, ConfigurationError, "GD"),
}


@pytest.mark.parametrize("name", BAD_PROBLEMS)
def test_bad_problems(name):
    changes, error, text = BAD_PROBLEMS[name]
    with pytest.raises(error, match=text):
        tiny(**changes)


def test_too_large_for_memory_is_refused_at_once():
    started = time.monotonic()
    with pytest.raises(ResourceError, match="GiB"):
        mpsharp.run(problems.appendix_d(n=60), bits=100_000, steps=10**9)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("formats", [(), (24, 24), ("float64", "float65"), 53, "53"])
def test_bad_formats_of_compare(formats):
    with pytest.raises((ConfigurationError, PrecisionError)):
        mpsharp.compare(tiny(), formats=formats)
    with pytest.raises(ConfigurationError, match="formats"):
        mpsharp.compare(tiny(), bits=53)


@pytest.mark.parametrize("bits", [2, 3, 4, 8, 63, 64, 65, 1000, 20_000])
def test_unusual_precisions(bits):
    run = mpsharp.run(tiny(), bits=bits, steps=3)
    assert run.format == Format(bits)
    assert run.exact("loss")[0].precision == bits
    assert np.isfinite(run.sharpness).all()
