"""Rank and condition: of exact numbers by elimination modulo primes, and of float64 data."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp import theory
from mpsharp.exact import as_exact_input
from mpsharp.theory.difficulty import rank_and_condition
from mpsharp.theory.rank import exact_rank


@given(st.integers(1, 5), st.integers(1, 5), st.data())
def test_products_of_known_rank(n, d, data):
    rank = data.draw(st.integers(0, min(n, d)))
    # Unit triangles around a diagonal of `rank` ones, with ratios that no binary format holds.
    ratios = st.fractions(-3, 3, max_denominator=7)
    left, right = (
        [[data.draw(ratios) if j < i else Fraction(int(i == j)) for j in range(size)] for i in range(size)]
        for size in (n, d)
    )
    X = [
        [sum((left[i][k] * right[j][k] for k in range(rank)), Fraction(0)) for j in range(d)]
        for i in range(n)
    ]
    rows = data.draw(st.permutations(X))
    assert exact_rank(as_exact_input(rows, "X")) == rank


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 5), (1, 1)])
def test_repeated_rows(shape):
    assert exact_rank(np.ones(shape)) == 1
    assert exact_rank(as_exact_input([["1/3"] * shape[1]] * shape[0], "X")) == 1
    assert exact_rank(np.zeros(shape)) == 0


def test_one_unit_in_the_last_place_counts():
    X = np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]])
    assert exact_rank(X) == 2
    assert rank_and_condition(X) == (1, 0)


@pytest.mark.parametrize(
    ("sigma", "expected"), [((8.0, 1.0), (2, 3)), ((5.0, 1.0), (2, 3)), ((7.0, 0.0), (1, 0))]
)
def test_condition_in_bits(sigma, expected):
    assert rank_and_condition(np.diag(sigma)) == expected
    assert rank_and_condition(np.diag(sigma) * 1e300) == expected


def test_a_rank_of_zero_leaves_nothing():
    X, y = np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([1.0, 1.0])
    for format in (None, 80):
        assert theory.spectrum(X, format=format, rank=0).rank == 0
        assert theory.dataset_difficulty(X, y, format=format, rank=0) == 0
        assert theory.predicted_sharpness(X, y, format=format, rank=0) == 0
        assert theory.initial_sharpness_bounds(X, y, 1, 1, format=format, rank=0) == (0, 0)
        assert theory.sharpness_bounds(X, y, [1.0, 1.0], 2.0, format=format, rank=0) == (0, 0)
