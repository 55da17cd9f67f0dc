"""C ↦ √(C² + 4Q) is convex."""

from __future__ import annotations

import gmpy2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp import ConfigurationError, theory
from theory_cases import cases, exactly, formats

finite = st.floats(-1e3, 1e3)


@given(finite, finite, st.integers(0, 16), st.floats(0, 1e3), formats)
def test_chords_lie_above(x, y, sixteenths, Q, format):
    t = gmpy2.mpq(sixteenths, 16)
    between = str(t * exactly(x) + (1 - t) * exactly(y))
    left, right, middle = (exactly(theory.imbalance_root(C, Q, format=format)) for C in (x, y, between))
    chord = t * left + (1 - t) * right
    # One rounding of each value in a format; four in float64, and that of C, with slope at most 1.
    unit = exactly(2.0**-format if format else 8 * 2.0**-53)
    assert middle * (1 - unit) <= chord * (1 + unit) + (
        0 if format else exactly(2.0**-53) * abs(exactly(between))
    )


@given(cases(), finite, st.sampled_from([64, 200]))
def test_at_a_minimiser_it_is_the_sum_of_squares_of_both_layers(case, imbalance, bits):
    u, v = theory.minimizer(case.X, case.y, 2, imbalance, format=bits)
    Q = theory.dataset_difficulty(case.X, case.y, format=bits)
    root = exactly(theory.imbalance_root(imbalance, Q, format=bits))
    both = sum(exactly(x) ** 2 for x in [*u, *v])
    # Every entry squared carries two roundings; root one, and Q's with a slope below 1.
    assert abs(root - both) <= 8 * root / 2 ** gmpy2.mpz(bits)


def test_negative_difficulty_is_refused():
    with pytest.raises(ConfigurationError, match="difficulty"):
        theory.imbalance_root(0, -1)
