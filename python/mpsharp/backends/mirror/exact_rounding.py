"""One correct rounding of an exact sum to float32 or float64 (to nearest, ties to even)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mpsharp.backends.mirror.products import Array

# Every finite float64 is an integer multiple of 2**-1074.
_LOWEST_UNIT = 1 << 1074
# Numbers half-way between two neighbours in float32 have zeros in at least the last 28 of float64's bits.
_ZEROS_OF_TIES = (1 << 28) - 1


def make_odd(nearest: float, remainder_sign: int) -> float:
    """Turn an exact value rounded to nearest in float64 into the same value rounded to odd.

    The last bit then keeps on which side of a tie the exact value lies, so that rounding once more, to
    float32, is correct, also where float32 is subnormal (Boldo and Melquiond 2008, "Emulation of FMA and
    correctly rounded sums: proved algorithms using rounding to odd").

    Parameters
    ----------
    nearest : the exact value rounded to nearest.
    remainder_sign : sign of the exact value minus `nearest`.
    """
    if remainder_sign == 0 or not math.isfinite(nearest) or int(np.float64(nearest).view(np.int64)) & 1:
        return nearest
    return math.nextafter(nearest, math.inf if remainder_sign > 0 else -math.inf)


def round_row_sums(rows: Array, exponent: int, dtype: npt.DTypeLike) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Round the exact sums of the rows of ``rows * 2**exponent``, one rounding each.

    Parameters
    ----------
    rows : float64 array, shape (n, k), finite, with sums far from overflow and underflow.
    exponent : common binary exponent.
    dtype : float32 or float64; for float32 the sums must be multiples of 2**-1000.

    Returns
    -------
    tuple
        The rounded sums, shape (n,), and a mask of those that are subnormal in float64: they were rounded
        twice and need another method.
    """
    entries = rows.tolist()
    sums = np.array([math.fsum(row) for row in entries])  # math.fsum rounds correctly
    if np.dtype(dtype) == np.float32:
        for index in np.flatnonzero((sums.view(np.int64) & _ZEROS_OF_TIES) == 0):
            remainder = math.fsum([*entries[index], -sums[index]])
            sums[index] = make_odd(sums[index], (remainder > 0) - (remainder < 0))
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(sums, exponent)
        subnormal = (np.abs(scaled) < np.finfo(np.float64).tiny) & (sums != 0)
        return scaled.astype(dtype), subnormal


def dot_by_integers(x: Sequence[float], y: Sequence[float], dtype: npt.DTypeLike) -> np.floating[Any]:
    """Return the dot product of two finite vectors, rounded once: slow, but for numbers of any size.

    The sum is one Python integer in units of 2**-2148. Python's division of integers rounds correctly,
    subnormal quotients included.

    Parameters
    ----------
    x, y : numbers of one length, each a float32 or float64.
    dtype : float32 or float64, the format of the result.
    """
    total = sum(_in_lowest_units(a) * _in_lowest_units(b) for a, b in zip(x, y, strict=True))
    unit = _LOWEST_UNIT**2
    kind: Any = np.dtype(dtype).type
    result: np.floating[Any]
    try:
        nearest = total / unit
    except OverflowError:
        result = kind(math.inf if total > 0 else -math.inf)
        return result
    if kind is np.float32:
        numerator, denominator = nearest.as_integer_ratio()
        remainder = total * denominator - numerator * unit
        nearest = make_odd(nearest, (remainder > 0) - (remainder < 0))
    with np.errstate(over="ignore", under="ignore"):
        result = kind(nearest)
    return result


def _in_lowest_units(x: float) -> int:
    numerator, denominator = x.as_integer_ratio()
    return numerator * (_LOWEST_UNIT // denominator)
