"""The states of a run in NumPy, as observables see them: everything but the loss in float64."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp.backends.mirror.coordinates import transform
from mpsharp.backends.mirror.minimalist import product_in_order
from mpsharp.backends.mirror.spectrum import Spectrum
from mpsharp.exact import ExactArray
from mpsharp.theory import spectrum
from mpsharp.theory.arithmetic import Arithmetic
from mpsharp.theory.hessian import arrow
from mpsharp.theory.imbalance import labels_in_range
from mpsharp.theory.moments import Moments

if TYPE_CHECKING:
    from mpsharp.backends.mirror.products import Array
    from mpsharp.problems import Problem
    from mpsharp.theory import Spectrum as Decomposition

FLOAT64_BITS = 53


class Instruments:
    """What the states of one run are measured with; made when first needed.

    Parameters
    ----------
    problem : the numbers as the user gave them.
    X, y : the same numbers in the format and the coordinates of the run; of a diagonal X its diagonal.
    step_size : rounded to that format; None if the optimizer has none.
    coordinates : of the run.
    """

    def __init__(
        self, problem: Problem, X: Array, y: Array, step_size: Any = None, *, coordinates: str = "parameter"
    ) -> None:
        self.problem = problem
        self._coordinates = coordinates
        self._diagonal = X.ndim == 1
        self.X = (np.diag(X) if self._diagonal else X).astype(np.float64)
        self.y = y.astype(np.float64)
        self.step_size = step_size if step_size is None else float(step_size)

    @cached_property
    def hessian(self) -> Spectrum:
        """The decomposition that sharpness and imbalance are read from."""
        n = self.problem.n_samples
        return Spectrum(self.X, self.y, largest_rank=self.problem.rank, n_samples=n)

    @cached_property
    def _samples(self) -> tuple[Array, Array]:
        """X and y with one row per sample."""
        if not self._diagonal:
            return self.X, self.y
        form = transform(self.problem, self._coordinates, dense=True)
        return form.X, form.y

    def sharpness(self, u: Array, v: Array) -> float:
        """The largest eigenvalue of the Hessian at (u, v)."""
        return self.hessian.sharpness(u, v)[0]

    @cached_property
    def row_squares(self) -> Array:
        """‖x_i‖², shape (n_samples,)."""
        return np.asarray((self.X**2).sum(axis=1))

    @cached_property
    def spectrum(self) -> Decomposition:
        """Singular value decomposition of X."""
        return spectrum(self._samples[0], rank=self.hessian.rank)

    @cached_property
    def labels(self) -> Array:
        """Coefficients of y, not all of them zero."""
        return np.asarray(labels_in_range(self.spectrum, self._samples[1]))

    @cached_property
    def label_coefficients(self) -> Array:
        """d_i = w_iᵀy, shape (rank,)."""
        return np.asarray(self.spectrum.labels(self._samples[1]))


class MirrorPoint:
    """One state of a run (`mpsharp.backends.point.Point`)."""

    arithmetic = Arithmetic()
    record_bits = FLOAT64_BITS

    def __init__(self, by: Instruments, u: Array, v: Array, loss: ExactArray) -> None:
        self._by = by
        self._u = u.astype(np.float64)
        self.v = v.astype(np.float64)
        self.loss = loss
        self.n_samples = by.problem.n_samples
        self.n_features = by.problem.n_features

    @cached_property
    def finite(self) -> bool:
        """Whether every parameter is finite."""
        return bool(np.isfinite(self._u).all() and np.isfinite(self.v).all())

    @property
    def parameters(self) -> ExactArray:
        """Both layers as the run has them."""
        return ExactArray.from_float64(np.concatenate([self._u, self.v]), self.loss.bits)

    @property
    def step_size(self) -> Any:
        """Step size as the run rounds it."""
        return self._by.step_size

    @cached_property
    def moments(self) -> Moments:
        """Sums over the state."""
        X, u = self._by.X, self._u
        s = X @ u
        z = product_in_order(self.v) * s - self._by.y
        g = X.T @ z
        return Moments(
            uu=u @ u, ss=s @ s, sz=s @ z, zz=z @ z, gg=g @ g,
            rrzz=self._by.row_squares @ z**2, sszz=((s * z) ** 2).sum(),
        )  # fmt: skip

    @cached_property
    def projected_square(self) -> Any:
        """‖Πu‖²."""
        return self._by.hessian.projected_square(self._u)

    @property
    def imbalance(self) -> ExactArray:
        """‖Πu‖² − v_l²."""
        return ExactArray.from_float64(self._by.hessian.imbalance(self._u, self.v), FLOAT64_BITS)

    @property
    def sharpness(self) -> ExactArray:
        """Largest eigenvalue of the Hessian."""
        return self._seen[0]

    @property
    def sharpness_residual(self) -> ExactArray:
        """‖Hx − Sx‖."""
        return self._seen[1]

    @cached_property
    def _seen(self) -> ExactArray:
        return ExactArray.from_float64(np.array(self._by.hessian.sharpness(self._u, self.v)), FLOAT64_BITS)

    def eigenvalues(self, count: int) -> Array:
        """The largest eigenvalues of the Hessian, by LAPACK in spectral coordinates."""
        sigma = self._by.spectrum.sigma
        if not len(sigma):  # X = 0
            return np.zeros(count)
        nu = self._by.spectrum.right.T @ self._u
        H = arrow(sigma, self._by.label_coefficients, nu, self.v, self.n_samples).dense()
        if not np.isfinite(H).all():
            return np.full(count, np.nan)
        zeros = np.zeros(self.n_features - len(sigma))
        found = np.concatenate([np.linalg.eigvalsh(H), zeros])
        return np.asarray(np.sort(found)[::-1][:count])

    @property
    def spectrum(self) -> Decomposition:
        """Singular value decomposition of X."""
        return self._by.spectrum

    @property
    def labels(self) -> Array:
        """Coefficients of y in the left singular vectors."""
        return self._by.labels

    @property
    def top_label(self) -> Any:
        """d₁ = w₁ᵀy."""
        return self._by.label_coefficients[0]

    @cached_property
    def top_weight(self) -> Any:
        """ν₁ = r₁ᵀu."""
        return self._by.spectrum.right[:, 0] @ self._u
