"""What a figure is made of, and how it is written: picture and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpsharp._text import decimal_text
from mpsharp.paper.exhibit import Exhibit
from mpsharp.paper.files import write_figure
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


def exhibit(figure: ModuleType) -> Exhibit:
    """Describe a module of `mpsharp.paper` that has NAME, TITLE, STATEMENT, DATA and MINUTES.

    Its own ``make`` makes it, if it has one (see `mpsharp.paper.exhibit.Make`), else `make_figure`.
    """
    return Exhibit(
        name=figure.NAME,
        title=figure.TITLE,
        statement=figure.STATEMENT,
        data=figure.DATA,
        minutes=figure.MINUTES,
        make=getattr(figure, "make", None) or partial(make_figure, figure),
    )


def make_figure(
    figure: ModuleType,
    folder: Path,
    *,
    full: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Compute one figure and write ``NAME.png``, ``NAME.pdf`` and two CSV files.

    ``NAME_curves.csv`` has every drawn point (loss as decimal text, so that nothing underflows),
    ``NAME_summary.csv`` one row per run.

    Parameters
    ----------
    figure : a module with NAME, configs(full, seed) and plot(summary).
    folder, full, seed, progress, report : as for `mpsharp.paper.exhibit.Make`.

    Returns
    -------
    dict
        "runs", the configuration of each, which repeats it, and "files".

    Raises
    ------
    OutputError
        A file cannot be written.
    DatasetError
        The data that the figure needs is absent.
    """
    name: str = figure.NAME
    asked: dict[str, Run] = figure.configs(full=full, seed=seed)
    results = {}
    for label, wanted in asked.items():
        results[label] = run(wanted.problem, progress=progress, seed=seed, **wanted.options)
        row = results[label].summary()
        report(f"{name} {label}: {row['status']} at {row['status_step']}, catapult {row['catapult_step']}")
    summary = summarise(results)
    rows = [{"run": label, **curve.row} for label, curve in summary.items()]
    tables = {"curves": _points(summary), "summary": rows}
    return {
        "runs": {label: dict(curve.config) for label, curve in summary.items()},
        "files": write_figure(folder, name, figure.plot(summary), tables),
    }


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
