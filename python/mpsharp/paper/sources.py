"""The paper's three data sets, as its figures use them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mpsharp import initialization, problems
from mpsharp.datasets import Dataset

CIFAR, SVHN, SPEECH = "cifar10-cat-dog", "svhn-3-5", "speech-yes-no"
SUBJECTS = {
    CIFAR: "cats and dogs",
    SVHN: "threes and fives of SVHN",
    SPEECH: "spoken yes and no",
}


def possible(sizes: Iterable[int], dataset: Dataset) -> tuple[int, ...]:
    """Sizes of balanced subsets: those asked for, and where there are too few samples all that there are."""
    return tuple(sorted({min(n, dataset.largest_subset) for n in sizes}))


def drawn(dataset: Dataset, n: int, seed: int, depth: int = 2) -> problems.Problem:
    """Draw what `mpsharp.problems.from_dataset` draws, in row-space coordinates, from data loaded before.

    Parameters
    ----------
    dataset : loading it anew for every subset would take longer than some runs do.
    n : even number of samples.
    seed : draws the subset, then PyTorch's default start.
    depth : D ≥ 2.
    """
    rng = np.random.default_rng(seed)
    X, y = dataset.balanced_subset(n, rng)
    u, v = initialization.pytorch_default(X.shape[1], depth, rng)
    return problems.reduced(problems.Problem(X=X, y=y, u=u, v=v))
