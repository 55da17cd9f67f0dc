"""Balanced subsets and their standardisation, on made-up samples."""

from __future__ import annotations

import numpy as np
import pytest

from mpsharp import datasets
from mpsharp.datasets import Dataset
from mpsharp.errors import ConfigurationError, DatasetError, UnknownNameError


def made_up(positive=9, negative=7):
    rng = np.random.default_rng(0)
    samples = rng.integers(0, 256, (positive + negative, 3, 4, 4), dtype=np.uint8)
    labels = np.array([1] * positive + [-1] * negative, dtype=np.int8)
    return Dataset("made-up", samples, labels, ("yes", "no"))


def test_subset_is_balanced_and_standardised_per_channel():
    X, y = made_up().balanced_subset(10, np.random.default_rng(1))
    assert (X.shape, X.dtype, y.dtype) == ((10, 48), np.float64, np.float64)
    assert sorted(y) == [-1.0] * 5 + [1.0] * 5
    channels = X.reshape(10, 3, 16)
    bound = 160 * 2.0**-52  # a sum of 160 numbers of size about one
    assert np.abs(channels.mean(axis=(0, 2))).max() < bound
    assert np.abs(channels.std(axis=(0, 2)) - 1).max() < bound


def test_standardisation_uses_the_subset_alone():
    data = made_up()
    X, y = data.balanced_subset(12, np.random.default_rng(1))
    raw = data.samples.reshape(16, 3, 16).astype(float)
    matches = []
    for row, label in zip(X.reshape(12, 3, 16), y, strict=True):
        # Affine maps keep the correlation at one, so each row names its raw sample.
        correlations = [np.corrcoef(row[0], sample[0])[0, 1] for sample in raw]
        matches.append(int(np.argmax(correlations)))
        assert data.labels[matches[-1]] == label
    assert len(set(matches)) == 12
    chosen = raw[matches]
    wanted = (chosen - chosen.mean(axis=(0, 2), keepdims=True)) / chosen.std(axis=(0, 2), keepdims=True)
    assert np.abs(X - wanted.reshape(12, 48)).max() < 12 * 16 * 2.0**-52 * np.abs(wanted).max()


def test_subsets_follow_the_generator():
    data = made_up()
    first, again, other = (data.balanced_subset(6, np.random.default_rng(seed))[0] for seed in (2, 2, 3))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("n", [0, -2, 7, 16, 4.0, True, "4", None])
def test_bad_sizes(n):
    with pytest.raises(
        ConfigurationError, match=r"n: expected an even number from 2 to 14 .*9 yes and 7 no.* got"
    ):
        made_up().balanced_subset(n, np.random.default_rng(0))


def test_constant_channel():
    data = Dataset(
        "flat", np.zeros((4, 1, 2), dtype=np.uint8), np.array([1, 1, -1, -1], dtype=np.int8), ("a", "b")
    )
    with pytest.raises(DatasetError, match="constant"):
        data.balanced_subset(2, np.random.default_rng(0))


@pytest.mark.parametrize("labels", [[1, -1, 1], [0, 1]])
def test_bad_labels(labels):
    with pytest.raises(DatasetError, match="expected as many labels as samples"):
        Dataset("bad", np.zeros((2, 1, 2), dtype=np.uint8), np.array(labels, dtype=np.int8), ("a", "b"))


def test_one_class_alone():
    with pytest.raises(DatasetError, match="bad: expected samples of both classes, got 2 of a and 0 of b"):
        Dataset("bad", np.zeros((2, 1, 2), dtype=np.uint8), np.ones(2, dtype=np.int8), ("a", "b"))


def test_names():
    assert datasets.names() == ["digits-3-5", "cifar10-cat-dog", "svhn-3-5", "speech-yes-no"]
    with pytest.raises(UnknownNameError, match=r"unknown data set: .*'digits-3-5'.*got 'mnist'"):
        datasets.load("mnist")


def test_digits_against_scikit_learn():
    from sklearn.datasets import load_digits

    data = datasets.load("digits-3-5")
    digits = load_digits()
    assert data.classes == ("3", "5")
    assert data.samples.shape == (365, 1, 8, 8)
    np.testing.assert_array_equal(data.samples[data.labels == 1, 0], digits.images[digits.target == 3])
    np.testing.assert_array_equal(data.samples[data.labels == -1, 0], digits.images[digits.target == 5])
    X, _ = data.balanced_subset(100, np.random.default_rng(0))
    assert abs(X.mean()) < X.size * 2.0**-53  # one mean and one deviation for all pixels
    assert abs(X.std() - 1) < X.size * 2.0**-53
