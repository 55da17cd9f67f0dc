"""The core's optimisers behind one interface: what `mpsharp.backends.mpfr` drives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, runtime_checkable

from mpsharp import _core
from mpsharp.backends.paper_rule import advance_measured
from mpsharp.errors import ConfigurationError
from mpsharp.optimizers import GD, SGD, GradientFlow, Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from mpsharp.batches import Batches


class Sighted(Protocol):
    """What has parameters to look at."""

    @property
    def u(self) -> _core.Vector:
        """The first layer."""
        ...

    @property
    def v(self) -> _core.Vector:
        """The other layers."""
        ...


class Stepper(Sighted, Protocol):
    """An optimiser in progress in the core."""

    @property
    def step(self) -> int:
        """Number of steps made so far."""
        ...

    @property
    def loss(self) -> _core.Vector:
        """The loss of all samples, of length one."""
        ...

    def advance(self, steps: int, ceiling: float, stop_loss: _core.Vector | None) -> str:
        """Make up to `steps` steps; see `mpsharp.backends.Runner.advance`."""
        ...


@runtime_checkable
class Descent(Stepper, Protocol):
    """A descent in progress in the core, whose parameters can be perturbed between steps."""

    def perturb(self, size: _core.Vector, draws: npt.NDArray[np.float64]) -> None:
        """Perturb every parameter; see `mpsharp.backends.Runner.perturb`."""
        ...


@runtime_checkable
class Flow(Stepper, Protocol):
    """Gradient flow in progress in the core."""

    @property
    def flow_time(self) -> float:
        """Sum of the sizes of all steps so far."""
        ...


def start(
    optimizer: Optimizer,
    model: _core.Minimalist,
    u: _core.Vector,
    v: _core.Vector,
    batches: Batches | None,
    number: Callable[[object], _core.Vector],
    sharpness: Callable[[Sighted], float],
) -> Stepper:
    """Return the stepper of `optimizer` at its starting point.

    Parameters
    ----------
    model, u, v : the model and the starting point, at the working precision.
    batches : the rows of each step of SGD.
    number : rounds one number to the working precision.
    sharpness : the sharpness at the present step, for gradient flow with the paper's rule.

    Raises
    ------
    ConfigurationError : an optimiser that the core does not have.
    """
    if isinstance(optimizer, GD):
        return _core.GradientDescent(model, u, v, number(optimizer.step_size))
    if isinstance(optimizer, SGD) and batches is not None:
        run = _core.StochasticGradientDescent(
            model, u, v, number(optimizer.step_size), optimizer.batch_size, batches.epoch_steps
        )
        return BatchedDescent(run, batches)
    if isinstance(optimizer, GradientFlow):
        tolerance = optimizer.tolerance_at(u.bits)
        flow = _core.GradientFlow(
            model, u, v, tolerance, optimizer.max_step or math.inf, optimizer.first_step or 0.0
        )
        if optimizer.step_size is not None:
            flow.hold(optimizer.step_size)
        if optimizer.safety is not None:
            return PaperFlow(flow, optimizer.safety, sharpness)
        return flow
    raise ConfigurationError(f"optimizer: expected a known one, with batches if SGD, got {optimizer!r}")


def is_finite(run: Sighted) -> bool:
    """Whether every parameter is finite."""
    if isinstance(run, _core.GradientDescent):
        return run.finite
    return run.u.finite and run.v.finite


def observe(run: Sighted, form: _core.GramForm, y: _core.Vector, bits: int) -> _core.Vector:
    """Return sharpness, its residual and the imbalance of each layer at the present step.

    Gradient descent, once observed, keeps at the last step of every `advance` what the next observation
    would have to compute again.
    """
    if isinstance(run, _core.GradientDescent):
        return form.observe(run, y, bits)
    return form.observe(run.u, run.v, y, bits)


_Run = TypeVar("_Run", bound="_core.StochasticGradientDescent | _core.GradientFlow")


class Driven(Generic[_Run]):
    """An optimiser in the core that needs something from Python as it goes."""

    def __init__(self, run: _Run) -> None:
        self._run = run

    @property
    def step(self) -> int:
        """Number of steps made so far."""
        return self._run.step

    @property
    def u(self) -> _core.Vector:
        """The first layer."""
        return self._run.u

    @property
    def v(self) -> _core.Vector:
        """The other layers."""
        return self._run.v


class BatchedDescent(Driven[_core.StochasticGradientDescent]):
    """Stochastic gradient descent in the core, fed with the batches of its next steps."""

    def __init__(self, run: _core.StochasticGradientDescent, batches: Batches) -> None:
        super().__init__(run)
        self._batches = batches

    @property
    def loss(self) -> _core.Vector:
        """The loss of all samples, computed when it is asked for."""
        return self._run.loss()

    def advance(self, steps: int, ceiling: float, stop_loss: _core.Vector | None) -> str:
        """Make up to `steps` steps; see `mpsharp.backends.Runner.advance`."""
        rows = self._batches.rows(self._run.step, steps)
        return self._run.advance(rows.ravel(), ceiling, stop_loss)

    def perturb(self, size: _core.Vector, draws: npt.NDArray[np.float64]) -> None:
        """Perturb every parameter; see `mpsharp.backends.Runner.perturb`."""
        self._run.perturb(size, draws)


class PaperFlow(Driven[_core.GradientFlow]):
    """Gradient flow in the core with steps safety/S, S measured now and then."""

    def __init__(
        self,
        run: _core.GradientFlow,
        safety: float,
        sharpness: Callable[[Sighted], float],
    ) -> None:
        super().__init__(run)
        self._safety = safety
        self._sharpness = sharpness

    @property
    def loss(self) -> _core.Vector:
        """The loss."""
        return self._run.loss

    @property
    def flow_time(self) -> float:
        """Sum of the sizes of all steps so far."""
        return self._run.flow_time

    def advance(self, steps: int, ceiling: float, stop_loss: _core.Vector | None) -> str:
        """Make up to `steps` steps; see `mpsharp.backends.Runner.advance`."""
        return advance_measured(
            self._run,
            steps,
            lambda: self._sharpness(self._run),
            self._safety,
            lambda count: self._run.advance(count, ceiling, stop_loss),
        )
