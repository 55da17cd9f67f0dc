"""Eigenvalues from the secular equation in spectral coordinates (Appendix B.1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpsharp.spectra.hessian import Hessian
from mpsharp.spectra.tridiagonal import bisect, orthogonalised, unit_roundoff
from mpsharp.theory.arithmetic import Array, Number, sqrt, square
from mpsharp.theory.singular import spectrum


def secular(hessian: Hessian, count: int) -> tuple[Array, Array]:
    """Return the largest eigenvalues of the Hessian and their vectors, by counting those above a number.

    With poles a_i = c²σ_i²/n and border b_i = σ_i(2cσ_iν_i − d_i)/n, the number of eigenvalues above λ is
    that of the a_i, plus that of the negative eigenvalues of F(λ) = λI − G/n − Σ b_i²/(λ − a_i)·wwᵀ, plus,
    below 0, the d − r dimensions outside the row space (inertia of the Schur complement). Bisection on this
    count finds every eigenvalue, however they cluster, at O(r + D³) for one bit.

    Parameters
    ----------
    hessian : gives the point and the arithmetic.
    count : how many.

    Returns
    -------
    values : array, shape (count,), falling.
    vectors : array, shape (p, count), orthonormal columns from inverse iteration.
    """
    n, d = hessian.n_samples, hessian.n_features
    parts = spectrum(hessian.problem.X, format=hessian.arithmetic.bits)
    with hessian.arithmetic.active():
        c, w = hessian.c, hessian.w
        corner = hessian.corner / n
        sigma = parts.sigma
        poles = c * c * sigma * sigma / n
        border = (parts.right.T @ hessian.adjoint(hessian.t)) / n
        m = len(w)
        bound = (
            (max(poles) if len(poles) else 0)
            + sqrt(square(border) * square(w))
            + sqrt(square(corner.ravel()))
        )
        tiny = bound * unit_roundoff(c * 1) or unit_roundoff(c * 1)

        def gaps(shift: Number) -> Array:
            out = shift - poles
            return np.array([x if x else tiny for x in out], dtype=poles.dtype)

        def schur(shift: Number, distance: Array) -> Array:
            phi = (border * border / distance).sum() if len(border) else 0 * c
            F: Array = -corner - phi * np.outer(w, w)
            F[np.diag_indices(m)] += shift
            return F

        def count_above(shift: Number) -> int:
            distance = gaps(shift)
            outside = d - len(sigma) if shift < 0 else 0
            return int((distance < 0).sum()) + _negative_pivots(schur(shift, distance), tiny) + outside

        values: list[Any] = []
        vectors: list[Array] = []
        for index in range(min(count, hessian.shape[0])):
            value = bisect(count_above, index, -bound - tiny, bound + tiny)
            shift = value + 8 * tiny  # beside the eigenvalue, so that its whole eigenspace is raised alike
            distance = gaps(shift)
            F = schur(shift, distance)
            q = np.array([0 * c + 0.5 + (0.618 * (i + 1 + index)) % 1 for i in range(d + m)])
            for _ in range(3):
                inside = parts.right.T @ q[:d]
                outside = q[:d] - parts.right @ inside
                x = _solve(F, q[d:] + w * (border * inside / distance).sum(), tiny)
                inside = (inside + border * (w * x).sum()) / distance
                q = np.concatenate([parts.right @ inside + outside / (shift or tiny), x])
                q = orthogonalised(q, vectors)
            values.append(value)
            vectors.append(q)
        return np.array(values), np.array(vectors).T


def _negative_pivots(F: Array, tiny: Number) -> int:
    """Count the negative eigenvalues by Sylvester's law of inertia: pivots of L·D·Lᵀ, never exactly 0."""
    F = F.copy()
    negative = 0
    for j in range(len(F)):
        if not F[j, j]:
            F[j, j] = tiny
        negative += bool(F[j, j] < 0)
        for i in range(j + 1, len(F)):
            F[i, j + 1 :] = F[i, j + 1 :] - F[i, j] / F[j, j] * F[j, j + 1 :]
    return negative


def _solve(F: Array, rhs: Array, tiny: Number) -> Array:
    """Gaussian elimination with row pivoting; a zero pivot becomes something negligible."""
    F, x = F.copy(), rhs.copy()
    size = len(x)
    for j in range(size):
        pivot = max(range(j, size), key=lambda i: abs(F[i, j]))
        F[[j, pivot]], x[[j, pivot]] = F[[pivot, j]], x[[pivot, j]]
        if not F[j, j]:
            F[j, j] = tiny
        for i in range(j + 1, size):
            ratio = F[i, j] / F[j, j]
            F[i, j:] = F[i, j:] - ratio * F[j, j:]
            x[i] = x[i] - ratio * x[j]
    for j in reversed(range(size)):
        x[j] = (x[j] - (F[j, j + 1 :] * x[j + 1 :]).sum()) / F[j, j]
    return x
