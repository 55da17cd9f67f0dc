"""Figure 29: cats and dogs, the postponed drop and the blow-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mpsharp import plotting, problems
from mpsharp.paper.base import Curve, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "fig29"
TITLE = "Cats and dogs (CIFAR-10): the postponed drop and the blow-up"
STATEMENT = "On real data, too, more bits postpone the drop of the sharpness, and can end in a blow-up."
DATA = "cifar10-cat-dog"
MINUTES = 1.0
BITS = (24, 53, 128, 256, 512, 1024)


def configs(*, full: bool = False, seed: int = 0) -> dict[str, Run]:
    """Return 300 images at limit ratio 1.5 and 100 at 3, at six precisions each.

    By default in row-space coordinates, which leave d = n numbers of d = 3072 and, in exact
    arithmetic, every result as it is; `full` trains all 3072 and records every step. The blow-up is
    over, one way or the other, long before step 600.
    """
    postponed, blowup = problems.figure29_postponed(seed), problems.figure29_blowup(seed)
    if not full:
        postponed, blowup = problems.reduced(postponed), problems.reduced(blowup)
    every = 1 if full else 2  # the drop takes a few steps: records further apart miss the catapult
    runs = {f"n=300, {bits} bits": Run(postponed, {"bits": bits, "record_every": every}) for bits in BITS}
    return runs | {f"n=100, {bits} bits": Run(blowup, {"bits": bits, "steps": 600}) for bits in BITS}


def plot(summary: Mapping[str, Curve]) -> Figure:
    """Draw a column for each of the two problems, loss above sharpness."""
    figure = plotting.new_figure((11.0, 6.0))
    columns = figure.subplots(2, 2, sharex="col")
    for column, (prefix, title) in enumerate(
        (("n=300", "postponed drop: n = 300, limit ratio 1.5"), ("n=100", "blow-up: n = 100, limit ratio 3"))
    ):
        runs = {
            label.removeprefix(f"{prefix}, "): curve
            for label, curve in summary.items()
            if label.startswith(prefix)
        }
        above, below = columns[0][column], columns[1][column]
        plotting.draw_loss(above, runs)
        plotting.draw_sharpness(below, runs)
        above.set_title(title, fontsize="medium")
        below.set_xlabel("step")
        below.legend(fontsize="small", frameon=False, ncols=2)
        for axes in (above, below):
            axes.grid(alpha=0.25)
    return figure
