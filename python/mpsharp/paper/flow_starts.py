"""The runs behind Figures 18–20: gradient flow from (α, β) starts, and what the theorems say of them.

Theorems 5.6 and 5.7 bound expectations over starts, and one number v decides most of a start's sharpness.
So the runs are judged beside what they are drawn from: thousands of starts, each with its sharpness, and with
the exact sharpness at the minimiser that gradient flow leads to (Lemma 5.2: its imbalance says which).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpsharp import datasets, initialization, problems
from mpsharp.paper.flow_runs import flow_run
from mpsharp.paper.kept import MakeRun
from mpsharp.paper.sources import possible
from mpsharp.paper.starts import arrow_sharpness
from mpsharp.theory import (
    Bounds,
    converged_sharpness_bounds,
    initial_sharpness_bounds,
    layer_imbalance,
    minimizer_sharpness,
)
from mpsharp.training import run

if TYPE_CHECKING:
    from mpsharp.trajectory import Trajectory

Floats = npt.NDArray[np.float64]

STARTS = 20_000
_AT_ONCE = 1000  # starts, which keeps their arrays in the cache
STOP_LOSS = 1e-10


@dataclass(frozen=True, eq=False)
class Expected:
    """A mean over starts beside the bounds of the expectation.

    Parameters
    ----------
    values : array, shape (starts,)
    bounds : of their expectation.
    """

    values: Floats
    bounds: Bounds

    @property
    def mean(self) -> float:
        """Of the values."""
        return float(self.values.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean."""
        return float(self.values.std(ddof=1) / np.sqrt(len(self.values)))

    @property
    def holds(self) -> bool:
        """Whether the mean is inside the bounds, to two standard errors."""
        margin = 2 * self.standard_error
        return bool(self.bounds.lower - margin <= self.mean <= self.bounds.upper + margin)

    @property
    def share_inside(self) -> float:
        """How many of the values are between the bounds, which nothing says that they should be."""
        return float(np.mean([self.inside(value) for value in self.values]))

    def inside(self, value: float) -> bool:
        """Whether one value is between the bounds."""
        return bool(self.bounds.lower <= value <= self.bounds.upper)


@dataclass(frozen=True, eq=False)
class Subset:
    """A subset of the data, and what is expected of starts on it.

    Parameters
    ----------
    n_samples : n.
    alpha, beta : standard deviations of the starts.
    first : sharpness at the start, Theorem 5.6.
    limit : sharpness where gradient flow converges, Theorem 5.7.
    """

    n_samples: int
    alpha: float
    beta: float
    first: Expected
    limit: Expected


@dataclass(frozen=True, eq=False)
class Line:
    """One run.

    Parameters
    ----------
    subset : of the data.
    weight_seed : of its start.
    imbalance : of its start.
    limit : exact sharpness where it converges.
    result : the run.
    """

    subset: Subset
    weight_seed: int
    imbalance: float
    limit: float
    result: Trajectory

    @property
    def converged(self) -> bool:
        """Whether the loss came down to `STOP_LOSS`."""
        return self.result.status == "converged"

    def row(self) -> dict[str, Any]:
        """What the summary says of it; bounds are judged only where it converged."""
        first, last = float(self.result.sharpness[0]), float(self.result.sharpness[-1])
        at_start, at_end = self.subset.first, self.subset.limit
        return {
            "n_samples": self.subset.n_samples,
            "weight_seed": self.weight_seed,
            "alpha": self.subset.alpha,
            "beta": self.subset.beta,
            "first_imbalance": self.imbalance,
            "status": self.result.status,
            "steps": int(self.result.step[-1]),
            "flow_time": float(self.result.flow_time[-1]),
            "last_loss": float(2.0 ** self.result.log2_loss[-1]),
            "first_sharpness": first,
            "first_lower_bound": at_start.bounds.lower,
            "first_upper_bound": at_start.bounds.upper,
            "first_between_bounds": at_start.inside(first),
            "last_sharpness": last,
            "exact_limit": self.limit,
            "relative_difference": last / self.limit - 1,
            "last_lower_bound": at_end.bounds.lower,
            "last_upper_bound": at_end.bounds.upper,
            "last_between_bounds": at_end.inside(last) if self.converged else "not converged",
            "last_over_lower_bound": last / at_end.bounds.lower,
            "imbalance_drift": float(self.result.imbalance_drift.max()),
        }


