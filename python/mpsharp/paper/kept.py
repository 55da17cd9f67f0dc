"""Runs kept in the output folder: until their exhibit is made, or for good where several draw the same.

So Ctrl-C, or a crash, costs at most the run under way, and a group of exhibits makes each run once.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mpsharp import store
from mpsharp._version import versions
from mpsharp.errors import StoreError
from mpsharp.paper.origin import code_sha256
from mpsharp.paper.subsets import FOLDER as SUBSETS
from mpsharp.training import run

if TYPE_CHECKING:
    from mpsharp.problems import Problem
    from mpsharp.trajectory import Trajectory

FOLDER = "unfinished"
SHARED = "runs"
LONG = 2.0  # seconds from which on a run is worth keeping

MakeRun: TypeAlias = Callable[..., "Trajectory"]


def kept(folder: Path, name: str) -> MakeRun:
    """Return a function that makes runs as `mpsharp.run` does, but none that it finds made before.

    Runs of two seconds and more are kept in ``unfinished/NAME``, each under a hash of all that it depends on:
    problem, options, code and versions. What is damaged is made anew. `forget` removes them.

    Parameters
    ----------
    folder : of the exhibit's files.
    name : of the exhibit.
    """
    return _finding(folder / FOLDER / name, LONG)


def shared(folder: Path, group: str) -> MakeRun:
    """Return such a function for a group of exhibits that draw the same runs: each is made once per folder.

    Runs of any length are kept in ``runs/GROUP``, under the same hash as those of `kept`. What other code or
    other versions made is removed here, all of it by `forget_all`.

    Parameters
    ----------
    folder : of the exhibits' files.
    group : theirs.
    """
    ours = _sha256({"code": code_sha256(), "versions": versions()})
    with suppress(OSError):  # nothing there
        for made in list((folder / SHARED / group).iterdir()):
            if made.name != ours:
                shutil.rmtree(made, ignore_errors=True)
    return _finding(folder / SHARED / group / ours, 0.0)


def _finding(place: Path, shortest: float) -> MakeRun:
    """Make runs, keep those of so many seconds in folders of `place`, and look there first."""

    def make_run(problem: Problem, *, progress: bool | None = None, **options: Any) -> Trajectory:
        at = place / _key(problem, options)
        try:
            return store.load(at)
        except StoreError:
            result = run(problem, progress=progress, **options)
        if result.seconds >= shortest:
            store.save(result, at)
        return result

    return make_run


def forget(folder: Path, name: str) -> None:
    """Remove the runs of an exhibit that is made."""
    shutil.rmtree(folder / FOLDER / name, ignore_errors=True)
    with suppress(OSError):  # others are there
        (folder / FOLDER).rmdir()


def forget_all(folder: Path, name: str, group: str = "") -> None:
    """Remove all that an exhibit would find again.

    Runs, rows (`mpsharp.paper.law.Store`), and what it shares with its group: runs, the tables' subsets.
    """
    forget(folder, name)
    (folder / f"{name}_runs.jsonl").unlink(missing_ok=True)
    if group:
        shutil.rmtree(folder / SHARED / group, ignore_errors=True)
    if name.startswith("table"):
        shutil.rmtree(folder / SUBSETS, ignore_errors=True)


def _key(problem: Problem, options: dict[str, Any]) -> str:
    described = {name: getattr(value, "config", lambda v=value: v)() for name, value in options.items()}
    return _sha256(
        {
            "problem": problem.sha256,
            "options": described,
            "code": code_sha256(),
            "versions": versions(),
        }
    )


def _sha256(origin: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()[:24]
