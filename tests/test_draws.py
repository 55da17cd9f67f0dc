"""Draws: NumPy's stream, with every logarithm of a tail rounded correctly."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from mpsharp import draws
from mpsharp.errors import ConvergenceError

TAIL = 3.6541528853610088


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937, np.random.SFC64])
def test_standard_normal_is_numpys_but_for_the_last_bit_of_tails(bits):
    ours, numpys = (np.random.Generator(bits(5)) for _ in range(2))
    got, wanted = draws.standard_normal(ours, (300, 400)), numpys.standard_normal((300, 400))
    tail = np.abs(wanted) > TAIL
    assert 15 < tail.sum() < 60
    np.testing.assert_array_equal(got[~tail], wanted[~tail])
    # The C library's log1p errs by a unit or two of its last place, at a quarter of the result's size.
    assert (np.abs(got - wanted)[tail] <= 2 * np.spacing(4.0)).all()
    assert ours.random() == numpys.random()


def test_tails_are_rounded_correctly():
    """Draws that are of the tail at the first attempt, from the numbers that make them."""
    seen = 0
    for seed in range(40):
        values = draws.standard_normal(np.random.default_rng(seed), 3000)
        for index in np.flatnonzero(np.abs(values) > TAIL):
            rng = np.random.default_rng(seed)
            rng.standard_normal(index)
            if int(rng.bit_generator.random_raw()) & 0xFF:
                continue
            with mpmath.workprec(53):
                x = mpmath.mpf(0.27366123732975828) * -mpmath.log1p(-rng.random())
                y = -mpmath.log1p(-rng.random())
                if y + y > x * x:
                    assert abs(values[index]) == float(mpmath.mpf(TAIL) + x)
                    seen += 1
    assert seen > 10


def test_a_numpy_of_other_tails_is_noticed():
    class Other(np.random.Generator):
        def standard_normal(self, size):
            values = super().standard_normal(size)
            return np.where(np.abs(values) > TAIL, values + 1e-9, values)

    with pytest.raises(ConvergenceError, match="expected standard_normal to draw"):
        draws.standard_normal(Other(np.random.PCG64(0)), 20_000)


def test_uniform_rounds_twice():
    got = draws.uniform(np.random.default_rng(3), -0.3, 0.7, 500)
    for value, unit in zip(got.tolist(), np.random.default_rng(3).random(500).tolist(), strict=True):
        product = float(Fraction(0.7 + 0.3) * Fraction(unit))
        assert value == float(Fraction(-0.3) + Fraction(product))
    assert got.shape == (500,)
    assert np.abs(got - np.random.default_rng(3).uniform(-0.3, 0.7, 500)).max() <= 2.0**-53


def test_a_tail_that_glibc_rounds_to_the_other_side():
    values = draws.standard_normal(np.random.default_rng(321), 300)
    assert values[268].hex() == "-0x1.ff8f8bca256dbp+1"  # …dc with glibc 2.36
