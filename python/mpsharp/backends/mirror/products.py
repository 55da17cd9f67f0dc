"""Products with one matrix in three arithmetics: "sequential", "exact" and "numpy"."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from mpsharp.errors import check_name

Array: TypeAlias = npt.NDArray[np.floating[Any]]

ARITHMETICS = ("sequential", "exact", "numpy")


class Products(Protocol):
    """Xu, Xᵀz and dot products in one arithmetic; every result has the dtype of X, float32 or float64."""

    def matvec(self, u: Array) -> Array:
        """Return dot(X_i, u) for every row, shape (n_samples,), from u of shape (n_features,)."""
        ...

    def transposed(self, z: Array) -> Array:
        """Return dot(X's column j, z), shape (n_features,), from z of shape (n_samples,)."""
        ...

    def dot(self, x: Array, y: Array) -> np.floating[Any]:
        """Return the dot product of two vectors of one length."""
        ...

    def of_rows(self, rows: npt.NDArray[np.int64]) -> Products:
        """Return the products with the matrix whose rows are X's with these indices, in this order."""
        ...


def products_with(X: Array, arithmetic: str) -> Products:
    """Return the products with `X`, shape (n_samples, n_features), in the named arithmetic.

    Raises
    ------
    UnknownNameError : `arithmetic` is not one of `ARITHMETICS`.
    """
    check_name("arithmetic", arithmetic, ARITHMETICS)
    if arithmetic == "sequential":
        return SequentialProducts(X)
    if arithmetic == "numpy":
        return NumpyProducts(X)
    from mpsharp.backends.mirror.exact_products import ExactProducts

    return ExactProducts(X)


def diagonal_products(diagonal: Array, arithmetic: str) -> DiagonalProducts:
    """Return the products with diag(`diagonal`); `arithmetic` only matters to sums."""
    return DiagonalProducts(diagonal, arithmetic)


class DiagonalProducts:
    """Products with a diagonal matrix: one rounded product per entry."""

    def __init__(self, diagonal: Array, arithmetic: str) -> None:
        self._diagonal = diagonal
        self._arithmetic = arithmetic
        self._sums = products_with(diagonal[:, np.newaxis], arithmetic)

    def matvec(self, u: Array) -> Array:
        """Return σ_i·u_i."""
        return np.asarray(self._diagonal * u)

    def transposed(self, z: Array) -> Array:
        """Return σ_i·z_i."""
        return np.asarray(self._diagonal * z)

    def dot(self, x: Array, y: Array) -> np.floating[Any]:
        """Return the dot product of two vectors."""
        return self._sums.dot(x, y)

    def of_rows(self, rows: npt.NDArray[np.int64]) -> Products:
        """Return the products with these rows of the matrix."""
        return products_with(np.diag(self._diagonal)[rows], self._arithmetic)


class SequentialProducts:
    """acc = +0, then acc ← RN(acc + RN(x_i·y_i)) in index order.

    ``np.add.accumulate`` is defined by that recursion, so it may not regroup the terms as ``np.sum`` does.
    It starts from the first product instead of +0, which only differs if every product is −0: adding +0
    at the end repairs that and changes nothing else.
    """

    def __init__(self, X: Array) -> None:
        self._X = X
        self._terms = np.empty_like(X, order="C")

    def matvec(self, u: Array) -> Array:
        """Return dot(X_i, u) for every row."""
        return self._sums(u, axis=1)

    def transposed(self, z: Array) -> Array:
        """Return dot(X's column j, z) for every column, over the rows in order."""
        return self._sums(z[:, np.newaxis], axis=0)

    def dot(self, x: Array, y: Array) -> np.floating[Any]:
        """Return the dot product of two vectors."""
        partial_sums: Any = np.add.accumulate(x * y)
        total: np.floating[Any] = partial_sums[-1] + x.dtype.type(0)
        return total

    def of_rows(self, rows: npt.NDArray[np.int64]) -> SequentialProducts:
        """Return the products with X[rows]."""
        return SequentialProducts(self._X[rows])

    def _sums(self, factors: Array, axis: int) -> Array:
        np.multiply(self._X, factors, out=self._terms)
        np.add.accumulate(self._terms, axis=axis, out=self._terms)
        last: Array = self._terms[:, -1] if axis == 1 else self._terms[-1]
        return np.asarray(last + self._X.dtype.type(0))


class NumpyProducts:
    """NumPy's own sums (its BLAS): fast; the order of summation, hence the last bits, is not specified."""

    def __init__(self, X: Array) -> None:
        self._X = X

    def matvec(self, u: Array) -> Array:
        """Return Xu."""
        product: Array = self._X @ u
        return product

    def transposed(self, z: Array) -> Array:
        """Return Xᵀz."""
        product: Array = self._X.T @ z
        return product

    def dot(self, x: Array, y: Array) -> np.floating[Any]:
        """Return xᵀy."""
        result: np.floating[Any] = np.dot(x, y)
        return result

    def of_rows(self, rows: npt.NDArray[np.int64]) -> NumpyProducts:
        """Return the products with X[rows]."""
        return NumpyProducts(self._X[rows])
