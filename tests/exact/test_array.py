"""ExactArray against fractions.Fraction, mpmath and NumPy's own rounding."""

from __future__ import annotations

import io
import pickle
from decimal import Decimal
from fractions import Fraction

import gmpy2
import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mpsharp.errors import ConfigurationError, PrecisionError, ShapeError
from mpsharp.exact import ExactArray, as_exact_input

precisions = st.integers(2, 4096) | st.sampled_from([2, 24, 53, 63, 64, 65, 113, 127, 128, 129, 256])
doubles = st.floats(allow_nan=False, allow_infinity=False)
EDGES = [
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    5e-324,
    -2.2250738585072014e-308,
    1.7976931348623157e308,
    1.0,
    -0.1,
]


def nearest(value: Fraction, bits: int) -> Fraction:
    """Round to `bits` bits, ties to even, in Python integers."""
    if not value:
        return value
    exponent = abs(value.numerator).bit_length() - value.denominator.bit_length()
    if abs(value) >= Fraction(2) ** exponent:
        exponent += 1
    unit = Fraction(2) ** (exponent - bits)
    return round(value / unit) * unit


def fraction_of(x: ExactArray) -> Fraction:
    """Value of a finite 0-d array, from its parts."""
    digits = sum(int(limb) << (64 * i) for i, limb in enumerate(x.limbs))
    return int(x.sign) * Fraction(digits) * Fraction(2) ** (int(x.exponent) - 64 * len(x.limbs))


@st.composite
def dyadic(draw):
    """A significand of up to 300 bits, often next to a tie, and an exponent."""
    head = draw(st.integers(1, 2**130))
    tail = draw(st.sampled_from([0, 1, 2**63, 2**63 - 1, 2**63 + 1, 2**64 - 1, 2**127, 2**128 - 1]))
    return (
        (head << draw(st.sampled_from([64, 128]))) + tail,
        draw(st.integers(-(2**40), 2**40)),
        draw(st.booleans()),
    )


@given(st.lists(doubles, max_size=5), precisions)
@example([5e-324, 1.7976931348623157e308, -0.0], 2)
def test_from_float64_rounds_once(values, bits):
    x = ExactArray.from_float64(np.array(values), bits)
    assert [fraction_of(x[i]) for i in range(len(x))] == [nearest(Fraction(v), bits) for v in values]
    assert (x.sign < 0).tolist() == np.signbit(values).tolist()
    assert x.identical(ExactArray.from_any(values, bits))


@given(st.integers(-(2**63), 2**64 - 1), precisions)
@example(-(2**63), 64)
@example(2**64 - 1, 64)
@example(2**64 - 1, 2)
def test_integers(value, bits):
    dtype = np.uint64 if value > 2**63 - 1 else np.int64
    x = ExactArray.from_float64(np.array(value, dtype=dtype), bits)
    assert fraction_of(x) == nearest(Fraction(value), bits)


@given(st.fractions(), precisions)
@example(Fraction(1, 3), 2)
@example(Fraction(2**4096 - 1), 4095)
def test_from_any_rounds_once(value, bits):
    wanted = nearest(value, bits)
    for form in (value, gmpy2.mpq(value), str(value)):
        x = ExactArray.from_any(form, bits)
        assert fraction_of(x) == wanted


@given(dyadic(), precisions)
def test_types_agree_at_any_exponent(number, bits):
    significand, exponent, negative = number
    sign, length = -1 if negative else 1, significand.bit_length()
    with gmpy2.context(emin=gmpy2.get_emin_min(), emax=gmpy2.get_emax_max()):
        wide = gmpy2.mpfr(gmpy2.mpz(sign * significand), 300)
        wide = gmpy2.set_exp(wide, exponent)
    mp = mpmath.mp.make_mpf(mpmath.libmp.from_man_exp(sign * significand, exponent - length))
    x, y = ExactArray.from_any([wide, mp], bits)
    assert x.identical(y)
    assert x.identical(ExactArray.from_any(wide, 300).round_to(bits))
    limbs = sum(int(limb) << (64 * i) for i, limb in enumerate(x.limbs))
    scaled = nearest(Fraction(sign * significand, 2**length), bits)
    assert (
        Fraction(int(x.sign) * limbs, 2 ** (64 * len(x.limbs))) * 2 ** (int(x.exponent) - exponent) == scaled
    )


@given(st.fractions(max_denominator=10**30), precisions, precisions)
def test_round_to_is_one_rounding(value, first, second):
    x = ExactArray.from_any(value, first)
    assert fraction_of(x.round_to(second)) == nearest(fraction_of(x), second)
    assert x.round_to(max(first, second)).round_to(first).identical(x)


