"""Each figure at toy size: files, manifest, and the claim it makes where that is quick to see."""

from __future__ import annotations

import csv
import json

import pytest

from mpsharp import problems
from mpsharp.errors import UnknownNameError
from mpsharp.paper import base, registry
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
        shorten(registry.FIGURES[name])


@pytest.mark.parametrize("name", ["fig06", "fig27", "fig28"])
def test_figure_writes_picture_numbers_and_manifest(name, toy, tmp_path):
    manifest = base.produce(registry.FIGURES[name], tmp_path, seed=4)
    assert manifest == json.loads((tmp_path / f"{name}.json").read_text())
    assert manifest["seed"] == 4
    for file in manifest["files"]:
        assert (tmp_path / file).stat().st_size > 100
    with (tmp_path / f"{name}_curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["run"] for row in rows} == set(manifest["runs"])
    assert [int(row["step"]) for row in rows if row["run"] == rows[0]["run"]] == [0, 3, 6, 9, 12]
    for config in manifest["runs"].values():
        assert problems.from_recipe(config["problem"]).sha256 == config["problem_sha256"]


def test_figures_without_data_are_skipped_and_say_so(no_data, tmp_path):
    lines = []
    assert registry.produce_all(["fig29"], tmp_path, report=lines.append) == ["fig29"]
    assert "skipped: no data (DatasetError" in lines[0]


def test_unknown_figure_before_any_work(tmp_path):
    with pytest.raises(UnknownNameError, match="fig30"):
        registry.produce_all(["fig06", "fig30"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_row_space_keeps_loss_and_sharpness(cats_and_dogs):
    import mpsharp

    problem = problems.from_dataset("cifar10-cat-dog", 20, limit_ratio=0.9, steps=10)
    full = mpsharp.run(problem, bits=53)
    reduced = mpsharp.run(problems.row_space(problem), bits=53)
    # the factorisation rounds X by a few 2**-52 of its norm, and ten steps do not amplify that much
    bound = 20 * 3072 * 2.0**-52
    assert abs(reduced.loss / full.loss - 1).max() < bound * 100
    assert abs(reduced.sharpness / full.sharpness - 1).max() < bound * 100
