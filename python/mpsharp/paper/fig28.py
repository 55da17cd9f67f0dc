"""Figure 28: the same run at 64 … 1024 bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mpsharp import plotting, problems
from mpsharp.paper.base import Curve, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "fig28"
TITLE = "64 to 1024 bits on the synthetic data of Appendix D"
STATEMENT = "More bits postpone the catapult to a larger sharpness; with enough of them the loss blows up."
DATA = "synthetic"
MINUTES = 0.1
BITS = (64, 128, 256, 512, 1024)


def configs(*, full: bool = False, seed: int = 0) -> dict[str, Run]:
    """Return the default problem at five precisions."""
    problem = problems.appendix_d(seed=seed)
    return {f"{bits} bits": Run(problem, {"bits": bits, "steps": 1000}) for bits in BITS}


def plot(summary: Mapping[str, Curve]) -> Figure:
    """Draw loss above sharpness."""
    return plotting.curves(summary, "default problem, limit ratio 2.2, depth 2")
