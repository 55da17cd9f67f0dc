"""The backend on the C++ core: any number of bits, bit-defined dot products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpsharp import _core
from mpsharp.backends import mpfr_steppers
from mpsharp.backends.coordinates import restore, transform
from mpsharp.backends.mpfr_point import Instruments, MpfrPoint
from mpsharp.backends.transfer import from_core, matrix_to_core, to_core
from mpsharp.configuration import check_kernels
from mpsharp.errors import ConfigurationError, check_name
from mpsharp.exact import ExactArray
from mpsharp.observables import DEFAULTS, evaluate
from mpsharp.optimizers import SGD
from mpsharp.resources import available_cores

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import numpy.typing as npt

    from mpsharp.batches import Batches
    from mpsharp.formats import Format
    from mpsharp.observables import Observable
    from mpsharp.optimizers import Optimizer
    from mpsharp.problems import Problem

ARITHMETICS = ("exact", "sequential")


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
        coordinates: str,
    ) -> None:
        bits = format.bits
        form = transform(problem, coordinates, bits, dense=isinstance(optimizer, SGD))
        if form.is_diagonal:
            data = _core.Data.diagonal(to_core(ExactArray.from_any(form.X, bits)), arithmetic)
        else:
            data = _core.Data(matrix_to_core(form.X, bits), arithmetic, threads)
        y = to_core(ExactArray.from_any(form.y, bits))
        self.loss_floor = None if form.loss_floor is None else form.loss_floor.round_to(bits)
        floor = None if self.loss_floor is None else to_core(ExactArray.stack([self.loss_floor]))
        self._instruments = Instruments(
            problem,
            form,
            data,
            y,
            coordinates=coordinates,
            bits=bits,
            threads=threads,
            step_size=getattr(optimizer, "step_size", None),
        )
        self._run = mpfr_steppers.start(
            optimizer,
            _core.Minimalist(data, y, len(problem.v) + 1, form.n_samples, floor),
            to_core(ExactArray.from_any(form.u, bits)),
            to_core(ExactArray.from_any(problem.v, bits)),
            batches,
            lambda number: to_core(ExactArray.from_any([number], bits)),
            self._instruments.sharpness,
        )
        # A protocol's isinstance costs more than reading a number: once a run, not once a record.
        self._flow = self._run if isinstance(self._run, mpfr_steppers.Flow) else None

    @property
    def step(self) -> int:
        """Number of steps made so far."""
        return self._run.step

    def advance(self, steps: int, ceiling: float, stop_loss: ExactArray | None) -> str:
        """Make up to `steps` steps; see `mpsharp.backends.Runner`."""
        limit = None if stop_loss is None else to_core(ExactArray.stack([stop_loss]))
        return self._run.advance(steps, ceiling, limit)

    def perturb(self, size: ExactArray, draws: npt.NDArray[np.float64]) -> None:
        """Perturb every parameter; see `mpsharp.backends.Runner`."""
        if not isinstance(self._run, mpfr_steppers.Descent):
            raise ConfigurationError("noise: expected GD or SGD, got gradient flow")
        self._run.perturb(to_core(size), draws)

    def observe(self, observables: Iterable[Observable] = DEFAULTS) -> dict[str, ExactArray]:
        """Return what is recorded at the present step."""
        point = MpfrPoint(self._instruments, self._run)
        records = evaluate(observables, point)
        if self._flow is not None:
            records["flow_time"] = ExactArray.from_float64(self._flow.flow_time, 53)
        return records

    def parameters(self) -> tuple[ExactArray, ExactArray]:
        """Return u and v at the present step."""
        return from_core(self._run.u), from_core(self._run.v)


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
        coordinates: str = "parameter",
    ) -> MpfrRunner:
        """Round everything once to `format` and evaluate the loss at the starting point."""
        check_kernels()
        check_name("arithmetic of the mpfr backend", arithmetic, ARITHMETICS)
        if format.is_ieee:
            raise ConfigurationError(f"the mpfr backend: expected a number of bits, got {format.label}")
        threads = threads or available_cores()
        return MpfrRunner(problem, format, optimizer, arithmetic, threads, batches, coordinates)

    def restore(self, problem: Problem, *, format: Format, coordinates: str, u: ExactArray) -> ExactArray:
        """Return the first layer in parameter coordinates; see `mpsharp.backends.Backend.restore`."""
        return restore(problem, coordinates, format.bits, u)
