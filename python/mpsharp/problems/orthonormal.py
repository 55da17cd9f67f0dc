"""Data with given singular values and random singular vectors, the same on every machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mpsharp import _core
from mpsharp.backends.transfer import from_core, matrix_to_core, to_core
from mpsharp.exact import ExactArray
from mpsharp.resources import available_cores

Floats = npt.NDArray[np.float64]

# A matrix of condition number κ costs 2·log2(κ) of them; of Gaussian ones κ is above 2**40·n once in 2**40.
_BITS = 192


def orthonormal(draws: Floats) -> ExactArray:
    """Return the transposed orthogonal factor Qᵀ of a square matrix A = QR, right to 100 bits and more.

    The diagonal of R has the signs that Householder's method gives it in LAPACK, so that this is what
    `numpy.linalg.qr` returns but for its rounding errors, which differ from processor to processor.

    Parameters
    ----------
    draws : A, shape (n, n), of full rank.
    """
    n = len(draws)
    transposed = matrix_to_core(np.ascontiguousarray(draws.T), 53)
    form = _core.CholeskyForm(_core.Data(transposed, "exact", available_cores()), _BITS)
    found = ExactArray.stack(
        [from_core(form.right_combination(to_core(ExactArray.from_float64(e, _BITS)))) for e in np.eye(n)]
    )
    signs = _householder_signs(found.to_float64().T)
    return ExactArray(found.bits, found.sign * signs[:, None], found.kind, found.exponent, found.limbs)


def assembled(w: ExactArray, sigma: Floats, r: ExactArray, coefficients: Floats) -> tuple[Floats, Floats]:
    """Return X = W diag(σ) Rᵀ and y = W c, each entry computed as if exactly and rounded once.

    Parameters
    ----------
    w, r : Wᵀ and Rᵀ, shape (k, n).
    sigma, coefficients : σ and c, shape (k,).
    """
    left = matrix_to_core(w, w.bits)
    scaled = _multiply(matrix_to_core(np.diag(sigma), 53), matrix_to_core(r, r.bits), r.bits + 53)  # exact
    y = _multiply(left, matrix_to_core(coefficients[:, None], 53), 53, transpose_a=True)
    return _floats(_multiply(left, scaled, 53, transpose_a=True)), _floats(y)[:, 0]


def _multiply(a: _core.Matrix, b: _core.Matrix, bits: int, *, transpose_a: bool = False) -> _core.Matrix:
    return _core.multiply(a, b, bits, transpose_a=transpose_a, threads=available_cores())


def _floats(matrix: _core.Matrix) -> Floats:
    return np.asarray(from_core(matrix.entries).to_float64().reshape(matrix.shape))


def _householder_signs(q: Floats) -> npt.NDArray[np.int8]:
    """Signs of R's diagonal where Householder's method makes A = QR, from the Q of a positive diagonal.

    Reflection j maps a column to ∓ its length, against the sign of what the column then has on the diagonal.
    These entries come out of an elimination in Q (Ballard et al. 2014, "Reconstructing Householder vectors
    from tall-skinny QR"). The last column is not reflected. Only signs are read, so that float64 will do.
    """
    a = q.copy()
    signs = np.ones(len(a), dtype=np.int8)
    for j in range(len(a) - 1):
        signs[j] = -1 if a[j, j] >= 0 else 1
        factors = a[j + 1 :, j] / (a[j, j] - signs[j])
        a[j + 1 :, j + 1 :] -= factors[:, None] * a[j, j + 1 :]
    signs[-1] = 1 if a[-1, -1] >= 0 else -1
    return signs
