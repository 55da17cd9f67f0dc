"""The core against an mpmath implementation written from the formulas, and against the mirror."""

from __future__ import annotations

from fractions import Fraction

import gmpy2
import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import mpsharp
from mpsharp import ExactArray, Problem, _core
from mpsharp.backends import get_backend
from mpsharp.backends.transfer import from_core, to_core
from mpsharp.formats import Format
from mpsharp.optimizers import GD, GradientFlow


def to_mp(x):
    """An mpmath number of exactly this value."""
    mantissa, exponent = x.as_mantissa_exp()
    return mpmath.ldexp(mpmath.mpf(int(mantissa)), int(exponent))


def loss_and_hessian(X, y, u, v):
    """Loss and dense Hessian of the minimalist model, entry by entry from its definition."""
    n, d, m = len(X), len(u), len(v)
    mpf = mpmath.mpf

    def product(skip=()):
        out = mpf(1)
        for k in range(m):
            if k not in skip:
                out *= v[k]
        return out

    s = [mpmath.fdot(row, u) for row in X]
    c = product()
    z = [c * si - yi for si, yi in zip(s, y, strict=True)]
    # f_i = c s_i, so its derivatives are: du_j: c x_ij; dv_l: w_l s_i; second ones by hand.
    H = mpmath.zeros(d + m)
    for i in range(n):
        gradient = [c * X[i][j] for j in range(d)] + [product((k,)) * s[i] for k in range(m)]
        for a in range(d + m):
            for b in range(d + m):
                second = mpf(0)
                if a < d <= b:
                    second = product((b - d,)) * X[i][a]
                elif b < d <= a:
                    second = product((a - d,)) * X[i][b]
                elif a >= d and b >= d and a != b:
                    second = product((a - d, b - d)) * s[i]
                H[a, b] += (gradient[a] * gradient[b] + z[i] * second) / n
    return mpmath.fdot(z, z) / (2 * n), H


def exact_descent(X, y, u, v, step_size, steps):
    """Gradient descent in mpmath at its present precision."""
    n = len(X)
    for _ in range(steps):
        s = [mpmath.fdot(row, u) for row in X]
        c = mpmath.fprod(v)
        z = [c * si - yi for si, yi in zip(s, y, strict=True)]
        q = mpmath.fdot(s, z)
        new_u = [
            u[j] - step_size * c / n * mpmath.fsum(X[i][j] * z[i] for i in range(n)) for j in range(len(u))
        ]
        v = [v[k] - step_size * mpmath.fprod(v[:k] + v[k + 1 :]) * q / n for k in range(len(v))]
        u = new_u
    return u, v


def random_problem(seed, n, d, depth):
    rng = np.random.default_rng(seed)
    return Problem(
        X=rng.standard_normal((n, d)),
        y=rng.standard_normal(n),
        u=rng.standard_normal(d) * 0.5,
        v=rng.standard_normal(depth - 1),
        optimizer=GD(step_size=0.01),
        steps=6,
    )


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 6),
    d=st.integers(1, 6),
    depth=st.integers(2, 5),
    arithmetic=st.sampled_from(["exact", "sequential"]),
)
@example(seed=107, n=1, d=6, depth=3, arithmetic="exact")  # c s = y but for 1e-5
def test_loss_and_sharpness_agree_with_mpmath_to_240_bits(seed, n, d, depth, arithmetic):
    problem = random_problem(seed, n, d, depth)
    run = mpsharp.run(problem, bits=256, arithmetic=arithmetic)
    with mpmath.workprec(400):
        X = [[mpmath.mpf(float(x)) for x in row] for row in problem.X]
        y = [mpmath.mpf(float(x)) for x in problem.y]
        u = [mpmath.mpf(float(x)) for x in problem.u]
        v = [mpmath.mpf(float(x)) for x in problem.v]
        for t in range(len(run.step)):
            loss, H = loss_and_hessian(X, y, u, v)
            S = max(mpmath.eigsy(H, eigvals_only=True))
            # A rounding of c s changes z by 2^-256 |z + y|, so where c s and y nearly cancel the loss
            # changes by more than that share of itself: by z'y / n, at most what is under the root.
            moved = loss + mpmath.sqrt(loss * mpmath.fdot(y, y) / n)
            assert abs(to_mp(run.exact("loss")[t]) - loss) <= mpmath.ldexp(moved, -240)
            assert abs(to_mp(run.exact("sharpness")[t]) - S) <= mpmath.ldexp(S, -240)
            u, v = exact_descent(X, y, u, v, mpmath.mpf(0.01), 1)


