"""Figures 18–20: sharpness along gradient flow from (α, β) starts, and the bounds of Theorems 5.6 and 5.7."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp import plotting
from mpsharp.paper.exhibit import Exhibit
from mpsharp.paper.files import write_figure
from mpsharp.paper.flow_runs import flow_points
from mpsharp.paper.flow_starts import STOP_LOSS, Expected, Line, Subset, lines
from mpsharp.paper.kept import kept
from mpsharp.paper.printed import PRINTED, SIZES
from mpsharp.paper.sources import CIFAR, SPEECH, SUBJECTS, SVHN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIRST = 1e-2  # flow time at which the picture starts
_DRAWN = 0.985  # share of the limits that the picture has room for
_AT_START, _AT_END = "0.55", "#D55E00"  # of the bounds; told apart by lightness, too


@dataclass(frozen=True)
class StartBounds:
    """One of the three figures; called, it makes it (`mpsharp.paper.exhibit.Make`).

    Parameters
    ----------
    name : of the figure.
    dataset : of `mpsharp.datasets`.
    sizes : numbers of samples.
    minutes : roughly, of one core.
    """

    name: str
    dataset: str
    sizes: tuple[int, ...]
    minutes: float

    def exhibit(self) -> Exhibit:
        """Describe it for the registry."""
        return Exhibit(
            name=self.name,
            title="(α, β) starts: sharpness along gradient flow and the bounds of Theorems 5.6 and 5.7, "
            + SUBJECTS[self.dataset],
            statement="From random starts with the variances of PyTorch's default, gradient flow sharpens "
            "from about the level of Theorem 5.6 to about that of Theorem 5.7. Both bound expectations: "
            "single runs scatter far more than the bounds are apart, by the one number v of the start, and "
            "most end outside; the means over 20,000 starts, whose limits are known exactly, are inside. The "
            f"flow controls its own error and stops at a loss of {STOP_LOSS:g}; float64 in spectral "
            "coordinates; subsets and seeds are ours.",
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
        """Write the picture, every drawn point, a row per run, and a row per expectation.

        The paper's largest sizes take a million steps, and more, and are left to `full`.
        """
        name = self.name
        made = lines(
            self.dataset,
            SIZES if full else self.sizes,
            steps=3_000_000,
            seed=seed,
            progress=progress,
            report=lambda text: report(f"{name} {text}"),
            make_run=kept(folder, name),
        )
        rows, means = [line.row() for line in made], expectations(made, self.dataset)
        notes = judgements(made)
        for note in notes:
            report(f"{name} {note}")
        picture = plot(made, SUBJECTS[self.dataset])
        tables = {"curves": points(made), "summary": rows, "expectations": means}
        return {
            "runs": rows,
            "expectations": means,
            "notes": notes,
            "files": write_figure(folder, name, picture, tables),
        }


FIGURES = (
    StartBounds("fig18", CIFAR, (100, 300, 500), 1.5),
    StartBounds("fig19", SVHN, (50, 100, 150), 1.5),
    StartBounds("fig20", SPEECH, (100, 300, 400), 1.5),
)


def exhibits() -> list[Exhibit]:
    """Return the three figures."""
    return [figure.exhibit() for figure in FIGURES]


def subsets(made: Sequence[Line]) -> list[Subset]:
    """Return the subsets of the runs, each once."""
    return list(dict.fromkeys(line.subset for line in made))


def points(made: Sequence[Line]) -> list[dict[str, Any]]:
    """One row for each record of each run."""
    return [
        {
            "n_samples": line.subset.n_samples,
            "weight_seed": line.weight_seed,
        }
        | point
        for line in made
        for point in flow_points(line.result)
    ]


def expectations(made: Sequence[Line], dataset: str) -> list[dict[str, Any]]:
    """One row for each theorem and size: bounds, the mean over starts, and what the paper prints.

    "paper_lower_bound" is the mean over its 50 subsets in Tables 11 and 14.
    """
    printed = PRINTED.get(dataset, {})
    rows = []
    for subset in subsets(made):
        for theorem, key, expected in (
            ("5.6", "initial_lower", subset.first),
            ("5.7", "converged_lower", subset.limit),
        ):
            value = printed.get(key, {}).get(subset.n_samples)
            rows.append(
                {
                    "theorem": theorem,
                    "n_samples": subset.n_samples,
                    "lower_bound": expected.bounds.lower,
                    "upper_bound": expected.bounds.upper,
                    "starts": len(expected.values),
                    "mean": expected.mean,
                    "standard_error": expected.standard_error,
                    "deviation": float(expected.values.std(ddof=1)),
                    "mean_between_bounds": expected.holds,
                    "share_of_starts_between_bounds": expected.share_inside,
                    "paper_lower_bound": value.mean if value else None,
                }
            )
    return rows


def judgements(made: Sequence[Line]) -> list[str]:
    """Say how many runs are inside the bounds, how far the others are away, and whether the theorems hold."""
    ended = [line for line in made if line.converged]
    starts = sum(line.row()["first_between_bounds"] for line in made)
    texts = [f"at the start {starts} of {len(made)} runs are between the bounds of Theorem 5.6"]
    inside = sum(line.row()["last_between_bounds"] for line in ended)
    texts.append(
        f"{len(ended)} of {len(made)} runs converged; {inside} of them end between the bounds of Theorem 5.7"
    )
    if ended:
        ratios = [line.row()["last_over_lower_bound"] for line in ended]
        off = max(abs(line.row()["relative_difference"]) for line in ended)
        texts[-1] += (
            f", at {min(ratios):.2f} to {max(ratios):.2f} of the lower one, within {off:.1e} of their limits"
        )
    for theorem, parts in (
        ("5.6", [subset.first for subset in subsets(made)]),
        ("5.7", [subset.limit for subset in subsets(made)]),
    ):
        share = np.mean([part.share_inside for part in parts])
        texts.append(
            f"Theorem {theorem}: the mean over {len(parts[0].values)} starts is between the bounds, to two "
            f"standard errors, for {sum(part.holds for part in parts)} of {len(parts)} sizes; "
            f"{share:.1%} of single starts are"
        )
    return texts


def plot(made: Sequence[Line], subject: str) -> Figure:
    """Draw sharpness against flow time, a panel for each size, and beside it where all starts would end."""
    sizes = subsets(made)
    figure = plotting.new_figure((3.7 * len(sizes), 4.4))
    grid = figure.subplots(1, 2 * len(sizes), width_ratios=[4, 1] * len(sizes), squeeze=False)[0]
    for subset, axes, beside in zip(sizes, grid[::2], grid[1::2], strict=True):
        _panel(axes, [line for line in made if line.subset is subset])
        _beside(beside, subset.limit)
        top = max(
            np.quantile(subset.limit.values, _DRAWN), *(line.limit for line in made if line.subset is subset)
        )
        for one in (axes, beside):
            one.set_ylim(0, 1.05 * top)
            one.grid(alpha=0.25)
        axes.set_title(f"n = {subset.n_samples}", fontsize="medium")
    grid[0].set_ylabel("sharpness (1 / step size)")
    handles, labels = grid[0].get_legend_handles_labels()
    more, names = grid[1].get_legend_handles_labels()
    figure.legend(
        handles + more, labels + names, loc="outside lower center", ncols=4, fontsize="small", frameon=False
    )
    figure.suptitle(
        f"{subject}, gradient flow from u ~ N(0, 1/(3d)), v ~ N(0, 1/3). Beside each panel: the exact limits "
        f"from {len(sizes[0].limit.values)} starts",
        fontsize="medium",
    )
    return figure


def _panel(axes: Axes, made: Sequence[Line]) -> None:
    for line, colour in zip(made, plotting.colours(len(made)), strict=True):
        time = np.maximum(line.result.flow_time, FIRST)
        axes.plot(time, line.result.sharpness, color=colour, label=f"run, weight seed {line.weight_seed}")
        face = colour if line.converged else "none"
        axes.plot(time[-1:], line.result.sharpness[-1:], "o", color=colour, markerfacecolor=face)
    for expected, colour, text in (
        (made[0].subset.first, _AT_START, "E S at the start: bounds of Theorem 5.6"),
        (made[0].subset.limit, _AT_END, "E S at convergence: bounds of Theorem 5.7"),
    ):
        axes.axhspan(*expected.bounds, color=colour, alpha=0.5, linewidth=0.8, label=text, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(left=FIRST)
    axes.set_xlabel("flow time")


def _beside(axes: Axes, expected: Expected) -> None:
    axes.axhspan(*expected.bounds, color=_AT_END, alpha=0.5, linewidth=0.8, zorder=0)
    axes.hist(
        expected.values,
        bins=np.linspace(0, np.quantile(expected.values, _DRAWN), 50).tolist(),
        orientation="horizontal",
        color="0.6",
        label="limits from random starts",
    )
    axes.axhline(expected.mean, color="black", linestyle="--", linewidth=1, label="their mean")
    axes.tick_params(labelleft=False, labelbottom=False, bottom=False)
