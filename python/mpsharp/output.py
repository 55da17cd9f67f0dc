"""Folders to write to, checked before any work is done; files written whole or not at all."""

from __future__ import annotations

import os
import secrets
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


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that it is either the old one or the new one, never half of it.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    try:
        _write_atomically(path, data)
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error}") from error


def _write_atomically(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")  # same folder; the user's file mode
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "nt":  # folders cannot be opened there
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
