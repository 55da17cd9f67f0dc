"""Arrays of binary floating-point numbers of one precision, exact in every bit.

This is how numbers cross each boundary: between Python and the core, between processes, to and from
disk. The layout is MPFR's, as plain NumPy arrays, so that nobody else's C interface is involved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any, TypeAlias

import gmpy2
import numpy as np
import numpy.typing as npt

from mpsharp.errors import ConfigurationError, NonFiniteError, ShapeError
from mpsharp.formats import check_bits

Array: TypeAlias = npt.NDArray[Any]

ZERO, REGULAR, INFINITE, NAN = 0, 1, 2, 3

# What has no bits of its own is an exact rational until it is rounded; gmpy2's largest exponent range.
_EMAX = gmpy2.get_emax_max()
_EMIN = gmpy2.get_emin_min()


def _context(bits: int) -> Any:
    """Return a gmpy2 context of this precision: local, nearest-even, the widest exponent range."""
    return gmpy2.context(
        precision=bits, emax=_EMAX, emin=_EMIN, round=gmpy2.RoundToNearest, subnormalize=False
    )


def _limb_count(bits: int) -> int:
    return (bits + 63) // 64


@dataclass(frozen=True, eq=False)
class ExactArray:
    """An immutable array of MPFR-like numbers, all of one precision.

    A regular number is ``sign · 0.limbs · 2**exponent`` with its limbs read as a binary fraction in
    [1/2, 1), least significant limb first.

    Parameters
    ----------
    bits : int
        Precision of every entry.
    sign : int8 array, shape S
        +1 or -1, also for zeros and infinities.
    kind : int8 array, shape S
        0 zero, 1 regular, 2 infinity, 3 NaN.
    exponent : int64 array, shape S
        0 unless regular.
    limbs : uint64 array, shape S + (⌈bits/64⌉,)
        Normalised: top bit set, the unused low bits zero. All zero unless regular.

    Raises
    ------
    ShapeError
        The shapes do not fit together.
    """

    bits: int
    sign: npt.NDArray[np.int8]
    kind: npt.NDArray[np.int8]
    exponent: npt.NDArray[np.int64]
    limbs: npt.NDArray[np.uint64]

    def __post_init__(self) -> None:
        dtypes = {"sign": np.int8, "kind": np.int8, "exponent": np.int64, "limbs": np.uint64}
        for name, dtype in dtypes.items():
            array = np.array(getattr(self, name), dtype=dtype, copy=None)
            expected = self.sign.shape + ((_limb_count(self.bits),) if name == "limbs" else ())
            if array.shape != expected:
                raise ShapeError(f"{name}: expected shape {expected}, got {array.shape}")
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    # --- NumPy-like ------------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array, limbs not counted."""
        return self.sign.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.sign.ndim

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.sign.size

    def __len__(self) -> int:
        return len(self.sign)

    def __getitem__(self, index: Any) -> ExactArray:
        def pick(array: Array) -> Array:
            return np.asarray(array[index])

        return ExactArray(
            self.bits, pick(self.sign), pick(self.kind), pick(self.exponent), self._pick_limbs(index)
        )

    def _pick_limbs(self, index: Any) -> Array:
        full = index if isinstance(index, tuple) else (index,)
        if Ellipsis not in full:
            full = (*full, ...)
        return np.asarray(self.limbs[(*full, slice(None))])

    def reshape(self, *shape: int) -> ExactArray:
        """Return the same numbers in another shape, row-major."""
        sign = self.sign.reshape(*shape)
        return ExactArray(
            self.bits,
            sign,
            self.kind.reshape(sign.shape),
            self.exponent.reshape(sign.shape),
            self.limbs.reshape((*sign.shape, -1)) if self.size else self.limbs,
        )

    @classmethod
    def stack(cls, arrays: Sequence[ExactArray]) -> ExactArray:
        """Stack arrays of one shape and precision along a new first axis."""
        bits = {array.bits for array in arrays}
        if len(bits) != 1:
            raise ShapeError(f"stack: expected arrays of one precision, got {sorted(bits)}")
        return cls(
            bits.pop(),
            np.stack([a.sign for a in arrays]),
            np.stack([a.kind for a in arrays]),
            np.stack([a.exponent for a in arrays]),
            np.stack([a.limbs for a in arrays]),
        )

    # --- into other numbers ----------------------------------------------------------------------
    def to_gmpy2(self) -> Any:
        """Return an object array of `gmpy2.mpfr` at this precision; a single mpfr if 0-dimensional."""
        width = 8 * self.limbs.shape[-1]
        shift = 64 * self.limbs.shape[-1]
        raw = np.ascontiguousarray(self.limbs.astype("<u8")).tobytes()
        out = np.empty(self.size, dtype=object)
        columns = zip(self.sign.ravel(), self.kind.ravel(), self.exponent.ravel(), strict=True)
        with _context(self.bits):
            for i, (sign, kind, exponent) in enumerate(columns):
                if kind == REGULAR:
                    mantissa = int.from_bytes(raw[i * width : (i + 1) * width], "little")
                    power = int(exponent) - shift
                    value = gmpy2.mpfr(int(sign) * mantissa)
                    out[i] = gmpy2.mul_2exp(value, power) if power >= 0 else gmpy2.div_2exp(value, -power)
                elif kind == NAN:
                    out[i] = gmpy2.nan()
                elif kind == INFINITE:
                    out[i] = gmpy2.inf(int(sign))
                else:
                    out[i] = gmpy2.zero(int(sign))
        return out[0] if self.ndim == 0 else out.reshape(self.shape)

    def to_float64(self) -> npt.NDArray[np.float64]:
        """Return float64 values, one rounding to nearest each; too large becomes infinity."""
        if self.bits <= 53:
            mantissa = (self.limbs[..., -1] >> np.uint64(11)).astype(np.float64)  # exact
            scale = np.clip(self.exponent - 53, -4000, 4000).astype(np.int32)
            inexact = (self.kind == REGULAR) & (self.exponent < -1021)  # subnormal: may round twice
            if not inexact.any():
                with np.errstate(over="ignore", under="ignore"):
                    regular = np.ldexp(mantissa, scale)
                return np.asarray(self.sign * self._replace_special(regular))
        values = self.to_gmpy2()
        if self.ndim == 0:
            return np.asarray(float(values))
        return np.array([float(x) for x in values.ravel()], dtype=np.float64).reshape(self.shape)

    def _replace_special(self, regular: Array) -> Array:
        return np.where(
            self.kind == REGULAR,
            regular,
            np.where(self.kind == ZERO, 0.0, np.where(self.kind == INFINITE, np.inf, np.nan)),
        )

    def log2_abs(self) -> npt.NDArray[np.float64]:
        """Return log2|x| in float64, far beyond float64's own range: 1e-400 gives about -1328.8."""
        top = self.limbs[..., -1].astype(np.float64) * 2.0**-64
        with np.errstate(divide="ignore"):
            regular = np.log2(np.where(self.kind == REGULAR, top, 1.0)) + self.exponent
        return np.where(
            self.kind == REGULAR,
            regular,
            np.where(self.kind == ZERO, -np.inf, np.where(self.kind == INFINITE, np.inf, np.nan)),
        )

    def round_to(self, bits: int) -> ExactArray:
        """Return the values at another precision, one rounding to nearest even each."""
        return self if bits == self.bits else ExactArray.from_any(self.to_gmpy2(), bits)

    def identical(self, other: ExactArray) -> bool:
        """Tell whether precision, shape and every bit agree (NaN equals NaN, +0 differs from -0)."""
        return (
            self.bits == other.bits
            and self.shape == other.shape
            and bool(np.all(self.kind == other.kind))
            and bool(np.all((self.sign == other.sign) | (self.kind == NAN)))
            and bool(np.all(self.exponent == other.exponent))
            and bool(np.all(self.limbs == other.limbs))
        )

    # --- from other numbers ----------------------------------------------------------------------
    @classmethod
    def from_float64(cls, values: npt.ArrayLike, bits: int) -> ExactArray:
        """Round float32 or float64 values, once each; exact from 53 bits up.

        Parameters
        ----------
        values : array_like of float or int that float64 represents exactly
        bits : precision of the result.
        """
        bits = check_bits(bits)
        array = np.asarray(values, dtype=np.float64)
        fraction, exponent = np.frexp(array)
        finite = np.isfinite(array)
        regular = finite & (array != 0)
        mantissa = np.ldexp(np.abs(np.where(regular, fraction, 0.5)), 53).astype(np.uint64)
        if bits < 53:  # round to nearest even on the integers
            drop = np.uint64(53 - bits)
            one = np.uint64(1)
            kept = mantissa >> drop
            rest = mantissa & ((one << drop) - one)
            half = one << (drop - one)
            kept += (rest > half) | ((rest == half) & (kept & one == one))
            carried = kept >> np.uint64(bits) != 0
            kept = np.where(carried, kept >> one, kept)
            exponent = exponent + carried
            mantissa = kept << drop
        limbs = np.zeros((*array.shape, _limb_count(bits)), dtype=np.uint64)
        limbs[..., -1] = np.where(regular, mantissa << np.uint64(11), np.uint64(0))
        kind = np.where(regular, REGULAR, np.where(np.isnan(array), NAN, np.where(finite, ZERO, INFINITE)))
        sign = np.where(np.signbit(array) & ~np.isnan(array), -1, 1)
        return cls(
            bits,
            sign.astype(np.int8),
            kind.astype(np.int8),
            np.where(regular, exponent, 0).astype(np.int64),
            limbs,
        )

    @classmethod
    def from_any(cls, values: Any, bits: int) -> ExactArray:
        """Round numbers of any supported kind, one correct rounding each.

        Parameters
        ----------
        values : array_like, ExactArray, or a single number
            Floating-point arrays; or sequences of int, float, Fraction, gmpy2 or mpmath numbers, or
            text ("0.1" is the decimal value, "1/3" the fraction).
        bits : precision of the result.
        """
        bits = check_bits(bits)
        if isinstance(values, ExactArray):
            return values.round_to(bits)
        array = np.asarray(values)
        if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
            return cls.from_float64(array, bits)
        items = [exact_number(item, "value") for item in np.asarray(values, dtype=object).ravel()]
        width = _limb_count(bits)
        size = len(items)
        sign = np.ones(size, dtype=np.int8)
        kind = np.zeros(size, dtype=np.int8)
        exponent = np.zeros(size, dtype=np.int64)
        limbs = np.zeros((size, width), dtype=np.uint64)
        with _context(bits):
            for i, item in enumerate(items):
                number = gmpy2.mpfr(item, bits)
                sign[i] = -1 if gmpy2.is_signed(number) and not gmpy2.is_nan(number) else 1
                if gmpy2.is_nan(number):
                    kind[i] = NAN
                elif gmpy2.is_infinite(number):
                    kind[i] = INFINITE
                elif not gmpy2.is_zero(number):
                    kind[i] = REGULAR
                    mantissa, power = number.as_mantissa_exp()
                    mantissa = abs(int(mantissa))
                    length = mantissa.bit_length()
                    exponent[i] = int(power) + length
                    raw = (mantissa << (64 * width - length)).to_bytes(8 * width, "little")
                    limbs[i] = np.frombuffer(raw, dtype="<u8")
        shape = np.asarray(values, dtype=object).shape
        return cls(
            bits,
            sign.reshape(shape),
            kind.reshape(shape),
            exponent.reshape(shape),
            limbs.reshape((*shape, width)),
        )

    # --- as plain arrays -------------------------------------------------------------------------
    def arrays(self, prefix: str) -> dict[str, Array]:
        """Return the parts under names that start with `prefix`, for an .npz file."""
        return {
            f"{prefix}.bits": np.asarray(self.bits),
            f"{prefix}.sign": self.sign,
            f"{prefix}.kind": self.kind,
            f"{prefix}.exponent": self.exponent,
            f"{prefix}.limbs": self.limbs,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], prefix: str) -> ExactArray:
        """Undo `arrays`. A missing part raises KeyError."""
        return cls(
            int(arrays[f"{prefix}.bits"]),
            arrays[f"{prefix}.sign"],
            arrays[f"{prefix}.kind"],
            arrays[f"{prefix}.exponent"],
            arrays[f"{prefix}.limbs"],
        )


