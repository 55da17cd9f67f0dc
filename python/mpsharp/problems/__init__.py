"""Problems: data, depth and starting point of the minimalist model; those of the paper by name."""

from mpsharp.problems.problem import Problem
from mpsharp.problems.real import figure29_blowup, figure29_postponed, from_dataset
from mpsharp.problems.recipes import from_recipe
from mpsharp.problems.reduced import reduced
from mpsharp.problems.synthetic import appendix_d, gaussian

__all__ = [
    "Problem",
    "appendix_d",
    "figure29_blowup",
    "figure29_postponed",
    "from_dataset",
    "from_recipe",
    "gaussian",
    "reduced",
]
