"""Runs of gradient flow until the data is fitted, as Figures 5, 13 and 17–20 draw them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mpsharp.optimizers import GradientFlow

if TYPE_CHECKING:
    from mpsharp.formats import FormatLike
    from mpsharp.paper.kept import MakeRun
    from mpsharp.problems import Problem
    from mpsharp.trajectory import Trajectory


def flow_run(
    make_run: MakeRun,
    problem: Problem,
    *,
    steps: int,
    stop_loss: float,
    format: FormatLike = "float64",
    record_every: int | None = None,
    progress: bool | None = None,
) -> Trajectory:
    """Make a run in spectral coordinates until its loss is at most `stop_loss`, or `steps` are made.

    Parameters
    ----------
    make_run : makes a run, or finds it made (`mpsharp.paper.kept.kept`).
    format : of the run; float64 in NumPy's own sums by default.
    record_every : by default a tenth of the number of samples, as larger problems take more steps.
    progress : as for `mpsharp.run`.
    """
    return make_run(
        problem,
        format=format,
        arithmetic="numpy" if format == "float64" else "exact",
        optimizer=GradientFlow(),
        coordinates="spectral",
        steps=steps,
        record_every=record_every or max(10, problem.n_samples // 10),
        stop_loss=stop_loss,
        progress=progress,
    )


def flow_points(result: Trajectory) -> Iterator[dict[str, Any]]:
    """One row for each record: step, flow time and sharpness."""
    for step, time, sharpness in zip(result.step, result.flow_time, result.sharpness, strict=True):
        yield {"step": int(step), "flow_time": float(time), "sharpness": float(sharpness)}
