from __future__ import annotations

import dataclasses
import json
import pickle
from fractions import Fraction

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp import ConfigurationError, ShapeError, UnknownNameError, problems, run
from mpsharp._text import decimal_text, text_table
from synthetic import trajectory


def catapult_by_definition(
    steps: list[int], losses: list[Fraction], sharpness: list[Fraction], limit: Fraction
):
    """The definition word by word, in rationals: first t > t_c with L_t > 10·min over s ≤ t of L_s."""
    unstable = [t for t, s in zip(steps, sharpness, strict=True) if s > limit]
    if not unstable:
        return None, None
    for i, t in enumerate(steps):
        if t > unstable[0] and losses[i] > 10 * min(losses[: i + 1]):
            return unstable[0], t
    return unstable[0], None


@given(
    records=st.lists(
        st.tuples(st.sampled_from([0, 1, 9, 10, 11, 99, 100, 101, 1000]), st.sampled_from([3, 4, 5])),
        min_size=1,
        max_size=12,
    ),
    stride=st.integers(1, 3),
    shift=st.sampled_from([0, -2000, 5000]),
)
def test_catapult_is_that_of_the_definition(records, stride, shift):
    # 2/η = 4, so sharpness 4 is at the limit and not above; losses far below and above float64's range.
    losses = [Fraction(loss) * Fraction(2) ** shift for loss, _ in records]
    sharpness = [Fraction(s) for _, s in records]
    steps = list(range(0, stride * len(records), stride))
    made = trajectory(losses, sharpness, step=steps, format=16)
    expected = catapult_by_definition(steps, losses, sharpness, Fraction(4))
    assert (made.first_unstable_step, made.catapult_step) == expected


def test_catapult_does_not_round_ten_times_the_minimum():
    # From 8 to 16, 8-bit numbers are multiples of 1/16, so 10·(254/256) = 158.75/16 would round to 159/16.
    low = Fraction(254, 256)
    assert trajectory([1, low, Fraction(159, 16)], [5, 5, 5], format=8).catapult_step == 2
    assert trajectory([1, low, Fraction(158, 16)], [5, 5, 5], format=8).catapult_step is None
    # Nor to the 53 bits of gmpy2's own context.
    low = 1 + Fraction(1, 2**200)
    assert trajectory([low, 10 * low], [5, 5]).catapult_step is None
    assert trajectory([low, 10 * low + Fraction(1, 2**200)], [5, 5]).catapult_step == 1


def test_stability_limit_is_compared_without_rounding():
    # η = 1/3 rounded to 30 bits; 2/η lies strictly between two float64 numbers and 256-bit ones see it.
    eta = Fraction(*map(int, gmpy2.mpfr(gmpy2.mpq(1, 3), 30).as_integer_ratio()))
    made = trajectory([1, 1], [1, 1], format=30, step_size="1/3")
    assert made.step_size == float(eta)
    assert made.stability_limit == float(2 / eta)
    wide = trajectory([1, 1, 1], ["6", "6.0000000000000000000000000001", "7"], step_size="1/3")
    assert wide.sharpness[1] == 6.0 == wide.stability_limit
    below = Fraction(2) / Fraction(*map(int, gmpy2.mpfr(gmpy2.mpq(1, 3), 256).as_integer_ratio()))
    assert wide.first_unstable_step == (0 if below < 6 else 1)


def test_losses_that_are_not_finite():
    assert trajectory([1, 2, "inf"], [5, 5, "nan"], status="diverged").catapult_step == 2
    assert trajectory([1, 2, "nan"], [5, 5, "nan"], status="diverged").catapult_step is None
    assert trajectory(["nan", 1, 11], [5, 5, 5]).catapult_step == 2
    assert trajectory(["nan"], ["nan"], status="diverged").summary()["peak_ratio"] is None


def test_losses_beyond_float64():
    made = trajectory(["1e-400", "1e-398"], [5, 5])
    assert made.loss.tolist() == [0.0, 0.0]
    assert made.catapult_step == 1
    # log2 is good to 2**-51·1329; the text shows three digits of it.
    assert decimal_text(made.log2_loss[0]) == "1.00e-400"
    assert gmpy2.log10(made.exact("loss")[0]) == pytest.approx(-400, rel=2.0**-52)


def test_float64_views_are_read_only_and_exact_ones_complete():
    made = run(problems.appendix_d(n=5), bits=200, steps=4)
    for name in ("loss", "sharpness", "sharpness_residual", "imbalance"):
        exact = made.exact(name)
        assert all(value.precision == 200 for value in exact.ravel())
        values = getattr(made, name)
        assert np.array_equal(values, exact.astype(np.float64))
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1
    assert made.exact("u").shape == (5,)
    assert made.exact("v").shape == (1,)
    assert made.imbalance.shape == (5, 1)
    with pytest.raises(ValueError, match="read-only"):
        made.step[0] = 1
    with pytest.raises(UnknownNameError, match=r"'loss'.*got 'los'"):
        made.exact("los")


