"""What every loader returns."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mpsharp.datasets._elementwise import total
from mpsharp.errors import ConfigurationError, DatasetError


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples of two classes.

    Parameters
    ----------
    name : what `mpsharp.datasets.load` calls it.
    samples : array, shape (n_samples, channels, …)
        Raw values; each channel is standardised on its own.
    labels : int8 array, shape (n_samples,)
        +1 for the first class, -1 for the second.
    classes : names of the first and the second class.
    """

    name: str
    samples: npt.NDArray[np.uint8] | npt.NDArray[np.float64]
    labels: npt.NDArray[np.int8]
    classes: tuple[str, str]

    def __post_init__(self) -> None:
        found = set(np.unique(self.labels).tolist())
        if len(self.samples) != len(self.labels) or not found <= {-1, 1}:
            raise DatasetError(
                f"{self.name}: expected as many labels as samples ({len(self.samples)}), each +1 or -1; "
                f"got {len(self.labels)} labels of values {sorted(found)}"
            )
        if len(found) < 2:
            first, second = (int(np.sum(self.labels == sign)) for sign in (1, -1))
            raise DatasetError(
                f"{self.name}: expected samples of both classes, "
                f"got {first} of {self.classes[0]} and {second} of {self.classes[1]}"
            )

    @property
    def largest_subset(self) -> int:
        """How many samples can be drawn in balance: twice the smaller class."""
        return 2 * int(min(np.sum(self.labels == 1), np.sum(self.labels == -1)))

    @cached_property
    def sha256(self) -> str:
        """Hash of samples and labels by value."""
        digest = hashlib.sha256(f"{self.samples.shape}{self.samples.dtype.str}".encode())
        digest.update(np.ascontiguousarray(self.samples).tobytes())
        digest.update(self.labels.astype(np.int8).tobytes())
        return digest.hexdigest()

    def balanced_subset(
        self, n: int, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Draw n/2 samples of each class without replacement and standardise them.

        Each channel is shifted and scaled to mean 0 and standard deviation 1 over the drawn samples
        (their own statistics, as the printed deviations of the paper's tables require).

        Parameters
        ----------
        n : even, at most twice the smaller class.
        rng : draws the samples of the first class, those of the second, then their order.

        Returns
        -------
        X : float64 array, shape (n, channels · …)
        y : float64 array, shape (n,), ±1
        """
        sizes = {sign: int(np.sum(self.labels == sign)) for sign in (1, -1)}
        largest = self.largest_subset
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 2 or n % 2 or n > largest:
            raise ConfigurationError(
                f"n: expected an even number from 2 to {largest} ({self.name} has {sizes[1]} "
                f"{self.classes[0]} and {sizes[-1]} {self.classes[1]}), got {n!r}"
            )
        chosen = np.concatenate(
            [rng.choice(np.flatnonzero(self.labels == sign), n // 2, replace=False) for sign in (1, -1)]
        )
        chosen = chosen[rng.permutation(n)]
        samples = self.samples[chosen].astype(np.float64)
        samples = samples.reshape(n, samples.shape[1], -1)
        centred = samples - _means(samples)
        deviation = np.sqrt(_means(centred * centred))
        if np.any(deviation == 0):
            raise DatasetError(f"{self.name}: a channel of the drawn samples is constant")
        X = (centred / deviation).reshape(n, -1)
        return X, self.labels[chosen].astype(np.float64)


def _means(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean of each channel of samples of shape (n, channels, size), as an array of shape (channels, 1)."""
    n, channels, size = samples.shape
    sums = total(samples.transpose(0, 2, 1).reshape(n * size, channels))
    return np.asarray(sums / (n * size))[:, None]