def sharpness_at(X, y, u, v, bits=128):
    problem = Problem(X=X, y=y, u=u, v=v, optimizer=GD(step_size="1e-9"), steps=1)
    return mpsharp.run(problem, bits=bits)


def dense_sharpness(X, y, u, v):
    with mpmath.workprec(300):
        as_mp = [[mpmath.mpf(float(x)) for x in row] for row in X]
        rest = [[mpmath.mpf(float(x)) for x in part] for part in (y, u, v)]
        return max(mpmath.eigsy(loss_and_hessian(as_mp, *rest)[1], eigvals_only=True))


EYE = np.eye(4)
CASES = {
    "repeated singular values": (EYE, [1.0, 2, 3, 4], [1.0, 0, 0, 0], [0.5]),
    "equal ones, D = 4": (EYE, [1.0, 1, 1, 1], [1.0, 1, 1, 1], [0.5, 2.0, -1.0]),
    "graded": (np.diag([1e8, 1.0, 1e-8, 1e-3]), [1.0, 2, 3, 4], [1.0, 1, 1, 1], [0.5]),
    "c = 0": (EYE + 1, [1.0, 2, 3, 4], [1.0, 2, 0, 0], [0.0]),
    "c = 0, D = 3, both zero": (EYE + 1, [1.0, 2, 3, 4], [1.0, 2, 0, 0], [0.0, 0.0]),
    "zero border: y = 2 c s": (EYE, [2.0, 2, 2, 2], [1.0, 1, 1, 1], [1.0]),
    "top pole is the eigenvalue": (np.diag([9.0, 1, 1, 1]), [0.0, 2, 2, 2], [0.0, 1, 1, 1], [1.0]),
    "negative curvature": (EYE, [50.0, 1, 1, 1], [0.1, 0, 0, 0], [0.1, 0.1]),
    "rank one, n > d": (np.ones((5, 2)), [1.0] * 5, [1.0, -0.5], [2.0]),
    "rank one, n < d": (np.ones((2, 5)), [1.0] * 2, [1.0] * 5, [2.0, 1.0]),
    "two close on top": (np.diag([1.0, 1 - 1e-9, 0.5, 0.1]), [0.0, 0, 0, 1e-3], [0.0, 0, 0, 1], [3.0]),
    "a small gap": (np.diag([1.0, 1 - 1e-5, 0.5, 0.1]), [1e-9, 1e-9, 0, 1e-3], [0.0, 0, 0, 1], [3.0]),
    "one sample": (np.ones((1, 3)), [2.0], [1.0, 0, 0], [1.0]),
    "one feature": (np.ones((3, 1)), [2.0, 1, 0], [1.0], [1.0]),
    "D = 8": (EYE + 0.5, [1.0, 2, 3, 4], [1.0, 0.5, 0, 0], [1.0, 1.1, 0.9, 1.2, -1.0, 0.8, 1.0]),
}


@pytest.mark.parametrize("name", CASES)
def test_sharpness_of_awkward_spectra(name):
    X, y, u, v = (np.asarray(part, dtype=float) for part in CASES[name])
    expected = dense_sharpness(X, y, u, v)
    run = sharpness_at(X, y, u, v)
    with mpmath.workprec(300):
        # 128 bits are returned; the reduction is backward stable with 64 more.
        assert abs(to_mp(run.exact("sharpness")[0]) - expected) <= mpmath.ldexp(abs(expected), -126)
    assert run.sharpness_residual[0] <= 2.0**-120 * max(run.sharpness[0], 1e-300)


