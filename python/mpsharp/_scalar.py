"""One real number of any supported type, taken apart without rounding."""

from __future__ import annotations

import numbers
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import gmpy2
import numpy as np

from mpsharp.errors import ConfigurationError

ZERO, REGULAR, INFINITE, NAN = 0, 1, 2, 3
MAX_EXPONENT = 2**62 - 1  # of MPFR on 64-bit machines; also the negative of the smallest exponent
MAX_DECIMAL_EXPONENT = 1_000_000

_NUMBER = r"(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?"
_DECIMAL = re.compile(rf"\s*([-+]?)({_NUMBER})(?:\s*/\s*({_NUMBER}))?\s*")
_SPECIAL = re.compile(r"\s*([-+]?)(?:(inf|infinity)|(nan))\s*", re.IGNORECASE)
_EXPONENT = re.compile(r"[eE]([-+]?\d+)")


class Scalar(NamedTuple):
    """`sign` · `magnitude` · 2**`exponent`, exactly; `magnitude` is a gmpy2.mpz or gmpy2.mpq ≥ 0."""

    sign: int
    kind: int
    magnitude: Any
    exponent: int


def wide_context(bits: int) -> Any:
    """Return a gmpy2 context of `bits` bits, rounding to nearest, with MPFR's whole exponent range."""
    return gmpy2.context(
        precision=bits,
        round=gmpy2.RoundToNearest,
        emin=gmpy2.get_emin_min(),
        emax=gmpy2.get_emax_max(),
    )


def decompose(x: object) -> Scalar:
    """Take a real number apart exactly.

    Parameters
    ----------
    x : int, float, Fraction, Decimal, a NumPy real scalar, gmpy2.mpz/mpq/mpfr, mpmath.mpf, or text: a
        decimal number, a ratio of two ("1/3"), "inf" or "nan". Text means its decimal value, a float its
        binary value.

    Raises
    ------
    ConfigurationError
        Another type, unreadable text, or a decimal exponent beyond ±1,000,000.
    """
    if isinstance(x, bool):  # an int to Python, a mistake here
        raise _unsupported(x)
    if isinstance(x, gmpy2.mpfr):
        return _from_mpfr(x)
    if isinstance(x, (float, np.floating)):
        if not np.isfinite(x):
            return _special(bool(np.signbit(x)), bool(np.isnan(x)))
        numerator, denominator = x.as_integer_ratio()
        exponent = 1 - int(denominator).bit_length()
        return _finite(bool(np.signbit(x)), gmpy2.mpz(abs(numerator)), exponent)
    if isinstance(x, (numbers.Integral, gmpy2.mpz, np.integer)):
        integer = int(x)
        return _finite(integer < 0, gmpy2.mpz(abs(integer)), 0)
    if isinstance(x, (numbers.Rational, gmpy2.mpq)):
        ratio = gmpy2.mpq(int(x.numerator), int(x.denominator))
        return _finite(ratio < 0, abs(ratio), 0)
    if hasattr(x, "_mpf_"):
        return _from_mpmath(x)
    if isinstance(x, (str, Decimal)):
        return _from_text(str(x))
    raise _unsupported(x)


def is_finite(x: Scalar) -> bool:
    """Whether `x` is neither infinite nor NaN."""
    return x.kind in (ZERO, REGULAR)


def to_fraction(x: Scalar) -> Fraction:
    """Exact value of a finite number. Its exponent must be of ordinary size (checked by the caller)."""
    magnitude = Fraction(int(x.magnitude.numerator), int(x.magnitude.denominator))
    return x.sign * magnitude * Fraction(2) ** x.exponent


def rounded(x: Scalar, bits: int) -> tuple[int, Any, int]:
    """One rounding to nearest even of a regular number, inside a context of `wide_context`.

    Returns
    -------
    kind : REGULAR; or INFINITE or ZERO where the exponent leaves MPFR's range.
    significand : gmpy2.mpz of exactly `bits` bits.
    exponent : the number is significand · 2**(exponent - bits).
    """
    significand, shift = gmpy2.mpfr(x.magnitude, bits).as_mantissa_exp()
    length = significand.bit_length()
    exponent = int(shift) + length + x.exponent
    if abs(exponent) > MAX_EXPONENT:
        return (INFINITE if exponent > 0 else ZERO), gmpy2.mpz(0), 0
    return (
        REGULAR,
        significand << (bits - length) if length <= bits else significand >> (length - bits),
        exponent,
    )


def _unsupported(x: object) -> ConfigurationError:
    return ConfigurationError(
        "number: expected int, float, Fraction, Decimal, str, gmpy2 or mpmath real; "
        f"got {x!r} of type {type(x).__name__}"
    )


def _finite(negative: bool, magnitude: Any, exponent: int) -> Scalar:
    kind = REGULAR if magnitude else ZERO
    return Scalar(-1 if negative else 1, kind, magnitude, exponent if magnitude else 0)


def _special(negative: bool, nan: bool) -> Scalar:
    return Scalar(-1 if negative else 1, NAN if nan else INFINITE, gmpy2.mpz(0), 0)


def _from_mpfr(x: Any) -> Scalar:
    negative = bool(gmpy2.is_signed(x))
    if not gmpy2.is_finite(x):
        return _special(negative, bool(gmpy2.is_nan(x)))
    if gmpy2.is_zero(x):
        return _finite(negative, gmpy2.mpz(0), 0)
    significand, exponent = x.as_mantissa_exp()
    return _finite(negative, abs(significand), int(exponent))


def _from_mpmath(x: Any) -> Scalar:
    sign, significand, exponent, _ = x._mpf_
    if not significand and exponent:  # mpmath's codes of ±inf and NaN
        return _special(bool(x < 0), bool(x != x))
    return _finite(bool(sign), gmpy2.mpz(significand), int(exponent))


def _from_text(text: str) -> Scalar:
    special = _SPECIAL.fullmatch(text)
    if special:
        return _special(special[1] == "-", bool(special[3]))
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            f"number: expected decimal text such as '0.1', '2e-3' or '1/3', got {text!r}"
        )
    for exponent in _EXPONENT.findall(text):
        if len(exponent) > 9 or abs(int(exponent)) > MAX_DECIMAL_EXPONENT:
            raise ConfigurationError(
                f"number: expected a decimal exponent within ±{MAX_DECIMAL_EXPONENT}, got {text!r}"
            )
    sign, numerator, denominator = match.groups()
    value = gmpy2.mpq(Fraction(numerator))
    if denominator is not None:
        divisor = gmpy2.mpq(Fraction(denominator))
        if not divisor:
            raise ConfigurationError(f"number: expected a denominator other than zero, got {text!r}")
        value /= divisor
    return _finite(sign == "-", value, 0)
