"""Dataset difficulty: Q = ‖X⁺y‖², in float64 and at any precision, against exact rational elimination."""

from __future__ import annotations

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from mpsharp import ConvergenceError, ShapeError, theory
from theory_cases import Case, cases, difficulty, exactly, formats, norm, projection, row_basis


def hilbert(n):
    return 1.0 / (np.arange(n)[:, None] + np.arange(n) + 1.0)


def wedin(case: Case) -> float:
    """Relative error of Q in float64, to first order (Wedin 1973), for a backward error of (n + d) roundings.

    The solution moves by κ(2 + (κ + 1)·‖y − Py‖/‖Py‖) relative backward errors, its square by twice that.
    """
    inside = [float(x) for x in projection(case.X, case.y)]
    outside = norm([float(a - exactly(b)) for a, b in zip(oracles.rationals(case.y), inside, strict=True)])
    k = case.condition
    return 2 * sum(case.X.shape) * 2.0**-52 * k * (2 + (k + 1) * outside / norm(inside))


@given(cases(), st.sampled_from([2, 24, 53, 100, 256, 512]))
def test_at_any_precision_it_is_the_rounded_exact_value(case, bits):
    exact = difficulty(case.X, case.y)
    computed = theory.dataset_difficulty(case.X, case.y, format=bits)
    assert computed.precision == bits
    # Half a unit in the last place, and the guard bits' error far below it.
    assert abs(exactly(computed) - exact) <= exact * gmpy2.mpq(65, 128) * 2 ** gmpy2.mpz(1) / 2**bits


@given(cases())
def test_in_float64_it_has_the_error_of_a_backward_stable_solution(case):
    exact = difficulty(case.X, case.y)
    assert abs(exactly(theory.dataset_difficulty(case.X, case.y)) - exact) <= exact * exactly(wedin(case))


@given(cases())
def test_the_rank_is_that_of_the_numbers(case):
    assert theory.spectrum(case.X, format=64).rank == case.rank
    assert theory.spectrum(case.X).rank == case.rank


@given(cases())
def test_labels_outside_the_column_space_add_nothing(case):
    inside = [str(x) for x in projection(case.X, case.y)]
    assert theory.dataset_difficulty(case.X, inside, format=200) == theory.dataset_difficulty(
        case.X, case.y, format=200
    )


@given(cases(), formats)
def test_scaling_data_and_labels_by_powers_of_two(case, format):
    # Exact in every format: Q(aX, by) = (b/a)²·Q.
    Q = theory.dataset_difficulty(case.X, case.y, format=format)
    scaled = theory.dataset_difficulty(case.X * 4, case.y * 0.5, format=format)
    assert exactly(scaled) == exactly(Q) / 64


def test_exact_numbers_enter_without_a_detour_through_float64():
    assert theory.dataset_difficulty([["1/3"]], ["0.1"], format=300) == gmpy2.mpfr("0.09", 300)
    assert theory.dataset_difficulty([["1e-400"]], ["2e-400"], format=100) == 4


def test_zero_data_and_zero_labels_are_not_difficult():
    assert theory.dataset_difficulty(np.zeros((2, 3)), [1.0, 2.0]) == 0
    assert theory.dataset_difficulty(np.zeros((2, 3)), [1.0, 2.0], format=80) == 0
    assert theory.dataset_difficulty(np.eye(2), [0.0, 0.0], format=80) == 0


def test_a_chosen_rank_ignores_rounding_errors_of_low_rank_data():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((8, 3)) @ rng.standard_normal((3, 8)), rng.standard_normal(8)
    assert len(row_basis(X)) == 8
    assert theory.dataset_difficulty(X, y, format=128) > 1e6 * theory.dataset_difficulty(X, y)
    chosen = theory.dataset_difficulty(X, y, format=128, rank=3)
    assert theory.dataset_difficulty(X, y) == pytest.approx(float(chosen), rel=wedin(Case(X, y, False)))


@pytest.mark.parametrize("bits", [24, 64, 200])
@pytest.mark.parametrize("n", [4, 10, 16])
def test_every_bit_is_right_however_ill_conditioned(n, bits):
    # κ is 1.6e4, 1.6e13, 6e22; the labels oscillate, which the small singular values see, or do not.
    for y in ((-1.0) ** np.arange(n), np.ones(n)):
        exact = difficulty(hilbert(n), y)
        computed = theory.dataset_difficulty(hilbert(n), y, format=bits)
        assert abs(exactly(computed) - exact) <= exact * gmpy2.mpq(65, 128) * 2 / 2 ** gmpy2.mpz(bits)


@pytest.mark.parametrize("n", range(2, 14))
def test_digits_on_hilbert_matrices_are_those_that_agree(n):
    X, y = hilbert(n), np.ones(n)
    exact, computed = difficulty(X, y), theory.dataset_difficulty(X, y)
    error = abs(exactly(computed) - exact) / exact
    digits = theory.difficulty_digits(X, y)
    if error == 0:
        assert digits == pytest.approx(15.95, abs=0.01)
    else:
        # The reference has 128 bits: 2**-128 of the value is nothing beside 2**-53 of it.
        assert digits == pytest.approx(min(15.9546, max(0.0, -float(gmpy2.log10(error)))), abs=1e-3)


def test_digits_fall_with_the_condition_number():
    digits = [theory.difficulty_digits(hilbert(n), np.ones(n)) for n in (3, 6, 9, 12)]
    assert digits == sorted(digits, reverse=True)
    # κ is 5e2, 1e7, 5e11, 2e16.
    assert digits[0] > 12
    assert digits[-1] < 1


def test_all_digits_of_an_exact_value_are_right():
    assert theory.difficulty_digits(np.diag([2.0, 1.0]), [2.0, 3.0]) == pytest.approx(53 * np.log10(2))
    assert theory.report(np.diag([2.0, 1.0]), [2.0, 3.0], format=100)["difficulty_digits"] == pytest.approx(
        100 * np.log10(2)
    )
    assert theory.report(hilbert(12), np.ones(12), rank=12)["difficulty_digits"] == 0


def test_singular_values_that_no_precision_resolves():
    with pytest.raises(ConvergenceError, match="is the rank 2"):
        theory.dataset_difficulty(np.ones((2, 2)), [1.0, 2.0], format=53, rank=2)
    with pytest.raises(ConvergenceError, match="100000 bits"):
        theory.dataset_difficulty([["1e-9000", 0], [0, "1e9000"]], [1, 1], format=53)


def test_shapes_are_checked():
    with pytest.raises(ShapeError, match="y: expected length 2, got 3"):
        theory.dataset_difficulty(np.eye(2), [1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match="X: expected shape"):
        theory.dataset_difficulty([1.0], [1.0])
