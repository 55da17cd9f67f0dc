"""Sharpness of the two-layer model at many random starts at once, in float64 (Table 13)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STARTS = 400
_MOST_ITERATIONS = 100


def initial_sharpness(
    sigma: Floats,
    d: Floats,
    n_samples: int,
    alpha: float,
    beta: float,
    rng: np.random.Generator,
    starts: int = STARTS,
) -> Floats:
    """Sharpness at starts drawn by (α, β) initialisation, depth 2 (Assumption 5.5).

    In the coordinates of the singular vectors (Appendix B.1) the start is ν ~ N(0, α²I_r), v ~ N(0, β²).

    Parameters
    ----------
    sigma : array, shape (rank,), falling; singular values of the data.
    d : array, shape (rank,); the labels' coefficients.
    n_samples : n.
    alpha, beta : standard deviations.
    rng : draws every ν, then every v.
    starts : how many.

    Returns
    -------
    array, shape (starts,)
    """
    nu = alpha * rng.standard_normal((starts, len(sigma)))
    v = beta * rng.standard_normal(starts)
    return arrow_sharpness(sigma, d, nu, v) / n_samples


def arrow_sharpness(sigma: Floats, d: Floats, nu: Floats, v: Floats) -> Floats:
    """Largest eigenvalues of n·H for depth 2, H the Hessian, in spectral coordinates.

    n·H is an arrow: the diagonal v²σ_i² bordered by b_i = 2vσ_i²ν_i − σ_i d_i, with the corner Σσ_i²ν_i². Its
    largest eigenvalue is the root above v²σ₁² of the concave function λ − Σσ_i²ν_i² − Σb_i²/(λ − v²σ_i²).
    Newton's iteration from below rises to it and never passes it; it starts from a Rayleigh quotient.

    Parameters
    ----------
    sigma, d : arrays, shape (rank,), sigma falling.
    nu : array, shape (starts, rank).
    v : array, shape (starts,).

    Returns
    -------
    array, shape (starts,), with a relative error of some (rank + 4) roundings
    """
    poles = (v * v)[:, None] * sigma**2
    border = 2 * v[:, None] * sigma**2 * nu - sigma * d
    squares = border**2
    corner = np.sum((sigma * nu) ** 2, axis=1)
    top = poles[:, 0]
    weight = squares.sum(axis=1)
    mean_pole = np.sum(poles * squares, axis=1) / np.where(weight > 0, weight, 1)
    root = np.maximum(_largest_of_two(top, corner, squares[:, 0]), _largest_of_two(mean_pole, corner, weight))
    root = np.maximum(root, np.nextafter(top, np.inf))
    active = np.arange(len(root))
    for _ in range(_MOST_ITERATIONS):
        distance = root[active, None] - poles[active]
        terms = squares[active] / distance
        value = root[active] - corner[active] - terms.sum(axis=1)
        slope = 1 + np.sum(terms / distance, axis=1)
        step = np.maximum(-value / slope, 0)
        root[active] += step
        active = active[step > 4 * np.finfo(np.float64).eps * root[active]]
        if not len(active):
            break
    return root


def _largest_of_two(a: Floats, c: Floats, border_squared: Floats) -> Floats:
    """Larger eigenvalue of [[a, b], [b, c]]."""
    largest: Floats = (a + c) / 2 + np.sqrt(((a - c) / 2) ** 2 + border_squared)
    return largest
