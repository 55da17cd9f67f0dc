"""How one step of GD or SGD changes the layer imbalance (Theorem 5.9)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mpsharp.errors import ConfigurationError
from mpsharp.formats import FormatLike
from mpsharp.initialization import check_count
from mpsharp.theory.arithmetic import Arithmetic, Array, Number, square


class ImbalanceTerms(NamedTuple):
    """The four terms of Theorem 5.9, none of them negative: floats, or gmpy2.mpfr.

    a = ‖Xᵀz‖², b = (zᵀXu)², a_batch = n Σ‖x_i‖²z_i² − a, b_batch = n ‖z ⊙ Xu‖² − b.
    """

    a: Any
    b: Any
    a_batch: Any
    b_batch: Any


def imbalance_change_terms(
    X: object, y: object, u: object, v: object, *, format: FormatLike | None = None
) -> ImbalanceTerms:
    """Terms a, b, a⊙ and b⊙ of Theorem 5.9 at (u, v), from the residual z = c·Xu − y.

    a⊙ and b⊙ are computed as n times a sum of squared deviations from the mean, so that they cannot come out
    negative.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    y : array_like, shape (n_samples,); as it is, not projected, since batches see what is outside too.
    u : array_like, shape (n_features,)
    v : array_like, shape (depth - 1,); the theorem is about depth 2, and its terms are the same for any.
    format : of the results; plain float64 by default.

    Raises
    ------
    ShapeError
        Lengths that do not fit together.
    """
    arithmetic = Arithmetic.of(format)
    with arithmetic.active(strict=True):
        terms = _terms(arithmetic, X, y, u, arithmetic.enter(v, "v", 1))
        return ImbalanceTerms(*(arithmetic.leave(x) for x in terms))


def gd_imbalance_change(
    X: object, y: object, u: object, v: object, step_size: object, *, format: FormatLike | None = None
) -> Any:
    """C⁺ − C of one step of GD, exactly: (η²/n²)(c²a − w_l²b) for layer l (Theorem 5.9; ours above depth 2).

    With depth 2, c = v and w = 1. It equals the change of `mpsharp.theory.layer_imbalance` but for the
    roundings of that difference.

    Parameters
    ----------
    X, y, u, v, format : as for `imbalance_change_terms`.
    step_size : η.

    Returns
    -------
    float64 array, or object array of gmpy2.mpfr, shape (depth - 1,)
    """
    arithmetic = Arithmetic.of(format)
    with arithmetic.active(strict=True):
        layers = arithmetic.enter(v, "v", 1)
        terms = _terms(arithmetic, X, y, u, layers)
        n = len(X)  # type: ignore[arg-type]
        rate = arithmetic.number(step_size, "step_size") / n
        return arithmetic.leave(gd_change(terms, layers, rate))


def sgd_imbalance_change(
    X: object,
    y: object,
    u: object,
    v: object,
    step_size: object,
    batch_size: int,
    *,
    format: FormatLike | None = None,
) -> Any:
    """E C⁺ − C of one step of SGD, exactly, the batch uniform without replacement (Theorem 5.9).

    That of GD, plus (n−B)/(B(n−1)) times the same expression in a⊙ and b⊙.

    Parameters
    ----------
    X, y, u, v, format : as for `imbalance_change_terms`.
    step_size : η.
    batch_size : B, 1 ≤ B ≤ n_samples.

    Returns
    -------
    float64 array, or object array of gmpy2.mpfr, shape (depth - 1,)

    Raises
    ------
    ConfigurationError
        `batch_size` outside its range.
    """
    arithmetic = Arithmetic.of(format)
    with arithmetic.active(strict=True):
        layers = arithmetic.enter(v, "v", 1)
        terms = _terms(arithmetic, X, y, u, layers)
        n = len(X)  # type: ignore[arg-type]
        if check_count("batch_size", batch_size) > n:
            raise ConfigurationError(f"batch_size: expected at most n_samples = {n}, got {batch_size}")
        rate = arithmetic.number(step_size, "step_size") / n
        return arithmetic.leave(sgd_change(terms, layers, rate, batch_size, n))


def _terms(arithmetic: Arithmetic, X: object, y: object, u: object, v: Array) -> ImbalanceTerms:
    data = arithmetic.enter(X, "X", 2)
    outputs = data @ arithmetic.enter(u, "u", 1, data.shape[1])
    residual = v.prod() * outputs - arithmetic.enter(y, "y", 1, len(data))
    gradients = data * residual[:, None]  # of each sample, by Πu
    products = residual * outputs
    n = len(data)
    a, b = gradients.sum(axis=0), products.sum()
    return ImbalanceTerms(
        square(a), b * b, n * square((gradients - a / n).ravel()), n * square(products - b / n)
    )


# --- the same from the terms ------------------------------------------------------------------------


def gd_change(terms: ImbalanceTerms, v: Array, rate: Number) -> Array:
    """(η²/n²)(c²a − w_l²b) for every layer l, rate = η/n."""
    return _change(terms.a, terms.b, v, rate)


def sgd_change(terms: ImbalanceTerms, v: Array, rate: Number, batch_size: int, n_samples: int) -> Array:
    """`gd_change` plus (n−B)/(B(n−1)) times the same expression in a⊙ and b⊙."""
    change = gd_change(terms, v, rate)
    if batch_size == n_samples:
        return change
    extra = _change(terms.a_batch, terms.b_batch, v, rate)
    return np.asarray(change + extra * (n_samples - batch_size) / (batch_size * (n_samples - 1)))


def _change(first: Number, second: Number, v: Array, rate: Number) -> Array:
    c = v.prod()
    others = np.array([np.delete(v, k).prod() for k in range(len(v))], dtype=v.dtype)
    return np.asarray(rate * rate * (c * c * first - others * others * second))
