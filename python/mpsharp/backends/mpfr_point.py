"""The states of a run in the core, as observables see them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from mpsharp import _core
from mpsharp._scalar import wide_context
from mpsharp.backends.coordinates import GUARD_BITS
from mpsharp.backends.mpfr_steppers import is_finite, observe
from mpsharp.backends.transfer import from_core, scalar_from_core, to_core
from mpsharp.exact import ExactArray
from mpsharp.theory.arithmetic import Arithmetic
from mpsharp.theory.difficulty import rank_and_condition
from mpsharp.theory.imbalance import check_in_range
from mpsharp.theory.moments import Moments
from mpsharp.theory.singular import Spectrum

if TYPE_CHECKING:
    from collections.abc import Callable

    from mpsharp.backends.mpfr_steppers import Sighted, Stepper
    from mpsharp.coordinates import Form
    from mpsharp.problems import Problem
    from mpsharp.theory.arithmetic import Array, Number

_T = TypeVar("_T")

_WIDER_FORMS = 4  # how often a sharpness is looked for again with more bits
_MOST_MORE_BITS = 4096  # so many; the search takes a step for each, and thousands of them minutes


def _rounded_up(bits: int) -> int:
    """A power of two, so that the states of a run share few forms."""
    return 1 << max(bits - 1, 63).bit_length()


class Instruments:
    """What the states of one run are measured with.

    Everything is made when first needed and kept with the problem, for other runs at this precision.

    Parameters
    ----------
    problem : the numbers as the user gave them.
    form : the same in the coordinates of the run.
    data, y : those of `form`, rounded to `bits`.
    coordinates, bits, threads : of the run.
    step_size : of the optimizer; None if it has none.
    """

    def __init__(
        self,
        problem: Problem,
        form: Form,
        data: _core.Data,
        y: _core.Vector,
        *,
        coordinates: str,
        bits: int,
        threads: int,
        step_size: Any = None,
    ) -> None:
        self.problem = problem
        self._form = form
        self._coordinates = coordinates
        self._reduced = form.X is not problem.X
        self.data = data
        self.y = y
        self.bits = bits
        self._threads = threads
        self._step_size = step_size

    @cached_property
    def gram(self) -> _core.GramForm:
        """The reduction of X that sharpness and imbalance are read from."""
        return self._kept("gram", lambda: self._make_gram(self.bits))

    def wider_gram(self, bits: int) -> _core.GramForm:
        """The same for `bits` right bits of ‖H‖."""
        return self._kept(f"gram {bits}", lambda: self._make_gram(bits))

    def sharpness(self, run: Sighted) -> float:
        """The largest eigenvalue of the Hessian at the present step."""
        return float(self.observe(run).to_float64()[0])

    def observe(self, run: Sighted) -> ExactArray:
        """Sharpness, right to its own bits, its residual, and imbalances, shape (depth + 1,)."""
        seen = observe(run, self.gram, self.y, self.bits)
        lacking = _core.lacking_bits(seen, self.bits)
        return from_core(seen) if lacking is None else self._observe_wider(run, from_core(seen), lacking)

    def _observe_wider(self, run: Sighted, seen: ExactArray, lacking: int) -> ExactArray:
        """Observe with more bits, where ‖H‖, of which `seen` has `bits` right, is far larger than S.

        Beyond `_MOST_MORE_BITS` it stays as it is, and its residual shows it.
        """
        for _ in range(_WIDER_FORMS):
            if (more := _rounded_up(lacking)) > _MOST_MORE_BITS:
                return seen
            wide = self.bits + more
            better = self.wider_gram(wide).observe(run.u, run.v, self.y, wide)
            still = _core.lacking_bits(better, self.bits)
            if still is None:
                return ExactArray.concatenate(
                    [ExactArray.from_any(from_core(better)[:2].to_gmpy2(), self.bits), seen[2:]]
                )
            lacking = more + still  # more than before: the next power of two at least
        return seen

    @cached_property
    def moment_form(self) -> _core.MomentForm:
        """Row norms of X, for `Moments`."""
        return self._kept("moments", lambda: _core.MomentForm(self.data, self.bits))

    @cached_property
    def singular(self) -> _core.SingularForm:
        """Singular value decomposition of the rounded X, which must not be zero or diagonal."""
        return self._kept("singular", lambda: _core.SingularForm(self.data, self._guarded, self.rank))

    @cached_property
    def spectrum(self) -> Spectrum:
        """Singular values of the rounded X, without their vectors."""
        if not self.rank:
            sigma: Array = np.empty(0, dtype=object)
        elif self._form.is_diagonal:
            sigma = np.asarray(ExactArray.from_any(self._form.X, self.bits).to_gmpy2())
        else:
            sigma = np.asarray(from_core(self.singular.values).to_gmpy2())
        none = np.empty((self.problem.n_samples, 0), dtype=object)
        return Spectrum(Arithmetic(self.bits, self.bits + GUARD_BITS), none, sigma, none, none[:0])

    @cached_property
    def label_coefficients(self) -> Array:
        """d_i = w_iᵀy of the rounded y, shape (rank,)."""
        if not self.rank:
            return np.empty(0, dtype=object)
        d = self.y if self._form.is_diagonal else self.singular.left_coefficients(self.y)
        return np.asarray(from_core(d).to_gmpy2())

    @cached_property
    def labels(self) -> Array:
        """`label_coefficients`, not all of them zero."""
        with self.spectrum.arithmetic.active():
            largest = max(abs(ExactArray.from_any(self.problem.y, self.bits).to_gmpy2()))
            check_in_range(self.spectrum, self.label_coefficients, largest)
        return self.label_coefficients

    @cached_property
    def top_direction(self) -> _core.Vector:
        """r₁ in the coordinates of the run."""
        first = [1] + [0] * (self.rank - 1)
        if self._form.is_diagonal:
            return to_core(ExactArray.from_any(first, self.bits))
        return self.singular.right_combination(to_core(ExactArray.from_any(first, self._guarded)))

    @cached_property
    def rank(self) -> int:
        """Numerical rank of the rounded X, at most that of X."""
        return self.problem.rank if self._reduced else self._rank_and_condition[0]

    @property
    def spans_features(self) -> bool:
        """Whether Π = I in the coordinates of the run."""
        return self._reduced or self.rank == self.problem.n_features

    @cached_property
    def step_size(self) -> Number:
        """Step size as the run rounds it."""
        return ExactArray.from_any([self._step_size], self.bits)[0].to_gmpy2()

    @cached_property
    def _rank_and_condition(self) -> tuple[int, int]:
        return self._kept("rank", self._find_rank)

    def _find_rank(self) -> tuple[int, int]:
        X = self.problem.X
        if X.dtype == np.float64 and self.bits < 53:
            rounded = ExactArray.from_float64(X, self.bits).to_float64()
        else:
            rounded = X.astype(np.float64)
        rank, condition = rank_and_condition(rounded)
        return min(rank, self.problem.rank), condition

    def _make_gram(self, right: int) -> _core.GramForm:
        # Unless Π is the identity it is read from a system with the square of X's condition.
        extra = 0 if self.spans_features else 2 * self._rank_and_condition[1]
        bits = right + GUARD_BITS + extra
        return _core.GramForm(self.data, bits, self.problem.n_samples, self.rank)

    @property
    def _guarded(self) -> int:
        """Bits of a decomposition, which loses the square of X's condition."""
        return self.bits + GUARD_BITS + 2 * self._rank_and_condition[1]

    def _kept(self, name: str, make: Callable[[], _T]) -> _T:
        form = self._coordinates if self._reduced else "parameter", self._form.is_diagonal
        cache, key = self.problem._cache, (name, *form, self.bits, self._threads)
        if key not in cache:
            cache[key] = make()
        return cast(_T, cache[key])


