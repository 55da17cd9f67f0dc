"""Figures 21–26: what Theorem 5.9 is made of, along the runs of Figure 4."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp.paper.exhibit import Exhibit
from mpsharp.paper.files import write_figure
from mpsharp.paper.kept import shared
from mpsharp.paper.stochastic import (
    CHOICES,
    Float64Array,
    Line,
    draw,
    finish,
    lines,
    panels,
    points,
    settings,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


GROUP = "imbalance_terms"


@dataclass(frozen=True)
class Term:
    """One of the six figures.

    Parameters
    ----------
    name, title, label, statement : of the figure; `label` is its vertical axis.
    value : from the four terms, shape (records, 4), and c², shape (records,).
    """

    name: str
    title: str
    label: str
    statement: str
    value: Callable[[Float64Array, Float64Array], Float64Array]

    def of(self, line: Line) -> Float64Array:
        """Its value at each record of a run."""
        return self.value(line.result["imbalance_terms"], line.result["weight_norms"][:, 2] ** 2)


FIGURES = (
    Term(
        "fig21",
        "v²a − b of Theorem 5.9 along SGD and GD",
        "v²a − b",
        "v²a > b: GD makes the imbalance grow (by Cauchy and Schwarz it must while C ≤ 0).",
        lambda terms, square: square * terms[:, 0] - terms[:, 1],
    ),
    Term(
        "fig22",
        "v²a⊙ − b⊙ of Theorem 5.9 along SGD and GD",
        "v²a⊙ − b⊙",
        "v²a⊙ > b⊙: SGD makes the imbalance grow more than GD.",
        lambda terms, square: square * terms[:, 2] - terms[:, 3],
    ),
    Term(
        "fig23",
        "a of Theorem 5.9 along SGD and GD",
        "a = ‖Xᵀz‖²",
        "a is soon small: the change that GD makes is small.",
        lambda terms, _: terms[:, 0],
    ),
    Term(
        "fig24",
        "b of Theorem 5.9 along SGD and GD",
        "b = (zᵀXu)²",
        "b is smaller than v²a.",
        lambda terms, _: terms[:, 1],
    ),
    Term(
        "fig25",
        "a⊙ of Theorem 5.9 along SGD and GD",
        "a⊙ = n Σ‖xᵢ‖²zᵢ² − a",
        "a⊙ is far larger than a.",
        lambda terms, _: terms[:, 2],
    ),
    Term(
        "fig26",
        "b⊙ of Theorem 5.9 along SGD and GD",
        "b⊙ = n ‖z⊙Xu‖² − b",
        "b⊙ is far smaller than v²a⊙.",
        lambda terms, _: terms[:, 3],
    ),
)


def exhibits() -> list[Exhibit]:
    """Return the six figures, which draw the same runs."""
    return [
        Exhibit(
            name=term.name,
            title=term.title,
            statement=f"{term.statement} {CHOICES}",
            data="cifar10-cat-dog",
            minutes=0.2,
            make=partial(_make, term),
            group=GROUP,
        )
        for term in FIGURES
    ]


def _make(
    term: Term,
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
        ("imbalance_terms", "weight_norms"),
        seed=seed,
        progress=progress,
        report=lambda text: report(f"{term.name} {text}"),
        make_run=shared(folder, GROUP),
    )
    rows = [line.row() | shares(line) for line in made]
    for name in ("share_v2a_above_b", "share_v2a_batch_above_b_batch"):
        report(f"{term.name} {name}: {np.mean([row[name] for row in rows]):.4f} of all records")
    tables = {"curves": points(made, {term.name: term.of}), "summary": rows}
    return {"runs": rows, "files": write_figure(folder, term.name, plot(term, made), tables)}


def shares(line: Line) -> dict[str, float]:
    """At what share of the records v²a > b and v²a⊙ > b⊙, and medians of the ratios that explain it."""
    gd, sgd = FIGURES[0].of(line), FIGURES[1].of(line)
    a, b, a_batch, b_batch = line.result["imbalance_terms"].T
    return {
        "share_v2a_above_b": float(np.mean(gd > 0)),
        "share_v2a_batch_above_b_batch": float(np.mean(sgd > 0)),
        "median_a_batch_over_a": float(np.median(a_batch / a)),
        "median_b_batch_over_b": float(np.median(b_batch / b)),
    }


def plot(term: Term, made: Sequence[Line]) -> Figure:
    """Draw it on a logarithmic axis, a panel for each batch size; what is not positive leaves a gap."""
    figure, grid, groups = panels(made)
    for axes, group in zip(grid[0], groups.values(), strict=True):
        draw(axes, group, lambda line: np.where(term.of(line) > 0, term.of(line), np.nan))
        axes.set_yscale("log")
    grid[0, 0].set_ylabel(f"{term.label}\n(1 / step size²)")
    finish(figure, grid[0, 0], made)
    return figure
