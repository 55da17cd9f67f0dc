"""The law of precision: one recorded run predicts the catapult at every other number of bits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpsharp.errors import ConfigurationError, NonFiniteError, PrecisionError, ShapeError
from mpsharp.exact import ExactArray
from mpsharp.formats import MAX_BITS, MIN_BITS
from mpsharp.initialization import check_depth
from mpsharp.theory.catapult import blowup_limit

Array = NDArray[np.float64]

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
        values = _numbers("sharpness", self.sharpness)
        length = len(values)
        finite = np.isfinite(values)
        if not finite.any():
            raise ShapeError(f"sharpness: expected finite values, got none among {length}")
        values = values[: int(np.flatnonzero(finite)[-1]) + 1]
        if not np.isfinite(values).all():
            raise NonFiniteError(f"sharpness: expected finite values, got {values[~np.isfinite(values)][0]}")
        object.__setattr__(self, "sharpness", values)
        object.__setattr__(self, "step_size", _positive("step_size", self.step_size))
        for name in ("start_loss", "noise_loss"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _positive(name, getattr(self, name), or_zero=True))
        if self.loss is not None:
            logarithms = _log2_losses(self.loss)
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
        bits = _bits(bits)
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
        bits = _bits(bits)
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


def growth_bits(sharpness: object, step_size: object) -> Array:
    """Bits by which the displacement along the top eigenvector grows at each step: log₂|1 − ηS_t|.

    Parameters
    ----------
    sharpness, step_size : as for `PrecisionLaw`.

    Returns
    -------
    float64 array, shape (finite steps,). At least −53: a step that is stable beyond that is not resolved.

    Raises
    ------
    ShapeError, NonFiniteError, ConfigurationError
        As `PrecisionLaw`.
    """
    return PrecisionLaw(sharpness=sharpness, step_size=step_size).growth


def precision_horizon(sharpness: object, step_size: object, **losses: Any) -> float:
    """Bits above which precision no longer changes the run, up to a margin of some tens of bits.

    m = −Σ_{t<t_c} log₂|1 − ηS_t|, t_c the first step with S > 2/η: by so many bits the displacement along
    the top eigenvector has shrunk when the run becomes unstable. A format with fewer bits cannot hold what
    is left; its rounding noise is what grows from there. Where S returns below 2/η before a catapult, the
    deepest point counts from which it still grows.

    Parameters
    ----------
    sharpness, step_size : as for `PrecisionLaw`.
    **losses : `loss`, `start_loss` and `noise_loss` of `PrecisionLaw`: with them, the bits at which the noise
        at the deepest point is as large as what is left of the start.

    Returns
    -------
    float, at least 0; 0 where S never exceeds 2/η, for then nothing grows at any precision.

    Raises
    ------
    ShapeError, NonFiniteError, ConfigurationError
        As `PrecisionLaw`.
    """
    return PrecisionLaw(sharpness=sharpness, step_size=step_size, **losses).horizon


def catapult_step(sharpness: object, step_size: object, bits: float, **losses: Any) -> int | None:
    """Step at which the catapult comes in arithmetic of this many bits.

    From the sharpness alone, the plain law: the displacement along the top eigenvector, x_0 = 1, follows
    x_{t+1} = (1 − ηS_t)·x_t but never falls below the rounding noise 2^−bits; the catapult is the first
    step t with S_s > 2/η for an s ≤ t after which it is 1 again. For a sharpness that crosses 2/η once, at
    t_c, this is the first t with Σ_{s=t_c..t} log₂|1 − ηS_s| ≥ min(bits, m), m the `precision_horizon`. With
    losses, the law of `PrecisionLaw`, which knows the sizes of start, noise and catapult.

    Parameters
    ----------
    sharpness, step_size : as for `PrecisionLaw`.
    bits : significand bits; ``math.inf`` stands for exact arithmetic.
    **losses : `loss`, `start_loss` and `noise_loss` of `PrecisionLaw`.

    Returns
    -------
    int, or None where no catapult comes within the recorded steps.

    Raises
    ------
    ShapeError, NonFiniteError, ConfigurationError
        As `PrecisionLaw`.
    PrecisionError
        `bits` is out of range.

    Notes
    -----
    Assumed are a top eigenvalue that stands alone, and an eigenvector and a path of training that move slowly
    against 1/|log(ηS − 1)|. The page docs/precision.md derives the law and shows where it fails.
    """
    return PrecisionLaw(sharpness=sharpness, step_size=step_size, **losses).catapult_step(bits)


def blowup_bits(
    sharpness: object, step_size: object, *, depth: int = 2, share: float = 0.5, **losses: Any
) -> int | None:
    """Smallest number of bits at which the catapult ends in a blow-up.

    A catapult recovers where ηS as it starts is below `blowup_limit(depth)`, 4 for depth 2 (Lewkowycz et al.
    2020), and more bits postpone the catapult to a larger S. For depth 3 and more the border is a band: none
    diverges below ηS = 5.2 and 6.2 for 3 and 4, half of all do at 5.6 and 7.2, and the share rises slowly
    from there (`blowup_share`).

    Parameters
    ----------
    sharpness, step_size : as for `PrecisionLaw`.
    depth : D ≥ 2 of the model.
    share : which share of catapults must diverge; 0: any at all. Without effect for depth 2.
    **losses : `loss`, `start_loss` and `noise_loss` of `PrecisionLaw`.

    Returns
    -------
    int of at least 2, or None where not even exact arithmetic diverges within the recorded steps.

    Raises
    ------
    ShapeError, NonFiniteError, ConfigurationError
        As `PrecisionLaw`.
    """
    law = PrecisionLaw(sharpness=sharpness, step_size=step_size, depth=depth, **losses)
    return law.blowup_bits(share)


# --- what goes in -----------------------------------------------------------------------------------


def _numbers(name: str, values: Any) -> Array:
    if isinstance(values, ExactArray):
        array = values.to_float64()
    else:
        try:
            array = np.array(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{name}: expected numbers, got {values!r:.60}") from error
    if array.ndim != 1:
        raise ShapeError(f"{name}: expected one dimension, got shape {array.shape}")
    return array


def _log2_losses(values: Any) -> Array:
    """log₂ of losses, also below float64's range; −inf for zero, +inf for what is not finite."""
    if isinstance(values, ExactArray):
        exact = values
    elif np.asarray(values).dtype == object:
        exact = ExactArray.from_any(values, 64)
    else:
        floats = _numbers("loss", values)
        exact = ExactArray.from_float64(floats, 53)
    if len(exact.shape) != 1:
        raise ShapeError(f"loss: expected one dimension, got shape {exact.shape}")
    if np.any((exact.sign < 0) & (exact.kind == 1)):
        raise ConfigurationError("loss: expected no negative values, got some")
    logarithms: Array = exact.log2_abs()
    return np.where(exact.kind > 1, np.inf, logarithms)


def _positive(name: str, value: Any, *, or_zero: bool = False) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (0 < number < math.inf or (or_zero and number == 0)):
        wanted = "a number of at least 0" if or_zero else "a number above 0"
        raise ConfigurationError(f"{name}: expected {wanted}, got {value!r}")
    return number


def _bits(value: Any) -> float:
    try:
        bits = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        bits = math.nan
    if not (MIN_BITS <= bits <= MAX_BITS or bits == math.inf):
        raise PrecisionError(f"bits: expected {MIN_BITS} to {MAX_BITS} or math.inf, got {value!r}")
    return bits


def _log2(value: float | None) -> float:
    return math.log2(value) if value and value > 0 else -math.inf


def _log2_sum(a: float, b: float) -> float:
    """log₂(2ᵃ + 2ᵇ)."""
    larger, smaller = (a, b) if a > b else (b, a)
    if smaller == -math.inf or larger == math.inf:
        return larger
    return larger + math.log2(1 + 2.0 ** max(smaller - larger, -1000.0))
