"""Hypothesis strategies for small problems and numbers, biased to the corners."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from mpsharp import GD, Problem

# Signed zeros, ones, numbers with few bits (sums cancel exactly) and with all of them.
simple_numbers = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0])
short_numbers = st.integers(-64, 64).map(lambda k: k / 16)
long_numbers = st.floats(-4, 4, allow_subnormal=False).map(lambda x: x if abs(x) > 2.0**-40 else 0.1)
numbers = simple_numbers | short_numbers | long_numbers


def vectors(length: int, elements: st.SearchStrategy[float] = numbers) -> st.SearchStrategy[Any]:
    """float64 vectors of one length."""
    return st.lists(elements, min_size=length, max_size=length).map(lambda x: np.array(x, dtype=np.float64))


@st.composite
def matrices(draw: st.DrawFn, max_n: int = 5, max_d: int = 5) -> Any:
    """float64 matrices of every shape (n < d, n = d, n > d) and rank, also with repeated rows, or zero."""
    n, d = draw(st.integers(1, max_n)), draw(st.integers(1, max_d))
    kind = draw(st.sampled_from(["full", "full", "low rank", "repeated rows", "diagonal", "zero"]))
    if kind == "low rank":
        small = st.integers(-4, 4).map(float)
        rank = draw(st.integers(1, min(n, d)))
        left, right = draw(vectors(n * rank, small)), draw(vectors(rank * d, small))
        return left.reshape(n, rank) @ right.reshape(rank, d)
    if kind == "repeated rows":
        rows = draw(vectors(2 * d)).reshape(2, d)
        return rows[draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))]
    if kind == "diagonal":
        # Repeated singular values, zeros among them.
        return np.eye(n, d) * draw(vectors(d, st.sampled_from([0.0, 1.0, 2.0])))
    if kind == "zero":
        return np.zeros((n, d))
    return draw(vectors(n * d)).reshape(n, d)


@st.composite
def problems(
    draw: st.DrawFn, max_n: int = 5, max_d: int = 5, max_depth: int = 5, scale_bits: int = 40
) -> Problem:
    """Small problems with an optimizer: depths 2 … `max_depth`, X scaled by up to 2**±`scale_bits`."""
    scale = st.sampled_from([0, 0, 0, scale_bits, -scale_bits])
    X = draw(matrices(max_n, max_d)) * 2.0 ** draw(scale)
    n, d = X.shape
    layers = draw(st.integers(1, max_depth - 1))
    # Step sizes far below, near and above the stability limit; full-length significands.
    size = max(float(np.linalg.norm(X)) ** 2 / n, 2.0**-90)
    step_size = draw(st.sampled_from([0.001, 0.1, 0.7, 3.0])) / size
    y = draw(vectors(n)) * 2.0 ** draw(st.sampled_from([0, 0, 10, -10]))
    u, v = draw(vectors(d)), draw(vectors(layers))
    return Problem(X=X, y=y, u=u, v=v, optimizer=GD(step_size=step_size), steps=5)
