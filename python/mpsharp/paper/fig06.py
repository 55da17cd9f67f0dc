"""Figure 6 (a, c): the edge of stability of the minimalist model on Gaussian data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mpsharp import plotting, problems
from mpsharp.paper.base import Curve, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "fig06"
TITLE = "Edge of stability of the minimalist model (6a, 6c)"
STATEMENT = (
    "Sharpness rises to 2/step size and then oscillates around it, ever less, while the loss goes down "
    "with occasional spikes."
)
DATA = "synthetic"
MINUTES = 0.1


def configs(*, full: bool = False, seed: int = 0) -> dict[str, Run]:
    """Return one run at the precision of float64: n = d = 100, D = 2, step size 0.2."""
    return {"53 bits": Run(problems.gaussian(seed=seed), {"bits": 53})}


def plot(summary: Mapping[str, Curve]) -> Figure:
    """Draw sharpness (a) beside loss (c)."""
    figure = plotting.new_figure((9.0, 3.6))
    left, right = figure.subplots(1, 2)
    plotting.draw_sharpness(left, summary)
    plotting.draw_loss(right, summary)
    left.set_title("(a) sharpness", fontsize="medium")
    right.set_title("(c) training loss", fontsize="medium")
    left.legend(fontsize="small", frameon=False)
    for axes in (left, right):
        axes.set_xlabel("step")
        axes.grid(alpha=0.25)
    return figure
