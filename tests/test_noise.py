"""Noise as a dial: the same draws for every format, one rounding per operation, and what it imitates."""

from __future__ import annotations

from fractions import Fraction

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpsharp
from mpsharp.errors import ConfigurationError
from mpsharp.noise import Noise


@given(step=st.integers(0, 500), seed=st.integers(0, 2**40))
def test_draws_depend_on_seed_and_step_alone(step, seed):
    noise = Noise("1e-20", seed, 5)
    expected = noise.draws(step).copy()
    noise.draws(step + 64)
    assert np.array_equal(noise.draws(step), expected)
    assert np.array_equal(Noise(0.5, seed, 5).draws(step), expected)
    assert np.all(np.abs(expected) <= 1)
    assert np.array_equal(expected * 2**20, np.round(expected * 2**20))
    assert not np.array_equal(expected, noise.draws(step + 1))


def test_draws_are_uniform_on_both_signs():
    draws = np.concatenate([Noise(1.0, 3, 50).draws(step) for step in range(400)])
    count = len(draws)
    # Mean 0 and second moment 1/3, within 5 standard errors.
    assert abs(draws.mean()) < 5 * np.sqrt(1 / 3 / count)
    assert abs((draws**2).mean() - 1 / 3) < 5 * np.sqrt((1 / 5 - 1 / 9) / count)


@pytest.mark.parametrize("noise", [0, -0.5, float("nan"), float("inf"), "much"])
def test_a_noise_that_is_no_size_is_refused(noise):
    with pytest.raises(ConfigurationError, match="noise: expected a finite number above 0"):
        mpsharp.run(bits=64, steps=1, noise=noise)


def test_gradient_flow_takes_no_noise():
    with pytest.raises(ConfigurationError, match="noise: expected GD or SGD"):
        mpsharp.run(bits=64, steps=1, noise=0.1, optimizer=mpsharp.GradientFlow())


def small_problem(depth=3):
    rng = np.random.default_rng(5)
    return mpsharp.Problem(
        X=rng.standard_normal((6, 4)),
        y=rng.standard_normal(6),
        u=rng.standard_normal(4),
        v=np.ones(depth - 1),
    )


def test_a_perturbed_step_is_the_step_then_one_rounding_per_operation():
    problem, bits, noise = small_problem(), 80, Fraction(1, 3**9)
    plain = mpsharp.run(problem, bits=bits, optimizer=mpsharp.GD("0.01"), steps=1)
    noisy = mpsharp.run(problem, bits=bits, optimizer=mpsharp.GD("0.01"), steps=1, noise=noise, seed=4)
    draws = Noise(noise, 4, 6).draws(0)
    with gmpy2.context(precision=bits):
        size = gmpy2.mpfr(gmpy2.mpq(noise))
        for x, moved, r in zip(
            [*plain.exact("u"), *plain.exact("v")], [*noisy.exact("u"), *noisy.exact("v")], draws, strict=True
        ):
            assert moved == x + x * (size * gmpy2.mpfr(r))


OPTIMIZERS = [mpsharp.GD("0.01"), mpsharp.SGD("0.01", 2), mpsharp.SGD("0.01", 4, "uniform")]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("arithmetic", ["exact", "sequential"])
@pytest.mark.parametrize(("bits", "name"), [(24, "float32"), (53, "float64")])
def test_core_and_mirror_agree_bit_for_bit(optimizer, arithmetic, bits, name):
    options = {
        "optimizer": optimizer,
        "steps": 40,
        "arithmetic": arithmetic,
        "noise": "0.001",
        "seed": 2,
        "observables": "loss",
    }
    core = mpsharp.run(small_problem(), bits=bits, **options)
    mirror = mpsharp.run(small_problem(), format=name, **options)
    assert core.u.identical(mirror.u)
    assert core.v.identical(mirror.v)
    assert core.records["loss"].identical(mirror.records["loss"])


def test_records_threads_and_a_rerun_change_nothing(tmp_path):
    options = {"bits": 100, "optimizer": mpsharp.GD("0.01"), "steps": 90, "noise": "1e-9", "seed": 3}
    first = mpsharp.run(small_problem(), **options)
    assert first.config["noise"] == "1e-9"
    sparse = mpsharp.run(small_problem(), **options, record_every=7, threads=2)
    assert first.u.identical(sparse.u)
    first.save(tmp_path / "run")
    assert mpsharp.load(tmp_path / "run").rerun().identical(first)
    assert not first.u.identical(mpsharp.run(small_problem(), **(options | {"noise": None})).u)


def test_noise_of_a_format_gives_its_catapult():
    """On the default problem, where 53 bits catapult at step 238 and exact arithmetic at 422."""
    options = {"coordinates": "spectral", "steps": 460}
    rounded = mpsharp.run(bits=53, **options).catapult_step
    noisy = mpsharp.run(bits=600, noise=2.0**-53, **options).catapult_step
    exact = mpsharp.run(bits=600, **options).catapult_step
    assert abs(noisy - rounded) <= 0.03 * rounded
    assert exact > 1.5 * rounded
