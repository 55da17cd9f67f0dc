"""Problems drawn at random: the synthetic one of Appendix D, and Gaussian data."""

from __future__ import annotations

import numpy as np
from gmpy2 import mpq

from mpsharp.draws import standard_normal
from mpsharp.errors import ConfigurationError
from mpsharp.initialization import check_count, check_depth, check_positive, check_seed
from mpsharp.optimizers import GD
from mpsharp.problems.orthonormal import assembled, orthonormal
from mpsharp.problems.problem import Problem
from mpsharp.problems.step_sizes import predicted_step_size


def appendix_d(
    n: int = 100,
    limit_ratio: float = 2.2,
    rank: int | None = None,
    seed: int = 0,
    *,
    depth: int = 2,
    steps: int = 1000,
) -> Problem:
    """Return the synthetic problem of Appendix D, the default of mpsharp.

    n = d; singular values √n·(5.477, 0.233, 0.233, …); label coefficients √n·(0.3, then 1.414 spread
    evenly over the rest); random orthonormal singular vectors; u ~ 0.01·N(0, I), v = 1. The generator
    of the paper is lost: this is our reading of its call ``minimal_data(100, 5.477, 0.233, 0.3, 1.414)``.

    W and R are the factors Q that `numpy.linalg.qr` approximates, of normal draws. They, X, y and the step
    size are computed with guard bits and rounded once: a seed gives the same bits on every machine.

    Parameters
    ----------
    n : number of samples and of features, at least 2.
    limit_ratio : predicted sharpness over the stability limit, Ŝ_D/(2/η); sets the step size.
    rank : rank of X, 2 ≤ rank ≤ n; n by default.
    seed : of `numpy.random.default_rng`; draws W, R, then u.
    depth : D ≥ 2.
    steps : default number of steps of a run.
    """
    check_count("n", n, 2)
    check_depth(depth)
    check_positive("limit_ratio", limit_ratio)
    r = n if rank is None else check_count("rank", rank, 2)
    if r > n:
        raise ConfigurationError(f"rank: expected at most n = {n}, got {r}")
    rng = np.random.default_rng(check_seed(seed))
    w, right = (orthonormal(standard_normal(rng, (n, n)))[:r] for _ in range(2))
    u = 0.01 * standard_normal(rng, n)
    sigma = np.sqrt(n) * np.array([5.477] + [0.233] * (r - 1))
    coefficients = np.sqrt(n) * np.array([0.3] + [1.414 / np.sqrt(r - 1)] * (r - 1))
    X, y = assembled(w, sigma, right, coefficients)
    ratios = (mpq(c) / mpq(s) for c, s in zip(coefficients.tolist(), sigma.tolist(), strict=True))
    difficulty = sum(ratio**2 for ratio in ratios)
    recipe = {
        "name": "appendix_d",
        "n": n,
        "limit_ratio": float(limit_ratio),
        "rank": rank,
        "seed": seed,
        "depth": depth,
        "steps": steps,
    }
    return Problem(
        X=X,
        y=y,
        u=u,
        v=np.ones(depth - 1),
        optimizer=GD(predicted_step_size(mpq(sigma[0]) ** 2, difficulty, n, depth, limit_ratio)),
        steps=steps,
        recipe=recipe,
    )


def gaussian(
    n: int = 100,
    d: int | None = None,
    seed: int = 0,
    *,
    depth: int = 2,
    step_size: float = 0.2,
    scale: float = 0.05,
    steps: int = 3000,
) -> Problem:
    """Return standard-normal X and y, u ~ scale·N(0, I), v = 1: the edge of stability of Figure 6(a).

    Draw order: X, y, u from ``numpy.random.default_rng(seed)``.
    """
    check_count("n", n)
    features = n if d is None else check_count("d", d)
    check_depth(depth)
    rng = np.random.default_rng(check_seed(seed))
    X = standard_normal(rng, (n, features))
    y = standard_normal(rng, n)
    u = check_positive("scale", scale) * standard_normal(rng, features)
    optimizer = GD(step_size)
    recipe = {
        "name": "gaussian",
        "n": n,
        "d": d,
        "seed": seed,
        "depth": depth,
        "step_size": optimizer.config()["step_size"],
        "scale": scale,
        "steps": steps,
    }
    return Problem(X=X, y=y, u=u, v=np.ones(depth - 1), optimizer=optimizer, steps=steps, recipe=recipe)
