"""Handwritten digits 3 and 5, embedded in scikit-learn: real data without a download."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mpsharp.datasets.base import Dataset
from mpsharp.errors import DatasetError


def load(directory: Path | None = None, download: bool = False) -> Dataset:
    """Return the 8×8 digits 3 (+1) and 5 (-1) of scikit-learn; both arguments are without effect."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise DatasetError("digits-3-5 needs scikit-learn: pip install 'mpsharp[data]'") from None
    digits = load_digits()
    chosen = np.isin(digits.target, (3, 5))
    labels = np.where(digits.target[chosen] == 3, 1, -1).astype(np.int8)
    samples = np.asarray(digits.images[chosen], dtype=np.float64)[:, None]
    return Dataset("digits-3-5", samples, labels, ("3", "5"))
