"""Coordinates by NumPy's float64 decompositions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpsharp.coordinates import Form, check_reducible, parameter_form, spans_features, spans_samples

if TYPE_CHECKING:
    from mpsharp.problems import Problem

    Float64Array = npt.NDArray[np.float64]


def transform(problem: Problem, coordinates: str, *, dense: bool = False) -> Form:
    """Return the problem in `coordinates`; see `mpsharp.backends.coordinates.transform`."""
    if coordinates == "parameter":
        return parameter_form(problem)
    check_reducible(problem, coordinates)
    if coordinates == "row_space" and spans_features(problem):
        return parameter_form(problem)
    y, u = problem.y.astype(np.float64), problem.u.astype(np.float64)
    left, right = _factors(problem, coordinates)
    if coordinates == "row_space" or dense:
        return Form(X=left, y=y, u=right @ u, n_samples=problem.n_samples)
    sigma = np.linalg.norm(left, axis=0)
    directions = left / sigma
    labels = directions.T @ y
    outside = y - directions @ labels
    floor = None if spans_samples(problem) else np.asarray(outside @ outside / (2 * problem.n_samples))
    return Form(X=sigma, y=labels, u=right @ u, n_samples=problem.n_samples, loss_floor=floor)


def restore(problem: Problem, coordinates: str, u: Float64Array) -> Float64Array:
    """Return u₀ + Rᵀ(u − R u₀) in float64; see `mpsharp.backends.coordinates.restore`."""
    form = transform(problem, coordinates)
    if form.X is problem.X:
        return u
    right = _factors(problem, coordinates)[1]
    return np.asarray(problem.u.astype(np.float64) + right.T @ (u - form.u))


def _factors(problem: Problem, coordinates: str) -> tuple[Any, Any]:
    """X = L R with orthonormal rows of R: (L, R), made once; L = W Σ unless a triangular one serves."""
    triangular = coordinates == "row_space" and spans_samples(problem)
    key = ("factors", triangular)
    if key not in problem._cache:
        X = problem.X.astype(np.float64)
        if triangular:
            q, r = np.linalg.qr(X.T)
            problem._cache[key] = (np.ascontiguousarray(r.T), q.T)
        else:
            left, sigma, right = np.linalg.svd(X, full_matrices=False)
            rank = problem.rank
            problem._cache[key] = (left[:, :rank] * sigma[:rank], right[:rank])
    return problem._cache[key]  # type: ignore[no-any-return]
