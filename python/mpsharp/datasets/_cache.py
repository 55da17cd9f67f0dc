"""Finding data: a named folder, MPSHARP_DATA, or the cache of downloads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from mpsharp.errors import DatasetError


def search_path(directory: Path | None) -> list[Path]:
    """Return the folders to look in, best first.

    Raises
    ------
    DatasetError
        `directory` was given and is not a folder.
    """
    if directory is not None and not directory.is_dir():
        raise DatasetError(f"data directory: expected a folder, got {str(directory)!r}, which is none")
    folders = [directory] if directory is not None else []
    if named := os.environ.get("MPSHARP_DATA"):
        folders.append(Path(named))
    folders.append(cache_folder())
    return folders


def cache_folder() -> Path:
    """Return where downloads are kept: MPSHARP_CACHE, or the user's cache folder."""
    if named := os.environ.get("MPSHARP_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mpsharp"


def find(folders: Iterable[Path], candidates: Iterable[str]) -> Path | None:
    """Return the first of `candidates` (relative paths) that exists in any of `folders`."""
    options = list(candidates)
    for folder in folders:
        for candidate in options:
            if (folder / candidate).exists():
                return folder / candidate
    return None


def not_found(name: str, folders: Iterable[Path], candidates: Iterable[str]) -> DatasetError:
    """Return the error that says where was looked and what can be done."""
    where = ", ".join(str(folder) for folder in folders)
    what = ", ".join(candidates)
    return DatasetError(
        f"{name}: no data. Expected one of {what} in one of {where}. Name a folder with "
        "directory= (--data-dir), set MPSHARP_DATA, or allow the download with download=True (--download)."
    )


def fetch(url: str, known_hash: str, filename: str) -> Path:
    """Download a public archive into the cache once and check its hash.

    Raises
    ------
    DatasetError
        pooch is not installed, the network fails, or the hash is another.
    """
    try:
        import pooch
    except ImportError:
        raise DatasetError("downloading needs pooch: pip install 'mpsharp[data]'") from None
    try:
        path = pooch.retrieve(
            url, known_hash=known_hash, fname=filename, path=cache_folder(), progressbar=True
        )
    except Exception as error:
        raise DatasetError(f"download of {url} failed: {error}") from error
    return Path(path)
