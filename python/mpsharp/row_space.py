"""The part of a vector in the row space of data, the same on every machine."""

from __future__ import annotations

import gmpy2
import numpy as np
import numpy.typing as npt

from mpsharp import _core
from mpsharp._scalar import wide_context
from mpsharp.backends.transfer import from_core, matrix_to_core, to_core
from mpsharp.exact import ExactArray
from mpsharp.resources import available_cores
from mpsharp.theory.difficulty import rank_and_condition

Floats = npt.NDArray[np.float64]

_BITS = 53 + 64


def scaled_part(X: Floats, u: Floats, norm: float) -> Floats:
    """Return Πu · norm/‖Πu‖, Π the projection onto the row space of X, computed as if exactly, rounded once.

    Parameters
    ----------
    X : array, shape (n_samples, n_features), not zero; its rank as `mpsharp.Problem.rank` has it.
    u : array, shape (n_features,), not orthogonal to every row of X.
    norm : of the result.
    """
    rank, condition = rank_and_condition(X)
    bits = _BITS + 2 * condition
    part = ExactArray.from_float64(u, bits)
    if rank < X.shape[1]:
        data = _core.Data(matrix_to_core(X, 53), "exact", available_cores())
        whole = rank == len(X)
        form = _core.CholeskyForm(data, bits) if whole else _core.SingularForm(data, bits, rank)
        part = from_core(form.right_combination(form.right_coefficients(to_core(part))))
    with wide_context(bits):
        numbers = part.to_gmpy2()
        length = gmpy2.sqrt(gmpy2.fsum([x * x for x in numbers]))
        return ExactArray.from_any(numbers * (gmpy2.mpfr(norm) / length), 53).to_float64()
