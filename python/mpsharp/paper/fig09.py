"""Figure 9: the layer imbalance along SGD and GD, and its expected change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp.paper.files import write_figure
from mpsharp.paper.kept import kept
from mpsharp.paper.stochastic import CHOICES, Line, draw, finish, lines, panels, points, settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "fig09"
TITLE = "Layer imbalance of the minimalist model along SGD and GD, with its expected change"
STATEMENT = (
    "The imbalance C keeps growing: hardly under GD, and the more the smaller the batch and the larger the "
    "learning rate are. Along GD it grows by the sum of the changes that Theorem 5.9 expects, and with "
    "reshuffled batches, which the theorem does not cover, by that within a factor of about 1.5. " + CHOICES
)
DATA = "cifar10-cat-dog"
MINUTES = 0.2


def make(
    folder: Path,
    *,
    full: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Write the picture, every drawn point, and a row per run."""
    chosen = settings(full)
    made = lines(
        chosen,
        ("imbalance", "gd_imbalance_change", "sgd_imbalance_change"),
        seed=seed,
        progress=progress,
        report=lambda text: report(f"{NAME} {text}"),
        make_run=kept(folder, NAME),
    )
    columns = {
        "imbalance": lambda line: line.result.imbalance[:, 0],
        "gd_imbalance_change": lambda line: line.result["gd_imbalance_change"][:, 0],
        "sgd_imbalance_change": lambda line: line.result["sgd_imbalance_change"][:, 0],
    }
    rows = [line.row() | growth(line) for line in made]
    report(f"{NAME}: C grows in {sum(row['imbalance_growth'] > 0 for row in rows)} of {len(rows)} runs")
    tables = {"curves": points(made, columns), "summary": rows}
    return {"runs": rows, "files": write_figure(folder, NAME, plot(made), tables)}


def growth(line: Line) -> dict[str, float]:
    """Growth of C, the share of the intervals between records in which it grew, and the growth expected.

    "late" leaves out the first interval, in which the residual along the top singular vectors dies faster
    than records see. The expected growth is the sum over steps of the change that Theorem 5.9 expects, by the
    trapezoidal rule between records. Batches of reshuffling are not independent, as the theorem's are.
    """
    C = line.result.imbalance[:, 0]
    step = line.result.step[1:]
    expected = line.result["sgd_imbalance_change"][1:, 0]
    by_gd = line.result["gd_imbalance_change"][1:, 0]
    return {
        "imbalance_growth": float(C[-1] - C[0]),
        "growing_share": float(np.mean(np.diff(C) > 0)),
        "late_growth": float(C[-1] - C[1]),
        "late_growth_expected": float(np.trapezoid(expected, step)),
        "late_growth_expected_of_gd": float(np.trapezoid(by_gd, step)),
    }


def plot(made: Sequence[Line]) -> Figure:
    """Draw the growth of C above its expected change, a column for each batch size."""
    figure, grid, groups = panels(made, rows=2)
    for (above, below), (name, group) in zip(grid.T, groups.items(), strict=True):
        draw(above, group, _grown)
        if name != "GD":
            draw(below, group, lambda line: _rate(line, "sgd_imbalance_change"))
        draw(below, group, lambda line: _rate(line, "gd_imbalance_change"), style=":", label=None)
        above.set_yscale("log")
        below.set_yscale("log")
    grid[0, 0].set_ylabel("growth of imbalance C − C₀")
    grid[1, 0].set_ylabel("expected change of C / step size")
    grid[1, 0].plot([], [], "-", color="0.35", label="of a step of SGD")
    grid[1, 0].plot([], [], ":", color="0.35", label="of a step of GD from there")
    finish(figure, grid[1, 0], made)
    return figure


def _grown(line: Line) -> Any:
    grown = line.result.imbalance[:, 0] - line.result.imbalance[0, 0]
    return np.where(grown > 0, grown, np.nan)


def _rate(line: Line, name: str) -> Any:
    return line.result[name][:, 0] / line.result.step_size
