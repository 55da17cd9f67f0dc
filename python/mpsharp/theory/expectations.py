"""Expected sharpness of the two-layer model under (α, β) initialisation (Theorems 5.6 and 5.7)."""

from __future__ import annotations

import numpy as np

from mpsharp.errors import ConfigurationError
from mpsharp.formats import FormatLike
from mpsharp.theory.arithmetic import Array, Number, norm, sqrt, square, total
from mpsharp.theory.bounds import Bounds
from mpsharp.theory.imbalance import labels_in_range
from mpsharp.theory.singular import Spectrum, spectrum


def initial_sharpness_bounds(
    X: object,
    y: object,
    alpha: object,
    beta: object,
    *,
    sharper: bool = False,
    format: FormatLike | None = None,
    rank: int | None = None,
) -> Bounds:
    """Bounds of the expected sharpness at the start, u ~ N(0, α²I), v ~ N(0, β²) (Theorem 5.6).

        n·E S ≥ σ₁²(α² + β²),
        n·E S ≤ σ₁²β² + α²‖X‖² + √(α²β²·Σσ_i⁴ + ‖Xᵀy‖²), the Frobenius norm of X.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    y : array_like, shape (n_samples,)
    alpha, beta : numbers of at least 0; α² = 1/(3d), β² = 1/3 has the variances of PyTorch's default.
    sharper : add our term 2σ₁²α²β²/(α+β)² to the lower bound.
    format, rank : as for `mpsharp.theory.dataset_difficulty`.

    Returns
    -------
    Bounds
        ``(lower, upper)``, within some roundings of the formulas.

    Raises
    ------
    ConfigurationError
        A negative `alpha` or `beta`.
    """
    parts = spectrum(X, format=format, rank=rank)
    with parts.arithmetic.active(strict=True):
        a, b = _scales(parts, alpha, beta)
        lower, upper = initial_bounds(parts, parts.labels(y), a, b, sharper=sharper)
        return Bounds(parts.arithmetic.leave(lower), parts.arithmetic.leave(upper))


def converged_sharpness_bounds(
    X: object,
    y: object,
    alpha: object,
    beta: object,
    *,
    format: FormatLike | None = None,
    rank: int | None = None,
) -> Bounds:
    """Bounds of the expected sharpness where gradient flow converges (Theorem 5.7).

    The imbalance C of the start has the mean m = rα² − β² and the mean square e = m² + 2rα⁴ + 2β⁴; then

        n·E S ≥ σ₁²/2·(√(m² + 4Q) − m),
        n·E S ≤ σ₁²/2·(√(e + 4Q) − m) + ‖y‖²/(2Q)·(√(e + 4Q) + m).

    Parameters
    ----------
    X, y, alpha, beta, format, rank : as for `initial_sharpness_bounds`; y stands for its part in the column
        space (footnote 1).

    Returns
    -------
    Bounds
        ``(lower, upper)``, within some roundings of the formulas.

    Raises
    ------
    ConfigurationError
        A negative `alpha` or `beta`; labels with no part in the column space of X.
    """
    parts = spectrum(X, format=format, rank=rank)
    with parts.arithmetic.active(strict=True):
        a, b = _scales(parts, alpha, beta)
        d = labels_in_range(parts, y)
        lower, upper = converged_bounds(parts, d, *imbalance_moments(parts.rank, a, b))
        return Bounds(parts.arithmetic.leave(lower), parts.arithmetic.leave(upper))


# --- the same from a decomposition ------------------------------------------------------------------


def initial_bounds(
    parts: Spectrum, d: Array, alpha: Number, beta: Number, *, sharper: bool = False
) -> tuple[Number, Number]:
    """Theorem 5.6 from a decomposition and the labels' coefficients."""
    a, b, top = alpha * alpha, beta * beta, parts.top * parts.top
    squares = parts.sigma * parts.sigma
    lower = top * (a + b)
    if sharper and a + b:
        lower = lower + 2 * top * a * b / (alpha + beta) ** 2
    slope = norm(np.concatenate([alpha * beta * squares, parts.sigma * d]))  # √ of the mean of ‖Xᵀz‖²
    upper = top * b + a * total(squares) + slope
    return lower / parts.n_samples, upper / parts.n_samples


def imbalance_moments(rank: int, alpha: Number, beta: Number) -> tuple[Number, Number]:
    """E C, and E C² − (E C)², of the imbalance at an (α, β) start."""
    a, b = alpha * alpha, beta * beta
    return rank * a - b, 2 * rank * a * a + 2 * b * b


def converged_bounds(parts: Spectrum, d: Array, mean: Number, variance: Number) -> tuple[Number, Number]:
    """Theorem 5.7 for an imbalance of any distribution with these moments, without cancellation."""
    Q, top, n = parts.difficulty(d), parts.top * parts.top, parts.n_samples
    inner = norm(np.array([mean, 2 * sqrt(Q)]))
    outer = norm(np.array([mean, sqrt(variance), 2 * sqrt(Q)]))
    if mean > 0:
        least, most = 4 * Q / (inner + mean), (variance + 4 * Q) / (outer + mean)
        inverse = outer + mean
    else:
        least, most = inner - mean, outer - mean
        inverse = (variance + 4 * Q) / (outer - mean)
    return top * least / (2 * n), (top * most + square(d) * inverse / Q) / (2 * n)


def _scales(parts: Spectrum, alpha: object, beta: object) -> tuple[Number, Number]:
    numbers = [parts.arithmetic.number(x, name) for x, name in ((alpha, "alpha"), (beta, "beta"))]
    if min(numbers) < 0:
        raise ConfigurationError(f"alpha, beta: expected numbers of at least 0, got {alpha!r}, {beta!r}")
    return numbers[0], numbers[1]
