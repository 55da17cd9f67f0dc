"""The row indices of SGD's mini-batches: a pure function of seed and step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mpsharp.errors import ConfigurationError, check_name

if TYPE_CHECKING:
    from mpsharp.optimizers import SGD

SAMPLINGS = ("reshuffle", "uniform")

Rows = npt.NDArray[np.int64]


class Batches:
    """Which rows of the data each step of SGD sees, in the order in which they are summed.

    An *epoch* is ⌊n/B⌋ steps, n the number of samples and B the batch size. Epoch e has a generator
    of its own, ``numpy.random.SeedSequence(seed, spawn_key=(e,))``. So a batch depends on seed and
    step alone, whatever the format, the chunks in which a run is made, or what it records.

    - "reshuffle": an epoch is one permutation of the rows, cut into batches from its front. Its last
      n mod B rows are left out; the permutation of the next epoch is of all rows again.
    - "uniform": each batch is drawn without replacement, independently of all others.

    Parameters
    ----------
    optimizer : SGD
        Batch size and sampling.
    n_samples : int
        n, at least the batch size.
    seed : int
        Of the generators, at least 0.

    Raises
    ------
    ConfigurationError
        A batch larger than the data.
    """

    def __init__(self, optimizer: SGD, n_samples: int, seed: int) -> None:
        if optimizer.batch_size > n_samples:
            raise ConfigurationError(
                f"batch_size: expected at most n_samples = {n_samples}, got {optimizer.batch_size}"
            )
        self._n_samples = n_samples
        self.size = optimizer.batch_size
        self._sampling = check_name("sampling", optimizer.sampling, SAMPLINGS)
        self._seed = seed
        self._cached: tuple[int, Rows] | None = None
        self.epoch_steps = n_samples // self.size

    def rows(self, step: int, steps: int) -> Rows:
        """Return the rows of the steps from `step` on (the first step is 0), shape (steps, batch_size)."""
        out = np.empty((steps, self.size), dtype=np.int64)
        done = 0
        while done < steps:
            epoch, offset = divmod(step + done, self.epoch_steps)
            part = self._epoch(epoch)[offset : offset + steps - done]
            out[done : done + len(part)] = part
            done += len(part)
        return out

    def _epoch(self, epoch: int) -> Rows:
        if self._cached is None or self._cached[0] != epoch:
            rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(epoch,)))
            shape = (self.epoch_steps, self.size)
            if self._sampling == "reshuffle":
                rows = rng.permutation(self._n_samples)[: self.epoch_steps * self.size].reshape(shape)
            else:
                draws = [
                    rng.choice(self._n_samples, self.size, replace=False) for _ in range(self.epoch_steps)
                ]
                rows = np.array(draws)
            self._cached = epoch, rows.astype(np.int64)
        return self._cached[1]
