"""GD and SGD in NumPy; a state is replaced as a whole after each step, so Ctrl-C leaves it whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np

from mpsharp.backends.mirror.minimalist import Data, Forward, forward, gradient_step

if TYPE_CHECKING:
    from mpsharp.backends.mirror.products import Array
    from mpsharp.batches import Batches


class Stepper(Protocol):
    """An optimiser in progress."""

    @property
    def step(self) -> int:
        """Number of steps made so far."""
        ...

    @property
    def u(self) -> Array:
        """The first layer."""
        ...

    @property
    def v(self) -> Array:
        """The other layers."""
        ...

    @property
    def loss(self) -> np.floating[Any]:
        """The loss of all samples."""
        ...

    def advance(self, steps: int, ceiling: float, stop_loss: float) -> str:
        """Make up to `steps` steps; see `mpsharp.backends.Runner.advance`."""
        ...


@dataclass(frozen=True, eq=False)
class Point:
    """Parameters after `step` steps."""

    step: int
    u: Array
    v: Array


@dataclass(frozen=True, eq=False)
class State(Point):
    """The same with the evaluation of the model there."""

    at: Forward


_Point = TypeVar("_Point", bound=Point)


def over(step_size: np.floating[Any], samples: int) -> np.floating[Any]:
    """Return h = RN(step_size/samples); the divisor is exact in float32 up to 2**24 samples."""
    result: np.floating[Any] = step_size / step_size.dtype.type(samples)
    return result


def classify(loss: np.floating[Any], ceiling: float, stop_loss: float) -> str:
    """Return the status that a loss means, "" for none."""
    value = float(loss)
    if not math.isfinite(value) or value > ceiling:
        return "diverged"
    return "converged" if value <= stop_loss else ""


def perturbed(point: Point, relative: Array) -> tuple[Array, Array]:
    """Return u and v with RN(x + RN(x·r)) for every parameter x, r those of u, then those of v."""
    of_u, of_v = relative[: len(point.u)], relative[len(point.u) :]
    return point.u + point.u * of_u, point.v + point.v * of_v


class Moving(Generic[_Point]):
    """What has a state that is replaced as a whole: parameters and the number of steps."""

    _state: _Point

    @property
    def step(self) -> int:
        """Number of steps made so far."""
        return self._state.step

    @property
    def u(self) -> Array:
        """The first layer."""
        return self._state.u

    @property
    def v(self) -> Array:
        """The other layers."""
        return self._state.v


class GradientDescent(Moving[State]):
    """Gradient descent in progress (a `Stepper`)."""

    def __init__(self, data: Data, u: Array, v: Array, step_size: np.floating[Any]) -> None:
        self._data = data
        self._h = over(step_size, data.n_samples)
        self._state = State(0, u, v, forward(data, u, v))

    @property
    def loss(self) -> np.floating[Any]:
        """The loss of all samples."""
        return self._state.at.loss

    def advance(self, steps: int, ceiling: float, stop_loss: float) -> str:
        """Make up to `steps` steps."""
        for _ in range(steps):
            state = self._state
            u, v = gradient_step(self._data.products, state.at, state.u, state.v, self._h)
            self._state = State(state.step + 1, u, v, forward(self._data, u, v))
            if status := classify(self._state.at.loss, ceiling, stop_loss):
                return status
        return ""

    def perturb(self, relative: Array) -> None:
        """Perturb the parameters by these relative amounts (see `perturbed`)."""
        u, v = perturbed(self._state, relative)
        self._state = State(self.step, u, v, forward(self._data, u, v))


class StochasticGradientDescent(Moving[Point]):
    """Stochastic gradient descent in progress (a `Stepper`); see `mpsharp.optimizers.SGD` for its tests."""

    def __init__(self, data: Data, u: Array, v: Array, step_size: np.floating[Any], batches: Batches) -> None:
        self._data = data
        self._batches = batches
        self._h = over(step_size, batches.size)
        self._state = Point(0, u, v)
        self._loss: tuple[int, np.floating[Any]] | None = None  # with its step

    @property
    def loss(self) -> np.floating[Any]:
        """The loss of all samples, computed when it is asked for."""
        if self._loss is None or self._loss[0] != self.step:
            at = forward(self._data, self.u, self.v)
            self._loss = self.step, at.loss
        return self._loss[1]

    def advance(self, steps: int, ceiling: float, stop_loss: float) -> str:
        """Make up to `steps` steps."""
        for rows in self._batches.rows(self.step, steps):
            state = self._state
            batch = self._data.of_rows(rows)
            at = forward(batch, state.u, state.v)
            if classify(at.loss, ceiling, -math.inf):
                return "diverged"
            u, v = gradient_step(batch.products, at, state.u, state.v, self._h)
            self._state = Point(state.step + 1, u, v)
            tested = stop_loss > -math.inf and self.step % self._batches.epoch_steps == 0
            if tested and (status := classify(self.loss, ceiling, stop_loss)):
                return status
        return ""

    def perturb(self, relative: Array) -> None:
        """Perturb the parameters by these relative amounts (see `perturbed`)."""
        self._state = Point(self.step, *perturbed(self._state, relative))
        self._loss = None
