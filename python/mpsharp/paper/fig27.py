"""Figure 27: the same run in float32 and in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mpsharp import plotting, problems
from mpsharp.paper.base import Curve, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "fig27"
TITLE = "float32 against float64 on the synthetic data of Appendix D"
STATEMENT = "Loss and sharpness depend on the precision: float64 turns later, and from a higher sharpness."
DATA = "synthetic"
MINUTES = 0.2


def configs(*, full: bool = False, seed: int = 0) -> dict[str, Run]:
    """Return NumPy's own arithmetic in both formats, 6000 steps: float64 needs them to recover."""
    problem = problems.appendix_d(seed=seed)
    options = {"arithmetic": "numpy", "steps": 6000}
    return {name: Run(problem, {"format": name, **options}) for name in ("float32", "float64")}


def plot(summary: Mapping[str, Curve]) -> Figure:
    """Draw loss above sharpness."""
    return plotting.curves(summary, "default problem, limit ratio 2.2, depth 2")
