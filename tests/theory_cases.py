"""Data for the theorems, tolerances that follow from the arithmetic, and exact rational answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import oracles
from strategies import matrices, vectors

# Plain float64, and formats below, at and above its precision.
formats = st.sampled_from([None, None, 24, 53, 100, 256, 512])


@dataclass(frozen=True)
class Case:
    """Data of any shape and rank ≥ 1 with labels that have a part in the column space."""

    X: Any
    y: Any
    inside: bool  # whether y lies in the column space, up to rounding

    @property
    def rank(self) -> int:
        return len(row_basis(self.X))

    @property
    def condition(self) -> float:
        sigma = np.linalg.svd(self.X, compute_uv=False)
        return float(sigma[0] / sigma[self.rank - 1])


@st.composite
def cases(draw: st.DrawFn, max_n: int = 5, max_d: int = 5, max_condition: float = 2.0**20) -> Case:
    """n < d, n = d, n > d, rank-deficient; X scaled by up to 2**±20, y by up to 2**±10."""
    X = draw(matrices(max_n, max_d).filter(np.any))
    if draw(st.booleans()):
        y = X @ draw(vectors(X.shape[1]))
        inside = True
    else:
        y = draw(vectors(len(X)))
        inside = len(row_basis(X)) == len(X)
    X = X * 2.0 ** draw(st.sampled_from([0, 0, 0, 20, -20]))
    y = y * 2.0 ** draw(st.sampled_from([0, 0, 10, -10]))
    case = Case(X, y, inside)
    # Not by much out of the column space, so that a float64 computation sees the part in it.
    projection = norm(X @ np.linalg.lstsq(X, y, rcond=None)[0])
    assume(projection > 2.0**-10 * norm(y) and projection > 0 and case.condition < max_condition)
    return case


def norm(x: Any) -> float:
    return float(np.linalg.norm(x))


def slack(format: int | None, terms: int) -> float:
    """Relative error that roundings leave in a sum of `terms` positive products, twice over.

    With a format only the final rounding counts, half a unit in the last place of each of two sides. In
    float64 each of the terms is rounded a handful of times; 16 covers every formula here.
    """
    return 2.0 ** (1 - format) if format else (16 + terms) * 2.0**-52


def exactly(x: Any) -> Any:
    """A float, int or gmpy2.mpfr as a rational; text is decimal."""
    return oracles.rational(x)


def at_most(a: Any, b: Any, slack: float) -> bool:
    """a ≤ b but for a relative error, compared without rounding."""
    return bool(exactly(a) <= exactly(b) * (1 + exactly(slack)))


def close(a: Any, b: Any, slack: float) -> bool:
    """|a − b| ≤ slack·|b|, compared without rounding."""
    return bool(abs(exactly(a) - exactly(b)) <= abs(exactly(b)) * exactly(slack))


# --- exact answers by elimination, with no numerics of the package ----------------------------------


def row_basis(X: Any) -> list[list[Any]]:
    """Linearly independent rows of X."""
    basis, reduced = [], []
    for row in oracles.rationals(X):
        rest = row
        for pivot, other in reduced:
            rest = [a - rest[pivot] * b for a, b in zip(rest, other, strict=True)]
        pivot = next((k for k, x in enumerate(rest) if x), None)
        if pivot is not None:
            basis.append(row)
            reduced.append((pivot, [x / rest[pivot] for x in rest]))
    return basis


def solve(A: list[list[Any]], b: list[Any]) -> list[Any]:
    """Gauss-Jordan elimination of a regular system."""
    rows = [[*row, target] for row, target in zip(A, b, strict=True)]
    for k in range(len(rows)):
        pivot = next(i for i in range(k, len(rows)) if rows[i][k])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for i in range(len(rows)):
            if i != k:
                rows[i] = [x - rows[i][k] * z for x, z in zip(rows[i], rows[k], strict=True)]
    return [row[-1] for row in rows]


def gram(rows: list[list[Any]]) -> list[list[Any]]:
    return [[oracles.dot(a, b) for b in rows] for a in rows]


def solution(X: Any, y: Any) -> list[Any]:
    """X⁺y: with R a basis of the rows and X = LR it is Rᵀ(RRᵀ)⁻¹(LᵀL)⁻¹Lᵀy."""
    basis = row_basis(X)
    L = [solve(gram(basis), [oracles.dot(b, row) for b in basis]) for row in oracles.rationals(X)]
    columns = [list(column) for column in zip(*L, strict=True)]
    inner = solve(gram(columns), [oracles.dot(column, oracles.rationals(y)) for column in columns])
    weights = solve(gram(basis), inner)
    return [oracles.dot(weights, list(column)) for column in zip(*basis, strict=True)]


def difficulty(X: Any, y: Any) -> Any:
    """Q, exactly."""
    w = solution(X, y)
    return oracles.dot(w, w)


def projection(X: Any, y: Any) -> list[Any]:
    """Py = X X⁺y, exactly."""
    w = solution(X, y)
    return [oracles.dot(row, w) for row in oracles.rationals(X)]
