"""The dynamics of the minimalist model in the coordinates of its data's singular vectors (Appendix B.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpsharp.errors import ConfigurationError
from mpsharp.formats import FormatLike
from mpsharp.theory.arithmetic import Array, Number
from mpsharp.theory.singular import Spectrum, spectrum


@dataclass(frozen=True, eq=False)
class ReducedDynamics:
    """Gradient flow, GD and SGD in ν_i = r_iᵀu and v: made by `reduced_dynamics`.

    Outputs f_i = cσ_iν_i and residuals z_i = f_i − d_i along w_i; w_l is the product of the other layers. The
    part of u outside the row space of X never moves. Numbers go in and come out as for every function of
    `mpsharp.theory`: float64, or gmpy2.mpfr of the format asked for.

    Parameters
    ----------
    spectrum : decomposition of X.
    labels : array, shape (rank,): d_i = w_iᵀy.
    outside : array, shape (n_samples,): y − Py, which only batches see.
    """

    spectrum: Spectrum
    labels: Array
    outside: Array

    def coordinates(self, u: object) -> Array:
        """ν_i = r_iᵀu, shape (rank,), of a first layer u, shape (n_features,)."""
        arithmetic = self.spectrum.arithmetic
        with arithmetic.active():
            return self._leave(self.spectrum.weights(u))

    def residuals(self, nu: object, v: object) -> Array:
        """z_i = cσ_iν_i − d_i, shape (rank,)."""
        with self.spectrum.arithmetic.active():
            nu_, v_ = self._enter(nu, v)
            return self._leave(self._residuals(nu_, v_))

    def flow(self, nu: object, v: object) -> tuple[Array, Array]:
        """Right-hand side of gradient flow: ν̇_i = −(c/n)σ_iz_i, v̇_l = −(w_l/n)Σσ_iν_iz_i.

        Parameters
        ----------
        nu : array_like, shape (rank,)
        v : array_like, shape (depth - 1,)

        Returns
        -------
        Arrays of the same shapes.
        """
        with self.spectrum.arithmetic.active():
            nu_, v_ = self._enter(nu, v)
            first, others = self._velocity(nu_, v_, self._residuals(nu_, v_))
            return self._leave(first), self._leave(others)

    def gd_step(self, nu: object, v: object, step_size: object) -> tuple[Array, Array]:
        """(ν, v) after one step of GD: ν + ην̇, v + ηv̇, with `flow` at the old values."""
        arithmetic = self.spectrum.arithmetic
        with arithmetic.active():
            nu_, v_ = self._enter(nu, v)
            return self._step(nu_, v_, self._residuals(nu_, v_), arithmetic.number(step_size, "step_size"))

    def sgd_step(self, nu: object, v: object, step_size: object, batch: Sequence[int]) -> tuple[Array, Array]:
        """(ν, v) after one step of SGD: that of GD with z replaced by (n/B)·Wᵀ P_t (Wz − (y − Py)).

        Parameters
        ----------
        nu : array_like, shape (rank,)
        v : array_like, shape (depth - 1,)
        step_size : η
        batch : the B rows of the batch, different from each other; P_t keeps these.

        Raises
        ------
        ConfigurationError
            An empty batch, a row twice, or a row that is none.
        """
        rows = [int(i) for i in batch]
        n = self.spectrum.n_samples
        if not rows or len(set(rows)) < len(rows) or not all(0 <= i < n for i in rows):
            raise ConfigurationError(f"batch: expected different rows from 0 to {n - 1}, got {rows}")
        arithmetic = self.spectrum.arithmetic
        with arithmetic.active():
            nu_, v_ = self._enter(nu, v)
            left = self.spectrum.left[rows]
            seen = left @ self._residuals(nu_, v_) - self.outside[rows]
            z = (left.T @ seen) * n / len(rows)
            return self._step(nu_, v_, z, arithmetic.number(step_size, "step_size"))

    def _enter(self, nu: object, v: object) -> tuple[Array, Array]:
        enter = self.spectrum.arithmetic.enter
        return enter(nu, "nu", 1, self.spectrum.rank), enter(v, "v", 1)

    def _leave(self, values: Array) -> Array:
        return np.asarray(self.spectrum.arithmetic.leave(values))

    def _residuals(self, nu: Array, v: Array) -> Array:
        return np.asarray(v.prod() * self.spectrum.sigma * nu - self.labels)

    def _velocity(self, nu: Array, v: Array, z: Array) -> tuple[Array, Array]:
        sigma, n = self.spectrum.sigma, self.spectrum.n_samples
        others = np.array([np.delete(v, k).prod() for k in range(len(v))], dtype=v.dtype)
        # The product of no layers is an int, which must not be divided by n on its own.
        return -v.prod() * sigma * z / n, -others * (sigma * nu * z).sum() / n

    def _step(self, nu: Array, v: Array, z: Array, step_size: Number) -> tuple[Array, Array]:
        first, others = self._velocity(nu, v, z)
        return self._leave(nu + step_size * first), self._leave(v + step_size * others)


def reduced_dynamics(
    X: object, y: object, *, format: FormatLike | None = None, rank: int | None = None
) -> ReducedDynamics:
    """Set up the reparameterised dynamics of Appendix B.1 for X and y.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    y : array_like, shape (n_samples,)
    format : of the results; plain float64 by default. Each step is computed with guard bits, then rounded.
    rank : how many singular values count; see `mpsharp.theory.spectrum`.

    Raises
    ------
    ShapeError, NonFiniteError
        As `mpsharp.theory.dataset_difficulty`.
    ConfigurationError
        X is zero: there is nothing to reduce to.
    """
    parts = spectrum(X, format=format, rank=rank)
    if not parts.rank:
        raise ConfigurationError("X: expected a matrix other than zero")
    with parts.arithmetic.active():
        d = parts.labels(y)
        outside = parts.arithmetic.enter(y, "y", 1) - parts.left @ d
        return ReducedDynamics(parts, d, outside)
