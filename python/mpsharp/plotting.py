"""Axes, colours and sizes shared by all figures; draws what was measured and computes nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from mpsharp.errors import OutputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mpsharp.formats import Format
    from mpsharp.trajectory import Trajectory


class Drawable(Protocol):
    """What is read of a run to draw it; a Trajectory has it, and so has a figure's summary."""

    @property
    def step(self) -> npt.NDArray[np.int64]: ...  # noqa: D102
    @property
    def log2_loss(self) -> npt.NDArray[np.float64]: ...  # noqa: D102
    @property
    def sharpness(self) -> npt.NDArray[np.float64]: ...  # noqa: D102
    @property
    def stability_limit(self) -> float: ...  # noqa: D102
    @property
    def catapult_record(self) -> int | None: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102


LIMIT_COLOUR = "0.35"
SIZE = (7.0, 6.0)  # inches


def new_figure(size: tuple[float, float] = SIZE) -> Figure:
    """Return an empty figure that belongs to nobody else: no global plotting state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def colours(count: int) -> list[Any]:
    """Return `count` colours of cividis, dark to light: readable with any colour vision, and in grey."""
    from matplotlib import colormaps

    return [colormaps["cividis"](x) for x in np.linspace(0.0, 0.88, max(count, 1))]


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure; the ending of `path` chooses the kind of file."""
    try:
        figure.savefig(path, dpi=160)
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error}") from error


def log_axis(axes: Axes, log10_values: Sequence[npt.NDArray[np.float64]]) -> None:
    """Label an axis on which log10 of a quantity was drawn, far beyond float64's range."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    finite = np.concatenate([values[np.isfinite(values)] for values in log10_values])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if high - low > 3:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"$10^{{{x:g}}}$"))
        return
    ticks = {
        k + math.log10(digit): rf"${digit}\times10^{{{k}}}$" if digit > 1 else f"$10^{{{k}}}$"
        for k in range(math.floor(low), math.ceil(high) + 1)
        for digit in (1, 2, 5)
    }
    axes.yaxis.set_major_locator(FixedLocator(list(ticks)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda x, _: ticks.get(x, "")))
    margin = 0.05 * max(high - low, 0.1)
    axes.set_ylim(low - margin, high + margin)


def draw_loss(axes: Axes, runs: Mapping[str, Drawable]) -> None:
    """Draw the loss against the step, on a logarithmic axis."""
    drawn = []
    for (label, run), colour, style in zip(runs.items(), colours(len(runs)), _styles(len(runs)), strict=True):
        values = run.log2_loss * math.log10(2)
        drawn.append(values)
        axes.plot(run.step, values, color=colour, label=label, **style)
        _mark_catapult(axes, run, values, colour)
    log_axis(axes, drawn)
    axes.set_ylabel("loss")


def draw_sharpness(axes: Axes, runs: Mapping[str, Drawable]) -> None:
    """Draw sharpness against the step with the stability limit; scaled to the curves before they blow up."""
    limit = max(run.stability_limit for run in runs.values())
    top = limit
    for (label, run), colour, style in zip(runs.items(), colours(len(runs)), _styles(len(runs)), strict=True):
        axes.plot(run.step, run.sharpness, color=colour, label=label, **style)
        _mark_catapult(axes, run, run.sharpness, colour)
        end = run.catapult_record if run.status == "diverged" else None
        seen = run.sharpness[:end]
        seen = seen[np.isfinite(seen)]
        top = max(top, float(seen.max(initial=0.0)))
    axes.axhline(limit, color=LIMIT_COLOUR, linestyle="--", linewidth=1, label="2 / step size")
    axes.set_ylim(0, 1.15 * top)
    axes.set_ylabel("sharpness (1 / step size)")


def _styles(count: int) -> list[dict[str, Any]]:
    patterns = ["-", (0, (6, 1)), (0, (4, 1, 1, 1)), (0, (2, 1)), (0, (1, 1))]
    return [{"linewidth": 1.5, "linestyle": patterns[i % len(patterns)]} for i in range(count)]


def _mark_catapult(axes: Axes, run: Drawable, values: npt.NDArray[np.float64], colour: Any) -> None:
    record = run.catapult_record
    if record is not None and np.isfinite(values[record]):
        axes.plot(run.step[record], values[record], "o", color=colour, markeredgecolor="white", markersize=6)


def curves(runs: Mapping[str, Drawable], title: str) -> Figure:
    """Return loss above sharpness for several runs; a dot marks each catapult."""
    figure = new_figure()
    above, below = figure.subplots(2, 1, sharex=True)
    draw_loss(above, runs)
    draw_sharpness(below, runs)
    below.set_xlabel("step")
    above.set_title(title, fontsize="medium")
    below.legend(fontsize="small", frameon=False, ncols=2 if len(runs) > 3 else 1)
    for axes in (above, below):
        axes.grid(alpha=0.25)
    return figure


def describe(run: Trajectory) -> str:
    """Return a title: problem, depth and step size."""
    problem = run.config["problem"]
    problem = problem.get("of", problem)
    name = problem.get("dataset", problem["name"])
    return (
        f"{name}: n = {run.problem.n_samples}, d = {run.problem.n_features}, "
        f"depth {run.problem.depth}, step size {run.step_size:.4g}"
    )


def plot_trajectory(run: Trajectory, path: str | Path | None = None) -> Figure:
    """Draw loss and sharpness of one run; write it to `path` if given."""
    figure = curves({run.format.label: run}, describe(run))
    if path is not None:
        save_figure(figure, path)
    return figure


def plot_comparison(runs: Mapping[Format, Trajectory], path: str | Path | None = None) -> Figure:
    """Draw loss and sharpness of several runs; write it to `path` if given."""
    first = next(iter(runs.values()))
    figure = curves({key.label: run for key, run in runs.items()}, describe(first))
    if path is not None:
        save_figure(figure, path)
    return figure