@pytest.mark.parametrize("shape", [(6, 9), (9, 6)])
@pytest.mark.parametrize("depth", [2, 4])
def test_sharpness_has_the_bits_asked_for(shape, depth):
    """From 53 bits on the start is the same point, so every precision rounds the same number."""
    problem = random_problem(7, *shape, depth)
    found = {bits: mpsharp.run(problem, bits=bits, steps=1) for bits in (53, 64, 100, 256, 1024, 4096)}
    with gmpy2.context(precision=5000):
        truth = found[4096].exact("sharpness")[0]
        for bits, run in found.items():
            error = abs(run.exact("sharpness")[0] - truth)
            assert error <= truth * gmpy2.exp2(1 - bits), bits
            assert run.exact("sharpness_residual")[0] <= truth * gmpy2.exp2(-bits), bits


@pytest.mark.parametrize("bits", [24, 53, 128, 300])
@pytest.mark.parametrize(("shape", "depth"), [((20, 30), 2), ((30, 20), 3), ((12, 12), 5)])
def test_a_record_does_not_depend_on_those_before_it(bits, shape, depth):
    """Nor on the threads: every bit is that of the state alone."""
    problem = random_problem(11, *shape, depth)
    every = mpsharp.run(problem, bits=bits, steps=20, record_every=1, threads=1)
    some = mpsharp.run(problem, bits=bits, steps=20, record_every=10, threads=2)
    for name, values in some.records.items():
        assert values.identical(every.records[name][::10]), name


def test_zero_hessian():
    run = sharpness_at(EYE, np.zeros(4), np.zeros(4), np.zeros(2))
    assert run.sharpness[0] == 0


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_imbalance_projects_onto_the_row_space(shape, rank):
    rng = np.random.default_rng(5)
    X = rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1]))
    u, v = rng.standard_normal(shape[1]), rng.standard_normal(3)
    projected = np.linalg.pinv(X, rcond=1e-12) @ (X @ u)
    run = sharpness_at(X, rng.standard_normal(shape[0]), u, v)
    # float64 reference: its pseudo-inverse is good to the condition number times 2**-52.
    kept = np.linalg.svd(X, compute_uv=False)[:rank]
    bound = 64 * 2.0**-52 * (kept[0] / kept[-1]) ** 2 * (projected @ projected)
    np.testing.assert_allclose(run.imbalance[0], projected @ projected - v**2, rtol=0, atol=bound)


@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize(("bits", "name"), [(24, "float32"), (53, "float64")])
@pytest.mark.parametrize("arithmetic", ["sequential", "exact"])
def test_core_equals_mirror_bit_for_bit(depth, bits, name, arithmetic):
    n, steps = (40, 1000) if arithmetic == "sequential" else (12, 200)
    problem = mpsharp.problems.appendix_d(n, 1.5, depth=depth, seed=depth)
    core = mpsharp.run(problem, bits=bits, arithmetic=arithmetic, steps=steps, record_every=10)
    mirror = mpsharp.run(problem, format=name, arithmetic=arithmetic, steps=steps, record_every=10)
    assert core.status == mirror.status
    np.testing.assert_array_equal(core.step, mirror.step)
    assert core.records["loss"].identical(mirror.records["loss"])
    assert core.u.identical(mirror.u)
    assert core.v.identical(mirror.v)


@pytest.mark.parametrize("kernels", mpsharp.show_config("dicts")["kernels"]["available"])
@pytest.mark.parametrize("transposed", [False, True])
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 20), d=st.integers(1, 20), bits=st.integers(2, 300))
def test_products_round_once_or_term_by_term(kernels, transposed, seed, n, d, bits):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * 2.0 ** rng.integers(-30, 30, (n, d))
    x = ExactArray.from_float64(rng.standard_normal(n if transposed else d), bits)
    lines = ExactArray.from_float64(X.T if transposed else X, bits).to_gmpy2()
    matrix = _core.Matrix.from_float64(X, bits)
    with gmpy2.context(precision=bits):
        term_by_term = []
        for line in lines:
            total = gmpy2.mpfr(0)
            for a, b in zip(line, x.to_gmpy2(), strict=True):
                total = total + a * b
            term_by_term.append(total)
    once = [
        sum(gmpy2.mpq(a) * gmpy2.mpq(b) for a, b in zip(line, x.to_gmpy2(), strict=True)) for line in lines
    ]
    for arithmetic, expected in (("sequential", term_by_term), ("exact", once)):
        data = _core.Data(matrix, arithmetic, 1, kernels)
        product = (data.apply_transposed if transposed else data.apply)(to_core(x), bits)
        assert from_core(product).identical(ExactArray.from_any(expected, bits))


