"""The runs behind Figures 4, 9, 12, 16 and 21–26: GD and SGD of the two-layer model on real data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpsharp import datasets, plotting
from mpsharp.formats import FormatLike
from mpsharp.optimizers import GD, SGD
from mpsharp.paper.kept import MakeRun
from mpsharp.paper.sources import CIFAR, SPEECH, SUBJECTS, SVHN, drawn, possible
from mpsharp.theory import layer_imbalance, minimizer_sharpness
from mpsharp.training import run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mpsharp.trajectory import Trajectory

Float64Array = npt.NDArray[np.float64]

CHOICES = (
    "Sizes, step sizes and lengths are ours: the paper's are lost. Step sizes are fractions of 2/S, S the "
    "sharpness that gradient flow would reach from the start, so that GD is stable for every subset; "
    "PyTorch's default start; float64 in row-space coordinates."
)


@dataclass(frozen=True)
class Settings:
    """What is varied.

    Parameters
    ----------
    n_samples : of each subset; all that there are, if that is fewer.
    batch_sizes : of SGD with reshuffling; n_samples stands for GD.
    fractions : step sizes over 2/(sharpness that gradient flow would reach).
    flow_time : step size times number of steps, the same for all.
    subsets : how many random subsets, each with a start of its own.
    records : of each run, beside its start.
    dataset : of `mpsharp.datasets`, one of the paper's.
    """

    n_samples: int
    batch_sizes: tuple[int, ...]
    fractions: tuple[float, ...]
    flow_time: float
    subsets: int
    records: int = 100
    dataset: str = CIFAR


# Flow times for 100 and 300 samples, in which the runs on most subsets reach losses of 1e-3 to 1e-5.
# Recordings are learnt half as fast as images. Steps for SVHN are small: this is what time allows.
_FLOW_TIMES = {CIFAR: (4.0, 40.0), SVHN: (10.0, 20.0), SPEECH: (8.0, 80.0)}


def settings(full: bool, dataset: str = CIFAR) -> Settings:
    """Return 100 samples, by default, or 300, which take ten times as long to learn."""
    short, long = _FLOW_TIMES[dataset]
    if full:
        return Settings(300, (5, 20, 100, 300), (0.1, 0.3, 0.8), long, 5, dataset=dataset)
    return Settings(100, (5, 20, 50, 100), (0.1, 0.3, 0.8), short, 3, dataset=dataset)


@dataclass(frozen=True, eq=False)
class Line:
    """One run.

    Parameters
    ----------
    batch_size : n_samples stands for GD.
    fraction : step size over 2/`flow_sharpness`.
    subset : which.
    flow_sharpness : what gradient flow would reach from the start.
    result : the run.
    dataset : of its subset.
    """

    batch_size: int
    fraction: float
    subset: int
    flow_sharpness: float
    result: Trajectory
    dataset: str

    @property
    def method(self) -> str:
        """GD, or the batch size of SGD."""
        return method(self.batch_size, self.result.problem.n_samples)

    @property
    def time(self) -> Float64Array:
        """Flow time of each record."""
        return np.asarray(self.result.step * self.result.step_size)

    def row(self) -> dict[str, Any]:
        """What the tables say of it."""
        return {
            "method": self.method,
            "batch_size": self.batch_size,
            "fraction_of_limit": self.fraction,
            "subset": self.subset,
            "step_size": self.result.step_size,
            "steps": int(self.result.step[-1]),
            "flow_sharpness": self.flow_sharpness,
            "status": self.result.status,
            "last_log2_loss": float(self.result.log2_loss[-1]),
        }


def method(batch_size: int, n_samples: int) -> str:
    """Return "GD", or the batch size of SGD, as text."""
    return "GD" if batch_size == n_samples else f"B = {batch_size}"


def lines(
    chosen: Settings,
    observables: Sequence[str],
    *,
    seed: int = 0,
    format: FormatLike = "float64",
    progress: bool | None = None,
    report: Callable[[str], None] = lambda line: None,
    make_run: MakeRun = run,
) -> list[Line]:
    """Make every run.

    Parameters
    ----------
    chosen : what is varied.
    observables : what is recorded; "sgd_imbalance_change" with the batch size of the run.
    seed : subset k is drawn with seed + k, and so are its start and batches.
    format : of the runs; float64 in NumPy's own sums by default.
    progress, report : as for `mpsharp.paper.exhibit.Make`.
    make_run : makes a run, or finds it made (`mpsharp.paper.kept.kept`).

    Raises
    ------
    DatasetError
        The data is absent.
    """
    data = datasets.load(chosen.dataset)
    (n,) = possible([chosen.n_samples], data)
    batch_sizes = sorted({min(size, n) for size in chosen.batch_sizes})
    made = []
    for subset in range(chosen.subsets):
        problem = drawn(data, n, seed + subset)
        start = layer_imbalance(problem.X, problem.u, problem.v)
        limit = float(minimizer_sharpness(problem.X, problem.y, 2, start))
        for batch_size in batch_sizes:
            names = [
                f"{name}:{batch_size}" if name == "sgd_imbalance_change" else name for name in observables
            ]
            for fraction in chosen.fractions:
                step_size = 2 * fraction / limit
                every = max(1, round(chosen.flow_time / step_size / chosen.records))
                full_batch = batch_size == n
                result = make_run(
                    problem,
                    format=format,
                    arithmetic="numpy" if format == "float64" else "exact",
                    optimizer=GD(step_size) if full_batch else SGD(step_size, batch_size),
                    steps=every * chosen.records,
                    record_every=every,
                    observables=names,
                    seed=seed + subset,
                    progress=progress,
                )
                made.append(Line(batch_size, fraction, subset, limit, result, chosen.dataset))
            report(
                f"subset {subset + 1} of {chosen.subsets}, {made[-1].method}: {len(chosen.fractions)} runs"
            )
    return made


def points(
    made: Iterable[Line], columns: Mapping[str, Callable[[Line], Float64Array]]
) -> list[dict[str, Any]]:
    """One row for each record of each run, for a CSV file."""
    rows = []
    for line in made:
        values = {name: function(line) for name, function in columns.items()}
        for index, step in enumerate(line.result.step):
            rows.append(
                {
                    "method": line.method,
                    "fraction_of_limit": line.fraction,
                    "subset": line.subset,
                    "step": int(step),
                    "flow_time": float(line.time[index]),
                }
                | {name: float(column[index]) for name, column in values.items()}
            )
    return rows


def draw(
    axes: Axes,
    made: Iterable[Line],
    quantity: Callable[[Line], Float64Array],
    *,
    style: str = "-",
    label: str | None = "",
) -> None:
    """Draw each subset thinly, and their median, for each step size, against flow time.

    What the legend calls it begins with `label`; it has no entry where that is None.
    """
    by_fraction: dict[float, list[Line]] = {}
    for line in made:
        by_fraction.setdefault(line.fraction, []).append(line)
    for (fraction, group), colour in zip(
        by_fraction.items(), plotting.colours(len(by_fraction)), strict=True
    ):
        shortest = min(len(line.result.step) for line in group)  # a run that diverged ends early
        values = np.array([quantity(line)[:shortest] for line in group])
        time = np.mean([line.time[:shortest] for line in group], axis=0)
        text = "_" if label is None else f"{label}{fraction:g} × limit"
        axes.plot(time, values.T, style, color=colour, linewidth=0.7, alpha=0.5)
        axes.plot(time, np.median(values, axis=0), style, color=colour, linewidth=1.8, label=text)


def panels(made: Sequence[Line], *, rows: int = 1) -> tuple[Figure, Any, dict[str, list[Line]]]:
    """Return a figure, its axes, shape (rows, methods), and the runs of each method, smallest batch first."""
    groups: dict[str, list[Line]] = {}
    for line in sorted(made, key=lambda line: line.batch_size):
        groups.setdefault(line.method, []).append(line)
    figure = plotting.new_figure((3.0 * len(groups), 0.6 + 2.8 * rows))
    grid = figure.subplots(rows, len(groups), sharex=True, sharey="row", squeeze=False)
    for axes, name in zip(grid[0], groups, strict=True):
        axes.set_title(name if name == "GD" else f"SGD, {name}", fontsize="medium")
    for axes in grid.ravel():
        axes.grid(alpha=0.25)
    for axes in grid[-1]:
        axes.set_xlabel("flow time (steps × step size)")
    return figure, grid, groups


def finish(figure: Figure, axes: Axes, made: Sequence[Line]) -> None:
    """Put what `axes` names below the panels, and above them what all show."""
    handles, labels = axes.get_legend_handles_labels()
    labels = [f"step size {text}" if text[0].isdigit() else text for text in labels]
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize="small", frameon=False)
    figure.suptitle(caption(made), fontsize="medium")


def caption(made: Sequence[Line]) -> str:
    """Text above a figure."""
    subsets = len({line.subset for line in made})
    return (
        f"{SUBJECTS[made[0].dataset]}, n = {made[0].result.problem.n_samples}, depth 2: {subsets} subsets "
        "(thin) and their median; limit = 2 / sharpness that gradient flow would reach"
    )
