"""Starting points: ranges, moments, draw order, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from mpsharp import initialization
from mpsharp.errors import ConfigurationError

SAMPLES = 40_000
LAYERS = 801  # of which 800 are drawn with v, SAMPLES // 800 times
# Six deviations of a sample variance: Var(s²) ≈ (κ − 1) σ⁴/N, kurtosis κ = 1.8 (uniform), 3 (normal).
UNIFORM_SLACK, NORMAL_SLACK = (6 * np.sqrt((kurtosis - 1) / SAMPLES) for kurtosis in (1.8, 3.0))


def test_pytorch_default():
    u, v = initialization.pytorch_default(SAMPLES, 5, np.random.default_rng(0))
    assert u.shape == (SAMPLES,)
    assert v.shape == (4,)
    assert np.abs(u).max() <= 1 / np.sqrt(SAMPLES)
    assert abs(u.var() * 3 * SAMPLES - 1) < UNIFORM_SLACK
    rng = np.random.default_rng(0)
    wide = np.stack([initialization.pytorch_default(1, LAYERS, rng)[1] for _ in range(SAMPLES // 800)])
    assert np.abs(wide).max() <= 1
    assert abs(wide.var() * 3 - 1) < UNIFORM_SLACK


def test_alpha_beta():
    u, _ = initialization.alpha_beta(SAMPLES, 0.3, 2.0, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    v = np.stack(
        [initialization.alpha_beta(1, 0.3, 2.0, rng, depth=LAYERS)[1] for _ in range(SAMPLES // 800)]
    )
    assert abs(u.var() / 0.09 - 1) < NORMAL_SLACK
    assert abs(v.var() / 4 - 1) < NORMAL_SLACK
    assert initialization.alpha_beta(3, 1.0, 1.0, np.random.default_rng(1))[1].shape == (1,)


def test_draws_depend_on_the_generator_only():
    for draw in (
        lambda rng: initialization.pytorch_default(7, 3, rng),
        lambda rng: initialization.alpha_beta(7, 0.1, 0.2, rng, depth=3),
    ):
        (u, v), (again, v_again), (other, _) = (draw(np.random.default_rng(seed)) for seed in (4, 4, 5))
        assert u.tolist() == again.tolist()
        assert v.tolist() == v_again.tolist()
        assert u.tolist() != other.tolist()


@pytest.mark.parametrize("depth", [1, 0, -2, 2.0, True, "2", None])
def test_bad_depth(depth):
    with pytest.raises(ConfigurationError, match="depth: expected an integer of at least 2, got"):
        initialization.pytorch_default(3, depth, np.random.default_rng(0))


def test_too_many_layers():
    assert initialization.check_depth(1000) == 1000
    with pytest.raises(ConfigurationError, match="depth: expected at most 1000 layers, got 1001"):
        initialization.pytorch_default(3, 1001, np.random.default_rng(0))


@pytest.mark.parametrize("bad", [0, -1.0, np.nan, np.inf, "1", None])
def test_bad_scales(bad):
    with pytest.raises(ConfigurationError, match="alpha: expected a finite number above 0"):
        initialization.alpha_beta(3, bad, 1.0, np.random.default_rng(0))
    with pytest.raises(ConfigurationError, match="beta: expected a finite number above 0"):
        initialization.alpha_beta(3, 1.0, bad, np.random.default_rng(0))


def test_bad_width():
    with pytest.raises(ConfigurationError, match="n_features: expected an integer of at least 1, got 0"):
        initialization.pytorch_default(0, 2, np.random.default_rng(0))


@pytest.mark.parametrize("shape", [(4, 9), (9, 4)])
@pytest.mark.parametrize("depth", [2, 4])
def test_balanced(shape, depth):
    rng = np.random.default_rng(2)
    X = rng.standard_normal((shape[0], 3)) @ rng.standard_normal((3, shape[1]))  # rank 3
    u, v = initialization.balanced(X, depth, rng, norm=0.3)
    assert v.tolist() == [0.3] * (depth - 1)
    projected = np.linalg.pinv(X) @ (X @ u)
    # All of u is in the row space; errors of the pseudo-inverse and of the norm.
    assert np.abs(projected - u).max() < 1e-13
    assert abs(np.linalg.norm(u) - 0.3) < 1e-15


@pytest.mark.parametrize(
    "arguments", [(np.zeros((2, 2)), 2), (np.ones(3), 2), (np.eye(2), 1), (np.eye(2), 2, {"norm": 0.0})]
)
def test_bad_arguments_of_balanced(arguments):
    X, depth, options = (*arguments, {})[:3]
    with pytest.raises(ConfigurationError):
        initialization.balanced(X, depth, np.random.default_rng(0), **options)
