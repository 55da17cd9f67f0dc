"""Lemmas B.1, B.2 and B.3: what the proofs of the sharpness bounds stand on."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpsharp.errors import ConfigurationError
from mpsharp.exact import as_exact_input
from mpsharp.formats import FormatLike
from mpsharp.theory.arithmetic import Arithmetic, Number, norm, sqrt, square
from mpsharp.theory.bounds import Bounds
from mpsharp.theory.singular import spectrum


def border_norm(b: object, *, format: FormatLike | None = None) -> Any:
    """Spectral norm of the matrix [[0, b], [bᵀ, 0]]: ‖b‖ (Lemma B.1). Its eigenvalues are ±‖b‖ and zeros.

    Parameters
    ----------
    b : array_like, shape (m,), m ≥ 1
    format : of the result; plain float64 by default.

    Returns
    -------
    float, or gmpy2.mpfr of ``format.bits`` bits.
    """
    arithmetic = Arithmetic.of(format)
    with arithmetic.active(strict=True):
        return arithmetic.leave(norm(arithmetic.enter(b, "b", 1)))


def imbalance_root(imbalance: object, difficulty: object, *, format: FormatLike | None = None) -> Any:
    """√(C² + 4Q), a convex function of C for Q ≥ 0 (Lemma B.2); at a minimiser it is ‖Πu‖² + v² (depth 2).

    Parameters
    ----------
    imbalance, difficulty : numbers C, and Q ≥ 0.
    format : of the result; plain float64 by default.

    Returns
    -------
    float, or gmpy2.mpfr of ``format.bits`` bits.

    Raises
    ------
    ConfigurationError
        A negative difficulty.
    """
    arithmetic = Arithmetic.of(format)
    with arithmetic.active(strict=True):
        C, Q = arithmetic.number(imbalance, "imbalance"), arithmetic.number(difficulty, "difficulty")
        if Q < 0:
            raise ConfigurationError(f"difficulty: expected a number of at least 0, got {difficulty!r}")
        return arithmetic.leave(norm(np.array([C, 2 * sqrt(Q)])))


def sharpness_bounds(
    X: object,
    y: object,
    u: object,
    v: object,
    *,
    format: FormatLike | None = None,
    rank: int | None = None,
) -> Bounds:
    """Bounds of the sharpness of the two-layer model anywhere (Lemma B.3).

    With ν₁ = r₁ᵀu and d₁ = w₁ᵀy,

        n·S ≥ σ₁²(v² + ν₁²) + 2vν₁σ₁(σ₁ν₁v − d₁)/(v² + ν₁²),
        n·S ≤ σ₁²v² + ‖Xu‖² + ‖Xᵀz‖.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    y : array_like, shape (n_samples,)
    u : array_like, shape (n_features,)
    v : number, or array_like of shape (1,)
    format, rank : as for `mpsharp.theory.dataset_difficulty`.

    Returns
    -------
    Bounds
        ``(lower, upper)``. Where v = ν₁ = 0 the lower bound is 0.

    Raises
    ------
    ShapeError
        Shapes that do not fit together: the lemma is about depth 2.
    """
    parts = spectrum(X, format=format, rank=rank)
    with parts.arithmetic.active(strict=True):
        layer = parts.arithmetic.enter(np.atleast_1d(as_exact_input(v, "v")), "v", 1, 1)[0]
        d, nu, sigma = parts.labels(y), parts.weights(u), parts.sigma
        outputs = sigma * nu
        slope = sigma * (layer * outputs - d)
        if not parts.rank:
            zero = 0 * layer
            return Bounds(parts.arithmetic.leave(zero), parts.arithmetic.leave(zero))
        lower, upper = bounds_at(sigma[0], d[0], nu[0], layer, square(outputs), norm(slope))
        n = parts.n_samples
        return Bounds(parts.arithmetic.leave(lower / n), parts.arithmetic.leave(upper / n))


def bounds_at(
    sigma: Number, d: Number, nu: Number, v: Number, ss: Number, slope: Number
) -> tuple[Number, Number]:
    """Return n times both bounds of Lemma B.3 from σ₁, d₁, ν₁, v, ‖Xu‖² and ‖Xᵀz‖."""
    lower = 0 * v
    if v or nu:
        size = v * v + nu * nu
        lower = sigma * (sigma * size + 2 * v * nu * (sigma * nu * v - d) / size)
    return lower, (sigma * v) * (sigma * v) + ss + slope
