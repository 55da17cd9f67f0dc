"""Layer imbalance (Definition 4.2), balancedness (Assumption 4.5) and the threshold of Remark 4.4."""

from __future__ import annotations

import numbers
from typing import Any

from mpsharp.errors import ConfigurationError
from mpsharp.formats import FormatLike
from mpsharp.theory.arithmetic import Number, norm, square, total
from mpsharp.theory.singular import Spectrum, spectrum


def layer_imbalance(
    X: object, u: object, v: object, *, format: FormatLike | None = None, rank: int | None = None
) -> Any:
    """Quantities that gradient flow conserves in the minimalist model (Definition 4.2 for depth 2).

    ``C[l] = ‖Πu‖² − v[l]²``, Π the projection onto the row space of X. Gradient flow conserves each of them
    (Lemma 5.2); one step of GD or SGD changes them by order ``step_size**2`` (Theorem 5.9).

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    u : array_like, shape (n_features,)
    v : array_like, shape (depth - 1,)
    format : of the result; plain float64 by default.
    rank : how many singular values of X count; see `mpsharp.theory.spectrum`.

    Returns
    -------
    float64 array, or object array of gmpy2.mpfr, shape (depth - 1,). In float64 the error is at most some
    (n + d)·κ·2⁻⁵³·(‖u‖² + v[l]²), κ = σ₁/σ_r.

    Raises
    ------
    ShapeError
        Lengths that do not fit together, or an empty `v`.
    """
    parts = spectrum(X, format=format, rank=rank)
    with parts.arithmetic.active(strict=True):
        layers = parts.arithmetic.enter(v, "v", 1)
        return parts.arithmetic.leave(square(parts.weights(u)) - layers * layers)


def is_balanced(
    X: object,
    u: object,
    v: object,
    *,
    tolerance: Number | None = None,
    format: FormatLike | None = None,
    rank: int | None = None,
) -> bool:
    """Whether ‖Πu‖² = v_l² for every layer (Assumption 4.5).

    Parameters
    ----------
    X, u, v, format, rank : as for `layer_imbalance`.
    tolerance : largest |C[l]| that counts as balanced. By default what rounding u and v to the format can
        have caused, and in float64 the computation: (n + d + 16)·κ·2**-bits·(‖Πu‖² + v[l]²), κ = σ₁/σ_r.
    """
    if tolerance is not None and not (isinstance(tolerance, numbers.Real) and float(tolerance) >= 0):
        raise ConfigurationError(f"tolerance: expected a number of at least 0, got {tolerance!r}")
    parts = spectrum(X, format=format, rank=rank)
    with parts.arithmetic.active(strict=True):
        layers = parts.arithmetic.enter(v, "v", 1)
        first = square(parts.weights(u))
        for layer in layers:
            allowed = tolerance
            if allowed is None:
                unit = 2.0 ** -(parts.arithmetic.bits or 53)
                allowed = (sum(parts.X.shape) + 16) * parts.condition * unit * (first + layer * layer)
            if abs(first - layer * layer) > allowed:
                return False
        return True


def imbalance_threshold(
    X: object, y: object, *, format: FormatLike | None = None, rank: int | None = None
) -> Any:
    """C* = σ₁Q/‖y‖ − ‖y‖/σ₁: below it both bounds of Theorem 4.3 rise with Q (Remark 4.4).

    Never negative, and zero for labels along the top singular vector: computed as Σ (d_i/σ_i)²(1 − σ_i²/σ₁²),
    in which no term is, times σ₁/‖y‖. y stands for its part in the column space (footnote 1).

    Parameters
    ----------
    X, y, format, rank : as for `mpsharp.theory.dataset_difficulty`.

    Returns
    -------
    float, or gmpy2.mpfr of ``format.bits`` bits.

    Raises
    ------
    ConfigurationError
        Labels with no part in the column space of X.
    """
    parts = spectrum(X, format=format, rank=rank)
    with parts.arithmetic.active(strict=True):
        return parts.arithmetic.leave(threshold(parts, labels_in_range(parts, y)))


def threshold(parts: Spectrum, d: Any) -> Any:
    """C* from a decomposition and the labels' coefficients."""
    shares = parts.sigma / parts.top
    terms = (d / parts.sigma) ** 2 * ((parts.top - parts.sigma) / parts.top) * (1 + shares)
    return parts.top / norm(d) * total(terms)


def labels_in_range(parts: Spectrum, y: object) -> Any:
    """Coefficients of y, where they must not vanish.

    Raises
    ------
    ConfigurationError
        Labels that cannot be told from labels without a part in the column space: a minimiser's outer
        layers would vanish, or be undetermined.
    """
    d = parts.labels(y)
    check_in_range(parts, d, max(abs(parts.arithmetic.enter(y, "y", 1))))
    return d


def check_in_range(parts: Spectrum, d: Any, largest: Any) -> None:
    """Raise ConfigurationError if the labels with coefficients d, |y_i| ≤ `largest`, cannot be told from ones
    without a part in the column space; `parts` may be without its vectors.
    """
    least: Any = 0
    if parts.rank < parts.n_samples:
        # What the errors of the singular vectors can mistake for a part in the column space.
        unit = 2.0**-64 if parts.arithmetic.bits else sum(parts.X.shape) * parts.condition * 2.0**-52
        least = unit * largest
    if not parts.rank or max(abs(d)) <= least:
        raise ConfigurationError("y: expected labels with a part in the column space of X, got none (Q = 0)")