def limits(sigma: Floats, d: Floats, n_samples: int, nu: Floats, v: Floats) -> Floats:
    """Exact sharpness where gradient flow converges, for many starts of the two-layer model.

    The minimiser with the imbalance C = ‖ν‖² − v² of the start has v² = t = (√(C² + 4Q) − C)/2 and
    ν_i = d_i/(σ_i v) (Theorem 4.3).

    Parameters
    ----------
    sigma, d : arrays, shape (rank,), sigma falling; singular values and coefficients of the labels.
    n_samples : n.
    nu : array, shape (starts, rank); starts in spectral coordinates.
    v : array, shape (starts,)

    Returns
    -------
    array, shape (starts,)
    """
    Q = np.sum((d / sigma) ** 2)
    C = np.sum(nu**2, axis=1) - v**2
    root = np.sqrt(C**2 + 4 * Q)
    square = np.where(C > 0, 2 * Q / (root + np.abs(C)), (root - C) / 2)  # no cancellation
    at = np.sqrt(square)
    return arrow_sharpness(sigma, d, d / (sigma * at[:, None]), at) / n_samples


def lines(
    dataset: str,
    sizes: Sequence[int],
    *,
    weight_seeds: int = 3,
    starts: int = STARTS,
    steps: int,
    seed: int = 0,
    progress: bool | None = None,
    report: Callable[[str], None] = lambda line: None,
    make_run: MakeRun = run,
) -> list[Line]:
    """Make every run, each until its loss is at most `STOP_LOSS`, or until `steps` are made.

    Parameters
    ----------
    dataset : of `mpsharp.datasets`.
    sizes : numbers of samples; where there are fewer, all that there are. One subset of each.
    weight_seeds : how many starts, the same for every size: u ~ N(0, I/(3d)) and v ~ N(0, 1/3), which has
        the variances of PyTorch's default, from ``default_rng([seed, k])``.
    starts : how many others the runs are compared with.
    steps : at most, of a run.
    seed, progress, report : as for `mpsharp.paper.exhibit.Make`.
    make_run : makes a run, or finds it made (`mpsharp.paper.kept.kept`).

    Raises
    ------
    DatasetError
        The data is absent.
    """
    data = datasets.load(dataset)
    made: list[Line] = []
    for n in possible(sizes, data):
        X, y = data.balanced_subset(n, np.random.default_rng(seed))
        alpha, beta = float(1 / np.sqrt(3 * X.shape[1])), float(1 / np.sqrt(3))
        subset: Subset | None = None
        for k in range(weight_seeds):
            u, v = initialization.alpha_beta(X.shape[1], alpha, beta, np.random.default_rng([seed, k]))
            problem = problems.reduced(problems.Problem(X=X, y=y, u=u, v=v), "spectral")
            if subset is None:
                subset = _subset(problem, alpha, beta, starts, np.random.default_rng([seed, n, 1]))
            imbalance = float(layer_imbalance(problem.X, problem.u, problem.v)[0])
            result = flow_run(make_run, problem, steps=steps, stop_loss=STOP_LOSS, progress=progress)
            limit = float(minimizer_sharpness(problem.X, problem.y, 2, [imbalance]))
            made.append(Line(subset, k, imbalance, limit, result))
            report(
                f"n = {n}, weight seed {k}: S = {result.sharpness[0]:.1f} → {result.sharpness[-1]:.1f} "
                f"({result.status}; exact limit {limit:.1f})"
            )
    return made


def _subset(
    problem: problems.Problem, alpha: float, beta: float, starts: int, rng: np.random.Generator
) -> Subset:
    """Bounds, and the sharpness at many starts and where they lead."""
    n, rank = problem.n_samples, problem.rank
    sigma, d = np.diagonal(problem.X)[:rank].copy(), problem.y[:rank]
    first, limit = [], []
    for left in range(starts, 0, -_AT_ONCE):
        count = min(left, _AT_ONCE)
        nu, v = alpha * rng.standard_normal((count, rank)), beta * rng.standard_normal(count)
        first.append(arrow_sharpness(sigma, d, nu, v) / n)
        limit.append(limits(sigma, d, n, nu, v))
    at_start = initial_sharpness_bounds(problem.X, problem.y, alpha, beta)
    at_end = converged_sharpness_bounds(problem.X, problem.y, alpha, beta)
    return Subset(
        *(n, alpha, beta),
        Expected(np.concatenate(first), at_start),
        Expected(np.concatenate(limit), at_end),
    )
