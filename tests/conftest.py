"""Effort of the property tests, versions in the header, and where real data is."""

from __future__ import annotations

import os
from pathlib import Path

# Before NumPy is loaded: on a busy machine two threads wait for each other and take twenty times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import mpsharp._version
from mpsharp import datasets
from mpsharp.datasets import svhn
from mpsharp.errors import MissingDatasetError

_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("dev", max_examples=25, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile("ci", max_examples=60, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile("thorough", max_examples=2000, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.load_profile(os.environ.get("MPSHARP_TEST_EFFORT", "ci" if os.environ.get("CI") else "dev"))


def pytest_report_header() -> list[str]:
    versions = ", ".join(f"{name} {value}" for name, value in mpsharp._version.versions().items())
    return [versions, f"MPSHARP_DATA: {os.environ.get('MPSHARP_DATA', 'not set')}"]


@pytest.fixture
def cats_and_dogs() -> datasets.Dataset:
    """The real images; skips, saying so, where they are not."""
    try:
        return datasets.load("cifar10-cat-dog")
    except MissingDatasetError as error:
        pytest.skip(f"needs real data: {error}")


@pytest.fixture
def real_speech() -> datasets.Dataset:
    """The real recordings; skips, saying so, where they are not."""
    try:
        return datasets.load("speech-yes-no")
    except MissingDatasetError as error:
        pytest.skip(f"needs real data: {error}")


@pytest.fixture
def small_svhn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A world whose only data is SVHN's file with ten threes and eleven fives of noise, and other digits."""
    from scipy.io import savemat

    rng = np.random.default_rng(0)
    digits = np.repeat([3, 5, 10], [10, 11, 2])[:, None].astype(np.uint8)
    pixels = rng.integers(0, 256, (32, 32, 3, len(digits)), dtype=np.uint8)
    folder = tmp_path / "small_svhn"
    folder.mkdir()
    savemat(folder / svhn.ORIGINAL, {"X": pixels, "y": digits}, do_compression=True)
    monkeypatch.setenv("MPSHARP_DATA", str(folder))
    monkeypatch.setenv("MPSHARP_CACHE", str(tmp_path / "nothing"))
    return folder


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A world without real data."""
    monkeypatch.delenv("MPSHARP_DATA", raising=False)
    monkeypatch.setenv("MPSHARP_CACHE", str(tmp_path / "nothing"))
