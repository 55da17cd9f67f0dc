"""Correctly rounded matrix-vector products out of exact integer products.

Numbers are cut into slices of integers so short that float64 adds up every product of two slices without
rounding, in whatever order BLAS likes; the few partial sums that result per entry are added exactly and
rounded once (Ozaki, Ogita, Oishi and Rump 2012, "Error-free transformations of matrix multiplication").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpsharp.backends.mirror.exact_rounding import dot_by_integers, round_row_sums

if TYPE_CHECKING:
    from mpsharp.backends.mirror.products import Array

# Six slices of some 20 bits hold float64 numbers whose sizes spread over 2**60; a wider spread is slow.
MOST_SLICES = 6


@dataclass(frozen=True, eq=False)
class Slices:
    """Numbers as ``2**exponent * Σ_k parts[k] * 2**(-width*k)``.

    Attributes
    ----------
    parts : float64 array of integers of at most 2**width, shape (slices, *shape of the numbers).
    exponent : binary exponent of the first slice.
    width : bits of a slice.
    """

    parts: Array
    exponent: int
    width: int

    @property
    def mT(self) -> Slices:
        """The slices of the transposed matrix."""
        return Slices(self.parts.mT, self.exponent, self.width)


def slice_width(length: int) -> int:
    """Return the largest width of slices that makes sums of ``MOST_SLICES * length`` products exact.

    Integers of magnitude at most 2**53 are exact in float64, so ``MOST_SLICES * length * 4**width <= 2**53``.
    """
    return (53 - (MOST_SLICES * length).bit_length()) // 2


def cut(numbers: Array, width: int) -> Slices | None:
    """Cut finite float32 or float64 numbers into slices; None if `MOST_SLICES` do not hold them."""
    values = numbers.astype(np.float64)
    exponent = int(np.frexp(np.max(np.abs(values), initial=0.0))[1]) - width
    with np.errstate(under="ignore"):
        rest = np.ldexp(values, -exponent)
        if not np.array_equal(np.ldexp(rest, exponent), values):
            return None
    parts: list[Array] = []
    while rest.any() or not parts:
        if len(parts) == MOST_SLICES:
            return None
        parts.append(np.rint(rest))
        rest = (rest - parts[-1]) * 2.0**width
    return Slices(np.array(parts), exponent, width)


class ExactProducts:
    """RN of the exact sum of exact products; an exact sum of zero gives +0.

    Infinities and NaN give what IEEE 754 gives, NaN for 0·∞ and ∞ − ∞. Finite numbers overflow only where the
    exact sum does: there are no intermediate roundings.

    Parameters
    ----------
    X : float32 or float64 array, shape (n_samples, n_features), finite. Some four float64 copies are kept.
    """

    def __init__(self, X: Array) -> None:
        self._X = X
        self._width = slice_width(max(X.shape))
        self._slices = cut(X, self._width)

    def of_rows(self, rows: npt.NDArray[np.int64]) -> ExactProducts:
        """Return the products with X[rows], of which no row may occur twice; the slices are kept."""
        part = ExactProducts.__new__(ExactProducts)
        part._X, part._width = self._X[rows], self._width
        slices = self._slices
        part._slices = (
            None if slices is None else Slices(slices.parts[:, rows], slices.exponent, slices.width)
        )
        return part

    def matvec(self, u: Array) -> Array:
        """Return dot(X_i, u) for every row."""
        return _product(self._X, self._slices, u, self._width)

    def transposed(self, z: Array) -> Array:
        """Return dot(X's column j, z) for every column."""
        return _product(self._X.T, None if self._slices is None else self._slices.mT, z, self._width)

    def dot(self, x: Array, y: Array) -> np.floating[Any]:
        """Return the dot product of two vectors no longer than the longer side of X."""
        row = x[np.newaxis, :]
        slices = cut(row, self._width) if np.isfinite(x).all() else None
        result: np.floating[Any] = _product(row, slices, y, self._width)[0]
        return result


def _product(A: Array, slices_of_A: Slices | None, x: Array, width: int) -> Array:
    """Return A x, one rounding per entry."""
    if not (np.isfinite(x).all() and (slices_of_A is not None or np.isfinite(A).all())):
        return _non_finite_product(A, x)
    slices_of_x = None if slices_of_A is None else cut(x, width)
    if slices_of_A is None or slices_of_x is None:
        columns = x.tolist()
        return np.array([dot_by_integers(row, columns, A.dtype) for row in A.tolist()], dtype=A.dtype)
    # products[k, i, l]: row i of slice k of A times slice l of x, an exact integer.
    products = slices_of_A.parts @ slices_of_x.parts.T
    count, n, count_of_x = products.shape
    levels = np.zeros((n, count + count_of_x - 1))
    for k in range(count):
        levels[:, k : k + count_of_x] += products[k]
    # Exact: at most 2**53 in magnitude, times a power of two.
    levels *= 2.0 ** (-width * np.arange(levels.shape[1]))
    result, wrong = round_row_sums(levels, slices_of_A.exponent + slices_of_x.exponent, A.dtype)
    for index in np.flatnonzero(wrong):
        result[index] = dot_by_integers(A[index].tolist(), x.tolist(), A.dtype)
    return result


def _non_finite_product(A: Array, x: Array) -> Array:
    """Return A x where some entries are infinite or NaN: rows without such terms stay exact."""
    result = np.empty(len(A), dtype=A.dtype)
    for index, row in enumerate(A):
        special = ~(np.isfinite(row) & np.isfinite(x))
        if special.any():
            with np.errstate(invalid="ignore"):
                result[index] = np.sum(row[special] * x[special])
        else:
            result[index] = dot_by_integers(row.tolist(), x.tolist(), A.dtype)
    return result
