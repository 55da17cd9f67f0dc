"""What a figure is made of, and how it is written: picture, numbers, manifest."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpsharp._text import decimal_text
from mpsharp._version import versions
from mpsharp.errors import OutputError
from mpsharp.output import writable_folder
from mpsharp.store import write_atomically
from mpsharp.training import run

if TYPE_CHECKING:
    from mpsharp.problems import Problem
    from mpsharp.trajectory import Trajectory


@dataclass(frozen=True, eq=False)
class Curve:
    """What a figure draws of one run; has the attributes that `mpsharp.plotting` reads."""

    step: npt.NDArray[np.int64]
    log2_loss: npt.NDArray[np.float64]
    sharpness: npt.NDArray[np.float64]
    stability_limit: float
    catapult_record: int | None
    status: str
    row: Mapping[str, Any]
    config: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Run:
    """One run that a figure asks for: a problem and keyword arguments of `mpsharp.run`."""

    problem: Problem
    options: Mapping[str, Any]


def summarise(results: Mapping[str, Trajectory]) -> dict[str, Curve]:
    """Keep of each trajectory what is drawn and tabulated."""
    return {
        label: Curve(
            step=result.step,
            log2_loss=result.log2_loss,
            sharpness=result.sharpness,
            stability_limit=result.stability_limit,
            catapult_record=result.catapult_record,
            status=result.status,
            row=result.summary(),
            config=result.config,
        )
        for label, result in results.items()
    }


def produce(
    figure: ModuleType,
    out: str | Path,
    *,
    full: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Compute one figure and write ``NAME.png``, ``NAME.pdf``, two CSV files and ``NAME.json``.

    ``NAME_curves.csv`` has every drawn point (loss as decimal text, so that nothing underflows),
    ``NAME_summary.csv`` one row per run, ``NAME.json`` what repeats it.

    Parameters
    ----------
    figure : a module of `mpsharp.paper` with NAME, configs(full, seed) and plot(summary).
    out : folder to write to; checked before anything is computed.
    full : the paper's sizes where they take long.
    seed : of data and starting points.
    progress : as for `mpsharp.run`.
    report : called with a line of text per finished run.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    OutputError
        `out` cannot be written to.
    DatasetError
        The data that the figure needs is absent.
    """
    folder = writable_folder(out)
    name: str = figure.NAME
    started = time.perf_counter()
    asked: dict[str, Run] = figure.configs(full=full, seed=seed)
    results = {}
    for label, wanted in asked.items():
        results[label] = run(wanted.problem, progress=progress, seed=seed, **wanted.options)
        row = results[label].summary()
        report(f"{name} {label}: {row['status']} at {row['status_step']}, catapult {row['catapult_step']}")
    summary = summarise(results)
    picture = figure.plot(summary)
    from mpsharp.plotting import save_figure

    save_figure(picture, folder / f"{name}.png")
    save_figure(picture, folder / f"{name}.pdf")
    _write_csv(folder / f"{name}_curves.csv", _points(summary))
    _write_csv(folder / f"{name}_summary.csv", [{"run": label, **c.row} for label, c in summary.items()])
    manifest = {
        "figure": name,
        "title": figure.TITLE,
        "statement": figure.STATEMENT,
        "status": "made",
        "full": full,
        "seed": seed,
        "runs": {label: dict(curve.config) for label, curve in summary.items()},
        "files": [f"{name}{end}" for end in (".png", ".pdf", "_curves.csv", "_summary.csv")],
        "versions": versions(),
        "seconds": time.perf_counter() - started,
    }
    write_manifest(folder, manifest)
    return manifest


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write ``NAME.json``, NAME being the manifest's "figure".

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    _write(folder / f"{manifest['figure']}.json", text)


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error}") from error


def _points(summary: Mapping[str, Curve]) -> list[dict[str, Any]]:
    return [
        {
            "run": label,
            "step": int(step),
            "loss": decimal_text(log2_loss, 12),
            "sharpness": repr(float(sharpness)),
            "stability_limit": repr(curve.stability_limit),
        }
        for label, curve in summary.items()
        for step, log2_loss, sharpness in zip(curve.step, curve.log2_loss, curve.sharpness, strict=True)
    ]


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    _write(path, text.getvalue())
