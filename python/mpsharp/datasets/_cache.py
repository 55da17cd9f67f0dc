"""Finding data, in a named folder, MPSHARP_DATA, or the cache of downloads; reading compact subsets."""

from __future__ import annotations

import gzip
import os
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mpsharp.datasets.base import Dataset
from mpsharp.errors import DatasetError, MissingDatasetError

# What reading a truncated or foreign file can end in.
DAMAGE: tuple[type[Exception], ...] = (
    *(LookupError, ValueError, TypeError, AttributeError, EOFError, OSError),
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, pickle.UnpicklingError),
)


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


def find(folders: Iterable[Path], candidates: Iterable[str], contents: Iterable[str] = ()) -> Path | None:
    """Return the first of `candidates` (relative paths) that exists in any of `folders`.

    A folder that has all of `contents`, if there are any, is the unpacked archive itself.
    """
    options, inside = list(candidates), list(contents)
    for folder in folders:
        for candidate in options:
            if (folder / candidate).exists():
                return folder / candidate
        if inside and all((folder / name).exists() for name in inside):
            return folder
    return None


def not_found(name: str, folders: Iterable[Path], candidates: Iterable[str], url: str) -> MissingDatasetError:
    """Return the error that says where was looked, what can be done, and where the data is published."""
    where = ", ".join(str(folder) for folder in folders)
    what = ", ".join(candidates)
    return MissingDatasetError(
        f"{name}: no data. Expected one of {what} in one of {where}. Name a folder with directory= "
        f"(--data-dir), set MPSHARP_DATA, or allow the download of {url} with download=True (--download)."
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


def read_tar(source: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Name and contents of the wanted files of a gzipped archive, in its order, a leading ``./`` left out.

    Raises one of `DAMAGE`, where the checksum at the very end does not fit, too.
    """
    with gzip.open(source) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                file = archive.extractfile(member) if wanted(name) else None
                if file is not None:
                    yield name, file.read()
        while stream.read(1 << 20):  # gzip compares its checksum at the very end
            pass


def read_arrays(source: Path, *names: str) -> list[npt.NDArray[Any]]:
    """Return the named arrays of a compact subset (.npz).

    Raises
    ------
    DatasetError
        The file is damaged, or has no such arrays.
    """
    try:
        with source.open("rb") as raw, np.load(raw) as file:
            return [file[name] for name in names]
    except DAMAGE as error:
        wanted = " and ".join(f"`{name}`" for name in names)
        raise DatasetError(f"{source}: expected arrays {wanted} ({error})") from error


def read_images(source: Path, name: str, classes: tuple[str, str]) -> Dataset:
    """Return the images of a compact subset, arrays ``images`` and ``labels``; raises as `read_arrays`."""
    images, labels = read_arrays(source, "images", "labels")
    if images.shape[1:] != (3, 32, 32) or images.dtype != np.uint8:
        raise DatasetError(
            f"{source}: expected images of shape (n, 3, 32, 32), uint8; got {images.shape}, {images.dtype}"
        )
    return Dataset(name, images, labels.astype(np.int8), classes)
