"""A caller's array as one that represents the same numbers exactly."""

from __future__ import annotations

from typing import Any

import gmpy2
import numpy as np
from numpy.typing import NDArray

from mpsharp import _scalar
from mpsharp.errors import ConfigurationError, NonFiniteError, ShapeError
from mpsharp.exact.array import ExactArray
from mpsharp.exact.entries import as_array


def as_exact_input(values: object, name: str) -> NDArray[Any]:
    """Turn a caller's array into one that represents the same numbers exactly.

    Parameters
    ----------
    values : whatever `ExactArray.from_any` takes.
    name : the argument's name, for messages.

    Returns
    -------
    A new read-only array: float64 if the input is floating-point or integer data that float64 holds
    exactly, else objects, gmpy2.mpfr (from mpfr) or gmpy2.mpq (from everything else).

    Raises
    ------
    NonFiniteError
        NaN or infinity, with the first index.
    ConfigurationError
        An entry that is no real number.
    ShapeError
        Nested lists of unequal lengths.
    """
    try:
        array = values.to_gmpy2() if isinstance(values, ExactArray) else values
        array = as_array(array)
        if array.dtype.kind in "iuf":
            exact = _as_doubles(array)
            if exact is not None:
                _check_finite(np.isfinite(exact), array, name)
                exact.flags.writeable = False
                return exact
        out = np.empty(array.shape, dtype=object)
        for index in np.ndindex(array.shape):
            out[index] = _exact_object(array[index], name, index)
    except (ConfigurationError, ShapeError) as error:
        raise type(error)(f"{name}: {error}") from None
    out.flags.writeable = False
    return out


def _exact_object(entry: Any, name: str, index: tuple[int, ...]) -> Any:
    number = _scalar.decompose(entry)
    if not _scalar.is_finite(number):
        raise NonFiniteError(f"{name}: expected finite numbers, got {entry!s} at index {list(index)}")
    if isinstance(entry, gmpy2.mpfr):
        return entry
    if abs(number.exponent) > _scalar.MAX_DECIMAL_EXPONENT:  # as a ratio it would fill memory
        length = number.magnitude.bit_length()
        bits = max(2, length)
        with _scalar.wide_context(bits):
            significand = gmpy2.mpfr(number.sign * number.magnitude, bits)
            return gmpy2.set_exp(significand, number.exponent + length)
    return gmpy2.mpq(_scalar.to_fraction(number))


def _as_doubles(array: NDArray[Any]) -> NDArray[np.float64] | None:
    """Float64 copy if it is exact, else None."""
    with np.errstate(over="ignore"):
        doubles = np.array(array, dtype=np.float64)
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        return doubles
    if array.dtype.kind == "f":
        same = (doubles == array) | np.isnan(array)
        return doubles if same.all() else None
    within = (array <= 2**53) & (array >= -(2**53)) if array.dtype.kind == "i" else array <= 2**53
    return doubles if within.all() else None


def _check_finite(finite: NDArray[np.bool_], array: NDArray[Any], name: str) -> None:
    if not finite.all():
        index = [int(k) for k in np.argwhere(~finite)[0]]
        raise NonFiniteError(f"{name}: expected finite numbers, got {array[tuple(index)]!s} at index {index}")
