"""Significands as arrays of 64-bit limbs: rounding, padding and conversion without a Python loop.

A significand is a row of `uint64`, the lowest limb first, whose value 0.limbs lies in [1/2, 1): the top
bit of the top limb is set. This is the layout of MPFR on 64-bit machines.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Limbs: TypeAlias = NDArray[np.uint64]
Exponents: TypeAlias = NDArray[np.int64]

LIMB_BITS = 64
_ONE = np.uint64(1)
_TOP = np.uint64(1 << 63)


def limb_count(bits: int) -> int:
    """Limbs that hold `bits` significand bits."""
    return -(-bits // LIMB_BITS)


def unused_mask(bits: int) -> np.uint64:
    """Bits of the lowest limb that a significand of `bits` bits leaves zero."""
    return np.uint64((1 << (limb_count(bits) * LIMB_BITS - bits)) - 1)


def round_significands(limbs: Limbs, exponent: Exponents, bits: int) -> tuple[Limbs, Exponents]:
    """Round significands to `bits` bits, to nearest, ties to even.

    Parameters
    ----------
    limbs : array, shape S + (k,), normalised rows (rows of zeros stay zeros).
    exponent : array, shape S.
    bits : significand bits of the result.

    Returns
    -------
    New arrays of shape S + (ceil(bits/64),) and S. A carry out of the top bit raises the exponent by one.
    """
    source, target = limbs.shape[-1], limb_count(bits)
    out = np.zeros((*limbs.shape[:-1], target), dtype=np.uint64)
    if bits >= source * LIMB_BITS:
        out[..., target - source :] = limbs
        return out, exponent.copy()
    below = source - target  # limbs that vanish as a whole; -1 is impossible since bits < 64·source
    out[...] = limbs[..., below:]
    mask = unused_mask(bits)
    if mask:
        tail = out[..., 0] & mask
        half = (mask >> _ONE) + _ONE
        out[..., 0] &= ~mask
        rest = limbs[..., :below]
    else:
        tail = limbs[..., below - 1]
        half = _TOP
        rest = limbs[..., : below - 1]
    above_half = ((tail & (half - _ONE)) != 0) | (rest != 0).any(axis=-1)
    unit = mask + _ONE
    odd = (out[..., 0] & unit) != 0
    carry = ((tail & half) != 0) & (above_half | odd)
    step = unit
    for k in range(target):
        out[..., k] += np.where(carry, step, np.uint64(0))
        carry = carry & (out[..., k] < step)
        step = _ONE
    out[..., -1][carry] = _TOP
    return out, np.asarray(exponent + carry)


def from_doubles(magnitude: NDArray[np.float64]) -> tuple[Limbs, Exponents]:
    """Exact 64-bit significands, shape S + (1,), and exponents of finite float64 numbers ≥ 0."""
    fraction, exponent = np.frexp(magnitude)
    limbs = (fraction * 2.0**53).astype(np.uint64) << np.uint64(11)
    return limbs[..., None], exponent.astype(np.int64)


def from_integers(magnitude: NDArray[np.uint64]) -> tuple[Limbs, Exponents]:
    """Exact 64-bit significands, shape S + (1,), and exponents of uint64 numbers."""
    limb = magnitude.copy()
    exponent = np.where(limb != 0, np.int64(64), np.int64(0))
    for shift in (32, 16, 8, 4, 2, 1):
        small = (limb != 0) & (limb >> np.uint64(64 - shift) == 0)
        limb = np.where(small, limb << np.uint64(shift), limb)
        exponent -= np.where(small, shift, 0)
    return limb[..., None], exponent


def to_doubles(limbs: Limbs, exponent: Exponents) -> NDArray[np.float64]:
    """Nearest float64 of 0.limbs·2**exponent: one rounding, ties to even; subnormals, overflow as IEEE 754.

    Rows of zeros give 0.
    """
    top = limbs[..., -1] | (limbs[..., :-1] != 0).any(axis=-1).astype(np.uint64)  # sticky lowest bit
    clipped = np.clip(exponent, -1100, 1100)
    keep = np.clip(clipped + 1074, -1, 53)  # significand bits that float64 has at this exponent
    drop = np.minimum(64 - np.maximum(keep, 0), 63).astype(np.uint64)
    kept = np.where(keep > 0, top >> drop, np.uint64(0))
    # The discarded part, moved to the top of a word: compare it with one half.
    tail = np.where(keep > 0, top << (np.uint64(64) - drop), top)
    odd = (kept & _ONE) != 0
    up = (keep >= 0) & ((tail > _TOP) | ((tail == _TOP) & odd))
    significand = (kept + up.astype(np.uint64)).astype(np.float64)  # ≤ 2**53: exact
    with np.errstate(over="ignore"):
        return np.asarray(np.ldexp(significand, (clipped - np.maximum(keep, 0)).astype(np.int32)))
