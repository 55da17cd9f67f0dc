"""One run in float32 or float64 (the protocols are in `mpsharp.backends.base`)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp.backends.mirror import flow
from mpsharp.backends.mirror.coordinates import restore, transform
from mpsharp.backends.mirror.minimalist import Data
from mpsharp.backends.mirror.point import FLOAT64_BITS, Instruments, MirrorPoint
from mpsharp.backends.mirror.products import diagonal_products, products_with
from mpsharp.backends.mirror.rounding import to_dtype
from mpsharp.backends.mirror.steppers import GradientDescent, Stepper, StochasticGradientDescent
from mpsharp.errors import ConfigurationError
from mpsharp.exact import ExactArray, as_exact_input
from mpsharp.observables import DEFAULTS, evaluate
from mpsharp.optimizers import SGD, GradientFlow, Optimizer, check_optimizer

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from mpsharp.backends.mirror.products import Array
    from mpsharp.batches import Batches
    from mpsharp.formats import Format
    from mpsharp.observables import Observable
    from mpsharp.problems import Problem


class MirrorRunner:
    """One run in NumPy (a `mpsharp.backends.Runner`).

    Parameters
    ----------
    problem, format, optimizer, arithmetic, batches, coordinates
        As in `mpsharp.backends.Backend.start`.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        format: Format,
        optimizer: Optimizer,
        arithmetic: str,
        batches: Batches | None = None,
        coordinates: str = "parameter",
    ) -> None:
        dtype = np.dtype(format.name)
        form = transform(problem, coordinates, dense=isinstance(optimizer, SGD))
        X = to_dtype(form.X, dtype, "X")
        step_size: Any = None
        if optimizer.step_size is not None:
            step_size = to_dtype(as_exact_input([optimizer.step_size], "step_size"), dtype, "step_size")[0]
        self._bits = format.bits
        self._y = to_dtype(form.y, dtype, "y")
        self._instruments = Instruments(problem, X, self._y, step_size, coordinates=coordinates)
        self._floor = None
        if form.loss_floor is not None:
            self._floor = to_dtype(form.loss_floor[np.newaxis], dtype, "loss floor")[0]
        make = diagonal_products if form.is_diagonal else products_with
        data = Data(make(X, arithmetic), self._y, form.n_samples, self._floor)
        u, v = to_dtype(form.u, dtype, "u"), to_dtype(problem.v, dtype, "v")
        with np.errstate(all="ignore"):
            self._stepper = self._start(optimizer, data, u, v, step_size, batches)

    @property
    def step(self) -> int:
        """Number of steps taken so far."""
        return self._stepper.step

    @property
    def loss_floor(self) -> ExactArray | None:
        """What every loss has beyond the rows' own; None where that is nothing."""
        return None if self._floor is None else ExactArray.from_float64(self._floor, self._bits)

    def advance(self, steps: int, ceiling: float, stop_loss: ExactArray | None) -> str:
        """Take up to `steps` steps; see `mpsharp.backends.Runner.advance`."""
        stop = -math.inf if stop_loss is None else _float_at_most(stop_loss)
        with np.errstate(all="ignore"):  # overflow is how a run diverges
            return self._stepper.advance(steps, ceiling, stop)

    def perturb(self, size: ExactArray, draws: npt.NDArray[np.float64]) -> None:
        """Perturb every parameter; see `mpsharp.backends.Runner.perturb`."""
        stepper = self._stepper
        if not isinstance(stepper, (GradientDescent, StochasticGradientDescent)):
            raise ConfigurationError("noise: expected GD or SGD, got gradient flow")
        with np.errstate(all="ignore"):
            # A draw has 21 bits, so that float64 holds its product with a float32 number exactly.
            stepper.perturb((size.to_float64() * draws).astype(self._y.dtype))

    def observe(self, observables: Iterable[Observable] = DEFAULTS) -> dict[str, ExactArray]:
        """Return what is recorded at the current step, all but the loss in float64."""
        with np.errstate(all="ignore"):
            loss = ExactArray.from_float64(self._stepper.loss, self._bits)
        point = MirrorPoint(self._instruments, self._stepper.u, self._stepper.v, loss)
        records = evaluate(observables, point)
        if isinstance(self._stepper, flow.GradientFlow):
            records["flow_time"] = ExactArray.from_float64(self._stepper.flow_time, FLOAT64_BITS)
        return records

    def _start(
        self,
        optimizer: Optimizer,
        data: Data,
        u: Array,
        v: Array,
        step_size: Any,
        batches: Batches | None,
    ) -> Stepper:
        if isinstance(optimizer, GradientFlow):
            if optimizer.safety is not None:
                return flow.PaperFlow(
                    data,
                    u,
                    v,
                    bits=self._bits,
                    safety=optimizer.safety,
                    sharpness=self._instruments.sharpness,
                )
            stepper = flow.GradientFlow(
                *(data, u, v),
                bits=self._bits,
                tolerance=optimizer.tolerance_at(self._bits),
                max_step=optimizer.max_step or math.inf,
                first_step=optimizer.first_step or 0.0,
            )
            if optimizer.step_size is not None:
                stepper.hold(optimizer.step_size)
            return stepper
        if isinstance(optimizer, SGD):
            if batches is None:
                raise ConfigurationError("batches: expected those of SGD, got None")
            return StochasticGradientDescent(data, u, v, step_size, batches)
        return GradientDescent(data, u, v, step_size)

    def parameters(self) -> tuple[ExactArray, ExactArray]:
        """Return u and v at the current step."""
        return (
            ExactArray.from_float64(self._stepper.u, self._bits),
            ExactArray.from_float64(self._stepper.v, self._bits),
        )


class MirrorBackend:
    """NumPy's float32 and float64 (a `mpsharp.backends.Backend`)."""

    name = "mirror"

    def start(
        self,
        problem: Problem,
        *,
        format: Format,
        optimizer: Optimizer,
        arithmetic: str,
        threads: int | None,
        batches: Batches | None = None,
        coordinates: str = "parameter",
    ) -> MirrorRunner:
        """Round everything once to `format` and evaluate the loss at the starting point.

        Parameters
        ----------
        problem, format, optimizer, batches
            As in `mpsharp.backends.Backend.start`; the format is float32 or float64.
        arithmetic : "sequential", "exact" or "numpy" (NumPy's own sums).
        threads : without effect: NumPy's BLAS has its own setting.
        """
        if not format.is_ieee:
            raise ConfigurationError(f"the mirror backend: expected float32 or float64, got {format.label}")
        check_optimizer(optimizer)
        return MirrorRunner(
            problem,
            format=format,
            optimizer=optimizer,
            arithmetic=arithmetic,
            batches=batches,
            coordinates=coordinates,
        )

    def restore(self, problem: Problem, *, format: Format, coordinates: str, u: ExactArray) -> ExactArray:
        """Return the first layer in parameter coordinates; see `mpsharp.backends.Backend.restore`."""
        return ExactArray.from_float64(restore(problem, coordinates, u.to_float64()), format.bits)


def _float_at_most(bound: ExactArray) -> float:
    """Return the largest float64 ≤ `bound`: a float64 is ≤ the one exactly if it is ≤ the other."""
    nearest = float(bound.to_float64())
    if ExactArray.from_float64(nearest, FLOAT64_BITS).to_gmpy2() > bound.to_gmpy2():
        return math.nextafter(nearest, -math.inf)
    return nearest
