"""The Hessian of the loss: products with vectors, and the whole matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpsharp import _core
from mpsharp.backends.transfer import from_core, to_core
from mpsharp.errors import ConfigurationError, ResourceError
from mpsharp.exact import ExactArray
from mpsharp.formats import FormatLike
from mpsharp.problems import Problem
from mpsharp.resources import available_bytes
from mpsharp.theory.arithmetic import Arithmetic, Array


class Hessian:
    """H of the minimalist model at one point, in float64 or at any precision (Section 3).

    n·H = [[c²XᵀX, b wᵀ], [w bᵀ, G]], b = Xᵀ(2c·Xu − y), w_l = Π_{m≠l} v_m, G_ll = w_l²‖s‖²,
    G_lm = w_l·w_m‖s‖² + (Π_{k≠l,m} v_k)·sᵀz, in the order (u, v) of the parameters.

    Parameters
    ----------
    problem : Problem
    format : FormatLike, optional
        Of the results; plain float64 by default. With one, everything is computed with 64 guard bits,
        products with X as if exactly.
    u, v : array_like, shapes (n_features,) and (depth − 1,), optional
        Parameters; the problem's start by default.

    Raises
    ------
    ShapeError, NonFiniteError
        u or v do not fit the problem or are not finite.
    ConfigurationError
        `problem` is not a Problem.
    """

    def __init__(
        self, problem: Problem, *, format: FormatLike | None = None, u: object = None, v: object = None
    ) -> None:
        if not isinstance(problem, Problem):
            raise ConfigurationError(f"problem: expected a Problem, got {type(problem).__name__}")
        self.problem = problem
        self.arithmetic = arithmetic = Arithmetic.of(format)
        self.n_samples, self.n_features = problem.X.shape
        with arithmetic.active():
            self.y = arithmetic.enter(problem.y, "y", 1)
            self.u = arithmetic.enter(problem.u if u is None else u, "u", 1, self.n_features)
            self.v = arithmetic.enter(problem.v if v is None else v, "v", 1, len(problem.v))
            if arithmetic.bits is None:
                self._X = arithmetic.enter(problem.X, "X", 2)
            else:
                entries = ExactArray.from_any(problem.X.ravel(), arithmetic.working)
                self._data = _core.Data(
                    _core.Matrix(self.n_samples, self.n_features, to_core(entries)), "exact"
                )
            layers = range(len(self.v))
            self.c = self.v.prod()
            self.w = np.array([np.delete(self.v, k).prod() for k in layers], dtype=self.v.dtype)
            s = self.image(self.u)
            z = self.c * s - self.y
            self.t = z + self.c * s
            self.corner = np.outer(self.w, self.w) * (s * s).sum()
            sz = (s * z).sum()
            for i in layers:
                for j in range(i):
                    self.corner[i, j] += np.delete(self.v, [i, j]).prod() * sz
                    self.corner[j, i] = self.corner[i, j]

    @property
    def shape(self) -> tuple[int, int]:
        """(p, p), p = n_features + depth − 1."""
        return (self.n_features + len(self.v),) * 2

    def image(self, x: Array) -> Array:
        """X·x in this arithmetic."""
        if self.arithmetic.bits is None:
            return np.asarray(self._X @ x)
        return self._exact(self._data.apply, x)

    def adjoint(self, x: Array) -> Array:
        """Xᵀ·x in this arithmetic."""
        if self.arithmetic.bits is None:
            return np.asarray(self._X.T @ x)
        return self._exact(self._data.apply_transposed, x)

    def matvec(self, q: Array) -> Array:
        """H·q, in 4·n·d multiply-adds; H is never formed.

        Parameters
        ----------
        q : array, shape (p,), float64 or, with a format, gmpy2.mpfr.

        Returns
        -------
        array, shape (p,); with a format still with its guard bits.
        """
        with self.arithmetic.active():
            d = self.n_features
            image = self.image(q[:d])
            x = q[d:]
            coupling = (self.w * x).sum()
            top = self.adjoint(self.c * self.c * image + coupling * self.t)
            bottom = self.w * (self.t * image).sum() + self.corner @ x
            out: Array = np.concatenate([top, bottom]) / self.n_samples
            return out

    def __matmul__(self, q: Array) -> Array:
        return self.matvec(q)

    def dense(self) -> Array:
        """H as an array, shape (p, p).

        Raises
        ------
        ResourceError
            It does not fit into memory.
        """
        size = self.shape[0]
        needed = size * size * (8 if self.arithmetic.bits is None else 100 + self.arithmetic.working // 8)
        if needed > available_bytes():
            raise ResourceError(f"memory: a dense Hessian of order {size} needs {needed / 2**30:.3g} GiB")
        with self.arithmetic.active():
            columns = []
            zero = 0 * self.v[0]
            for k in range(size):
                unit = np.array([zero] * size, dtype=self.v.dtype)
                unit[k] += 1
                columns.append(self.matvec(unit))
            H = np.array(columns, dtype=self.v.dtype)
            symmetric: Array = (H + H.T) / 2
            return symmetric

    def _exact(self, product: Any, x: Array) -> Array:
        bits = self.arithmetic.working
        return np.asarray(from_core(product(to_core(ExactArray.from_any(x, bits)), bits)).to_gmpy2())