class MpfrPoint:
    """One state of a run (`mpsharp.backends.point.Point`)."""

    def __init__(self, by: Instruments, run: Stepper) -> None:
        self._by = by
        self._run = run  # not to be advanced while the point is in use
        self.record_bits = by.bits
        self.n_samples = by.problem.n_samples
        self.n_features = by.problem.n_features
        self.arithmetic = Arithmetic(by.bits, by.bits + GUARD_BITS)

    @cached_property
    def finite(self) -> bool:
        """Whether every parameter is finite."""
        return is_finite(self._run)

    @cached_property
    def _u(self) -> _core.Vector:
        return self._run.u

    @cached_property
    def _v(self) -> _core.Vector:
        return self._run.v

    @property
    def loss(self) -> ExactArray:
        """Loss as the run computed it."""
        return scalar_from_core(self._run.loss)

    @property
    def parameters(self) -> ExactArray:
        """Both layers as the run has them."""
        return ExactArray.concatenate([from_core(self._u), from_core(self._v)])

    @cached_property
    def v(self) -> Array:
        """Outer layers."""
        return np.asarray(from_core(self._v).to_gmpy2())

    @property
    def step_size(self) -> Number:
        """Step size as the run rounds it."""
        return self._by.step_size

    @cached_property
    def moments(self) -> Moments:
        """Sums over the state."""
        bits = self.arithmetic.working
        sums = self._by.moment_form.measure(self._u, self._v, self._by.y, bits)
        return Moments(*from_core(sums).to_gmpy2())

    @cached_property
    def projected_square(self) -> Number:
        """‖Πu‖²."""
        by = self._by
        if by.spans_features:  # Π = I
            return scalar_from_core(_core.dot(self._u, self._u, self.arithmetic.working)).to_gmpy2()
        return scalar_from_core(by.gram.projected_square(self._u)).to_gmpy2()

    @property
    def imbalance(self) -> ExactArray:
        """‖Πu‖² − v_l²."""
        if "_seen" in self.__dict__:
            return self._seen[2:]
        square = self.projected_square
        with wide_context(max(square.precision, self.arithmetic.working)):
            return ExactArray.from_any(square - self.v * self.v, self.record_bits)

    @property
    def sharpness(self) -> ExactArray:
        """Largest eigenvalue of the Hessian."""
        return self._seen[0]

    @property
    def sharpness_residual(self) -> ExactArray:
        """‖Hx − Sx‖."""
        return self._seen[1]

    @cached_property
    def _seen(self) -> ExactArray:
        return self._by.observe(self._run)

    def eigenvalues(self, count: int) -> ExactArray:
        """The largest eigenvalues of the Hessian."""
        by = self._by
        return from_core(by.gram.eigenvalues(self._u, self._v, by.y, by.bits, count, self.n_features))

    @property
    def spectrum(self) -> Spectrum:
        """Singular values of X, without their vectors."""
        return self._by.spectrum

    @property
    def labels(self) -> Array:
        """Coefficients of y in the left singular vectors."""
        return self._by.labels

    @property
    def top_label(self) -> Number:
        """d₁ = w₁ᵀy."""
        return self._by.label_coefficients[0]

    @cached_property
    def top_weight(self) -> Number:
        """ν₁ = r₁ᵀu."""
        return scalar_from_core(
            _core.dot(self._by.top_direction, self._u, self.arithmetic.working)
        ).to_gmpy2()
