"""Real data sets of two classes, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mpsharp.datasets import _cache, cifar10, digits, speech_commands, svhn
from mpsharp.datasets.base import Dataset
from mpsharp.errors import check_name

_PUBLISHED = {
    cifar10.NAME: (cifar10.CANDIDATES, cifar10.CONTENTS),
    svhn.NAME: (svhn.CANDIDATES, ()),
    speech_commands.NAME: (speech_commands.CANDIDATES, speech_commands.WORDS),
}
_LOADERS: dict[str, Callable[[Path | None, bool], Dataset]] = {
    "digits-3-5": digits.load,
    cifar10.NAME: cifar10.load,
    svhn.NAME: svhn.load,
    speech_commands.NAME: speech_commands.load,
}


def names() -> list[str]:
    """Return the names that `load` knows."""
    return list(_LOADERS)


def load(name: str, *, directory: str | Path | None = None, download: bool = False) -> Dataset:
    """Return a data set of two classes.

    Parameters
    ----------
    name : "digits-3-5" (embedded in scikit-learn), "cifar10-cat-dog", "svhn-3-5" or "speech-yes-no".
    directory : where to look first, or the unpacked archive itself; then the folder that the environment
        variable MPSHARP_DATA names, then the cache of earlier downloads.
    download : fetch the public archive (170 MB for CIFAR-10, 182 MB for SVHN, 2.4 GB for
        Speech Commands) where nothing was found.

    Raises
    ------
    UnknownNameError
        No such data set.
    MissingDatasetError
        Not found, with every place that was looked at.
    DatasetError
        Found, and damaged.
    """
    check_name("data set", name, _LOADERS)
    return _LOADERS[name](None if directory is None else Path(directory), download)


def source(name: str, *, directory: str | Path | None = None) -> Path | None:
    """Return the file or folder that `load` would read; None where there is none, or the data is embedded.

    Raises
    ------
    UnknownNameError
        No such data set.
    """
    check_name("data set", name, _LOADERS)
    folders = _cache.search_path(None if directory is None else Path(directory))
    return _cache.find(folders, *_PUBLISHED.get(name, ((),)))


def folder(directory: str | Path) -> Path:
    """Return the folder as an absolute path.

    Raises
    ------
    DatasetError
        It is none.
    """
    return _cache.search_path(Path(directory))[0].resolve()


__all__ = ["Dataset", "folder", "load", "names", "source"]
