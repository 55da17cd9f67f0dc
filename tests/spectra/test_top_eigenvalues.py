"""The largest eigenvalues as the core finds them, against mpmath and the dense solver."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpsharp
import oracles
from mpsharp import GD, ConfigurationError, Problem, ShapeError, _core, problems, run
from mpsharp._scalar import wide_context
from mpsharp.backends.transfer import from_core, matrix_to_core, to_core
from mpsharp.exact import ExactArray
from strategies import problems as small_problems


def found(problem, bits, count, **options):
    """The first record of the observable, as mpfr."""
    made = run(problem, bits=bits, steps=1, observables=f"eigenvalues:{count}", progress=False, **options)
    return list(made.exact("eigenvalues")[0])


def mp(x):
    """The same number; mpmath makes of gmpy2's zero something that it cannot multiply."""
    return mpmath.mpf(x) if x else mpmath.mpf(0)


def expected(problem, bits):
    """Eigenvalues of the Hessian of the rounded problem, by mpmath, and the scale of what went into it."""
    rn = oracles.Rounded(bits)
    X = [oracles.rationals([rn.enter(x) for x in row]) for row in problem.X]
    y, u, v = (oracles.rationals([rn.enter(x) for x in part]) for part in (problem.y, problem.u, problem.v))
    absolute = [
        [[abs(x) for x in row] for row in X],
        [-abs(x) for x in y],
        *([abs(x) for x in w] for w in (u, v)),
    ]
    with mpmath.workprec(2 * bits + 64):
        H = mpmath.matrix(
            [
                [mpmath.mpf(int(x.numerator)) / int(x.denominator) for x in row]
                for row in oracles.hessian(X, y, u, v)
            ]
        )
        size = mpmath.mnorm(H, "f")
        parts = sum(
            float(abs(x)) for row in oracles.hessian(*absolute) for x in row
        )  # no sign cancels another
        return sorted(mpmath.eigsy(H, eigvals_only=True), reverse=True), size, parts


def agree(values, exact, bits, size, parts):
    """The records are rounded once; a value is searched for to 2**-(bits + 16) of a bound of the norm, which
    is at most the sum of the norms of four blocks, and found within two of these; sums hold 64 guard bits.
    """
    assert len(values) == len(exact)
    for value, wanted in zip(values, exact, strict=True):
        allowed = abs(wanted) * mpmath.ldexp(1, -bits) + size * mpmath.ldexp(1, -bits - 12)
        assert abs(mp(value) - wanted) <= allowed + parts * mpmath.ldexp(1, -bits - 40)


@given(small_problems(max_n=4, max_d=4, scale_bits=20), st.sampled_from([24, 53, 131, 400]), st.data())
def test_against_mpmath(problem, bits, data):
    exact, size, parts = expected(problem, bits)
    count = data.draw(st.integers(1, len(exact)))
    with mpmath.workprec(2 * bits + 64):
        agree(found(problem, bits, count), exact[:count], bits, size, parts)


HADAMARD = np.array([[1.0]])
for _ in range(3):
    HADAMARD = np.block([[HADAMARD, HADAMARD], [HADAMARD, -HADAMARD]])


def given_problem(X, depth, *, y=None, u=None, v=None, seed=0):
    g = np.random.default_rng(seed)
    n, d = X.shape
    y = g.standard_normal(n) if y is None else y
    u = g.standard_normal(d) if u is None else u
    v = g.standard_normal(depth - 1) if v is None else v
    return Problem(X=X, y=y, u=u, v=v, optimizer=GD(1e-6), steps=1)


