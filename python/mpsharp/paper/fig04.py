"""Figure 4: batch size, learning rate and the sharpness that is reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp.paper.files import write_csv
from mpsharp.paper.stochastic import (
    CHOICES,
    Line,
    Settings,
    draw,
    finish,
    lines,
    method,
    panels,
    points,
    settings,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "fig04"
TITLE = "Batch size and learning rate: sharpness of the minimalist model along SGD and GD"
STATEMENT = (
    "Sharpness ends higher with larger batches, and, where batches are small, with smaller learning rates. "
    + CHOICES
)
DATA = "cifar10-cat-dog"
MINUTES = 0.6


def make(
    folder: Path,
    *,
    full: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Write the picture, every drawn point, a row per run, and the trends as numbers."""
    from mpsharp.plotting import save_figure

    chosen = settings(full)
    made = lines(
        chosen,
        ("sharpness",),
        seed=seed,
        progress=progress,
        report=lambda text: report(f"{NAME} {text}"),
    )
    for end in (".png", ".pdf"):
        save_figure(plot(chosen, made), folder / f"{NAME}{end}")
    write_csv(folder / f"{NAME}_curves.csv", points(made, {"sharpness": lambda line: line.result.sharpness}))
    rows = [line.row() | {"last_sharpness": float(line.result.sharpness[-1])} for line in made]
    write_csv(folder / f"{NAME}_summary.csv", rows)
    found = trends(chosen, made)
    write_csv(folder / f"{NAME}_trends.csv", found)
    for trend in found:
        report(f"{NAME} {trend['trend']}: {trend['holding']} of {trend['of']}")
    ends = (".png", ".pdf", "_curves.csv", "_summary.csv", "_trends.csv")
    return {"runs": [line.row() for line in made], "trends": found, "files": [f"{NAME}{end}" for end in ends]}


def plot(chosen: Settings, made: Sequence[Line]) -> Figure:
    """Draw sharpness over what gradient flow would reach, a panel for each batch size."""
    figure, grid, groups = panels(made)
    for axes, group in zip(grid[0], groups.values(), strict=True):
        draw(axes, group, lambda line: line.result.sharpness / line.flow_sharpness)
        axes.axhline(1, color="0.35", linestyle="--", linewidth=1, label="gradient flow")
    grid[0, 0].set_ylabel("sharpness / that of gradient flow")
    grid[0, 0].set_ylim(bottom=0)
    finish(figure, grid[0, 0], chosen)
    return figure


def trends(chosen: Settings, made: Sequence[Line]) -> list[dict[str, Any]]:
    """Compare the final sharpness of neighbouring settings, subset by subset.

    Returns
    -------
    list of dict
        "trend", in how many comparisons it is "holding", "of" how many, and the mean of the final sharpness
        of the setting that should be higher over that of the other, "mean_ratio".
    """
    final = {(line.subset, line.batch_size, line.fraction): float(line.result.sharpness[-1]) for line in made}
    n, subsets = chosen.n_samples, range(chosen.subsets)
    found = []
    for fraction in chosen.fractions:
        ratios = [
            final[subset, high, fraction] / final[subset, low, fraction]
            for low, high in zip(chosen.batch_sizes, chosen.batch_sizes[1:], strict=False)
            for subset in subsets
        ]
        found.append(_trend(f"rises with batch size at {fraction:g} × limit", ratios))
    for batch_size in chosen.batch_sizes:
        if batch_size == n:
            continue
        ratios = [
            final[subset, batch_size, small] / final[subset, batch_size, large]
            for small, large in zip(chosen.fractions, chosen.fractions[1:], strict=False)
            for subset in subsets
        ]
        found.append(_trend(f"falls with learning rate at {method(batch_size, n)}", ratios))
    return found


def _trend(text: str, ratios: list[float]) -> dict[str, Any]:
    return {
        "trend": text,
        "holding": sum(ratio > 1 for ratio in ratios),
        "of": len(ratios),
        "mean_ratio": float(np.mean(ratios)),
        "smallest_ratio": min(ratios),
    }