@pytest.mark.parametrize("bits", [2, 24, 63, 64, 65, 70, 127, 128, 129, 192, 200])
@pytest.mark.parametrize("head", ["even", "odd", "ones", "long carry"])
def test_round_to_at_and_beside_ties(bits, head):
    top = 1 << (bits - 1)
    kept = {"even": top, "odd": top + 1, "ones": 2 * top - 1, "long carry": top + top // 2 - 1}[head]
    for extra in (1, 2, 60, 64, 65, 128):  # bits that are cut off; their half is a tie
        half = 1 << (extra - 1)
        for offset in {0, 1, half - 1, half, half + 1, 2 * half - 1}:
            value = kept * 2 * half + offset
            x = ExactArray.from_any(value, bits + extra)
            assert fraction_of(x) == value
            assert fraction_of(x.round_to(bits)) == nearest(Fraction(value), bits)


@given(st.lists(doubles | st.sampled_from(EDGES), max_size=6), precisions)
def test_round_trips(values, bits):
    x = ExactArray.from_float64(values, bits)
    numbers = x.to_gmpy2()
    assert all(number.precision == bits for number in numbers)
    assert ExactArray.from_any(numbers, bits).identical(x)
    assert pickle.loads(pickle.dumps(x)).identical(x)
    stored = io.BytesIO()
    np.savez(stored, **x.arrays("u"))
    stored.seek(0)
    with np.load(stored) as arrays:
        assert ExactArray.from_arrays(arrays, "u").identical(x)
    if bits >= 53:
        back = x.to_float64()
        np.testing.assert_array_equal(back, values)
        np.testing.assert_array_equal(np.signbit(back[~np.isnan(back)]), np.signbit(values)[~np.isnan(back)])


@given(st.integers(1, 2**200), st.integers(-1300, 1100), st.booleans())
@example(1, -1074, False)
@example(1, -1075, False)  # half the smallest subnormal: a tie, to zero
@example(3, -1076, True)
@example(21, -1077, False)  # 2.625 units of the last place; by way of 2.5 it would become 2
@example(2**53 - 1, -1075, False)  # carries from the subnormals into the normals
@example(2**55 - 1, -1077, False)
@example(2**54 - 1, 970, False)  # rounds up to 2**1024: infinity
@example(2**54 - 3, 970, False)
@example(2**117 + 2**64 + 1, 0, False)  # above a tie by a bit in a lower limb
@example(2**117 + 2**64, 0, False)
def test_to_float64_is_one_rounding(significand, exponent, negative):
    value = Fraction(significand) * Fraction(2) ** exponent
    try:
        wanted = float(value)
    except OverflowError:
        wanted = np.inf
    x = ExactArray.from_any(-value if negative else value, 256)
    got = x.to_float64()
    assert got.shape == ()
    assert float(abs(got)) == wanted
    assert np.signbit(got) == negative


@given(st.lists(st.floats(width=32) | st.sampled_from(EDGES), max_size=5))
def test_float32_is_exact_at_24_bits_while_normal(values):
    with np.errstate(over="ignore"):
        singles = np.array(values, dtype=np.float32)
    np.testing.assert_array_equal(
        ExactArray.from_float64(singles, 24).to_float64(), singles.astype(np.float64)
    )


def test_float64_to_24_bits_is_numpy_rounding():
    values = np.random.default_rng(0).standard_normal(4000)
    rounded = ExactArray.from_float64(values, 24).to_float64()
    np.testing.assert_array_equal(rounded, values.astype(np.float32).astype(np.float64))


def test_largest_exponents_round_trip():
    top, bottom = 2**62 - 1, -(2**62) + 1
    x = ExactArray.from_any([1.0, -1.5], 70)
    x = ExactArray(70, x.sign, x.kind, np.array([top, bottom]), x.limbs)
    assert ExactArray.from_any(x.to_gmpy2(), 70).identical(x)
    assert x.to_float64().tolist() == [np.inf, -0.0]
    assert np.signbit(x.to_float64()[1])
    assert x.log2_abs().tolist() == [float(top), float(bottom)]


def test_rounding_up_past_the_largest_exponent_is_infinity():
    limbs = np.array([[2**64 - 1]], dtype=np.uint64)
    one = np.ones(1, dtype=np.int8)
    x = ExactArray(64, one, one, np.array([2**62 - 1]), limbs)
    assert x.round_to(2).kind.tolist() == [2]
    assert ExactArray.from_any(x.to_gmpy2(), 2).kind.tolist() == [2]


@given(dyadic())
def test_log2_abs(number):
    significand, exponent, _ = number
    x = ExactArray.from_any(gmpy2.mpz(significand), 300)
    x = ExactArray(300, x.sign, x.kind, x.exponent + exponent, x.limbs)
    with mpmath.workprec(120):
        wanted = mpmath.log(significand, 2) + exponent
        assert abs(mpmath.mpf(float(x.log2_abs())) - wanted) <= 2.0**-51 * max(1, abs(wanted))


def test_log2_abs_of_special_values():
    got = ExactArray.from_float64([0.0, np.inf, np.nan, 1.0], 53).log2_abs()
    np.testing.assert_array_equal(got, [-np.inf, np.inf, np.nan, 0.0])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.data())