def exact_number(value: Any, name: str) -> Any:
    """Turn one number into gmpy2's mpz, mpq or mpfr of exactly its value."""
    if isinstance(value, str):
        try:
            return gmpy2.mpq(Fraction(value.strip()))
        except (ValueError, ZeroDivisionError):
            raise ConfigurationError(f"{name}: expected a number, got {value!r}") from None
    if isinstance(value, (bool, np.bool_)):
        raise ConfigurationError(f"{name}: expected a number, got {value!r}")
    if isinstance(value, (int, np.integer)):
        return gmpy2.mpz(int(value))
    if isinstance(value, (float, np.floating)):
        return gmpy2.mpfr(float(value), 53)
    if isinstance(value, Fraction):
        return gmpy2.mpq(value)
    kind = type(value).__name__
    if kind in ("mpz", "mpq", "mpfr"):
        return value
    if hasattr(value, "_mpf_"):  # mpmath
        sign, mantissa, exponent, _ = value._mpf_
        if not mantissa:
            special = {"+inf": gmpy2.inf(1), "-inf": gmpy2.inf(-1), "nan": gmpy2.nan()}
            return special.get(str(value), gmpy2.mpz(0))
        number = gmpy2.mpq(int(mantissa))
        power = gmpy2.mpz(2) ** abs(int(exponent))
        number = number * power if exponent >= 0 else number / power
        return -number if sign else number
    raise ConfigurationError(
        f"{name}: expected a float, int, Fraction, text, gmpy2 or mpmath number; got {type(value).__name__}"
    )


