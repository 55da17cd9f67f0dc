"""The mel-spectrogram: against its definition summed term by term, and on tones."""

from __future__ import annotations

import numpy as np
import pytest

from mpsharp.datasets import mel


def band_edges():
    return np.array([mel.mel_to_hertz(m) for m in np.linspace(0, 15 + 27 * np.log(8) / np.log(6.4), 66)])


def test_against_the_definition():
    """One frame in the middle, its Fourier sums and bands written out."""
    sound = np.random.default_rng(0).uniform(-1, 1, 4096)
    got = mel.mel_decibels(sound[None])[0]
    assert got.shape == (64, 9)
    n = np.arange(2048)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / 2048)
    edges = band_edges()
    padded = np.concatenate([np.zeros(1024), sound, np.zeros(1024)])

    def band_powers(frame):
        x = padded[512 * frame : 512 * frame + 2048] * window
        power = np.array([abs(np.sum(x * np.exp(-2j * np.pi * k * n / 2048))) ** 2 for k in range(1025)])
        frequencies = np.arange(1025) * 16000 / 2048
        return [
            sum(power * np.interp(frequencies, edges[b : b + 3], [0, 1, 0]) * 2 / (edges[b + 2] - edges[b]))
            for b in range(64)
        ]

    powers = np.array([band_powers(frame) for frame in range(9)]).T
    decibels = 10 * np.log10(powers / powers.max())
    # Sums of 2048 terms of size one, whose relative error the logarithm makes absolute, in units of 4.3 dB;
    # twenty for the smallest of the sums over the largest.
    np.testing.assert_allclose(got, np.maximum(decibels, -80), rtol=0, atol=20 * 4.4 * 2048 * 2.0**-52)


def test_samples_of_16_bits():
    sounds = np.random.default_rng(0).integers(-(2**15), 2**15, (3, 4096), dtype=np.int16)
    sounds[1] = 0  # one click of the smallest size: the scale decides what is cut off
    sounds[1, 2000] = 1
    np.testing.assert_array_equal(mel.mel_decibels(sounds), mel.mel_decibels(sounds / 2.0**15))


@pytest.mark.parametrize("hertz", [200, 440, 1000, 3000, 7000])
def test_a_tone_is_loudest_in_its_band(hertz):
    time = np.arange(16000) / 16000
    loudness = mel.mel_decibels(np.sin(2 * np.pi * hertz * time)[None])[0]
    assert loudness.shape == (64, 32)
    edges = band_edges()
    band = loudness.mean(axis=1).argmax()
    # A window's main lobe is 4·16000/2048 Hz wide: a neighbour may win.
    assert edges[band] - 31.25 <= hertz <= edges[band + 2] + 31.25
    assert loudness.max() == 0


def test_loudness_is_relative_and_floored():
    sound = np.random.default_rng(1).uniform(-1, 1, (2, 4096))
    sound[1, 1000:] = 0
    once, half = mel.mel_decibels(sound), mel.mel_decibels(sound / 2)
    np.testing.assert_array_equal(once, half)  # powers of two are exact
    assert once[1].min() == -80
    assert mel.mel_decibels(np.zeros((1, 2048))).max() == 0


def test_bands_cover_the_spectrum_with_equal_areas():
    weights = mel.band_weights()
    assert weights.shape == (64, 1025)
    areas = weights.sum(axis=1) * 16000 / 2048
    # The trapezoidal rule on a triangle some six to 45 grid steps wide.
    np.testing.assert_allclose(areas, 1, atol=0.1)
    assert (weights[:, 1:-1].sum(axis=0) > 0).all()
    assert [mel.mel_to_hertz(m) for m in (0, 15, 42)] == [0, 1000, 6400]
