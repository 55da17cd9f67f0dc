"""The number types in which a formula can be evaluated: float64, or MPFR with guard bits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import gmpy2
import numpy as np
from numpy.typing import NDArray

from mpsharp._scalar import wide_context
from mpsharp.errors import NonFiniteError, ShapeError
from mpsharp.exact import ExactArray, as_exact_input
from mpsharp.formats import Format, FormatLike

Array: TypeAlias = NDArray[Any]
Number: TypeAlias = Any  # float, or gmpy2.mpfr: neither is a subtype of the other


@dataclass(frozen=True)
class Arithmetic:
    """Where a formula is evaluated, and to what its value is rounded.

    Parameters
    ----------
    bits : significand bits of the results, or None: float64 throughout, with no guard bits.
    working : significand bits of the computation, at least `bits`.
    """

    bits: int | None = None
    working: int = 53

    @classmethod
    def of(cls, format: FormatLike | None, guard: int = 64) -> Arithmetic:
        """Arithmetic for results in `format`; None stands for plain float64.

        Raises
        ------
        PrecisionError
            Bits out of range.
        """
        if format is None:
            return cls()
        bits = Format.parse(format).bits
        return cls(bits, bits + guard)

    @contextmanager
    def active(self, *, strict: bool = False) -> Iterator[None]:
        """Compute in this arithmetic inside the ``with`` block.

        Parameters
        ----------
        strict : refuse also what underflows in plain float64, since it may be a divisor or the square of a
            root. Not for states, which may approach zero by themselves.

        Raises
        ------
        NonFiniteError
            Plain float64 overflows, or divides by what has underflowed.
        """
        if self.bits is None:
            under: Literal["ignore", "raise"] = "raise" if strict else "ignore"
            try:
                with np.errstate(over="raise", divide="raise", invalid="raise", under=under):
                    yield
            except (FloatingPointError, OverflowError, ZeroDivisionError) as error:
                raise NonFiniteError(
                    f"expected numbers within float64's range, got {error}; a format= has a wide range"
                ) from error
        else:
            with wide_context(self.working):
                yield

    def enter(self, values: object, name: str, ndim: int, length: int | None = None) -> Array:
        """Turn a caller's numbers into a new array of this arithmetic, one rounding each.

        Parameters
        ----------
        values : whatever `ExactArray.from_any` takes.
        name, ndim, length : for the check of the shape; any length if None.

        Raises
        ------
        ShapeError
            Another number of dimensions, another length, or no entry at all.
        NonFiniteError
            NaN or infinity; in plain float64 also numbers that overflow, or of which none is left above zero.
        """
        array = as_exact_input(values, name)
        if array.ndim != ndim:
            raise ShapeError(f"{name}: expected {ndim} dimension(s), got {array.ndim} (shape {array.shape})")
        if array.size == 0:
            raise ShapeError(f"{name}: expected at least one entry, got shape {array.shape}")
        if length is not None and len(array) != length:
            raise ShapeError(f"{name}: expected length {length}, got {len(array)}")
        if self.bits is None:
            return array if array.dtype != object else _to_float64(array, name)
        return np.asarray(ExactArray.from_any(array, self.working).to_gmpy2())

    def number(self, value: object, name: str) -> Number:
        """Turn one of the caller's numbers into one of this arithmetic; raises as `enter` does."""
        return self.enter([value], name, 1)[0]

    def leave(self, value: Number) -> Any:
        """Round a result, or an array of results, once: to a float, or to gmpy2.mpfr of `bits` bits."""
        if isinstance(value, np.ndarray):
            if self.bits is None:
                return value.astype(np.float64)
            with wide_context(self.bits):
                return np.array([gmpy2.mpfr(x) for x in value.flat], dtype=object).reshape(value.shape)
        if self.bits is None:
            return float(value)
        with wide_context(self.bits):
            return gmpy2.mpfr(value)


def _to_float64(array: Array, name: str) -> Array:
    floats = np.array(ExactArray.from_any(array, 53).to_float64())
    if not np.isfinite(floats).all() or (not floats.any() and any(array.flat)):
        raise NonFiniteError(f"{name}: expected numbers within float64's range; a format= has a wide one")
    return floats


def sqrt(x: Number) -> Number:
    """√x of a float or a gmpy2.mpfr, at the precision in force."""
    return gmpy2.sqrt(x) if isinstance(x, gmpy2.mpfr) else math.sqrt(x)


def power(x: Number, numerator: int, denominator: int) -> Number:
    """x**(numerator/denominator) for x ≥ 0 and a positive exponent, with an error of a few roundings."""
    if isinstance(x, gmpy2.mpfr):
        return gmpy2.rootn(x**numerator, denominator)
    # The exponent's rounding counts log x times: the power of two is raised exactly but for a remainder.
    m, e = math.frexp(x)
    whole = round(e / denominator)
    rest = math.ldexp(m, e - whole * denominator)
    return math.ldexp(rest ** (numerator / denominator), whole * numerator)


def total(values: Array) -> Number:
    """Sum of a vector; 0.0 if it is empty."""
    return values.sum() if values.size else 0.0


def square(values: Array) -> Number:
    """Squared Euclidean norm of a vector; 0.0 if it is empty."""
    return total(values * values)


def norm(values: Array) -> Number:
    """Euclidean norm of a vector, also where squares leave float64's range; 0.0 if it is empty."""
    if values.dtype == object or not values.any():
        return sqrt(square(values))
    _, exponent = np.frexp(np.abs(values).max())
    with np.errstate(under="ignore"):  # of squares that the largest one drowns
        root = math.sqrt(square(np.ldexp(values, -exponent)))
    return np.ldexp(root, exponent)
