"""Figures 4, 12 and 16: batch size, learning rate and the sharpness that is reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp.paper.exhibit import Exhibit
from mpsharp.paper.files import write_figure
from mpsharp.paper.kept import kept
from mpsharp.paper.sources import CIFAR, SPEECH, SUBJECTS, SVHN
from mpsharp.paper.stochastic import (
    CHOICES,
    Line,
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


@dataclass(frozen=True)
class BatchSize:
    """One of the three figures; called, it makes it (`mpsharp.paper.exhibit.Make`).

    Parameters
    ----------
    name : of the figure.
    dataset : of `mpsharp.datasets`.
    minutes : roughly, of one core.
    """

    name: str
    dataset: str
    minutes: float

    def exhibit(self) -> Exhibit:
        """Describe it for the registry."""
        return Exhibit(
            name=self.name,
            title="Batch size and learning rate: sharpness of the minimalist model along SGD and GD, "
            + SUBJECTS[self.dataset],
            statement="Sharpness ends higher with larger batches, and, where batches are small, with smaller "
            f"learning rates. {CHOICES}",
            data=self.dataset,
            minutes=self.minutes,
            make=self,
        )

    def __call__(
        self,
        folder: Path,
        *,
        full: bool = False,
        seed: int = 0,
        progress: bool | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> dict[str, Any]:
        """Write the picture, every drawn point, a row per run, and the trends as numbers."""
        name = self.name
        chosen = settings(full, self.dataset)
        made = lines(
            chosen,
            ("sharpness",),
            seed=seed,
            progress=progress,
            report=lambda text: report(f"{name} {text}"),
            make_run=kept(folder, name),
        )
        curves = points(made, {"sharpness": lambda line: line.result.sharpness})
        rows = [line.row() | {"last_sharpness": float(line.result.sharpness[-1])} for line in made]
        found = trends(made)
        for trend in found:
            report(f"{name} {trend['trend']}: {trend['holding']} of {trend['of']}")
        tables = {"curves": curves, "summary": rows, "trends": found}
        return {"runs": rows, "trends": found, "files": write_figure(folder, name, plot(made), tables)}


FIGURES = (
    BatchSize("fig04", CIFAR, 0.3),
    BatchSize("fig12", SVHN, 0.6),
    BatchSize("fig16", SPEECH, 0.4),
)


def exhibits() -> list[Exhibit]:
    """Return the three figures."""
    return [figure.exhibit() for figure in FIGURES]


def plot(made: Sequence[Line]) -> Figure:
    """Draw sharpness over what gradient flow would reach, a panel for each batch size."""
    figure, grid, groups = panels(made)
    for axes, group in zip(grid[0], groups.values(), strict=True):
        draw(axes, group, lambda line: line.result.sharpness / line.flow_sharpness)
        axes.axhline(1, color="0.35", linestyle="--", linewidth=1, label="gradient flow")
    grid[0, 0].set_ylabel("sharpness / that of gradient flow")
    grid[0, 0].set_ylim(bottom=0)
    finish(figure, grid[0, 0], made)
    return figure


def trends(made: Sequence[Line]) -> list[dict[str, Any]]:
    """Compare the final sharpness of neighbouring settings, subset by subset, where neither run diverged.

    Returns
    -------
    list of dict
        "trend", in how many comparisons it is "holding", "of" how many, and the mean of the final sharpness
        of the setting that should be higher over that of the other, "mean_ratio".
    """
    last = {(line.subset, line.batch_size, line.fraction): line for line in made}
    n = made[0].result.problem.n_samples
    subsets = sorted({line.subset for line in made})
    batch_sizes = sorted({line.batch_size for line in made})
    fractions = sorted({line.fraction for line in made})

    def ratios(pairs: Iterable[tuple[tuple[int, float], tuple[int, float]]]) -> list[float]:
        runs = [(last[k, *higher], last[k, *lower]) for higher, lower in pairs for k in subsets]
        return [
            float(higher.result.sharpness[-1] / lower.result.sharpness[-1])
            for higher, lower in runs
            if "diverged" not in (higher.result.status, lower.result.status)
        ]

    found = []
    for fraction in fractions:
        pairs = [((high, fraction), (low, fraction)) for low, high in pairwise(batch_sizes)]
        found.append(_trend(f"rises with batch size at {fraction:g} × limit", ratios(pairs)))
    for batch_size in batch_sizes:
        if batch_size != n:
            pairs = [((batch_size, small), (batch_size, large)) for small, large in pairwise(fractions)]
            found.append(_trend(f"falls with learning rate at {method(batch_size, n)}", ratios(pairs)))
    return found


def _trend(text: str, ratios: list[float]) -> dict[str, Any]:
    return {
        "trend": text,
        "holding": sum(ratio > 1 for ratio in ratios),
        "of": len(ratios),
        "mean_ratio": float(np.mean(ratios)) if ratios else None,
        "smallest_ratio": min(ratios, default=None),
    }
