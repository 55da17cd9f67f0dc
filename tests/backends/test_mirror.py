"""The NumPy mirror: products, the step, the runner and the choice of a backend."""

from __future__ import annotations

import ast
import math
from fractions import Fraction
from pathlib import Path

import gmpy2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import mpsharp
import oracles
from mpsharp import GD, ExactArray, Format, Problem
from mpsharp.backends import get_backend, mirror
from mpsharp.backends.mirror import exact_products, exact_rounding
from mpsharp.backends.mirror.exact_products import ExactProducts
from mpsharp.backends.mirror.minimalist import product_in_order, products_of_others
from mpsharp.backends.mirror.products import NumpyProducts, SequentialProducts, products_with
from mpsharp.backends.mirror.rounding import to_dtype
from mpsharp.errors import ConfigurationError, NonFiniteError, UnknownNameError
from mpsharp.exact import exact_decimal
from strategies import problems

FORMATS = {24: "float32", 53: "float64"}
# Also subnormal numbers, numbers near overflow, and neighbours of ties.
any_numbers = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 1 + 2.0**-52, 2.0**-24, 1 + 2.0**-23, 2.0**-53, 1e308, -1e308, 5e-324, 1e-160]
)
vectors = st.lists(st.tuples(any_numbers, any_numbers), min_size=1, max_size=6)


def in_dtype(pairs, dtype):
    """Two vectors of finite numbers of that dtype."""
    with np.errstate(over="ignore", under="ignore"):
        x, y = np.array(pairs).T.astype(dtype)
    top = np.finfo(dtype).max
    return np.clip(x, -top, top), np.clip(y, -top, top)


def same(actual, expected):
    """Bit for bit, but any NaN equals any other."""
    np.testing.assert_array_equal(actual, expected, strict=True)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(actual)[number], np.signbit(expected)[number])


def start(problem, format, arithmetic="exact"):
    chosen = Format.parse(format)
    return get_backend("auto", chosen).start(
        problem, format=chosen, optimizer=problem.optimizer, arithmetic=arithmetic, threads=None
    )


# --- products ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", FORMATS)
@given(pairs=vectors)
@example(pairs=[(1.0, 1.0), (2.0**-24, 1.0)])  # a tie of float32: down to even
@example(pairs=[(1.0, 1.0), (2.0**-24, 1.0), (2.0**-53, 2.0**-53)])  # just above the tie
@example(pairs=[(1.0, 1.0), (2.0**-24, 1.0), (-(2.0**-53), 2.0**-53)])  # just below it
@example(pairs=[(1 + 2.0**-23, 1.0), (2.0**-24, 1.0), (-(2.0**-60), 2.0**-60)])  # below a tie, odd neighbour
@example(pairs=[(2.0**-149, 0.5), (2.0**-149, 2.0**-60)])  # above a tie of subnormal float32 numbers
@example(pairs=[(5e-324, 0.5), (5e-324, 1e-100)])  # the same for float64
@example(pairs=[(3.5 * 2.0**-500, 2.0**-574), (-(2.0**-540), 2.0**-604)])  # below one, with a tie at 53 bits
@example(pairs=[(1e308, 10.0), (-1e308, 10.0), (3.0, 1.0)])  # products overflow, their sum does not
@example(pairs=[(1e308, 1.0), (1e308, 1.0)])  # the sum does
@example(pairs=[(-1e-200, 1e-200)])  # −0
@example(pairs=[(1e-200, 1.0), (1e200, 1.0), (-1e200, 1.0)])  # too wide for slices
def test_exact_dot_is_rounded_once(bits, pairs):
    x, y = in_dtype(pairs, FORMATS[bits])
    with gmpy2.context(gmpy2.ieee({24: 32, 53: 64}[bits])):
        exact = sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(x, y, strict=True))
        expected = x.dtype.type(float(gmpy2.mpfr(gmpy2.mpq(exact))))
    products = ExactProducts(x[np.newaxis])
    same(products.dot(x, y), expected)
    same(products.matvec(y), np.array([expected]))
    same(ExactProducts(x[:, np.newaxis]).transposed(y), np.array([expected]))
    same(exact_rounding.dot_by_integers(x.tolist(), y.tolist(), x.dtype), expected)


