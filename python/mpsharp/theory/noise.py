"""Sizes that the law of precision needs: displacement at the start and rounding noise, in units of loss."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mpsharp.coordinates import COORDINATES
from mpsharp.errors import ConfigurationError, ShapeError, check_name
from mpsharp.initialization import check_depth
from mpsharp.theory.singular import spectrum

# Mean square of one rounding's relative error times 4^bits: an error spread evenly over one unit in the last
# place, 2^(1−bits)/m for a significand m of density 1/(m·log 2) on [1, 2).
_ROUNDING = (4 / 12) * (3 / 8) / math.log(2)
# Median over mean of the square of a Gaussian: the law predicts the step that half of all noise precedes.
_MEDIAN = 0.454936


class TopLosses(NamedTuple):
    """`start_loss` and `noise_loss` of `mpsharp.theory.PrecisionLaw`."""

    start: float
    noise: float


def top_losses(
    X: object, y: object, u: object, v: object, step_size: float, *, coordinates: str = "parameter"
) -> TopLosses:
    """Loss along the top singular vector: at the start, and of one step's rounding errors.

    At the start z₁²/(2n), z₁ = cσ₁ν₁ − d₁. Every rounding errs relatively by ε, E ε² = 0.18·4^−bits. When S
    crosses 2/η, cσ₁ = √(2n/η), and an error of z₁ moves ν₁ by 2/(cσ₁) times as much. With f ≈ y the outputs,
    each of them rounded twice (Xu, and its product with c), with D − 2 roundings of c, with those of the new
    u and of D − 1 new v_l, all independent, the noise in units of loss is

        0.18/(2n) · (8·Σ_i w_1i² y_i² + c²σ₁²·Σ_j r_1j² u_j² + (4(D−2) + D−1)·d₁²),

    u at the minimiser, X⁺y/c plus what X does not see. In spectral coordinates the first sum is d₁², the
    second times c²σ₁² too, and the whole 0.9·D·d₁²/(2n). Half of all noise is above 0.455 times its mean
    square, which is what is returned.

    Parameters
    ----------
    X, y, u, v : the problem: data, labels and starting point.
    step_size : η of gradient descent.
    coordinates : "parameter", "row_space" or "spectral": where the roundings are (see `mpsharp.run`). In
        row-space coordinates the sums are taken as if r₁ were spread evenly.

    Returns
    -------
    TopLosses
        ``(start, noise)``, float64.

    Raises
    ------
    ShapeError, NonFiniteError
        As `mpsharp.theory.spectrum`, or `u` of another length than X has columns.
    ConfigurationError
        X is zero, or an unknown name of coordinates.

    Notes
    -----
    Arithmetic is the exact one (a dot product is rounded once); a sequential sum adds some roundings of its
    partial sums, which is worth a bit or two.
    """
    check_name("coordinates", coordinates, COORDINATES)
    parts = spectrum(X)
    if not parts.rank:
        raise ConfigurationError("X: expected a matrix other than zero")
    layers = parts.arithmetic.enter(v, "v", 1)
    depth = check_depth(len(layers) + 1)
    labels = parts.arithmetic.enter(y, "y", 1, parts.n_samples)
    start = parts.arithmetic.enter(u, "u", 1)
    if len(start) != parts.X.shape[1]:
        raise ShapeError(f"u: expected length {parts.X.shape[1]}, got {len(start)}")
    d = parts.labels(labels)
    n, top = parts.n_samples, parts.top
    displacement = float(layers.prod() * top * parts.weights(start)[0] - d[0])
    size = math.sqrt(2 * n / step_size)  # cσ₁ as S crosses 2/η
    c = size / top
    solved = parts.right @ (d / parts.sigma) / c
    outside = start - parts.right @ parts.weights(start)
    if coordinates == "spectral":
        outputs, first = d[0] ** 2, d[0] ** 2
    else:
        outputs = float(np.sum(parts.left[:, 0] ** 2 * labels**2))
        if coordinates == "parameter":
            first = size**2 * float(np.sum(parts.right[:, 0] ** 2 * (solved + outside) ** 2))
        else:
            first = size**2 * float(np.sum(solved**2)) / parts.rank
    others = (4 * (depth - 2) + depth - 1) * d[0] ** 2
    noise = _MEDIAN * _ROUNDING * (8 * outputs + first + others) / (2 * n)
    return TopLosses(float(displacement**2 / (2 * n)), float(noise))
