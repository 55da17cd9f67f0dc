"""The backend on the C++ core: any number of bits, bit-defined dot products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp import _core
from mpsharp.backends import mpfr_steppers
from mpsharp.configuration import check_kernels
from mpsharp.errors import ConfigurationError, check_name
from mpsharp.exact import ExactArray
from mpsharp.resources import available_cores
from mpsharp.theory.difficulty import rank_and_condition

if TYPE_CHECKING:
    from mpsharp.batches import Batches
    from mpsharp.formats import Format
    from mpsharp.optimizers import Optimizer
    from mpsharp.problems import Problem

ARITHMETICS = ("exact", "sequential")

# Beyond the working precision, for sharpness and imbalance: the rounding errors of a reduction of
# order k grow like k**2, so 64 bits leave more than 40 right ones at k = 1000.
GUARD_BITS = 64


def to_core(numbers: ExactArray) -> _core.Vector:
    """Copy a one-dimensional array into the core."""
    return _core.Vector(numbers.bits, numbers.sign, numbers.kind, numbers.exponent, numbers.limbs)


def from_core(vector: _core.Vector) -> ExactArray:
    """Copy a vector out of the core."""
    return ExactArray._trusted(*vector.parts())  # the core normalises its numbers


def scalar_from_core(vector: _core.Vector) -> ExactArray:
    """Copy a vector of length one out of the core, as a number of shape ()."""
    return from_core(vector)[0]


def _matrix(values: Any, bits: int) -> _core.Matrix:
    if values.dtype == np.float64:
        return _core.Matrix.from_float64(values, bits)
    rounded = ExactArray.from_any(values.ravel(), bits)
    rows, columns = values.shape
    return _core.Matrix(rows, columns, to_core(rounded))


class MpfrRunner:
    """One run in the core (`mpsharp.backends.Runner`)."""

    def __init__(
        self,
        problem: Problem,
        format: Format,
        optimizer: Optimizer,
        arithmetic: str,
        threads: int,
        batches: Batches | None,
    ) -> None:
        bits = format.bits
        self._bits = bits
        self._threads = threads
        self._problem = problem
        self._X = _matrix(problem.X, bits)
        self._data = _core.Data(self._X, arithmetic, threads)
        self._y = to_core(ExactArray.from_any(problem.y, bits))
        self._run = mpfr_steppers.start(
            optimizer,
            self._data,
            self._y,
            to_core(ExactArray.from_any(problem.u, bits)),
            to_core(ExactArray.from_any(problem.v, bits)),
            batches,
            lambda number: to_core(ExactArray.from_any([number], bits)),
        )
        self._form: _core.GramForm | None = None

    @property
    def step(self) -> int:
        """Number of steps made so far."""
        return self._run.step

    def advance(self, steps: int, ceiling: float, stop_loss: ExactArray | None) -> str:
        """Make up to `steps` steps; see `mpsharp.backends.Runner`."""
        limit = None if stop_loss is None else to_core(ExactArray.stack([stop_loss]))
        return self._run.advance(steps, ceiling, limit)

    def observe(self) -> dict[str, ExactArray]:
        """Return loss, sharpness with its residual, and imbalance at the present step."""
        seen = self._gram_form().observe(self._run.u, self._run.v, self._y, self._bits)
        values = from_core(seen)
        return {
            "loss": scalar_from_core(self._run.loss),
            "sharpness": values[0],
            "sharpness_residual": values[1],
            "imbalance": values[2:],
        }

    def parameters(self) -> tuple[ExactArray, ExactArray]:
        """Return u and v at the present step."""
        return from_core(self._run.u), from_core(self._run.v)

    def _gram_form(self) -> _core.GramForm:
        """Return the reduction of X at this precision, made once per problem."""
        if self._form is None:
            cache = self._problem._cache
            key = ("gram", self._bits, self._threads)
            if key not in cache:
                if self._problem.X.dtype == np.float64 and self._bits < 53:
                    rounded = ExactArray.from_float64(self._problem.X, self._bits).to_float64()
                else:
                    rounded = self._problem.X.astype(np.float64)
                rank, condition = rank_and_condition(rounded)
                rank = min(rank, self._problem.rank)
                # Unless Pi is the identity it is read from a system with the square of X's condition.
                extra = 0 if rank == self._problem.n_features else 2 * condition
                bits = self._bits + GUARD_BITS + extra
                cache[key] = _core.GramForm(self._data, bits, rank)
            self._form = cache[key]
        return self._form


class MpfrBackend:
    """Runs on MPFR (`mpsharp.backends.Backend`)."""

    name = "mpfr"

    def start(
        self,
        problem: Problem,
        *,
        format: Format,
        optimizer: Optimizer,
        arithmetic: str,
        threads: int | None,
        batches: Batches | None = None,
    ) -> MpfrRunner:
        """Round everything once to `format` and evaluate the loss at the starting point."""
        check_kernels()
        check_name("arithmetic of the mpfr backend", arithmetic, ARITHMETICS)
        if format.is_ieee:
            raise ConfigurationError(f"the mpfr backend: expected a number of bits, got {format.label}")
        return MpfrRunner(problem, format, optimizer, arithmetic, threads or available_cores(), batches)
