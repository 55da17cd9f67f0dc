"""The Hessian in the coordinates of the right singular vectors (Appendix B.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpsharp.theory.arithmetic import Array, square
from mpsharp.theory.moments import layer_products


@dataclass(frozen=True, eq=False)
class Arrow:
    """H = [[diag(poles), b wᵀ], [w bᵀ, G]], the Hessian of the minimalist model without its zero block.

    Parameters
    ----------
    poles : c²σ_i²/n, shape (rank,), rank ≥ 1.
    b : (2c·σ_i ν_i − d_i)·σ_i/n, shape (rank,).
    w : w_l, shape (depth − 1,).
    G : shape (depth − 1, depth − 1).
    """

    poles: Array
    b: Array
    w: Array
    G: Array

    def dense(self) -> Array:
        """Return the matrix."""
        r, m = len(self.poles), len(self.w)
        H = np.zeros((r + m, r + m), dtype=self.G.dtype)
        H[range(r), range(r)] = self.poles
        H[:r, r:] = np.outer(self.b, self.w)
        H[r:, :r] = H[:r, r:].T
        H[r:, r:] = self.G
        return H


def arrow(sigma: Array, d: Array, nu: Array, v: Array, n_samples: int) -> Arrow:
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
    return Arrow(poles, b, w, G / n_samples)
