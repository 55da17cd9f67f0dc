"""The law of precision: as a recursion, against its formula, and against runs."""

from __future__ import annotations

import math
from fractions import Fraction

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpsharp
from mpsharp import ConfigurationError, ExactArray, NonFiniteError, PrecisionError, ShapeError, theory

ETA = 0.125  # so that ηS is exact

shapes = st.tuples(
    st.lists(st.integers(1, 127), min_size=1, max_size=60), st.lists(st.integers(129, 400), max_size=60)
)


def crossing(shape):
    """Sharpness that crosses 2/η = 16 once, from below."""
    return np.array([*shape[0], *shape[1]]) / 8


@given(shapes, st.integers(2, 60) | st.just(math.inf))
def test_one_crossing_gives_the_sums_of_the_law(shape, bits):
    S = crossing(shape)
    t_c = len(shape[0])
    m = -math.fsum(max(math.log2(abs(1 - ETA * s)), -53) if s != 8 else -53 for s in S[:t_c])
    sums = np.cumsum([math.log2(abs(1 - ETA * s)) for s in S[t_c:]])
    # Rounding of sums of ≤ 120 terms of at most 53: a step whose sum is that close may go either way.
    close = 120 * 53 * 120 * 2.0**-53
    early, late = (np.flatnonzero(sums >= min(bits, m) + sign * close) for sign in (-1, 1))
    step = mpsharp.catapult_step(S, ETA, bits)
    if step is None:
        assert not late.size
    else:
        assert t_c + early[0] <= step
        assert not late.size or step <= t_c + late[0]
    expected = m if shape[1] else 0.0
    assert mpsharp.precision_horizon(S, ETA) == pytest.approx(expected, abs=close)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=80), st.integers(2, 199))
def test_more_bits_never_hasten_the_catapult_and_above_the_horizon_change_nothing(values, bits):
    S = np.array(values) / 8
    steps = [mpsharp.catapult_step(S, ETA, b) for b in (bits, bits + 1, math.inf)]
    late = [math.inf if step is None else step for step in steps]
    assert late == sorted(late)
    horizon = mpsharp.precision_horizon(S, ETA)
    if horizon + 1e-9 <= bits:
        assert steps[0] == steps[2]


@given(shapes)
def test_blowup_bits_is_where_the_catapult_passes_twice_the_limit(shape):
    S = np.sort(crossing(shape))
    bits = mpsharp.blowup_bits(S, ETA)

    def above(b):
        step = mpsharp.catapult_step(S, ETA, b)
        return step is not None and S[step] > 4 / ETA

    if bits is None:
        assert not above(math.inf)
    else:
        assert above(bits)
        assert bits == 2 or not above(bits - 1)


def test_the_horizon_is_the_deepest_point_from_which_it_grows():
    S = [12.0] * 3 + [17.0] + [12.0] * 7 + [17.0] * 400  # multipliers −1/2 and −9/8
    assert mpsharp.precision_horizon(S, ETA) == pytest.approx(10 - math.log2(9 / 8))
    assert mpsharp.precision_horizon(S[:11], ETA) == pytest.approx(3)


def test_a_scalar_that_is_rounded_follows_the_law():
    """θ ← θ − ηS_t(θ − a) at so many bits, a no binary number: an oscillator with nothing left out."""
    S = np.linspace(4.0, 40.0, 2000)
    a = Fraction(1, 3)
    for bits in (24, 53, 100, 300):
        with gmpy2.context(precision=bits):
            theta = gmpy2.mpfr(4) / 3
            center = gmpy2.mpfr(gmpy2.mpq(a.numerator, a.denominator))
            seen = None
            for t, s in enumerate(S):
                theta = theta - ETA * s * (theta - center)
                # The centre moves by a unit in the last place, so that no fixed point hides the noise.
                center = gmpy2.next_above(center) if t % 2 else gmpy2.next_below(center)
                if ETA * s > 2 and abs(theta - center) >= 1:
                    seen = t
                    break
        # Noise per step: between 2^(−bits−4) and 2^(2−bits), over fewer than 2^8 steps about t_c.
        early, late = (mpsharp.catapult_step(S, ETA, b) for b in (max(2, bits - 10), bits + 4))
        assert early <= seen <= late


def test_one_run_predicts_the_catapults_of_others():
    problem = mpsharp.problems.appendix_d(n=20)
    exact = mpsharp.run(problem, bits=600, steps=500, record_every=1)
    S, eta = exact.sharpness, exact.step_size
    assert mpsharp.precision_horizon(S, eta) < 600
    for bits in (53, 128, 600):
        seen = mpsharp.run(problem, bits=bits, steps=500).catapult_step
        # A few bits are left out of the law; at the catapult a step is worth more than one.
        assert mpsharp.catapult_step(S, eta, bits) == pytest.approx(seen, abs=5)


def test_exact_numbers_are_taken_and_the_tail_is_cut():
    S = [1.0, 3.0, 20.0, 30.0, 50.0]
    same = [
        ExactArray.from_any(S, 80),
        [gmpy2.mpfr(x, 200) for x in S],
        [Fraction(x) for x in S],
        [*S, math.nan, math.inf],
    ]
    for values in same:
        assert theory.growth_bits(values, gmpy2.mpq(1, 8)).tolist() == theory.growth_bits(S, ETA).tolist()


def test_a_step_that_removes_the_displacement_is_resolved_to_float64():
    assert theory.growth_bits([8.0], ETA).tolist() == [-53.0]


@pytest.mark.parametrize(
    ("sharpness", "step_size", "bits", "error", "names"),
    [
        ([], 0.1, 53, ShapeError, "sharpness"),
        ([math.nan], 0.1, 53, ShapeError, "sharpness"),
        ([[1.0]], 0.1, 53, ShapeError, "sharpness"),
        ([1.0, math.nan, 2.0], 0.1, 53, NonFiniteError, "sharpness"),
        (["one"], 0.1, 53, ConfigurationError, "sharpness"),
        ([1.0], 0, 53, ConfigurationError, "step_size"),
        ([1.0], None, 53, ConfigurationError, "step_size"),
        ([1.0], 0.1, 1, PrecisionError, "bits"),
        ([1.0], 0.1, True, PrecisionError, "bits"),
        ([1.0], 0.1, "many", PrecisionError, "bits"),
    ],
)
def test_mistakes_are_named(sharpness, step_size, bits, error, names):
    with pytest.raises(error, match=names):
        mpsharp.catapult_step(sharpness, step_size, bits)
