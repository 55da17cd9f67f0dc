"""Trajectories with chosen records, for what is computed after a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mpsharp import GD, ExactArray, Problem, Trajectory
from mpsharp.formats import Format


def trajectory(
    loss: Sequence[Any],
    sharpness: Sequence[Any],
    *,
    step: Sequence[int] | None = None,
    format: Format | str | int = 256,
    step_size: Any = 0.5,
    status: str = "completed",
) -> Trajectory:
    """A run of depth 3 on a 1×1 problem with these losses and sharpnesses (anything ExactArray takes)."""
    chosen = Format.parse(format)
    step = np.arange(len(loss)) if step is None else np.asarray(step)
    problem = Problem(X=[[1.0]], y=[1.0], u=[0.5], v=[1.0, 1.0], optimizer=GD(step_size), steps=5)

    def exact(values: Any) -> ExactArray:
        return ExactArray.from_any(list(values), chosen.bits)

    return Trajectory(
        problem=problem,
        format=chosen,
        config={
            "problem": {"name": "explicit"},
            "optimizer": problem.optimizer.config(),
            "format": chosen.name,
            "arithmetic": "exact",
        },
        step=step,
        records={
            "loss": exact(loss),
            "sharpness": exact(sharpness),
            "sharpness_residual": exact([0.0] * len(loss)),
            "imbalance": ExactArray.from_any(np.zeros((len(loss), 2)), chosen.bits),
        },
        u=exact([0.5]),
        v=exact([1.0, 1.0]),
        status=status,
        status_step=int(step[-1]),
        seconds=0.25,
    )
