"""Figures 18–20: the limits from many starts computed two ways, what is counted, and toy runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp import theory
from mpsharp.paper import flow_starts, start_bounds
from mpsharp.paper.flow_starts import Expected
from mpsharp.theory import Bounds


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([1e-3, 1.0, 1e3]))
def test_limits_are_the_sharpness_of_the_minimiser(seed, n, scale):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((n, n + 2)), rng.standard_normal(n)
    W, sigma, Rt = np.linalg.svd(X, full_matrices=False)
    u, v = scale * rng.standard_normal((3, n + 2)), rng.standard_normal(3)
    got = flow_starts.limits(sigma, W.T @ y, n, u @ Rt.T, v)
    for value, first, second in zip(got, u, v, strict=True):
        imbalance = theory.layer_imbalance(X, first, [second])
        # Q, and with it the limit, loses what the condition of X says, squared, twice over.
        margin = 64 * n * 2.0**-52 * (sigma[0] / sigma[-1]) ** 2
        assert value == pytest.approx(theory.minimizer_sharpness(X, y, 2, imbalance), rel=margin)


def test_means_are_judged_to_two_standard_errors():
    values = np.array([1.0, 3.0] * 50)  # mean 2, standard error 0.1005
    assert Expected(values, Bounds(2.15, 2.5)).holds
    assert not Expected(values, Bounds(2.25, 2.5)).holds
    assert Expected(values, Bounds(1.0, 1.85)).holds
    assert not Expected(values, Bounds(1.0, 1.75)).holds
    assert Expected(values, Bounds(0.5, 1.5)).share_inside == 0.5


@pytest.mark.usefixtures("small_svhn")
def test_runs_end_at_their_limits_and_unfinished_ones_are_not_judged():
    made = flow_starts.lines("svhn-3-5", (10, 20), weight_seeds=2, starts=1500, steps=5000, progress=False)
    assert len(start_bounds.subsets(made)) == 2
    for line in made:
        row = line.row()
        assert row["status"] == "converged"
        assert row["last_between_bounds"] in (True, False)
        # as for Figure 5: the residual that is left bounds what is missing of the layers by a few of itself
        assert abs(row["relative_difference"]) < 10 * (2 * flow_starts.STOP_LOSS) ** 0.5
        assert row["imbalance_drift"] < 1e-9
    for row in start_bounds.expectations(made, "svhn-3-5"):
        assert row["mean_between_bounds"]
        assert row["starts"] == 1500
    short = flow_starts.lines("svhn-3-5", (10,), weight_seeds=1, starts=10, steps=3, progress=False)
    assert short[0].row()["last_between_bounds"] == "not converged"
    assert "0 of 1 runs converged; 0 of them" in " ".join(start_bounds.judgements(short))
    assert "4 of 4 runs converged" in " ".join(start_bounds.judgements(made))
    assert len(start_bounds.plot(made, "toys").axes) == 4
