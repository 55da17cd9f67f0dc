"""Ours: the outcome of a run over bits and step size, and over bits and depth, with the predicted borders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp import plotting
from mpsharp.paper.files import write_csv
from mpsharp.paper.law import OUTCOMES, Case, Store, foretold, key, measure_all
from mpsharp.paper.origin import code_sha256
from mpsharp.resources import available_cores
from mpsharp.theory import blowup_limit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "precision_maps"
TITLE = "Convergence, oscillation, catapult and blow-up over bits, step size and depth"
STATEMENT = (
    "The outcome of training depends on precision. At depth 2 one run at each step size predicts the "
    "borders; with more layers it predicts the bits below which nothing blows up, and above them outcomes "
    "scatter (ours)."
)
DATA = "synthetic"
MINUTES = 4.0
BITS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768)
STEPS = 2000
SEEDS = 4

# Readable with any colour vision, and in order of brightness.
COLOURS = {
    "convergence": "#f0f0f0",
    "oscillation": "#a6cee3",
    "catapult": "#fdbf6f",
    "blow-up": "#7f2704",
}


def cases(*, full: bool = False, seed: int = 0) -> dict[str, list[Case]]:
    """Return the two panels: limit ratios at depth 2, and depths at limit ratio 3 with several seeds each."""
    ratios = np.arange(8, 37, 0.5 if full else 1) / 10
    return {
        "limit_ratio": [_case(2, float(ratio), seed) for ratio in ratios],
        "depth": [_case(depth, 3.0, seed + i) for depth in range(2, 9) for i in range(10 if full else SEEDS)],
    }


def _case(depth: int, ratio: float, seed: int) -> Case:
    return Case(
        family="appendix_d",
        n=100,
        depth=depth,
        seed=seed,
        limit_ratio=ratio,
        reference_bits=1024,
        most_steps=STEPS,
    )


def make(
    folder: Path,
    *,
    full: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run what ``NAME_runs.jsonl`` in `folder` does not have yet, and draw (`mpsharp.paper.exhibit.Make`)."""
    panels = cases(full=full, seed=seed)
    store = Store(folder / f"{NAME}_runs.jsonl", code_sha256())
    every = [case for panel in panels.values() for case in panel]
    measure_all(every, BITS, store, jobs=available_cores(), report=lambda line: report(f"{NAME} {line}"))
    found = {row["key"]: row for row in store.rows()}
    grids = {
        name: [[found[key(case, bits)] for case in panel] for bits in BITS] for name, panel in panels.items()
    }
    figure = plot(grids)
    plotting.save_figure(figure, folder / f"{NAME}.png")
    plotting.save_figure(figure, folder / f"{NAME}.pdf")
    cells = [row for grid in grids.values() for line in grid for row in line]
    write_csv(folder / f"{NAME}.csv", [{**row, "foretold": foretold(row)} for row in cells])
    counts = {name: agreement(grid) for name, grid in grids.items()}
    write_csv(folder / f"{NAME}_summary.csv", [{"panel": name, **count} for name, count in counts.items()])
    return {
        "files": [f"{NAME}{end}" for end in (".png", ".pdf", ".csv", "_summary.csv", "_runs.jsonl")],
        "agreement": counts,
    }


Grid = Sequence[Sequence[Mapping[str, Any]]]


def agreement(grid: Grid) -> dict[str, Any]:
    """Count the cells whose outcome was foretold, and those of them that have no predicted border beside."""
    classes = [[foretold(row) for row in line] for line in grid]
    counts = {"cells": 0, "right": 0, "inside": 0, "inside_right": 0}
    for i, line in enumerate(grid):
        for j, row in enumerate(line):
            beside = [
                classes[a][b]
                for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))
                if 0 <= a < len(grid) and 0 <= b < len(line)
            ]
            inside = all(other == classes[i][j] for other in beside)
            right = classes[i][j] == row["outcome"]
            counts["cells"] += 1
            counts["right"] += right
            counts["inside"] += inside
            counts["inside_right"] += inside and right
    return counts


def plot(grids: Mapping[str, Grid]) -> Figure:
    """Draw the panels side by side."""
    figure = plotting.new_figure((11.0, 5.0))
    left, right = figure.subplots(1, 2, sharey=True)
    _draw(left, grids["limit_ratio"], "limit_ratio")
    _draw(right, grids["depth"], "depth")
    columns = len({row["seed"] for row in grids["depth"][0]})
    left.set_xlabel("limit ratio: predicted sharpness / (2 / step size)")
    left.set_ylabel("bits")
    left.set_title("depth 2", fontsize="medium")
    right.set_xlabel(f"depth ({columns} columns each, one for a seed)")
    right.set_title("limit ratio 3", fontsize="medium")
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Patch(facecolor=COLOURS[name], edgecolor="0.6", label=name) for name in OUTCOMES]
    handles += [
        Line2D([], [], color="black", linewidth=2, label="predicted border"),
        Line2D([], [], color="black", linewidth=1.5, linestyle=":", label="no blow-up below"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False, fontsize="small")
    return figure


def _draw(axes: Axes, grid: Grid, across: str) -> None:
    from matplotlib.colors import ListedColormap

    values = [row[across] for row in grid[0]]
    codes = np.array([[OUTCOMES.index(row["outcome"]) for row in line] for line in grid])
    axes.imshow(
        codes,
        cmap=ListedColormap([COLOURS[name] for name in OUTCOMES]),
        vmin=-0.5,
        vmax=len(OUTCOMES) - 0.5,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
    )
    _borders(axes, [[foretold(row) for row in line] for line in grid], linewidth=2)
    first = [[_may_diverge(row) for row in line] for line in grid]
    _borders(axes, first, linewidth=1.5, linestyle=":", only=across == "depth")
    groups = {value: [i for i, other in enumerate(values) if other == value] for value in values}
    shown = list(groups)[:: max(1, len(groups) // 8)]
    axes.set_xticks([float(np.mean(groups[value])) for value in shown], [f"{value:g}" for value in shown])
    if len(groups) < len(values):
        for columns in groups.values():
            axes.axvline(columns[-1] + 0.5, color="white", linewidth=1.5)
    axes.set_yticks(range(len(grid)), [str(line[0]["bits"]) for line in grid])


def _may_diverge(row: Mapping[str, Any]) -> bool:
    limit = blowup_limit(int(row["depth"]), 0.0) / 2
    return row["predicted_ratio"] is not None and row["predicted_ratio"] > limit


def _borders(axes: Axes, classes: Sequence[Sequence[Any]], *, only: bool = True, **style: Any) -> None:
    """Draw a line between neighbouring cells of different classes."""
    if not only:
        return
    for i, line in enumerate(classes):
        for j, name in enumerate(line):
            if j + 1 < len(line) and line[j + 1] != name:
                axes.plot([j + 0.5] * 2, [i - 0.5, i + 0.5], color="black", **style)
            if i + 1 < len(classes) and classes[i + 1][j] != name:
                axes.plot([j - 0.5, j + 0.5], [i + 0.5] * 2, color="black", **style)