def test_indexing_is_numpys(shape, data):
    values = np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)
    x = ExactArray.from_float64(values, 100)
    key = data.draw(
        st.sampled_from([..., slice(None, None, -1), (..., None), (slice(1), ...), values > 1, ()])
    )
    np.testing.assert_array_equal(x[key].to_float64(), values[key])


def test_iteration_and_scalars():
    x = ExactArray.from_any([[1, 2], [3, 4]], 53)
    assert (x.shape, x.ndim, x.size, len(x)) == ((2, 2), 2, 4, 2)
    assert [row.to_float64().tolist() for row in x] == [[1, 2], [3, 4]]
    assert x[1, 0].to_gmpy2() == 3
    with pytest.raises(IndexError):
        x[2]
    with pytest.raises(TypeError):
        len(x[0, 0])
    with pytest.raises(TypeError, match="to_float64"):
        np.asarray(x)


def test_stack_and_concatenate():
    x, y = ExactArray.from_any([1, "0.1"], 80), ExactArray.from_any([2, -3], 80)
    assert ExactArray.stack([x, y]).to_float64().tolist() == [[1, 0.1], [2, -3]]
    assert ExactArray.concatenate([x, y]).identical(ExactArray.from_any([1, "0.1", 2, -3], 80))
    with pytest.raises(ConfigurationError, match="precision"):
        ExactArray.stack([x, y.round_to(81)])
    with pytest.raises(ConfigurationError):
        ExactArray.stack([])
    with pytest.raises(ShapeError):
        ExactArray.stack([x, y[:1]])


def test_identical_looks_at_every_bit():
    zero = ExactArray.from_float64([0.0], 53)
    assert not zero.identical(ExactArray.from_float64([-0.0], 53))
    assert not zero.identical(zero.round_to(54))
    assert not zero.identical(zero[0])
    nan = ExactArray.from_float64([np.nan], 53)
    assert nan.identical(ExactArray.from_float64([-np.nan], 53))
    one, next_up = ExactArray.from_float64([1.0, np.nextafter(1.0, 2.0)], 53)
    assert not one.identical(next_up)


def test_is_immutable():
    x = ExactArray.from_float64([1.0], 53)
    for part in (x.limbs, pickle.loads(pickle.dumps(x)).limbs):
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 0


def test_layout_is_checked():
    x = ExactArray.from_any(["0.1", 0], 70)
    sign, kind, exponent, limbs = x.sign, x.kind, x.exponent, x.limbs
    with pytest.raises(ShapeError, match="expected shape"):
        ExactArray(200, sign, kind, exponent, limbs)
    with pytest.raises(ConfigurationError, match="below the last bit"):
        ExactArray(66, sign, kind, exponent, limbs)
    with pytest.raises(ConfigurationError, match="dtype"):
        ExactArray(70, sign, kind, exponent.astype(float), limbs)
    with pytest.raises(ConfigurationError, match="sign"):
        ExactArray(70, sign * 0, kind, exponent, limbs)
    with pytest.raises(ConfigurationError, match="kind"):
        ExactArray(70, sign, kind + np.int8(3), exponent, limbs)
    with pytest.raises(ConfigurationError, match="exponent"):
        ExactArray(70, sign, kind, exponent + 1, limbs)
    with pytest.raises(ConfigurationError, match="top bit"):
        ExactArray(70, sign, kind, exponent, limbs >> np.uint64(6) << np.uint64(6) >> np.uint64(1))
    with pytest.raises(PrecisionError):
        ExactArray.from_float64([1.0], 1)


@pytest.mark.parametrize("bad", [1j, None, "a", "1/0", "1e9999999", [1, [2]], object(), np.array([1j])])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises((ConfigurationError, ShapeError)):
        ExactArray.from_any(bad, 53)
    with pytest.raises((ConfigurationError, ShapeError), match=r"^X: "):
        as_exact_input(bad, "X")


def test_from_any_special_values():
    forms = [[np.nan, np.inf, -np.inf, -0.0]]
    forms.append([mpmath.nan, mpmath.inf, -mpmath.inf, gmpy2.mpfr("-0")])
    forms.append(["nan", "inf", "-Infinity", "-0"])
    forms.append([gmpy2.mpfr("nan"), Decimal("inf"), gmpy2.mpfr("-inf"), np.float32("-0.0")])
    for form in forms:
        assert ExactArray.from_any(form, 53).identical(ExactArray.from_float64(forms[0], 53))


def test_bool_is_no_number():
    with pytest.raises(ConfigurationError, match="bool"):
        ExactArray.from_any([True, 1.0], 53)
