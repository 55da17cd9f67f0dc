"""Largest eigenvalues of the Hessian, in the coordinates of the right singular vectors (ours)."""

from __future__ import annotations

from dataclasses import dataclass

import gmpy2
import numpy as np

from mpsharp.theory.arithmetic import Array, Number, square
from mpsharp.theory.moments import layer_products


@dataclass(frozen=True, eq=False)
class Arrow:
    """H = [[diag(poles), b wᵀ], [w bᵀ, G]] and zeros: the Hessian of the minimalist model.

    Parameters
    ----------
    poles : c²σ_i²/n, shape (rank,), rank ≥ 1.
    b : (2c·σ_i ν_i − d_i)·σ_i/n, shape (rank,).
    w : w_l, shape (depth − 1,).
    G : shape (depth − 1, depth − 1).
    zeros : how many eigenvalues are zero besides.
    """

    poles: Array
    b: Array
    w: Array
    G: Array
    zeros: int

    def dense(self) -> Array:
        """Return the matrix without the zeros."""
        r, m = len(self.poles), len(self.w)
        H = np.zeros((r + m, r + m), dtype=self.G.dtype)
        H[range(r), range(r)] = self.poles
        H[:r, r:] = np.outer(self.b, self.w)
        H[r:, :r] = H[:r, r:].T
        H[r:, r:] = self.G
        return H

    def above(self, level: Number) -> int:
        """How many eigenvalues exceed `level`, which must not be one: the inertia of two blocks."""
        gaps = self.poles - level
        seen = np.array([bool(x != 0) for x in self.b])  # what b does not couple stands alone
        pull = (self.b[seen] * self.b[seen] / gaps[seen]).sum()
        schur = self.G - pull * np.outer(self.w, self.w)
        for k in range(len(self.w)):
            schur[k, k] = schur[k, k] - level
        count = int(np.sum(gaps > 0)) + _positive_pivots(schur)
        return count + (self.zeros if level < 0 else 0)


def arrow(sigma: Array, d: Array, nu: Array, v: Array, n_samples: int, n_features: int) -> Arrow:
    """Return the Hessian at (u, v) from σ_i, d_i = w_iᵀy and ν_i = r_iᵀu, each of shape (rank,)."""
    c, w = layer_products(v)
    outputs = sigma * nu
    ss, sz = square(outputs), (outputs * (c * outputs - d)).sum()
    m = len(v)
    G = np.outer(w, w) * ss
    for i in range(m):
        for j in range(m):
            if i != j:
                G[i, j] = G[i, j] + np.delete(v, [i, j]).prod() * sz
    poles, b = c * c * sigma * sigma / n_samples, (2 * c * outputs - d) * sigma / n_samples
    return Arrow(poles, b, w, G / n_samples, n_features - len(sigma))


def top_eigenvalues(of: Arrow, count: int, bits: int | None) -> list[Number]:
    """Return the `count` largest eigenvalues, falling, with multiplicity.

    Parameters
    ----------
    of : the matrix, of at least `count` rows together with its zeros.
    count : at least 1.
    bits : None for LAPACK in float64; else the error is at most 2**−bits times the largest entry, which
        counting the eigenvalues above either side shows; where it does not, they are found by bisection.
    """
    if bits is None:
        found = np.linalg.eigvalsh(of.dense())
        return sorted([*found.tolist(), *[0.0] * of.zeros], reverse=True)[:count]
    scale = max(*of.poles, *(abs(x) for x in of.G.ravel()), *(abs(x) for x in of.b))
    if scale == 0:
        return [0 * of.w[0]] * count
    guesses = _guesses(of, scale)
    # Every eigenvalue lies within the sum of the absolute values of all entries.
    far = scale * (2 * (len(of.poles) + len(of.w)) + len(of.w) ** 2)
    unit = scale * gmpy2.exp2(-bits)
    return [_eigenvalue(of, k + 1, *guesses[k], far, unit) for k in range(count)]


def _guesses(of: Arrow, scale: Number) -> list[tuple[Number, Array | None]]:
    """Eigenvalues and vectors in float64, falling, with None for the vectors of the zeros."""
    values, vectors = np.linalg.eigh((of.dense() / scale).astype(np.float64))
    pairs: list[tuple[float, Array | None]] = [(float(x), vectors[:, i]) for i, x in enumerate(values)]
    pairs += [(0.0, None)] * of.zeros
    pairs.sort(key=lambda pair: -pair[0])
    return [(value * scale, vector) for value, vector in pairs]


def _eigenvalue(of: Arrow, k: int, value: Number, x: Array | None, far: Number, unit: Number) -> Number:
    """The k-th largest: the level at which the number of eigenvalues above falls below k."""
    if x is not None:
        value = _rayleigh(of, value, x, unit)
    if of.above(value - unit) >= k > of.above(value + unit):
        return value
    low, high = -far, far * 1.0625  # no power of two times the other, so that no middle is zero
    while high - low > unit:
        middle = (low + high) / 2
        if of.above(middle) >= k:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _rayleigh(of: Arrow, value: Number, x: Array, unit: Number) -> Number:
    """Rayleigh quotient iteration: each step triples the right digits, towards some eigenvalue."""
    r = len(of.poles)
    for _ in range(20):
        gaps = of.poles - value
        if any(gap == 0 for gap in gaps):  # a pole whose b vanishes
            return value
        schur = of.G - (of.b * of.b / gaps).sum() * np.outer(of.w, of.w)
        for k in range(len(of.w)):
            schur[k, k] = schur[k, k] - value
        y = _solve(schur, x[r:] - of.w * (of.b * x[:r] / gaps).sum())
        if y is None:
            return value
        x = np.concatenate([(x[:r] - of.b * (of.w * y).sum()) / gaps, y])
        norm = square(x)
        if not gmpy2.is_finite(norm) or norm == 0:
            return value
        x = x / gmpy2.sqrt(norm)
        coupling = (of.w * x[r:]).sum()
        before = value
        value = (of.poles * x[:r] * x[:r]).sum() + 2 * (of.b * x[:r]).sum() * coupling + x[r:] @ of.G @ x[r:]
        if abs(value - before) <= unit / 16:
            return value
    return value


def _solve(matrix: Array, rhs: Array) -> Array | None:
    """Gaussian elimination with row pivots; None if the matrix is singular."""
    a = np.concatenate([matrix, rhs[:, None]], axis=1)
    m = len(a)
    for k in range(m):
        p = k + int(np.argmax([abs(x) for x in a[k:, k]]))
        a[[k, p]] = a[[p, k]]
        if a[k, k] == 0:
            return None
        a[k] = a[k] / a[k, k]
        for i in range(m):
            if i != k:
                a[i] = a[i] - a[i, k] * a[k]
    return np.asarray(a[:, m])


def _positive_pivots(matrix: Array) -> int:
    """Number of positive eigenvalues of a symmetric matrix, by elimination with the largest pivots first."""
    a = matrix.copy()
    positive = 0
    for k in range(len(a)):
        p = k + int(np.argmax([abs(a[i, i]) for i in range(k, len(a))]))
        a[[k, p]] = a[[p, k]]
        a[:, [k, p]] = a[:, [p, k]]
        positive += bool(a[k, k] > 0)
        if a[k, k] != 0:
            a[k + 1 :, k + 1 :] = a[k + 1 :, k + 1 :] - np.outer(a[k + 1 :, k], a[k, k + 1 :]) / a[k, k]
    return positive
