"""Sharpness at a minimiser: predicted (Definition 5.8), bounded (Theorems 4.3 and 4.6) and exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import gmpy2
import numpy as np

from mpsharp.errors import ConvergenceError, ShapeError
from mpsharp.exact import as_exact_input
from mpsharp.formats import FormatLike
from mpsharp.initialization import check_depth
from mpsharp.theory.arithmetic import Arithmetic, Array, Number, norm, power, sqrt, square
from mpsharp.theory.imbalance import labels_in_range
from mpsharp.theory.secular import largest_eigenvalue
from mpsharp.theory.singular import Spectrum, spectrum


class Bounds(NamedTuple):
    """A lower and an upper bound: floats, or gmpy2.mpfr of the format asked for."""

    lower: Any
    upper: Any


def predicted_sharpness(
    X: object, y: object, depth: int = 2, *, format: FormatLike | None = None, rank: int | None = None
) -> Any:
    """Predicted sharpness Ŝ_D = σ₁²·Q^((D−1)/D)/n (Definition 5.8).

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    y : array_like, shape (n_samples,)
    depth : D ≥ 2.
    format, rank : as for `mpsharp.theory.dataset_difficulty`.

    Returns
    -------
    float, or gmpy2.mpfr of ``format.bits`` bits; in units of 1/step_size.
    """
    check_depth(depth)
    parts = spectrum(X, format=format, rank=rank)
    with parts.arithmetic.active(strict=True):
        return parts.arithmetic.leave(predicted(parts, parts.labels(y), depth))


def minimizer_sharpness_bounds(
    X: object,
    y: object,
    depth: int = 2,
    imbalance: object = 0,
    *,
    sharper: bool = False,
    format: FormatLike | None = None,
    rank: int | None = None,
) -> Bounds:
    """Bounds of the sharpness at every global minimiser with this imbalance (Theorems 4.3 and 4.6).

    With a = ‖Πu‖², the root of a·Π_l(a − C_l) = Q above all C_l, the outer layers have v_l² = a − C_l and

        σ₁²Πv_l²/n  ≤  S  ≤  (σ₁²Πv_l² + ‖y‖²·Σ 1/v_l²)/n.

    Depth 2 is Theorem 4.3, t = v² = (√(C² + 4Q) − C)/2; balanced layers are Theorem 4.6,
    Ŝ_D ≤ S ≤ Ŝ_D + (D−1)‖y‖²/(n·Q^(1/D)). Beyond these two (deep and not balanced) the formula is ours. By
    Corollaries 5.3 and 5.4 gradient flow ends between the bounds for the imbalance it starts with.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    y : array_like, shape (n_samples,); stands for its part in the column space (footnote 1).
    depth : D ≥ 2.
    imbalance : number, or array_like of shape (depth - 1,)
        C_l = ‖Πu‖² − v_l²; one number holds for every layer.
    sharper : take our lower bound, (σ₁²Πv_l² + d₁²·Σ 1/v_l²)/n, d₁ = w₁ᵀy.
    format, rank : as for `mpsharp.theory.dataset_difficulty`.

    Returns
    -------
    Bounds
        ``(lower, upper)``, each within some roundings of the formula's value (in float64 the error of Q
        comes on top).

    Raises
    ------
    ShapeError
        `imbalance` has another length than depth − 1.
    ConfigurationError
        Depth below 2; labels with no part in the column space of X.
    """
    layers = check_imbalance(depth, imbalance)
    parts = spectrum(X, format=format, rank=rank)
    with parts.arithmetic.active(strict=True):
        d = labels_in_range(parts, y)
        at = layer_squares(parts.arithmetic, parts.difficulty(d), layers)
        lower, upper = bounds(parts, d, at, sharper=sharper)
        return Bounds(parts.arithmetic.leave(lower), parts.arithmetic.leave(upper))


def minimizer_sharpness(
    X: object,
    y: object,
    depth: int = 2,
    imbalance: object = 0,
    *,
    format: FormatLike | None = None,
    rank: int | None = None,
) -> Any:
    """Sharpness at every global minimiser with this imbalance: λ_max(Πv_l²·XXᵀ + Σ(1/v_l²)·yyᵀ)/n, exactly.

    A rank-one update in the coordinates of the left singular vectors, solved by the secular equation.

    Parameters
    ----------
    X, y, depth, imbalance, format, rank : as for `minimizer_sharpness_bounds`.

    Returns
    -------
    float, or gmpy2.mpfr of ``format.bits`` bits.

    Raises
    ------
    ShapeError, ConfigurationError
        As `minimizer_sharpness_bounds`.
    """
    layers = check_imbalance(depth, imbalance)
    parts = spectrum(X, format=format, rank=rank)
    with parts.arithmetic.active(strict=True):
        d = labels_in_range(parts, y)
        at = layer_squares(parts.arithmetic, parts.difficulty(d), layers)
        return parts.arithmetic.leave(exact_sharpness(parts, d, at))


# --- the same from a decomposition ------------------------------------------------------------------


@dataclass(frozen=True)
class LayerSquares:
    """Sizes of the layers at a minimiser: a = ‖Πu‖² and v_l², shape (depth − 1,)."""

    first: Number
    others: Array

    @property
    def product(self) -> Number:
        """c² = Πv_l²."""
        return self.others.prod()

    @property
    def inverses(self) -> Number:
        """Σ 1/v_l²."""
        return (1 / self.others).sum()


def check_imbalance(depth: int, imbalance: object) -> list[Any]:
    """One imbalance per outer layer; raises ShapeError for another number of them."""
    depth = check_depth(depth)
    values = as_exact_input(imbalance, "imbalance")
    if values.ndim == 0:
        return [values[()]] * (depth - 1)
    if values.shape != (depth - 1,):
        raise ShapeError(
            f"imbalance: expected one number or {depth - 1} (depth - 1), got shape {values.shape}"
        )
    return list(values)


def layer_squares(arithmetic: Arithmetic, difficulty: Number, imbalance: list[Any]) -> LayerSquares:
    """Solve a·Π_l(a − C_l) = Q for a > max(0, C_l), Q > 0."""
    c = arithmetic.enter(imbalance, "imbalance", 1)
    depth = len(c) + 1
    zero = 0 * difficulty
    if not any(c):
        a = power(difficulty, 1, depth)
        return LayerSquares(a, np.array([a] * (depth - 1), dtype=c.dtype))
    if depth == 2:  # t = v², without cancellation for either sign of C
        root = norm(np.array([c[0], 2 * sqrt(difficulty)]))
        larger = (root + abs(c[0])) / 2
        smaller = difficulty / larger
        first, second = (larger, smaller) if c[0] > 0 else (smaller, larger)
        return LayerSquares(first, np.array([second], dtype=c.dtype))
    # x = a − floor is what is added to every gap; the smallest factor is x itself.
    floor = max(zero, *c)
    gaps = np.array([floor, *(floor - x for x in c)], dtype=c.dtype)
    x = _shift(difficulty, gaps)
    return LayerSquares(x + gaps[0], x + gaps[1:])


def _shift(product: Number, gaps: Array) -> Number:
    """Return x > 0 with Π(x + g_i) = product, g_i ≥ 0, one of them 0, by Newton's method for logarithms.

    In ξ = log x the sum of log(x + g_i) is convex with a slope between 1 and their number; from
    x = product**(1/count), where it is too large, the iteration falls to the root.
    """
    exact = isinstance(product, gmpy2.mpfr)
    bits = gmpy2.get_context().precision if exact else 53
    x = power(product, 1, len(gaps))
    for _ in range(500):
        factors = x + gaps
        slope = (x / factors).sum()
        ratio = factors.prod() / product
        step = (gmpy2.log(ratio) if exact else float(np.log(ratio))) / slope
        x = x * (gmpy2.exp(-step) if exact else float(np.exp(-step)))
        if step * gmpy2.exp2(bits - 2) <= len(gaps):
            return x
    raise ConvergenceError("imbalance: expected the layer sizes to converge within 500 steps")


def predicted(parts: Spectrum, d: Array, depth: int) -> Number:
    """Ŝ_D."""
    return parts.top * parts.top * power(parts.difficulty(d), depth - 1, depth) / parts.n_samples


def bounds(parts: Spectrum, d: Array, at: LayerSquares, *, sharper: bool = False) -> tuple[Number, Number]:
    """Lower and upper bound from the layers' sizes."""
    top = parts.top * parts.top * at.product
    lower = top + d[0] * d[0] * at.inverses if sharper else top
    return lower / parts.n_samples, (top + square(d) * at.inverses) / parts.n_samples


def exact_sharpness(parts: Spectrum, d: Array, at: LayerSquares) -> Number:
    """The exact value from the layers' sizes."""
    scale = at.product
    diagonal = scale * parts.sigma * parts.sigma
    gaps = scale * (parts.sigma[0] - parts.sigma) * (parts.sigma[0] + parts.sigma)
    return largest_eigenvalue(diagonal, gaps, d * sqrt(at.inverses)) / parts.n_samples
