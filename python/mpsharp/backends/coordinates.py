"""Coordinates at any precision: decompositions in the core, cached on the problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gmpy2
import numpy as np

from mpsharp import _core
from mpsharp._scalar import wide_context
from mpsharp.backends.transfer import from_core, matrix_to_core, reshaped, to_core
from mpsharp.coordinates import Form, check_reducible, parameter_form, spans_features, spans_samples
from mpsharp.exact import ExactArray
from mpsharp.resources import available_cores
from mpsharp.theory.difficulty import rank_and_condition

if TYPE_CHECKING:
    from mpsharp.problems import Problem

# Beyond the working precision: the rounding errors of a reduction of order k grow like k**2, so 64 bits
# leave more than 40 right ones at k = 1000.
GUARD_BITS = 64


def transform(problem: Problem, coordinates: str, bits: int, *, dense: bool = False) -> Form:
    """Return the problem in `coordinates`, with guard bits for a run at `bits` bits.

    Parameters
    ----------
    problem : data, labels and first layer.
    coordinates : "parameter", "row_space" or "spectral".
    bits : significand bits of the run.
    dense : spectral coordinates with X' = W Σ, shape (n_samples, rank), and y itself, in place of diag(σ) and
        Wᵀy: each row is a sample, as SGD needs it.

    Raises
    ------
    ConfigurationError
        X is zero.
    """
    if coordinates == "parameter":
        return parameter_form(problem)
    check_reducible(problem, coordinates)
    if coordinates == "row_space" and spans_features(problem):
        return parameter_form(problem)
    key = ("coordinates", coordinates, dense, bits)
    if key not in problem._cache:
        if coordinates == "row_space":
            problem._cache[key] = _row_space(problem, bits)
        else:
            problem._cache[key] = _samples(problem, bits) if dense else _spectral(problem, bits)
    form: Form = problem._cache[key]
    return form


def restore(problem: Problem, coordinates: str, bits: int, u: ExactArray) -> ExactArray:
    """Return the first layer of the model after a run that ended at `u` in `coordinates`.

    That is u₀ + Rᵀ(u − R u₀): the part outside the row space has not moved.

    Parameters
    ----------
    problem : the problem of the run; u₀ is its first layer.
    coordinates, bits : those of the run.
    u : final first layer of the run.

    Returns
    -------
    ExactArray, shape (n_features,), of `bits` bits.
    """
    form = transform(problem, coordinates, bits)
    if form.X is problem.X:
        return u
    whole = coordinates == "row_space" and spans_samples(problem)
    if not whole and (kept := _own_singular_vectors(problem)) is not None:
        first = problem.u.astype(object)
        first[kept] = u.to_gmpy2()
        return ExactArray.from_any(first, bits)
    back = _cholesky(problem, bits) if whole else _singular(problem, bits)
    with wide_context(_guarded(problem, bits)):
        start = ExactArray.from_any(form.u, bits).to_gmpy2()
        moved = ExactArray.from_any(u.to_gmpy2() - start, bits + GUARD_BITS)
        change = from_core(back.right_combination(to_core(moved)))
        first = _exact(problem.u, change.bits).to_gmpy2()
        return ExactArray.from_any(first + change.to_gmpy2(), bits)


def _row_space(problem: Problem, bits: int) -> Form:
    if not spans_samples(problem):
        return _samples(problem, bits)
    form = _cholesky(problem, bits)
    n = problem.n_samples
    u = from_core(form.right_coefficients(_vector(problem.u, _guarded(problem, bits))))
    return Form(X=reshaped(from_core(form.factor), (n, n)), y=problem.y, u=u, n_samples=n)


def _samples(problem: Problem, bits: int) -> Form:
    if (kept := _own_singular_vectors(problem)) is not None:
        return Form(X=problem.X[:, kept], y=problem.y, u=problem.u[kept], n_samples=problem.n_samples)
    form = _singular(problem, bits)
    n = problem.n_samples
    u = from_core(form.right_coefficients(_vector(problem.u, _guarded(problem, bits))))
    X = reshaped(from_core(form.scaled_left()), (n, problem.rank))
    return Form(X=X, y=problem.y, u=u, n_samples=n)


def _spectral(problem: Problem, bits: int) -> Form:
    if (kept := _own_singular_vectors(problem)) is not None:
        return _diagonal(problem, kept, bits)
    form = _singular(problem, bits)
    guarded = _guarded(problem, bits)
    labels = form.left_coefficients(_vector(problem.y, guarded))
    return Form(
        X=from_core(form.values),
        y=from_core(labels),
        u=from_core(form.right_coefficients(_vector(problem.u, guarded))),
        n_samples=problem.n_samples,
        loss_floor=None if spans_samples(problem) else _loss_floor(problem, form, labels),
    )


def _own_singular_vectors(problem: Problem) -> Any:
    """Of an X that is diagonal, indices of the entries that count, the largest first; else None."""
    key = ("own singular vectors",)
    if key not in problem._cache:
        entries = problem.X.diagonal()
        is_diagonal = np.count_nonzero(problem.X) == np.count_nonzero(entries)
        order = np.argsort(-np.abs(entries), kind="stable")[: problem.rank]
        problem._cache[key] = order if is_diagonal else None
    return problem._cache[key]


def _diagonal(problem: Problem, kept: Any, bits: int) -> Form:
    """A diagonal X is its own spectral form but for signs; nothing is computed or rounded."""
    entries, labels = problem.X.diagonal()[kept], problem.y[kept]
    guarded = bits + GUARD_BITS
    rest = _exact(np.delete(problem.y, kept), guarded)
    with wide_context(guarded):
        floor = gmpy2.fsum([x * x for x in rest.to_gmpy2()]) / (2 * problem.n_samples)
    return Form(
        X=np.abs(entries),
        y=np.where(entries < 0, -labels, labels),
        u=problem.u[kept],
        n_samples=problem.n_samples,
        loss_floor=None if spans_samples(problem) else ExactArray.from_any([floor], guarded)[0],
    )


def _loss_floor(problem: Problem, form: _core.SingularForm, labels: _core.Vector) -> ExactArray:
    """‖y − Py‖²/(2n)."""
    seen = from_core(form.left_combination(labels))
    with wide_context(seen.bits):
        outside = _exact(problem.y, seen.bits).to_gmpy2() - seen.to_gmpy2()
        floor = gmpy2.fsum([x * x for x in outside]) / (2 * problem.n_samples)
    return ExactArray.from_any([floor], seen.bits)[0]


def _guarded(problem: Problem, bits: int) -> int:
    """Bits of a decomposition through a Gram matrix, which squares the condition number.

    As for 53 bits at least: singular values of float64 data can be as near as its roundings put them, and
    fewer bits would not tell their vectors apart.
    """
    if "condition" not in problem._cache:
        problem._cache["condition"] = rank_and_condition(problem.X.astype(np.float64))[1]
    return max(bits, 53) + GUARD_BITS + 2 * int(problem._cache["condition"])


def _singular(problem: Problem, bits: int) -> _core.SingularForm:
    key = ("singular", bits)
    if key not in problem._cache:
        guarded = _guarded(problem, bits)
        problem._cache[key] = _core.SingularForm(_data(problem, guarded), guarded, problem.rank)
    form: _core.SingularForm = problem._cache[key]
    return form


def _cholesky(problem: Problem, bits: int) -> _core.CholeskyForm:
    key = ("cholesky", bits)
    if key not in problem._cache:
        guarded = _guarded(problem, bits)
        problem._cache[key] = _core.CholeskyForm(_data(problem, guarded), guarded)
    form: _core.CholeskyForm = problem._cache[key]
    return form


def _data(problem: Problem, guarded: int) -> _core.Data:
    """X as it was given: exactly if float64, else to the guard bits."""
    bits = 53 if problem.X.dtype == np.float64 else guarded
    return _core.Data(matrix_to_core(problem.X, bits), "exact", available_cores())


def _exact(values: Any, guarded: int) -> ExactArray:
    return ExactArray.from_any(values, 53 if values.dtype == np.float64 else guarded)


def _vector(values: Any, guarded: int) -> _core.Vector:
    return to_core(_exact(values, guarded))
