"""Certified sharpness against dense eigenvalues, balls, exact values and its own shifted copies."""

from __future__ import annotations

from fractions import Fraction

import gmpy2
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpsharp
import oracles
from certificate.cases import random_problem
from mpsharp import ConfigurationError, NonFiniteError, PrecisionError, Problem, ShapeError, theory
from mpsharp.certificate.interval import IntervalArithmetic
from mpsharp.certificate.points import rounding_shift
from strategies import problems
from theory_cases import cases, exactly

BITS = 256


def parts(problem):
    return [x.tolist() for x in (problem.X, problem.y, problem.u, problem.v)]


def dense(problem, bits=BITS):
    """mpmath's largest eigenvalue at 2·bits + 64 bits, as a ratio, and a bound of its error.

    The method is backward stable; a factor of p³ is more than its constant, and ‖H‖ ≤ p·λ_max, since no entry
    exceeds λ_max: no diagonal entry is negative.
    """
    value = oracles.sharpness(*parts(problem), bits=bits)
    sign, significand, exponent, _ = value._mpf_
    ratio = (-1) ** sign * gmpy2.mpq(int(significand)) * gmpy2.mpq(2) ** int(exponent)
    size = problem.n_features + len(problem.v)
    return ratio, abs(ratio) * size**4 / gmpy2.mpq(2) ** (2 * bits + 64)


def check(problem, interval, bits=BITS, guard=0):
    value, error = dense(problem, bits + guard)
    assert gmpy2.mpq(interval.lower) - error <= value <= gmpy2.mpq(interval.upper) + error
    assert interval.lower.precision == interval.upper.precision == bits
    if value:
        assert interval.relative_width <= 2.0 ** (16 - bits)


@pytest.mark.parametrize("seed", range(60))
def test_contains_the_dense_eigenvalue(seed):
    problem = random_problem(seed, 7, 8)
    check(problem, mpsharp.sharpness_interval(problem, threads=1))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(500))
def test_contains_the_dense_eigenvalue_up_to_20_samples(seed):
    problem = random_problem(10_000 + seed)
    check(problem, mpsharp.sharpness_interval(problem, threads=1))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "d", "depth"), [(100, 100, 2), (100, 40, 3), (100, 20, 12), (20, 100, 5)])
def test_contains_the_dense_eigenvalue_of_100_samples(n, d, depth):
    rng = np.random.default_rng(n + d)
    problem = mpsharp.problems.gaussian(n, d, 3, depth=depth)
    problem = Problem(X=problem.X, y=problem.y, u=problem.u, v=rng.uniform(0.5, 1.5, depth - 1))
    check(problem, mpsharp.sharpness_interval(problem))


@given(problems(), st.sampled_from([2, 24, 53, 100]))
def test_any_precision(problem, bits):
    interval = mpsharp.sharpness_interval(problem, bits, threads=1)
    value, error = dense(problem)
    assert gmpy2.mpq(interval.lower) - error <= value <= gmpy2.mpq(interval.upper) + error
    assert interval.upper - interval.lower <= interval.upper * gmpy2.exp2(3 - bits)
    narrower = mpsharp.sharpness_interval(problem, bits + 20, threads=1)
    assert interval.lower <= narrower.lower <= narrower.upper <= interval.upper


@pytest.mark.parametrize("seed", [3, 17, 29, 31, 44, 58])
def test_meets_the_balls_of_flint(seed):
    flint = pytest.importorskip("flint")
    problem = mpsharp.problems.gaussian(4, 3 + seed % 3, seed, depth=2 + seed % 4, scale=1.0)
    interval = mpsharp.sharpness_interval(problem, threads=1)
    H = oracles.hessian(*map(oracles.rationals, parts(problem)))
    before = flint.ctx.prec
    flint.ctx.prec = 500
    try:
        matrix = flint.acb_mat(
            [
                [flint.acb(flint.arb(flint.fmpq(int(x.numerator), int(x.denominator)))) for x in row]
                for row in H
            ]
        )
        ends = [
            flint.arb(flint.fmpq(int(gmpy2.mpq(x).numerator), int(gmpy2.mpq(x).denominator)))
            for x in interval
        ]
        balls = [ball.real for ball in matrix.eig(multiple=True)]
        top = max(balls, key=lambda ball: float(ball.mid()))
        assert not (top < ends[0])
        assert not (top > ends[1])
        assert float(top.rad()) < float(top.mid()) * 2.0**-400
    finally:
        flint.ctx.prec = before


