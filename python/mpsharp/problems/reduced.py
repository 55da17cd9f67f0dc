"""The same problem in fewer numbers, for many runs of it: reduced once, and rounded to float64."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import gmpy2
import numpy as np
from numpy.typing import NDArray

from mpsharp._scalar import wide_context
from mpsharp.backends.coordinates import transform
from mpsharp.errors import ConfigurationError, check_name
from mpsharp.exact import ExactArray
from mpsharp.problems.problem import Problem

_BITS = 53


def reduced(problem: Problem, coordinates: Literal["row_space", "spectral"] = "row_space") -> Problem:
    """Return the problem in other coordinates, as data of its own.

    In exact arithmetic loss, sharpness and v stay as they are. The decomposition is made with guard bits and
    rounded once to float64, the same on every machine, so X itself changes by rounding: the result is a
    problem nearby. ``run(coordinates=…)`` decomposes at the precision of the run instead and keeps X as it is
    given; reduce a problem where many runs of different precision are to share data that needs no
    decomposition, or less of it.

    Parameters
    ----------
    problem : with float64 data.
    coordinates : "row_space" or "spectral"
        "row_space": X = L R, R with orthonormal rows (`mpsharp.coordinates`); the result has X = L, u = R u,
        and is the problem itself unless n_features > n_samples. "spectral": X = W diag(σ) R; the result has
        X = diag(σ), y = Wᵀy, u = R u. A part of y outside the column space of X becomes one label in a row
        of zeros.

    Raises
    ------
    ConfigurationError
        The data is not float64, or X is zero.
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
    if coordinates == "row_space" and problem.n_features <= problem.n_samples:
        return problem
    if not problem.rank:
        raise ConfigurationError("reduced: expected data other than zero, got X = 0")
    form = transform(problem, coordinates, _BITS)
    if coordinates == "row_space":
        return replace(problem, X=_rounded(form.X), u=_rounded(form.u), recipe=recipe, _cache={})
    X = np.zeros((problem.n_samples, problem.rank))
    np.fill_diagonal(X, _rounded(form.X))
    y = np.zeros(problem.n_samples)
    y[: problem.rank] = _rounded(form.y)
    if form.loss_floor is not None:
        with wide_context(form.loss_floor.bits):
            y[problem.rank] = gmpy2.sqrt(2 * problem.n_samples * form.loss_floor.to_gmpy2())
    return replace(problem, X=X, y=y, u=_rounded(form.u), recipe=recipe, _cache={})


def _rounded(values: Any) -> NDArray[np.float64]:
    return np.asarray(ExactArray.from_any(values, _BITS).to_float64())
