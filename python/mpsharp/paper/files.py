"""Files of an exhibit: written whole or not at all, with checksums in its manifest."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpsharp.output import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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


def write_figure(
    folder: Path, name: str, figure: Figure, tables: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[str]:
    """Write ``NAME.png``, ``NAME.pdf`` and a ``NAME_TABLE.csv`` per table; return the names of the files.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    from mpsharp.plotting import save_figure

    pictures = [f"{name}.png", f"{name}.pdf"]
    for picture in pictures:
        save_figure(figure, folder / picture)
    for table, rows in tables.items():
        write_csv(folder / f"{name}_{table}.csv", rows)
    return [*pictures, *(f"{name}_{table}.csv" for table in tables)]


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
