"""What the gallery shows: a figure or a table of the paper, and how one is made."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mpsharp.output import writable_folder
from mpsharp.paper.files import sha256, write_manifest
from mpsharp.paper.kept import forget
from mpsharp.paper.origin import origin


class Make(Protocol):
    """Writes files to a folder and returns what the manifest says of them."""

    def __call__(
        self,
        folder: Path,
        *,
        full: bool,
        seed: int,
        progress: bool | None,
        report: Callable[[str], None],
    ) -> dict[str, Any]:
        """Return a dictionary for JSON whose "files" are the names of the files written, the picture first.

        Parameters
        ----------
        folder : exists and can be written to.
        full : the paper's sizes where they take long.
        seed : of data, starting points and batches.
        progress : as for `mpsharp.run`.
        report : to be called with lines of text for the user.

        Raises
        ------
        MissingDatasetError
            None of the data that the exhibit needs is there.
        DatasetError
            What there is of it is damaged.
        OutputError
            A file cannot be written.
        """
        ...


@dataclass(frozen=True)
class Exhibit:
    """A figure or table of the paper.

    Parameters
    ----------
    name : what the command line calls it and its files start with: "fig28", "table02".
    title : what it shows.
    statement : what of the paper it tests, in our words.
    data : "synthetic", or the data sets it uses, separated by ", ".
    minutes : roughly, of one core.
    make : writes its files.
    group : exhibits of one group share what they compute, and are made one after the other.
    """

    name: str
    title: str
    statement: str
    data: str
    minutes: float
    make: Make
    group: str = ""

    def produce(
        self,
        out: str | Path,
        *,
        full: bool = False,
        seed: int = 0,
        progress: bool | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> dict[str, Any]:
        """Make it and write ``NAME.json``, the manifest, last.

        Parameters
        ----------
        out : folder to write to; checked before anything is computed.
        full, seed, progress, report : as for `Make`.

        Returns
        -------
        dict
            The manifest: what `make` returned, with the hash of every file, and "exhibit", "title",
            "statement", "data", "status" ("made"), "seconds", "processor_seconds" of this process and
            those it started, and its `origin`.

        Raises
        ------
        OutputError
            `out`, or a file in it, cannot be written to.
        MissingDatasetError
            The data that it needs is absent.
        DatasetError
            It is damaged.
        """
        folder = writable_folder(out)
        started, worked = time.perf_counter(), _processor_seconds()
        made = self.make(folder, full=full, seed=seed, progress=progress, report=report)
        manifest = {
            **self.describe(),
            "status": "made",
            **origin(self.data, full, seed),
            **made,
            "files": {name: sha256(folder / name) for name in made["files"]},
            "seconds": time.perf_counter() - started,
            "processor_seconds": _processor_seconds() - worked,
        }
        write_manifest(folder, manifest)
        forget(folder, self.name)
        return manifest

    def describe(self) -> dict[str, Any]:
        """What every manifest of this exhibit says, made or not."""
        return {
            "exhibit": self.name,
            "title": self.title,
            "statement": self.statement,
            "data": self.data,
        }


def _processor_seconds() -> float:
    """Processor time of this process and of those that it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
