"""Sums, logarithms and transforms made of single operations, against NumPy's and exact ones."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from mpsharp.datasets import _elementwise as elementwise


@pytest.mark.parametrize("length", [1, 2, 3, 7, 64, 1001])
def test_total(length):
    values = np.random.default_rng(length).standard_normal((length, 3))
    before = values.copy()
    got = elementwise.total(values)
    np.testing.assert_array_equal(values, before)
    depth = length.bit_length()
    for column in range(3):
        wanted = math.fsum(values[:, column])
        assert abs(got[column] - wanted) <= depth * 2.0**-53 * math.fsum(np.abs(values[:, column]))


def test_total_adds_halves():
    assert elementwise.total(np.array([1.0, 2.0**-53, 2.0**-53, -1.0, 2.0**-60])) == 2.0**-52 + 2.0**-60


def test_log10():
    rng = np.random.default_rng(0)
    values = np.concatenate([np.exp(rng.uniform(-300, 300, 300)), 1 + rng.uniform(-1e-3, 1e-3, 100), [1e-10]])
    for value, got in zip(values.tolist(), elementwise.log10(values).tolist(), strict=True):
        wanted = float(mpmath.log10(value))
        assert abs(got - wanted) <= 4 * math.ulp(wanted)
    assert elementwise.log10(np.array([1.0])).tolist() == [0.0]


@pytest.mark.parametrize("length", [4, 8, 64, 2048])
def test_power_spectrum(length):
    signals = np.random.default_rng(1).standard_normal((length, 3))
    wanted = np.abs(np.fft.rfft(signals, axis=0)) ** 2
    got = elementwise.power_spectrum(signals)
    assert got.shape == wanted.shape
    # Some log2(length) roundings of each, relative to the whole signal.
    assert np.abs(got - wanted).max() <= 8 * math.log2(length) * 2.0**-53 * wanted.max()
    single = np.cos(2 * np.pi * np.arange(length) / length)[:, None]
    assert elementwise.power_spectrum(single).argmax() == 1


def test_circle():
    cosine, sine = elementwise.circle(24)
    with mpmath.workprec(200):
        for k in range(24):
            angle = mpmath.mpf(k) / 12
            for got, wanted in ((cosine[k], mpmath.cospi(angle)), (sine[k], mpmath.sinpi(angle))):
                assert got == float(wanted) if wanted else abs(got) < 1e-37
