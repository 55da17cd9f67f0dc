"""GD, SGD and GradientFlow: what they accept, and what they write down."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp.errors import ConfigurationError, UnknownNameError
from mpsharp.exact import ExactArray
from mpsharp.optimizers import GD, SGD, GradientFlow, from_config

STEP_SIZES = [0.1, np.float64(0.1), "0.1", " 2e-3 ", "1/8", 3, Fraction(3, 40), Decimal("0.7"), "1e-400"]


@pytest.mark.parametrize(
    "step_size", [*STEP_SIZES, gmpy2.mpfr("0.1", 300), gmpy2.mpq(1, 4), "1/3", Fraction(1, 3)]
)
def test_config_repeats_the_step_size_exactly(step_size):
    config = json.loads(json.dumps(GD(step_size).config()))
    again = from_config(config)
    want, got = (ExactArray.from_any([x.step_size], 1100) for x in (GD(step_size), again))
    assert got.identical(want)
    assert again.config() == config


@pytest.mark.parametrize("step_size", STEP_SIZES)
def test_float_takes_the_step_size_of_the_config(step_size):
    wanted = ExactArray.from_any([step_size], 1100).to_float64()[0]
    assert float(GD(step_size).config()["step_size"]) == wanted


def test_ratios_without_end_stay_ratios():
    assert GD("2/6").config()["step_size"] == GD(Fraction(1, 3)).config()["step_size"] == "1/3"


@given(st.floats(min_value=5e-324, allow_infinity=False))
def test_stability_limit_is_two_over_the_step_size(step_size):
    # Quotients of doubles lie on a tie or far from it: rounding to 3000 bits first changes nothing.
    wanted = ExactArray.from_any(gmpy2.mpq(2) / gmpy2.mpq(step_size), 3000).to_float64()
    assert GD(step_size).stability_limit == float(wanted)


def test_stability_limit_beyond_float64():
    assert GD("1e-400").stability_limit == np.inf
    assert GD("1e400").stability_limit == 0.0


@pytest.mark.parametrize(
    "bad",
    [
        0,
        0.0,
        -0.1,
        "-0.1",
        np.nan,
        np.inf,
        "inf",
        "nan",
        "fast",
        "",
        None,
        True,
        [0.1],
        1j,
    ],
)
def test_bad_step_sizes(bad):
    with pytest.raises(ConfigurationError, match=r"step_size: .*expected .*got"):
        GD(bad)


def test_step_size_far_outside_any_use():
    with pytest.raises(ConfigurationError, match="exponent"):
        GD(gmpy2.mpfr(gmpy2.mpz(1) << 2_000_000))


def test_unknown_optimizer():
    with pytest.raises(
        UnknownNameError, match=r"optimizer: expected one of 'GD', 'SGD', 'GradientFlow'; got 'Adam'"
    ):
        from_config({"name": "Adam", "step_size": 0.1})


def test_config_of_sgd():
    for optimizer in (SGD("1/3", 4), SGD(0.1, np.int64(7), sampling="uniform")):
        assert from_config(json.loads(json.dumps(optimizer.config()))) == optimizer
    assert SGD(0.1, 4).config()["sampling"] == "reshuffle"
    assert SGD(0.1, 4).stability_limit == GD(0.1).stability_limit


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0.1, 0), "batch_size: expected an integer of at least 1, got 0"),
        ((0.1, 2.0), "batch_size"),
        ((0.1, True), "batch_size"),
        ((-0.1, 1), "step_size"),
        ((0.1, 1, "sorted"), "unknown sampling: expected one of 'reshuffle', 'uniform'; got 'sorted'"),
    ],
)
def test_bad_arguments_of_sgd(arguments, text):
    with pytest.raises(ConfigurationError, match=text):
        SGD(*arguments)


def test_a_config_with_wrong_arguments():
    with pytest.raises(ConfigurationError, match="expected the config of one"):
        from_config({"name": "GD", "step_size": 0.1, "batch_size": 3})


FLOWS = [
    GradientFlow(),
    GradientFlow(tolerance=1e-12, first_step=0.5, max_step=2),
    GradientFlow(rule="paper"),
    GradientFlow(rule="paper", safety=0.5),
    GradientFlow(rule="fixed", step_size=0.25),
]


@pytest.mark.parametrize("optimizer", FLOWS)
def test_config_of_gradient_flow(optimizer):
    assert from_config(json.loads(json.dumps(optimizer.config()))) == optimizer
    assert optimizer.stability_limit == np.inf


def test_the_paper_rule_has_a_safety_of_one():
    assert GradientFlow(rule="paper") == GradientFlow(rule="paper", safety=1.0)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"rule": "adaptive"},
            "unknown rule: expected one of 'controlled', 'paper', 'fixed'; got 'adaptive'",
        ),
        ({"safety": 1.0}, "safety: expected none with rule 'controlled', got 1.0"),
        ({"rule": "paper", "tolerance": 1e-9}, "tolerance: expected none with rule 'paper'"),
        ({"rule": "fixed"}, "step_size: expected a number with rule 'fixed', got None"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"tolerance": "1e-9"}, "tolerance"),
        ({"max_step": np.inf}, "max_step"),
        ({"first_step": np.nan}, "first_step"),
    ],
)
def test_bad_arguments_of_gradient_flow(arguments, text):
    with pytest.raises(ConfigurationError, match=text):
        GradientFlow(**arguments)


@pytest.mark.parametrize(("bits", "tolerance"), [(24, 2.0**-16), (53, 1e-10), (5000, 1e-10)])
def test_default_tolerance(bits, tolerance):
    assert GradientFlow().tolerance_at(bits) == tolerance


def test_a_tolerance_far_below_float64():
    assert GradientFlow(tolerance=1e-290).tolerance_at(1000) == 1e-290
    with pytest.raises(ConfigurationError, match="at least 2\\^-100"):
        GradientFlow(tolerance=1e-40).tolerance_at(100)
