"""Figures 4, 9 and 21–26 at toy size: files, trends, and that theory and run agree."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import mpsharp
from mpsharp import plotting
from mpsharp.paper import batch_size, fig09, imbalance_terms, kept, registry, stochastic

TOY = stochastic.Settings(20, (2, 20), (0.1, 0.8), 1.0, 2, records=8)


@pytest.fixture
def toy(cats_and_dogs, monkeypatch):
    for module in (batch_size, fig09, imbalance_terms):
        monkeypatch.setattr(module, "settings", lambda full, dataset=None: TOY)


def test_they_are_registered_in_order():
    names = [name for name in registry.EXHIBITS if name.startswith("fig")]
    assert names == sorted(names)
    assert {"fig04", "fig09", *(f"fig{k}" for k in range(21, 27))} <= set(names)


@pytest.mark.parametrize("name", ["fig04", "fig09", "fig22"])
def test_files_and_columns(toy, tmp_path, name):
    manifest = registry.EXHIBITS[name].produce(tmp_path, progress=False)
    assert all((tmp_path / file).stat().st_size > 0 for file in manifest["files"])
    with (tmp_path / f"{name}_summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert {row["method"] for row in rows} == {"B = 2", "GD"}
    if name == "fig04":
        trends = {trend["trend"]: trend for trend in manifest["trends"]}
        assert trends["rises with batch size at 0.8 × limit"]["holding"] == 2
        assert trends["falls with learning rate at B = 2"]["holding"] == 2
    if name == "fig09":
        assert all(float(row["imbalance_growth"]) > 0 for row in rows)
    if name == "fig22":
        assert all(0 < float(row["share_v2a_batch_above_b_batch"]) <= 1 for row in rows)


def test_figures_21_to_26_make_their_runs_once_for_each_folder_seed_and_code(toy, tmp_path, monkeypatch):
    made = []

    def run(problem, **options):
        made.append(options)
        return mpsharp.run(problem, **options)

    monkeypatch.setattr(kept, "run", run)
    monkeypatch.setattr(plotting, "save_figure", lambda figure, path: path.touch())
    together, alone = tmp_path / "together", tmp_path / "alone"
    for name, folder, seed, total in [
        ("fig21", together, 0, 8),
        ("fig23", together, 0, 8),
        ("fig23", alone, 0, 16),
        ("fig26", together, 1, 20),  # its first subset is the second one of seed 0
        ("fig24", together, 0, 20),
    ]:
        registry.EXHIBITS[name].produce(folder, seed=seed, progress=False)
        assert len(made) == total, (name, folder)
    for table in ("fig23_curves.csv", "fig23_summary.csv"):
        assert (together / table).read_bytes() == (alone / table).read_bytes()
    shared = together / kept.SHARED / imbalance_terms.GROUP
    assert len(list(shared.glob("*/*"))) == 12
    monkeypatch.setattr(kept, "code_sha256", lambda: "another")
    registry.EXHIBITS["fig25"].produce(together, progress=False)
    assert len(made) == 28
    assert len(list(shared.glob("*/*"))) == 8
    kept.forget_all(together, "fig22", registry.EXHIBITS["fig22"].group)
    assert not shared.exists()


def test_along_gd_every_step_changes_the_imbalance_as_the_theorem_says(cats_and_dogs):
    settings = stochastic.Settings(20, (20,), (0.5,), 0.02, 1, records=10)
    (line,) = stochastic.lines(settings, ("imbalance", "gd_imbalance_change"), progress=False)
    every = int(line.result.step[1])
    assert every == 1
    came = np.diff(line.result.imbalance[:, 0])
    # C is about 1 and loses a few of its 53 bits; each step moves it by far more.
    assert np.abs(came - line.result["gd_imbalance_change"][:-1, 0]).max() < 2.0**-44 < came.min() / 100


def test_the_imbalance_must_grow_while_it_is_not_positive(cats_and_dogs):
    # b ≤ ‖Πu‖²a by Cauchy and Schwarz, and b⊙ ≤ ‖Πu‖²a⊙; so v² ≥ ‖Πu‖² is enough, and not needed.
    names = ("imbalance", "imbalance_terms", "weight_norms")
    made = stochastic.lines(TOY, names, progress=False)
    below = np.concatenate([line.result.imbalance[:, 0] <= 0 for line in made])
    for term in imbalance_terms.FIGURES[:2]:
        values = np.concatenate([term.of(line) for line in made])
        assert (values[below] >= 0).all()
        assert (values < 0).any()
    assert below.any()
    assert not below.all()


def test_a_trend_counts_what_holds():
    trend = batch_size._trend("rises", [1.5, 0.5, 1.25])
    assert (trend["holding"], trend["of"], trend["smallest_ratio"]) == (2, 3, 0.5)
