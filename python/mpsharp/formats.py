"""Number formats as explicit, immutable values: there is no global precision in mpsharp."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TypeAlias

from mpsharp.errors import PrecisionError, UnknownNameError

MIN_BITS = 2
MAX_BITS = 100_000


def check_bits(bits: object) -> int:
    """Return `bits` as an int, or raise `PrecisionError` unless 2 ≤ bits ≤ 100,000."""
    if isinstance(bits, bool) or not isinstance(bits, Integral):
        raise PrecisionError(f"bits: expected an integer, got {bits!r}")
    number = int(bits)
    if not MIN_BITS <= number <= MAX_BITS:
        raise PrecisionError(f"bits: expected {MIN_BITS} ≤ bits ≤ {MAX_BITS}, got {number}")
    return number


@dataclass(frozen=True, slots=True)
class Format:
    """A binary floating-point format.

    Parameters
    ----------
    bits : int
        Significand bits, the hidden one included (53 = double), 2 ≤ bits ≤ 100,000.
    emin, emax : int or None
        Range of the exponent e of a number m·2**e, 1/2 ≤ m < 1 (the convention of MPFR; binary64 has
        emin = -1073 with subnormals and emax = 1024). None, the default, is a range so wide
        (±2**30) that it does not matter. Only the two IEEE formats that NumPy has set them yet.
    rounding : str
        "nearest": to nearest, ties to even. The only mode so far.

    Raises
    ------
    PrecisionError
        bits outside its range, or an exponent range or rounding that is not available.

    Examples
    --------
    >>> Format(bits=256)
    Format(bits=256)
    >>> Format.parse("float64").bits
    53
    """

    bits: int
    emin: int | None = None
    emax: int | None = None
    rounding: str = "nearest"

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", check_bits(self.bits))
        if self.rounding != "nearest":
            raise PrecisionError(f"rounding: expected 'nearest', got {self.rounding!r}")
        if (self.emin, self.emax) != (None, None) and (
            self.bits,
            self.emin,
            self.emax,
        ) not in _IEEE.values():
            raise PrecisionError(
                "exponent range: expected none, or that of float32 or float64; "
                f"got bits={self.bits}, emin={self.emin}, emax={self.emax}"
            )

    @classmethod
    def parse(cls, value: FormatLike) -> Format:
        """Turn a number of bits, the name "float32" or "float64", or a Format into a Format."""
        if isinstance(value, Format):
            return value
        if isinstance(value, str):
            if value in _IEEE:
                return cls(*_IEEE[value])
            if value.isdecimal():
                return cls(bits=int(value))
            known = ", ".join(repr(name) for name in _IEEE)
            raise UnknownNameError(
                f"unknown format: expected a number of bits or one of {known}; got {value!r}"
            )
        return cls(bits=check_bits(value))

    @property
    def is_ieee(self) -> bool:
        """Whether NumPy has this format in hardware (float32, float64)."""
        return self.emax is not None

    @property
    def name(self) -> str:
        """Name as text: "float32", "float64", or the number of bits."""
        for name, key in _IEEE.items():
            if key == (self.bits, self.emin, self.emax):
                return name
        return str(self.bits)

    @property
    def label(self) -> str:
        """Text for legends and tables: "float64" or "256 bits"."""
        return self.name if self.is_ieee else f"{self.bits} bits"

    def __repr__(self) -> str:
        return f"Format.parse({self.name!r})" if self.is_ieee else f"Format(bits={self.bits})"

    def __str__(self) -> str:
        return self.name


FormatLike: TypeAlias = "Format | int | str"

# MPFR's convention for p bits and e exponent bits: emax = 2**(e - 1), emin = 4 - emax - p.
_IEEE: dict[str, tuple[int, int, int]] = {
    "float32": (24, -148, 128),
    "float64": (53, -1073, 1024),
}

FLOAT32 = Format.parse("float32")
FLOAT64 = Format.parse("float64")
