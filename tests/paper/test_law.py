"""Runs of the law of precision: what a row says, resuming, and the two figures at toy size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import gmpy2
import numpy as np
import psutil
import pytest

import mpsharp
from mpsharp.errors import OutputError
from mpsharp.paper import law, precision_law, precision_maps
from mpsharp.paper.base import exhibit
from mpsharp.paper.law import Case, Store

SMALL = Case(family="appendix_d", n=12, depth=2, seed=0, limit_ratio=2.2, reference_bits=600, most_steps=1000)


ENDS = (".png", ".pdf", ".csv", "_summary.csv", "_runs.jsonl")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "deep" / "rows.jsonl")


@pytest.mark.parametrize("lean", [False, True])
def test_a_row_holds_prediction_and_observation(lean):
    case = Case(**{**vars(SMALL), "lean": lean})
    rows = {row["bits"]: row for row in law.measure(case, (24, 128, 512))}
    for bits, row in rows.items():
        run = mpsharp.run(case.problem(), bits=bits, steps=row["steps"], coordinates="spectral")
        assert (row["observed"], row["first_unstable"]) == (run.catapult_step, run.first_unstable_step)
        assert row["predicted"] == pytest.approx(row["observed"], abs=4)
        assert row["outcome"] == {"diverged": "blow-up", "completed": "catapult"}[run.status]
        assert law.foretold(row) in ("catapult", "blow-up")
    assert rows[512]["horizon"] < 512
    assert rows[24]["blowup_bits"] == rows[128]["blowup_bits"]


def test_outcomes_below_and_at_the_limit():
    def outcomes(**changes):
        case = Case(**{**vars(SMALL), **changes})
        (row,) = law.measure(case, (64,))
        return row["outcome"], law.foretold(row)

    assert outcomes(limit_ratio=0.8, most_steps=300) == ("convergence", "convergence")
    assert outcomes(limit_ratio=2.2, most_steps=190) == ("oscillation", "oscillation")
    assert outcomes(family="gaussian", limit_ratio=1.2, most_steps=50)[0] in law.OUTCOMES


def test_catapult_is_that_of_a_trajectory():
    run = mpsharp.run(mpsharp.problems.appendix_d(n=12), bits=53, steps=400)
    assert law.catapult(run.exact("loss"), run.first_unstable_step) == run.catapult_step
    assert law.catapult([gmpy2.mpfr(x) for x in (1, 20, 0.5, 5, 5.5)], 0) == 1
    assert law.catapult([gmpy2.mpfr(x) for x in (1, 20, 0.5, 5, 5.5)], 1) == 4
    assert law.catapult([gmpy2.mpfr(1), gmpy2.nan()], 0) == 1


def test_rows_survive_a_torn_line(store):
    assert store.rows() == []
    store.add({"key": "a", "η": 1})
    with store.path.open("ab") as file:
        file.write('{"key": "b", "η'.encode()[:-1])
    store.add({"key": "c"})
    assert store.rows() == [{"key": "a", "η": 1}, {"key": "c"}]


def test_what_is_there_is_not_run_again(store, monkeypatch):
    cases = [SMALL, Case(**{**vars(SMALL), "seed": 1})]
    assert law.measure_all(cases, (24, 53), store, seconds=0) is False
    lines = []
    assert law.measure_all(cases[:1], (24, 53), store, report=lines.append)
    assert [row["bits"] for row in store.rows()] == [24, 53]
    assert lines == ["1/1 appendix_d n=12 D=2 ratio 2.2 seed 0"]
    assert law.measure_all(cases[:1], (24, 53, 64), store)
    assert [row["bits"] for row in store.rows()] == [24, 53, 64]
    monkeypatch.setattr(law, "measure", None)  # would fail if called
    assert law.measure_all(cases[:1], (24, 53, 64), store)


@pytest.mark.slow
def test_processes_share_a_store(store):
    cases = [Case(**{**vars(SMALL), "seed": seed}) for seed in range(3)]
    assert law.measure_all(cases, (24, 53), store, jobs=2)
    assert len({row["key"] for row in store.rows()}) == 6


def test_rows_of_other_code_are_not_seen(store):
    store.add({"key": "a"})
    old, new = Store(store.path, "old"), Store(store.path, "new")
    old.add({"key": "b"})
    new.add({"key": "c"})
    assert [row["key"] for row in store.rows()] == ["a", "b", "c"]
    assert (old.rows(), new.rows()) == ([{"key": "b"}], [{"key": "c"}])


def test_rows_that_cannot_be_written_are_an_error_that_says_so(store, monkeypatch):
    monkeypatch.setattr(law.os, "write", lambda file, line: len(line) - 1)  # a disk that is full
    with pytest.raises(OutputError, match=r"cannot write .*rows.jsonl.*space"):
        store.add({"key": "a"})
    with pytest.raises(OutputError, match="cannot write"):
        Store(store.path / "below a file").add({})


POOL = """
from mpsharp.paper.law import Case, Store, measure_all
if __name__ == "__main__":
    same = dict(family="appendix_d", n=100, depth=2, limit_ratio=2.2, reference_bits=20000)
    cases = [Case(seed=seed, **same) for seed in (0, 1)]
    measure_all(cases, [24], Store(__import__("pathlib").Path({out!r})), jobs=2, report=print)
