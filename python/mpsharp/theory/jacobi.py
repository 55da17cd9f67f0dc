"""Eigenvectors of a symmetric matrix at any precision: Jacobi's method from a float64 start."""

from __future__ import annotations

import gmpy2
import numpy as np

from mpsharp.errors import ConvergenceError
from mpsharp.theory.arithmetic import Array

_MAX_SWEEPS = 60


def symmetric_eigen(matrix: Array, bits: int) -> tuple[Array, Array]:
    """Return eigenvalues, falling, and orthonormal eigenvectors (columns) of a symmetric matrix.

    To be called inside a gmpy2 context of `bits` bits. With m rows the eigenvalues have absolute errors
    of some m·2**-bits·‖A‖, however they cluster. LAPACK's eigenvectors are the start, so that well
    separated eigenvalues need about log2(bits/53) sweeps of 6m³ multiply-adds.

    Parameters
    ----------
    matrix : object array of gmpy2.mpfr, shape (m, m), m ≥ 1, symmetric and not zero.
    bits : the precision in force.

    Raises
    ------
    ConvergenceError
        Off-diagonal entries that do not vanish after 60 sweeps (not seen).
    """
    m = len(matrix)
    largest = max(abs(x) for x in matrix.flat)
    # Entries beyond float64's range only spoil the start.
    start = np.linalg.eigh(np.array([float(x / largest) for x in matrix.flat]).reshape(m, m))[1]
    rows = _orthonormal_rows(start.T)
    a = rows @ matrix @ rows.T
    negligible = largest * gmpy2.exp2(gmpy2.mpfr(-bits))
    for _ in range(_MAX_SWEEPS):
        if not _sweep(a, rows, negligible):
            break
    else:
        raise ConvergenceError(f"Jacobi's method: expected convergence within {_MAX_SWEEPS} sweeps")
    values = a.diagonal()
    order = sorted(range(m), key=lambda i: -values[i])
    return values[order], rows[order].T


def _orthonormal_rows(start: Array) -> Array:
    """Gram-Schmidt; the rows are orthonormal to float64 already, so that nothing cancels."""
    rows = np.array([[gmpy2.mpfr(float(x)) for x in row] for row in start], dtype=object)
    for i in range(len(rows)):
        if i:
            rows[i] = rows[i] - (rows[:i] @ rows[i]) @ rows[:i]
        rows[i] = rows[i] / gmpy2.sqrt(rows[i] @ rows[i])
    return rows


def _sweep(a: Array, rows: Array, negligible: object) -> int:
    """Rotate away every off-diagonal entry above `negligible`, in place; return how many there were."""
    count = 0
    for p in range(len(a) - 1):
        for q in range(p + 1, len(a)):
            if abs(a[p, q]) <= negligible:
                continue
            count += 1
            cot = (a[q, q] - a[p, p]) / (2 * a[p, q])
            tan = (1 if cot >= 0 else -1) / (abs(cot) + gmpy2.sqrt(cot * cot + 1))
            cos = 1 / gmpy2.sqrt(tan * tan + 1)
            sin = tan * cos
            top, bottom = a[p, p] - tan * a[p, q], a[q, q] + tan * a[p, q]
            a[p], a[q] = cos * a[p] - sin * a[q], sin * a[p] + cos * a[q]
            a[p, p], a[q, q] = top, bottom
            a[p, q] = a[q, p] = gmpy2.mpfr(0)
            a[:, p], a[:, q] = a[p], a[q]
            rows[p], rows[q] = cos * rows[p] - sin * rows[q], sin * rows[p] + cos * rows[q]
    return count
