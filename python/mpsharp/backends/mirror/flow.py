"""Gradient flow in NumPy: RK4 steps and the choice of their sizes, operation by operation as in the core."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp.backends.mirror.minimalist import Data, forward, gradient_sums, products_of_others
from mpsharp.backends.mirror.steppers import Moving, Point, classify, over
from mpsharp.backends.paper_rule import advance_measured

if TYPE_CHECKING:
    from collections.abc import Callable

    from mpsharp.backends.mirror.products import Array

FAR_EXPONENT = 1000
SHARE_OF_LENGTH = 0.1
FIRST_SHARE = 0.01
SAFETY = 0.9
SMALLEST_FACTOR = 0.2
LARGEST_FACTOR = 2.0
SMALLEST_RATIO = 1e-4


@dataclass(frozen=True)
class Scaled:
    """``value * 2**exponent``, so that numbers far outside float64's range compare."""

    value: float
    exponent: int


def scale(x: float, exponent: int) -> float:
    """Return x·2**exponent, the exponent cut to ±1000."""
    return math.ldexp(x, max(-FAR_EXPONENT, min(FAR_EXPONENT, exponent)))


def norm(u: Array, v: Array) -> Scaled:
    """Return the Euclidean norm of (u, v), summed in index order; NaN if an entry is not finite."""
    both = np.concatenate([u, v]).astype(np.float64)
    if not np.isfinite(both).all():
        return Scaled(math.nan, 0)
    significands, exponents = np.frexp(both)
    if not both.any():
        return Scaled(0.0, 0)
    top = int(exponents[both != 0].max())
    terms = np.ldexp(significands, np.maximum(exponents - top, -FAR_EXPONENT))
    squares: Any = np.add.accumulate(terms * terms)
    return Scaled(math.sqrt(float(squares[-1])), top)


def quotient(a: Scaled, b: Scaled) -> float:
    """Return a/b, 0 or huge where its exponent is beyond 1000; b is not 0."""
    return scale(a.value / b.value, a.exponent - b.exponent)


class StepControl:
    """Step sizes from error ratios: a PI controller for an error estimate of order 4."""

    def __init__(self, tolerance: float, max_step: float) -> None:
        self.tolerance = tolerance
        self.max_step = max_step
        self.step_size = 0.0
        self._last_ratio = 1.0
        self._rejected = False

    def propose(self, step_size: float) -> None:
        """Set the next step size, cut to `max_step` and to 20 significant bits."""
        significand, exponent = math.frexp(min(step_size, self.max_step))
        self.step_size = math.ldexp(math.floor(math.ldexp(significand, 20)), exponent - 20)

    def accept(self, ratio: float) -> bool:
        """Whether a step with this error ratio is accepted (at most 1); choose the next step size."""
        if not ratio <= 1:
            factor = SAFETY * math.pow(ratio, -0.25) if math.isfinite(ratio) else 0.0
            self.propose(self.step_size * max(factor, SMALLEST_FACTOR))
            self._rejected = True
            return False
        bounded = max(ratio, SMALLEST_RATIO)
        factor = SAFETY * math.pow(bounded, -0.175) * math.pow(self._last_ratio, 0.1)
        largest = 1.0 if self._rejected else LARGEST_FACTOR
        self.propose(self.step_size * min(max(factor, SMALLEST_FACTOR), largest))
        self._last_ratio = bounded
        self._rejected = False
        return True


@dataclass(frozen=True, eq=False)
class Slopes:
    """n times the gradient."""

    u: Array
    v: Array


@dataclass(frozen=True, eq=False)
class FlowState(Point):
    """Parameters after `step` accepted steps, with loss, slopes and flow time there."""

    loss: np.floating[Any]
    slopes: Slopes
    size: Scaled
    time: float
    compensation: float


