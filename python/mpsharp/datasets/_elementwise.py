"""Sums, logarithms and Fourier transforms with the same bits on every machine.

Each is a fixed sequence of single operations on arrays (+, −, ×, ÷), which IEEE 754 rounds alike everywhere.
NumPy's own regroup and fuse them as the processor allows, or leave them to the C library.
"""

from __future__ import annotations

from functools import cache

import gmpy2
import numpy as np
import numpy.typing as npt

from mpsharp._scalar import wide_context

Floats = npt.NDArray[np.float64]

_LOG_TERMS = 12  # of the series of artanh(t)/t for |t| ≤ 0.172: the next is below 2**-62


def total(values: Floats) -> Floats:
    """Sum over the first axis, first half plus second half again and again."""
    while (length := len(values)) > 1:
        half = (length + 1) // 2
        front = values[:half].copy()
        front[: length - half] += values[half:]
        values = front
    return np.asarray(values[0])


def log10(values: Floats) -> Floats:
    """Decimal logarithms of positive numbers, to a few units in the last place; 0 of 1."""
    significand, exponent = np.frexp(values)
    low = significand < np.sqrt(0.5)
    significand = np.where(low, 2 * significand, significand)
    exponent = exponent - low
    t = (significand - 1) / (significand + 1)  # log(m) = 2 artanh(t)
    square = t * t
    series = np.full_like(t, 1 / (2 * _LOG_TERMS + 1))
    for k in range(_LOG_TERMS - 1, -1, -1):
        series = series * square + 1 / (2 * k + 1)
    with wide_context(128):
        two, ten = float(gmpy2.log10(2)), float(2 / gmpy2.log(10))
    return np.asarray(exponent * two + t * series * ten)


def power_spectrum(signals: Floats) -> Floats:
    """Squared magnitudes of the Fourier transforms of real signals, one a column.

    The samples at even and odd places are real and imaginary part of a signal half as long, which Stockham's
    radix-2 algorithm transforms.

    Parameters
    ----------
    signals : array, shape (length, count), length a power of two, at least 4.

    Returns
    -------
    array, shape (length // 2 + 1, count)
    """
    length, count = signals.shape
    cosine, sine = (part[:, None] for part in circle(length))
    half = length // 2
    re, im = signals[0::2].reshape(half, 1, count), signals[1::2].reshape(half, 1, count)
    while rows := len(re) // 2:
        step = half // rows  # rows angles over half a turn
        c, s = cosine[:half:step, None], sine[:half:step, None]
        x, y = re[:rows] - re[rows:], im[:rows] - im[rows:]
        re = np.stack([re[:rows] + re[rows:], x * c + y * s], axis=1).reshape(rows, -1, count)
        im = np.stack([im[:rows] + im[rows:], y * c - x * s], axis=1).reshape(rows, -1, count)
    forward = np.arange(half + 1) % half
    a, b, mirrored_a, mirrored_b = (part[0, at] for at in (forward, -forward) for part in (re, im))
    c, s = cosine[: half + 1], sine[: half + 1]
    real = a + mirrored_a + ((b + mirrored_b) * c + (mirrored_a - a) * s)
    imaginary = b - mirrored_b + ((mirrored_a - a) * c - (b + mirrored_b) * s)
    return np.asarray((real * real + imaginary * imaginary) / 4)


@cache
def circle(length: int) -> tuple[Floats, Floats]:
    """cos(2πk/length) and sin(2πk/length), k = 0 … length − 1, rounded from 128 bits."""
    with wide_context(128):
        angles = [2 * gmpy2.const_pi() * k / length for k in range(length)]
        cosine, sine = ([float(function(x)) for x in angles] for function in (gmpy2.cos, gmpy2.sin))
    return np.array(cosine), np.array(sine)
