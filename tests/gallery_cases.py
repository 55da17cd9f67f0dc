"""Exhibits of which some fail, in a module that processes of their own can import."""

from __future__ import annotations

import os
import time

from mpsharp.errors import DatasetError, MissingDatasetError, OutputError
from mpsharp.paper.exhibit import Exhibit


class Case:
    """Writes a file and counts how often, then does what its name says."""

    def __init__(self, name):
        self.name = name

    def __call__(self, folder, *, full, seed, progress, report):
        with (folder / f"{self.name}.log").open("a") as log:
            log.write(f"{os.environ.get('OPENBLAS_NUM_THREADS')}, {os.environ.get('MPSHARP_THREADS')}\n")
        if self.name == "fails":
            raise RuntimeError("on <purpose>")
        if self.name == "full disk":
            raise OutputError("cannot write 'full disk.png': no space left")
        if self.name == "crashes":
            os.abort()
        if self.name == "absent":
            raise MissingDatasetError("moon-rocks: no data")
        if self.name == "damaged":
            raise DatasetError("moon-rocks.npz: truncated")
        if self.name == "hangs":
            time.sleep(600)
        if self.name == "where":
            (folder / "where.txt").write_text(os.environ["MPSHARP_DATA"])
            return {"files": ["where.txt"], "tables": []}
        (folder / f"{self.name}.txt").write_text(f"seed {seed}, full {full}")
        report(f"{self.name}: a line")
        return {
            "files": [f"{self.name}.txt"],
            "tables": [{"dataset": "d", "header": ["", "", "n = 4"], "lines": [["Q<", "ours", "1.5(0.1)"]]}],
        }


def exhibit(name, group=""):
    return Exhibit(name, f"Title of {name}", f"Statement & {name}", "synthetic", 0.1, Case(name), group)


EXHIBITS = {
    name: exhibit(name, "both" if name in ("one", "two") else "")
    for name in (
        *(
            "one",
            "two",
            "three",
            "fails",
            "crashes",
            "absent",
            "damaged",
            "hangs",
            "blocked",
            "full disk",
            "where",
        ),
    )
}
