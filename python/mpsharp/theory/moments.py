"""Sums over a state of the minimalist model, of which the formulas along a run are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mpsharp.theory.arithmetic import Array, Number, sqrt
from mpsharp.theory.one_step import ImbalanceTerms


@dataclass(frozen=True)
class Moments:
    """Sums at (u, v) with s = Xu, z = c·s − y, g = Xᵀz; floats, or gmpy2.mpfr with guard bits.

    Parameters
    ----------
    uu, ss, sz, zz, gg : ‖u‖², ‖s‖², sᵀz, ‖z‖², ‖g‖².
    rrzz : Σ ‖x_i‖² z_i², x_i the rows of X.
    sszz : Σ s_i² z_i².
    """

    uu: Any
    ss: Any
    sz: Any
    zz: Any
    gg: Any
    rrzz: Any
    sszz: Any

    def imbalance_terms(self, n_samples: int) -> ImbalanceTerms:
        """a, b, a⊙ and b⊙ of Theorem 5.9.

        a⊙ and b⊙ are differences: their errors are relative to a + a⊙ and b + b⊙. A negative difference,
        which can only be a rounding error, becomes zero.
        """
        a, b = self.gg, self.sz * self.sz
        zero = 0 * a
        return ImbalanceTerms(
            a, b, max(n_samples * self.rrzz - a, zero), max(n_samples * self.sszz - b, zero)
        )

    def gradient_norm(self, v: Array, n_samples: int) -> Number:
        """‖∇L(θ)‖ = √(c²‖Xᵀz‖² + (sᵀz)² Σ w_l²)/n over all parameters."""
        c, w = layer_products(v)
        return sqrt(c * c * self.gg + self.sz * self.sz * (w * w).sum()) / n_samples


def layer_products(v: Array) -> tuple[Number, Array]:
    """Return c = Πv_l and w with w_l = Π_{m≠l} v_m, shape (depth − 1,)."""
    return v.prod(), np.array([np.delete(v, k).prod() for k in range(len(v))], dtype=v.dtype)
