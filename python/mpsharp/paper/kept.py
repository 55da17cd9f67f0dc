"""Runs kept until their exhibit is made, so that Ctrl-C, or a crash, costs at most the one under way."""

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

    def make_run(problem: Problem, *, progress: bool | None = None, **options: Any) -> Trajectory:
        place = folder / FOLDER / name / _key(problem, options)
        try:
            return store.load(place)
        except StoreError:
            result = run(problem, progress=progress, **options)
        if result.seconds >= LONG:
            store.save(result, place)
        return result

    return make_run


def forget(folder: Path, name: str) -> None:
    """Remove the runs of an exhibit that is made."""
    shutil.rmtree(folder / FOLDER / name, ignore_errors=True)
    with suppress(OSError):  # others are there
        (folder / FOLDER).rmdir()


def forget_all(folder: Path, name: str) -> None:
    """Remove what an unfinished exhibit left: runs, rows (`mpsharp.paper.law.Store`), the tables' subsets."""
    forget(folder, name)
    (folder / f"{name}_runs.jsonl").unlink(missing_ok=True)
    if name.startswith("table"):
        shutil.rmtree(folder / SUBSETS, ignore_errors=True)


def _key(problem: Problem, options: dict[str, Any]) -> str:
    described = {name: getattr(value, "config", lambda v=value: v)() for name, value in options.items()}
    origin = {
        "problem": problem.sha256,
        "options": described,
        "code": code_sha256(),
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()[:24]
