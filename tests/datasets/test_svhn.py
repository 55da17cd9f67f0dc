"""The reader of SVHN's MATLAB file, on a small file in that format."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from mpsharp import datasets
from mpsharp.datasets import svhn
from mpsharp.errors import DatasetError


@pytest.fixture
def original(tmp_path):
    """Twelve digits; 10 stands for zero."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (32, 32, 3, 12), dtype=np.uint8)
    digits = np.array([3, 5, 10, 1, 3, 3, 9, 5, 5, 2, 3, 10], dtype=np.uint8)[:, None]
    path = tmp_path / svhn.ORIGINAL
    savemat(path, {"X": pixels, "y": digits}, do_compression=True)
    return path, pixels, digits.ravel()


def test_reads_the_original(original):
    path, pixels, digits = original
    data = datasets.load("svhn-3-5", directory=path.parent)
    chosen = np.flatnonzero((digits == 3) | (digits == 5))
    assert (data.name, data.classes) == ("svhn-3-5", ("3", "5"))
    assert data.labels.tolist() == [1 if digits[i] == 3 else -1 for i in chosen]
    for sample, i in zip(data.samples, chosen, strict=True):
        for channel in range(3):
            np.testing.assert_array_equal(sample[channel], pixels[:, :, channel, i])
    X, _ = data.balanced_subset(6, np.random.default_rng(0))
    assert X.shape == (6, 3072)


def test_reads_a_subset(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
    np.savez(tmp_path / svhn.SUBSET, images=images, labels=np.array([1, -1, -1, 1]))
    data = datasets.load("svhn-3-5", directory=tmp_path)
    np.testing.assert_array_equal(data.samples, images)
    assert data.labels.tolist() == [1, -1, -1, 1]


@pytest.mark.usefixtures("no_data")
def test_absent_data_names_the_file(tmp_path):
    with pytest.raises(DatasetError, match=r"train_32x32\.mat"):
        datasets.load("svhn-3-5", directory=tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 130, 5000, -100])
def test_truncated_file(original, keep):
    path, _, _ = original
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DatasetError, match="MATLAB file"):
        datasets.load("svhn-3-5", directory=path.parent)


@pytest.mark.parametrize(
    "contents",
    [
        {"X": np.zeros((32, 32, 3, 2), dtype=np.uint8)},
        {"X": np.zeros((32, 32, 3, 2)), "y": np.array([3, 5])},
        {"X": np.zeros((32, 32, 2), dtype=np.uint8), "y": np.array([3, 5])},
        {"X": np.zeros((32, 32, 3, 2), dtype=np.uint8), "y": np.array([3, 5, 3])},
        {"X": np.zeros((32, 32, 3, 2), dtype=np.uint8), "y": np.array([3, 3])},
    ],
)
def test_foreign_contents(tmp_path, contents):
    savemat(tmp_path / svhn.ORIGINAL, contents)
    with pytest.raises(DatasetError, match=r"expected|not SVHN"):
        datasets.load("svhn-3-5", directory=tmp_path)


def test_a_digit_that_is_missing_is_named(tmp_path):
    contents = {"X": np.zeros((32, 32, 3, 2), dtype=np.uint8), "y": np.array([[3], [10]])}
    savemat(tmp_path / svhn.ORIGINAL, contents)
    with pytest.raises(DatasetError, match=r"samples of both classes, got 1 of 3 and 0 of 5"):
        datasets.load("svhn-3-5", directory=tmp_path)


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / svhn.ORIGINAL).write_bytes(b"MATLAB 7.3 MAT-file" + bytes(200))
    with pytest.raises(DatasetError, match="MATLAB file"):
        datasets.load("svhn-3-5", directory=tmp_path)
