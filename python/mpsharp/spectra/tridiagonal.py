"""Largest eigenvalues of a symmetric tridiagonal matrix, in float64 or at any precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gmpy2
import numpy as np

from mpsharp.theory.arithmetic import Array, Number, sqrt, square


def unit_roundoff(x: Number) -> Number:
    """2**-p of the arithmetic that `x` belongs to: float64's, or that of the gmpy2 context in force."""
    if isinstance(x, gmpy2.mpfr):
        return gmpy2.exp2(gmpy2.mpfr(-gmpy2.get_context().precision))
    return 2.0**-53


def bisect(count_above: Callable[[Number], int], index: int, low: Number, high: Number) -> Number:
    """Find the eigenvalue with `index` others above it, between low and high, by counting those above λ.

    Ends when the interval is as narrow as the arithmetic allows, relative to the larger of |low| and |high|.
    """
    negligible = max(abs(low), abs(high)) * unit_roundoff(high)
    while high - low > negligible:
        middle = low + (high - low) / 2
        if not low < middle < high:
            break
        if count_above(middle) > index:
            low = middle
        else:
            high = middle
    return high


def largest(alpha: list[Any], beta: list[Any], count: int) -> tuple[list[Any], list[Array]]:
    """Return the `count` largest eigenvalues of T (diagonal α, off-diagonal β), falling, and their vectors.

    Values by bisection on Sturm counts, vectors by inverse iteration, made orthogonal to those before.
    """
    size = len(alpha)
    bound = max(abs(alpha[i]) + sum(abs(b) for b in beta[max(i - 1, 0) : i + 1]) for i in range(size))
    tiny = bound * unit_roundoff(alpha[0]) or unit_roundoff(alpha[0])

    def pivots(shift: Number) -> list[Any]:
        out: list[Any] = []
        for i in range(size):
            pivot = shift - alpha[i] - (beta[i - 1] * beta[i - 1] / out[-1] if i else 0)
            out.append(pivot if pivot else tiny)
        return out

    def count_above(shift: Number) -> int:
        return sum(bool(pivot < 0) for pivot in pivots(shift))

    values: list[Any] = []
    vectors: list[Array] = []
    for index in range(min(count, size)):
        value = bisect(count_above, index, -bound - tiny, bound + tiny)
        factors = pivots(value + 8 * tiny)  # beside it, so that a whole eigenspace is raised alike
        x = np.array([alpha[0] * 0 + 0.5 + (0.618 * (i + 1 + index)) % 1 for i in range(size)])
        for _ in range(3):
            x = orthogonalised(_solve(factors, beta, x), vectors)
        values.append(value)
        vectors.append(x)
    return values, vectors


def orthogonalised(x: Array, others: list[Array]) -> Array:
    """Unit vector along the part of x that is orthogonal to orthonormal vectors; twice is enough."""
    largest_entry = max(abs(y) for y in x)
    x = x / largest_entry if largest_entry else x
    for _ in range(2):
        for other in others:
            x = x - (other * x).sum() * other
        norm = sqrt(square(x))
        if not norm:
            return x
        x = x / norm
    return x


def _solve(factors: list[Any], beta: list[Any], rhs: Array) -> Array:
    """(λ − T)⁻¹·rhs by its pivots."""
    x = rhs.copy()
    for i in range(1, len(x)):
        x[i] = x[i] + beta[i - 1] / factors[i - 1] * x[i - 1]
    for i in reversed(range(len(x))):
        x[i] = (x[i] + (beta[i] * x[i + 1] if i + 1 < len(x) else 0)) / factors[i]
    return x