def scaled(values, exponent):
    """`values`, exactly, times a power of two."""
    entries = [Fraction(x) * Fraction(2) ** exponent for x in np.ravel(values).tolist()]
    return np.array(entries, dtype=object).reshape(np.shape(values))


SCALES = [  # n, d, depth, exponents of X, y, u and v
    (4, 1, 3, (0, 39, -13, 60)),
    (8, 3, 5, (0, -100, -30, 28)),
    (2, 6, 4, (5, 0, -59, 58)),
    (8, 4, 2, (58, -1, -45, 40)),  # iterations ended at another eigenvalue
]


def scaled_problem(n, d, depth, exponents, seed, optimizer):
    rng = np.random.default_rng(seed)
    shapes = (n, d), (n,), (d,), (depth - 1,)
    parts = [scaled(rng.standard_normal(s), e) for s, e in zip(shapes, exponents, strict=True)]
    return Problem(**dict(zip("Xyuv", parts, strict=True)), optimizer=optimizer)


@pytest.mark.parametrize("bits", [53, 128])
@pytest.mark.parametrize("scale", SCALES)
def test_sharpness_is_right_to_its_own_bits_at_any_scale(scale, bits):
    for seed in range(4):
        problem = scaled_problem(*scale, seed, GD(1e-9))
        found = mpsharp.run(problem, bits=bits, steps=1, observables=("loss", "sharpness"))
        S = found.exact("sharpness")[0]
        lower, upper = mpsharp.sharpness_interval(problem, bits=bits + 20)
        S, lower, upper = (Fraction(*x.as_integer_ratio()) for x in (S, lower, upper))
        slack = Fraction(8, 2**bits)
        assert lower * (1 - slack) <= S <= upper * (1 + slack)


@pytest.mark.parametrize("scale", SCALES)
def test_the_paper_rule_steps_by_the_sharpness_at_any_scale(scale):
    for seed in range(4):
        problem = scaled_problem(*scale, seed, GradientFlow(rule="paper"))
        found = mpsharp.run(problem, bits=128, steps=1, observables=("loss",))
        assert found.status == "completed"
        S = float(mpsharp.sharpness_interval(problem, bits=60).lower)
        assert found.flow_time[-1] == pytest.approx(1 / S, rel=1e-12)


def test_the_paper_rule_looks_again_where_the_residual_asks_for_it():
    problem = scaled_problem(3, 4, 4, (-97, -47, -30, 59), 136, GradientFlow(rule="paper"))
    mpsharp.run(problem, bits=53, steps=1, observables=("loss",))
    forms = {key[0] for key in problem._cache}
    assert {"gram", "gram 117"} <= forms


@pytest.mark.parametrize("arithmetic", ["exact", "sequential"])
@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5)])
@pytest.mark.parametrize("bits", [24, 53, 300, 1100])
def test_a_record_on_the_way_is_that_of_a_run_which_begins_there(shape, bits, arithmetic):
    rng = np.random.default_rng(3)
    data = {"X": rng.standard_normal(shape), "y": rng.standard_normal(shape[0])}
    start = {
        "format": Format(bits=bits),
        "optimizer": GD("0.02"),
        "arithmetic": arithmetic,
        "threads": 1,
    }
    backend = get_backend("mpfr", start["format"])
    run = backend.start(Problem(u=rng.standard_normal(shape[1]) / 4, v=[0.8, 1.2], **data), **start)
    run.observe()  # from now on the run keeps what the next record needs
    for _ in range(3):
        assert run.advance(2, 1e300, None) == ""
        u, v = run.parameters()
        fresh = backend.start(Problem(u=u, v=v, **data), **start).observe()
        for name, value in run.observe().items():
            assert value.identical(fresh[name]), (name, run.step)
