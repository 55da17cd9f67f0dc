"""Runs of an exhibit that was interrupted are found again, and only those."""

from __future__ import annotations

import pytest

import mpsharp
from mpsharp import GD, problems
from mpsharp.paper import flow_starts, kept, size_and_depth, stochastic, subsets
from mpsharp.paper.exhibit import Exhibit


@pytest.fixture
def made(monkeypatch):
    """Every run is worth keeping; the options of those that were made."""
    calls = []

    def run(problem, **options):
        calls.append(options)
        return mpsharp.run(problem, **options)

    monkeypatch.setattr(kept, "LONG", 0.0)
    monkeypatch.setattr(kept, "run", run)
    return calls


def test_the_same_run_is_made_once(made, tmp_path):
    problem = problems.gaussian(4)
    make_run = kept.kept(tmp_path, "fig")
    first = make_run(problem, bits=60, optimizer=GD("0.1"), steps=3, progress=False)
    again = make_run(problem, bits=60, optimizer=GD("0.1"), steps=3)
    assert len(made) == 1
    assert (again.exact("loss") == first.exact("loss")).all()
    assert again.config == first.config
    others = [{"optimizer": GD("0.2")}, {"bits": 61}, {"steps": 4}]
    for other in others:
        make_run(problem, **({"bits": 60, "optimizer": GD("0.1"), "steps": 3} | other))
    make_run(problems.gaussian(4, seed=1), bits=60, optimizer=GD("0.1"), steps=3)
    kept.kept(tmp_path, "another")(problem, bits=60, optimizer=GD("0.1"), steps=3)
    assert len(made) == 6


def test_what_is_damaged_or_short_is_made_anew(made, tmp_path, monkeypatch):
    options = {"bits": 60, "optimizer": GD("0.1"), "steps": 3}
    problem = problems.gaussian(4)
    kept.kept(tmp_path, "fig")(problem, **options)
    (damaged,) = (tmp_path / kept.FOLDER / "fig").glob("*/arrays.npz")
    damaged.write_bytes(damaged.read_bytes()[:-1])
    kept.kept(tmp_path, "fig")(problem, **options)
    assert len(made) == 2
    monkeypatch.setattr(kept, "LONG", 1e9)
    kept.forget(tmp_path, "fig")
    kept.kept(tmp_path, "fig")(problem, **options)
    assert not list(tmp_path.iterdir())


def test_an_exhibit_goes_on_where_it_was_interrupted(made, tmp_path, monkeypatch):
    def make(folder, **options):
        make_run = kept.kept(folder, "toy")
        losses = [
            make_run(problems.gaussian(4), bits=60, optimizer=GD(0.1), steps=steps).loss.tolist()
            for steps in (1, 2, 3)
        ]
        return {"losses": losses, "files": []}

    toy = Exhibit("toy", "Toy", "toy", "synthetic", 0.1, make)
    going = kept.run

    def interrupted(problem, **options):
        if len(made) == 2:
            raise KeyboardInterrupt
        return going(problem, **options)

    monkeypatch.setattr(kept, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        toy.produce(tmp_path)
    assert len(list((tmp_path / kept.FOLDER / "toy").iterdir())) == 2
    monkeypatch.setattr(kept, "run", going)
    resumed = toy.produce(tmp_path)
    assert len(made) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["toy.json"]
    assert toy.produce(tmp_path)["losses"] == resumed["losses"]
    assert len(made) == 6


@pytest.mark.usefixtures("small_svhn")
def test_figures_of_many_runs_make_them_so(made, tmp_path):
    toy = stochastic.Settings(8, (2, 8), (0.3,), 0.1, 1, records=2, dataset="svhn-3-5")
    for _ in range(2):
        make_run = kept.kept(tmp_path, "toy")
        stochastic.lines(toy, ("sharpness",), make_run=make_run)
        size_and_depth.lines(
            "svhn-3-5", sizes=(4,), depths=(3,), depth_samples=4, subsets=1, make_run=make_run
        )
        flow_starts.lines("svhn-3-5", (4,), weight_seeds=2, starts=2, steps=9, make_run=make_run)
        assert len(made) == 2 + 2 + 2


def test_nothing_is_left_where_all_is_to_be_made_anew(tmp_path):
    for name in ("toy", "other"):
        (tmp_path / kept.FOLDER / name).mkdir(parents=True)
        (tmp_path / f"{name}_runs.jsonl").touch()
    (tmp_path / subsets.FOLDER).mkdir()
    kept.forget_all(tmp_path, "toy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other_runs.jsonl", "subsets", "unfinished"]
    kept.forget_all(tmp_path, "other")
    kept.forget_all(tmp_path, "table02")
    assert not list(tmp_path.iterdir())
