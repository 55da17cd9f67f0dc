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


@given(shapes, st.integers(2, 4))
def test_blowup_bits_is_where_the_sharpness_at_the_catapult_passes_the_limit(shape, depth):
    law = theory.PrecisionLaw(sharpness=np.sort(crossing(shape)), step_size=ETA, depth=depth)
    bits = law.blowup_bits()
    assert bits == mpsharp.blowup_bits(law.sharpness, ETA, depth=depth)

    def above(b):
        ratio = law.catapult_ratio(b)
        return ratio is not None and ratio > theory.blowup_limit(depth)

    if bits is None:
        assert not above(math.inf)
    else:
        assert above(bits)
        assert bits == 2 or not above(bits - 1)


def test_the_sharpness_of_a_catapult_is_read_three_bits_before_it():
    S = [16.5] + [24.0] * 10  # one step hardly unstable, then a bit a step
    law = theory.PrecisionLaw(sharpness=[12.0] * 6 + S, step_size=ETA)  # 6 bits shrink
    assert law.catapult_step(53) == 12
    assert law.catapult_ratio(53) == 3.0
    slow = theory.PrecisionLaw(sharpness=[12.0] * 2 + S, step_size=ETA)
    assert (slow.catapult_step(53), slow.catapult_ratio(53)) == (4, 16.5 / 8)


losses = st.floats(2.0**-60, 2.0**10)


@given(shapes, st.integers(2, 60) | st.just(math.inf), losses, losses, losses, st.integers(-70, 70))
def test_the_law_with_losses_is_its_recursion_and_knows_no_unit(shape, bits, start, noise, rest, shift):
    S = crossing(shape)
    loss = rest * 2.0 ** -np.arange(len(S))
    law = theory.PrecisionLaw(sharpness=S, step_size=ETA, loss=loss, start_loss=start, noise_loss=noise)
    seen, totals = recursion(S, loss, start, noise, bits)
    # Where a loss is within rounding of ten times the smallest, either step is right.
    assert (
        law.catapult_step(bits) == seen
        or min(abs(math.log2(total / (10 * min(totals[: i + 1])))) for i, total in enumerate(totals)) < 1e-9
    )
    unit = 2.0**shift
    scaled = theory.PrecisionLaw(
        sharpness=S * unit,
        step_size=ETA / unit,
        loss=loss * unit,
        start_loss=start * unit,
        noise_loss=noise * unit,
    )
    assert scaled.catapult_step(bits) == law.catapult_step(bits)


def recursion(S, loss, start, noise, bits):
    """The same in exact fractions; returns the step and every loss."""
    S, loss = [Fraction(s) for s in S], [Fraction(x) for x in loss]
    square, eta, totals = 2 * Fraction(start) / S[0], Fraction(ETA), []
    for t, s in enumerate(S):
        totals.append(loss[t] + s * square / 2)
        if any(eta * r > 2 for r in S[: t + 1]) and totals[t] > 10 * min(totals):
            return t, totals
        factor = max(abs(1 - eta * s), Fraction(1, 2**53))
        added = 0 if bits == math.inf else 2 * Fraction(noise) / s / 4**bits
        square = factor**2 * square + added
    return None, totals


def test_losses_below_the_range_of_float64_count():
    S = np.full(20, 20.0)  # 0.58 bits a step
    loss = [gmpy2.exp2(-3000) for _ in S]
    law = theory.PrecisionLaw(sharpness=S, step_size=ETA, loss=loss, start_loss=0.0, noise_loss=2.0**-900)
    # In units of the loss, 2^−3000: 1 + Σ_{j<k} 1.5^(2j) is 2, 4.25, 9.3, 20.7 after k = 1, 2, 3, 4 steps.
    assert law.catapult_step(1050) == 4


def test_one_run_predicts_the_catapults_of_others():
    problem = mpsharp.problems.appendix_d(n=20)
    exact = mpsharp.run(problem, bits=600, steps=500)
    S, eta = exact.sharpness, exact.step_size
    assert mpsharp.precision_horizon(S, eta) < 600
    law = exact.precision_law()
    assert law.horizon < 600
    for bits in (53, 128, 600):
        seen = mpsharp.run(problem, bits=bits, steps=500).catapult_step
        # A few bits are left out of the plain law; at the catapult a step is worth more than one.
        assert mpsharp.catapult_step(S, eta, bits) == pytest.approx(seen, abs=5)
        # Nothing is left out here but luck: noise is within a factor 2^±4 of its median but for 1 in 20 runs.
        assert law.catapult_step(bits) == pytest.approx(seen, abs=4 if bits < 600 else 1)


