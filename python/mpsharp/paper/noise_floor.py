"""Ours: noise of size 2^-k in nearly exact arithmetic against arithmetic of k bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp import plotting, problems
from mpsharp.paper.files import write_csv
from mpsharp.training import run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mpsharp.trajectory import Trajectory

NAME = "noise_floor"
TITLE = "A noise floor of 2^-k in nearly exact arithmetic acts as arithmetic of k bits"
STATEMENT = (
    "The paper supposes that precision acts through rounding noise along the unstable direction. Random "
    "relative perturbations of size 2^-k, at many more bits, bring catapult and outcome of k bits (ours)."
)
DATA = "synthetic"
MINUTES = 0.4
K = (24, 32, 53, 64, 96, 128, 192, 256)
BITS = 640  # above the horizon of some 360 bits, so that only the noise is left
STEPS = 450
SHOWN = 53  # the k whose curves are drawn


def make(
    folder: Path,
    *,
    full: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run the default problem at k bits and with noise 2^-k, several seeds (`mpsharp.paper.exhibit.Make`)."""
    rows, curves = [], {}
    for one in range(seed, seed + (20 if full else 5)):
        problem = problems.reduced(problems.appendix_d(seed=one), "spectral")
        for k in K:
            rounded = _train(problem, k, progress=progress)
            noisy = _train(problem, BITS, noise=Fraction(1, 2**k), seed=one, progress=progress)
            rows.append({"seed": one, "k": k, **_row("rounded", rounded), **_row("noisy", noisy)})
            if k == SHOWN and one == seed:
                curves = {f"{k} bits": rounded, f"noise $2^{{-{k}}}$ at {BITS} bits": noisy}
        report(f"{NAME} seed {one}: {len(K)} sizes")
    figure = plot(rows, curves)
    plotting.save_figure(figure, folder / f"{NAME}.png")
    plotting.save_figure(figure, folder / f"{NAME}.pdf")
    write_csv(folder / f"{NAME}.csv", rows)
    write_csv(folder / f"{NAME}_summary.csv", summarise(rows))
    return {"files": [f"{NAME}{end}" for end in (".png", ".pdf", ".csv", "_summary.csv")]}


def summarise(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each k, over the seeds: median catapults, their ratio, largest difference, agreeing outcomes."""
    found = []
    for k in sorted({row["k"] for row in rows}):
        group = [row for row in rows if row["k"] == k]
        pairs = np.array(
            [
                (row["rounded_catapult"], row["noisy_catapult"])
                for row in group
                if None not in (row["rounded_catapult"], row["noisy_catapult"])
            ],
            dtype=float,
        ).reshape(-1, 2)
        medians = np.median(pairs, axis=0) if len(pairs) else (np.nan, np.nan)
        found.append(
            {
                "k": k,
                "seeds": len(group),
                "median_rounded": float(medians[0]),
                "median_noisy": float(medians[1]),
                "ratio_of_medians": float(medians[1] / medians[0]),
                "largest_difference": float(np.abs(pairs[:, 1] / pairs[:, 0] - 1).max())
                if len(pairs)
                else np.nan,
                "same_outcome": sum(row["rounded_status"] == row["noisy_status"] for row in group),
            }
        )
    return found


def plot(rows: Sequence[Mapping[str, Any]], curves: Mapping[str, Trajectory]) -> Figure:
    """Draw the catapult over k for both, and the sharpness of one pair of runs."""
    figure = plotting.new_figure((10.0, 4.0))
    left, right = figure.subplots(1, 2)
    rounded_colour, noisy_colour = plotting.colours(2)
    for name, colour, marker, shift, label in (
        ("rounded", rounded_colour, "o", 0.97, "arithmetic of k bits"),
        ("noisy", noisy_colour, "x", 1.03, f"noise $2^{{-k}}$ at {BITS} bits"),
    ):
        points = [(row["k"] * shift, row[f"{name}_catapult"]) for row in rows if row[f"{name}_catapult"]]
        left.plot(
            *np.array(points, dtype=float).reshape(-1, 2).T, marker, color=colour, label=label, markersize=5
        )
    left.set_xscale("log", base=2)
    left.set_xticks([24, 53, 128, 256], ["24", "53", "128", "256"])
    left.minorticks_off()
    left.set_xlabel("k")
    left.set_ylabel("step of the catapult")
    left.legend(fontsize="small", frameon=False)
    plotting.draw_sharpness(right, curves)
    right.set_xlabel("step")
    right.legend(fontsize="small", frameon=False)
    for axes in (left, right):
        axes.grid(alpha=0.25)
    return figure


def _train(problem: problems.Problem, bits: int, **options: Any) -> Trajectory:
    return run(
        problem,
        bits=bits,
        steps=STEPS,
        coordinates="spectral",
        observables=("loss", "sharpness"),
        threads=1,
        **options,
    )


def _row(name: str, seen: Trajectory) -> dict[str, Any]:
    return {f"{name}_catapult": seen.catapult_step, f"{name}_status": seen.status}
