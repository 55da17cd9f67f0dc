"""What an exhibit depends on: options, code, versions and data. The same again means the same files."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import mpsharp
from mpsharp import datasets
from mpsharp._version import versions
from mpsharp.paper.files import sha256


def origin(data: str, full: bool, seed: int) -> dict[str, Any]:
    """Return "full", "seed", "code" (`code_sha256`), "versions", and "sources", what there is of the data.

    A data set is told by the name and size of the file that would be read, not by its contents: reading all
    of it would take longer than some of the figures. None stands for one that is not there.

    Parameters
    ----------
    data : names of data sets, separated by ", "; others, such as "synthetic", have no file.
    full, seed : as for `mpsharp.paper.exhibit.Exhibit.produce`.
    """
    names = [name for name in data.split(", ") if name in datasets.names()]
    return {
        "full": full,
        "seed": seed,
        "sources": {name: _describe(datasets.source(name)) for name in names},
        "code": code_sha256(),
        "versions": versions(),
    }


def finished(folder: Path, name: str, expected: dict[str, Any]) -> dict[str, Any] | None:
    """Return the manifest of an exhibit that was made from this origin, and whose files are unchanged.

    Parameters
    ----------
    folder, name : where ``NAME.json`` is.
    expected : its `origin` now.
    """
    try:
        manifest = json.loads((folder / f"{name}.json").read_bytes())
        if manifest["status"] != "made" or any(manifest[key] != value for key, value in expected.items()):
            return None
        whole = all(sha256(folder / file) == digest for file, digest in manifest["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return manifest if whole else None


@cache
def code_sha256() -> str:
    """Hash of the Python files and libraries of the package: another build makes everything anew."""
    root = Path(mpsharp.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix == ".py" or ".so" in path.suffixes or path.suffix == ".pyd":
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _describe(source: Path | None) -> dict[str, Any] | None:
    if source is None:
        return None
    files = sorted(source.rglob("*")) if source.is_dir() else [source]
    return {"name": source.name, "bytes": sum(file.stat().st_size for file in files if file.is_file())}