def test_a_run_with_gaps_has_no_law():
    run = mpsharp.run(mpsharp.problems.appendix_d(n=4), bits=53, steps=4, record_every=2)
    with pytest.raises(ConfigurationError, match="record_every"):
        run.precision_law()


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_rounding_noise_is_what_one_step_in_float32_does(depth):
    """One step from near a minimiser at S = 2/η in spectral coordinates, many at once, against float64."""
    rng = np.random.default_rng(depth)
    count, n = 20_000, 3

    def spread(*shape):  # logarithms spread evenly over two octaves
        return (2.0 ** rng.uniform(0, 2, shape)).astype(np.float32)

    sigma, d, v = spread(count, n), spread(count, n), spread(count, depth - 1)
    sigma[:, 0] *= 64  # 2^6: stays spread evenly
    c = v.astype(float).prod(1)
    eta = 2 * n / (c * sigma[:, 0]) ** 2
    # Everything moves by more than a unit in the last place.
    moving = 1 + np.array([2.0**-8, 0.5, 0.5]) * rng.standard_normal((count, n))
    nu = (d / sigma / c[:, None] * moving).astype(np.float32)

    def step(kind):
        s, labels = (sigma.astype(kind) * nu.astype(kind)), d.astype(kind)
        layers = v.astype(kind)
        product = np.multiply.reduce(layers, axis=1)
        h = (eta.astype(np.float32) / np.float32(n)).astype(kind)
        z = product[:, None] * s - labels
        first = nu[:, 0].astype(kind) - (h * product) * (sigma[:, 0].astype(kind) * z[:, 0])
        q = (s * z).sum(1)
        others = [layers[:, k] - h * np.delete(layers, k, axis=1).prod(1) * q for k in range(depth - 1)]
        return sigma[:, 0] * first.astype(float) * np.prod(np.array(others, dtype=float), axis=0)

    error = (step(np.float32) - step(np.float64)) ** 2 * 4.0**24 / (2 * n)
    wanted = [
        theory.top_losses(np.diag(row), y, x, w, e, coordinates="spectral").noise / 0.454936
        for row, y, x, w, e in zip(sigma[:200], d[:200], nu[:200], v[:200], eta[:200], strict=True)
    ]
    scale = np.mean(wanted / d[:200, 0].astype(float) ** 2)
    # The mean of 20,000 ratios with a spread of about 1.5. Left out are the errors of products with z, 2^−8
    # as large as the others.
    assert np.mean(error / d[:, 0].astype(float) ** 2) == pytest.approx(scale, rel=5 * 1.5 / math.sqrt(count))


def test_the_ratio_is_read_three_bits_before():
    # Growth by a factor of some 2 a step: three steps back, or where S exceeds 2/η at last.
    law = theory.PrecisionLaw(sharpness=[4.0, 24.0, 24.5, 25.0, 25.5, 26.0], step_size=ETA)
    assert law.ratio_before(5) == 24.5 * ETA
    assert law.ratio_before(99) == law.ratio_before(5)
    assert law.ratio_before(2) == law.ratio_before(1) == 24.0 * ETA
    assert law.ratio_before(0) == 4.0 * ETA


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_top_losses_are_their_formulas(depth):
    # X = diag(σ): w₁ = r₁ = e₁, d₁ = y₁, and every term is one number.
    n, eta = 2, 0.01
    sigma, y, u, v = [8.0, 1.0], [3.0, 5.0], [0.5, 7.0], [1.5, *[1.0] * (depth - 2)]
    c = math.sqrt(2 * n / eta) / sigma[0]
    rounding = 0.454936 * (4 / 12) * (3 / 8) / math.log(2) / (2 * n)
    solved = [y[k] / sigma[k] / c for k in range(2)]
    rest = (4 * (depth - 2) + depth - 1) * y[0] ** 2
    row_space = (c * sigma[0]) ** 2 * (solved[0] ** 2 + solved[1] ** 2) / 2
    for coordinates, first in (
        ("parameter", y[0] ** 2),
        ("row_space", row_space),
        ("spectral", y[0] ** 2),
    ):
        outputs = y[0] ** 2
        found = theory.top_losses(np.diag(sigma), y, u, v, eta, coordinates=coordinates)
        assert found.start == pytest.approx((1.5 * sigma[0] * u[0] - y[0]) ** 2 / (2 * n))
        assert found.noise == pytest.approx(rounding * (8 * outputs + first + rest))
    # What X does not see is rounded, too, where r₁ has a part of it.
    turned = theory.top_losses([[3.0, 4.0]], [2.0], [1.0, 1.0], [1.0], eta)
    c = math.sqrt(2 / eta) / 5
    at = np.array([3.0, 4.0]) * 2 / 25 / c + np.array([1.0, 1.0]) - np.array([3.0, 4.0]) * 7 / 25
    first = (2 / eta) * ((0.6 * at[0]) ** 2 + (0.8 * at[1]) ** 2)
    assert turned.noise == pytest.approx(rounding * 2 * (8 * 4 + first + 4))


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


@pytest.mark.parametrize(
    ("options", "error", "names"),
    [
        ({"loss": [1.0]}, ConfigurationError, "start_loss"),
        ({"noise_loss": 1.0}, ConfigurationError, "noise_loss"),
        ({"loss": [1.0, 2.0], "start_loss": 1.0}, ShapeError, "loss"),
        ({"loss": [[1.0]], "start_loss": 1.0}, ShapeError, "loss"),
        ({"loss": [-1.0], "start_loss": 1.0}, ConfigurationError, "loss"),
        ({"loss": [1.0], "start_loss": -1.0}, ConfigurationError, "start_loss"),
        ({"depth": 1}, ConfigurationError, "depth"),
    ],
)
def test_mistakes_about_losses_are_named(options, error, names):
    with pytest.raises(error, match=names):
        theory.PrecisionLaw(sharpness=[1.0], step_size=0.1, **options)
