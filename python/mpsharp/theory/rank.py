"""Rank of a matrix of exact numbers, by elimination modulo primes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpsharp import _scalar
from mpsharp.theory.arithmetic import Array

_PRIMES = (2**31 - 1, 2**31 - 19)  # products of two residues fit an int64


def exact_rank(X: Array) -> int:
    """Rank of the numbers as they are, with no tolerance.

    Float64 data settles it where its singular values leave no doubt. Otherwise the rank modulo two primes
    near 2**31: never above the true one, and below it only if both divide a determinant that is not zero,
    which data not made for that purpose does once in some 2**60 times.

    Parameters
    ----------
    X : array, shape (n_samples, n_features), as `mpsharp.exact.as_exact_input` returns it.
    """
    full = int(min(X.shape))
    if X.dtype == np.float64 and np.abs(X).max() > 0:
        _, exponent = np.frexp(np.abs(X).max())
        scaled = np.ldexp(X, -exponent)
        sigma = np.linalg.svd(scaled, compute_uv=False)
        # LAPACK's backward error is a small multiple of √(nd)·2**-53·σ₁; an underflow adds nothing to that.
        if sigma[-1] > 64 * np.sqrt(X.size) * max(X.shape) * 2.0**-53 * sigma[0]:
            return full
    best = 0
    for prime in _PRIMES:
        best = max(best, _rank_modulo(X, prime))
        if best == full:
            break
    return best


def _rank_modulo(X: Array, prime: int) -> int:
    a = np.array([[_residue(x, prime) for x in row] for row in X], dtype=np.int64)
    if len(X) > X.shape[1]:
        a = a.T.copy()
    rank = 0
    for column in range(max(X.shape)):
        pivots = np.flatnonzero(a[rank:, column])
        if not pivots.size:
            continue
        pivot = rank + int(pivots[0])
        a[[rank, pivot]] = a[[pivot, rank]]
        row: NDArray[np.int64] = a[rank, column:] * pow(int(a[rank, column]), -1, prime) % prime
        below = a[rank + 1 :, column:]
        below -= below[:, :1] * row % prime
        below %= prime
        rank += 1
        if rank == len(a):
            break
    return rank


def _residue(x: object, prime: int) -> int:
    number = _scalar.decompose(x)
    if number.kind == _scalar.ZERO:
        return 0
    denominator = int(number.magnitude.denominator) % prime
    if denominator == 0:  # any other residue will do: the other prime decides
        denominator = 1
    value = int(number.magnitude.numerator) % prime * pow(denominator, -1, prime)
    return number.sign * value * pow(2, number.exponent, prime) % prime
