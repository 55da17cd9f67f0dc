"""The spectral norm of a bordered matrix is the norm of its border."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from mpsharp import ShapeError, theory
from strategies import numbers
from theory_cases import exactly, formats


@given(st.lists(numbers, min_size=1, max_size=6), formats)
def test_its_square_is_the_sum_of_squares(b, format):
    norm = theory.border_norm(b, format=format)
    exact = oracles.dot(oracles.rationals(b), oracles.rationals(b))
    # One rounding of the root; in float64 one more for every square and sum. Twice that for the square.
    unit = 2.0 ** (1 - format) if format else (len(b) + 3) * 2.0**-52
    assert abs(exactly(norm) ** 2 - exact) <= exact * exactly(unit)


@given(st.lists(numbers, min_size=1, max_size=6))
def test_it_is_the_spectral_norm(b):
    matrix = np.zeros((len(b) + 1, len(b) + 1))
    matrix[-1, :-1] = matrix[:-1, -1] = b
    # LAPACK's singular values have errors of some (rows) units of the norm.
    norm = np.linalg.norm(matrix, 2)
    assert abs(theory.border_norm(b) - norm) <= 8 * len(matrix) * 2.0**-52 * norm


def test_an_empty_border_is_refused():
    with pytest.raises(ShapeError):
        theory.border_norm([])
