"""Each figure at toy size: files, manifest, and the claim it makes where that is quick to see."""

from __future__ import annotations

import csv
import hashlib
import importlib
import json

import pytest

import mpsharp
from mpsharp import problems
from mpsharp.errors import DatasetError, OutputError
from mpsharp.paper import base, gallery, registry
from mpsharp.paper.base import Run


@pytest.fixture
def toy(monkeypatch):
    """Figures whose runs are short and small."""

    def shorten(module):
        original = module.configs

        def configs(*, full=False, seed=0):
            small = problems.appendix_d(n=8, seed=seed)
            return {
                label: Run(small, {**wanted.options, "steps": 12, "record_every": 3})
                for label, wanted in original(full=full, seed=seed).items()
            }

        monkeypatch.setattr(module, "configs", configs)

    for name in ("fig06", "fig27", "fig28"):
        shorten(importlib.import_module(f"mpsharp.paper.{name}"))


@pytest.mark.parametrize("name", ["fig06", "fig27", "fig28"])
def test_figure_writes_picture_numbers_and_manifest(name, toy, tmp_path):
    manifest = registry.EXHIBITS[name].produce(tmp_path, seed=4)
    assert manifest == json.loads((tmp_path / f"{name}.json").read_text())
    assert manifest["seed"] == 4
    assert manifest["status"] == "made"
    assert manifest["seconds"] > 0
    assert manifest["versions"]["mpfr"]
    for file, digest in manifest["files"].items():
        assert (tmp_path / file).stat().st_size > 100
        assert hashlib.sha256((tmp_path / file).read_bytes()).hexdigest() == digest
    with (tmp_path / f"{name}_curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["run"] for row in rows} == set(manifest["runs"])
    assert [int(row["step"]) for row in rows if row["run"] == rows[0]["run"]] == [0, 3, 6, 9, 12]
    for config in manifest["runs"].values():
        assert problems.from_recipe(config["problem"]).sha256 == config["problem_sha256"]


@pytest.mark.usefixtures("no_data")
def test_figures_without_data_are_skipped_and_say_so(tmp_path):
    lines = []
    outcomes = gallery.make_all(["fig29"], tmp_path, report=lines.append)
    assert outcomes["fig29"].status == "skipped"
    assert "skipped: no data (MissingDatasetError" in lines[0]
    assert {file.name for file in tmp_path.iterdir()} == {"fig29.json", "index.html"}
    manifest = json.loads((tmp_path / "fig29.json").read_text())
    assert manifest["status"] == "skipped"
    assert "cifar10-cat-dog" in manifest["reason"]


def test_one_figure_without_data_is_an_error(no_data, tmp_path):
    with pytest.raises(DatasetError, match="cifar10-cat-dog"):
        registry.EXHIBITS["fig29"].produce(tmp_path)


def test_unwritable_folder_before_any_work(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(base, "run", None)
    with pytest.raises(OutputError, match="expected a folder to write to"):
        registry.EXHIBITS["fig06"].produce(tmp_path / "file" / "figures")


@pytest.mark.parametrize("lost", ["fig06.json", "fig06_curves.csv", "fig06.png"])
def test_a_file_that_cannot_be_written_in_the_end(lost, toy, tmp_path):
    (tmp_path / lost).mkdir()
    with pytest.raises(OutputError, match=rf"cannot write .*{lost}"):
        registry.EXHIBITS["fig06"].produce(tmp_path)


def test_numbers_in_the_files_are_those_of_the_run(toy, tmp_path):
    manifest = registry.EXHIBITS["fig28"].produce(tmp_path)
    config = manifest["runs"]["256 bits"]
    problem = problems.from_recipe(config["problem"])
    again = mpsharp.run(problem, bits=256, steps=config["steps"], record_every=config["record_every"])
    with (tmp_path / "fig28_curves.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["run"] == "256 bits"]
    assert [float(row["sharpness"]) for row in rows] == again.sharpness.tolist()
    # twelve digits: half a unit of the last
    assert [float(row["loss"]) for row in rows] == pytest.approx(again.loss.tolist(), rel=0.5e-11, abs=0)
    with (tmp_path / "fig28_summary.csv").open() as file:
        (row,) = [row for row in csv.DictReader(file) if row["run"] == "256 bits"]
    assert row["status"] == again.status
    assert float(row["last_log2_loss"]) == again.log2_loss[-1]


def test_listing_names_every_exhibit():
    text = registry.listing()
    for name, one in registry.EXHIBITS.items():
        assert name == one.name
        assert name in text
        assert one.title in text
        assert one.statement
        assert one.minutes > 0
    assert "tables 5 to 7" in text


def test_row_space_keeps_loss_and_sharpness(cats_and_dogs):
    problem = problems.from_dataset("cifar10-cat-dog", 20, limit_ratio=0.9, steps=10)
    full = mpsharp.run(problem, bits=53)
    reduced = mpsharp.run(problems.reduced(problem), bits=53)
    # the factorisation rounds X by a few 2**-52 of its norm, and ten steps do not amplify that much
    bound = 20 * 3072 * 2.0**-52
    assert abs(reduced.loss / full.loss - 1).max() < bound * 100
    assert abs(reduced.sharpness / full.sharpness - 1).max() < bound * 100
