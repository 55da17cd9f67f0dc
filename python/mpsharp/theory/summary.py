"""Everything the theory says about a data set, in one dictionary."""

from __future__ import annotations

import math
from typing import Any

from mpsharp.formats import FormatLike
from mpsharp.theory.arithmetic import Number, sqrt
from mpsharp.theory.bounds import (
    bounds,
    check_imbalance,
    exact_sharpness,
    layer_squares,
    predicted,
)
from mpsharp.theory.expectations import converged_bounds, imbalance_moments, initial_bounds
from mpsharp.theory.imbalance import labels_in_range, threshold
from mpsharp.theory.singular import spectrum

# What each number of `report` means; S is the largest eigenvalue of the Hessian, in units of 1/step size.
MEANINGS = {
    "n_samples": "n, rows of the data matrix X",
    "n_features": "d, columns of X",
    "rank": "r, of X",
    "condition": "σ₁/σ_r",
    "depth": "D, layers",
    "difficulty": "Q = ‖X⁺y‖², dataset difficulty (Definition 4.1)",
    "difficulty_digits": "right decimal digits of Q, estimated",
    "label_residual": "floor of the loss: labels outside the column space",
    "top_eigenvalue": "σ₁²/n",
    "predicted_sharpness": "Ŝ_D = σ₁²Q^((D−1)/D)/n (Definition 5.8)",
    "minimizer_lower": "S at a minimiser: lower bound (Theorems 4.3, 4.6)",
    "minimizer_lower_sharper": "the same, our sharper bound",
    "minimizer_sharpness": "S at a minimiser: exact value",
    "minimizer_upper": "S at a minimiser: upper bound (Theorems 4.3, 4.6)",
    "imbalance_threshold": "C*: below it S rises with Q at fixed imbalance (Remark 4.4)",
    "below_threshold": "is the imbalance below C*?",
    "step_size_stable": "2/upper bound: up to here a minimiser is stable",
    "step_size_limit": "2/S, the stability limit at a minimiser",
    "step_size_predicted": "2/Ŝ_D",
    "step_size_unstable": "2/lower bound: from here no minimiser is stable",
    "step_size_divergence": "4/S: above it a catapult does not recover (Lewkowycz et al. 2020)",
    "initial_lower": "E S at a PyTorch-scale start: lower bound (Theorem 5.6)",
    "initial_lower_sharper": "the same, our sharper bound",
    "initial_upper": "E S at a PyTorch-scale start: upper bound (Theorem 5.6)",
    "converged_lower": "E S where gradient flow converges: lower bound (Theorem 5.7)",
    "converged_upper": "E S where gradient flow converges: upper bound (Theorem 5.7)",
}


def report(
    X: object,
    y: object,
    depth: int = 2,
    imbalance: object = 0,
    *,
    format: FormatLike | None = None,
    rank: int | None = None,
) -> dict[str, Any]:
    """Difficulty, predicted sharpness, bounds and step-size thresholds of the minimalist model on X and y.

    One decomposition of X serves all of it.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    y : array_like, shape (n_samples,); stands for its part in the column space (footnote 1).
    depth : D ≥ 2.
    imbalance : as for `mpsharp.theory.minimizer_sharpness_bounds`.
    format, rank : as for `mpsharp.theory.dataset_difficulty`.

    Returns
    -------
    dict, in this order; numbers are floats, or gmpy2.mpfr of the format
        "n_samples", "n_features", "rank", "condition" σ₁/σ_r, "depth";
        "difficulty" Q; "difficulty_digits", an estimate of its right decimal digits from the condition number
        (float; `mpsharp.theory.difficulty_digits` knows); "label_residual", ‖y − Py‖²/(2n), the loss's floor;
        "top_eigenvalue" σ₁²/n; "predicted_sharpness" Ŝ_D;
        "minimizer_lower", "minimizer_lower_sharper", "minimizer_sharpness", "minimizer_upper" (Theorems 4.3
        and 4.6; ours; exact);
        "imbalance_threshold" C* (Remark 4.4), "below_threshold", whether every imbalance is below it;
        "step_size_stable" 2/upper, up to which a minimiser is stable by the bound; "step_size_limit" 2/S, the
        exact value; "step_size_predicted" 2/Ŝ_D, above which the predicted sharpness exceeds the stability
        limit; "step_size_unstable" 2/lower, from which no minimiser is stable.
        Depth 2 also: "step_size_divergence" 4/S, above which a catapult does not recover (Lewkowycz et al.
        2020); for PyTorch's variances α² = 1/(3d), β² = 1/3 "initial_lower", "initial_lower_sharper",
        "initial_upper" (Theorem 5.6), "converged_lower", "converged_upper" (Theorem 5.7).

    Raises
    ------
    ShapeError, NonFiniteError, ConfigurationError
        As `mpsharp.theory.minimizer_sharpness_bounds`.
    """
    layers = check_imbalance(depth, imbalance)
    parts = spectrum(X, format=format, rank=rank)
    with parts.arithmetic.active(strict=True):
        d = labels_in_range(parts, y)
        Q = parts.difficulty(d)
        at = layer_squares(parts.arithmetic, Q, layers)
        lower, upper = bounds(parts, d, at)
        exact = exact_sharpness(parts, d, at)
        guess = predicted(parts, d, depth)
        limit = threshold(parts, d)
        outside = parts.arithmetic.enter(y, "y", 1) - parts.left @ d
        n, features = parts.X.shape
        values: dict[str, Any] = {
            "n_samples": int(n),
            "n_features": int(features),
            "rank": parts.rank,
            "condition": parts.condition,
            "depth": int(depth),
            "difficulty": Q,
            "difficulty_digits": _digits(parts.arithmetic.bits, n + features, parts.condition),
            "label_residual": (outside * outside).sum() / (2 * n),
            "top_eigenvalue": parts.top * parts.top / n,
            "predicted_sharpness": guess,
            "minimizer_lower": lower,
            "minimizer_lower_sharper": bounds(parts, d, at, sharper=True)[0],
            "minimizer_sharpness": exact,
            "minimizer_upper": upper,
            "imbalance_threshold": limit,
            "below_threshold": all(bool(c < limit) for c in parts.arithmetic.enter(layers, "imbalance", 1)),
            "step_size_stable": 2 / upper,
            "step_size_limit": 2 / exact,
            "step_size_predicted": 2 / guess,
            "step_size_unstable": 2 / lower,
        }
        if depth == 2:
            one = parts.arithmetic.number(1, "one")
            alpha, beta = sqrt(one / (3 * features)), sqrt(one / 3)
            initial = initial_bounds(parts, d, alpha, beta)
            mean = one * (parts.rank - features) / (3 * features)  # rα² − β², which cancels for r = d
            converged = converged_bounds(parts, d, mean, imbalance_moments(parts.rank, alpha, beta)[1])
            values |= {
                "step_size_divergence": 4 / exact,
                "initial_lower": initial[0],
                "initial_lower_sharper": initial_bounds(parts, d, alpha, beta, sharper=True)[0],
                "initial_upper": initial[1],
                "converged_lower": converged[0],
                "converged_upper": converged[1],
            }
        return {
            key: value
            if isinstance(value, int) or key == "difficulty_digits"
            else parts.arithmetic.leave(value)
            for key, value in values.items()
        }


def _digits(bits: int | None, size: int, condition: Number) -> float:
    """What (n + d)·κ roundings leave of 53 bits; all digits of a format."""
    if bits is not None:
        return bits * math.log10(2)
    return max(0.0, 53 * math.log10(2) - math.log10(size * condition))
