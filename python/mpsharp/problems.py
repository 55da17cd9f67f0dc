"""Problems: data, depth and starting point of the minimalist model; those of the paper by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpsharp import datasets, initialization
from mpsharp.errors import ConfigurationError, ShapeError, check_name
from mpsharp.exact import as_exact_input, exact_text
from mpsharp.initialization import check_count, check_depth, check_positive, check_seed
from mpsharp.optimizers import GD, Optimizer, check_optimizer
from mpsharp.theory.difficulty import difficulty_float64, rank_and_condition


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """Data, depth and starting point of the minimalist model f(x) = xᵀu · v₁⋯v_{D−1}.

    Nothing is rounded here: a run rounds every number once to its own format.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Data. Floats, or exact numbers (gmpy2, mpmath, Fraction, text such as "0.1").
    y : array_like, shape (n_samples,)
        Labels.
    u : array_like, shape (n_features,)
        First layer at the start.
    v : array_like, shape (depth - 1,)
        The other layers at the start.
    depth : int, optional
        D ≥ 2; len(v) + 1 by default.
    optimizer : GD, SGD or GradientFlow, optional
        What `mpsharp.run` uses when it is given none.
    steps : int, optional
        How many steps `mpsharp.run` makes when it is not told.
    recipe : mapping, optional
        Name and arguments that rebuild this problem (`from_recipe`); set by the named problems.

    Raises
    ------
    ShapeError
        Lengths that do not fit together.
    NonFiniteError
        NaN or infinity anywhere.
    ConfigurationError
        Depth below 2, or something that is not a number.
    """

    X: NDArray[Any]
    y: NDArray[Any]
    u: NDArray[Any]
    v: NDArray[Any]
    depth: int | None = None
    optimizer: Optimizer | None = None
    steps: int | None = None
    recipe: Mapping[str, Any] | None = None
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.depth is not None:
            check_depth(self.depth)
        for name, ndim in (("X", 2), ("y", 1), ("u", 1), ("v", 1)):
            array = as_exact_input(getattr(self, name), name)
            if array.ndim != ndim:
                raise ShapeError(
                    f"{name}: expected {ndim} dimension(s), got {array.ndim} (shape {array.shape})"
                )
            if array.size == 0:
                raise ShapeError(f"{name}: expected at least one entry, got shape {array.shape}")
            object.__setattr__(self, name, array)
        if self.depth is None:
            object.__setattr__(self, "depth", len(self.v) + 1)
        n_samples, n_features = self.X.shape
        expected = {"y": n_samples, "u": n_features, "v": int(self.depth or 0) - 1}
        for name, length in expected.items():
            actual = len(getattr(self, name))
            if actual != length:
                raise ShapeError(
                    f"{name}: expected length {length} (X has shape {self.X.shape}, depth is {self.depth}), "
                    f"got {actual}"
                )
        if self.optimizer is not None:
            check_optimizer(self.optimizer)
        if self.steps is not None:
            object.__setattr__(self, "steps", check_count("steps", self.steps))
        if self.recipe is not None:  # ready for JSON: NumPy scalars become Python's
            plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in self.recipe.items()}
            object.__setattr__(self, "recipe", plain)

    def __repr__(self) -> str:
        name = self.recipe["name"] if self.recipe else "explicit"
        return (
            f"<Problem {name}: n_samples={self.n_samples}, n_features={self.n_features}, depth={self.depth}>"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "_cache"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in {**state, "_cache": {}}.items():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(self, name, value)

    @property
    def n_samples(self) -> int:
        """n, the number of rows of X."""
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        """d, the number of columns of X."""
        return int(self.X.shape[1])

    @property
    def rank(self) -> int:
        """Numerical rank of X: singular values above max(n, d)·2⁻⁵²·σ₁, computed in float64."""
        if "rank" not in self._cache:
            self._cache["rank"] = rank_and_condition(self.X.astype(np.float64))[0]
        return int(self._cache["rank"])

    @property
    def sha256(self) -> str:
        """Hash of X, y, u and v by value."""
        digest = hashlib.sha256()
        for name in ("X", "y", "u", "v"):
            array = getattr(self, name)
            digest.update(f"{name}{array.shape}{array.dtype.kind}".encode())
            if array.dtype == np.float64:
                digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
            else:
                digest.update("\n".join(exact_text(x) for x in array.ravel()).encode())
        return digest.hexdigest()


# --- named problems ---------------------------------------------------------------------------------


def appendix_d(
    n: int = 100,
    limit_ratio: float = 2.2,
    rank: int | None = None,
    seed: int = 0,
    *,
    depth: int = 2,
    steps: int = 1000,
) -> Problem:
    """Return the synthetic problem of Appendix D, the default of mpsharp.

    n = d; singular values √n·(5.477, 0.233, 0.233, …); label coefficients √n·(0.3, then 1.414 spread
    evenly over the rest); random orthonormal singular vectors; u ~ 0.01·N(0, I), v = 1. The generator
    of the paper is lost: this is our reading of its call ``minimal_data(100, 5.477, 0.233, 0.3, 1.414)``.

    Parameters
    ----------
    n : number of samples and of features, at least 2.
    limit_ratio : predicted sharpness over the stability limit, Ŝ_D/(2/η); sets the step size.
    rank : rank of X, 2 ≤ rank ≤ n; n by default.
    seed : of `numpy.random.default_rng`; draws W, R, then u.
    depth : D ≥ 2.
    steps : default number of steps of a run.
    """
    check_count("n", n, 2)
    check_depth(depth)
    check_positive("limit_ratio", limit_ratio)
    r = n if rank is None else check_count("rank", rank, 2)
    if r > n:
        raise ConfigurationError(f"rank: expected at most n = {n}, got {r}")
    rng = np.random.default_rng(check_seed(seed))
    w = np.linalg.qr(rng.standard_normal((n, n)))[0]
    right = np.linalg.qr(rng.standard_normal((n, n)))[0]
    u = 0.01 * rng.standard_normal(n)
    sigma = np.sqrt(n) * np.array([5.477] + [0.233] * (r - 1))
    coefficients = np.sqrt(n) * np.array([0.3] + [1.414 / np.sqrt(r - 1)] * (r - 1))
    X = (w[:, :r] * sigma) @ right[:, :r].T
    y = w[:, :r] @ coefficients
    difficulty = float(np.sum((coefficients / sigma) ** 2))
    predicted = sigma[0] ** 2 * difficulty ** ((depth - 1) / depth) / n
    recipe = {
        "name": "appendix_d",
        "n": n,
        "limit_ratio": float(limit_ratio),
        "rank": rank,
        "seed": seed,
        "depth": depth,
        "steps": steps,
    }
    return Problem(
        X=X,
        y=y,
        u=u,
        v=np.ones(depth - 1),
        optimizer=GD(float(2 * limit_ratio / predicted)),
        steps=steps,
        recipe=recipe,
    )


def gaussian(
    n: int = 100,
    d: int | None = None,
    seed: int = 0,
    *,
    depth: int = 2,
    step_size: float = 0.2,
    scale: float = 0.05,
    steps: int = 3000,
) -> Problem:
    """Return standard-normal X and y, u ~ scale·N(0, I), v = 1: the edge of stability of Figure 6(a).

    Draw order: X, y, u from ``numpy.random.default_rng(seed)``.
    """
    check_count("n", n)
    features = n if d is None else check_count("d", d)
    check_depth(depth)
    rng = np.random.default_rng(check_seed(seed))
    X = rng.standard_normal((n, features))
    y = rng.standard_normal(n)
    u = check_positive("scale", scale) * rng.standard_normal(features)
    optimizer = GD(step_size)
    recipe = {
        "name": "gaussian",
        "n": n,
        "d": d,
        "seed": seed,
        "depth": depth,
        "step_size": optimizer.config()["step_size"],
        "scale": scale,
        "steps": steps,
    }
    return Problem(X=X, y=y, u=u, v=np.ones(depth - 1), optimizer=optimizer, steps=steps, recipe=recipe)


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
    difficulty, top = difficulty_float64(X, y)
    predicted = top**2 * difficulty ** ((depth - 1) / depth) / n
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
        optimizer=GD(float(2 * limit_ratio / predicted)),
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


def row_space(problem: Problem) -> Problem:
    """Return the problem in row-space coordinates: X = L R, R with orthonormal rows, u replaced by R u.

    In exact arithmetic loss, sharpness and v stay as they are, and a step costs 2·n·min(n, d)
    multiply-adds. The factorisation is in float64, so X itself changes by rounding errors.

    Parameters
    ----------
    problem : with float64 data; returned as it is unless n_features > n_samples.

    Raises
    ------
    ConfigurationError
        The data is not float64.
    """
    if problem.n_features <= problem.n_samples:
        return problem
    if problem.X.dtype != np.float64 or problem.u.dtype != np.float64:
        raise ConfigurationError("row_space: expected float64 data, got exact numbers")
    q, r = np.linalg.qr(problem.X.T)
    recipe = {"name": "row_space", "of": dict(problem.recipe)} if problem.recipe else None
    return Problem(
        X=r.T,
        y=problem.y,
        u=q.T @ problem.u,
        v=problem.v,
        depth=problem.depth,
        optimizer=problem.optimizer,
        steps=problem.steps,
        recipe=recipe,
    )


def spectral(problem: Problem) -> Problem:
    """Return the problem in the coordinates of its singular vectors: X = diag(σ), y = Wᵀy, u = Ru.

    In exact arithmetic loss, sharpness and v stay as they are, and with ``coordinates="spectral"`` a run
    needs no decomposition: X is its own. The one made here is in float64, so X itself changes by rounding
    errors. A part of y outside the column space of X becomes one label in a row of zeros.

    Parameters
    ----------
    problem : with float64 data.

    Raises
    ------
    ConfigurationError
        The data is not float64, or X is zero.
    """
    if any(part.dtype != np.float64 for part in (problem.X, problem.y, problem.u)):
        raise ConfigurationError("spectral: expected float64 data, got exact numbers")
    if not problem.rank:
        raise ConfigurationError("spectral: expected data other than zero, got X = 0")
    left, sigma, right = np.linalg.svd(problem.X, full_matrices=False)
    left, sigma, right = left[:, : problem.rank], sigma[: problem.rank], right[: problem.rank]
    X = np.zeros((problem.n_samples, problem.rank))
    np.fill_diagonal(X, sigma)
    y = np.zeros(problem.n_samples)
    y[: problem.rank] = left.T @ problem.y
    if problem.rank < problem.n_samples:
        y[problem.rank] = np.linalg.norm(problem.y - left @ y[: problem.rank])
    recipe = {"name": "spectral", "of": dict(problem.recipe)} if problem.recipe else None
    return Problem(
        X=X,
        y=y,
        u=right @ problem.u,
        v=problem.v,
        depth=problem.depth,
        optimizer=problem.optimizer,
        steps=problem.steps,
        recipe=recipe,
    )


_NAMED: dict[str, Callable[..., Problem]] = {
    "appendix_d": appendix_d,
    "gaussian": gaussian,
    "from_dataset": from_dataset,
}


def from_recipe(
    recipe: Mapping[str, Any], *, directory: str | None = None, download: bool = False
) -> Problem:
    """Rebuild the problem that has this recipe.

    Raises
    ------
    UnknownNameError
        The recipe's name is not that of a problem.
    DatasetError
        It needs data that is absent.
    """
    arguments = dict(recipe)
    name = check_name("problem", arguments.pop("name", None), [*_NAMED, "row_space", "spectral"])
    if name in ("row_space", "spectral"):
        same = from_recipe(arguments["of"], directory=directory, download=download)
        return row_space(same) if name == "row_space" else spectral(same)
    if name == "from_dataset":
        arguments["name"] = arguments.pop("dataset")
        arguments.update(directory=directory, download=download)
    try:
        return _NAMED[name](**arguments)
    except TypeError as error:
        raise ConfigurationError(f"recipe: expected the arguments of {name}, got {dict(recipe)}") from error
