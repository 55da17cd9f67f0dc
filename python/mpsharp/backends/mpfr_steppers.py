"""The core's optimisers behind one interface: what `mpsharp.backends.mpfr` drives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mpsharp import _core
from mpsharp.errors import ConfigurationError
from mpsharp.optimizers import GD, SGD, Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mpsharp.batches import Batches


class Stepper(Protocol):
    """An optimiser in progress in the core."""

    @property
    def step(self) -> int:
        """Number of steps made so far."""
        ...

    @property
    def u(self) -> _core.Vector:
        """The first layer."""
        ...

    @property
    def v(self) -> _core.Vector:
        """The other layers."""
        ...

    @property
    def loss(self) -> _core.Vector:
        """The loss of all samples, of length one."""
        ...

    def advance(self, steps: int, ceiling: float, stop_loss: _core.Vector | None) -> str:
        """Make up to `steps` steps; see `mpsharp.backends.Runner.advance`."""
        ...


def start(
    optimizer: Optimizer,
    model: _core.Minimalist,
    u: _core.Vector,
    v: _core.Vector,
    batches: Batches | None,
    number: Callable[[object], _core.Vector],
) -> Stepper:
    """Return the stepper of `optimizer` at its starting point.

    Parameters
    ----------
    model, u, v : the model and the starting point, at the working precision.
    batches : the rows of each step of SGD.
    number : rounds one number to the working precision.

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
    raise ConfigurationError(f"optimizer: expected a GD or SGD with its batches, got {optimizer!r}")


class BatchedDescent:
    """Stochastic gradient descent in the core, fed with the batches of its next steps."""

    def __init__(self, run: _core.StochasticGradientDescent, batches: Batches) -> None:
        self._run = run
        self._batches = batches

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

    @property
    def loss(self) -> _core.Vector:
        """The loss of all samples, computed when it is asked for."""
        return self._run.loss()

    def advance(self, steps: int, ceiling: float, stop_loss: _core.Vector | None) -> str:
        """Make up to `steps` steps; see `mpsharp.backends.Runner.advance`."""
        rows = self._batches.rows(self._run.step, steps)
        return self._run.advance(rows.ravel(), ceiling, stop_loss)
