"""Where gradient flow ends its sharpness lies between the bounds for the imbalance that it started with."""

from __future__ import annotations

import gmpy2
import numpy as np
import pytest

from mpsharp import GradientFlow, Problem, initialization, run, theory

SHAPES = {"wide": (3, 5, 3), "square": (4, 4, 4), "tall": (6, 3, 3), "deficient": (5, 6, 2)}


def data(shape, seed):
    """X with singular values from 1 to 2, for few steps of the flow, and labels in its column space."""
    n, d, rank = SHAPES[shape]
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.standard_normal((size, rank)))[0] for size in (n, d))
    X = left * rng.uniform(1, 2, rank) @ right.T
    return X, X @ rng.standard_normal(d), rng


def bounds(X, y, depth, imbalance):
    rank = np.linalg.matrix_rank(X)
    return theory.minimizer_sharpness_bounds(X, y, depth, imbalance, format=200, rank=rank)


def check(X, y, u, v, bits, starting_imbalance):
    """Run gradient flow to a minimiser and compare."""
    depth = len(v) + 1
    problem = Problem(X=X, y=y, u=u, v=v)
    end = run(
        problem,
        bits=bits,
        optimizer=GradientFlow(),
        steps=4000,
        record_every=1000,
        stop_loss=2.0 ** -min(bits, 40),
    )
    assert end.status == "converged"
    S = end.exact("sharpness")[-1]
    with gmpy2.context(precision=200):
        theta_u, theta_v = end.u.to_gmpy2(), end.v.to_gmpy2()
        outputs = X @ theta_u * theta_v.prod()
        z = outputs - y
        others = [theta_v.prod() / v_l for v_l in theta_v]
        # The end is a minimiser for the labels `outputs`, whose Hessian lacks the terms with the residual z:
        # w_l·Xᵀz beside the first layer, sᵀz·c/(v_l v_m) among the others. Their Frobenius norm is
        missing = 2 * sum(w * w for w in others) * (X.T @ z @ (X.T @ z))
        missing += sum(
            (outputs @ z / (theta_v[i] * theta_v[j])) ** 2
            for i in range(depth - 1)
            for j in range(depth - 1)
            if i != j
        )
        missing = gmpy2.sqrt(missing) / len(y)
        reached = theory.layer_imbalance(X, theta_u, theta_v, format=200, rank=np.linalg.matrix_rank(X))
        near = bounds(X, outputs, depth, reached)
        stated = bounds(X, y, depth, starting_imbalance)
        rounding = S * gmpy2.exp2(2 - bits)
        for side in (0, 1):
            # By this much the theorem's bounds move with the labels and with the drift of the imbalance.
            allowed = abs(near[side] - stated[side]) + missing + rounding
            assert allowed < S / 1000
            assert (stated[side] - S) * (1, -1)[side] <= allowed


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("bits", "v"), [(24, 1.0), (53, 0.5), (128, 2.0), (512, 1.0)])
def test_two_layers_from_any_imbalance(shape, bits, v):
    """Corollary 5.3."""
    X, y, rng = data(shape, bits)
    u = 0.3 * rng.standard_normal(X.shape[1])
    check(X, y, u, np.array([v]), bits, float(theory.layer_imbalance(X, u, [v])[0]))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("bits", "depth"), [(53, 2), (53, 3), (128, 4), (256, 5)])
def test_balanced_layers_of_any_depth(shape, bits, depth):
    """Corollary 5.4."""
    X, y, rng = data(shape, depth)
    u, v = initialization.balanced(X, depth, rng, norm=1.0)
    assert theory.is_balanced(X, u, v)
    check(X, y, u, v, bits, 0)
