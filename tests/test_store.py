from __future__ import annotations

import io
import json
import os
import stat
from fractions import Fraction
from pathlib import Path
from typing import Any

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp import GD, OutputError, Problem, StoreError, Trajectory, load, problems, run
from mpsharp.output import write_file
from synthetic import trajectory


def assert_equal(loaded: Trajectory, saved: Trajectory) -> None:
    assert loaded.identical(saved)
    for name in ("format", "config", "status", "status_step", "seconds"):
        assert getattr(loaded, name) == getattr(saved, name)
    for name in ("depth", "optimizer", "steps", "recipe"):
        assert getattr(loaded.problem, name) == getattr(saved.problem, name)
    for name in ("X", "y", "u", "v"):
        assert np.array_equal(getattr(loaded.problem, name), getattr(saved.problem, name))


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    """A run that diverged, saved once; tests copy it."""
    made = run(problems.appendix_d(n=5, limit_ratio=8), bits=70, steps=200, record_every=7)
    assert made.status == "diverged"
    return made.save(tmp_path_factory.mktemp("stored") / "run")


@pytest.fixture
def folder(stored, tmp_path) -> Path:
    for file in stored.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def change_manifest(folder: Path, **changes: Any) -> None:
    """Rewrite the manifest as a program would that knows the layout, hash included."""
    from mpsharp.store import _manifest_sha256

    manifest = json.loads((folder / "config.json").read_text()) | changes
    manifest["manifest_sha256"] = _manifest_sha256(manifest)
    (folder / "config.json").write_text(json.dumps(manifest))


# --- what is saved comes back -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"bits": 2, "steps": 3},
        {"bits": 64, "steps": 9, "record_every": 4},
        {"bits": 1000, "steps": 9, "stop_loss": "1e-200"},
        {"format": "float32", "steps": 9, "arithmetic": "numpy"},
        {"format": "float64", "steps": 9, "arithmetic": "sequential"},
    ],
)
def test_runs_come_back(tmp_path, options):
    made = run(problems.appendix_d(n=5, depth=3), **options)
    assert made.save(tmp_path / "new" / "folder") == tmp_path / "new" / "folder"
    loaded = load(tmp_path / "new" / "folder")
    assert_equal(loaded, made)
    assert loaded.rerun().identical(made)


corners = ["0", "-0.0", "nan", "inf", "-inf", "1e-400", "-1e400", "0.1", "1e-300000", "1/3"]


@given(
    bits=st.sampled_from([2, 24, 53, 63, 64, 65, 128, 1000, 4096]),
    values=st.lists(st.sampled_from(corners), min_size=1, max_size=6),
)
def test_corners_come_back(tmp_path_factory, bits, values):
    made = trajectory(values, reversed(values), format=bits)
    path = tmp_path_factory.mktemp("corner")
    made.save(path)
    assert_equal(load(path), made)


def test_exact_problems_come_back(tmp_path):
    problem = Problem(
        X=[["0.1", "1/3"], [gmpy2.mpfr("0.1", 200), 1e-300]],
        y=[1, Fraction(1, 8)],
        u=["0.3", 0.3],
        v=[gmpy2.mpfr(1) / 3],
        optimizer=GD("0.01"),
    )
    made = run(problem, bits=100, steps=3)
    made.save(tmp_path)
    loaded = load(tmp_path)
    assert_equal(loaded, made)
    assert loaded.rerun().identical(made)


def test_a_problem_without_optimizer_or_recipe(tmp_path):
    problem = Problem(X=np.eye(2), y=[1.0, 2.0], u=[1.0, 0.5], v=[1.0])
    made = run(problem, bits=60, optimizer=GD(0.1), steps=2)
    made.save(tmp_path)
    assert_equal(load(tmp_path), made)


def test_loaded_without_the_data_it_came_from(folder, monkeypatch):
    """A recipe is kept, and not needed: nothing is rebuilt."""
    monkeypatch.setattr(problems, "from_recipe", None)
    assert load(folder).problem.recipe["name"] == "appendix_d"


def test_saving_again_replaces(tmp_path):
    first, second = trajectory([1, 2], [3, 4]), trajectory([5], [6])
    first.save(tmp_path)
    second.save(str(tmp_path))
    assert_equal(load(str(tmp_path)), second)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["arrays.npz", "config.json"]


def test_files_have_the_mode_of_any_new_file(tmp_path):
    trajectory([1], [1]).save(tmp_path)
    (tmp_path / "other").write_text("")
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert len(modes) == 1


def test_manifest_is_readable(stored):
    manifest = json.loads((stored / "config.json").read_text())
    assert manifest["layout"] == 1
    assert manifest["status"] == "diverged"
    assert float(manifest["config"]["optimizer"]["step_size"]) > 0
    assert manifest["config"]["versions"]["mpfr"]


