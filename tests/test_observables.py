"""Every observable against exact arithmetic and the theory's functions, and laws that hold along a run."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpsharp
import oracles
from mpsharp import GD, ConfigurationError, Problem, UnknownNameError, problems, run, theory
from mpsharp._scalar import wide_context
from mpsharp.exact import ExactArray
from mpsharp.observables import DEFAULT_OBSERVABLES, KINDS, RECORDS, listing
from strategies import problems as small_problems
from theory_cases import exactly

ALL = [f"{name}:2" if kind.parameter else name for name, kind in KINDS.items()]
ANY_DEPTH = [name for name in ALL if KINDS[name.partition(":")[0]].depth is None]


def at_start(problem, format, names):
    """The records of the starting point, by name: rationals, or NaN."""
    made = run(problem, format=format, steps=1, observables=names, progress=False)
    return {name: made.exact(name)[0] for name in made.records}


def rounded(problem, bits):
    """The numbers as the run sees them, as rationals: X, y, u, v, step size."""
    rn = oracles.Rounded(bits)
    X = [oracles.rationals([rn.enter(x) for x in row]) for row in problem.X]
    y, u, v = (oracles.rationals([rn.enter(x) for x in part]) for part in (problem.y, problem.u, problem.v))
    return X, y, u, v, exactly(rn.enter(problem.optimizer.step_size))


# --- against exact arithmetic ---------------------------------------------------------------------------


@given(problem=small_problems(scale_bits=6), format=st.sampled_from([24, 53, 256, "float32", "float64"]))
def test_sums_over_the_samples(problem, format):
    ieee = isinstance(format, str)
    bits = {"float32": 24, "float64": 53}.get(format, format)
    seen = at_start(
        problem, format, "gradient_norm,imbalance_terms,gd_imbalance_change,sgd_imbalance_change:1"
    )
    X, y, u, v, step_size = rounded(problem, bits)
    n, c = len(y), oracles.product(v)
    s = [oracles.dot(row, u) for row in X]
    z = oracles.residuals(X, y, u, v)
    # Largest |s_i|, |z_i| and Σ‖x_i‖² were nothing to cancel. Then the roundings: of the record; of all that
    # leads to the sums, 2·bits + 64 bits; of the sums and what is subtracted from each other, bits + 64; or
    # float64 with its n + d + … operations for all of these.
    outputs = max(sum(abs(x * w) for x, w in zip(row, u, strict=True)) for row in X)
    large = max(abs(target) for target in y) + abs(c) * outputs
    rows = sum(oracles.dot(row, row) for row in X)
    unit = exactly(2.0 ** (-52 if ieee else 1 - bits))
    noise = exactly((4 * n + 4 * len(u) + 64) * 2.0**-52 if ieee else 2.0 ** (8 - 2 * bits - 64))
    guarded = exactly(0.0 if ieee else 2.0 ** (4 - bits - 64))
    first, second = n**2 * large**2 * rows, n**2 * large**2 * outputs**2

    def check(value, exact, size, subtracted):
        allowed = abs(exact) * unit + size * noise + subtracted * guarded
        assert abs(exactly(value) - exact) <= allowed

    a = sum(oracles.dot(list(column), z) ** 2 for column in zip(*X, strict=True))
    b = oracles.dot(z, s) ** 2
    a_batch = n * sum(oracles.dot(row, row) * zi**2 for row, zi in zip(X, z, strict=True)) - a
    b_batch = n * sum((zi * si) ** 2 for zi, si in zip(z, s, strict=True)) - b
    exact = ((a, first, a), (b, second, b), (a_batch, first, a + a_batch), (b_batch, second, b + b_batch))
    for value, (wanted, size, subtracted) in zip(seen["imbalance_terms"], exact, strict=True):
        assert value >= 0
        check(value, wanted, size, subtracted)
    w = [oracles.product(oracles.without(v, layer)) for layer in range(len(v))]
    slope, gradient = c**2 * first, oracles.gradient(X, y, u, v)
    with wide_context(2 * bits + 64):
        square = seen["gradient_norm"] ** 2
    check(square, sum(x * x for x in gradient), 2 * (slope + sum(x * x for x in w) * second) / n**2, 0)
    rate = (step_size / n) ** 2
    for layer, others in enumerate(w):
        gd, extra = c**2 * a - others**2 * b, c**2 * a_batch - others**2 * b_batch
        size = rate * (slope + others**2 * second)
        subtracted = rate * (c**2 * (a + a_batch) + others**2 * (b + b_batch))
        check(seen["gd_imbalance_change"][layer], rate * gd, size, subtracted)
        check(seen["sgd_imbalance_change"][layer], rate * (gd + extra), 2 * size, subtracted)


@given(problem=small_problems(scale_bits=6), bits=st.sampled_from([24, 53, 256]))
def test_norms_of_the_weights(problem, bits):
    seen = at_start(problem, bits, "weight_norms,imbalance")
    X, _, u, v, _ = rounded(problem, bits)
    exact = [oracles.dot(u, u), oracles.imbalance(X, u, v)[0] + v[0] ** 2, *(x * x for x in v)]
    with wide_context(4 * bits):
        squares = [x * x for x in seen["weight_norms"]]
    for square, wanted in zip(squares, exact, strict=True):
        # Two roundings of the root at most, and what guard bits leave of cancellation in Π.
        assert abs(exactly(square) - wanted) <= wanted * exactly(2.0 ** (2 - bits)) + exact[0] * exactly(
            2.0 ** (-bits - 20)
        )


@given(small_problems(scale_bits=6))
def test_imbalance_is_the_same_with_and_without_sharpness(problem):
    for format in (53, 200, "float64"):
        alone = at_start(problem, format, "imbalance")
        both = at_start(problem, format, "sharpness,imbalance")
        assert "sharpness" not in alone
        assert [str(x) for x in alone["imbalance"]] == [str(x) for x in both["imbalance"]]


# --- against the theory's functions ----------------------------------------------------------------------


@pytest.mark.parametrize("format", [53, 256, "float32", "float64"])
@pytest.mark.parametrize("shape", [(6, 9), (9, 6)])
def test_bounds_and_the_sharpness_that_flow_would_reach(format, shape):
    bits = {"float32": 24, "float64": 53}.get(format, format)
    for depth, seed in ((2, 0), (2, 1), (3, 2), (5, 3)):
        problem = problems.gaussian(*shape, seed=seed, depth=depth, scale=0.4)
        names = "flow_bounds,flow_sharpness,flow_bound_distances,sharpness"
        seen = at_start(problem, format, names + (",bounds,bound_distances" if depth == 2 else ""))
        X, y, u, v, _ = rounded(problem, bits)
        wide = bits + 64
        imbalance = theory.layer_imbalance(X, u, v, format=wide)
        lower, upper = theory.minimizer_sharpness_bounds(X, y, depth, imbalance, format=wide)
        exact = theory.minimizer_sharpness(X, y, depth, imbalance, format=wide)
        # In float64: Q loses κ roundings, and κ < 2**5 here; n + d < 2**4.
        unit = 2.0**-43 if isinstance(format, str) else 2.0 ** (1 - bits)
        close = {
            "flow_sharpness": exact,
            "flow_bounds": [lower, upper],
        }
        sharpness = exactly(seen["sharpness"])
        if depth == 2:
            bounds = theory.sharpness_bounds(X, y, u, v, format=wide)
            close["bounds"] = list(bounds)
            near = [sharpness - exactly(bounds.lower), exactly(bounds.upper) - sharpness]
            for value, wanted in zip(seen["bound_distances"], near, strict=True):
                assert abs(exactly(value) - wanted) <= sharpness * exactly(unit)
                assert value >= 0
        for name, wanted in close.items():
            for value, target in zip(np.atleast_1d(seen[name]), np.atleast_1d(wanted), strict=True):
                assert abs(exactly(value) - exactly(target)) <= abs(exactly(target)) * exactly(unit), name
        near = [sharpness - exactly(lower), exactly(upper) - sharpness]
        for value, wanted in zip(seen["flow_bound_distances"], near, strict=True):
            assert abs(exactly(value) - wanted) <= (sharpness + exactly(upper)) * exactly(unit)
        assert lower <= exact <= upper


@pytest.mark.parametrize("format", [200, "float64"])
@pytest.mark.parametrize("shape", [(5, 8), (8, 5)])
def test_coordinates_do_not_matter(format, shape):
    problem = problems.gaussian(*shape, seed=4, scale=0.3)
    whole = run(problem, format=format, steps=3, observables=ALL)
    for coordinates in ("row_space", "spectral"):
        names = [
            name for name in ALL if coordinates == "row_space" or not KINDS[name.partition(":")[0]].by_sample
        ]
        seen = run(problem, format=format, steps=3, observables=names, coordinates=coordinates)
        for name in seen.records:
            if name in (
                "sharpness_residual",
                "weight_norms",
                "parameters",
            ):  # u is another; residuals are noise
                continue
            # κ < 2**5, and up to 2**4 numbers in each sum; each is rounded a few times in each coordinates.
            unit = 2.0**-42 if format == "float64" else 2.0**-185
            left, right = seen.exact(name), whole.exact(name)
            scale = max(abs(x) for x in right.ravel())
            assert max(abs(x - y) for x, y in zip(left.ravel(), right.ravel(), strict=True)) <= unit * scale
    with pytest.raises(ConfigurationError, match="that show the samples"):
        run(problem, format=format, observables="imbalance_terms", coordinates="spectral")


@given(problem=small_problems(max_n=3, max_d=3, scale_bits=4), format=st.sampled_from([53, 150, "float64"]))
def test_largest_eigenvalues_are_those_of_the_exact_hessian(problem, format):
    bits = 53 if format == "float64" else format
    size = problem.n_features + len(problem.v)
    seen = at_start(problem, format, f"eigenvalues:{size},sharpness")
    X, y, u, v, _ = rounded(problem, bits)
    with mpmath.workprec(2 * bits + 64):
        exact = mpmath.matrix(
            [
                [mpmath.mpf(int(x.numerator)) / int(x.denominator) for x in row]
                for row in oracles.hessian(X, y, u, v)
            ]
        )
        expected = sorted(mpmath.eigsy(exact, eigvals_only=True), reverse=True)
        largest = max(abs(x) for x in exact)
        # LAPACK: some size² roundings of the norm, and those of the singular vectors.
        unit = mpmath.mpf(2) ** (-42 if format == "float64" else -bits)
        for value, wanted in zip(seen["eigenvalues"], expected, strict=True):
            assert abs(mpmath.mpf(value) - wanted) <= 2 * unit * largest + abs(wanted) * unit
        assert abs(mpmath.mpf(seen["sharpness"]) - mpmath.mpf(seen["eigenvalues"][0])) <= 4 * unit * largest


# --- laws along a run -------------------------------------------------------------------------------------


@pytest.mark.parametrize("coordinates", ["wide", "tall"])
@pytest.mark.parametrize("depth", [2, 4])
def test_the_change_of_imbalance_foretold_is_the_one_that_comes(coordinates, depth):
    bits, steps = 300, 40
    shape = (5, 8) if coordinates == "wide" else (8, 5)
    problem = problems.gaussian(*shape, seed=3, depth=depth, step_size=0.05, scale=0.5)
    made = run(problem, bits=bits, steps=steps, observables="imbalance,gd_imbalance_change,weight_norms")
    C, foretold = made.exact("imbalance"), made.exact("gd_imbalance_change")
    with wide_context(2 * bits):
        came = C[1:] - C[:-1]
    # A step rounds each u_j and v_l three times with relative errors 2**-bits, C once, before and after;
    # the products with X and the updates' own roundings are smaller than the parameters'.
    size = float((made["weight_norms"][:, [0]] ** 2 + made["weight_norms"][:, 2:] ** 2).max())
    allowed = exactly(2.0 ** (4 - bits) * size)
    for now, then in zip(came.ravel(), foretold[:-1].ravel(), strict=True):
        assert abs(exactly(now) - exactly(then)) <= allowed
    assert all(abs(exactly(then)) > 2**100 * allowed for then in foretold[:5].ravel())


def test_gradient_flow_keeps_what_it_would_reach():
    # Small steps of GD: the sharpness at the end of the flow moves by the order of the step size.
    problem = problems.gaussian(6, 9, seed=1, step_size=0.1, scale=0.3)
    moves = []
    for halvings in (1, 2, 3):
        made = run(
            problem, format="float64", optimizer=GD(0.1 * 2.0**-halvings), steps=60 * 2**halvings,
            record_every=60 * 2**halvings, observables="flow_sharpness,sharpness",
        )  # fmt: skip
        moves.append(abs(made["flow_sharpness"][-1] - made["flow_sharpness"][0]))
    assert moves[0] > moves[1] > moves[2] > 0
    assert moves[2] == pytest.approx(moves[1] / 2, rel=0.1)


# --- asking ------------------------------------------------------------------------------------------------


def test_nothing_is_computed_that_was_not_asked_for(monkeypatch):
    import mpsharp.backends.mpfr_point as point

    def refuse(*_):
        raise AssertionError("the reduction of X is not needed")

    problem = problems.gaussian(4, 7)
    monkeypatch.setattr(point.Instruments, "_make_gram", refuse)
    monkeypatch.setattr(point._core, "SingularForm", refuse)
    made = run(problem, bits=100, steps=3, observables=["gradient_norm", "imbalance_terms"])
    assert list(made.records) == ["loss", "gradient_norm", "imbalance_terms"]
    assert made.summary()["catapult_step"] is None
    with pytest.raises(AssertionError):
        run(problem, bits=100, steps=3)
    for name in ("first_unstable_step", "catapult_step", "sharpness"):
        with pytest.raises(UnknownNameError, match="observables= of run"):
            getattr(made, name)
    assert made.catapult_record is None


def test_default_set_and_its_names():
    made = run(problems.gaussian(4, 5), format="float64", steps=2)
    assert list(made.records) == ["loss", "sharpness", "sharpness_residual", "imbalance"]
    assert made.config["observables"] == list(DEFAULT_OBSERVABLES)


@pytest.mark.parametrize("format", [80, "float32"])
@pytest.mark.parametrize("depth", [2, 4])
def test_every_record_has_its_shape_and_survives_the_store(tmp_path, depth, format):
    problem = problems.gaussian(4, 6, depth=depth)
    names = ALL if depth == 2 else ANY_DEPTH
    made = run(problem, format=format, steps=5, record_every=2, observables=names)
    for name, values in made.records.items():
        assert values.shape == (4, *RECORDS[name].shape(depth, 2, len(made.u))), name
        assert np.isfinite(made[name]).all()
        assert made[name] is made[name]
    back = mpsharp.load(made.save(tmp_path / "run"))
    assert back.identical(made)
    assert back.rerun().identical(made)
    dataset = made.to_xarray()
    assert set(dataset.data_vars) == {*made.records, "log2_loss"}
    assert dataset["imbalance_terms"].sel(term="a_batch").shape == (4,)


def test_any_record_can_be_drawn():
    made = run(problems.gaussian(4, 5), bits=60, steps=3, observables="imbalance_terms,sharpness,bounds")
    labels = [axes.get_ylabel() for axes in made.plot().axes]
    assert labels == [
        "loss",
        "sharpness (1 / step size)",
        "imbalance terms (1/step size**2)",
        "bounds (1/step size)",
    ]


def test_a_comparison_passes_them_on():
    made = mpsharp.compare(
        problems.gaussian(4, 5), formats=[24, "float64"], steps=3, observables="imbalance_terms"
    )
    assert [list(each.records) for each in made.values()] == [["loss", "imbalance_terms"]] * 2
    assert "–" in made.table()
    assert len(made.plot().axes) == 2


@pytest.mark.parametrize("format", [53, "float64"])
def test_a_state_that_is_not_finite_gives_nan(format):
    problem = Problem(X=[[1.0, 2.0]], y=[1.0], u=[1.0, 1.0], v=[1.0])
    names = [name.replace(":2", ":1") for name in ALL]
    made = run(problem, format=format, optimizer=GD("1e200"), steps=50, observables=names)
    assert made.status == "diverged"
    if format == "float64":  # MPFR's exponents do not overflow within these steps
        computed = set(made.records) - {"loss", "parameters"}  # these are what the run has
        assert all(np.isnan(made[name][-1]).all() for name in computed)
        assert np.array_equal(made["parameters"][-1], [*made.u.to_float64(), *made.v.to_float64()])


def test_what_cannot_be_recorded_is_refused_before_the_run():
    problem = problems.gaussian(4, 5, depth=3)
    for names, error, message in (
        (
            "los",
            UnknownNameError,
            r"unknown observable: expected one of 'loss', .*'flow_sharpness'; got 'los'",
        ),
        (["loss", 7], UnknownNameError, "got 7"),
        (3, ConfigurationError, "expected names, got 3"),
        ("loss,loss", ConfigurationError, "expected each name once"),
        ("loss:2", ConfigurationError, "expected 'loss' got 'loss:2'"),
        ("sgd_imbalance_change", ConfigurationError, "expected an optimizer with a batch_size"),
        ("sgd_imbalance_change:5", ConfigurationError, "expected 1 … 4 samples, got 5"),
        ("sgd_imbalance_change:-1", ConfigurationError, "sgd_imbalance_change:batch_size, a number"),
        ("bounds", ConfigurationError, "bounds: expected depth 2, got 3"),
    ):
        with pytest.raises(error, match=message):
            run(problem, observables=names)


def test_labels_that_flow_cannot_reach():
    problem = Problem(X=[[1.0], [0.0]], y=[0.0, 1.0], u=[1.0], v=[1.0], optimizer=GD(0.1), steps=1)
    with pytest.raises(ConfigurationError, match="column space"):
        run(problem, observables="flow_sharpness")
    assert run(problem, observables="bounds")["bounds"].shape == (2, 2)


def test_listing_names_every_entry():
    text = listing()
    assert all(name in text and kind.doc in text for name, kind in KINDS.items())


@pytest.mark.parametrize("format", [24, 90, "float32", "float64"])
@pytest.mark.parametrize("coordinates", ["parameter", "spectral"])
def test_parameters_are_those_of_the_run_bit_for_bit(format, coordinates):
    problem = problems.gaussian(4, 6, seed=1, depth=3)
    seen = run(problem, format=format, steps=2, observables="parameters", coordinates=coordinates)
    assert seen.records["parameters"].shape == (3, len(seen.u) + 2)
    assert seen.records["parameters"][2].identical(ExactArray.concatenate([seen.u, seen.v]))
