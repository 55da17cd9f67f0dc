"""Reparameterised dynamics: the same steps as in the parameters; conserved quantities (Lemma 5.2)."""

from __future__ import annotations

import itertools

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from mpsharp import ConfigurationError, theory
from strategies import vectors
from theory_cases import cases, exactly

depths = st.integers(2, 6)


@st.composite
def starts(draw, max_n=4):
    case = draw(cases(max_n=max_n, max_d=4, max_condition=2.0**10))
    return case, draw(vectors(case.X.shape[1])), draw(vectors(draw(depths) - 1))


def oracle_step(case, u, v, rate, batch):
    X, y = case.X[batch], case.y[batch]
    gradient = oracles.gradient(*map(oracles.rationals, (X, y, u, v)))
    return [oracles.rational(a) - rate * g for a, g in zip([*u, *v], gradient, strict=True)]


def check(dynamics, got, moved, d):
    """Compare with the parameters, in coordinates of the same singular vectors, at 200 bits."""
    nu, v = got
    wanted_nu = dynamics.coordinates([str(x) for x in moved[:d]])
    size = max(abs(exactly(x)) for x in [*wanted_nu, *moved, 1])
    # 200 bits at each of the two sides; guard bits hold what the product's cancelling labels cost.
    for a, b in zip([*nu, *v], [*wanted_nu, *moved[d:]], strict=True):
        assert abs(exactly(a) - exactly(b)) <= size / 2 ** gmpy2.mpz(190)


@given(starts(), st.sampled_from(["0.1", "1e-3", 2]))
def test_a_step_of_gd_is_the_step_in_the_parameters(start, rate):
    case, u, v = start
    dynamics = theory.reduced_dynamics(case.X, case.y, format=200)
    got = dynamics.gd_step(dynamics.coordinates(u), v, rate)
    moved = oracle_step(case, u, v, oracles.rational(rate), list(range(len(case.y))))
    check(dynamics, got, moved, len(u))


@given(starts(), st.data())
def test_a_step_of_sgd_is_the_step_in_the_parameters(start, data):
    case, u, v = start
    n = len(case.y)
    batch = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=n, unique=True))
    dynamics = theory.reduced_dynamics(case.X, case.y, format=200)
    got = dynamics.sgd_step(dynamics.coordinates(u), v, "0.1", batch)
    check(dynamics, got, oracle_step(case, u, v, gmpy2.mpq(1, 10), batch), len(u))


@given(starts())
def test_the_mean_step_of_sgd_is_that_of_gd(start):
    case, u, v = start
    n = len(case.y)
    dynamics = theory.reduced_dynamics(case.X, case.y, format=200)
    nu = dynamics.coordinates(u)
    gd = dynamics.gd_step(nu, v, "0.1")
    for size in {1, n // 2 or 1}:
        steps = [dynamics.sgd_step(nu, v, "0.1", b) for b in itertools.combinations(range(n), size)]
        for k in range(2):
            for i, value in enumerate(gd[k]):
                entries = [exactly(step[k][i]) for step in steps]
                scale = 1 + max(map(abs, entries))
                assert abs(sum(entries) / len(steps) - exactly(value)) <= scale / 2 ** gmpy2.mpz(190)


@given(starts(), st.sampled_from([None, 64, 256]))
def test_gradient_flow_moves_the_squares_of_all_layers_alike(start, format):
    # Lemma 5.2: d(‖Πu‖² − v_l²)/dt = 2(νᵀν̇ − v_l v̇_l) = 0 for every l, at every depth.
    case, u, v = start
    dynamics = theory.reduced_dynamics(case.X, case.y, format=format)
    nu = dynamics.coordinates(u)
    first, others = dynamics.flow(nu, v)
    terms = [exactly(a) * exactly(b) for a, b in zip(nu, first, strict=True)]
    size = sum(map(abs, terms))
    unit = 2.0 ** (1 - format) if format else 64 * 2.0**-52
    for layer, velocity in zip(v, others, strict=True):
        drift = sum(terms) - exactly(layer) * exactly(velocity)
        assert abs(drift) <= exactly(unit) * (size + abs(exactly(layer) * exactly(velocity))) * 2


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_fine_rk4_conserves_the_imbalance_to_order_four(depth):
    rng = np.random.default_rng(depth)
    X, y = rng.standard_normal((5, 8)), rng.standard_normal(5)
    dynamics = theory.reduced_dynamics(X, y, format=128)

    def drift(steps):
        with gmpy2.context(precision=128):
            state = dynamics.coordinates(0.3 * np.ones(8)), np.full(depth - 1, gmpy2.mpfr(0.7), dtype=object)
            start = (state[0] ** 2).sum() - state[1] ** 2
            h = gmpy2.mpfr(1) / steps
            for _ in range(steps):
                slopes = [dynamics.flow(*state)]
                for part in (h / 2, h / 2, h):
                    slopes.append(
                        dynamics.flow(*(x + part * k for x, k in zip(state, slopes[-1], strict=True)))
                    )
                state = tuple(
                    x + h / 6 * (a + 2 * b + 2 * c + e) for x, a, b, c, e in zip(state, *slopes, strict=True)
                )
            return float(max(abs((state[0] ** 2).sum() - state[1] ** 2 - start)))

    # Order 4: half the step, a sixteenth of the drift (at least a twelfth is asked for).
    coarse, fine = drift(40), drift(80)
    assert 0 < fine < coarse / 12


@pytest.mark.parametrize("batch", [[], [0, 0], [3], [-1]])
def test_batches_are_checked(batch):
    dynamics = theory.reduced_dynamics(np.eye(3), np.ones(3))
    with pytest.raises(ConfigurationError, match="batch: expected different rows from 0 to 2"):
        dynamics.sgd_step(np.ones(3), [1.0], 0.1, batch)


def test_zero_data_has_no_coordinates():
    with pytest.raises(ConfigurationError, match="X: expected a matrix other than zero"):
        theory.reduced_dynamics(np.zeros((2, 2)), [1.0, 1.0])
