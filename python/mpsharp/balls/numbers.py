"""Numbers as balls, and how many bits of a number a ball proves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import flint
import gmpy2
import numpy as np

from mpsharp._scalar import decompose, to_fraction
from mpsharp.exact import ExactArray

RADIUS_BITS = 64  # precision of radii, norms and derivatives: only their size counts


def to_ball(x: object) -> Any:
    """Enclose any finite number: exactly, except a ratio, which becomes a ball of the active precision."""
    if isinstance(x, gmpy2.mpfr):
        significand, exponent = x.as_mantissa_exp()
        return flint.arb((int(significand), int(exponent)))
    if isinstance(x, (float, np.floating)):
        return flint.arb(float(x))
    value = to_fraction(decompose(x))
    return flint.arb(flint.fmpq(value.numerator, value.denominator))


def to_matrix(values: Any) -> Any:
    """Matrix of balls from a matrix of numbers, or a column from a vector."""
    array = values.to_gmpy2() if isinstance(values, ExactArray) else np.asarray(values)
    rows, columns = array.shape if array.ndim == 2 else (len(array), 1)
    return flint.arb_mat(rows, columns, [to_ball(x) for x in array.ravel()])


def ball(middle: Any, radius: Any) -> Any:
    """Everything within `radius` of what `middle` holds."""
    return flint.arb(middle, radius)


def product(factors: Iterable[Any]) -> Any:
    """Product; 1 if empty."""
    result = flint.arb(1)
    for factor in factors:
        result = result * factor
    return result


def without(factors: list[Any], *positions: int) -> list[Any]:
    """What is left without those at some positions."""
    return [x for i, x in enumerate(factors) if i not in positions]


def dot(x: Any, y: Any) -> Any:
    """xᵀy of two columns."""
    return (x.transpose() * y)[0, 0]


def norm(entries: Iterable[Any]) -> Any:
    """Upper bound of the 2-norm; of the entries of a matrix, of its spectral norm."""
    total = flint.arb(0)
    for x in entries:
        total += x * x
    return total.abs_upper().sqrt().abs_upper()


def size(x: Any) -> Any:
    """Upper bound of the 2-norm of a column."""
    return dot(x, x).abs_upper().sqrt().abs_upper()


def radii(entries: Iterable[Any]) -> list[Any]:
    """Radius of each ball."""
    return [x.rad() for x in entries]


def proven_bits(value: Any, enclosure: Any, bits: int) -> int:
    """Largest k ≤ bits with |x − r| ≤ 2⁻ᵏ·|r| for the x given and whatever number r the ball holds; or 0.

    Parameters
    ----------
    value : x, a gmpy2.mpfr.
    enclosure : ball that contains r.
    bits : those of the format of x.
    """
    if not gmpy2.is_finite(value) or not enclosure.is_finite():
        return 0
    x = to_ball(value)
    with flint.ctx.workprec(max(bits, enclosure.bits()) + RADIUS_BITS):
        distance, least = (x - enclosure).abs_upper(), enclosure.abs_lower()
    if distance.is_zero():
        return bits
    if not least > 0:
        return 0
    with flint.ctx.workprec(RADIUS_BITS):
        significand, exponent = (distance / least).abs_upper().man_exp()
    # Smallest e with m·2^exponent ≤ 2^e.
    power = (int(significand) - 1).bit_length() + int(exponent)
    return min(max(-power, 0), bits)
