"""Folders to write to, checked before any work is done."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mpsharp.errors import OutputError


def writable_folder(path: str | Path) -> Path:
    """Make the folder `path` if need be and return it.

    Raises
    ------
    OutputError
        It cannot be made, or nothing can be written in it.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"output: expected a folder to write to, got {str(folder)!r} ({error})") from error
    return folder
