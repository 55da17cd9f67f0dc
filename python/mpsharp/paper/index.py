"""The gallery's page: every figure and table with its statement, its numbers and the time it took."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mpsharp._version import versions
from mpsharp.output import write_file
from mpsharp.paper.exhibit import Exhibit

PAGE = "index.html"
_TEMPLATE = "index.html.jinja"


def write_index(folder: Path, exhibits: Sequence[Exhibit]) -> Path:
    """Write ``index.html`` of all that there is in a folder.

    The page shows pictures and links to files beside it and needs nothing else: no scripts, no network.

    Parameters
    ----------
    folder : where the manifests and files are.
    exhibits : in the order of the page; one without a manifest is listed as not made.

    Raises
    ------
    OutputError
        The page cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mpsharp.paper", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    entries = [_entry(folder, exhibit) for exhibit in exhibits]
    counts = {
        status: sum(entry["status"] == status for entry in entries)
        for status in ("made", "skipped", "failed", "not made")
    }
    text = environment.get_template(_TEMPLATE).render(
        entries=entries,
        counts=counts,
        versions=versions(),
        minutes=sum(entry["processor_seconds"] for entry in entries) / 60,
    )
    write_file(folder / PAGE, text.encode())
    return folder / PAGE


def _entry(folder: Path, exhibit: Exhibit) -> dict[str, Any]:
    """What the page says of one exhibit, from its manifest and its files."""
    try:
        manifest = json.loads((folder / f"{exhibit.name}.json").read_bytes())
        status = manifest["status"]
    except (OSError, ValueError, KeyError, TypeError):
        manifest, status = {}, "not made"
    files = [name for name in manifest.get("files", {}) if (folder / name).exists()]
    summary = f"{exhibit.name}_summary.csv"
    return {
        **exhibit.describe(),
        "status": status,
        "reason": manifest.get("reason", ""),
        "seconds": float(manifest.get("seconds", 0.0)),
        "processor_seconds": float(manifest.get("processor_seconds", 0.0)),
        "seed": manifest.get("seed"),
        "full": bool(manifest.get("full", False)),
        "picture": next((name for name in files if name.endswith(".png")), None),
        "files": files,
        "tables": manifest.get("tables", []),
        "notes": manifest.get("notes", []),
        "trends": [
            {key: value if isinstance(value, str) else _short(f"{value}") for key, value in trend.items()}
            for trend in manifest.get("trends", [])
        ],
        "summary": _rows(folder / summary) if summary in files else None,
    }


def _rows(path: Path) -> list[list[str]]:
    """Header and rows of a CSV file, long numbers shortened for reading.

    Without what was recorded, which the curves show, and columns that are empty.
    """
    header, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
    shown = [
        column
        for column, name in enumerate(header)
        if name != "observables" and any(row[column] for row in rows)
    ]
    short = ([_short(row[column]) for column in shown] for row in rows)
    return [[header[column] for column in shown], *short]


def _short(cell: str) -> str:
    try:
        number = float(cell)
    except ValueError:
        return cell
    return cell if len(cell) <= 9 else f"{number:.6g}"
