"""The exhibits of the noise floor and of the unstable direction, at toy size."""

from __future__ import annotations

import csv

import pytest

from mpsharp.paper import noise_floor, unstable_direction
from mpsharp.paper.registry import EXHIBITS


def test_noise_floor_pairs_runs_and_summarises_them(tmp_path, monkeypatch):
    monkeypatch.setattr(noise_floor, "K", (24, 53))
    monkeypatch.setattr(noise_floor, "STEPS", 260)
    made = EXHIBITS["noise_floor"].produce(tmp_path, progress=False)
    assert set(made["files"]) == {path.name for path in tmp_path.iterdir()} - {"noise_floor.json"}
    with (tmp_path / "noise_floor_summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["k"] for row in rows] == ["24", "53"]
    for row in rows:  # the paper's hypothesis: within 3 %
        assert float(row["ratio_of_medians"]) == pytest.approx(1, abs=0.03)
        assert row["same_outcome"] == row["seeds"] == "5"
    assert float(rows[1]["median_rounded"]) > 1.05 * float(rows[0]["median_rounded"])


def test_a_summary_of_runs_without_catapults_has_no_ratio():
    row = {"seed": 0, "k": 24, "rounded_catapult": None, "noisy_catapult": 7}
    found = noise_floor.summarise([row | {"rounded_status": "completed", "noisy_status": "diverged"}])
    assert str(found[0]["ratio_of_medians"]) == str(found[0]["largest_difference"]) == "nan"
    assert found[0]["same_outcome"] == 0


def test_unstable_direction_writes_what_it_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(unstable_direction, "BITS", (53,))
    monkeypatch.setattr(unstable_direction, "STEPS", 250)
    EXHIBITS["unstable_direction"].produce(tmp_path, progress=False)
    with (tmp_path / "unstable_direction.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(251))
    measured, predicted = (
        float(rows[220][name]) for name in ("log2_displacement", "predicted_log2_displacement")
    )
    assert abs(measured - predicted) < 5
    assert measured < float(rows[235]["log2_displacement"]) - 10
