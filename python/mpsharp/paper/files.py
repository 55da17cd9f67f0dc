"""Files of an exhibit: written whole or not at all, with checksums in its manifest."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mpsharp.output import write_file


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically; raises as `mpsharp.output.write_file`."""
    write_file(path, text.encode())


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, whose first one names the columns, as comma-separated values; raises as `write_text`."""
    write_text(path, csv_text(rows))


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows, whose first one names the columns, as comma-separated values."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write ``NAME.json``, NAME being the manifest's "exhibit"; raises as `write_text`."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    write_text(folder / f"{manifest['exhibit']}.json", text)


def sha256(path: Path) -> str:
    """Hash of a file's contents.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
