"""Random problems of every kind that an enclosure of the sharpness has to survive."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from mpsharp import Problem

KINDS = ("full", "low rank", "repeated", "clustered", "diagonal", "zero", "integer")


def _data(rng: np.random.Generator, kind: str, n: int, d: int) -> Any:
    if kind == "full":
        return rng.standard_normal((n, d))
    if kind == "low rank":
        rank = int(rng.integers(1, min(n, d) + 1))
        return rng.integers(-3, 4, (n, rank)) @ rng.integers(-3, 4, (rank, d)) * 1.0
    if kind == "repeated":  # rows of a scaled identity, signs and order mixed: equal singular values
        return np.eye(n, d)[rng.permutation(n)] * rng.choice([1.0, -1.0], d) * 1.5
    if kind == "clustered":  # singular values that differ from the 30th or the 100th digit on, exactly given
        X = np.full((n, d), Fraction(0), dtype=object)
        for i in range(min(n, d)):
            X[i, i] = 1 + Fraction(int(rng.integers(0, 4)), 10 ** int(rng.choice([30, 100])))
        return X
    if kind == "diagonal":
        return np.eye(n, d) * rng.choice([0.0, 1.0, 2.0, 3.0], d)
    if kind == "zero":
        return np.zeros((n, d))
    return rng.integers(-2, 3, (n, d)) * 1.0


def random_problem(seed: int, max_size: int = 20, max_depth: int = 20) -> Problem:
    """Shapes, ranks, singular values, labels, depths and scales drawn with the corners overweighted."""
    rng = np.random.default_rng(seed)
    n, d = (int(rng.integers(1, max_size + 1)) for _ in range(2))
    layers = int(rng.choice([1, 1, 2, 3, int(rng.integers(1, max_depth))]))
    kind = KINDS[int(rng.integers(len(KINDS)))]
    X = _data(rng, kind, n, d)
    y = rng.choice([0, 1, 1]) * rng.standard_normal(n)
    if rng.random() < 0.2:
        y = rng.choice([-1.0, 1.0], n)
    u = rng.choice([0, 1, 1, 1]) * rng.standard_normal(d)
    v = rng.standard_normal(layers) * rng.choice([1, 1, 1e-3])
    if rng.random() < 0.25:  # c = 0, or tiny
        v[rng.integers(0, layers, rng.integers(1, 3))] = rng.choice([0.0, 1e-40, 2.0**-200])
    if rng.random() < 0.2:
        u, v = np.round(u), np.round(v)
    scale = [2 ** int(e) if e >= 0 else Fraction(1, 2 ** int(-e)) for e in rng.choice([0, 0, 200, -200], 4)]
    parts = [
        part * factor if part.dtype == object else part * float(factor)
        for part, factor in zip((X, y, u, v), scale, strict=True)
    ]
    if layers > 3:  # products of many layers at 2**±200 only with their scale spread
        parts[3] = v
    return Problem(X=parts[0], y=parts[1], u=parts[2], v=parts[3])
