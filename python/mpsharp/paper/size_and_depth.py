"""Figures 5, 13 and 17: dataset size, depth and the sharpness that gradient flow reaches."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp import datasets, plotting
from mpsharp.formats import FormatLike
from mpsharp.paper.exhibit import Exhibit
from mpsharp.paper.files import write_figure
from mpsharp.paper.flow_runs import flow_points, flow_run
from mpsharp.paper.kept import MakeRun, kept
from mpsharp.paper.printed import SIZES
from mpsharp.paper.sources import CIFAR, SPEECH, SUBJECTS, SVHN, drawn, possible
from mpsharp.row_space import scaled_part
from mpsharp.theory import Bounds, dataset_difficulty, minimizer_sharpness, minimizer_sharpness_bounds
from mpsharp.training import run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mpsharp.problems import Problem
    from mpsharp.trajectory import Trajectory

START = 0.5  # ‖Πu‖ = v_l
DEPTHS = (2, 3, 4, 5)
LEFT = 1e-6  # what a loss of 1e-13 leaves of the way to the limit, relative
FIRST = 1e-2  # flow time at which the picture starts


@dataclass(frozen=True)
class SizeAndDepth:
    """One of the three figures; called, it makes it (`mpsharp.paper.exhibit.Make`).

    Parameters
    ----------
    name : of the figure.
    dataset : of `mpsharp.datasets`.
    sizes : numbers of samples of the two-layer runs.
    depth_samples : of the runs at every depth; enough for Q > 1.
    minutes : roughly, of one core.
    subsets : of every size and depth.
    """

    name: str
    dataset: str
    sizes: tuple[int, ...]
    depth_samples: int
    minutes: float
    subsets: int = 2

    def exhibit(self) -> Exhibit:
        """Describe it for the registry."""
        return Exhibit(
            name=self.name,
            title="Dataset size and depth: sharpness of the minimalist model along gradient flow, "
            + SUBJECTS[self.dataset],
            statement="Gradient flow ends at a higher sharpness with more data, and with more layers "
            "(for Q > 1), between the bounds of Theorem 4.6. The start is ours, balanced with norm 0.5, so "
            "that the limit is known exactly; the flow controls its own error; "
            "float64 in spectral coordinates.",
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
        """Write the picture, every drawn point, a row per run, and the trends as numbers.

        The paper's largest sizes take a million steps, and more, and are left to `full`.
        """
        name = self.name
        made = lines(
            self.dataset,
            sizes=SIZES if full else self.sizes,
            depth_samples=self.depth_samples,
            subsets=5 if full else self.subsets,
            seed=seed,
            progress=progress,
            report=lambda text: report(f"{name} {text}"),
            make_run=kept(folder, name),
        )
        rows, found = [line.row() for line in made], trends(made)
        for trend in found:
            report(f"{name} {trend['trend']}: {trend['holding']} of {trend['of']}")
        picture = plot(made, SUBJECTS[self.dataset])
        tables = {"curves": points(made), "summary": rows, "trends": found}
        return {"runs": rows, "trends": found, "files": write_figure(folder, name, picture, tables)}


FIGURES = (
    SizeAndDepth("fig05", CIFAR, (100, 300, 500), 300, 2.5),
    SizeAndDepth("fig13", SVHN, (50, 100, 130), 130, 2.5),
    SizeAndDepth("fig17", SPEECH, (100, 300, 400), 300, 3.5),
)


def exhibits() -> list[Exhibit]:
    """Return the three figures."""
    return [figure.exhibit() for figure in FIGURES]


@dataclass(frozen=True, eq=False)
class Line:
    """One run.

    Parameters
    ----------
    panel : "size" or "depth".
    n_samples, depth, subset : of its problem.
    difficulty : Q of its subset.
    limit : exact sharpness at its end.
    bounds : of Theorem 4.6.
    result : the run.
    """

    panel: str
    n_samples: int
    depth: int
    subset: int
    difficulty: float
    limit: float
    bounds: Bounds
    result: Trajectory

    def is_of(self, n_samples: int, depth: int, subset: int) -> bool:
        """Whether it is the run of this problem."""
        return (self.n_samples, self.depth, self.subset) == (n_samples, depth, subset)

    def row(self) -> dict[str, Any]:
        """What the summary says of it."""
        last = float(self.result.sharpness[-1])
        return {
            "panel": self.panel,
            "n_samples": self.n_samples,
            "depth": self.depth,
            "subset": self.subset,
            "difficulty": self.difficulty,
            "status": self.result.status,
            "steps": int(self.result.step[-1]),
            "flow_time": float(self.result.flow_time[-1]),
            "last_log2_loss": float(self.result.log2_loss[-1]),
            "first_sharpness": float(self.result.sharpness[0]),
            "last_sharpness": last,
            "exact_limit": self.limit,
            "relative_difference": last / self.limit - 1,
            "lower_bound": self.bounds.lower,
            "upper_bound": self.bounds.upper,
            "between_bounds": bool(self.bounds.lower <= last * (1 + LEFT) and last <= self.bounds.upper),
            "imbalance_drift": float(self.result.imbalance_drift.max()),
        }


def balanced(problem: Problem, norm: float = START) -> Problem:
    """Return the problem with a balanced start: Πu as it is but for its length, ‖Πu‖ = v_l = `norm`.

    Parameters
    ----------
    problem : float64 data.
    norm : of every layer.
    """
    u = scaled_part(problem.X, problem.u, norm)
    return dataclasses.replace(problem, u=u, v=np.full(len(problem.v), norm), recipe=None, _cache={})


def lines(
    dataset: str,
    *,
    sizes: Sequence[int],
    depths: Sequence[int] = DEPTHS,
    depth_samples: int,
    subsets: int,
    seed: int = 0,
    format: FormatLike = "float64",
    stop_loss: float = 1e-13,
    steps: int = 4_000_000,
    record_every: int | None = None,
    progress: bool | None = None,
    report: Callable[[str], None] = lambda line: None,
    make_run: MakeRun = run,
) -> list[Line]:
    """Make every run, each until its loss is at most `stop_loss`.

    Parameters
    ----------
    dataset : of `mpsharp.datasets`.
    sizes : numbers of samples of the two-layer runs; where there are fewer, all that there are.
    depths, depth_samples : of the others.
    subsets : how many random subsets of each size; subset k is drawn with seed + k.
    format, stop_loss, steps : of the runs.
    record_every : of the runs, as for `flow_run`.
    progress, report : as for `mpsharp.paper.exhibit.Make`.
    make_run : makes a run, or finds it made (`mpsharp.paper.kept.kept`).

    Raises
    ------
    DatasetError
        The data is absent.
    """
    data = datasets.load(dataset)
    (most,) = possible([depth_samples], data)
    wanted = [("size", n, 2) for n in possible(sizes, data)] + [("depth", most, depth) for depth in depths]
    made: list[Line] = []
    for panel, n, depth in wanted:
        for subset in range(subsets):
            twin = next((line for line in made if line.is_of(n, depth, subset)), None)
            if twin is not None:  # a panel by depth begins with a run of the panel by size
                made.append(dataclasses.replace(twin, panel=panel))
                continue
            problem = balanced(drawn(data, n, seed + subset, depth))
            result = flow_run(
                make_run,
                problem,
                steps=steps,
                stop_loss=stop_loss,
                format=format,
                record_every=record_every,
                progress=progress,
            )
            made.append(
                Line(
                    *(panel, n, depth, subset),
                    difficulty=float(dataset_difficulty(problem.X, problem.y)),
                    limit=minimizer_sharpness(problem.X, problem.y, depth),
                    bounds=minimizer_sharpness_bounds(problem.X, problem.y, depth),
                    result=result,
                )
            )
            row = made[-1].row()
            report(
                f"n = {n}, D = {depth}, subset {subset + 1} of {subsets}: S = {row['last_sharpness']:.1f} "
                f"({row['status']}), {row['relative_difference']:+.1e} off"
            )
    return made


def points(made: Sequence[Line]) -> list[dict[str, Any]]:
    """One row for each record of each run."""
    return [
        {
            "panel": line.panel,
            "n_samples": line.n_samples,
            "depth": line.depth,
            "subset": line.subset,
        }
        | point
        for line in made
        for point in flow_points(line.result)
    ]


def trends(made: Sequence[Line]) -> list[dict[str, Any]]:
    """Compare the final sharpness of neighbouring sizes and depths, subset by subset.

    Depths are compared where Q > 1: below, Theorem 4.6 has the sharpness fall with depth.

    Returns
    -------
    list of dict
        "trend", in how many comparisons it is "holding", "of" how many, and the smallest ratio of the final
        sharpness that should be higher to the other, "smallest_ratio".
    """
    found = []
    for panel, name, text in (("size", "n_samples", ""), ("depth", "depth", ", where Q > 1")):
        final = {
            (line.subset, getattr(line, name)): float(line.result.sharpness[-1])
            for line in made
            if line.panel == panel and (panel == "size" or line.difficulty > 1)
        }
        ratios = [
            final[subset, high] / final[subset, low]
            for low, high in itertools.pairwise(sorted({value for _, value in final}))
            for subset in sorted({subset for subset, _ in final})
        ]
        found.append(
            {
                "trend": f"rises with {name.replace('_', ' ')}{text}",
                "holding": sum(ratio > 1 for ratio in ratios),
                "of": len(ratios),
                "smallest_ratio": min(ratios, default=None),
            }
        )
    ended = [line for line in made if line.result.status == "converged"]
    found.append(
        {
            "trend": f"ends between the bounds of Theorem 4.6, to {LEFT:g}, where it converged",
            "holding": sum(line.row()["between_bounds"] for line in ended),
            "of": len(ended),
            "smallest_ratio": min(
                (float(line.result.sharpness[-1]) / line.bounds.lower for line in ended), default=None
            ),
        }
    )
    return found


def plot(made: Sequence[Line], subject: str) -> Figure:
    """Draw sharpness against flow time: by size beside by depth, with the exact limits."""
    figure = plotting.new_figure((9.0, 4.2))
    left, right = figure.subplots(1, 2)
    _panel(left, [line for line in made if line.panel == "size"], "n_samples", "n = {}")
    _panel(right, [line for line in made if line.panel == "depth"], "depth", "D = {}")
    n = next(line.n_samples for line in made if line.panel == "depth")
    left.set_title("by number of samples, D = 2", fontsize="medium")
    right.set_title(f"by depth, n = {n}", fontsize="medium")
    left.set_ylabel("sharpness (1 / step size)")
    subsets = 1 + max(line.subset for line in made)
    figure.suptitle(
        f"{subject}, gradient flow from a balanced start of norm {START:g}: {subsets} subsets (thin), "
        "their median,\nand the exact sharpness at the minimiser (dotted)",
        fontsize="medium",
    )
    return figure


def _panel(axes: Axes, made: Sequence[Line], name: str, label: str) -> None:
    values = sorted({getattr(line, name) for line in made})
    for value, colour in zip(values, plotting.colours(len(values)), strict=True):
        group = [line for line in made if getattr(line, name) == value]
        end = max(line.result.flow_time[-1] for line in group)
        time = np.geomspace(FIRST, end, 300)
        curves = [np.interp(time, line.result.flow_time, line.result.sharpness) for line in group]
        axes.plot(time, np.transpose(curves), color=colour, linewidth=0.7, alpha=0.5)
        text = label.format(value)
        axes.plot(time, np.median(curves, axis=0), color=colour, linewidth=1.8, label=text)
        axes.axhline(
            float(np.median([line.limit for line in group])), color=colour, linestyle=":", linewidth=1
        )
    axes.set_xscale("log")
    axes.set_xlim(left=FIRST)
    axes.set_yscale("log")
    axes.set_xlabel("flow time")
    axes.legend(fontsize="small", frameon=False, loc="lower right")
    axes.grid(alpha=0.25)
