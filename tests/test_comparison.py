from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mpsharp import Comparison, ConfigurationError, compare, load, problems
from mpsharp.formats import FLOAT64, Format
from synthetic import trajectory


def pair(first, second, *, bits=(24, 256), steps=(None, None)):
    runs = [
        trajectory(losses, [1.0] * len(losses), format=b, step=s)
        for losses, b, s in zip((first, second), bits, steps, strict=True)
    ]
    return Comparison({run.format: run for run in runs})


def test_keys_are_whatever_a_format_can_be_given_as():
    made = compare(problems.appendix_d(n=5), formats=(24, "float64", 80), steps=3)
    assert list(made) == [Format(bits=24), FLOAT64, Format(bits=80)]
    assert len(made) == 3
    assert made[24] is made["24"] is made[Format(bits=24)]
    assert made["float64"] is made[FLOAT64]
    assert 80 in made
    assert "float64" in made
    assert all(key not in made for key in (53, "float32", "float16", 1, None, 2.5))
    with pytest.raises(KeyError):
        made[53]
    assert "80 bits" in repr(made)


def test_at_least_one_run():
    with pytest.raises(ConfigurationError, match="at least one run"):
        Comparison({})


def test_table_has_the_columns_of_a_glance():
    recovers = trajectory([1, 0.5, 6, "1e-400"], [3, 5, 6, 4], format=24)
    calm = trajectory([1, 0.5], [3, 3.5], format="float64")
    blows_up = trajectory([1, 0.5, 0.25, "inf"], [3, 5, 7, "nan"], format=256, status="diverged")
    made = Comparison({run.format: run for run in (recovers, calm, blows_up)})
    header, rule, *rows = made.table().splitlines()
    assert header.split() == [
        "format", "arithmetic", "first", "S>2/η", "catapult", "S/(2/η)", "there", "last", "loss", "status"
    ]  # fmt: skip
    assert set(rule) == {"─", " "}
    assert [row.split() for row in rows] == [
        ["24", "bits", "exact", "1", "2", "1.500", "1.00e-400", "completed", "at", "3"],
        ["float64", "exact", "–", "–", "–", "5.00e-01", "completed", "at", "1"],
        ["256", "bits", "exact", "1", "3", "nan", "inf", "diverged", "at", "3"],
    ]
    assert len({len(row) for row in (header, rule, *rows)}) == 1
    assert [row["bits"] for row in made.rows()] == [24, 53, 256]


# --- first_difference -----------------------------------------------------------------------------------

losses = st.fractions(min_value=0, max_value=100, max_denominator=64)


@given(
    st.lists(st.tuples(losses, losses), min_size=1, max_size=6),
    st.sampled_from([0.0, 2.0**-20, 0.125, 0.5, 1.0, 3.0]),
)
@example([(Fraction(9), Fraction(8))], 0.125)  # exactly rtol·|L| apart does not count
@example([(Fraction(0), Fraction(0))], 0.0)
def test_first_difference_by_definition(values, rtol):
    made = pair([a for a, _ in values], [b for _, b in values], bits=(40, 100))

    def exact(run):
        return [Fraction(*map(int, x.as_integer_ratio())) for x in run.exact("loss")]

    expected = None
    for step, (a, b) in enumerate(zip(exact(made[40]), exact(made[100]), strict=True)):
        if abs(a - b) > Fraction(rtol) * abs(b):
            expected = step
            break
    assert made.first_difference(40, 100, rtol) == expected
    assert made.first_difference(100, 40, rtol) == expected


def test_first_difference_sees_a_single_bit():
    # 1 + 2**-255 is a number of 256 bits; float64, or 53 bits of it, is 1.
    made = pair([1, 1], [1, 1 + Fraction(1, 2**255)])
    assert made.first_difference(24, 256) == 1
    assert made.first_difference(24, 256, rtol=2.0**-254) is None
    assert made.first_difference(256, 256) is None


def test_first_difference_at_the_edge_of_the_tolerance():
    # |a − b| = rtol·b + 2**-200: more than rtol·b by far less than float64 could tell.
    b = Fraction(1) + Fraction(1, 2**100)
    made = pair([b + b / 4], [b], bits=(300, 400))
    assert made.first_difference(300, 400, 0.25) is None
    made = pair([b + b / 4 + Fraction(1, 2**200)], [b], bits=(300, 400))
    assert made.first_difference(300, 400, 0.25) == 0


def test_first_difference_does_not_round_the_tolerance():
    # In units of 2**-400, 4a − 5 = 16 and 5b − 5 = 15: apart. Rounded to 401 bits, 5b − 5 would be 16.
    a, b = Fraction(5, 4) + Fraction(4, 2**400), 1 + Fraction(3, 2**400)
    assert pair([a], [b], bits=(400, 401)).first_difference(400, 401, 0.25) == 0


def test_first_difference_of_losses_below_float64():
    made = pair(["1e-400", "1e-400"], ["1e-400", "1.1e-400"], bits=(100, 120))
    assert made[100].loss.tolist() == made[120].loss.tolist() == [0, 0]
    assert made.first_difference(100, 120, 2.0**-90) == 1
    assert made.first_difference(100, 120, Fraction(1, 12)) == 1
    assert made.first_difference(100, 120, Fraction(1, 10)) is None


def test_tolerance_below_float64():
    b = 1 + Fraction(1, 2**1400)  # 2**-1400 ≈ 3e-422
    made = pair([1], [b], bits=(24, 1500))
    assert made.first_difference(24, 1500, "1e-400") is None
    assert made.first_difference(24, 1500, "1e-450") == 0


def test_first_difference_only_where_both_recorded():
    made = pair([1, 2, 3], [1, 9, 3, 4], steps=([0, 10, 20], [0, 5, 20, 30]))
    assert made.first_difference(24, 256) is None


def test_first_difference_of_losses_that_are_not_finite():
    assert pair([1, "inf", "nan"], [1, "inf", "nan"]).first_difference(24, 256) is None
    assert pair([1, "inf"], [1, 2]).first_difference(24, 256, 1e300) == 1
    assert pair([1, 2], [1, "nan"]).first_difference(24, 256, 1e300) == 1


@pytest.mark.parametrize("rtol", [-1.0, np.nan, np.inf, "-1", "much", None])
def test_first_difference_checks_rtol(rtol):
    with pytest.raises(ConfigurationError, match="rtol: expected"):
        pair([1], [1]).first_difference(24, 256, rtol)


def test_first_difference_of_a_format_that_is_not_there():
    with pytest.raises(KeyError):
        pair([1], [1]).first_difference(24, 53)


def test_save_writes_one_folder_per_format(tmp_path):
    made = compare(problems.appendix_d(n=5), formats=(24, "float64"), steps=3)
    assert made.save(tmp_path / "all") == tmp_path / "all"
    for key, run in made.items():
        assert load(tmp_path / "all" / key.name).identical(run)


@pytest.mark.parametrize("formats", [(), (53, 53), "float64", 53])
def test_compare_wants_several_different_formats(formats):
    with pytest.raises(ConfigurationError, match="formats: expected"):
        compare(formats=formats)