def test_summary_is_json_and_measured_at_the_catapult():
    made = trajectory([1, 0.5, 6, 3], [3, 5, 6, 4])
    row = json.loads(json.dumps(made.summary()))
    assert row["first_unstable_step"] == 1
    assert row["catapult_step"] == 2
    assert row["catapult_ratio"] == row["peak_ratio"] == 1.5
    assert row["last_log2_loss"] == made.log2_loss[-1]
    assert (row["bits"], row["status"], row["status_step"]) == (256, "completed", 3)


@pytest.mark.parametrize("step", [[], [0, 0], [1, 0], [[0, 1]]])
def test_steps_must_increase(step):
    with pytest.raises(ShapeError, match="step: expected"):
        dataclasses.replace(trajectory([1, 1], [1, 1]), step=np.array(step, dtype=np.int64))


def test_broken_records_are_refused():
    made = trajectory([1, 1], [1, 1])
    with pytest.raises(ShapeError, match=r"records\['loss'\]: expected shape \(2,\), got \(1,\)"):
        dataclasses.replace(made, records={**made.records, "loss": made.records["loss"][:1]})
    with pytest.raises(ConfigurationError, match=r"expected 'loss' among them, got \['sharpness'\]"):
        dataclasses.replace(made, records={"sharpness": made.records["sharpness"]})
    with pytest.raises(UnknownNameError, match="status"):
        dataclasses.replace(made, status="exploded")


def test_identical_sees_every_bit():
    made = trajectory([1, "0.1"], [1, 1])
    assert made.identical(trajectory([1, "0.1"], [1, 1]))
    assert made.identical(dataclasses.replace(made, seconds=9.0))
    tenth = Fraction(*map(int, made.exact("loss")[1].as_integer_ratio()))
    for other in (
        trajectory([1, tenth + Fraction(1, 2**259)], [1, 1]),  # 2**-4 ≤ 0.1 < 2**-3: one unit of the last bit
        trajectory([1, "0.1"], [1, 1], step=[0, 2]),
        trajectory([1, "0.1"], [1, 1], format=255),
        trajectory([1, "0.1"], [1, 1], status="converged"),
        trajectory([1, "0.1"], [1, "nan"]),
        dataclasses.replace(made, u=made.v[:1]),
        dataclasses.replace(made, v=made.v[:1]),
        dataclasses.replace(made, status_step=9),
    ):
        assert not made.identical(other)
        assert not other.identical(made)


def test_pickle_keeps_every_bit():
    made = trajectory(["1e-400", "-0.0", "nan"], [1, "inf", 2], format=1000)
    assert pickle.loads(pickle.dumps(made)).identical(made)


@pytest.mark.parametrize("options", [{"bits": 70}, {"format": "float32", "arithmetic": "sequential"}])
def test_rerun_repeats_every_bit(options):
    made = run(problems.appendix_d(n=6), steps=20, record_every=3, stop_loss="1e-30", **options)
    assert made.rerun().identical(made)
    assert made.rerun(threads=1).identical(made)


def test_rerun_with_changes():
    made = run(problems.appendix_d(n=6), format="float64", steps=4)
    changed = made.rerun(bits=100, steps=6, record_every=2)
    assert changed.config["backend"] == "mpfr"
    assert changed.format.bits == 100
    assert changed.step.tolist() == [0, 2, 4, 6]
    assert changed.problem is made.problem


def test_to_xarray():
    made = trajectory([1, 0.5], [3, 5], step=[0, 7])
    dataset = made.to_xarray()
    assert dataset["sharpness"].sel(step=7).item() == 5
    assert dataset["imbalance"].dims == ("step", "layer")
    assert dataset["sharpness"].attrs["units"] == "1/step_size"
    assert json.loads(dataset.attrs["config"]) == made.config


def test_repr_is_one_line():
    assert repr(trajectory([1], [1])).startswith("Trajectory(256 bits, exact, ")
    assert "\n" not in repr(trajectory([1], [1]))


# --- text ---------------------------------------------------------------------------------------------


@given(st.integers(-(10**4), 10**4), st.integers(1, 9999), st.integers(1, 9))
def test_decimal_text_is_the_rounded_number(exponent, significand, digits):
    value = Fraction(significand) * Fraction(10) ** exponent
    log2 = float(gmpy2.log2(gmpy2.mpfr(significand, 200))) + exponent * float(np.log2(10))
    shown = Fraction(decimal_text(log2, digits))
    # Half a unit of the last digit, at most value/2·10**(1 − digits); and the error of log2, |log2|·2**-51.
    bound = 0.5 * 10.0 ** (1 - digits) + abs(log2) * 2.0**-51
    assert abs(shown / value - 1) <= bound


@pytest.mark.parametrize(
    ("log2_value", "text"),
    [(-np.inf, "0"), (np.inf, "inf"), (np.nan, "nan"), (0.0, "1.00e+00"), (np.log2(9.999), "1.00e+01")],
)
def test_decimal_text_corners(log2_value, text):
    assert decimal_text(log2_value) == text


def test_text_table_aligns_columns():
    lines = text_table(("a", "long"), [("123", "x"), ("", "–")]).splitlines()
    assert {len(line) for line in lines} == {len("123  long")}
    assert lines[2] == "123     x"
