"""Axes, colours and sizes shared by all figures; draws what was measured and computes nothing."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from mpsharp.errors import check_name
from mpsharp.output import write_file

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
    """Return `count` colours of viridis, dark to light: readable with any colour vision, and in grey."""
    from matplotlib import colormaps

    return [colormaps["viridis"](x) for x in np.linspace(0.0, 0.88, max(count, 1))]


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure, whole or not at all; the ending of `path` chooses the kind of file.

    Raises
    ------
    UnknownNameError
        An ending of no known kind.
    OutputError
        The file cannot be written.
    """
    kinds = sorted(figure.canvas.get_supported_filetypes())
    kind = check_name("kind of picture", Path(path).suffix.removeprefix(".").lower(), kinds)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=160, format=kind)
    write_file(Path(path), picture.getvalue())


def log_axis(axes: Axes, log10_values: Sequence[npt.NDArray[np.float64]]) -> None:
    """Label an axis on which log10 of a quantity was drawn, far beyond float64's range."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    finite = np.concatenate([values[np.isfinite(values)] for values in log10_values])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if high - low > 3:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"$10^{{{x:g}}}$"))
        return
    margin = 0.05 * max(high - low, 0.1)
    low, high = low - margin, high + margin
    ticks = _short_log_ticks(low, high)
    axes.yaxis.set_major_locator(FixedLocator(list(ticks)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda x, _: ticks.get(x, "")))
    axes.set_ylim(low, high)


def _short_log_ticks(low: float, high: float) -> dict[float, str]:
    """Positions and labels on a log10 axis over few decades: 1, 2, 5 times 10^k, or round steps below one."""
    from matplotlib.ticker import MaxNLocator

    numbers = [(digit, k) for k in range(math.floor(low), math.ceil(high) + 1) for digit in (1.0, 2.0, 5.0)]
    if sum(low <= k + math.log10(digit) <= high for digit, k in numbers) < 3:
        k = math.floor((low + high) / 2)
        scaled = MaxNLocator(nbins=6).tick_values(10 ** (low - k), 10 ** (high - k))
        numbers = [(float(digit), k) for digit in scaled if digit > 0]
    return {k + math.log10(digit): _tick_text(digit, k) for digit, k in numbers}


def _tick_text(digit: float, k: int) -> str:
    if abs(k) <= 3:
        return f"{digit * 10.0**k:.6g}"
    if digit == 1:
        return f"$10^{{{k}}}$"
    return rf"${digit:.6g}\times10^{{{k}}}$"


def draw_loss(axes: Axes, runs: Mapping[str, Drawable]) -> None:
    """Draw the loss against the step, on a logarithmic axis."""
    drawn = []
    for (label, run), colour, style in zip(runs.items(), colours(len(runs)), _styles(len(runs)), strict=True):
        values = run.log2_loss * math.log10(2)
        drawn.append(values)
        _draw_line(axes, run, values, color=colour, label=label, **style)
        _mark_events(axes, run, values, colour)
    log_axis(axes, drawn)
    axes.set_ylabel("loss")


def draw_sharpness(axes: Axes, runs: Mapping[str, Drawable]) -> None:
    """Draw sharpness against the step with the stability limit; scaled to the curves before they blow up.

    Gradient flow has no limit, so none is drawn.
    """
    limits = [run.stability_limit for run in runs.values() if math.isfinite(run.stability_limit)]
    top = max(limits, default=0.0)
    for (label, run), colour, style in zip(runs.items(), colours(len(runs)), _styles(len(runs)), strict=True):
        _draw_line(axes, run, run.sharpness, color=colour, label=label, **style)
        _mark_events(axes, run, run.sharpness, colour)
        end = run.catapult_record if run.status == "diverged" else None
        seen = run.sharpness[:end]
        highest = float(seen[np.isfinite(seen)].max(initial=0.0))
        if end is not None and np.isfinite(run.sharpness[end]):
            highest = max(highest, min(float(run.sharpness[end]), 1.5 * highest))  # room for the mark
        top = max(top, highest)
    if limits:
        axes.axhline(max(limits), color=LIMIT_COLOUR, linestyle="--", linewidth=1, label="2 / step size")
    for mark, meaning in (("o", "catapult"), ("X", "diverged")):
        if any(_events(run)[mark] is not None for run in runs.values()):
            axes.plot([], [], mark, color=LIMIT_COLOUR, markeredgecolor="white", label=meaning)
    axes.set_ylim(0, 1.15 * top or 1.0)
    axes.set_ylabel("sharpness (1 / step size)")


def _styles(count: int) -> list[dict[str, Any]]:
    patterns: list[Any] = ["-", (0, (6, 1)), (0, (4, 1, 1, 1)), (0, (2, 1)), (0, (1, 1)), (0, (6, 1, 2, 1))]
    return [{"linewidth": 1.5, "linestyle": patterns[i % len(patterns)]} for i in range(count)]


def _draw_line(axes: Axes, run: Drawable, values: npt.NDArray[np.float64], **style: Any) -> None:
    """Draw a curve; a single point, which has no line, as a dot."""
    marker = "." if len(values) == 1 else "None"
    axes.plot(run.step, values, marker=marker, **style)


def _events(run: Drawable) -> dict[str, int | None]:
    """Return the record to put each mark on: the catapult, and the last finite loss if diverged."""
    finite = np.flatnonzero(np.isfinite(run.log2_loss))
    end = int(finite[-1]) if run.status == "diverged" and finite.size else None
    return {"o": run.catapult_record, "X": end}


def _mark_events(axes: Axes, run: Drawable, values: npt.NDArray[np.float64], colour: Any) -> None:
    for mark, record in _events(run).items():
        if record is not None and np.isfinite(values[record]):
            x, y = run.step[record], values[record]
            axes.plot(
                x, y, mark, color=colour, markeredgecolor="white", markeredgewidth=0.7, markersize=6, zorder=3
            )


def draw_record(axes: Axes, runs: Mapping[str, Trajectory], name: str) -> None:
    """Draw any record against the step: a colour for each run, a dash for each entry.

    Logarithmic if everything is positive and spans more than three decades.
    """
    from mpsharp.observables import RECORDS

    about = RECORDS.get(name)
    seen = []
    for (label, run), colour in zip(runs.items(), colours(len(runs)), strict=True):
        values = run[name] if run[name].ndim == 2 else run[name][:, None]
        count = values.shape[1]
        entries = about.labels(count) if about and about.axis else [str(k + 1) for k in range(count)]
        shades = colours(count) if len(runs) == 1 else [colour] * count
        for column, style in enumerate(_styles(count)):
            parts = [label] * (len(runs) > 1) + [entries[column]] * (count > 1)
            _draw_line(
                axes, run, values[:, column], color=shades[column], label=", ".join(parts) or None, **style
            )
        seen.append(values[np.isfinite(values)])
    finite = np.concatenate(seen)
    if finite.size and finite.min() > 0 and finite.max() > 1e3 * finite.min():
        axes.set_yscale("log")
    unit = "" if about is None or about.unit == "1" else f" ({about.unit.replace('_', ' ')})"
    axes.set_ylabel(f"{name.replace('_', ' ')}{unit}")
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize="small", frameon=False)


def _figure_of(runs: Mapping[str, Trajectory], title: str) -> Figure:
    """Loss above sharpness, where that was recorded, above whatever beyond the default set was."""
    from mpsharp.observables import DEFAULT_OBSERVABLES

    recorded = [
        name for name in next(iter(runs.values())).records if all(name in run for run in runs.values())
    ]
    more = [name for name in recorded if name not in (*DEFAULT_OBSERVABLES, "sharpness_residual")]
    if "sharpness" in recorded and not more:
        return curves(runs, title)
    names = ["loss", *(["sharpness"] if "sharpness" in recorded else []), *more]
    figure = new_figure((SIZE[0], 3.0 * len(names)))
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, names, strict=True):
        if name == "loss":
            draw_loss(axes, runs)
        elif name == "sharpness":
            draw_sharpness(axes, runs)
            axes.legend(fontsize="small", frameon=False, ncols=2 if len(runs) > 3 else 1)
        else:
            draw_record(axes, runs, name)
        axes.grid(alpha=0.25)
    panels[0].set_title(title, fontsize="medium")
    panels[-1].set_xlabel("step")
    return figure


def curves(runs: Mapping[str, Drawable], title: str) -> Figure:
    """Return loss above sharpness for several runs; dots mark catapults, crosses divergence."""
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
    how = "gradient flow" if math.isnan(run.step_size) else f"step size {run.step_size:.4g}"
    if run.config["optimizer"]["name"] == "SGD":
        how += f", batches of {run.config['optimizer']['batch_size']}"
    return (
        f"{name}: n = {run.problem.n_samples}, d = {run.problem.n_features}, depth {run.problem.depth}, {how}"
    )


def plot_trajectory(run: Trajectory, path: str | Path | None = None) -> Figure:
    """Draw loss, sharpness and every record beyond the default ones of a run; write it to `path` if given."""
    figure = _figure_of({run.format.label: run}, describe(run))
    if path is not None:
        save_figure(figure, path)
    return figure


def plot_comparison(runs: Mapping[Format, Trajectory], path: str | Path | None = None) -> Figure:
    """Draw loss, sharpness and every record beyond the default ones of several runs, as `plot_trajectory`."""
    first = next(iter(runs.values()))
    figure = _figure_of({key.label: run for key, run in runs.items()}, describe(first))
    if path is not None:
        save_figure(figure, path)
    return figure