"""


@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
def test_a_pool_ends_with_the_process_that_is_killed(tmp_path):
    (tmp_path / "script.py").write_text(POOL.format(out=str(tmp_path / "rows.jsonl")))
    with subprocess.Popen([sys.executable, tmp_path / "script.py"], stdout=subprocess.PIPE) as running:
        deadline = time.monotonic() + 60
        while len(psutil.Process(running.pid).children()) < 3:  # two and multiprocessing's resource tracker
            assert time.monotonic() < deadline
            assert running.poll() is None
            time.sleep(0.05)
        time.sleep(1)  # so that they work
        running.kill()
        running.communicate(timeout=30)  # the runs would take minutes, and an idle worker waits for ever


def test_maps_at_toy_size(tmp_path, monkeypatch):
    monkeypatch.setattr(precision_maps, "BITS", (24, 256))
    monkeypatch.setattr(precision_maps, "available_cores", lambda: 1)
    ratios = [Case(**{**vars(SMALL), "limit_ratio": ratio}) for ratio in (0.8, 2.2)]
    depths = [Case(**{**vars(SMALL), "depth": depth, "seed": seed}) for depth in (2, 3) for seed in (0, 1)]
    monkeypatch.setattr(
        precision_maps, "cases", lambda *, full, seed: {"limit_ratio": ratios, "depth": depths}
    )
    made = exhibit(precision_maps).produce(tmp_path)
    assert set(made["files"]) == {f"precision_maps{end}" for end in ENDS}
    assert made["agreement"]["limit_ratio"]["cells"] == 4
    rows = [json.loads(line) for line in (tmp_path / "precision_maps_runs.jsonl").read_text().splitlines()]
    assert len(rows) == 2 * 2 + 4 * 2 - 2  # the default problem at ratio 2.2 is in both panels


def test_agreement_counts_cells_and_those_without_a_border_beside():
    def row(foretold, outcome):
        return {
            "reference_unstable": None if foretold == "convergence" else 3,
            "predicted_ratio": {"catapult": 1.5, "blow-up": 2.5}.get(foretold),
            "blowup_ratio": 2.0,
            "outcome": outcome,
        }

    grid = [
        [row("catapult", "catapult")] * 3,
        [row("catapult", "catapult"), *[row("blow-up", "catapult")] * 2],
    ]
    assert precision_maps.agreement(grid) == {"cells": 6, "right": 4, "inside": 1, "inside_right": 1}


@pytest.mark.usefixtures("no_data")
def test_low_to_high_without_real_data(tmp_path, monkeypatch):
    monkeypatch.setattr(precision_law, "BITS", (24, 64))
    monkeypatch.setattr(precision_law, "available_cores", lambda: 1)
    panel = {"family": "appendix_d", "n": 12, "limit_ratio": 2.2}
    monkeypatch.setattr(
        precision_law, "PANELS", {"toy": panel, "cats": {**panel, "family": "cifar10-cat-dog"}}
    )
    lines = []
    made = exhibit(precision_law).produce(tmp_path, report=lines.append)
    assert "the default problem alone" in lines[0]
    assert all((tmp_path / name).stat().st_size for name in made["files"])
    assert len((tmp_path / "precision_law.csv").read_text().splitlines()) == 3


def test_every_outcome_has_a_colour():
    assert tuple(precision_maps.COLOURS) == law.OUTCOMES
    assert np.unique(list(precision_maps.COLOURS.values())).size == len(law.OUTCOMES)
