"""Bounds of the two-layer model's sharpness anywhere."""

from __future__ import annotations

import gmpy2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import oracles
from mpsharp import ShapeError, theory
from strategies import numbers, vectors
from theory_cases import cases, exactly, formats


def size(case, u, v):
    """What every term of bounds and Hessian is at most: (σ₁² (v² + ‖u‖²) + σ₁‖y‖)/n."""
    top = np.linalg.norm(case.X, 2)
    return (top**2 * (v**2 + u @ u) + top * np.linalg.norm(case.y)) / len(case.y)


@given(cases(), numbers, formats, st.data())
def test_they_enclose_the_sharpness(case, v, format, data):
    u = data.draw(vectors(case.X.shape[1]))
    lower, upper = theory.sharpness_bounds(case.X, case.y, u, v, format=format)
    sharpness = oracles.sharpness(case.X, case.y, u, [v], bits=256)
    exact = oracles.rational(str(sharpness))
    # Decimal text of 15 digits; and 2**-bits of the largest term, times the number of them in float64.
    unit = 1e-14 + (2.0**-format if format else 32 * sum(case.X.shape) * 2.0**-52)
    if format is None:
        unit *= max(1.0, case.condition) if case.rank < len(case.y) else 1.0
    allowed = exactly(unit * size(case, u, v))
    assert exactly(lower) - allowed <= exact <= exactly(upper) + allowed


@given(cases(max_n=1, max_d=4), numbers, st.sampled_from([53, 200]), st.data())
def test_the_lower_bound_is_a_rayleigh_quotient_of_the_hessian(case, v, bits, data):
    # Along (v·r₁, ν₁), proportional to (v·x, xᵀu) for one sample x: exact in rationals.
    u = data.draw(vectors(case.X.shape[1]))
    x, u_, v_ = oracles.rationals(case.X[0]), oracles.rationals(u), oracles.rational(v)
    direction = [*(v_ * entry for entry in x), oracles.dot(x, u_)]
    assume(any(direction))
    H = oracles.hessian([x], oracles.rationals(case.y), u_, [v_])
    quotient = oracles.dot(direction, [oracles.dot(row, direction) for row in H]) / oracles.dot(
        direction, direction
    )
    lower = theory.sharpness_bounds(case.X, case.y, u, v, format=bits).lower
    # One rounding of the result, and the guard bits' error of what cancels in it.
    allowed = abs(quotient) / 2 ** gmpy2.mpz(bits) + exactly(size(case, u, v)) / 2 ** gmpy2.mpz(bits + 40)
    assert abs(exactly(lower) - quotient) <= allowed


@given(cases(max_n=1, max_d=4), numbers)
def test_both_bounds_are_attained_by_one_sample_with_label_zero(case, v):
    x = case.X[0]
    sigma = float(np.linalg.norm(x))
    u = x / sigma * v
    lower, upper = theory.sharpness_bounds(case.X, [0.0], u, v)
    sharpness = float(oracles.sharpness(case.X, [0.0], u, [v]))
    # With ν = v: σ²(v² + v²) + σ²v² above, 2σ²v² + 2v²σ²v²/(2v²) below.
    assert lower == pytest.approx(upper, rel=64 * 2.0**-52, abs=0)
    # The Hessian is [[1, 2], [2, 1]]·σ²v² along the sample, with the largest eigenvalue 3σ²v².
    assert sharpness == pytest.approx(upper, rel=64 * 2.0**-52, abs=0)


def test_nothing_moves_at_the_origin():
    lower, upper = theory.sharpness_bounds(np.eye(2), [3.0, 4.0], [0.0, 0.0], [0.0])
    assert (lower, upper) == (0, 2.5)
    # S there is ‖Xᵀy‖/n: Lemma B.1.
    assert float(oracles.sharpness(np.eye(2), [3.0, 4.0], [0.0, 0.0], [0.0])) == pytest.approx(2.5)


def test_no_data_has_no_curvature():
    assert theory.sharpness_bounds(np.zeros((2, 3)), [3.0, 4.0], [1.0, 2.0, 3.0], [2.0]) == (0, 0)


def test_it_is_about_depth_two():
    with pytest.raises(ShapeError, match="v: "):
        theory.sharpness_bounds(np.eye(2), [1.0, 1.0], [1.0, 1.0], [[1.0], [1.0, 2.0]])
    with pytest.raises(ShapeError, match="v: expected length 1, got 2"):
        theory.sharpness_bounds(np.eye(2), [1.0, 1.0], [1.0, 1.0], [1.0, 1.0])
