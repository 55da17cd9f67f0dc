"""The same problem in fewer numbers, for many runs of it: reduced once, in float64."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from mpsharp.errors import ConfigurationError, check_name
from mpsharp.problems.problem import Problem


def reduced(problem: Problem, coordinates: Literal["row_space", "spectral"] = "row_space") -> Problem:
    """Return the problem in other coordinates, as data of its own.

    In exact arithmetic loss, sharpness and v stay as they are. The decomposition is in float64, so X itself
    changes by rounding errors: the result is a problem nearby. ``run(coordinates=…)`` decomposes at the
    precision of the run instead and keeps X as it is given; reduce a problem where many runs of different
    precision are to share data that needs no decomposition, or less of it.

    Parameters
    ----------
    problem : with float64 data.
    coordinates : "row_space" or "spectral"
        "row_space": X = L R, R with orthonormal rows; the result has X = L, u = R u, and is the problem
        itself unless n_features > n_samples. "spectral": X = W diag(σ) R; the result has X = diag(σ),
        y = Wᵀy, u = R u. A part of y outside the column space of X becomes one label in a row of zeros.

    Raises
    ------
    ConfigurationError
        The data is not float64, or X is zero ("spectral").
    UnknownNameError
        Other coordinates.
    """
    check_name("coordinates", coordinates, ["row_space", "spectral"])
    if any(part.dtype != np.float64 for part in (problem.X, problem.y, problem.u)):
        raise ConfigurationError("reduced: expected float64 data, got exact numbers")
    recipe = (
        {"name": "reduced", "coordinates": coordinates, "of": dict(problem.recipe)}
        if problem.recipe
        else None
    )
    if coordinates == "row_space":
        if problem.n_features <= problem.n_samples:
            return problem
        q, r = np.linalg.qr(problem.X.T)
        return replace(problem, X=r.T, u=q.T @ problem.u, recipe=recipe, _cache={})
    if not problem.rank:
        raise ConfigurationError("reduced: expected data other than zero, got X = 0")
    left, sigma, right = np.linalg.svd(problem.X, full_matrices=False)
    left, sigma, right = left[:, : problem.rank], sigma[: problem.rank], right[: problem.rank]
    X = np.zeros((problem.n_samples, problem.rank))
    np.fill_diagonal(X, sigma)
    y = np.zeros(problem.n_samples)
    y[: problem.rank] = left.T @ problem.y
    if problem.rank < problem.n_samples:
        y[problem.rank] = np.linalg.norm(problem.y - left @ y[: problem.rank])
    return replace(problem, X=X, y=y, u=right @ problem.u, recipe=recipe, _cache={})
