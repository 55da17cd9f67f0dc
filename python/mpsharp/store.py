"""Results on disk: a folder with a manifest and exact arrays; every bit comes back."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from mpsharp.errors import MpsharpError, OutputError, StoreError
from mpsharp.exact import ExactArray, exact_text
from mpsharp.formats import Format
from mpsharp.optimizers import from_config
from mpsharp.output import write_file
from mpsharp.problems import Problem
from mpsharp.trajectory import Trajectory

LAYOUT = 1
MANIFEST = "config.json"
ARRAYS = "arrays.npz"
_PROBLEM_ARRAYS = ("X", "y", "u", "v")


def save(trajectory: Trajectory, path: str | Path) -> Path:
    """Write a trajectory to the folder `path`: ``config.json`` and ``arrays.npz``.

    The problem's arrays are stored, too, although most have a recipe: without the data set, or with a NumPy
    of other random streams, it would not give the same bits. The manifest is written last, with a hash of
    itself and one of the arrays, so that a broken write is noticed.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    folder = Path(path)
    arrays: dict[str, Any] = {"step": trajectory.step}
    for name, values in trajectory.records.items():
        arrays |= values.arrays(f"record.{name}")
    arrays |= trajectory.u.arrays("final.u") | trajectory.v.arrays("final.v")
    problem = trajectory.problem
    for name in _PROBLEM_ARRAYS:
        values = getattr(problem, name)
        if values.dtype == np.float64:
            arrays[f"problem.{name}"] = values
        else:
            texts = [exact_text(x) for x in values.ravel()]
            arrays[f"problem.{name}"] = np.array(texts).reshape(values.shape)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    payload = buffer.getvalue()
    manifest = {
        "layout": LAYOUT,
        "kind": "trajectory",
        "arrays_sha256": hashlib.sha256(payload).hexdigest(),
        "format": trajectory.format.name,
        "config": trajectory.config,
        "records": list(trajectory.records),
        "status": trajectory.status,
        "status_step": trajectory.status_step,
        "seconds": trajectory.seconds,
        "problem": {
            "depth": problem.depth,
            "recipe": None if problem.recipe is None else dict(problem.recipe),
            "optimizer": None if problem.optimizer is None else problem.optimizer.config(),
            "steps": problem.steps,
            "sha256": problem.sha256,
        },
    }
    manifest["manifest_sha256"] = _manifest_sha256(manifest)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {str(folder)!r}: {error}") from error
    write_file(folder / ARRAYS, payload)
    write_file(folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False).encode())
    return folder


def load(path: str | Path) -> Trajectory:
    """Read a trajectory that `save` wrote, equal to it in every bit.

    Raises
    ------
    StoreError
        Nothing there, another layout, or a file that is truncated or altered.
    """
    folder = Path(path)
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        payload = (folder / ARRAYS).read_bytes()
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{str(folder)!r}: expected a stored trajectory ({error})") from error
    if not isinstance(manifest, dict) or manifest.get("layout") != LAYOUT:
        got = manifest.get("layout") if isinstance(manifest, dict) else None
        raise StoreError(f"{str(folder)!r}: expected layout {LAYOUT}, got {got!r}")
    for file, digest, expected in (
        (MANIFEST, _manifest_sha256(manifest), manifest.get("manifest_sha256")),
        (ARRAYS, hashlib.sha256(payload).hexdigest(), manifest.get("arrays_sha256")),
    ):
        if digest != expected:
            raise StoreError(f"{str(folder / file)!r}: altered: expected sha256 {expected}, got {digest}")
    try:
        with np.load(io.BytesIO(payload)) as arrays:
            return _trajectory(manifest, arrays)
    except (
        *(MpsharpError, AttributeError, KeyError, TypeError, ValueError, OSError),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        raise StoreError(f"{str(folder)!r}: the manifest does not fit the arrays ({error})") from error


def _trajectory(manifest: dict[str, Any], arrays: Any) -> Trajectory:
    described = manifest["problem"]
    problem = Problem(
        **{name: arrays[f"problem.{name}"] for name in _PROBLEM_ARRAYS},
        depth=described["depth"],
        recipe=described["recipe"],
        optimizer=None if described["optimizer"] is None else from_config(described["optimizer"]),
        steps=described["steps"],
    )
    if problem.sha256 != described["sha256"]:
        raise ValueError(f"problem: expected sha256 {described['sha256']}, got {problem.sha256}")
    return Trajectory(
        problem=problem,
        format=Format.parse(manifest["format"]),
        config=manifest["config"],
        step=arrays["step"],
        records={name: ExactArray.from_arrays(arrays, f"record.{name}") for name in manifest["records"]},
        u=ExactArray.from_arrays(arrays, "final.u"),
        v=ExactArray.from_arrays(arrays, "final.v"),
        status=manifest["status"],
        status_step=manifest["status_step"],
        seconds=manifest["seconds"],
    )


def _manifest_sha256(manifest: dict[str, Any]) -> str:
    """Hash of the contents, whatever their order and spacing, but for the hash itself."""
    contents = {name: value for name, value in manifest.items() if name != "manifest_sha256"}
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()
