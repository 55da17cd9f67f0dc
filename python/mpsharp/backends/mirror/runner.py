"""One gradient-descent run in float32 or float64 (the protocols are in `mpsharp.backends.base`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mpsharp.backends.mirror.minimalist import Forward, forward, gradient_step
from mpsharp.backends.mirror.products import products_with
from mpsharp.backends.mirror.rounding import to_dtype
from mpsharp.backends.mirror.spectrum import Spectrum
from mpsharp.errors import ConfigurationError
from mpsharp.exact import ExactArray, as_exact_input
from mpsharp.optimizers import GD

if TYPE_CHECKING:
    from mpsharp.backends.mirror.products import Array
    from mpsharp.formats import Format
    from mpsharp.problems import Problem

FLOAT64_BITS = 53


@dataclass(frozen=True, eq=False)
class State:
    """Parameters after `step` steps with the evaluation of the model there."""

    step: int
    u: Array
    v: Array
    at: Forward


class MirrorRunner:
    """One run in NumPy (a `mpsharp.backends.Runner`).

    The state is replaced as a whole after each step, so that Ctrl-C leaves it whole.

    Parameters
    ----------
    problem, format, optimizer, arithmetic
        As in `mpsharp.backends.Backend.start`.
    """

    def __init__(self, problem: Problem, *, format: Format, optimizer: GD, arithmetic: str) -> None:
        dtype = np.dtype(format.name)
        X = to_dtype(problem.X, dtype, "X")
        step_size = to_dtype(as_exact_input([optimizer.step_size], "step_size"), dtype, "step_size")[0]
        self._bits = format.bits
        self._problem = problem
        self._X = X
        self._y = to_dtype(problem.y, dtype, "y")
        self._products = products_with(X, arithmetic)
        # n is exact in float32 up to 2**24 samples.
        with np.errstate(under="ignore"):
            self._h = step_size / dtype.type(problem.n_samples)
        self._spectrum: Spectrum | None = None
        u, v = to_dtype(problem.u, dtype, "u"), to_dtype(problem.v, dtype, "v")
        with np.errstate(all="ignore"):
            self._state = State(0, u, v, forward(self._products, self._y, u, v))

    @property
    def step(self) -> int:
        """Number of steps taken so far."""
        return self._state.step

    def advance(self, steps: int, ceiling: float, stop_loss: ExactArray | None) -> str:
        """Take up to `steps` steps; see `mpsharp.backends.Runner.advance`."""
        stop = -math.inf if stop_loss is None else _float_at_most(stop_loss)
        with np.errstate(all="ignore"):  # overflow is how a run diverges
            for _ in range(steps):
                self._state = self._next(self._state)
                loss = float(self._state.at.loss)
                if not math.isfinite(loss) or loss > ceiling:
                    return "diverged"
                if loss <= stop:
                    return "converged"
        return ""

    def observe(self) -> dict[str, ExactArray]:
        """Return loss (in the format of the run), sharpness, its residual and imbalance (in float64)."""
        if self._spectrum is None:
            self._spectrum = Spectrum(self._X, self._y, largest_rank=self._problem.rank)
        sharpness, residual = self._spectrum.sharpness(self._state.u, self._state.v)
        imbalance = self._spectrum.imbalance(self._state.u, self._state.v)
        return {
            "loss": ExactArray.from_float64(self._state.at.loss, self._bits),
            "sharpness": ExactArray.from_float64(sharpness, FLOAT64_BITS),
            "sharpness_residual": ExactArray.from_float64(residual, FLOAT64_BITS),
            "imbalance": ExactArray.from_float64(imbalance, FLOAT64_BITS),
        }

    def parameters(self) -> tuple[ExactArray, ExactArray]:
        """Return u and v at the current step."""
        return (
            ExactArray.from_float64(self._state.u, self._bits),
            ExactArray.from_float64(self._state.v, self._bits),
        )

    def _next(self, state: State) -> State:
        u, v = gradient_step(self._products, state.at, state.u, state.v, self._h)
        return State(state.step + 1, u, v, forward(self._products, self._y, u, v))


class MirrorBackend:
    """NumPy's float32 and float64 (a `mpsharp.backends.Backend`)."""

    name = "mirror"

    def start(
        self, problem: Problem, *, format: Format, optimizer: GD, arithmetic: str, threads: int | None
    ) -> MirrorRunner:
        """Round everything once to `format` and evaluate the loss at the starting point.

        Parameters
        ----------
        problem, format, optimizer
            As in `mpsharp.backends.Backend.start`; the format is float32 or float64.
        arithmetic : "sequential", "exact" or "numpy" (NumPy's own sums).
        threads : without effect: NumPy's BLAS has its own setting.
        """
        if not format.is_ieee:
            raise ConfigurationError(f"the mirror backend: expected float32 or float64, got {format.label}")
        if not isinstance(optimizer, GD):
            raise ConfigurationError(f"optimizer: expected a GD, got {optimizer!r}")
        return MirrorRunner(problem, format=format, optimizer=optimizer, arithmetic=arithmetic)


def _float_at_most(bound: ExactArray) -> float:
    """Return the largest float64 ≤ `bound`: a float64 is ≤ the one exactly if it is ≤ the other."""
    nearest = float(bound.to_float64())
    if ExactArray.from_float64(nearest, FLOAT64_BITS).to_gmpy2() > bound.to_gmpy2():
        return math.nextafter(nearest, -math.inf)
    return nearest
