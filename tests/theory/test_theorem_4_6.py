"""Sharpness at the minimisers of the deep model: balanced, and with any imbalance (ours)."""

from __future__ import annotations

import gmpy2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mpsharp import GD, Problem, run, theory
from theory_cases import at_most, cases, close, exactly, formats, slack

depths = st.integers(2, 6)
layer_imbalances = st.lists(
    st.one_of(st.just(0.0), st.floats(-3, 3), st.sampled_from([1e-7, -1e-7, 50.0, -50.0])),
    min_size=5,
    max_size=5,
)


@given(cases(), depths, formats)
def test_bounds_start_at_the_predicted_sharpness(case, depth, format):
    lower, upper = theory.minimizer_sharpness_bounds(case.X, case.y, depth, format=format)
    predicted = theory.predicted_sharpness(case.X, case.y, depth, format=format)
    exact = theory.minimizer_sharpness(case.X, case.y, depth, format=format)
    allowed = slack(format, case.rank + depth)
    assert close(lower, predicted, allowed)
    assert at_most(predicted, exact, allowed)
    assert at_most(exact, upper, allowed)


@given(cases(), depths, st.sampled_from([64, 256]))
def test_the_gap_is_the_formula(case, depth, bits):
    lower, upper = theory.minimizer_sharpness_bounds(case.X, case.y, depth, format=bits)
    parts = theory.spectrum(case.X, format=400)
    with gmpy2.context(precision=500):
        d = parts.labels(case.y)
        Q = parts.difficulty(d)
        gap = (depth - 1) * (d * d).sum() / (len(case.X) * gmpy2.exp(gmpy2.log(Q) / depth))
        assert abs(upper - lower - gap) <= upper * gmpy2.exp2(gmpy2.mpfr(1 - bits))


@given(cases(), depths, layer_imbalances, formats)
def test_bounds_hold_for_any_imbalance(case, depth, imbalance, format):
    C = imbalance[: depth - 1]
    lower, upper = theory.minimizer_sharpness_bounds(case.X, case.y, depth, C, format=format)
    sharper, _ = theory.minimizer_sharpness_bounds(case.X, case.y, depth, C, sharper=True, format=format)
    exact = theory.minimizer_sharpness(case.X, case.y, depth, C, format=format)
    allowed = slack(format, case.rank + depth)
    assert at_most(lower, sharper, allowed)
    assert at_most(sharper, exact, allowed)
    assert at_most(exact, upper, allowed)


@given(cases(max_n=4, max_d=4), depths, st.one_of(st.none(), layer_imbalances))
def test_run_measures_the_exact_value_at_the_constructed_minimiser(case, depth, imbalance):
    C = 0 if imbalance is None else imbalance[: depth - 1]
    u, v = theory.minimizer(case.X, case.y, depth, C, format=500)
    with gmpy2.context(precision=500):  # without, even a change of sign rounds to 53 bits
        v[-1], u = -v[-1], -u
    problem = Problem(X=case.X, y=case.y, u=u, v=v, optimizer=GD(1e-9))
    got = run(problem, bits=256, steps=1).exact("sharpness")[0]
    exact = theory.minimizer_sharpness(case.X, case.y, depth, C, format=300)
    # As for two layers: the residual is κ·2⁻²⁵⁶|y| for each of the depth roundings. The blocks of the outer
    # layers have it times Π/(v_k v_l), which is beside w_l w_k|s|² = |y|²/(v_k v_l) smaller by 2⁻²⁵⁶κ too.
    allowed = sum(case.X.shape) * depth * case.condition * 2.0**-250 * 2.0**10
    assert close(got, exact, allowed)
    for value, wanted in zip(
        theory.layer_imbalance(case.X, u, v, format=256), np.broadcast_to(C, depth - 1), strict=True
    ):
        scale = exactly(abs(v).max()) ** 2 + sum(exactly(x) ** 2 for x in u)
        assert abs(exactly(value) - exactly(wanted)) <= scale / 2 ** gmpy2.mpz(240)


def test_depth_raises_the_prediction_where_the_difficulty_is_above_one_and_lowers_it_below():
    X = np.eye(3)
    for y, rising in ((np.full(3, 2.0), True), (np.full(3, 0.1), False)):
        values = [theory.predicted_sharpness(X, y, depth) for depth in range(2, 7)]
        assert values == sorted(values, reverse=not rising)


@given(st.integers(-1000, 1000), st.floats(1, 2), depths)
def test_roots_of_difficulties_of_any_size_are_right_in_float64(exponent, m, depth):
    # Q^((D−1)/D) for X = 1 and y² = Q: ten roundings in all, whatever the size of Q.
    y = np.ldexp(m, exponent // 2)
    predicted = theory.predicted_sharpness([[1.0]], [y], depth)
    assert close(predicted, theory.predicted_sharpness([[1.0]], [y], depth, format=100), 10 * 2.0**-53)
