"""Mel-spectrograms in decibels, the same on every machine."""

from __future__ import annotations

import gmpy2
import numpy as np
import numpy.typing as npt

from mpsharp._scalar import wide_context
from mpsharp.datasets._elementwise import circle, log10, power_spectrum, total

RATE = 16_000
WINDOW = 2048
HOP = 512
BANDS = 64
FLOOR = 80.0
_SMALLEST = 1e-10
_AT_ONCE = 64  # sounds, which keeps a frame of each in the cache

Floats = npt.NDArray[np.float64]


def mel_decibels(waveforms: npt.ArrayLike) -> Floats:
    """Loudness of sounds by frequency band and time, relative to each sound's maximum.

    Frames of 2048 samples every 512, weighted by a periodic Hann window, the sound extended by zeros by half
    a window on either side; squared magnitudes of their Fourier transforms, summed over 64 triangular bands
    of equal area that are equally spaced on Slaney's mel scale from 0 to 8 kHz; 10·log10 of those over the
    largest of the sound, cut off at −80. These are the defaults of librosa (``feature.melspectrogram`` at
    16 kHz with ``n_mels=64``, ``power_to_db`` with ``ref=np.max``); version 0.11, whose bands are float32,
    differs by less than 1e-6 decibels.

    Parameters
    ----------
    waveforms : array_like, shape (n_sounds, n_samples), of at least one sample
        Floats in [−1, 1], or int16, of which 32768 stands for 1.

    Returns
    -------
    array, shape (n_sounds, 64, 1 + n_samples // 512), from −80 to 0
    """
    sounds = np.asarray(waveforms)
    unit = 32768.0 if sounds.dtype == np.int16 else 1.0
    bands = [(np.flatnonzero(row), row[row > 0, None]) for row in band_weights()]
    window = (0.5 - 0.5 * circle(WINDOW)[0])[:, None]
    frames = 1 + sounds.shape[1] // HOP
    result = np.empty((len(sounds), BANDS, frames))
    for first in range(0, len(sounds), _AT_ONCE):
        part = sounds[first : first + _AT_ONCE].T / unit  # all at once would take gigabytes
        part = np.pad(part, ((WINDOW // 2, WINDOW // 2), (0, 0)))
        for frame in range(frames):
            power = power_spectrum(part[frame * HOP : frame * HOP + WINDOW] * window)
            for band, (places, weights) in enumerate(bands):
                result[first : first + part.shape[1], band, frame] = total(power[places] * weights)
    result = np.maximum(result, _SMALLEST)
    decibels = 10 * log10(result / result.max(axis=(1, 2), keepdims=True))
    floored: Floats = np.maximum(decibels, -FLOOR)
    return floored


def band_weights() -> Floats:
    """Weights of the 1025 frequencies 0 … 8000 Hz in each of the 64 bands, shape (64, 1025).

    Band k is a triangle of area 1 over [f_k, f_{k+2}] with its top at f_{k+1}; f_0 = 0, f_65 = 8 kHz.
    """
    with wide_context(128):
        last = 15 + 27 * gmpy2.log(gmpy2.mpfr(RATE) / 2000) / gmpy2.log(gmpy2.mpq("6.4"))
        edges = np.array([mel_to_hertz(last * k / (BANDS + 1)) for k in range(BANDS + 2)])
    frequencies = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    left, top, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - left) / (top - left)
    falling = (right - frequencies) / (right - top)
    triangles: Floats = np.maximum(0, np.minimum(rising, falling)) * 2 / (right - left)
    return triangles


def mel_to_hertz(mel: float) -> float:
    """Slaney's mel scale: 200/3 Hz a mel up to 15 mel (1 kHz), then a factor of 6.4 every 27 mel."""
    with wide_context(128):
        m = gmpy2.mpfr(mel)
        return float(m * 200 / 3 if m < 15 else 1000 * gmpy2.mpq("6.4") ** ((m - 15) / 27))