@pytest.mark.parametrize("seed", range(100, 125))
def test_an_interval_moved_by_two_widths_is_rejected(seed):
    problem = random_problem(seed, 6, 6)
    interval = mpsharp.sharpness_interval(problem, threads=1)
    if not interval.upper:
        return
    assert mpsharp.is_sharpness_interval(problem, *interval, threads=1)
    with gmpy2.context(precision=2 * BITS):
        move = 2 * (interval.upper - interval.lower)
        up = interval.lower + move, interval.upper + move
        down = interval.lower - move, interval.upper - move
        wide = interval.lower - move, interval.upper + move
    assert not mpsharp.is_sharpness_interval(problem, *up, threads=1)
    assert not mpsharp.is_sharpness_interval(problem, *down, threads=1)
    assert mpsharp.is_sharpness_interval(problem, *wide, threads=1)


def test_ratios_and_text_are_meant_exactly():
    problem = Problem(X=[[1.0]], y=["1/3"], u=["1/3"], v=[1.0])  # H = [[1, 1/3], [1/3, 1/9]]
    interval = mpsharp.sharpness_interval(problem)
    assert interval.contains(Fraction(10, 9))
    assert not interval.contains(10 / 9)
    assert interval.relative_width <= 2.0 ** (16 - BITS)
    decimal = Problem(X=[["0.1"]], y=["0.3"], u=["3"], v=[1.0])  # H = [[0.01, 0.03], [0.03, 0.09]]
    binary = Problem(X=[[0.1]], y=[0.3], u=[3.0], v=[1.0])
    assert mpsharp.sharpness_interval(decimal).contains("0.1")
    assert not mpsharp.sharpness_interval(binary).contains("0.1")
    check(binary, mpsharp.sharpness_interval(binary))


@given(cases(max_n=4, max_d=4), st.integers(2, 6), st.booleans(), st.floats(-3, 3))
def test_the_exact_value_of_theorems_4_3_and_4_6_at_the_minimiser(case, depth, balanced, imbalance):
    C = 0 if balanced else imbalance
    format = 320
    u, v = theory.minimizer(case.X, case.y, depth, C, format=format)
    interval = mpsharp.sharpness_interval(Problem(X=case.X, y=case.y, u=u, v=v), threads=1)
    exact = theory.minimizer_sharpness(case.X, case.y, depth, C, format=format)
    # u and v are those of the theorem times 1 + δ, |δ| ≤ 2**-320 and a guard bit: what that does to an
    # eigenvalue is bounded as for any other rounding of the numbers. The exact value is rounded once too.
    ops = IntervalArithmetic(format - 1)
    numbers = {"y": np.array([gmpy2.mpfr(x) for x in case.y]), "u": u, "v": v}
    norm_x = ops.norm_bound(gmpy2.mpfr(x) for x in case.X.flat)
    allowed = gmpy2.mpq(rounding_shift(norm_x, numbers, ops)) + exactly(exact) / 2 ** gmpy2.mpz(format - 1)
    assert gmpy2.mpq(interval.lower) - allowed <= exactly(exact) <= gmpy2.mpq(interval.upper) + allowed
    # κ and the signs that the bound ignores cost some bits of the 320, no more.
    assert allowed <= exactly(exact) * case.condition**2 * gmpy2.mpq(2) ** (depth + 20 - format)


