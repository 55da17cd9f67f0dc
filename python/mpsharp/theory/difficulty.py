"""Dataset difficulty (Definition 4.1), and the numerical rank that it rests on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def difficulty_float64(X: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return Q = ‖X⁺y‖² and σ₁ in float64, from the singular value decomposition.

    Singular values up to max(n, d)·2⁻⁵²·σ₁ count as zero, so that labels outside the column space of X
    contribute nothing (footnote 1 of the paper).

    Parameters
    ----------
    X : array, shape (n_samples, n_features)
    y : array, shape (n_samples,)
    """
    w, sigma, _ = np.linalg.svd(X, full_matrices=False)
    kept = sigma > max(X.shape) * 2.0**-52 * sigma[0]
    return float(np.sum((w[:, kept].T @ y / sigma[kept]) ** 2)), float(sigma[0])


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
