"""Scales: what float64 cannot do is refused, not answered with a number that underflow has spoilt."""

from __future__ import annotations

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp import NonFiniteError, theory
from theory_cases import exactly

RNG = np.random.default_rng(0)
DATA = {"X": RNG.standard_normal((3, 2)), "y": RNG.standard_normal(3), "u": RNG.standard_normal(2)}

# Each takes X, y, u, a number v, and the format.
FUNCTIONS = {
    "border_norm": lambda X, y, u, v, **k: theory.border_norm(X[0], **k),
    "imbalance_root": lambda X, y, u, v, **k: theory.imbalance_root(v, abs(y[0]), **k),
    "dataset_difficulty": lambda X, y, u, v, **k: theory.dataset_difficulty(X, y, **k),
    "imbalance_threshold": lambda X, y, u, v, **k: theory.imbalance_threshold(X, y, **k),
    "predicted_sharpness": lambda X, y, u, v, **k: theory.predicted_sharpness(X, y, 3, **k),
    "bounds": lambda X, y, u, v, **k: theory.minimizer_sharpness_bounds(X, y, 2, v, sharper=True, **k),
    "deep bounds": lambda X, y, u, v, **k: theory.minimizer_sharpness_bounds(X, y, 4, [v, -v, 0], **k),
    "minimizer_sharpness": lambda X, y, u, v, **k: theory.minimizer_sharpness(X, y, 2, v, **k),
    "minimizer": lambda X, y, u, v, **k: np.concatenate(theory.minimizer(X, y, 3, [v, 0], **k)),
    "initial": lambda X, y, u, v, **k: theory.initial_sharpness_bounds(X, y, v, abs(u[0]), sharper=True, **k),
    "converged": lambda X, y, u, v, **k: theory.converged_sharpness_bounds(X, y, v, abs(u[0]), **k),
    "sharpness_bounds": lambda X, y, u, v, **k: theory.sharpness_bounds(X, y, u, v, **k),
    "layer_imbalance": lambda X, y, u, v, **k: theory.layer_imbalance(X, u, [v], **k),
    "terms": lambda X, y, u, v, **k: theory.imbalance_change_terms(X, y, u, [v], **k),
    "gd": lambda X, y, u, v, **k: theory.gd_imbalance_change(X, y, u, [v], 0.1, **k),
    "sgd": lambda X, y, u, v, **k: theory.sgd_imbalance_change(X, y, u, [v], 0.1, 2, **k),
    "report": lambda X, y, u, v, **k: [
        x for x in theory.report(X, y, 2, v, **k).values() if type(x) in (float, gmpy2.mpfr)
    ],
}
exponents = st.sampled_from([0, 0, 100, -100, 150, -150, 200, -200, 300, -300, 307, -307])


def numbers(result):
    return list(result) if isinstance(result, (tuple, list, np.ndarray)) else [result]


@pytest.mark.parametrize("name", FUNCTIONS)
@given(st.tuples(exponents, exponents, exponents, exponents))
def test_float64_is_right_or_says_that_it_cannot(name, scales):
    X, y, u = (part * 10.0**e for part, e in zip(DATA.values(), scales, strict=False))
    v = 0.7 * 10.0 ** scales[3]
    exact = numbers(FUNCTIONS[name](X, y, u, v, format=80))
    assert all(map(gmpy2.is_finite, exact))
    try:
        computed = numbers(FUNCTIONS[name](X, y, u, v))
    except NonFiniteError:
        return
    for a, b in zip(computed, exact, strict=True):
        if type(b) is gmpy2.mpfr and abs(b) > 2.0**-1000:  # 0: the label's residual, and digits
            # κ = 3, and the largest cancellation of these numbers, in gd and sgd, by 100.
            assert abs(exactly(a) - exactly(b)) <= abs(exactly(b)) * 1000 * exactly(2.0**-52)


def test_ordinary_scales_are_not_refused():
    for name, function in FUNCTIONS.items():
        for e in (0, 30, -30):
            X, y, u = (part * 10.0**e for part in DATA.values())
            assert np.isfinite([float(x) for x in numbers(function(X, y, u, 0.7))]).all(), name


@pytest.mark.parametrize("text", ["1e400", "1e-400"])
def test_exact_numbers_beyond_float64_need_a_format(text):
    X, y = [[text, 0], [0, text]], ["1", "2"]
    with pytest.raises(NonFiniteError, match="X: expected numbers within float64's range"):
        theory.dataset_difficulty(X, y)
    with pytest.raises(NonFiniteError, match="u: expected numbers within float64's range"):
        theory.layer_imbalance(np.eye(2), [text, text], [1])
    # Ŝ = σ₁²√Q/n, Q = 1.
    ratio = theory.predicted_sharpness(X, [text, 0], 2, format=100) / gmpy2.mpfr(text, 100) ** 2
    assert abs(ratio - 0.5) <= 2.0**-50
    # Beside larger numbers they are rounded to zero, as any number is.
    assert theory.border_norm(["1e-400", 3, "4"]) == 5


def test_squares_need_not_be_in_range():
    for scale in (2.0**600, 2.0**-600):
        assert theory.border_norm([3 * scale, 4 * scale]) == 5 * scale
        assert theory.imbalance_root(3 * scale, 0) == 3 * scale
    # At the origin S = ‖Xᵀy‖/n, its own upper bound.
    assert theory.sharpness_bounds([[2.0**-600]], [2.0**-400], [0.0], 0.0).upper == 2.0**-1000


def test_condition_numbers_beyond_float64():
    X = [["1e-200", 0], [0, "1e200"]]
    assert abs(theory.report(X, ["1e-200", 1], format=60)["condition"] / gmpy2.mpfr("1e400") - 1) < 1e-15
    assert theory.spectrum(X).rank == 1
    assert not theory.is_balanced(X, [1, 1], [1], format=60, tolerance=0.5)


@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_the_mean_imbalance_of_a_pytorch_start_is_zero_for_full_column_rank(n_features):
    # m = rα² − β² = 0, so that E S lies above σ₁²√Q/n even where Q is far smaller than a rounding of α².
    X = np.eye(n_features + 1, n_features) * 2.0**100
    y = np.ones(n_features + 1)
    for format in (None, 80):
        report = theory.report(X, y, format=format)
        wanted = theory.predicted_sharpness(X, y, format=format)
        assert abs(report["converged_lower"] - wanted) <= wanted * 2.0**-50
