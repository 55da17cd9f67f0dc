"""The bound of the factorisation's rounding errors, at so few bits that they matter."""

from __future__ import annotations

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from mpsharp import _core
from mpsharp.backends.transfer import from_core, to_core
from mpsharp.certificate.interval import IntervalArithmetic
from mpsharp.certificate.proof import factorisation_error
from mpsharp.exact import ExactArray
from strategies import matrices

BITS = 16


def exact_gram(X):
    rows = oracles.rationals(X if X.shape[0] <= X.shape[1] else X.T)
    return [[oracles.dot(a, b) for b in rows] for a in rows]


def least_pivot(A, mu, scale):
    """Smallest pivot of μI − scale·A in exact arithmetic, up to the first that is not positive."""
    rows = [[(mu if i == j else 0) - scale * x for j, x in enumerate(row)] for i, row in enumerate(A)]
    least = None
    for j in range(len(rows)):
        least = rows[j][j] if least is None else min(least, rows[j][j])
        if least <= 0:
            break
        for i in range(j + 1, len(rows)):
            ratio = rows[i][j] / rows[j][j]
            rows[i] = [a - ratio * b for a, b in zip(rows[i], rows[j], strict=True)]
    return least


def factor(X, mu, scale=1.0, bits=BITS):
    matrix = _core.Matrix.from_float64(X, 53)
    rows = X.shape[0] <= X.shape[1]
    gram = _core.multiply(matrix, matrix, bits, transpose_a=not rows, transpose_b=rows)
    form = _core.ShiftedGram(gram)
    return form, form.factor(*(to_core(ExactArray.from_any([x], bits)) for x in (mu, scale)))


@given(matrices(6, 6), st.sampled_from([1.0, 0.7]), st.integers(-40, 40))
def test_positive_pivots_prove_what_the_bound_says(X, scale, offset):
    # μ within some units in the last place of the top eigenvalue, where the outcome is decided by rounding.
    top = float(np.linalg.norm(X, 2)) ** 2 * scale
    ops = IntervalArithmetic(BITS)
    mu = ops.nearest.plus(gmpy2.mpfr(max(top * (1 + offset * 2.0**-BITS), 2.0**-60)))
    a = ops.nearest.plus(gmpy2.mpfr(scale))
    _, positive = factor(X, mu, a)
    A = exact_gram(X)
    trace = ops.enclose(gmpy2.mpq(a) * sum(A[i][i] for i in range(len(A)))).upper
    delta = gmpy2.mpq(factorisation_error(ops, len(A), mu, trace))
    if positive:  # μI − aA + δI is semidefinite
        assert least_pivot(A, gmpy2.mpq(mu) + delta * (1 + gmpy2.mpq(1, 10**9)), gmpy2.mpq(a)) > 0
    elif least_pivot(A, gmpy2.mpq(mu) - 4 * delta, gmpy2.mpq(a)) > 0:
        pytest.fail("a matrix far from singular was not factored")


def test_without_the_bound_pivots_would_prove_too_much():
    # At 12 bits rounding decides near the top eigenvalue; without the bound, some pivots would lie.
    rng = np.random.default_rng(0)
    ops = IntervalArithmetic(12)
    wrong = 0
    for _ in range(300):
        X = rng.integers(-40, 40, (5, 7)) / 16
        mu = ops.nearest.plus(gmpy2.mpfr(float(np.linalg.norm(X, 2)) ** 2 * (1 + rng.integers(-3, 4) / 4096)))
        _, positive = factor(X, mu, bits=12)
        if not positive:
            continue
        A = exact_gram(X)
        trace = ops.enclose(sum(A[i][i] for i in range(5))).upper
        delta = gmpy2.mpq(factorisation_error(ops, 5, mu, trace))
        assert least_pivot(A, gmpy2.mpq(mu) + delta * (1 + gmpy2.mpq(1, 10**9)), gmpy2.mpq(1)) > 0
        wrong += least_pivot(A, gmpy2.mpq(mu), gmpy2.mpq(1)) <= 0
    assert wrong


@given(matrices(5, 5))
def test_solves_by_the_factors(X):
    mu = 1.0 + 2 * float(np.linalg.norm(X)) ** 2
    form, positive = factor(X, mu, bits=100)
    assert positive
    A = exact_gram(X)
    rhs = [gmpy2.mpq(i + 1) for i in range(len(A))]
    x = from_core(form.solve(to_core(ExactArray.from_any(rhs, 100)))).to_gmpy2()
    for i, row in enumerate(A):
        image = gmpy2.mpq(ExactArray.from_any([mu], 100).to_gmpy2()[0]) * gmpy2.mpq(x[i]) - oracles.dot(
            row, [gmpy2.mpq(y) for y in x]
        )
        # B is between μ/2 and μ: backward stability with some k roundings.
        assert abs(image - rhs[i]) <= gmpy2.mpq(2) ** -90 * 5
