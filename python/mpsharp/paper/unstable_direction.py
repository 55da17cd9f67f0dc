"""Ours: the displacement along the top eigenvector, from far below float64 to the catapult."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp import plotting, problems
from mpsharp.paper.files import write_csv
from mpsharp.unstable import UnstableDirection, unstable_direction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "unstable_direction"
TITLE = "What rounding does along the top eigenvector, measured and predicted"
STATEMENT = (
    "While S < 2/step size a displacement along the top eigenvector stays at the rounding noise; above, it "
    "grows by |1 - step size * S| a step until it is seen as a catapult, and then stabilises itself."
)
DATA = "synthetic"
MINUTES = 0.2
BITS = (24, 53, 128, 256, 512)
STEPS = 480
SHOWN = 53


def make(
    folder: Path,
    *,
    full: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Follow the default problem at several precisions (`mpsharp.paper.exhibit.Make`)."""
    problem = problems.appendix_d(seed=seed)
    seen = {}
    for bits in BITS:
        seen[bits] = unstable_direction(problem, bits=bits, steps=STEPS, threads=1, progress=progress)
        report(f"{NAME} {bits} bits: catapult {seen[bits].trajectory.catapult_step}")
    figure = plot(seen)
    plotting.save_figure(figure, folder / f"{NAME}.png")
    plotting.save_figure(figure, folder / f"{NAME}.pdf")
    write_csv(folder / f"{NAME}.csv", [row for bits, one in seen.items() for row in _rows(bits, one)])
    write_csv(folder / f"{NAME}_summary.csv", [summarise(bits, one) for bits, one in seen.items()])
    return {"files": [f"{NAME}{end}" for end in (".png", ".pdf", ".csv", "_summary.csv")]}


def summarise(bits: int, one: UnstableDirection) -> dict[str, Any]:
    """Measured and predicted: the noise floor, and log2 of the displacement where the law ends."""
    last = until(one) - 1
    first = one.reference.first_unstable_step
    before = slice(1, int(np.searchsorted(one.step, last if first is None else first)))
    return {
        "bits": bits,
        "catapult_step": one.trajectory.catapult_step,
        "log2_floor": float(np.median(one.log2_displacement[before])),
        "log2_floor_predicted": float(np.median(one.predicted_log2_displacement[before])),
        "last_step": int(one.step[last]),
        "log2_last": float(one.log2_displacement[last]),
        "log2_last_predicted": float(one.predicted_log2_displacement[last]),
    }


def plot(seen: Mapping[int, UnstableDirection]) -> Figure:
    """Draw the displacement over the steps with the predicted lines, and the plane of self-stabilisation."""
    figure = plotting.new_figure((10.5, 4.2))
    left, right = figure.subplots(1, 2)
    for (bits, one), colour in zip(seen.items(), plotting.colours(len(seen)), strict=True):
        end = until(one)
        left.plot(
            one.step[:end], one.log2_displacement[:end], color=colour, linewidth=1.4, label=f"{bits} bits"
        )
        left.plot(
            one.step[:end],
            one.predicted_log2_displacement[:end],
            color="black",
            linewidth=0.8,
            linestyle="--",
        )
    left.plot([], [], color="black", linewidth=0.8, linestyle="--", label="predicted")
    first = next(iter(seen.values())).reference.first_unstable_step
    if first is not None:
        left.axvline(
            first, color=plotting.LIMIT_COLOUR, linewidth=1, linestyle=":", label="S = 2 / step size"
        )
    left.set_xlabel("step")
    left.set_ylabel("log₂ |displacement along the top eigenvector|")
    left.legend(fontsize="small", frameon=False, loc="lower left", bbox_to_anchor=(0.0, 0.08))
    shown = seen[SHOWN] if SHOWN in seen else next(iter(seen.values()))
    if shown.unstable_step is not None:
        from_here = shown.unstable_step
        right.plot(shown.x[from_here:], shown.y[from_here:], "-o", color="0.5", markersize=3, linewidth=0.6)
        right.axhline(0, color=plotting.LIMIT_COLOUR, linewidth=1, linestyle=":")
        right.set_title(f"{SHOWN} bits, from the first step with S > 2 / step size", fontsize="medium")
    right.set_xlabel("x, along the top eigenvector at that step")
    right.set_ylabel("y, change of S to first order")
    for axes in (left, right):
        axes.grid(alpha=0.25)
    return figure


def until(one: UnstableDirection) -> int:
    """Where the law ends: behind the first catapult of either run."""
    ends = [run.catapult_step for run in (one.trajectory, one.reference) if run.catapult_step is not None]
    return min([len(one.step), *(end + 1 for end in ends)])


def _rows(bits: int, one: UnstableDirection) -> list[dict[str, Any]]:
    columns = {
        "log2_displacement": one.log2_displacement,
        "predicted_log2_displacement": one.predicted_log2_displacement,
        "displacement_sign": one.displacement_sign,
        "x": one.x,
        "y": one.y,
    }
    table = np.column_stack(list(columns.values())).tolist()
    return [
        {"bits": bits, "step": int(step), **dict(zip(columns, row, strict=True))}
        for step, row in zip(one.step, table, strict=True)
    ]
