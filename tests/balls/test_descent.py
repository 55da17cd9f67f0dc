"""The enclosure of gradient descent, against exact rationals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mpsharp
from oracles import descent_states, dot, hessian, loss, rational, rationals, residuals
from strategies import problems

flint = pytest.importorskip("flint")

from mpsharp.balls.descent import Descent  # noqa: E402
from mpsharp.balls.hessian import HessianBasis  # noqa: E402
from mpsharp.balls.numbers import norm, to_ball  # noqa: E402


def exact_loss(problem, u, v):
    return loss(rationals(problem.X), rationals(problem.y), u, v)


def characteristic_sign(problem, u, v, mu):
    """Whether μI − H is positive definite, exactly: its pivots."""
    X, y = rationals(problem.X), rationals(problem.y)
    rows = [
        [(mu if i == k else 0) - x for k, x in enumerate(row)] for i, row in enumerate(hessian(X, y, u, v))
    ]
    for i in range(len(rows)):
        if rows[i][i] <= 0:
            return False
        for k in range(i + 1, len(rows)):
            factor = rows[k][i] / rows[i][i]
            rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i], strict=True)]
    return True


def fraction(x):
    """Exact value of a ball without radius."""
    assert x.is_exact()
    significand, exponent = x.man_exp()
    return rational(int(significand)) * rational(2) ** int(exponent)


@settings(max_examples=40)
@given(problems(max_n=3, max_d=3, max_depth=4, scale_bits=6), st.sampled_from([12, 30, 80]))
def test_balls_hold_loss_and_sharpness_of_exact_arithmetic(problem, bits):
    """At few bits the box is large, and what the ball holds rests on the derivatives over all of it."""
    steps = 3
    step_size = problem.optimizer.step_size
    basis = HessianBasis(problem, 40)
    descent = Descent(problem, step_size, bits)
    for u, v in descent_states(problem, step_size, steps):
        found = descent.loss()
        with flint.ctx.workprec(20_000):
            assert found.contains(to_ball(exact_loss(problem, u, v)))
        seen = basis.sharpness(descent).ball
        if seen.is_finite():
            slack = rational(2) ** -4000
            assert characteristic_sign(problem, u, v, fraction(seen.upper()) + slack)
            assert not characteristic_sign(problem, u, v, fraction(seen.lower()) - slack)
        descent.advance()


def coordinates_of(descent, values):
    """Upper bounds of |B⁻¹x| for exact x."""
    frame = descent.frame
    with flint.ctx.workprec(300):
        seen = (frame.transposed * flint.arb_mat([[to_ball(x)] for x in values])).entries()
        length = norm(seen)
        return [(abs(x) + 2 * frame.skew * length).abs_upper() for x in seen]


def check_holds(descent, basis, problem, u, v):
    """Whether the box holds a point, and the balls what belongs to it."""
    x = [dot(row, u) for row in rationals(problem.X)] if descent.space.by_sample else u
    away = [a - fraction(b) for a, b in zip(x, descent.x.entries(), strict=True)]
    scale = max(map(abs, away), default=0)
    for a, r in zip(coordinates_of(descent, away), descent.rho, strict=True):
        assert fraction(a) <= fraction(r) + scale * rational(2) ** -40
    for a, b, r in zip(v, descent.v, descent.phi, strict=True):
        assert abs(a - fraction(b)) <= fraction(r)
    outputs = [dot(row, u) for row in rationals(problem.X)]
    z = residuals(rationals(problem.X), rationals(problem.y), u, v)
    with flint.ctx.workprec(20_000):
        assert descent.loss().contains(to_ball(exact_loss(problem, u, v)))
        assert descent.box.pairing.contains(to_ball(dot(outputs, z)))
        assert descent.box.curvature.contains(to_ball(dot(outputs, outputs)))
    seen = basis.sharpness(descent).ball
    slack = rational(2) ** -4000
    assert characteristic_sign(problem, u, v, fraction(seen.upper()) + slack)
    assert not characteristic_sign(problem, u, v, fraction(seen.lower()) - slack)


steps_aside = st.sampled_from([0, 1, -1, 2, -3])


@settings(max_examples=60)
@given(problems(max_n=3, max_d=3, max_depth=4, scale_bits=3), st.sampled_from([1, 5, 40]), st.data())
def test_a_box_of_any_size_holds_what_starts_in_it(problem, k, data):
    """A corner of a box of our own choice, and one step from there: every derivative is put to use."""
    move = st.builds(lambda x: rational(x) / 2**k, steps_aside)
    u, v = rationals(problem.u), rationals(problem.v)
    du = data.draw(st.lists(move, min_size=len(u), max_size=len(u)))
    dv = data.draw(st.lists(move, min_size=len(v), max_size=len(v)))
    step_size = problem.optimizer.step_size
    descent = Descent(problem, step_size, 200)
    away = [dot(row, du) for row in rationals(problem.X)] if descent.space.by_sample else du
    descent.rho = coordinates_of(descent, away)
    descent.phi = [to_ball(abs(x)) for x in dv]
    descent._box = None
    start = [a + b for a, b in zip(u, du, strict=True)], [a + b for a, b in zip(v, dv, strict=True)]
    basis = HessianBasis(problem, 40)
    for u, v in descent_states(problem, step_size, 1, start):
        check_holds(descent, basis, problem, u, v)
        descent.advance()


@pytest.mark.parametrize("shape", [(3, 5), (5, 3)])
def test_the_box_grows_no_faster_than_errors_do(shape):
    """Stable descent: errors do not grow; an interval iteration would lose a bit or more a step."""
    problem = mpsharp.problems.gaussian(*shape, step_size=0.05)
    descent = Descent(problem, 0.05, 200)
    lost = []
    for _ in range(200):
        descent.advance()
        with flint.ctx.workprec(64):
            lost.append(float(abs(descent.box.moved).log()) / np.log(2))
    assert lost[-1] < -170


def test_numbers_that_no_precision_holds():
    problem = mpsharp.Problem(X=[["1/3", "0.1"]], y=["1/7"], u=["0.2", "2/3"], v=["1/9", "5"])
    descent = Descent(problem, "1/10", 90)
    (u, v) = descent_states(problem, "1/10", 1)[1]
    descent.advance()
    with flint.ctx.workprec(3000):
        assert descent.loss().contains(to_ball(exact_loss(problem, u, v)))
        assert descent.loss().rel_accuracy_bits() > 70
