"""Singular values of X and coordinates in its singular vectors: what every formula is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import gmpy2
import numpy as np

from mpsharp.errors import ConfigurationError, ConvergenceError, ShapeError
from mpsharp.exact import as_exact_input
from mpsharp.formats import MAX_BITS, FormatLike
from mpsharp.initialization import check_count
from mpsharp.theory.arithmetic import Arithmetic, Array, Number, square
from mpsharp.theory.jacobi import symmetric_eigen
from mpsharp.theory.rank import exact_rank

_GUARD = 64  # bits beyond the result and the loss to ill-conditioning: roundings of any formula here


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Singular value decomposition X = Σ σ_i w_i r_iᵀ, cut at the rank, in one arithmetic.

    Parameters
    ----------
    arithmetic : of every number in it.
    X : array, shape (n_samples, n_features)
    sigma : array, shape (rank,), falling, all above zero.
    left : array, shape (n_samples, rank): the w_i as columns.
    right : array, shape (n_features, rank): the r_i as columns.
    """

    arithmetic: Arithmetic
    X: Array
    sigma: Array
    left: Array
    right: Array

    @property
    def rank(self) -> int:
        """r, the number of singular values that count."""
        return len(self.sigma)

    @property
    def n_samples(self) -> int:
        """n, the number of rows of X."""
        return len(self.X)

    @property
    def top(self) -> Number:
        """σ₁; 0 where no singular value counts."""
        return self.sigma[0] if self.rank else 0 * self.X[0, 0]

    @property
    def condition(self) -> Number:
        """σ₁/σ_r; 1 where no singular value counts."""
        return self.sigma[0] / self.sigma[-1] if self.rank else 1.0

    def labels(self, y: object) -> Array:
        """Coefficients d_i = w_iᵀy, shape (rank,); a part outside the column space drops out (footnote 1)."""
        return self.left.T @ self.arithmetic.enter(y, "y", 1, len(self.X))

    def weights(self, u: object) -> Array:
        """Coefficients ν_i = r_iᵀu, shape (rank,)."""
        return self.right.T @ self.arithmetic.enter(u, "u", 1, self.X.shape[1])

    def difficulty(self, d: Array) -> Number:
        """Q = Σ (d_i/σ_i)² (Definition 4.1) from d = `labels(y)`."""
        return square(d / self.sigma)


def spectrum(X: object, *, format: FormatLike | None = None, rank: int | None = None) -> Spectrum:
    """Decompose X.

    Without a format, LAPACK in float64: singular values up to max(n, d)·2⁻⁵²·σ₁ count as zero. With one, at
    any precision, for small sizes: the eigenvectors of the smaller of XXᵀ and XᵀX by Jacobi's method, with
    4·log2(σ₁/σ_r) + 64 guard bits and more, so that squaring X costs nothing; time grows as min(n, d)³
    (100: seconds). The rank is then that of the numbers as they are, with no tolerance: data that is low-rank
    but for rounding errors needs `rank`.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Floats or exact numbers.
    format : of the results; plain float64 by default.
    rank : how many singular values count; by the rules above if None.

    Raises
    ------
    ShapeError
        X is not two-dimensional, or empty.
    NonFiniteError
        NaN or infinity in X.
    ConfigurationError
        `rank` outside 0 … min(n, d).
    ConvergenceError
        A condition number beyond some 2**25000, or a given `rank` above the rank of X.
    """
    exact = as_exact_input(X, "X")
    if exact.ndim != 2 or exact.size == 0:
        raise ShapeError(f"X: expected shape (n_samples, n_features), both at least 1, got {exact.shape}")
    if rank is not None and check_count("rank", rank, 0) > min(exact.shape):
        raise ConfigurationError(f"rank: expected at most {min(exact.shape)}, got {rank}")
    arithmetic = Arithmetic.of(format)
    if arithmetic.bits is None:
        return _lapack(arithmetic.enter(exact, "X", 2), rank)
    wanted = exact_rank(exact) if rank is None else rank
    size = 2 * math.ceil(math.log2(max(exact.shape)))
    working = arithmetic.bits + _GUARD + size
    while True:
        arithmetic = Arithmetic(arithmetic.bits, working)
        with arithmetic.active():
            squares, found = _gram(arithmetic.enter(exact, "X", 2), arithmetic, wanted)
        # squares[-1] = σ_r² has an absolute error of about 2**-working·σ₁² times the size.
        ratio = _log2(squares[0]) - _log2(squares[-1]) if wanted else 0.0
        needed = int(arithmetic.bits or 0) + _GUARD + size + 2 * math.ceil(ratio)
        if ratio + size + 8 > working:  # noise
            needed = 2 * working
        if needed <= working:
            return found
        if needed > MAX_BITS:
            raise ConvergenceError(
                f"X: expected singular values that {MAX_BITS} bits resolve; is the rank {wanted}?"
            )
        working = needed


def _lapack(X: Array, rank: int | None) -> Spectrum:
    _, exponent = np.frexp(np.abs(X).max())
    scaled = np.ldexp(X, -exponent) if abs(exponent) > 400 else X
    w, sigma, rt = np.linalg.svd(scaled, full_matrices=False)
    if rank is None:
        rank = int(np.sum(sigma > max(X.shape) * 2.0**-52 * sigma[0]))
    if abs(exponent) > 400:
        sigma = np.ldexp(sigma, exponent)
    return Spectrum(Arithmetic(), X, sigma[:rank], w[:, :rank], rt[:rank].T)


def _gram(X: Array, arithmetic: Arithmetic, rank: int) -> tuple[Array, Spectrum]:
    """Squares of the leading singular values, and the decomposition if they are all positive."""
    wide = len(X) <= X.shape[1]
    if not rank:
        empty = np.empty(0, dtype=object)
        return empty, Spectrum(arithmetic, X, empty, X[:, :0], X.T[:, :0])
    gram = X @ X.T if wide else X.T @ X
    squares, vectors = symmetric_eigen(gram, arithmetic.working)
    squares, vectors = squares[:rank], vectors[:, :rank]
    squares = np.array([max(x, gmpy2.mpfr(0)) for x in squares], dtype=object)
    if not squares[-1]:
        return squares, Spectrum(arithmetic, X, squares, vectors, vectors)
    sigma = np.array([gmpy2.sqrt(x) for x in squares], dtype=object)
    if wide:
        return squares, Spectrum(arithmetic, X, sigma, vectors, X.T @ vectors / sigma)
    return squares, Spectrum(arithmetic, X, sigma, X @ vectors / sigma, vectors)


def _log2(x: Number) -> float:
    """log2 of a number, also beyond float64's range; some −10⁶ for zero."""
    return float(gmpy2.log2(x)) if x > 0 else -1e6
