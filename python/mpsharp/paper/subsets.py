"""Quantities of many subsets, kept in the output folder so that all tables share them."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np

from mpsharp._version import versions
from mpsharp.datasets import Dataset
from mpsharp.output import writable_folder, write_file
from mpsharp.paper.origin import code_sha256
from mpsharp.paper.quantities import SUBSETS, Values, collect

FOLDER = "subsets"
_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def collected(
    folder: Path,
    dataset: Dataset,
    n: int,
    *,
    subsets: int = SUBSETS,
    seed: int = 0,
    report: Callable[[str], None] = lambda line: None,
) -> Values:
    """Return what `collect` finds for one size, computed once per folder.

    It is kept in ``subsets/DATASET-N.npz`` with all that it depends on: data, seed, number of subsets, code
    and versions. A file that says otherwise, or is damaged, is replaced.

    Parameters
    ----------
    folder : of the tables.
    dataset, subsets, seed, report : as for `collect`.
    n : number of samples, even.
    """
    path = writable_folder(folder / FOLDER) / f"{dataset.name}-{n}.npz"
    origin = {"data": dataset.sha256, "n": n, "subsets": subsets, "seed": seed}
    origin |= {"versions": versions(), "code": code_sha256()}
    text = json.dumps(origin, sort_keys=True)
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            if str(file["origin"]) == text:
                return {name: file[name] for name in file.files if name != "origin"}
    except _DAMAGE:
        pass
    values = collect(dataset, [n], subsets=subsets, seed=seed, report=report)[n]
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, origin=np.array(text), **values)
    write_file(path, buffer.getvalue())
    return values
