"""The change of the layer imbalance in one step, by exact arithmetic and enumeration of every batch."""

from __future__ import annotations

import itertools

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from mpsharp import ConfigurationError, theory
from strategies import problems
from theory_cases import exactly

small = problems(max_n=4, max_d=3, max_depth=4, scale_bits=6)


def step(X, y, u, v, rate, batch):
    """One exact step on these rows."""
    X, y = [X[i] for i in batch], [y[i] for i in batch]
    gradient = oracles.gradient(X, y, u, v)
    moved = [a - rate * g for a, g in zip([*u, *v], gradient, strict=True)]
    return moved[: len(u)], moved[len(u) :]


def changes(problem, batch_size):
    """Mean change of the imbalance over every batch of this size, exactly."""
    X, y, u, v = (oracles.rationals(part) for part in (problem.X, problem.y, problem.u, problem.v))
    rate = oracles.rational(problem.optimizer.step_size)
    before = oracles.imbalance(X, u, v)
    batches = list(itertools.combinations(range(len(y)), batch_size))
    after = [oracles.imbalance(X, *step(X, y, u, v, rate, batch)) for batch in batches]
    return [
        sum(values) / len(batches) - old for values, old in zip(zip(*after, strict=True), before, strict=True)
    ]


def arguments(problem):
    return problem.X, problem.y, problem.u, problem.v, problem.optimizer.step_size


def allowed(problem, terms, format, factor=1):
    """Roundings of the larger of the two products that are subtracted."""
    rate = float(problem.optimizer.step_size) / len(problem.y)
    c = float(np.prod(problem.v))
    w = [float(np.prod(np.delete(problem.v, k))) for k in range(len(problem.v))]
    size = rate**2 * factor * max(float(c * c * terms[0]), max(float(x * x * terms[1]) for x in w))
    unit = 2.0**-format if format else 64 * sum(problem.X.shape) * 2.0**-52
    return exactly(unit * size * 1.001)


@given(small, st.sampled_from([53, 100, 300]))
def test_one_step_of_gd(problem, bits):
    terms = theory.imbalance_change_terms(*arguments(problem)[:4], format=bits)
    for value, exact in zip(
        theory.gd_imbalance_change(*arguments(problem), format=bits),
        changes(problem, len(problem.y)),
        strict=True,
    ):
        # One rounding of the result; guard bits below what cancels in z.
        assert abs(exactly(value) - exact) <= allowed(problem, terms, bits) + abs(exact) / 2 ** gmpy2.mpz(
            bits
        )


@given(small, st.data())
def test_one_step_of_sgd_in_the_mean_over_all_batches(problem, data):
    size = data.draw(st.integers(1, len(problem.y)))
    bits = data.draw(st.sampled_from([53, 100, 300]))
    terms = theory.imbalance_change_terms(*arguments(problem)[:4], format=bits)
    both = [terms.a + terms.a_batch, terms.b + terms.b_batch]
    for value, exact in zip(
        theory.sgd_imbalance_change(*arguments(problem), size, format=bits),
        changes(problem, size),
        strict=True,
    ):
        assert abs(exactly(value) - exact) <= allowed(problem, both, bits) + abs(exact) / 2 ** gmpy2.mpz(bits)


@given(small, st.sampled_from([None, 53, 200]))
def test_no_term_is_negative_and_a_whole_batch_is_gd(problem, format):
    terms = theory.imbalance_change_terms(*arguments(problem)[:4], format=format)
    assert min(terms) >= 0
    gd = theory.gd_imbalance_change(*arguments(problem), format=format)
    sgd = theory.sgd_imbalance_change(*arguments(problem), len(problem.y), format=format)
    assert gd.tolist() == sgd.tolist()


@given(small)
def test_the_terms_are_their_definitions(problem):
    X, y, u, v = (oracles.rationals(part) for part in (problem.X, problem.y, problem.u, problem.v))
    z = oracles.residuals(X, y, u, v)
    s = [oracles.dot(row, u) for row in X]
    n = len(y)
    a = sum(oracles.dot(list(column), z) ** 2 for column in zip(*X, strict=True))
    b = oracles.dot(z, s) ** 2
    exact = (
        a,
        b,
        n * sum(oracles.dot(row, row) * zi**2 for row, zi in zip(X, z, strict=True)) - a,
        n * sum((zi * si) ** 2 for zi, si in zip(z, s, strict=True)) - b,
    )
    scale = [a + exact[2], b + exact[3]] * 2
    # z cancels: relative to |cs| + |y| the guard bits leave 64 − 40.
    bulk = sum((abs(oracles.product(v) * si) + abs(yi)) ** 2 for si, yi in zip(s, y, strict=True))
    for value, wanted, size in zip(
        theory.imbalance_change_terms(X, y, u, v, format=100), exact, scale, strict=True
    ):
        rows = sum(oracles.dot(row, row) for row in X) * (1 + oracles.dot(u, u))
        assert abs(exactly(value) - wanted) <= (size + n * bulk * rows) / 2 ** gmpy2.mpz(99)


def test_smaller_batches_add_more_where_the_first_layer_term_wins():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((6, 4)), rng.standard_normal(6)
    u, v = 1e-3 * rng.standard_normal(4), [1.0]
    changes = [theory.sgd_imbalance_change(X, y, u, v, 0.1, B)[0] for B in range(1, 7)]
    assert changes == sorted(changes, reverse=True)
    assert changes[-1] > 0


@pytest.mark.parametrize("batch_size", [0, 4, True])
def test_batch_sizes_are_checked(batch_size):
    with pytest.raises(ConfigurationError, match="batch_size"):
        theory.sgd_imbalance_change(np.eye(3), np.ones(3), np.ones(3), [1.0], 0.1, batch_size)
