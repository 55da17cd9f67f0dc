"""The oracles against finite differences, which are exact here, and against each other."""

from __future__ import annotations

import gmpy2
import mpmath
from hypothesis import given

import oracles
from strategies import problems


def exact_parts(problem):
    return [oracles.rationals(part) for part in (problem.X, problem.y, problem.u, problem.v)]


def loss_at(X, y, theta):
    d = len(X[0])
    return oracles.loss(X, y, theta[:d], theta[d:])


def moved(theta, **steps):
    """`theta` with the entries named _0, _3, … moved."""
    result = list(theta)
    for name, step in steps.items():
        result[int(name[1:])] += step
    return result


@given(problems(max_n=3, max_d=3, max_depth=4))
def test_gradient_and_hessian_are_central_differences_of_the_loss(problem):
    # The model is affine in every single parameter, so that the loss is quadratic in it: central differences
    # with step 1, mixed ones too, have no error at all.
    X, y, u, v = exact_parts(problem)
    theta = u + v
    size = len(theta)
    slope = [
        (loss_at(X, y, moved(theta, **{f"_{a}": 1})) - loss_at(X, y, moved(theta, **{f"_{a}": -1}))) / 2
        for a in range(size)
    ]
    assert oracles.gradient(X, y, u, v) == slope
    centre = loss_at(X, y, theta)
    H = oracles.hessian(X, y, u, v)
    for a in range(size):
        up, down = (loss_at(X, y, moved(theta, **{f"_{a}": step})) for step in (1, -1))
        assert H[a][a] == up - 2 * centre + down
        for b in range(a):
            corners = sum(
                i * j * loss_at(X, y, moved(theta, **{f"_{a}": i, f"_{b}": j}))
                for i in (1, -1)
                for j in (1, -1)
            )
            assert H[a][b] == H[b][a] == corners / 4


@given(problems(max_n=3, max_d=3))
def test_the_rounded_step_tends_to_the_exact_one(problem):
    # Exponents in these problems span less than 2**1000, so that 4000 bits leave no cancellation unresolved.
    X, y, u, v = exact_parts(problem)
    step_size = oracles.rational(problem.optimizer.step_size)
    exact = [x - step_size * slope for x, slope in zip(u + v, oracles.gradient(X, y, u, v), strict=True)]
    for arithmetic in ("sequential", "exact"):
        before, after = oracles.mpmath_run(problem, 4000, 1, arithmetic=arithmetic)
        assert abs(gmpy2.mpq(before.loss) - oracles.loss(X, y, u, v)) <= before.loss / gmpy2.mpq(2) ** 2000
        for rounded, wanted in zip(after.u + after.v, exact, strict=True):
            assert abs(gmpy2.mpq(rounded) - wanted) < gmpy2.mpq(2) ** -2000


@given(problems(max_n=3, max_d=3, scale_bits=10))
def test_sharpness_bounds_every_rayleigh_quotient_and_is_a_root(problem):
    X, y, u, v = exact_parts(problem)
    H = oracles.hessian(X, y, u, v)
    top = oracles.sharpness(problem.X, problem.y, problem.u, problem.v, bits=100)
    size = max(abs(x) for row in H for x in row)
    with mpmath.workprec(264):
        slack = mpmath.mpf(2) ** -200 * (1 + float(size))
        assert all(
            top >= mpmath.mpf(int(H[k][k].numerator)) / int(H[k][k].denominator) - slack
            for k in range(len(H))
        )
        shifted = mpmath.matrix(
            [[mpmath.mpf(int(x.numerator)) / int(x.denominator) for x in row] for row in H]
        ) - top * mpmath.eye(len(H))
        smallest = min(abs(x) for x in mpmath.eigsy(shifted, eigvals_only=True))
        assert smallest <= slack


def test_imbalance_of_a_projection_done_by_hand():
    # Row space of [[1, 1], [2, 2]] is spanned by (1, 1)/√2: Π(3, 1) = (2, 2).
    assert oracles.imbalance([[1, 1], [2, 2]], [3, 1], [2, "0.5"]) == [4, gmpy2.mpq(31, 4)]


def test_entry_rounds_once_and_text_is_decimal():
    rn = oracles.Rounded(53)
    assert float(rn.enter("0.1")) == 0.1
    assert oracles.rational(0.1) != oracles.rational("0.1")
    assert gmpy2.is_signed(rn.enter(-0.0))


def test_ieee_rounding_knows_subnormal_numbers_and_overflow():
    rn = oracles.Rounded(53, ieee=True)
    assert float(rn.mul(gmpy2.mpfr(5e-324), gmpy2.mpfr(0.5))) == 0.0
    assert float(rn.mul(gmpy2.mpfr(1e200), gmpy2.mpfr(1e200))) == float("inf")
    wide = oracles.Rounded(53)
    assert wide.mul(gmpy2.mpfr(5e-324), gmpy2.mpfr(0.5)) != 0
