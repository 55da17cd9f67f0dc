"""Street View House Numbers, threes against fives, from the original MATLAB file or a compact subset."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mpsharp.datasets import _cache
from mpsharp.datasets.base import Dataset
from mpsharp.errors import DatasetError

NAME = "svhn-3-5"
URL = "http://ufldl.stanford.edu/housenumbers/train_32x32.mat"
MD5 = "md5:e26dedcc434d2e4c54c9b2d4a06d8373"
ORIGINAL = "train_32x32.mat"
SUBSET = "svhn_3_5.npz"
CANDIDATES = (ORIGINAL, SUBSET)
CLASSES = ("3", "5")


def _from_original(source: Path) -> Dataset:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        contents = loadmat(source, variable_names=("X", "y"))
        images, digits = contents["X"], contents["y"].ravel()
    except (*_cache.DAMAGE, MatReadError, NotImplementedError) as error:
        raise DatasetError(f"{source}: not SVHN's MATLAB file ({error})") from error
    if images.shape[:3] != (32, 32, 3) or images.dtype != np.uint8 or images.shape[3:] != digits.shape:
        raise DatasetError(
            f"{source}: expected X of shape (32, 32, 3, n), uint8, and n labels y; "
            f"got {images.shape}, {images.dtype}, {digits.shape}"
        )
    chosen = np.isin(digits, (3, 5))
    samples = np.ascontiguousarray(images[..., chosen].transpose(3, 2, 0, 1))
    return Dataset(NAME, samples, np.where(digits[chosen] == 3, 1, -1).astype(np.int8), CLASSES)


def load(directory: Path | None = None, download: bool = False) -> Dataset:
    """Return the threes (+1) and fives (-1) among the cropped training digits, in their original order.

    Looks for the original ``train_32x32.mat`` (labels 1 … 9, and 10 for the digit 0), or a compact
    ``svhn_3_5.npz`` (arrays ``images`` (n, 3, 32, 32) uint8 and ``labels`` ±1). The download has 182 MB.
    """
    folders = _cache.search_path(directory)
    source = _cache.find(folders, CANDIDATES)
    if source is None:
        if not download:
            raise _cache.not_found(NAME, folders, CANDIDATES, URL)
        source = _cache.fetch(URL, MD5, ORIGINAL)
    if source.suffix == ".npz":
        return _cache.read_images(source, NAME, CLASSES)
    return _from_original(source)
