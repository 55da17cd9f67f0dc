"""A number as text that says exactly its value."""

from __future__ import annotations

from numbers import Rational

import gmpy2

from mpsharp import _scalar
from mpsharp.errors import ConfigurationError, NonFiniteError


def exact_decimal(x: object) -> str:
    """Exact value of a number with a finite decimal expansion, as text that ``float`` and `from_any` take.

    Parameters
    ----------
    x : float, int, Fraction, gmpy2 or mpmath number; text is returned unchanged.

    Raises
    ------
    NonFiniteError
        NaN or infinity.
    ConfigurationError
        A ratio without a finite decimal expansion (1/3), or a binary exponent beyond ±1,000,000.
    """
    if isinstance(x, str):
        return x
    number = _scalar.decompose(x)
    if not _scalar.is_finite(number):
        raise NonFiniteError(f"number: expected a finite one, got {x!r}")
    if abs(number.exponent) > _scalar.MAX_DECIMAL_EXPONENT:
        raise ConfigurationError(f"number: expected a binary exponent within ±1000000, got {number.exponent}")
    value = _scalar.to_fraction(number)
    places = _finite_places(value.denominator)
    if places is None:
        raise ConfigurationError(f"number: expected a finite decimal expansion, got {value}")
    digits = int(value * 10**places)
    if not places:
        # Trailing zeros go to the exponent: 2**4000 stays readable, 1000 stays "1000".
        return _int_text(digits) if abs(digits) < 10**20 else _shortened(digits)
    return f"{_int_text(digits)}e-{places}" if places > 100 else _plain(digits, places)


def exact_text(x: object) -> str:
    """Exact value of any finite number as text that `ExactArray.from_any` takes: a decimal, or a ratio.

    Parameters
    ----------
    x : as for `exact_decimal`; a number without a finite decimal expansion becomes "numerator/denominator".

    Raises
    ------
    NonFiniteError
        NaN or infinity.
    ConfigurationError
        A binary exponent beyond ±1,000,000.
    """
    if isinstance(x, (Rational, gmpy2.mpq)) and _finite_places(int(x.denominator)) is None:
        return f"{_int_text(int(x.numerator))}/{_int_text(int(x.denominator))}"
    return exact_decimal(x)


def _finite_places(denominator: int) -> int | None:
    """Decimal places of a fraction in lowest terms with this denominator; None if they never end."""
    twos, odd = _valuation(denominator, 2)
    fives, rest = _valuation(odd, 5)
    return max(twos, fives) if rest == 1 else None


def _valuation(n: int, prime: int) -> tuple[int, int]:
    """Return (k, m) with n = prime**k · m and m not a multiple of `prime`."""
    value, k = gmpy2.remove(gmpy2.mpz(n), prime)
    return int(k), int(value)


def _int_text(n: int) -> str:
    return gmpy2.mpz(n).digits()  # type: ignore[no-any-return]  # unlike str(), of any length


def _shortened(digits: int) -> str:
    zeros, rest = _valuation(digits, 10) if digits else (0, 0)
    return f"{_int_text(rest)}e{zeros}" if zeros else _int_text(rest)


def _plain(digits: int, places: int) -> str:
    text = _int_text(abs(digits)).rjust(places + 1, "0")
    return f"{'-' if digits < 0 else ''}{text[:-places]}.{text[-places:]}"