@pytest.mark.parametrize("bits", FORMATS)
@given(pairs=vectors)
@example(pairs=[(-0.0, 1.0), (-1.0, 0.0)])
@example(pairs=[(1e308, 10.0), (-1e308, 10.0)])
def test_sequential_dot_rounds_every_operation_in_order(bits, pairs):
    x, y = in_dtype(pairs, FORMATS[bits])
    with np.errstate(all="ignore"):
        expected = x.dtype.type(0)
        for a, b in zip(x, y, strict=True):
            expected = expected + a * b
        products = SequentialProducts(x[np.newaxis])
        same(products.dot(x, y), expected)
        same(products.matvec(y), np.array([expected]))
        same(SequentialProducts(x[:, np.newaxis]).transposed(y), np.array([expected]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sequential_sums_stay_in_order_where_numpy_would_regroup(dtype):
    rng = np.random.default_rng(11)
    X, u, z = (rng.standard_normal(size).astype(dtype) for size in ((150, 200), 200, 150))
    products = SequentialProducts(X)
    forward, backward = np.zeros(150, dtype), np.zeros(200, dtype)
    for j in range(200):
        forward = forward + X[:, j] * u[j]
    for i in range(150):
        backward = backward + X[i] * z[i]
    same(products.matvec(u), forward)
    same(products.transposed(z), backward)
    same(products.dot(X[0], u), forward[0])
    assert np.sum(X[0] * u) != forward[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (20, 30), (30, 20)])
def test_all_arithmetics_agree_to_rounding(dtype, shape):
    rng = np.random.default_rng(7)
    X, u, z = (rng.standard_normal(size).astype(dtype) for size in (shape, shape[1], shape[0]))
    wide = X.astype(np.longdouble)
    unit = np.finfo(dtype).eps / 2
    for arithmetic in ("sequential", "exact", "numpy"):
        products = products_with(X, arithmetic)
        for result, A, x in ((products.matvec(u), wide, u), (products.transposed(z), wide.T, z)):
            assert result.dtype == dtype
            # γ_n of Higham 2002, section 3.1; once more n for the error of the reference in float64 at worst.
            bound = 2 * A.shape[1] * unit * (abs(A) @ abs(x))
            assert (abs(result - A @ x) <= bound).all()
        assert products.dot(u, u).dtype == dtype


def test_exact_products_of_ordinary_data_need_no_integers(monkeypatch):
    def refuse(*_):
        raise AssertionError("the slow path")

    monkeypatch.setattr(exact_products, "dot_by_integers", refuse)
    rng = np.random.default_rng(3)
    for shape in ((50, 70), (3, 3000)):
        X = rng.standard_normal(shape)
        products = ExactProducts(X)
        z = products.matvec(0.01 * rng.standard_normal(shape[1]))
        assert z[1] == math.fsum([float(z[1])])
        assert np.isfinite(products.transposed(z)).all()


@pytest.mark.parametrize("arithmetic", ["sequential", "exact", "numpy"])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_non_finite_numbers_spread_as_in_ieee(arithmetic, bad):
    X = np.array([[1.0, 2.0], [-1.0, 3.0], [0.0, 1.0]])
    with np.errstate(invalid="ignore"):
        result = products_with(X, arithmetic).matvec(np.array([bad, 1.0]))
        same(result, np.array([bad, -bad, np.nan]))
        assert np.isnan(products_with(X, arithmetic).transposed(np.array([bad, bad, 0.0]))[0])
        assert products_with(X, arithmetic).dot(np.array([bad, 1.0]), np.array([bad, 1.0])) == bad * bad or (
            np.isnan(bad)
        )


def test_exact_rows_without_special_terms_stay_exact_beside_an_infinity():
    X = np.eye(2)
    products = ExactProducts(X)
    result = products.transposed(np.array([1.0, np.inf]))
    assert np.isnan(result[0])  # 0·∞
    assert np.isinf(products.dot(np.array([3.0, np.inf]), np.array([1.0, 1.0])))


def test_unknown_arithmetic_names_the_known_ones():
    with pytest.raises(UnknownNameError, match=r"sequential.*exact.*numpy.*'pairwise'"):
        products_with(np.eye(2), "pairwise")


# --- the step ---------------------------------------------------------------------------------------


def test_products_of_layers_follow_the_order_of_the_indices():
    v = np.array([0.1, 0.2, 0.3, 0.7])
    assert product_in_order(v) == ((0.1 * 0.2) * 0.3) * 0.7
    assert product_in_order(v[1:]) == (0.2 * 0.3) * 0.7 != 0.2 * (0.3 * 0.7)
    same(
        products_of_others(v),
        np.array([(0.2 * 0.3) * 0.7, (0.1 * 0.3) * 0.7, (0.1 * 0.2) * 0.7, (0.1 * 0.2) * 0.3]),
    )
    same(products_of_others(np.array([5.0], dtype=np.float32)), np.array([1.0], dtype=np.float32))


@pytest.mark.parametrize("arithmetic", ["sequential", "exact"])
@pytest.mark.parametrize("bits", FORMATS)
@given(problem=problems())
def test_the_run_equals_the_oracle_bit_for_bit(bits, arithmetic, problem):
    expected = oracles.mpmath_run(problem, bits, problem.steps, arithmetic=arithmetic, ieee=True)
    runner = start(problem, FORMATS[bits], arithmetic)
    for step, state in enumerate(expected):
        assert runner.step == step
        loss = runner.observe()["loss"]
        if not gmpy2.is_finite(state.loss):
            assert loss.kind >= 2
            break
        assert loss.identical(ExactArray.from_any([state.loss], bits)[0])
        u, v = runner.parameters()
        assert u.identical(ExactArray.from_any(state.u, bits))
        assert v.identical(ExactArray.from_any(state.v, bits))
        runner.advance(1, math.inf, None)


@pytest.mark.parametrize("arithmetic", ["sequential", "exact"])
@pytest.mark.parametrize("bits", FORMATS)
def test_while_exponents_stay_in_range_they_do_not_matter(bits, arithmetic):
    problem = mpsharp.problems.gaussian(5, 7, seed=4, depth=4)
    wide, narrow = (
        oracles.mpmath_run(problem, bits, 10, arithmetic=arithmetic, ieee=ieee) for ieee in (False, True)
    )
    assert wide == narrow


def test_float32_stays_float32():
    runner = start(mpsharp.problems.gaussian(5, 7, depth=3), "float32", "sequential")
    for arithmetic in ("sequential", "exact", "numpy"):
        runner = start(mpsharp.problems.gaussian(5, 7, depth=3), "float32", arithmetic)
        runner.advance(3, math.inf, None)
        state, h = runner._stepper._state, runner._stepper._h
        for value in (state.u, state.v, state.at.s, state.at.c, state.at.z, state.at.loss, h):
            assert value.dtype == np.float32


# --- entry, statuses, names -------------------------------------------------------------------------


def tiny_problem(**changes):
    parts = {"X": [[1.0]], "y": [1.0], "u": [0.5], "v": [1.0], "optimizer": GD(step_size=0.25)}
    return Problem(**(parts | changes))


@pytest.mark.parametrize("bits", FORMATS)
@given(
    numerator=st.integers(-(2**70), 2**70),
    denominator=st.integers(1, 2**60),
    exponent=st.integers(-1140, 400),
)
def test_entry_rounds_exact_numbers_once_also_to_subnormal_ones(bits, numerator, denominator, exponent):
    value = Fraction(numerator, denominator) * Fraction(2) ** (exponent if bits == 53 else exponent // 8)
    smallest = {24: -149, 53: -1074}[bits]
    # The spacing of the format at `value`, and the integer nearest to it in that unit, ties to even.
    magnitude = abs(value).numerator.bit_length() - value.denominator.bit_length()
    magnitude -= abs(value) < Fraction(2) ** magnitude
    unit = Fraction(2) ** max(smallest, magnitude - bits + 1)
    nearest = float(round(value / unit) * unit)
    rounded = to_dtype(np.array([gmpy2.mpq(value)], dtype=object), FORMATS[bits], "X")
    assert float(rounded[0]) == nearest


def test_text_is_decimal_and_floats_are_binary():
    # 1 + 2**-24 is a tie of float32, down to even. Adding 1e-60 breaks it, for text but not in float64.
    tie = exact_decimal(1 + 2.0**-24)
    above = tie.ljust(62, "0") + "1"
    from_float, from_text, from_above = (
        start(tiny_problem(u=[value]), "float32").parameters()[0].to_float64()[0]
        for value in (float(above), tie, above)
    )
    assert from_float == from_text == 1.0
    assert from_above == 1 + 2.0**-23
    assert start(tiny_problem(optimizer=GD(step_size="0.05")), "float32")._stepper._h == np.float32(0.05)


@pytest.mark.parametrize(("name", "value"), [("X", [[1e39]]), ("y", ["-1e39"]), ("u", [4e38])])
def test_numbers_beyond_the_format_are_refused(name, value):
    with pytest.raises(NonFiniteError, match=rf"{name}\[0.*float32's range, got"):
        start(tiny_problem(**{name: value}), "float32")
    start(tiny_problem(**{name: value}), "float64")


def test_a_step_size_beyond_the_format_is_refused():
    with pytest.raises(NonFiniteError, match="step_size"):
        start(tiny_problem(optimizer=GD(step_size=1e39)), "float32")


def test_advance_stops_right_after_the_step_that_triggers():
    problem = tiny_problem()
    losses = [float(state.loss) for state in oracles.mpmath_run(problem, 53, 9)]
    assert losses == sorted(losses, reverse=True)
    runner = start(problem, "float64")
    assert runner.advance(2, math.inf, None) == ""
    assert runner.step == 2
    stop = ExactArray.from_float64(losses[5], 53)
    assert runner.advance(100, math.inf, stop) == "converged"
    assert runner.step == 5
    assert runner.advance(1, losses[6] / 2, None) == "diverged"
    assert runner.step == 6
    assert runner.advance(0, math.inf, None) == ""


@pytest.mark.parametrize("sign", [-1, 1])
def test_stop_loss_is_compared_exactly(sign):
    problem = tiny_problem()
    loss = oracles.mpmath_run(problem, 53, 3)[3].loss
    near = gmpy2.mpq(loss) * (1 + gmpy2.mpq(sign, 2**80))
    runner = start(problem, "float64")
    assert runner.advance(3, math.inf, ExactArray.from_any([near], 200)[0]) == (
        "converged" if sign > 0 else ""
    )


def test_a_stop_loss_beyond_float64_stops_at_once():
    runner = start(tiny_problem(), "float64")
    assert runner.advance(3, math.inf, ExactArray.from_any(["1e400"], 53)[0]) == "converged"
    assert runner.step == 1


@pytest.mark.parametrize("arithmetic", ["sequential", "exact", "numpy"])
@pytest.mark.parametrize("format", FORMATS.values())
def test_divergence_is_a_result_without_warnings(format, arithmetic):
    runner = start(tiny_problem(optimizer=GD(step_size=1e6)), format, arithmetic)
    assert runner.advance(1000, math.inf, None) == "diverged"
    seen = runner.observe()
    assert seen["loss"].kind >= 2
    runner.advance(3, math.inf, None)
    seen = runner.observe()
    assert seen["sharpness"].kind == seen["sharpness_residual"].kind == 3
    assert (seen["imbalance"].kind == 3).all()


def test_what_is_observed_has_its_shape_and_precision():
    runner = start(mpsharp.problems.gaussian(4, 6, depth=4), "float32")
    seen = runner.observe()
    assert {name: array.shape for name, array in seen.items()} == {
        "loss": (),
        "sharpness": (),
        "sharpness_residual": (),
        "imbalance": (3,),
    }
    assert [seen["loss"].bits, seen["sharpness"].bits, seen["imbalance"].bits] == [24, 53, 53]
    u, v = runner.parameters()
    assert (u.shape, v.shape, u.bits, v.bits) == ((6,), (3,), 24, 24)


def test_auto_takes_numpy_for_its_two_formats():
    assert get_backend("auto", Format.parse("float32")).name == "mirror"
    assert get_backend("mirror", Format.parse("float64")).name == "mirror"


@pytest.mark.parametrize(("name", "format"), [("mirror", 53), ("mpfr", "float64")])
def test_a_backend_without_the_format_is_refused(name, format):
    with pytest.raises(ConfigurationError, match=f"{name}.*expected.*got {Format.parse(format).label}"):
        get_backend(name, Format.parse(format))


def test_unknown_backends_are_refused():
    with pytest.raises(UnknownNameError, match="'auto', 'mpfr', 'mirror'; got 'cuda'"):
        get_backend("cuda", Format(bits=53))


def test_the_mirror_itself_refuses_other_formats_and_optimizers():
    backend = mirror.MirrorBackend()
    options = {"arithmetic": "exact", "threads": None}
    with pytest.raises(ConfigurationError, match="got 53 bits"):
        backend.start(tiny_problem(), format=Format(bits=53), optimizer=GD(step_size=1.0), **options)
    with pytest.raises(ConfigurationError, match="expected a GD, SGD or GradientFlow, got 'GD'"):
        backend.start(tiny_problem(), format=Format.parse("float64"), optimizer="GD", **options)


def test_the_mirror_does_not_import_the_core():
    for path in Path(mirror.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = (
                [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            )
            names.append(getattr(node, "module", None) or "")
            assert not any("_core" in name or "backends.mpfr" in name for name in names), path.name


@pytest.mark.parametrize("arithmetic", ["sequential", "exact"])
@pytest.mark.parametrize(("format", "expected"), [("float32", 211), ("float64", 238)])
def test_the_default_problem_catapults_when_the_notes_say(format, expected, arithmetic):
    run = mpsharp.run(format=format, arithmetic=arithmetic, steps=300)
    assert abs(run.catapult_step - expected) <= 0.03 * expected


def test_numpy_products_are_the_plain_ones():
    X = np.arange(6.0).reshape(2, 3)
    same(NumpyProducts(X).matvec(np.ones(3)), np.array([3.0, 12.0]))
