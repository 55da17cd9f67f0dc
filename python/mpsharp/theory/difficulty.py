"""Dataset difficulty (Definition 4.1)."""

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
