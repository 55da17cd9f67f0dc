"""From one recorded run to the law that predicts runs at every other number of bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mpsharp.errors import ConfigurationError
from mpsharp.theory import PrecisionLaw, top_losses

if TYPE_CHECKING:
    from mpsharp.trajectory import Trajectory


def precision_law(run: Trajectory) -> PrecisionLaw:
    """Return what a run says about every other number of bits; see `mpsharp.Trajectory.precision_law`."""
    if run.config["optimizer"]["name"] != "GD":
        raise ConfigurationError(f"precision_law: expected a run of GD, got {run.config['optimizer']}")
    if run.step[0] != 0 or np.any(np.diff(run.step) != 1):
        raise ConfigurationError("precision_law: expected a record of every step (record_every=1)")
    problem = run.problem
    sizes = top_losses(
        problem.X, problem.y, problem.u, problem.v, run.step_size, coordinates=run.config["coordinates"]
    )
    return PrecisionLaw(
        sharpness=run.sharpness,
        step_size=run.step_size,
        loss=run.records["loss"],
        start_loss=sizes.start,
        noise_loss=sizes.noise,
        depth=len(problem.v) + 1,
    )
