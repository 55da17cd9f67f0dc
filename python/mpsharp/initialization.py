"""Starting points (u, v) of the minimalist model, drawn from an explicit NumPy Generator."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mpsharp.draws import standard_normal, uniform
from mpsharp.errors import ConfigurationError

Parameters: TypeAlias = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

# The Hessian of the layers has depth² entries.
MAX_DEPTH = 1000


def check_depth(depth: object) -> int:
    """Return `depth` as an int, or raise ConfigurationError unless it is an integer from 2 to `MAX_DEPTH`."""
    if isinstance(depth, bool) or not isinstance(depth, (int, np.integer)) or depth < 2:
        raise ConfigurationError(f"depth: expected an integer of at least 2, got {depth!r}")
    if depth > MAX_DEPTH:
        raise ConfigurationError(f"depth: expected at most {MAX_DEPTH} layers, got {depth}")
    return int(depth)


def check_positive(name: str, value: float) -> float:
    """Return `value`, or raise ConfigurationError unless it is finite and above 0."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not real or not np.isfinite(value) or value <= 0:
        raise ConfigurationError(f"{name}: expected a finite number above 0, got {value!r}")
    return float(value)


def check_count(name: str, value: object, minimum: int = 1) -> int:
    """Return `value` as an int, or raise ConfigurationError unless it is at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise ConfigurationError(f"{name}: expected an integer of at least {minimum}, got {value!r}")
    return int(value)


def check_seed(seed: object) -> int:
    """Return `seed` as an int, or raise ConfigurationError unless it is an integer of at least 0."""
    return check_count("seed", seed, 0)


def pytorch_default(n_features: int, depth: int, rng: np.random.Generator) -> Parameters:
    """Draw U(−1/√fan_in, 1/√fan_in) for every layer: fan_in = n_features for u, 1 for each v_l.

    Returns
    -------
    u : float64 array, shape (n_features,)
    v : float64 array, shape (depth - 1,)
    """
    bound = 1.0 / np.sqrt(check_count("n_features", n_features))
    u = uniform(rng, -bound, bound, n_features)
    return u, uniform(rng, -1.0, 1.0, check_depth(depth) - 1)


def alpha_beta(
    n_features: int, alpha: float, beta: float, rng: np.random.Generator, *, depth: int = 2
) -> Parameters:
    """Draw u ~ N(0, α² I) and v ~ N(0, β²), the (α, β) initialisation (Assumption 5.5).

    α² = 1/(3 n_features), β² = 1/3 has the variances of PyTorch's default.
    """
    check_positive("alpha", alpha)
    check_positive("beta", beta)
    u = alpha * standard_normal(rng, check_count("n_features", n_features))
    return u, beta * standard_normal(rng, check_depth(depth) - 1)


def balanced(X: npt.ArrayLike, depth: int, rng: np.random.Generator, *, norm: float = 0.5) -> Parameters:
    """Draw a balanced start (Assumption 4.5): ‖Πu‖ = v_l = norm for every l, u in the row space of X.

    u has a uniformly random direction in the row space: that of projected normal draws. v is constant. The
    layers are balanced up to the rounding of u, which is computed as if exactly and rounded once.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Not zero.
    depth : D ≥ 2.
    rng : draws one number for each feature.
    norm : above 0.

    Returns
    -------
    u : float64 array, shape (n_features,)
    v : float64 array, shape (depth - 1,)

    Raises
    ------
    ConfigurationError
        X is zero or not a matrix, or another argument out of range.
    """
    check_positive("norm", norm)
    matrix = np.asarray(X, dtype=np.float64)
    if matrix.ndim != 2 or not matrix.any():
        raise ConfigurationError(f"X: expected a matrix other than zero, got shape {matrix.shape}")
    from mpsharp.row_space import scaled_part  # not above: what it needs checks its arguments here

    u = standard_normal(rng, matrix.shape[1])
    return scaled_part(matrix, u, norm), np.full(check_depth(depth) - 1, float(norm))
