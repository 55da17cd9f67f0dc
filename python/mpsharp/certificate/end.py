"""The proven interval at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp.certificate.enclosure import SharpnessInterval, sharpness_interval
from mpsharp.exact import ExactArray
from mpsharp.problems import Problem

if TYPE_CHECKING:
    from mpsharp.trajectory import Trajectory


def interval_at_end(run: Trajectory, bits: int | None = None) -> SharpnessInterval:
    """Enclose the sharpness at the last step of a run; see `mpsharp.Trajectory.sharpness_interval`."""
    own = run.format.bits
    data: dict[str, Any] = {
        name: values if values.dtype == np.float64 and own >= 53 else ExactArray.from_any(values, own)
        for name, values in (("X", run.problem.X), ("y", run.problem.y))
    }
    return sharpness_interval(Problem(**data | {"u": run.u, "v": run.v}), own if bits is None else bits)
