"""Figures 5, 13 and 17 at toy size: gradient flow ends where the theory says, and the trends are counted."""

from __future__ import annotations

import numpy as np
import pytest

from mpsharp import problems, theory
from mpsharp.paper import size_and_depth


def test_flow_ends_at_the_exact_limit(cats_and_dogs):
    made = size_and_depth.lines(
        "cifar10-cat-dog",
        sizes=(10, 20),
        depths=(2, 3),
        depth_samples=10,
        subsets=1,
        record_every=20,
        progress=False,
    )
    for line in made:
        row = line.row()
        assert row["status"] == "converged"
        # The residual left, √(2nL), over the labels', √n, bounds what is missing of c by a few of itself.
        assert abs(row["relative_difference"]) < 10 * (2 * 1e-13) ** 0.5
        assert row["between_bounds"]
        assert row["imbalance_drift"] < 1e-9
    found = {trend["trend"]: trend for trend in size_and_depth.trends(made)}
    assert (found["rises with n samples"]["holding"], found["rises with n samples"]["of"]) == (1, 1)
    depths = found["rises with depth, where Q > 1"]
    assert made[-1].difficulty < 1  # with more layers the sharpness falls
    assert (depths["holding"], depths["of"]) == (0, 0)
    assert made[-1].result.sharpness[-1] < made[-2].result.sharpness[-1]
    assert len(size_and_depth.plot(made, "cats and dogs").axes) == 2
    assert len(size_and_depth.points(made)) == sum(len(line.result.step) for line in made)


@pytest.mark.parametrize("depth", [2, 4])
def test_the_start_is_balanced(depth):
    problem = size_and_depth.balanced(problems.gaussian(4, 7, depth=depth))
    assert np.allclose(problem.v, size_and_depth.START)
    assert theory.is_balanced(problem.X, problem.u, problem.v)