def as_exact_input(values: Any, name: str, ndim: int) -> Array:
    """Return `values` as a Problem keeps them: read-only, exact, finite.

    Parameters
    ----------
    values : array_like or ExactArray
        See `ExactArray.from_any`.
    name : what to call it in messages.
    ndim : the number of dimensions it must have.

    Returns
    -------
    array
        float64 where the input was a NumPy float or integer array; otherwise an object array of
        gmpy2 numbers.

    Raises
    ------
    ShapeError
        Wrong number of dimensions, or a dimension of length 0.
    NonFiniteError
        NaN or infinity; the message names the first place.
    ConfigurationError
        Something that is not a number.
    """
    if isinstance(values, ExactArray):
        values = values.to_gmpy2()
    try:
        array = np.asarray(values)
    except ValueError:
        raise ShapeError(f"{name}: expected {ndim} dimension(s), got rows of different lengths") from None
    if array.ndim != ndim:
        raise ShapeError(f"{name}: expected {ndim} dimension(s), got {array.ndim} (shape {array.shape})")
    if array.size == 0:
        raise ShapeError(f"{name}: expected at least one entry, got shape {array.shape}")
    if array.dtype.kind in "iuf" and array.dtype.itemsize <= 8:
        out = array.astype(np.float64)
        if array.dtype.kind in "iu" and not np.array_equal(out.astype(object), array.astype(object)):
            out = np.vectorize(lambda x: gmpy2.mpz(int(x)), otypes=[object])(array)
        finite = np.isfinite(out) if out.dtype != object else np.ones(out.shape, dtype=bool)
    else:
        items = [exact_number(item, name) for item in np.asarray(values, dtype=object).ravel()]
        out = np.empty(len(items), dtype=object)
        out[:] = items
        out = out.reshape(array.shape)
        finite = np.array([bool(gmpy2.is_finite(x)) for x in items]).reshape(array.shape)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise NonFiniteError(f"{name}: expected finite numbers, got {out[place]} at index {place}")
    out.flags.writeable = False
    return out


def exact_decimal(value: Any) -> str:
    """Return the exact value as text that `float` and `ExactArray.from_any` take.

    Every binary floating-point number has a finite decimal expansion. Text is returned as it is; a
    fraction without such an expansion as "p/q".
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    number = exact_number(value, "value")
    fraction = Fraction(*(int(part) for part in gmpy2.mpq(number).as_integer_ratio()))
    rest = fraction.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return f"{fraction.numerator}/{fraction.denominator}"
    digits = fraction.numerator.bit_length() + fraction.denominator.bit_length() + 10
    with localcontext(Context(prec=digits, Emax=10**9, Emin=-(10**9))):
        return str(Decimal(fraction.numerator) / Decimal(fraction.denominator))
