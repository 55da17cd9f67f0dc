"""CIFAR-10, cats against dogs, from the original python archive or a compact subset."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mpsharp.datasets import _cache
from mpsharp.datasets.base import Dataset
from mpsharp.errors import DatasetError

NAME = "cifar10-cat-dog"
CLASSES = ("cat", "dog")
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
MD5 = "md5:c58f30108f718f92721af3b95e74349a"
FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
SUBSET = "cifar10_cat_dog.npz"
CANDIDATES = (FOLDER, ARCHIVE, SUBSET)
BATCHES = [f"data_batch_{i}" for i in range(1, 6)]
CONTENTS = BATCHES[:1]
CAT, DOG = 3, 5


class _BatchUnpickler(pickle.Unpickler):
    """Reads the batches' dicts of arrays and refuses every other class."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name in (
            "_reconstruct",
            "scalar",
        ):
            return super().find_class("numpy._core.multiarray", name)
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return super().find_class(module, name)
        if (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a CIFAR-10 batch")


def _raw_batches(source: Path) -> Iterator[bytes]:
    if source.is_dir():
        for name in BATCHES:
            yield (source / name).read_bytes()
        return
    found = {
        name.removeprefix(f"{FOLDER}/"): contents
        for name, contents in _cache.read_tar(source, lambda name: name.removeprefix(f"{FOLDER}/") in BATCHES)
    }
    for name in BATCHES:
        yield found[name]


def _from_batches(source: Path) -> Dataset:
    images, labels = [], []
    try:
        for raw in _raw_batches(source):
            batch = _BatchUnpickler(io.BytesIO(raw), encoding="bytes").load()
            data, target = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"])
            if data.shape[1:] != (3072,) or data.dtype != np.uint8 or target.shape != data.shape[:1]:
                raise ValueError(
                    f"expected data of shape (n, 3072), uint8, and n labels; "
                    f"got {data.shape}, {data.dtype}, {target.shape}"
                )
            chosen = np.isin(target, (CAT, DOG))
            images.append(data[chosen].reshape(-1, 3, 32, 32))
            labels.append(np.where(target[chosen] == CAT, 1, -1))
    except _cache.DAMAGE as error:
        raise DatasetError(f"{source}: not the CIFAR-10 python archive ({error})") from error
    return Dataset(NAME, np.concatenate(images), np.concatenate(labels).astype(np.int8), CLASSES)


def load(directory: Path | None = None, download: bool = False) -> Dataset:
    """Return the cats (+1) and dogs (-1) among the training images, in their original order.

    Looks for the unpacked archive, the archive, or a compact ``cifar10_cat_dog.npz`` (arrays
    ``images`` (n, 3, 32, 32) uint8 and ``labels`` ±1), in that order.
    """
    folders = _cache.search_path(directory)
    source = _cache.find(folders, CANDIDATES, CONTENTS)
    if source is None:
        if not download:
            raise _cache.not_found(NAME, folders, CANDIDATES, URL)
        source = _cache.fetch(URL, MD5, ARCHIVE)
    if source.suffix == ".npz":
        return _cache.read_images(source, NAME, CLASSES)
    return _from_batches(source)
