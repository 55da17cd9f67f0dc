"""The figures of SVHN at their default settings, on a small file in SVHN's format; and without any data."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mpsharp import datasets, problems
from mpsharp.errors import DatasetError
from mpsharp.paper import batch_size, registry, size_and_depth, sources
from mpsharp.paper.printed import SIZES

FIGURES = ("fig12", "fig13", "fig19")
DATA = {
    **dict.fromkeys(FIGURES, sources.SVHN),
    **dict.fromkeys(("fig16", "fig17", "fig20"), sources.SPEECH),
    **dict.fromkeys(("fig04", "fig05", "fig18"), sources.CIFAR),
}


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def paper(*arguments):
    command = [sys.executable, "-m", "mpsharp", "paper", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.usefixtures("small_svhn")
def test_one_is_made_by_the_command_line_of_all_the_data_that_there_is(tmp_path):
    done = paper("fig13", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads((tmp_path / "fig13.json").read_text())
    assert manifest["status"] == "made"
    assert manifest["sources"]["svhn-3-5"]["name"] == "train_32x32.mat"
    for trend in manifest["trends"]:
        assert f"fig13 {trend['trend']}: {trend['holding']} of {trend['of']}" in done.stdout
    summary = rows(tmp_path / "fig13_summary.csv")
    assert {(row["n_samples"], row["status"]) for row in summary} == {("20", "converged")}
    assert [row["depth"] for row in summary if row["subset"] == "0"] == ["2", "2", "3", "4", "5"]
    assert len(rows(tmp_path / "fig13_trends.csv")) == 3


@pytest.mark.usefixtures("small_svhn")
def test_batches_and_starts_of_all_the_data_that_there_is(tmp_path):
    for name in ("fig12", "fig19"):
        manifest = registry.EXHIBITS[name].produce(tmp_path, progress=False)
        assert all((tmp_path / file).stat().st_size > 0 for file in manifest["files"])
    assert {row["batch_size"] for row in rows(tmp_path / "fig12_summary.csv")} == {"5", "20"}
    trends = {row["trend"]: row for row in rows(tmp_path / "fig12_trends.csv")}
    for trend in ("rises with batch size at 0.3 × limit", "falls with learning rate at B = 5"):
        assert 0 < int(trends[trend]["holding"]) == int(trends[trend]["of"])
    summary = rows(tmp_path / "fig19_summary.csv")
    assert [row["status"] for row in summary] == ["converged"] * 3
    assert all(0 < float(row["last_loss"]) <= 1e-10 for row in summary)
    assert {row["mean_between_bounds"] for row in rows(tmp_path / "fig19_expectations.csv")} == {"True"}


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize(("name", "dataset"), DATA.items())
def test_without_data_a_typed_error(name, dataset, tmp_path):
    assert registry.EXHIBITS[name].data == dataset
    with pytest.raises(DatasetError, match=f"{dataset}: no data"):
        registry.EXHIBITS[name].produce(tmp_path / "out")


@pytest.mark.usefixtures("no_data")
def test_without_data_the_command_line_says_so(tmp_path):
    done = paper("fig12", "--out", str(tmp_path))
    assert done.returncode == 3
    assert "fig12: skipped: no data (MissingDatasetError: svhn-3-5" in done.stdout
    assert "skipped: no data" in (tmp_path / "index.html").read_text()


@pytest.mark.usefixtures("small_svhn")
@pytest.mark.parametrize("depth", [2, 4])
def test_subsets_are_those_of_from_dataset(depth):
    data = datasets.load(sources.SVHN)
    assert sources.possible(SIZES, data) == (20,)
    assert sources.possible((4, 10, 100), data) == (4, 10, 20)
    named = problems.reduced(problems.from_dataset(sources.SVHN, 8, 3, depth=depth))
    assert sources.drawn(data, 8, 3, depth).sha256 == named.sha256


def ended(sharpness, status="completed", **settings):
    result = SimpleNamespace(
        sharpness=np.array([1.0, sharpness]), status=status, problem=SimpleNamespace(n_samples=9)
    )
    return SimpleNamespace(result=result, **settings)


def test_trends_of_batch_size_and_learning_rate():
    last = {(3, 0.1): 4.0, (3, 0.8): 2.0, (9, 0.1): 3.0, (9, 0.8): 5.0}
    made = [ended(S, subset=0, batch_size=B, fraction=f) for (B, f), S in last.items()]
    made += [ended(1.0, "diverged", subset=1, batch_size=B, fraction=f) for B, f in last]
    found = {trend["trend"]: trend for trend in batch_size.trends(made)}
    assert len(found) == 3
    falls, small, large = (
        found[f"{text}"]
        for text in (
            "falls with learning rate at B = 3",
            "rises with batch size at 0.1 × limit",
            "rises with batch size at 0.8 × limit",
        )
    )
    assert (falls["holding"], falls["of"], falls["mean_ratio"]) == (1, 1, 2.0)
    assert (small["holding"], small["of"], small["smallest_ratio"]) == (0, 1, 0.75)
    assert (large["holding"], large["of"], large["smallest_ratio"]) == (1, 1, 2.5)
    nothing = batch_size.trends([line for line in made if line.subset == 1])
    assert {(trend["of"], trend["mean_ratio"]) for trend in nothing} == {(0, None)}


def test_depths_are_compared_where_they_should_rise_and_bounds_where_runs_converged():
    def line(subset, depth, S, status="converged", between=True):
        one = ended(
            S, status, panel="depth", n_samples=4, depth=depth, subset=subset, difficulty=2.0 - subset
        )
        one.bounds, one.row = SimpleNamespace(lower=2.0), lambda: {"between_bounds": between}
        return one

    made = [line(0, 2, 4.0), line(0, 3, 5.0, between=False), line(0, 4, 4.0, "completed", False)]
    made += [line(1, 2, 9.0), line(1, 3, 8.0)]  # Q = 1 here
    rises, depths, between = size_and_depth.trends(made)
    assert rises["of"] == 0
    assert (depths["holding"], depths["of"], depths["smallest_ratio"]) == (1, 2, 0.8)
    assert (between["holding"], between["of"], between["smallest_ratio"]) == (3, 4, 2.0)
