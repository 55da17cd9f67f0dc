"""The Hessian in the coordinates of the right singular vectors, entry by entry."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import oracles
from mpsharp.theory.hessian import arrow
from strategies import vectors
from theory_cases import exactly


@given(st.integers(1, 4), st.integers(1, 5), st.data())
def test_entries_for_diagonal_data(rank, layers, data):
    # X = diag(σ): singular vectors are unit vectors, and the coordinates are the parameters.
    sigma = np.abs(data.draw(vectors(rank))) + 0.5
    y, u, v = (data.draw(vectors(size)) for size in (rank, rank, layers))
    exact = oracles.hessian(*map(oracles.rationals, (np.diag(sigma), y, u, v)))
    found = arrow(sigma, y, u, v, rank).dense()
    assert found.shape == (rank + layers, rank + layers)
    # Each entry has few terms; their sizes are those of the same Hessian without a sign.
    plain = oracles.hessian(*map(oracles.rationals, (np.diag(sigma), -np.abs(y), np.abs(u), np.abs(v))))
    for row, other, sizes in zip(found, exact, plain, strict=True):
        for a, b, size in zip(row, other, sizes, strict=True):
            assert abs(exactly(a) - b) <= abs(size) * exactly(32 * (rank + layers) * 2.0**-53)
