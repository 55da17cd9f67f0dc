"""Dataset difficulty (Definition 4.1), and the numerical rank that it rests on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mpsharp.formats import FormatLike
from mpsharp.theory.singular import spectrum


def dataset_difficulty(
    X: object, y: object, *, format: FormatLike | None = None, rank: int | None = None
) -> Any:
    """Dataset difficulty Q = Σ (d_i/σ_i)² = ‖X⁺y‖² (Definition 4.1).

    The squared distance from zero to the nearest solution of Xw = y.
    Labels outside the column space of X contribute nothing (footnote 1).

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    y : array_like, shape (n_samples,)
    format : None for plain float64 by the singular value decomposition, where singular values up to
        max(n, d)·2⁻⁵²·σ₁ count as zero; or the Format of the result, computed with guard bits from the
        numbers as they are (`mpsharp.theory.spectrum`; min(n, d) of a few hundred at most).
    rank : how many singular values count, instead of these rules.

    Returns
    -------
    float, or gmpy2.mpfr of ``format.bits`` bits. The float64 value has a relative error of some κ·2⁻⁵²,
    κ = σ₁/σ_r, and κ²‖y − Py‖/‖Py‖ times as much for labels outside the column space: `difficulty_digits`
    tells. The other is right to its last bit or two, for labels with ‖Py‖ ≥ 2⁻⁶⁴‖y‖ or so.

    Raises
    ------
    ShapeError
        Shapes that do not fit together.
    NonFiniteError
        NaN or infinity.
    PrecisionError
        Bits out of range.

    Examples
    --------
    >>> dataset_difficulty([[2.0, 0.0], [0.0, 1.0]], [2.0, 3.0])
    10.0
    >>> dataset_difficulty([["0.1"]], [1], format=200)
    mpfr('100.0',200)
    """
    parts = spectrum(X, format=format, rank=rank)
    with parts.arithmetic.active(strict=True):
        return parts.arithmetic.leave(parts.difficulty(parts.labels(y)))


def difficulty_digits(X: object, y: object) -> float:
    """How many decimal digits of ``dataset_difficulty(X, y)`` in float64 are right.

    −log10 of its relative error against the value at 128 bits of the same numbers, whose rank is taken
    without a tolerance; at most log10(2⁵³) ≈ 15.95, and 0 if not even the first digit is right. Takes the
    time of a computation at high precision.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    y : array_like, shape (n_samples,)

    Raises
    ------
    ShapeError, NonFiniteError
        As `dataset_difficulty`.
    """
    exact = dataset_difficulty(X, y, format=128)
    computed = dataset_difficulty(X, y)
    if exact == computed:
        return 53 * math.log10(2)
    if exact == 0 or not math.isfinite(computed):
        return 0.0
    error = float(abs((computed - exact) / exact))
    return min(max(0.0, -math.log10(error)), 53 * math.log10(2)) if error > 0 else 53 * math.log10(2)


def difficulty_float64(X: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return Q = ‖X⁺y‖² and σ₁ in float64, from one singular value decomposition.

    Parameters
    ----------
    X : array, shape (n_samples, n_features)
    y : array, shape (n_samples,)
    """
    parts = spectrum(X)
    return float(parts.difficulty(parts.labels(y))), float(parts.top)


def rank_and_condition(X: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Return the numerical rank r of X and ⌈log2(σ₁/σ_r)⌉, in float64.

    Singular values up to max(n, d)·2⁻⁵²·σ₁ count as zero. (0, 0) for a zero matrix; a matrix that
    float64 cannot hold counts as having full rank.

    Parameters
    ----------
    X : array, shape (n_samples, n_features)
    """
    scale = float(np.max(np.abs(X)))
    if scale == 0:
        return 0, 0
    if not np.isfinite(scale):
        return min(X.shape), 0
    sigma = np.linalg.svd(X / scale, compute_uv=False)
    rank = int(np.sum(sigma > max(X.shape) * 2.0**-52 * sigma[0]))
    return rank, int(np.ceil(np.log2(sigma[0] / sigma[rank - 1])))
