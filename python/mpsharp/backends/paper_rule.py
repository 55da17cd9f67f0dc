"""The paper's step sizes of gradient flow: safety/S, S measured every 50 steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

MEASURE_EVERY = 50


class HeldFlow(Protocol):
    """Gradient flow whose step size is given from outside."""

    @property
    def step(self) -> int:
        """Number of steps made so far."""
        ...

    def hold(self, step_size: float) -> None:
        """Give all steps from now on this size."""
        ...


def advance_measured(
    flow: HeldFlow,
    steps: int,
    sharpness: Callable[[], float],
    safety: float,
    advance: Callable[[int], str],
) -> str:
    """Make up to `steps` steps of size safety/S and return the status, "" for none.

    Parameters
    ----------
    flow : what makes the steps.
    steps : how many at most.
    sharpness : returns S at the present step; asked at steps 0, 50, 100, ….
    safety : step size times sharpness.
    advance : makes that many steps of the size held.
    """
    end = flow.step + steps
    while flow.step < end:
        since = flow.step % MEASURE_EVERY
        if since == 0:
            S = sharpness()
            if not math.isfinite(S):
                return "diverged"
            if S <= 0:  # a Hessian without a positive eigenvalue is zero, and so is the gradient
                return "stationary"
            flow.hold(safety / S)
        if status := advance(min(end - flow.step, MEASURE_EVERY - since)):
            return status
    return ""