def cases():
    g = np.random.default_rng(5)
    wide, tall = g.standard_normal((5, 9)), g.standard_normal((9, 5))
    low = g.integers(-3, 4, (6, 2)).astype(float) @ g.integers(-3, 4, (2, 7)).astype(float)
    near = np.diag([2.0, 1.0, 1.0 + 2.0**-50, 1.0 - 2.0**-51, 1.0, 0.5]) @ np.ones((6, 6))
    split = HADAMARD + np.outer(np.eye(8)[0], 2.0**-49 * g.integers(-4, 5, 8))
    for depth in (2, 3, 4):
        yield f"wide {depth}", given_problem(wide, depth)
        yield f"tall {depth}", given_problem(tall, depth)
        yield f"low rank {depth}", given_problem(low, depth)
        yield f"low rank, tall {depth}", given_problem(low.T, depth)
        yield f"repeated {depth}", given_problem(HADAMARD, depth)
        yield f"nearly repeated {depth}", given_problem(split, depth)
        yield f"nearly singular {depth}", given_problem(near, depth)
        u, v = g.integers(-3, 4, 9).astype(float), np.full(depth - 1, 0.5)
        X = g.integers(-3, 4, (5, 9)).astype(float)
        yield f"no border {depth}", given_problem(X, depth, y=2 * v.prod() * (X @ u), u=u, v=v)
        yield f"negative {depth}", given_problem(wide, depth, y=50 * np.ones(5), u=wide.T @ np.ones(5) / 9)
        yield f"first layer only {depth}", given_problem(wide, depth, v=np.zeros(depth - 1))
        yield f"flat {depth}", given_problem(tall, depth, u=np.zeros(5), v=np.zeros(depth - 1))


CASES = dict(cases())


@pytest.mark.parametrize("name", CASES)
def test_against_the_dense_solver(name):
    problem = CASES[name]
    size = problem.n_features + len(problem.v)
    for bits in (53, 200):
        dense = mpsharp.eigenvalues(
            problem, size, "dense", bits=bits + 64
        )  # data are float64: exact at 53 bits
        _, norm, parts = expected(problem, bits)
        with mpmath.workprec(bits + 64):
            agree(found(problem, bits, size), [mp(x) for x in dense.values], bits, norm, parts)
    if name.startswith("negative"):
        assert float(dense.values[-1]) < 0 < float(dense.values[0])


def test_values_that_double_precision_does_not_tell_apart():
    # σ = √n·0.233 of the default problem, as float64 makes it: 19 values within some 2**-50 of each other.
    problem, bits, count = problems.appendix_d(20), 256, 12
    dense = mpsharp.eigenvalues(problem, count, "dense", bits=bits + 64)
    gaps = [float(a - b) for a, b in zip(dense.values[2:], dense.values[3:], strict=False)]
    assert 0 < max(gaps) < 2.0**-40
    for coordinates in ("parameter", "row_space", "spectral"):
        values = found(problem, bits, count, coordinates=coordinates)
        with wide_context(bits + 64):
            for value, wanted in zip(values, dense.values, strict=True):
                # Coordinates round X once more, which moves singular values by some of its ulps (Weyl).
                assert abs(value - wanted) <= dense.values[0] * 2.0 ** (8 - bits)
    assert len(set(values)) == count  # told apart


def test_no_fewer_threads_or_other_counts_change_a_value():
    problem = problems.gaussian(12, 9, seed=3, depth=3)
    every = found(problem, 100, 11)
    assert found(problem, 100, 4) == every[:4]
    assert found(problem, 100, 11, threads=2) == every


def test_zeros_of_coordinates_left_out():
    problem = problems.gaussian(3, 9, seed=3, depth=2, scale=0.3)
    size = problem.n_features + 1
    whole = found(problem, 80, size)
    for coordinates in ("row_space", "spectral"):
        values = found(problem, 80, size, coordinates=coordinates)
        assert sum(value == 0 for value in values) == size - 4
        assert all(abs(a - b) <= whole[0] * 2.0**-76 for a, b in zip(whole, values, strict=True))


def test_what_is_refused():
    problem = problems.gaussian(4, 3, seed=0)
    with pytest.raises(ConfigurationError, match=r"eigenvalues:5: expected 1 … 4, got 5"):
        found(problem, 53, 5)
    y, u, v = (to_core(ExactArray.from_any(x, 53)) for x in (problem.y, problem.u, problem.v))
    form = _core.GramForm(_core.Data(matrix_to_core(problem.X, 53), "exact"), 120, 4, 3)
    with pytest.raises(ShapeError, match="count: expected at most 4 eigenvalues, got 5"):
        form.eigenvalues(u, v, y, 53, 5, 3)
    with pytest.raises(ShapeError, match="n_features: expected at least 3, got 2"):
        form.eigenvalues(u, v, y, 53, 1, 2)
    lost = to_core(ExactArray.from_any([math.nan, 0.0, 0.0], 53))
    assert np.isnan(from_core(form.eigenvalues(lost, v, y, 53, 2, 3)).to_float64()).all()
