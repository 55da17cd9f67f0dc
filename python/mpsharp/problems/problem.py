"""A problem: data, depth and starting point of the minimalist model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpsharp.errors import ShapeError
from mpsharp.exact import as_exact_input, exact_text
from mpsharp.initialization import check_count, check_depth
from mpsharp.optimizers import Optimizer, check_optimizer
from mpsharp.theory.difficulty import rank_and_condition


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
        D from 2 to 1000; len(v) + 1 by default.
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
        """Numerical rank of X: singular values above max(n, d)·2⁻⁵²·σ₁, computed in float64.

        Of one within LAPACK's rounding errors of that border, processors may judge differently.
        """
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