def test_arrays_need_no_pickle(stored):
    with np.load(stored / "arrays.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays)


# --- what is broken is refused ----------------------------------------------------------------------------


def test_every_altered_bit_of_the_manifest(folder):
    path = folder / "config.json"
    good = path.read_bytes()
    contents = json.loads(good)
    # Every byte, one of its eight bits each, the bit changing from byte to byte.
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 1 << position % 8
        path.write_bytes(bad)
        try:
            load(folder)
        except StoreError:
            continue
        assert json.loads(bad) == contents  # 1e-05 as 1E-05, or a last digit that float64 cannot hold


@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_an_altered_bit_of_the_arrays(stored, tmp_path_factory, position, bit):
    path = tmp_path_factory.mktemp("altered")
    (path / "config.json").write_bytes((stored / "config.json").read_bytes())
    payload = bytearray((stored / "arrays.npz").read_bytes())
    payload[int(position * len(payload))] ^= 1 << bit
    (path / "arrays.npz").write_bytes(payload)
    with pytest.raises(StoreError, match=r"arrays\.npz.*altered: expected sha256"):
        load(path)


@pytest.mark.parametrize("name", ["config.json", "arrays.npz"])
@pytest.mark.parametrize("part", [0, 0.5, 0.999])
def test_truncated_files(folder, name, part):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(part * len(data))])
    with pytest.raises(StoreError):
        load(folder)


@pytest.mark.parametrize("name", ["config.json", "arrays.npz"])
def test_missing_files(folder, name):
    (folder / name).unlink()
    with pytest.raises(StoreError, match="expected a stored trajectory"):
        load(folder)


def test_missing_folder(tmp_path):
    with pytest.raises(StoreError, match=r"nowhere.*expected a stored trajectory"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("layout", [0, 2, "1", None])
def test_another_layout(folder, layout):
    change_manifest(folder, layout=layout)
    with pytest.raises(StoreError, match=rf"expected layout 1, got {layout!r}"):
        load(folder)


@pytest.mark.parametrize("text", ["[]", "1", "null", '"x"', "{}", "[" * 100_000])
def test_a_manifest_that_is_something_else(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(StoreError):
        load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "exploded"},
        {"problem": []},
        {"problem": {"depth": 7}},
        {"format": "1"},
        {"format": None},
        {"records": "abc"},
        {"records": []},
        {"arrays_sha256": None},
    ],
)
def test_a_manifest_that_does_not_fit(folder, changes):
    change_manifest(folder, **changes)
    with pytest.raises(StoreError):
        load(folder)


@pytest.mark.parametrize("changes", [{"sha256": "0"}, {"optimizer": "GD"}, {"depth": 3}])
def test_a_problem_that_does_not_fit(folder, changes):
    problem = json.loads((folder / "config.json").read_text())["problem"]
    change_manifest(folder, problem=problem | changes)
    with pytest.raises(StoreError, match="does not fit the arrays"):
        load(folder)


@pytest.mark.parametrize("break_it", ["not a zip", "no arrays", "object array"])
def test_arrays_that_do_not_fit(folder, break_it):
    """Files that somebody made whole, with the right hash: an object array must not be unpickled."""
    import hashlib

    buffer = io.BytesIO(b"not a zip")
    if break_it == "no arrays":
        np.savez(buffer, nothing=np.zeros(1))
    if break_it == "object array":
        with np.load(folder / "arrays.npz") as arrays:
            np.savez(buffer, allow_pickle=True, **{**arrays, "step": np.array([print], dtype=object)})
    (folder / "arrays.npz").write_bytes(buffer.getvalue())
    change_manifest(folder, arrays_sha256=hashlib.sha256(buffer.getvalue()).hexdigest())
    with pytest.raises(StoreError, match="does not fit the arrays"):
        load(folder)


def test_interrupted_between_the_two_files(folder, monkeypatch):
    """A crash after the new arrays and before the new manifest is noticed."""

    def crash(path: Path, data: bytes) -> None:
        if path.name == "config.json":
            raise KeyboardInterrupt
        write_file(path, data)

    monkeypatch.setattr("mpsharp.store.write_file", crash)
    with pytest.raises(KeyboardInterrupt):
        trajectory([1], [1]).save(folder)
    with pytest.raises(StoreError, match="altered"):
        load(folder)


# --- writing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_failing_write_leaves_the_old_file(tmp_path, monkeypatch, where):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    if where == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    elif where == "replace":
        monkeypatch.setattr(Path, "replace", fail)
    data: Any = b"new" if where != "write" else 3
    with pytest.raises((OSError, TypeError)):
        write_file(path, data)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot write to .*file"):
        trajectory([1], [1]).save(tmp_path / "file")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="No space left"):
        trajectory([1], [1]).save(tmp_path / "full")
