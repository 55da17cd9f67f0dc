"""Problems of real data: random subsets, and the two of Figure 29."""

from __future__ import annotations

import numpy as np

from mpsharp import datasets, initialization
from mpsharp.initialization import check_depth, check_positive, check_seed
from mpsharp.optimizers import GD
from mpsharp.problems.problem import Problem
from mpsharp.problems.step_sizes import data_step_size


def from_dataset(
    name: str,
    n: int = 100,
    seed: int = 0,
    *,
    depth: int = 2,
    limit_ratio: float = 1.5,
    v: float | None = None,
    steps: int = 1000,
    directory: str | None = None,
    download: bool = False,
) -> Problem:
    """Return a balanced random subset of real data, standardised by its own statistics.

    Parameters
    ----------
    name : a data set of `mpsharp.datasets`, for example "cifar10-cat-dog".
    n : even number of samples, half of each class.
    seed : draws the subset, then u and v.
    depth : D ≥ 2.
    limit_ratio : predicted sharpness of this subset over the stability limit; sets the step size.
    v : every v_l at the start; drawn by PyTorch's default if None. u always is.
    steps : default number of steps of a run.
    directory, download : where the data is; see `mpsharp.datasets.load`.

    Raises
    ------
    DatasetError
        The data is nowhere to be found.
    """
    check_depth(depth)
    check_positive("limit_ratio", limit_ratio)
    rng = np.random.default_rng(check_seed(seed))
    X, y = datasets.load(name, directory=directory, download=download).balanced_subset(n, rng)
    u, layers = initialization.pytorch_default(X.shape[1], depth, rng)
    if v is not None:
        layers = np.full(depth - 1, float(v))
    recipe = {
        "name": "from_dataset",
        "dataset": name,
        "n": n,
        "seed": seed,
        "depth": depth,
        "limit_ratio": float(limit_ratio),
        "v": v,
        "steps": steps,
    }
    return Problem(
        X=X,
        y=y,
        u=u,
        v=layers,
        optimizer=GD(data_step_size(X, y, depth, limit_ratio)),
        steps=steps,
        recipe=recipe,
    )


def figure29_postponed(seed: int = 0, *, directory: str | None = None, download: bool = False) -> Problem:
    """Return 300 cats and dogs, D = 2, v = 0.4, limit ratio 1.5: more bits postpone the catapult.

    For seeds 0 to 2 it comes between steps 1300 and 1750 in float64, and the law of the precision horizon
    puts it before step 3200 at 1024 bits.
    """
    return from_dataset(
        "cifar10-cat-dog",
        300,
        seed,
        v=0.4,
        limit_ratio=1.5,
        steps=3500,
        directory=directory,
        download=download,
    )


def figure29_blowup(seed: int = 0, *, directory: str | None = None, download: bool = False) -> Problem:
    """Return 100 cats and dogs, D = 2, v = 0.15, limit ratio 3: many bits end in a blow-up."""
    return from_dataset(
        "cifar10-cat-dog",
        100,
        seed,
        v=0.15,
        limit_ratio=3.0,
        steps=1500,
        directory=directory,
        download=download,
    )
