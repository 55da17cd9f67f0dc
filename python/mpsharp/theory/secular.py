"""Largest eigenvalue of a diagonal matrix plus a matrix of rank one."""

from __future__ import annotations

import gmpy2
import numpy as np

from mpsharp.errors import ConvergenceError
from mpsharp.theory.arithmetic import Array, Number, square

_MAX_ITERATIONS = 500


def largest_eigenvalue(diagonal: Array, gaps: Array, vector: Array) -> Number:
    """λ_max of diag(a) + bbᵀ, a ≥ 0 falling: the rank-one update of the exact values in Section 3.

    With δ = λ − a_0 and F(δ) = Σ b_i²/(δ + g_i), g_i = a_0 − a_i, the root of F = 1 is that of 1/F − 1, a
    concave rising function: Newton's method climbs to it from below. An eigenvalue a_0 without a part of b
    is an eigenvalue of the sum (deflation).

    Parameters
    ----------
    diagonal : array, shape (r,), r ≥ 1: a, falling.
    gaps : array, shape (r,): a_0 − a_i ≥ 0, given apart because a difference would cancel.
    vector : array, shape (r,): b.

    Returns
    -------
    The eigenvalue with a relative error of some (r + 8) roundings.

    Raises
    ------
    ConvergenceError
        No convergence within 500 steps (not seen).
    """
    squares = vector * vector
    exact = isinstance(squares[0], gmpy2.mpfr)
    bits = gmpy2.get_context().precision if exact else 53
    unit = gmpy2.exp2(gmpy2.mpfr(-bits)) if exact else 2.0**-bits
    # Leaving out a smaller entry moves the sum by less than unit·‖b‖² ≤ unit·λ, and nothing overflows below.
    smallest = (unit / 4) ** 2 * square(vector)
    keep = np.array([bool(x > smallest) for x in squares])
    w, g = squares[keep], gaps[keep]
    if not w.size:
        return diagonal[0]
    at_top = np.array([bool(x == 0) for x in g])
    delta = w[at_top].sum() if at_top.any() else 0 * w[0]
    if not at_top.any() and (w / g).sum() <= 1:
        return diagonal[0]
    negligible = (diagonal[0] + square(vector)) * unit
    for _ in range(_MAX_ITERATIONS):
        terms = w / (delta + g)
        value = terms.sum()
        slope = (terms / (delta + g)).sum()
        step = value * (value - 1) / slope  # Newton's for 1/F − 1
        delta = delta + step
        if step <= negligible:
            return diagonal[0] + delta
    raise ConvergenceError(f"secular equation: expected convergence within {_MAX_ITERATIONS} steps")