def test_clusters_that_float64_cannot_tell_apart():
    # Poles 1 and 1 + 10⁻³⁰ with a border on the lower one, or on none; D = 3 with two eigenvalues above them.
    gap = Fraction(1, 10**30)
    X = [[1, 0, 0], [0, 1 + gap, 0], [0, 0, 1 - gap]]
    for y, u, v in (
        ([0, 0, 0], [0, 0, 0], [1]),
        ([gap, 0, 0], [0, 0, 0], [1]),
        ([0, 0, 0], [1, 1, 1], [1, 1 - gap]),
        ([1, 1, 1], [0, 0, 0], [1, 1 + gap]),
        ([3, 3, 3], [1, 1, 1], [0, 0, 1, 0]),
    ):
        problem = Problem(X=X, y=y, u=u, v=v)
        check(problem, mpsharp.sharpness_interval(problem, threads=1))


def test_a_hessian_of_zeros_and_one_that_takes_exponents_far_beyond_float64():
    zero = Problem(X=np.zeros((2, 3)), y=[1.0, 2.0], u=[1.0, 1.0, 1.0], v=[1.0])
    assert mpsharp.sharpness_interval(zero) == (0, 0)
    cancelled = Problem(X=[[1.0, 1.0]], y=[3.0], u=[1.0, -1.0], v=[0.0, 0.0])
    assert mpsharp.sharpness_interval(cancelled) == (0, 0)
    tiny = gmpy2.exp2(-300_000)
    problem = Problem(X=[[1.0, 2.0], [3.0, 4.0]], y=[1.0, 1.0], u=[1.0, 1.0], v=[tiny, tiny])
    interval = mpsharp.sharpness_interval(problem)
    # But for what is tiny, c = w = 0, and the only entries of H are two of −sᵀy/n = −5.
    assert interval.contains(5) or abs(interval.lower - 5) < gmpy2.exp2(-250)
    assert interval.relative_width <= 2.0 ** (16 - BITS)


@pytest.mark.parametrize(
    ("X", "y", "u", "v"),
    [
        ([["1/3", "1/7"]], [0], ["1/7", "-1/3"], [0, "1/5"]),  # one layer is zero: s = 0 and Xᵀy = 0
        ([["1/3"], ["1/7"]], ["1/7", "-1/3"], [0], [0]),
        ([["1/3", "1/7"]], [2], ["3/7", "-1"], [0, 0, 3]),  # two are: sᵀy = 0
        ([["1/3"], ["1/7"]], ["1/7", "-1/3"], [1], [0, "1/5", 0]),
        ([["1/3"]], ["1/5"], ["1/7"], [0, 0, 0, "1/9"]),
        ([[0, 0]], ["1/5"], ["1/7", 1], ["1/9"]),
    ],
)
def test_a_hessian_that_vanishes_only_before_rounding(X, y, u, v):
    problem = Problem(X=X, y=y, u=u, v=v)
    assert mpsharp.sharpness_interval(problem) == (0, 0)
    assert mpsharp.is_sharpness_interval(problem, -1, 1)
    assert not mpsharp.is_sharpness_interval(problem, 1, 2)
    # What is not quite zero is found, too: with y = 0 and one layer zero, S = w²‖s‖²/n.
    gap = Fraction(1, 3**700)
    near = Problem(X=[["1/3", "1/7"]], y=[0], u=["1/7", Fraction(-1, 3) + 7 * gap], v=[0, "1/5"])
    interval = mpsharp.sharpness_interval(near)
    assert interval.contains((gap / 5) ** 2)
    assert interval.relative_width <= 2.0 ** (16 - BITS)


def test_a_hessian_that_vanishes_only_after_rounding():
    # 1 + 10⁻⁴⁰⁰⁰ rounds to 1 at every precision that is tried.
    gap = Fraction(1, 10**4000)
    problem = Problem(X=[[1, 1]], y=[0], u=[1 + gap, -1], v=[0])
    interval = mpsharp.sharpness_interval(problem)
    assert interval.lower <= interval.upper
    assert interval.contains(gap**2)


def test_a_border_far_larger_than_the_hessian_that_it_is_no_part_of():
    # Two layers are zero, hence every w_l; y is 2¹⁰⁰⁰⁰ times S = |sᵀy|.
    tiny = gmpy2.exp2(-10_000)
    for X in ([[1.0, 2.0]], [[1.0], [2.0]]):
        u, y = [tiny] * len(X[0]), [1.0] * len(X)
        interval = mpsharp.sharpness_interval(Problem(X=X, y=y, u=u, v=[0.0, 0.0]))
        assert interval.contains(3 * gmpy2.mpq(tiny) / len(X))


