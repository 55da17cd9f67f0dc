"""Theorem 5.9 on real data: the mean change of the imbalance over sampled batches against the theorem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpsharp.errors import ConfigurationError
from mpsharp.initialization import check_count
from mpsharp.optimizers import GD, SGD
from mpsharp.problems import Problem
from mpsharp.theory import sgd_imbalance_change
from mpsharp.training import run

if TYPE_CHECKING:
    from collections.abc import Iterable

Float64Array = npt.NDArray[np.float64]

_ROWS_AT_ONCE = 2000  # batches whose gradients are held in memory together


@dataclass(frozen=True)
class Sampled:
    """The change of the imbalance over sampled batches at one state, and what Theorem 5.9 expects.

    Parameters
    ----------
    step : of the run at which the state was taken.
    expected : E C⁺ − C by the theorem.
    full_batch : C⁺ − C of GD by the theorem.
    mean : of C⁺ − C over the batches.
    standard_error : of `mean`.
    batches : how many.
    """

    step: int
    expected: float
    full_batch: float
    mean: float
    standard_error: float
    batches: int

    @property
    def deviation(self) -> float:
        """(mean − expected) in standard errors."""
        return (self.mean - self.expected) / self.standard_error


def sample_changes(
    problem: Problem, batch_size: int, batches: int, rng: np.random.Generator, *, step: int = 0
) -> Sampled:
    """Make one SGD step from the problem's starting point with each of many batches, in float64.

    The steps are made, and the imbalance before and after is taken from the parameters: no formula of the
    theorem is used for the mean.

    Parameters
    ----------
    problem : of depth 2, with an optimizer; its X must have full column rank, as in row-space coordinates, so
        that ‖Πu‖ = ‖u‖.
    batch_size : B, 1 ≤ B ≤ n_samples.
    batches : how many, at least 2; uniform without replacement, each independent.
    rng : draws them.
    step : to be noted in the result.

    Raises
    ------
    ConfigurationError
        Another depth or rank; no optimizer with a step size.
    """
    if problem.depth != 2 or problem.rank != problem.n_features:
        raise ConfigurationError(
            f"problem: expected depth 2, rank {problem.n_features} (n_features), got depth {problem.depth} "
            f"and rank {problem.rank}"
        )
    if not isinstance(problem.optimizer, GD | SGD):
        raise ConfigurationError(f"problem: expected an optimizer GD or SGD, got {problem.optimizer!r}")
    check_count("batches", batches, 2)
    X, y, u, v = (np.asarray(part, dtype=np.float64) for part in (problem.X, problem.y, problem.u, problem.v))
    step_size = float(problem.optimizer.step_size)
    expected = sgd_imbalance_change(X, y, u, v, step_size, batch_size)[0]
    full_batch = sgd_imbalance_change(X, y, u, v, step_size, len(y))[0]
    s = X @ u
    z = v[0] * s - y
    changes = np.empty(batches)
    for start in range(0, batches, _ROWS_AT_ONCE):
        part = changes[start : start + _ROWS_AT_ONCE]
        rows = np.argpartition(rng.random((len(part), len(y))), batch_size - 1)[:, :batch_size]
        weights = np.zeros((len(part), len(y)))  # z_i/B where i is in the batch
        np.put_along_axis(weights, rows, z[rows] / batch_size, axis=1)
        moved = u - step_size * v[0] * (weights @ X)
        layer = v[0] - step_size * (weights @ s)
        part[:] = ((moved**2).sum(axis=1) - layer**2) - (u @ u - v[0] ** 2)
    error = float(changes.std(ddof=1) / np.sqrt(batches))
    return Sampled(step, float(expected), float(full_batch), float(changes.mean()), error, batches)


def states_along(
    problem: Problem, optimizer: GD | SGD, steps: Iterable[int], *, seed: int = 0
) -> dict[int, Problem]:
    """Return the problem with the parameters of a float64 run after each number of steps as starting point.

    Parameters
    ----------
    problem : where the run starts.
    optimizer : of the run, and of the problems returned.
    steps : increasing, at least 1.
    seed : of the batches; each stretch between two states has its own.
    """
    states: dict[int, Problem] = {}
    now, done = problem, 0
    for index, step in enumerate(steps):
        made = run(
            now,
            format="float64",
            arithmetic="numpy",
            optimizer=optimizer,
            steps=step - done,
            record_every=step - done,
            observables="loss",
            seed=seed + index,
            progress=False,
        )
        parts: dict[str, Any] = {"X": problem.X, "y": problem.y}
        now = Problem(**parts, u=made.u.to_float64(), v=made.v.to_float64(), optimizer=optimizer)
        states[step] = now
        done = step
    return states
