"""What the tables average: numbers of one subset of a data set, and of many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt

from mpsharp.datasets import Dataset
from mpsharp.initialization import check_count, check_seed
from mpsharp.paper.printed import SIZES
from mpsharp.paper.starts import initial_sharpness
from mpsharp.theory.arithmetic import Arithmetic
from mpsharp.theory.bounds import bounds, layer_squares, predicted
from mpsharp.theory.expectations import converged_bounds, imbalance_moments, initial_bounds
from mpsharp.theory.imbalance import labels_in_range, threshold
from mpsharp.theory.singular import Spectrum, spectrum

SUBSETS = 50
DEPTHS = (2, 3, 4, 5)

Values = Mapping[str, npt.NDArray[np.float64]]


def quantities(
    X: npt.NDArray[np.float64], y: npt.NDArray[np.float64], rng: np.random.Generator | None = None
) -> dict[str, float | npt.NDArray[np.float64]]:
    """Every number that the tables average, for one subset, from one decomposition.

    The eigenvectors of XXᵀ where σ₁/σ_n < 2¹³, so that squaring leaves relative errors of some 2⁻²⁶ at most;
    else the singular vectors of X, which take longer.

    Parameters
    ----------
    X : array, shape (n_samples, n_features)
    y : array, shape (n_samples,)
    rng : draws the starts of "initial_sharpness", which is left out without it.

    Returns
    -------
    dict
        "top_eigenvalue" σ₁²/n, "difficulty" Q, "threshold" C*; "predicted_D" and "gap_D" of Theorem 4.6 for
        D = 2 … 5; "initial_lower", "initial_gap" (Theorem 5.6 without our term) and "converged_lower",
        "converged_gap" (Theorem 5.7), with the variances of PyTorch's default; "initial_sharpness", the
        sharpness at 400 starts of these variances, an array.
    """
    parts = _decompose(X)
    d = labels_in_range(parts, y)
    Q = parts.difficulty(d)
    alpha, beta = 1 / np.sqrt(3 * X.shape[1]), 1 / np.sqrt(3)
    initial = initial_bounds(parts, d, alpha, beta)
    converged = converged_bounds(parts, d, *imbalance_moments(parts.rank, alpha, beta))
    result = {
        "top_eigenvalue": parts.top**2 / parts.n_samples,
        "difficulty": Q,
        "threshold": threshold(parts, d),
        "initial_lower": initial[0],
        "initial_gap": initial[1] - initial[0],
        "converged_lower": converged[0],
        "converged_gap": converged[1] - converged[0],
    }
    for depth in DEPTHS:
        lower, upper = bounds(parts, d, layer_squares(parts.arithmetic, Q, [0] * (depth - 1)))
        result[f"predicted_{depth}"] = predicted(parts, d, depth)
        result[f"gap_{depth}"] = upper - lower
    numbers: dict[str, float | npt.NDArray[np.float64]] = {name: float(x) for name, x in result.items()}
    if rng is not None:
        sigma, labels = np.asarray(parts.sigma, dtype=np.float64), np.asarray(d, dtype=np.float64)
        numbers["initial_sharpness"] = initial_sharpness(sigma, labels, len(X), alpha, beta, rng)
    return numbers


def _decompose(X: npt.NDArray[np.float64]) -> Spectrum:
    if len(X) <= X.shape[1]:
        squares, vectors = np.linalg.eigh(X @ X.T)
        if squares[0] > 2.0**-26 * squares[-1]:
            sigma = np.sqrt(squares[::-1])
            return Spectrum(Arithmetic(), X, sigma, vectors[:, ::-1], X[:0].T)  # no function here needs r_i
    return spectrum(X)


def collect(
    dataset: Dataset,
    sizes: Iterable[int] = SIZES,
    *,
    subsets: int = SUBSETS,
    seed: int = 0,
    report: Callable[[str], None] = lambda line: None,
) -> dict[int, Values]:
    """Draw balanced subsets, each standardised by its own statistics, and take `quantities` of each.

    Subset k of n samples is drawn by ``numpy.random.default_rng([seed, n, k])``, starts on it by
    ``default_rng([seed, n, k, 1])``: more subsets, or other sizes, change nothing about the first ones.

    Parameters
    ----------
    dataset : of two classes.
    sizes : numbers of samples, even.
    subsets : how many of each size, at least 2; the paper has 50.
    seed : at least 0.
    report : called with a line of text per finished size.

    Returns
    -------
    dict from n to a dict of arrays, shape (subsets,), or (subsets, 400) for "initial_sharpness"

    Raises
    ------
    ConfigurationError
        More samples than the data set has.
    """
    check_count("subsets", subsets, 2)
    check_seed(seed)
    result: dict[int, Values] = {}
    for n in sizes:
        found = []
        for k in range(subsets):
            X, y = dataset.balanced_subset(n, np.random.default_rng([seed, n, k]))
            found.append(quantities(X, y, np.random.default_rng([seed, n, k, 1])))
        result[n] = {name: np.array([one[name] for one in found]) for name in found[0]}
        report(f"{dataset.name} n = {n}: {subsets} subsets")
    return result
