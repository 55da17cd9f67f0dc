"""Coordinates in which a run can be made: the data, labels and first layer that it then trains on.

With X = L R, R with orthonormal rows, the model sees u only through a = R u, and gradient descent moves u
within the row space: in exact arithmetic a run in a is the run in u. Rounded arithmetic puts its noise
elsewhere, so a result says which coordinates it used. With r the rank of X, a step costs

- ``parameter``, u itself: 2·n·d multiply-adds;
- ``row_space``, a: 2·n·r. L is lower triangular where X has full row rank, X itself where it has full
  column rank (r = d), and W Σ otherwise;
- ``spectral``, ν_i = r_iᵀu (Appendix B.1): 2·r. X becomes diag(σ) and y the coefficients d_i = w_iᵀy; what y
  has outside the column space adds ‖y − Py‖²/(2n) to every loss (footnote 1), the *loss floor*.

Singular values up to max(n, d)·2⁻⁵²·σ₁ count as zero (`Problem.rank`) in the last two. Everything is
computed from the data as they were given, with guard bits, and rounded once to the format of the run: σ_i,
d_i, ν_i and the floor, or L and a. The float formats use NumPy's float64 decompositions instead, whose last
bits, and vectors of nearly equal singular values, differ from processor to processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mpsharp.errors import ConfigurationError

if TYPE_CHECKING:
    from mpsharp.problems import Problem

COORDINATES = ("parameter", "row_space", "spectral")


@dataclass(frozen=True, eq=False, kw_only=True)
class Form:
    """Data, labels and first layer of a problem in some coordinates, before a run rounds them.

    Numbers are float64 arrays, object arrays of exact numbers, or `ExactArray`.

    Attributes
    ----------
    X : shape (rows, columns); of a diagonal matrix its diagonal alone, shape (columns,).
    y : shape (rows,).
    u : shape (columns,).
    n_samples : n, by which the loss divides whatever the number of rows.
    loss_floor : what each loss has beyond the rows' own, shape (); None where that is nothing.
    """

    X: Any
    y: Any
    u: Any
    n_samples: int
    loss_floor: Any = None

    @property
    def is_diagonal(self) -> bool:
        """Whether X is given by its diagonal."""
        return len(self.X.shape) == 1


def parameter_form(problem: Problem) -> Form:
    """Return the problem as it is: ``parameter`` coordinates."""
    return Form(X=problem.X, y=problem.y, u=problem.u, n_samples=problem.n_samples)


def check_reducible(problem: Problem, coordinates: str) -> None:
    """Raise ConfigurationError where X is zero, so that nothing is left to train on."""
    if problem.rank == 0:
        raise ConfigurationError(f"coordinates={coordinates!r}: expected data other than zero, got X = 0")


def spans_features(problem: Problem) -> bool:
    """Whether the row space of X is everything, so that ``row_space`` is ``parameter``."""
    return problem.rank == problem.n_features


def spans_samples(problem: Problem) -> bool:
    """Whether every label is in the column space of X: no loss floor."""
    return problem.rank == problem.n_samples
