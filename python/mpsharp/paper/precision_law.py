"""Ours: 8 to 2048 bits in one picture, the catapult's step, sharpness and outcome, with the prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp import datasets, plotting
from mpsharp.errors import MissingDatasetError
from mpsharp.paper.files import write_csv
from mpsharp.paper.law import Case, Store, foretold, key, measure_all
from mpsharp.paper.origin import code_sha256
from mpsharp.paper.precision_maps import COLOURS
from mpsharp.resources import available_cores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "precision_law"
TITLE = "From 8 to 2048 bits: step, sharpness and outcome of the catapult"
STATEMENT = "One run at many bits predicts the catapult at every other number of bits (ours)."
CATS = "cifar10-cat-dog"
DATA = f"synthetic, {CATS}"
MINUTES = 3.0
BITS = (8, 12, 16, 24, 32, 53, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)

PANELS = {
    "default problem, limit ratio 2.2": {"family": "appendix_d", "n": 100, "limit_ratio": 2.2},
    "300 cats and dogs, limit ratio 1.5": {"family": CATS, "n": 300, "limit_ratio": 1.5, "v": 0.4},
    "100 cats and dogs, limit ratio 3": {"family": CATS, "n": 100, "limit_ratio": 3.0, "v": 0.15},
}


Rows = Sequence[Mapping[str, Any]]


def cases(*, seed: int = 0) -> dict[str, Case]:
    """Return the panels, all of depth 2: the default problem and the two of Figure 29."""
    return {
        title: Case(depth=2, seed=seed, reference_bits=2560, most_steps=6000, **options)  # type: ignore[arg-type]
        for title, options in PANELS.items()
    }


def make(
    folder: Path,
    *,
    full: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run what ``NAME_runs.jsonl`` in `folder` does not have yet, and draw (`mpsharp.paper.exhibit.Make`)."""
    panels = cases(seed=seed)
    try:
        datasets.load(CATS)
    except MissingDatasetError as error:
        report(f"{NAME}: the default problem alone: no data ({error})")
        panels = {title: case for title, case in panels.items() if case.family != CATS}
    store = Store(folder / f"{NAME}_runs.jsonl", code_sha256())
    measure_all(
        panels.values(), BITS, store, jobs=available_cores(), report=lambda line: report(f"{NAME} {line}")
    )
    found = {row["key"]: row for row in store.rows()}
    runs = {title: [found[key(case, bits)] for bits in BITS] for title, case in panels.items()}
    figure = plot(runs)
    plotting.save_figure(figure, folder / f"{NAME}.png")
    plotting.save_figure(figure, folder / f"{NAME}.pdf")
    rows = [{**row, "foretold": foretold(row)} for panel in runs.values() for row in panel]
    write_csv(folder / f"{NAME}.csv", rows)
    summary = [{"problem": title, **summarise(panel)} for title, panel in runs.items()]
    write_csv(folder / f"{NAME}_summary.csv", summary)
    return {"files": [f"{NAME}{end}" for end in (".png", ".pdf", ".csv", "_summary.csv", "_runs.jsonl")]}


def summarise(rows: Rows) -> dict[str, Any]:
    """How often and how closely the law is right, over the bits of one problem."""
    both = [row for row in rows if None not in (row["observed"], row["predicted"])]
    errors = [abs(row["predicted"] / row["observed"] - 1) for row in both]
    blown = [row["bits"] for row in rows if row["outcome"] == "blow-up"]
    return {
        "bits": len(rows),
        "precision_horizon": rows[0]["horizon"],
        "catapults": len(both),
        "median_step_error": float(np.median(errors)) if errors else math.nan,
        "largest_step_error": max(errors, default=math.nan),
        "outcomes_as_predicted": sum(foretold(row) == row["outcome"] for row in rows),
        "least_bits_of_blow_up_predicted": rows[0]["blowup_bits"],
        "least_bits_of_blow_up": min(blown, default=None),
    }


def plot(panels: Mapping[str, Rows]) -> Figure:
    """Draw a column for each problem: the step of the catapult above its sharpness."""
    figure = plotting.new_figure((3.9 * len(panels) + 0.6, 6.2))
    grid = figure.subplots(2, len(panels), sharex=True, squeeze=False)
    for column, (title, rows) in enumerate(panels.items()):
        above, below = grid[0][column], grid[1][column]
        _draw(above, rows, "predicted", "observed")
        _draw(below, rows, "predicted_ratio", "observed_ratio")
        horizon = rows[0]["horizon"]
        for axes in (above, below):
            axes.axvline(horizon, color=plotting.LIMIT_COLOUR, linewidth=1, linestyle=":")
            axes.grid(alpha=0.25)
        below.axhline(rows[0]["blowup_ratio"], color=plotting.LIMIT_COLOUR, linewidth=1, linestyle="--")
        below.axhline(1, color=plotting.LIMIT_COLOUR, linewidth=1)
        above.set_title(title, fontsize="medium")
        above.set_xscale("log", base=2)
        above.set_xticks([8, 32, 128, 512, 2048], ["8", "32", "128", "512", "2048"])
        below.set_xlabel("bits")
        above.set_ylim(bottom=0)
        if column == 0:
            above.set_ylabel("step of the catapult")
            below.set_ylabel("sharpness as it starts / (2 / step size)")
    from matplotlib.lines import Line2D

    grey = plotting.LIMIT_COLOUR
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            linestyle="",
            color=COLOURS["catapult"],
            markeredgecolor="0.3",
            label="recovers",
        ),
        Line2D([], [], marker="X", linestyle="", color=COLOURS["blow-up"], label="blows up"),
        Line2D([], [], color="black", linewidth=1.2, label="predicted from one run"),
        Line2D([], [], color=grey, linestyle=":", label="precision horizon"),
        Line2D([], [], color=grey, linestyle="--", label="border of blow-up"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize="small")
    return figure


def _draw(axes: Axes, rows: Rows, predicted: str, observed: str) -> None:
    bits = [row["bits"] for row in rows]
    axes.plot(bits, [math.nan if row[predicted] is None else row[predicted] for row in rows], color="black")
    for outcome, mark in (("catapult", "o"), ("blow-up", "X")):
        chosen = [row for row in rows if row["outcome"] == outcome and row[observed] is not None]
        axes.plot(
            [row["bits"] for row in chosen],
            [row[observed] for row in chosen],
            mark,
            color=COLOURS[outcome],
            markeredgecolor="0.3",
            markeredgewidth=0.6,
            markersize=6,
        )
