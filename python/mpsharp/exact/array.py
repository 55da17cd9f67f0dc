"""The array type: its layout, how it is made, and what it turns into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gmpy2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpsharp import _limbs, _scalar
from mpsharp._scalar import INFINITE, MAX_EXPONENT, NAN, REGULAR, ZERO
from mpsharp.errors import ConfigurationError, ShapeError
from mpsharp.exact.entries import as_array
from mpsharp.formats import check_bits

_FIELDS = {"sign": np.int8, "kind": np.int8, "exponent": np.int64, "limbs": np.uint64}


@dataclass(frozen=True, eq=False, repr=False)
class ExactArray:
    """Immutable array, shape S, of numbers ``sign · 0.limbs · 2**exponent`` of one precision.

    The arrays given are kept, not copied, and must not be written to afterwards.

    Parameters
    ----------
    bits : int
        Significand bits of every number, 2 ≤ bits ≤ 100,000.
    sign : int8 array, shape S
        +1 or -1, also of zeros, infinities and NaN.
    kind : int8 array, shape S
        0 zero, 1 regular, 2 infinity, 3 NaN.
    exponent : int64 array, shape S
        Of regular numbers, MPFR's convention (1 = 0.1₂ · 2**1), |exponent| < 2**62; else 0.
    limbs : uint64 array, shape S + (ceil(bits/64),)
        The lowest limb first. Of regular numbers the top bit of the top limb is set and the
        64·ceil(bits/64) − bits lowest bits are zero; of others all are zero.

    Raises
    ------
    PrecisionError
        bits outside its range.
    ShapeError
        Shapes that do not fit together.
    ConfigurationError
        Contents that break the layout above.

    Examples
    --------
    >>> x = ExactArray.from_any(["0.1", "1/3"], bits=100)
    >>> x.to_float64().tolist()
    [0.1, 0.3333333333333333]
    >>> x[0].to_gmpy2()
    mpfr('0.1000000000000000000000000000002',100)
    """

    bits: int
    sign: NDArray[np.int8]
    kind: NDArray[np.int8]
    exponent: NDArray[np.int64]
    limbs: NDArray[np.uint64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", check_bits(self.bits))
        for name, dtype in _FIELDS.items():
            array = np.asarray(getattr(self, name))
            if array.dtype != dtype:
                raise ConfigurationError(f"{name}: expected dtype {np.dtype(dtype)}, got {array.dtype}")
            array = array.view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        shape = self.sign.shape
        expected = {name: shape for name in _FIELDS} | {"limbs": (*shape, _limbs.limb_count(self.bits))}
        for name, wanted in expected.items():
            if getattr(self, name).shape != wanted:
                raise ShapeError(f"{name}: expected shape {wanted}, got {getattr(self, name).shape}")
        self._check_layout()

    def _check_layout(self) -> None:
        regular = self.kind == REGULAR
        checks = {
            "sign: expected +1 or -1": (np.abs(self.sign) == 1).all(),
            "kind: expected 0, 1, 2 or 3": ((self.kind >= ZERO) & (self.kind <= NAN)).all(),
            "exponent: expected |exponent| < 2**62, and 0 unless regular": (
                np.abs(self.exponent) <= np.where(regular, MAX_EXPONENT, 0)
            ).all(),
            "limbs: expected the top bit of regular numbers set": (
                (self.limbs[..., -1] >> np.uint64(63)) == regular
            ).all(),
            "limbs: expected zeros below the last bit": not (
                self.limbs[..., 0] & _limbs.unused_mask(self.bits)
            ).any(),
            "limbs: expected zeros unless regular": not self.limbs[~regular].any(),
        }
        for message, holds in checks.items():
            if not holds:
                raise ConfigurationError(f"{message}; got something else")

    # -- making them -------------------------------------------------------------------------------------

    @classmethod
    def from_float64(cls, values: ArrayLike, bits: int) -> ExactArray:
        """Round float16/32/64 or integer data to `bits` bits, once, to nearest even (exact from 53 bits up).

        Parameters
        ----------
        values : array of real floating-point numbers up to float64, or of integers.
        bits : significand bits of the result.

        Raises
        ------
        ConfigurationError
            Any other dtype (object arrays and text go through `from_any`).
        """
        bits = check_bits(bits)
        array = np.asarray(values)
        if array.dtype.kind in "iu":
            negative = array < 0
            wide = array.astype(np.uint64)  # modulo 2**64
            magnitude = np.where(negative, np.negative(wide, out=np.empty_like(wide)), wide)
            limbs, exponent = _limbs.from_integers(magnitude)
            kind = np.where(magnitude != 0, REGULAR, ZERO)
        elif array.dtype.kind == "f" and array.dtype.itemsize <= 8:
            doubles = array.astype(np.float64)
            negative = np.signbit(doubles)
            finite = np.isfinite(doubles)
            limbs, exponent = _limbs.from_doubles(np.where(finite, np.abs(doubles), 0.0))
            kind = np.where(
                finite, np.where(doubles != 0, REGULAR, ZERO), np.where(np.isnan(doubles), NAN, INFINITE)
            )
        else:
            raise ConfigurationError(
                f"values: expected float64, float32 or integers, got dtype {array.dtype}"
            )
        limbs, exponent = _limbs.round_significands(limbs, exponent, bits)
        sign = np.where(negative, -1, 1).astype(np.int8)
        return cls(bits, sign, kind.astype(np.int8), exponent, limbs)

    @classmethod
    def from_any(cls, values: object, bits: int) -> ExactArray:
        """Round numbers of any supported type to `bits` bits, one correct rounding (nearest even) each.

        Parameters
        ----------
        values : a number or a (nested) list or array of int, float, Fraction, Decimal, str,
            gmpy2.mpz/mpq/mpfr or mpmath.mpf, mixed at will; or an ExactArray. "0.1" means the decimal
            value, 0.1 the binary one.
        bits : significand bits of the result.

        Raises
        ------
        ConfigurationError
            An entry that is no real number.
        ShapeError
            Nested lists of unequal lengths.
        """
        if isinstance(values, ExactArray):
            return values.round_to(bits)
        bits = check_bits(bits)
        array = as_array(values)
        if array.dtype.kind in "iuf" and array.dtype.itemsize <= 8:
            return cls.from_float64(array, bits)
        count, size = _limbs.limb_count(bits), array.size
        sign = np.ones(size, dtype=np.int8)
        kind = np.zeros(size, dtype=np.int8)
        exponent = np.zeros(size, dtype=np.int64)
        rows = bytearray(8 * count * size)
        align = 64 * count - bits
        with _scalar.wide_context(bits):
            for i, entry in enumerate(array.flat):
                number = _scalar.decompose(entry)
                sign[i], kind[i] = number.sign, number.kind
                if number.kind == REGULAR:
                    kind[i], significand, exponent[i] = _scalar.rounded(number, bits)
                    rows[8 * count * i : 8 * count * (i + 1)] = int(significand << align).to_bytes(
                        8 * count, "little"
                    )
        limbs = np.frombuffer(bytes(rows), dtype="<u8").astype(np.uint64)
        shape = array.shape
        return cls(
            bits,
            sign.reshape(shape),
            kind.reshape(shape),
            exponent.reshape(shape),
            limbs.reshape((*shape, count)),
        )

    @classmethod
    def stack(cls, arrays: Sequence[ExactArray]) -> ExactArray:
        """Join arrays of equal shape and precision along a new first axis."""
        return cls._join(arrays, np.stack)

    @classmethod
    def concatenate(cls, arrays: Sequence[ExactArray]) -> ExactArray:
        """Join arrays of equal precision along their first axis."""
        return cls._join(arrays, np.concatenate)

    @classmethod
    def _join(cls, arrays: Sequence[ExactArray], join: Any) -> ExactArray:
        precisions = sorted({array.bits for array in arrays})
        if len(precisions) != 1:
            raise ConfigurationError(f"arrays: expected one or more of one precision, got bits {precisions}")
        try:
            parts = {name: join([getattr(array, name) for array in arrays]) for name in _FIELDS}
        except ValueError as error:
            shapes = [array.shape for array in arrays]
            raise ShapeError(f"arrays: expected shapes that fit together, got {shapes}") from error
        return cls(precisions[0], **parts)

    @classmethod
    def from_arrays(cls, mapping: Mapping[str, Any], prefix: str) -> ExactArray:
        """Rebuild what `arrays` took apart.

        Raises
        ------
        KeyError
            A part is missing.
        MpsharpError
            The parts break the layout.
        """
        bits = int(mapping[f"{prefix}.bits"])
        return cls(bits, **{name: mapping[f"{prefix}.{name}"] for name in _FIELDS})

    # -- looking at them ---------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape S, without the axis of limbs."""
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
        if not self.ndim:
            raise TypeError("len() of a 0-dimensional ExactArray")
        return self.shape[0]

    def __iter__(self) -> Iterator[ExactArray]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> ExactArray:
        key = key if isinstance(key, tuple) else (key,)
        if any(item is Ellipsis for item in key):
            limb_key = (*key, slice(None))
        else:
            key = limb_key = (*key, ...)  # with an ellipsis NumPy gives an array for one number, too
        return ExactArray._trusted(
            self.bits, self.sign[key], self.kind[key], self.exponent[key], self.limbs[limb_key]
        )

    @classmethod
    def _trusted(cls, bits: int, *parts: NDArray[Any]) -> ExactArray:
        """Make an array of parts (sign, kind, exponent, limbs) that are known to fit, unchecked."""
        out = object.__new__(cls)
        for array in parts:
            if array.flags.writeable:
                array.setflags(write=False)
        out.__dict__.update(zip(_FIELDS, parts, strict=True), bits=bits)
        return out

    def __repr__(self) -> str:
        return f"ExactArray(bits={self.bits}, shape={self.shape})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        raise TypeError("ExactArray does not round silently: call to_float64() or to_gmpy2()")

    def __reduce__(self) -> tuple[Any, ...]:
        return (ExactArray, (self.bits, self.sign, self.kind, self.exponent, self.limbs))

    # -- turning them into something else ----------------------------------------------------------------

    def to_gmpy2(self) -> Any:
        """Object array of gmpy2.mpfr, shape S, of precision `bits`; one gmpy2.mpfr if S = ().

        Exponents beyond the range of the caller's gmpy2 context (±2**30 by default) are kept in the numbers;
        computing with those needs a context with a wider range.
        """
        out = np.empty(self.size, dtype=object)
        count = 8 * self.limbs.shape[-1]
        rows = self.limbs.astype("<u8").tobytes()
        signs, kinds, exponents = (
            getattr(self, name).ravel().tolist() for name in ("sign", "kind", "exponent")
        )
        special = {ZERO: "0", INFINITE: "inf", NAN: "nan"}
        with _scalar.wide_context(self.bits):
            for i, (sign, kind) in enumerate(zip(signs, kinds, strict=True)):
                if kind == REGULAR:
                    significand = sign * int.from_bytes(rows[count * i : count * (i + 1)], "little")
                    out[i] = gmpy2.set_exp(gmpy2.mpfr(gmpy2.mpz(significand), self.bits), exponents[i])
                else:
                    out[i] = gmpy2.mpfr(("-" if sign < 0 else "") + special[kind], self.bits)
        return out.reshape(self.shape) if self.ndim else out[0]

    def to_float64(self) -> NDArray[np.float64]:
        """float64 array, shape S: one rounding to nearest even, with subnormals, ±0, ±inf and NaN."""
        magnitude = _limbs.to_doubles(self.limbs, self.exponent)
        magnitude[self.kind == INFINITE] = np.inf
        magnitude[self.kind == NAN] = np.nan
        return np.asarray(np.copysign(magnitude, self.sign))

    def log2_abs(self) -> NDArray[np.float64]:
        """log2|x| as float64, shape S, absolute error below 2**-51 · max(1, |log2|x||); -inf for 0."""
        top = self.limbs[..., -1].astype(np.float64)
        top[self.kind == INFINITE] = np.inf
        top[self.kind == NAN] = np.nan
        with np.errstate(divide="ignore"):
            return np.asarray(np.log2(top * 2.0**-64) + self.exponent)

    def round_to(self, bits: int) -> ExactArray:
        """Round to `bits` bits: one rounding to nearest even; exact if `bits` is not smaller."""
        bits = check_bits(bits)
        if bits == self.bits:
            return self
        limbs, exponent = _limbs.round_significands(self.limbs, self.exponent, bits)
        kind = self.kind
        overflow = exponent > MAX_EXPONENT
        if overflow.any():
            kind = np.where(overflow, np.int8(INFINITE), kind)
            exponent[overflow] = 0
            limbs[overflow] = 0
        return ExactArray(bits, self.sign, kind, exponent, limbs)

    def identical(self, other: ExactArray) -> bool:
        """Whether precision, shape and every bit agree; NaN equals NaN, +0 differs from -0."""
        return (
            self.bits == other.bits
            and self.shape == other.shape
            and np.array_equal(self.kind, other.kind)
            and np.array_equal(self.sign[self.kind != NAN], other.sign[other.kind != NAN])
            and np.array_equal(self.exponent, other.exponent)
            and np.array_equal(self.limbs, other.limbs)
        )

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Plain arrays "`prefix`.bits", "`prefix`.sign", … for an ``.npz`` file; see `from_arrays`."""
        parts = {f"{prefix}.{name}": np.asarray(getattr(self, name)) for name in _FIELDS}
        return {f"{prefix}.bits": np.asarray(self.bits, dtype=np.int64), **parts}