class GradientFlow(Moving[FlowState]):
    """Gradient flow in progress (a `mpsharp.backends.mirror.steppers.Stepper`).

    Parameters
    ----------
    data, u, v : the model and the starting point.
    bits : significand bits of their format.
    tolerance, max_step, first_step : see `mpsharp.optimizers.GradientFlow`; a `first_step` of 0 chooses it.
    """

    def __init__(
        self,
        data: Data,
        u: Array,
        v: Array,
        *,
        bits: int,
        tolerance: float,
        max_step: float,
        first_step: float,
    ) -> None:
        self._data = data
        self._bits = bits
        self._control = StepControl(tolerance, max_step)
        self._held = False
        self.rejected = 0
        loss, slopes = self._evaluate(u, v)
        self._state = FlowState(0, u, v, loss, slopes, norm(u, v), 0.0, 0.0)
        slope = norm(slopes.u, slopes.v)
        usable = slope.value > 0
        moving = FIRST_SHARE * data.n_samples * (quotient(self._state.size, slope) if usable else 1.0)
        self._control.propose(first_step if first_step > 0 else moving)

    @property
    def loss(self) -> np.floating[Any]:
        """The loss of all samples."""
        return self._state.loss

    @property
    def flow_time(self) -> float:
        """Sum of the sizes of all steps so far."""
        return self._state.time + self._state.compensation

    @property
    def step_size(self) -> float:
        """Size of the next step that will be tried."""
        return self._control.step_size

    def hold(self, step_size: float) -> None:
        """Give all steps from now on this size, and accept them."""
        self._control.step_size = step_size
        self._held = True

    def advance(self, steps: int, ceiling: float, stop_loss: float) -> str:
        """Make up to `steps` accepted steps."""
        state = self._state
        if not math.isfinite(norm(state.slopes.u, state.slopes.v).value):
            return "diverged"
        made = 0
        while made < steps:
            state, step_size = self._state, self._control.step_size
            h = over(state.u.dtype.type(step_size), self._data.n_samples)
            half, sixth = h / h.dtype.type(2), h / h.dtype.type(6)
            k1 = state.slopes
            k2 = self._slopes(state, half, k1)
            k3 = self._slopes(state, half, k2)
            k4 = self._slopes(state, h, k3)
            total = Slopes(_weigh(k1.u, k2.u, k3.u, k4.u), _weigh(k1.v, k2.v, k3.v, k4.v))
            u, v = state.u - sixth * total.u, state.v - sixth * total.v
            loss, k5 = self._evaluate(u, v)
            length, size = norm(total.u, total.v), state.size
            weight = step_size / (6.0 * self._data.n_samples)
            if length.value == 0 or size.value == 0:
                return "stationary"
            exponent = length.exponent - size.exponent + self._bits + 1
            if scale(length.value / size.value * weight, exponent) <= 1:
                return "stationary"
            if not self._held:
                difference = norm(k4.u - k5.u, k4.v - k5.v)
                of_size = quotient(difference, size) * weight / self._control.tolerance
                of_length = quotient(difference, length) / SHARE_OF_LENGTH
                if not self._control.accept(of_size if of_size > of_length else of_length):
                    self.rejected += 1
                    continue
            time, compensation = _neumaier(state.time, state.compensation, step_size)
            self._state = FlowState(state.step + 1, u, v, loss, k5, norm(u, v), time, compensation)
            made += 1
            if status := classify(loss, ceiling, stop_loss):
                return status
        return ""

    def _evaluate(self, u: Array, v: Array) -> tuple[np.floating[Any], Slopes]:
        at = forward(self._data, u, v)
        g, q = gradient_sums(self._data.products, at)
        return at.loss, Slopes(at.c * g, products_of_others(v) * q)

    def _slopes(self, state: FlowState, factor: np.floating[Any], k: Slopes) -> Slopes:
        return self._evaluate(state.u - factor * k.u, state.v - factor * k.v)[1]


class PaperFlow(GradientFlow):
    """Gradient flow with steps safety/S, the sharpness S measured every 50 steps.

    Parameters
    ----------
    data, u, v, bits : as in `GradientFlow`.
    safety : step size times sharpness.
    sharpness : returns S at (u, v).
    """

    def __init__(
        self,
        data: Data,
        u: Array,
        v: Array,
        *,
        bits: int,
        safety: float,
        sharpness: Callable[[Array, Array], float],
    ) -> None:
        super().__init__(data, u, v, bits=bits, tolerance=math.inf, max_step=math.inf, first_step=0.0)
        self._safety = safety
        self._sharpness = sharpness

    def advance(self, steps: int, ceiling: float, stop_loss: float) -> str:
        """Make up to `steps` steps."""
        return advance_measured(
            self,
            steps,
            lambda: self._sharpness(self.u, self.v),
            self._safety,
            lambda count: super(PaperFlow, self).advance(count, ceiling, stop_loss),
        )


def _weigh(k1: Array, k2: Array, k3: Array, k4: Array) -> Array:
    return np.asarray((k2 + k3) * k1.dtype.type(2) + k1 + k4)


def _neumaier(total: float, compensation: float, x: float) -> tuple[float, float]:
    """Add x to a compensated sum."""
    new = total + x
    compensation += (total - new) + x if total >= x else (x - new) + total
    return new, compensation
