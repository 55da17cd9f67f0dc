"""One dictionary for the command line."""

from __future__ import annotations

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp import theory
from mpsharp.theory.summary import MEANINGS
from theory_cases import cases, formats


@given(cases(), st.integers(2, 5), formats)
def test_it_says_what_the_functions_say(case, depth, format):
    report = theory.report(case.X, case.y, depth, format=format)
    X, y = case.X, case.y
    lower, upper = theory.minimizer_sharpness_bounds(X, y, depth, format=format)
    assert report["difficulty"] == theory.dataset_difficulty(X, y, format=format)
    assert report["predicted_sharpness"] == theory.predicted_sharpness(X, y, depth, format=format)
    assert report["minimizer_sharpness"] == theory.minimizer_sharpness(X, y, depth, format=format)
    assert (report["minimizer_lower"], report["minimizer_upper"]) == (lower, upper)
    assert report["imbalance_threshold"] == theory.imbalance_threshold(X, y, format=format)
    assert report["rank"] == case.rank
    assert report.keys() <= MEANINGS.keys()
    assert type(report["difficulty"]) is (float if format is None else gmpy2.mpfr)
    assert ("initial_lower" in report) == (depth == 2)


def test_thresholds_for_step_sizes():
    report = theory.report(np.diag([3.0, 1.0]), [2.0, 1.0])
    assert report["step_size_limit"] == pytest.approx(2 / report["minimizer_sharpness"], rel=2.0**-51)
    assert report["step_size_divergence"] == pytest.approx(4 / report["minimizer_sharpness"], rel=2.0**-51)
    assert report["step_size_stable"] <= report["step_size_limit"] <= report["step_size_unstable"]
    assert report["step_size_predicted"] == report["step_size_unstable"]
    assert report["below_threshold"] is (report["imbalance_threshold"] > 0)
    a, b = 1 / 6**0.5, 1 / 3**0.5
    expected = theory.converged_sharpness_bounds(np.diag([3.0, 1.0]), [2.0, 1.0], a, b)
    assert report["converged_upper"] == pytest.approx(expected.upper, rel=2.0**-48)


def test_labels_outside_leave_a_floor():
    report = theory.report([[1.0], [0.0]], [1.0, 2.0])
    assert report["label_residual"] == 1
    assert report["rank"] == 1
