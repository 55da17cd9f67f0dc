"""Lanczos' method with full reorthogonalisation, for any symmetric operator and any number type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mpsharp.errors import ConfigurationError
from mpsharp.initialization import check_count
from mpsharp.spectra.tridiagonal import largest, orthogonalised, unit_roundoff
from mpsharp.theory.arithmetic import Array, sqrt, square


def lanczos(
    matvec: Callable[[Array], Array],
    start: Array,
    count: int = 1,
    *,
    max_steps: int | None = None,
    tolerance: Any = None,
    rng: np.random.Generator | None = None,
) -> tuple[Array, Array]:
    """Return the largest eigenvalues of a symmetric operator and their vectors.

    One product a step; every new basis vector is made orthogonal to all before it, twice, so that no copies
    of found eigenvalues appear. Where the space is exhausted (β ≈ 0) it goes on from a random vector. Of
    an eigenvalue of multiplicity k it may see fewer than k copies unless it goes through all p steps.

    Parameters
    ----------
    matvec : q ↦ H·q, H symmetric, for arrays like `start`.
    start : array, shape (p,), not zero: float64, or gmpy2.mpfr, which are computed with in the gmpy2 context
        in force.
    count : how many eigenvalues.
    max_steps : at most so many products; p by default.
    tolerance : end when the estimated residuals of all `count` pairs are at most this times the norm of the
        tridiagonal matrix; 16 roundings by default.
    rng : for the random vectors; ``numpy.random.default_rng(0)`` by default.

    Returns
    -------
    values : array, shape (min(count, steps),), falling.
    vectors : array, shape (p, the same), orthonormal columns.

    Raises
    ------
    ConfigurationError
        A start vector of zeros.
    """
    check_count("count", count)
    size = len(start)
    limit = size if max_steps is None else min(size, check_count("max_steps", max_steps))
    generator = np.random.default_rng(0) if rng is None else rng
    norm = sqrt(square(start))
    if not norm:
        raise ConfigurationError("start: expected a vector other than zero")
    basis: list[Array] = [start / norm]
    alpha: list[Any] = []
    beta: list[Any] = []
    unit = unit_roundoff(norm)
    accuracy = 16 * unit if tolerance is None else tolerance
    check_at = min(limit, 2 * count + 8)
    while True:
        q = basis[-1]
        w = matvec(q)
        alpha.append((w * q).sum())
        w = w - alpha[-1] * q
        if len(basis) > 1:
            w = w - beta[-1] * basis[-2]
        rest = w
        for _ in range(2):
            for other in basis:
                rest = rest - (other * rest).sum() * other
        length = sqrt(square(rest))
        steps = len(alpha)
        scale = max(abs(x) for x in (*alpha, *beta))
        if steps >= check_at or steps == limit:
            values, small = largest(alpha, beta, count)
            if steps == limit or all(length * abs(s[-1]) <= accuracy * scale for s in small):
                break
            check_at = min(limit, steps + max(4, steps // 4))
        if length <= 4 * unit * scale:
            fresh = np.array([start[0] * 0 + float(x) for x in generator.standard_normal(size)])
            basis.append(orthogonalised(fresh, basis))
            beta.append(0 * length)
        else:
            basis.append(orthogonalised(rest / length, basis))
            beta.append(length)
    vectors = [sum(c * q for c, q in zip(s, basis, strict=True)) for s in small]
    return np.array(values), np.array(vectors).T
