"""The largest eigenvalue of an arrow matrix, against a dense solver."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

flint = pytest.importorskip("flint")

from mpsharp.balls.arrow import Arrow  # noqa: E402

short = st.integers(-8, 8).map(lambda k: k / 4)
small = st.sampled_from([0.0, 2.0**-70, 2.0**-30]) | short


@st.composite
def arrows(draw):
    r, size = draw(st.integers(0, 4)), draw(st.integers(1, 3))
    a = [abs(draw(short)) for _ in range(r)]
    b = [draw(small) for _ in range(r)]
    w = [draw(short) for _ in range(size)]
    G = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for k in range(i, size):
            G[i][k] = G[k][i] = abs(draw(small)) if i == k else draw(small)
    return a, b, w, G


def balls(values):
    return [balls(x) if isinstance(x, list) else flint.arb(x) for x in values]


def dense(a, b, w, G):
    r, size = len(a), len(w)
    A = np.zeros((r + size, r + size))
    A[:r, :r] = np.diag(a)
    A[r:, r:] = G
    return A, np.array(b), np.array(w), r


def truth(a, b, w, G):
    A, b, w, r = dense(a, b, w, G)
    with mpmath.workprec(600):
        matrix = mpmath.matrix(A.tolist())
        for i in range(r):
            for k in range(len(w)):
                matrix[i, r + k] = matrix[r + k, i] = mpmath.mpf(b[i]) * mpmath.mpf(w[k])
        return max(mpmath.eigsy(matrix, eigvals_only=True))


@given(arrows(), st.booleans())
def test_the_ball_holds_it_and_is_narrow(parts, misled):
    bits = 100
    arrow = Arrow(*map(balls, parts))
    start = None
    if misled:  # a vector that need not lead to the top
        start = balls([1.0] * len(parts[0])), balls([-1.0] * len(parts[2]))
    found, _ = arrow.largest_eigenvalue(bits, start)
    true = truth(*parts)
    with flint.ctx.workprec(700):
        exact = flint.arb(true)
        slack = flint.arb((1, -550))  # of the dense solver
        assert found.lower() <= exact + slack
        assert found.upper() >= exact - slack
        if true > 2.0**-60:
            assert found.rad() <= found.abs_upper() * flint.arb((1, -bits))
