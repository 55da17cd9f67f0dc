"""Sharpness and imbalance of the minimalist model, in float64, from float32 or float64 parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpsharp.backends.mirror.arrow import Arrow, top_eigenpair
from mpsharp.backends.mirror.minimalist import product_in_order, products_of_others

if TYPE_CHECKING:
    from mpsharp.backends.mirror.products import Array

    Float64Array = npt.NDArray[np.float64]


class Spectrum:
    """The singular value decomposition of X, made once, and what follows from it at any parameters.

    Parameters
    ----------
    X : float32 or float64 array, shape (n_samples, n_features); as the run rounded it.
    y : labels, shape (n_samples,).
    largest_rank : the rank of X is at most this; rounding X to float32 hides a lower one.
    n_samples : n, by which the loss divides; the rows of X by default.
    """

    def __init__(
        self, X: Array, y: Array, *, largest_rank: int | None = None, n_samples: int | None = None
    ) -> None:
        self._n_samples = len(y) if n_samples is None else n_samples
        self._X: Float64Array = X.astype(np.float64)
        self._y: Float64Array = y.astype(np.float64)
        _, self._sigma, self._right = np.linalg.svd(self._X, full_matrices=False)
        rank = int(np.sum(self._sigma > max(X.shape) * 2.0**-52 * self._sigma[0]))
        self.rank = rank if largest_rank is None else min(rank, largest_rank)

    def sharpness(self, u: Array, v: Array) -> tuple[float, float]:
        """Return the largest eigenvalue λ of the Hessian, unit 1/step_size, and its residual.

        Parameters
        ----------
        u, v : parameters, shapes (n_features,) and (depth - 1,).

        Returns
        -------
        tuple
            λ and ‖Hx − λx‖ for the full Hessian and the unit vector x that was found: some eigenvalue is
            that close to λ. Both are NaN if a parameter or a Hessian entry is not finite.
        """
        if not (np.isfinite(u).all() and np.isfinite(v).all()):
            return np.nan, np.nan
        with np.errstate(all="ignore"):
            return self._sharpness(u.astype(np.float64), v.astype(np.float64))

    def imbalance(self, u: Array, v: Array) -> Float64Array:
        """Return ‖Πu‖² − v_l², shape (depth - 1,), Π the projection onto the row space of X; NaN as above.

        Singular values up to max(n, d)·2⁻⁵²·σ_1 count as zero.
        """
        u, v = u.astype(np.float64), v.astype(np.float64)
        if not (np.isfinite(u).all() and np.isfinite(v).all()):
            return np.full(len(v), np.nan)
        with np.errstate(all="ignore"):
            return np.asarray(self.projected_square(u) - v**2)

    def projected_square(self, u: Array) -> Any:
        """Return ‖Πu‖² of finite u."""
        coordinates = self._right[: self.rank] @ u
        return coordinates @ coordinates

    def _sharpness(self, u: Float64Array, v: Float64Array) -> tuple[float, float]:
        n = self._n_samples
        c = product_in_order(v)
        w: Float64Array = products_of_others(v).astype(np.float64)
        s = self._X @ u
        z = c * s - self._y
        border = self._X.T @ (z + c * s) / n
        G = (np.outer(w, w) * (s @ s) + products_of_all_but_two(v) * (s @ z)) / n
        # In the basis of X's right singular vectors; orthogonal to them the Hessian is zero.
        arrow = Arrow((c * self._sigma) ** 2 / n, self._right @ border, w, G)
        if not all(np.isfinite(part).all() for part in (arrow.poles, arrow.b, w, G)):
            return np.nan, np.nan
        value, vector = top_eigenpair(arrow)
        x_u, x_v = self._right.T @ vector[: len(self._sigma)], vector[len(self._sigma) :]
        image_u = c**2 / n * (self._X.T @ (self._X @ x_u)) + border * (w @ x_v)
        image_v = w * (border @ x_u) + G @ x_v
        return value, math.hypot(*(image_u - value * x_u), *(image_v - value * x_v))


def products_of_all_but_two(v: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the matrix of Π_{k≠l,m} v_k off the diagonal and 0 on it, shape (depth - 1, depth - 1)."""
    result = np.zeros((len(v), len(v)), dtype=v.dtype)
    for first in range(len(v)):
        for second in range(first):
            result[first, second] = result[second, first] = product_in_order(np.delete(v, [first, second]))
    return result
