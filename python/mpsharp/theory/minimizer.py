"""A global minimiser of the minimalist model, written down."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpsharp.formats import FormatLike
from mpsharp.theory.arithmetic import Array, sqrt
from mpsharp.theory.bounds import check_imbalance, layer_squares
from mpsharp.theory.imbalance import labels_in_range
from mpsharp.theory.singular import spectrum


def minimizer(
    X: object,
    y: object,
    depth: int = 2,
    imbalance: object = 0,
    *,
    format: FormatLike | None = None,
    rank: int | None = None,
) -> tuple[Array, Array]:
    """Parameters (u, v) of a global minimiser with this imbalance: u = X⁺y/Πv_l, v_l = √(‖u‖² − C_l) > 0.

    u has no part outside the row space of X. Every other minimiser with this imbalance has the same
    sharpness: it differs by signs of the v_l and by such a part.

    Parameters
    ----------
    X, y, depth, imbalance, format, rank : as for `mpsharp.theory.minimizer_sharpness_bounds`.

    Returns
    -------
    u : float64 array, or object array of gmpy2.mpfr, shape (n_features,)
    v : the same, shape (depth - 1,)

    Raises
    ------
    ShapeError, ConfigurationError
        As `mpsharp.theory.minimizer_sharpness_bounds`.
    """
    layers = check_imbalance(depth, imbalance)
    parts = spectrum(X, format=format, rank=rank)
    with parts.arithmetic.active(strict=True):
        d = labels_in_range(parts, y)
        at = layer_squares(parts.arithmetic, parts.difficulty(d), layers)
        v: Any = np.array([sqrt(x) for x in at.others], dtype=at.others.dtype)
        u = parts.right @ (d / parts.sigma) / v.prod()
        return parts.arithmetic.leave(u), parts.arithmetic.leave(v)
