"""``bits="auto"``: the run of exact arithmetic at few bits, and what it says of how it chose them."""

from __future__ import annotations

import gmpy2
import numpy as np
import pytest

import mpsharp
from mpsharp import automatic, problems
from mpsharp.agreement import agreed_bits, smallest_agreement
from mpsharp.errors import ConfigurationError, ConvergenceError
from mpsharp.exact import ExactArray

SLOW = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 50)]


def random_problem(seed):
    """Gaussian data of any shape and depth, with a step size that often ends at the edge of stability."""
    rng = np.random.default_rng([7, seed])
    n, d, depth = int(rng.integers(2, 12)), int(rng.integers(2, 12)), int(rng.integers(2, 5))
    problem = problems.gaussian(n, d, seed=seed, depth=depth, scale=float(rng.uniform(0.05, 0.5)))
    lower = mpsharp.theory.minimizer_sharpness(problem.X, problem.y, depth)
    return problem, mpsharp.GD(float(2 * rng.uniform(0.5, 2.0) / lower)), int(rng.integers(20, 300))


@pytest.mark.parametrize("seed", [0, 1, 2, *SLOW])
def test_the_run_is_that_of_twice_the_bits(seed):
    problem, optimizer, steps = random_problem(seed)
    options = {"optimizer": optimizer, "steps": steps, "record_every": 3}
    chosen = mpsharp.run(problem, bits="auto", **options)
    twice = mpsharp.run(problem, bits=2 * chosen.format.bits, **options)
    assert (chosen.status, chosen.status_step) == (twice.status, twice.status_step)
    with gmpy2.context(precision=2 * chosen.format.bits):
        for name in ("loss", "sharpness"):
            for ours, theirs in zip(chosen.exact(name), twice.exact(name), strict=True):
                assert abs(ours - theirs) <= 1e-12 * abs(theirs)
    told = chosen.precision_choice
    assert told.bits == chosen.format.bits < told.confirmed_at
    assert told.agreed_bits >= automatic.AGREED_BITS
    assert str(told.bits) in str(told)


def test_fewer_bits_would_not_do():
    problem, optimizer, steps = random_problem(1)
    chosen = mpsharp.run(problem, bits="auto", optimizer=optimizer, steps=steps)
    fewer = chosen.rerun(bits=max(2, chosen.format.bits - 12))
    twice = chosen.rerun(bits=2 * chosen.format.bits)
    assert smallest_agreement(fewer, twice) < automatic.AGREED_BITS <= smallest_agreement(chosen, twice)


def test_it_is_stored_and_repeated(tmp_path):
    problem, _, _ = random_problem(0)
    chosen = mpsharp.run(problem, bits="auto", optimizer=mpsharp.SGD("0.01", 1), steps=20)
    assert chosen.precision_choice.predicted is None
    chosen.save(tmp_path / "run")
    back = mpsharp.load(tmp_path / "run")
    assert back.precision_choice == chosen.precision_choice
    assert back.summary()["precision"] == str(chosen.precision_choice)
    assert back.rerun().identical(chosen)
    assert mpsharp.run(problem, bits=64, optimizer=mpsharp.GD("0.01"), steps=1).precision_choice is None


def test_gradient_flow_with_steps_of_its_own_is_refused():
    with pytest.raises(
        ConfigurationError, match=r"bits='auto': expected GD, SGD or GradientFlow\(rule='fixed'\)"
    ):
        mpsharp.run(bits="auto", optimizer=mpsharp.GradientFlow(), steps=3)


def test_too_many_bits_are_refused_with_what_was_found(monkeypatch):
    monkeypatch.setattr(automatic, "MAX_AUTO_BITS", 100)
    with pytest.raises(ConvergenceError, match=r"needs about .* at most 100; runs were made at"):
        mpsharp.run(bits="auto", steps=300, coordinates="spectral")


def test_another_text_is_no_number_of_bits():
    with pytest.raises(mpsharp.PrecisionError, match="bits: expected an integer, got 'many'"):
        mpsharp.run(bits="many", steps=1)


def test_agreed_bits_of_known_differences():
    reference = ExactArray.from_any(["1", "1", "1", "0", "-2"], 200)
    values = ExactArray.from_any(["1", "1.0009765625", "-1", "0", "-2"], 60)
    assert agreed_bits(values, reference).tolist() == [60, 10, 0, 60, 60]