@pytest.mark.parametrize("exponent", [150, 195, 700])
@pytest.mark.parametrize("inside", [5, -5])
def test_labels_far_outside_the_column_space(exponent, inside):
    # Nearly all of y is orthogonal to X and no part of H. Float64 sees only what rounding leaves of it, from
    # which iterations reach the wrong one of two eigenvalues; the bound of ‖H‖ is 2^exponent times too large.
    row = [Fraction(x, 55) for x in (12, 36, -54)]
    X = [row, [x * Fraction(-4, 3) for x in row]]
    y = [-4 * 2**exponent + 3 * inside, -3 * 2**exponent - 4 * inside]
    problem = Problem(X=X, y=y, u=["-4/11", "-244/143", "-349/143"], v=[2, -1])
    check(problem, mpsharp.sharpness_interval(problem, threads=1), guard=500)


def test_a_trajectory_has_its_own():
    run = mpsharp.run(mpsharp.problems.gaussian(6, 4, 1), bits=40, steps=7)
    interval = run.sharpness_interval()
    # The record's residual bounds its error, and there is its own rounding.
    with gmpy2.context(precision=200):
        record, residual = run.exact("sharpness")[-1], run.exact("sharpness_residual")[-1]
        slack = residual + record * gmpy2.exp2(-40)
        assert interval.lower - slack <= record <= interval.upper + slack
    assert run.sharpness_interval(256).relative_width <= 2.0**-240
    X = mpsharp.ExactArray.from_any(run.problem.X, 40)
    y = mpsharp.ExactArray.from_any(run.problem.y, 40)
    check(Problem(X=X, y=y, u=run.u, v=run.v), run.sharpness_interval(256))


def test_other_parameters_and_any_number_of_threads():
    problem = mpsharp.problems.gaussian(5, 9, 0)
    u, v = problem.u + 1, problem.v * 2
    moved = Problem(X=problem.X, y=problem.y, u=u, v=v)
    assert mpsharp.sharpness_interval(problem, u=u, v=v) == mpsharp.sharpness_interval(moved)
    assert mpsharp.sharpness_interval(moved, threads=1) == mpsharp.sharpness_interval(moved, threads=3)


def test_the_callers_context_is_left_alone():
    problem = mpsharp.problems.gaussian(3, 3, 0)
    expected = mpsharp.sharpness_interval(problem)
    with gmpy2.context(precision=7, round=gmpy2.RoundUp) as context:
        assert mpsharp.sharpness_interval(problem) == expected
        assert gmpy2.get_context().precision == context.precision == 7


def test_arguments_are_checked():
    problem = mpsharp.problems.gaussian(3, 4, 0)
    with pytest.raises(ConfigurationError, match="expected a Problem"):
        mpsharp.sharpness_interval([1])
    with pytest.raises(ShapeError, match="u: expected shape"):
        mpsharp.sharpness_interval(problem, u=[1.0])
    with pytest.raises(NonFiniteError, match="v: expected finite"):
        mpsharp.sharpness_interval(problem, v=[np.inf])
    with pytest.raises(PrecisionError, match="90000"):
        mpsharp.sharpness_interval(problem, bits=95_000)
    with pytest.raises(NonFiniteError, match="exponents"):
        mpsharp.sharpness_interval(problem, v=[gmpy2.exp2(-(2**29))])
    with pytest.raises(ConfigurationError, match="finite"):
        mpsharp.sharpness_interval(problem).contains(float("nan"))


def test_mpmath_agrees_with_the_matrix_that_numpy_builds():
    # The oracle itself, once, against float64.
    problem = mpsharp.problems.gaussian(4, 5, 2, depth=3)
    H = np.array(
        [[float(x) for x in row] for row in oracles.hessian(*map(oracles.rationals, parts(problem)))]
    )
    with mpmath.workprec(60):
        value = float(dense(problem)[0])
    assert abs(np.linalg.eigvalsh(H)[-1] - value) <= 2.0**-45 * value
