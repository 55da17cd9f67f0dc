"""Step sizes from the predicted sharpness of data, right to the last bit: the same on every machine."""

from __future__ import annotations

from typing import Any

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

_BITS = 192
_RIGHT = 96  # bits of what is computed here that are right, more than enough to round it to 53
_MOST_CORRECTIONS = 40


def data_step_size(X: Floats, y: Floats, depth: int, limit_ratio: float) -> float:
    """Return 2ρ/Ŝ_D of data, ρ the limit ratio, as if computed exactly and rounded once.

    Parameters
    ----------
    X : array, shape (n_samples, n_features), not zero.
    y : array, shape (n_samples,), with a part in the column space of X.
    depth : D ≥ 2.
    limit_ratio : ρ > 0.
    """
    return predicted_step_size(*_top_and_difficulty(X, y), len(X), depth, limit_ratio)


def predicted_step_size(top_square: Any, difficulty: Any, n: int, depth: int, limit_ratio: float) -> float:
    """Return 2ρ/Ŝ_D, Ŝ_D = σ₁²·Q^((D−1)/D)/n, rounded once; σ₁² and Q are numbers of gmpy2."""
    with wide_context(_BITS):
        power = gmpy2.rootn(gmpy2.mpfr(difficulty) ** (depth - 1), depth)
        return float(2 * gmpy2.mpfr(limit_ratio) * n / (top_square * power))


def _top_and_difficulty(X: Floats, y: Floats) -> tuple[Any, Any]:
    """σ₁² and Q = ‖X⁺y‖², from float64's singular vectors and exact residuals."""
    rank, condition = rank_and_condition(X)
    data = _core.Data(matrix_to_core(X, 53), "exact", available_cores())
    left, sigma, right = np.linalg.svd(X, full_matrices=False)
    with wide_context(_BITS):
        solution = _solution(data, y, left, sigma, right) if rank == min(X.shape) else None
        if solution is not None:
            top = right[0]  # wrong by some 2⁻⁵², the Rayleigh quotient by its square
            image = from_core(data.apply(to_core(ExactArray.from_float64(top, 53)), _BITS))
            return _square(image) / _square(ExactArray.from_float64(top, 53)), _square(solution)
        bits = _BITS + 2 * condition
        form = _core.SingularForm(data, bits, rank)
        values = from_core(form.values).to_gmpy2()
        labels = from_core(form.left_coefficients(to_core(ExactArray.from_float64(y, bits)))).to_gmpy2()
        return values[0] ** 2, gmpy2.fsum([x * x for x in labels / values])


def _solution(data: _core.Data, y: Floats, left: Floats, sigma: Floats, right: Floats) -> ExactArray | None:
    """X⁺y of X with full rank by iterative refinement; None where float64 cannot begin with it."""
    wide = left.shape[0] == left.shape[1]

    def times(vector: ExactArray) -> ExactArray:
        return from_core(data.apply(to_core(vector), _BITS))

    def transposed(vector: ExactArray) -> ExactArray:
        return from_core(data.apply_transposed(to_core(vector), _BITS))

    vectors = left if wide else right.T
    wanted = ExactArray.from_float64(y, _BITS)
    if not wide:
        wanted = transposed(wanted)
    found = ExactArray.from_float64(np.zeros(len(vectors)), _BITS)
    residual = wanted
    for _ in range(_MOST_CORRECTIONS):
        size = max(abs(residual.to_gmpy2()))
        if not size:
            break
        scaled = np.array([float(x / size) for x in residual.to_gmpy2()])
        correction = [size * gmpy2.mpfr(x) for x in (vectors @ (vectors.T @ scaled / sigma / sigma)).tolist()]
        found = ExactArray.from_any(found.to_gmpy2() + correction, _BITS)
        if max(map(abs, correction)) <= gmpy2.exp2(-_RIGHT) * max(abs(found.to_gmpy2())):
            break
        image = times(transposed(found)) if wide else transposed(times(found))
        residual = ExactArray.from_any(wanted.to_gmpy2() - image.to_gmpy2(), _BITS)
    else:
        return None
    return transposed(found) if wide else found


def _square(vector: ExactArray) -> Any:
    return gmpy2.fsum([x * x for x in vector.to_gmpy2()])
