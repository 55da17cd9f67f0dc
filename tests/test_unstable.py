"""Displacements along the top eigenvector: measured, predicted, and the plane of self-stabilisation."""

from __future__ import annotations

import numpy as np
import pytest

import mpsharp
from mpsharp.errors import ConfigurationError


@pytest.fixture(scope="module")
def seen():
    return mpsharp.unstable_direction(bits=100, steps=330)


def test_the_displacement_follows_the_law(seen):
    """Over 100 bits of growth, within 5: the noise of one step against its median, over a few steps."""
    law = seen.predicted_log2_displacement
    catapult = seen.trajectory.catapult_step
    assert seen.trajectory.first_unstable_step == seen.unstable_step < catapult < len(seen.step)
    growing = slice(seen.unstable_step + 20, catapult - 5)
    assert law[growing][-1] - law[growing][0] > 60
    assert np.abs(seen.log2_displacement[growing] - law[growing]).max() < 5


def test_the_displacement_is_invisible_in_float64_and_alternates(seen):
    growing = slice(seen.unstable_step + 20, seen.trajectory.catapult_step - 5)
    assert seen.log2_displacement[growing][0] < -80
    signs = seen.displacement_sign[growing]
    assert np.array_equal(signs[1:], -signs[:-1])


def test_identical_runs_have_no_displacement():
    tiny = mpsharp.Problem(
        X=np.eye(2), y=np.ones(2), u=np.zeros(2), v=np.ones(1), optimizer=mpsharp.GD(0.5), steps=1
    )
    still = mpsharp.unstable_direction(tiny, bits=64)
    assert np.array_equal(still.log2_displacement, [-np.inf, -np.inf])
    assert still.unstable_step is None
    assert np.isnan(still.x).all()


def test_x_and_y_are_coordinates_about_the_first_unstable_iterate(seen):
    star = seen.unstable_step
    assert seen.x[star] == seen.y[star] == 0
    near = slice(star - 3, star + 4)
    change = seen.trajectory.sharpness[near] - seen.trajectory.sharpness[star]
    # y is the linear part of the change of the sharpness; the rest is of second order in the distance.
    assert np.abs(seen.y[near] - change).max() < 0.05 * np.abs(change).max()


def test_noise_raises_the_floor(seen):
    noisy = mpsharp.unstable_direction(bits=400, noise=2.0**-100, steps=300)
    floor = slice(100, seen.unstable_step)
    assert abs(np.median(noisy.log2_displacement[floor]) - np.median(seen.log2_displacement[floor])) < 5


def test_a_reference_without_more_bits_is_refused():
    with pytest.raises(
        ConfigurationError, match=r"reference_bits: expected at least bits \+ 32 = 132, got 110"
    ):
        mpsharp.unstable_direction(bits=100, reference_bits=110)
