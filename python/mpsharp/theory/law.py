"""The law of precision: one recorded run predicts the catapult at every other number of bits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpsharp.errors import ConfigurationError, NonFiniteError, ShapeError
from mpsharp.formats import MAX_BITS, MIN_BITS
from mpsharp.initialization import check_depth
from mpsharp.theory.catapult import blowup_limit
from mpsharp.theory.law_inputs import Array, bits_or_exact, log2_losses, numbers, positive

# The sharpness of a catapult is read where its displacement is smaller than this factor of 2: from there on
# the catapult itself changes the sharpness, by a share of the displacement squared.
_BEFORE = 3.0


@dataclass(frozen=True, eq=False, kw_only=True)
class PrecisionLaw:
    """What one recorded run says about every number of bits.

    Near the path of training a displacement x along the top eigenvector of the Hessian obeys
    x_{t+1} = (1 − ηS_t)·x_t. It shrinks while S < 2/η, not below the rounding noise, and grows from there on.
    Its square follows X_{t+1} = (1 − ηS_t)²·X_t + N_t, and the catapult is the first step, S > 2/η there or
    before, at which the loss with the displacement, L_t + S_t·X_t/2, exceeds ten times its smallest value.

    With `start_loss` E₀ and `noise_loss` E_N, X_0 = 2E₀/S_0 and N_t = 4^−bits·2E_N/S_t. Without losses the
    law is left in its plain form: X_0 = 1, X_t ≥ 4^−bits, and the catapult comes where X_t is 1 again. The
    plain form leaves out some bits; the other has no constant that is not derived (docs/precision.md).

    Parameters
    ----------
    sharpness : array_like, shape (steps,)
        S_t at every step from the start, in units of 1/step_size: floats, exact numbers or an ExactArray.
        Trailing values that are not finite (of a run that diverged) are cut off. Only what comes before
        the recorded run's own catapult predicts others: record gradient flow, or a run at more bits than any
        that is predicted, or one above the horizon.
    step_size : η > 0 of the runs to be predicted.
    loss : array_like, shape (steps,), optional
        L_t at the same steps; exact numbers where it falls below float64's range.
    start_loss : float, optional; together with `loss`
        Part of the loss at the start that lies along the top eigenvector: S_0·x_0²/2.
    noise_loss : float, optional; `start_loss` by default
        4^bits times the loss that one step's rounding errors cause along the top eigenvector.
        `Trajectory.precision_law` and `mpsharp.theory.top_losses` compute both for the minimalist model.
    depth : D ≥ 2 of the model; for `blowup_bits`.

    Raises
    ------
    ShapeError
        `sharpness` is not one-dimensional, holds nothing finite, or `loss` has another length.
    NonFiniteError
        A sharpness before the last finite one is not finite.
    ConfigurationError
        Something is not a number, or not positive where it must be; a loss without `start_loss` or the
        other way round.

    Examples
    --------
    >>> law = PrecisionLaw(sharpness=[4, 8.5, 20, 20, 20, 20, 20], step_size=0.125)
    >>> round(law.horizon, 6)
    5.0
    >>> [law.catapult_step(bits) for bits in (2, 3, 53)]
    [5, None, None]
    """

    sharpness: Any
    step_size: Any
    loss: Any = None
    start_loss: float | None = None
    noise_loss: float | None = None
    depth: int = 2

    def __post_init__(self) -> None:
        check_depth(self.depth)
        if (self.loss is None) != (self.start_loss is None):
            raise ConfigurationError("loss, start_loss: expected both of them or none, got one")
        if self.noise_loss is not None and self.loss is None:
            raise ConfigurationError("noise_loss: expected loss and start_loss with it, got neither")
        values = numbers("sharpness", self.sharpness)
        length = len(values)
        finite = np.isfinite(values)
        if not finite.any():
            raise ShapeError(f"sharpness: expected finite values, got none among {length}")
        values = values[: int(np.flatnonzero(finite)[-1]) + 1]
        if not np.isfinite(values).all():
            raise NonFiniteError(f"sharpness: expected finite values, got {values[~np.isfinite(values)][0]}")
        object.__setattr__(self, "sharpness", values)
        object.__setattr__(self, "step_size", positive("step_size", self.step_size))
        for name in ("start_loss", "noise_loss"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, positive(name, getattr(self, name), or_zero=True))
        if self.loss is not None:
            logarithms = log2_losses(self.loss)
            if len(logarithms) != length:
                raise ShapeError(f"loss: expected length {length} as sharpness, got {len(logarithms)}")
            object.__setattr__(self, "loss", logarithms[: len(values)])

    @cached_property
    def growth(self) -> Array:
        """Bits by which a displacement grows at each step, log₂|1 − ηS_t|; at least −53."""
        grown: Array = np.log2(np.maximum(np.abs(1 - self.step_size * self.sharpness), 2.0**-53))
        return grown

    @cached_property
    def horizon(self) -> float:
        """Bits at which rounding noise equals what is left of the start; see `precision_horizon`."""
        end = self.catapult_step(math.inf)
        before = self.growth[: len(self.growth) if end is None else end + 1]
        unstable = np.flatnonzero(self._unstable[: len(before)])
        if not unstable.size:
            return 0.0
        path = np.concatenate([[0.0], np.cumsum(before)])[: unstable[-1] + 1]
        deepest = int(path.argmin())
        shrunk = -float(path[deepest])
        if self.start_loss is not None:
            scale = _log2(self.sharpness[0]) - _log2(self.sharpness[deepest])
            shrunk += (_log2(self._noise) - _log2(self.start_loss) + scale) / 2
        return max(0.0, shrunk)

    def catapult_step(self, bits: float) -> int | None:
        """Step at which the catapult comes in arithmetic of so many bits; see `mpsharp.catapult_step`."""
        bits = bits_or_exact(bits)
        return self._plain_catapult(bits) if self.loss is None else self._catapult(bits)

    def displacement(self, bits: float) -> Array:
        """log₂|x_t| that rounding noise alone causes along the top eigenvector, from nothing at the start.

        Parameters
        ----------
        bits : significand bits.

        Returns
        -------
        float64 array, shape (steps,): the root of X_t, X_0 = 0, without an end at a catapult; −inf where
        there is none. In the plain form the noise has the size 2^−bits.
        """
        bits = bits_or_exact(bits)
        added = np.full(len(self.sharpness), -2.0 * bits)
        if self.loss is not None:
            half_sharpness = np.log2(np.maximum(self.sharpness, np.finfo(np.float64).tiny)) - 1
            added += _log2(self._noise) - half_sharpness
        squares = [-math.inf]
        for change, noise in zip((2 * self.growth).tolist(), added.tolist(), strict=True):
            squares.append(_log2_sum(squares[-1] + change, noise))
        return np.array(squares[:-1]) / 2

    def catapult_ratio(self, bits: float) -> float | None:
        """ηS as the catapult starts (`ratio_before` it); None where none comes within the recorded steps."""
        step = self.catapult_step(bits)
        return None if step is None else self.ratio_before(step)

    def ratio_before(self, step: int) -> float:
        """ηS where a displacement is 2⁻³ of what it is at `step`, but not before S exceeds 2/η.

        Later a catapult that is seen at `step` itself changes the sharpness, by a share of its displacement
        squared.
        """
        step = min(step, len(self.sharpness) - 1)
        grown = 0.0
        while grown < _BEFORE and step > 0 and self._unstable[step - 1]:
            step -= 1
            grown += self.growth[step]
        return float(self.step_size * self.sharpness[step])

    def blowup_bits(self, share: float = 0.5) -> int | None:
        """Smallest number of bits at which the catapult ends in a blow-up; see `mpsharp.blowup_bits`."""
        limit = blowup_limit(self.depth, share)

        def diverges(bits: float) -> bool:
            ratio = self.catapult_ratio(bits)
            return ratio is not None and ratio > limit

        if not diverges(math.inf):
            return None
        low, high = MIN_BITS - 1, MIN_BITS
        while high < MAX_BITS and not diverges(high):
            low, high = high, min(2 * high, MAX_BITS)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if diverges(middle) else (middle, high)
        return high

    @cached_property
    def _unstable(self) -> NDArray[np.bool_]:
        return np.asarray(self.step_size * self.sharpness > 2)

    @property
    def _noise(self) -> float:
        return float(self.start_loss if self.noise_loss is None else self.noise_loss)  # type: ignore[arg-type]

    def _plain_catapult(self, bits: float) -> int | None:
        """First step after which log₂|x|, started at 0 and kept above −bits, is 0 again by growing."""
        amplitude = 0.0
        unstable = False
        for step, (change, above) in enumerate(
            zip(self.growth.tolist(), self._unstable.tolist(), strict=True)
        ):
            unstable = unstable or above
            amplitude = max(amplitude + change, -bits)
            if unstable and amplitude >= 0:
                return step
        return None

    def _catapult(self, bits: float) -> int | None:
        """First step at which L + SX/2 is ten times its smallest value; everything in logarithms."""
        half_sharpness = np.log2(np.maximum(self.sharpness, np.finfo(np.float64).tiny)) - 1
        noise = (_log2(self._noise) - 2 * bits - half_sharpness).tolist()
        displacement = _log2(self.start_loss) - half_sharpness[0]
        smallest = math.inf
        unstable = False
        rows = zip(
            (2 * self.growth).tolist(),
            self._unstable.tolist(),
            half_sharpness.tolist(),
            self.loss.tolist(),
            noise,
            strict=True,
        )
        for step, (change, above, half, rest, added) in enumerate(rows):
            total = _log2_sum(half + displacement, rest)
            unstable = unstable or above
            if unstable and total > smallest + math.log2(10):
                return step
            smallest = min(smallest, total)
            displacement = _log2_sum(displacement + change, added)
        return None


def _log2(value: float | None) -> float:
    return math.log2(value) if value and value > 0 else -math.inf


def _log2_sum(a: float, b: float) -> float:
    """log₂(2ᵃ + 2ᵇ)."""
    larger, smaller = (a, b) if a > b else (b, a)
    if smaller == -math.inf or larger == math.inf:
        return larger
    return larger + math.log2(1 + 2.0 ** max(smaller - larger, -1000.0))
