"""The law of precision: one recorded run predicts the catapult at every other number of bits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpsharp.errors import ConfigurationError, NonFiniteError, PrecisionError, ShapeError
from mpsharp.exact import ExactArray
from mpsharp.formats import MAX_BITS, MIN_BITS

Array = NDArray[np.float64]


def growth_bits(sharpness: object, step_size: object) -> Array:
    """Bits by which the displacement along the top eigenvector grows at each step: log₂|1 − ηS_t|.

    Near the path of training a displacement x of gradient descent along the top eigenvector of the Hessian
    obeys x_{t+1} ≈ (1 − ηS_t)·x_t. It shrinks while S < 2/η and grows, with alternating sign, above.

    Parameters
    ----------
    sharpness : array_like, shape (steps,)
        S_t at every step from the start, in units of 1/step_size: floats, exact numbers or an
        ExactArray. Trailing values that are not finite (of a run that diverged) are cut off.
    step_size : number
        η > 0.

    Returns
    -------
    float64 array, shape (finite steps,). At least −53: a step that is stable beyond that is not resolved.

    Raises
    ------
    ShapeError
        `sharpness` is not one-dimensional, or holds nothing finite.
    NonFiniteError
        A value before the last finite one is not finite.
    ConfigurationError
        Something is not a number, or `step_size` is not positive.
    """
    eta = _step_size(step_size)
    shrinking = np.abs(1 - eta * recorded(sharpness))
    grown: Array = np.log2(np.maximum(shrinking, 2.0**-53))
    return grown


def precision_horizon(sharpness: object, step_size: object) -> float:
    """Bits above which precision no longer changes the run, up to a margin of some tens of bits.

    m = −Σ_{t<t_c} log₂|1 − ηS_t|, t_c the first step with S > 2/η: by so many bits the displacement along
    the top eigenvector has shrunk when the run becomes unstable. A format with fewer bits cannot hold what
    is left; its rounding noise is what grows from there. Where S returns below 2/η before a catapult, the
    deepest point counts from which it still grows.

    Parameters
    ----------
    sharpness, step_size : as for `growth_bits`; of gradient flow, or of a run at many bits.

    Returns
    -------
    float, at least 0; 0 where S never exceeds 2/η, for then nothing grows at any precision.

    Raises
    ------
    ShapeError, NonFiniteError, ConfigurationError
        As `growth_bits`.
    """
    grown = growth_bits(sharpness, step_size)
    end = _first_catapult(grown, math.inf)
    before = grown[: len(grown) if end is None else end + 1]
    growing = np.flatnonzero(before > 0)
    if not growing.size:
        return 0.0
    return max(0.0, -float(np.cumsum(before)[: growing[-1]].min(initial=0.0)))


def catapult_step(sharpness: object, step_size: object, bits: float) -> int | None:
    """Step at which the catapult comes in arithmetic of this many bits.

    The displacement along the top eigenvector, x_0 = 1, follows x_{t+1} = (1 − ηS_t)·x_t but never falls
    below the rounding noise 2^−bits; the catapult is the first step t with S_s > 2/η for an s ≤ t after
    which it is 1 again. For a sharpness that crosses 2/η once, at t_c, this is the first t with
    Σ_{s=t_c..t} log₂|1 − ηS_s| ≥ min(bits, m), m the `precision_horizon`.

    Parameters
    ----------
    sharpness, step_size : as for `growth_bits`. Only steps before the recorded run's own catapult predict
        others: record gradient flow, or a run at more bits than any that is predicted.
    bits : significand bits; ``math.inf`` stands for exact arithmetic.

    Returns
    -------
    int, or None where no catapult comes within the recorded steps.

    Raises
    ------
    ShapeError, NonFiniteError, ConfigurationError
        As `growth_bits`.
    PrecisionError
        `bits` is out of range.

    Notes
    -----
    Assumed are a top eigenvalue that stands alone, an eigenvector and a path of training that move slowly
    against 1/|log(ηS − 1)|, and sizes of order one at the start and at the catapult: the law is asymptotic in
    bits, and leaves out a constant of a few. The page docs/precision.md derives it and shows where it fails.
    """
    return _first_catapult(growth_bits(sharpness, step_size), _bits(bits))


def blowup_bits(sharpness: object, step_size: object) -> int | None:
    """Smallest number of bits at which a run of depth 2 diverges in its catapult.

    A catapult that starts at S < 4/η ends in a flatter place, one above diverges (Lewkowycz et al. 2020);
    more bits postpone the catapult (`catapult_step`) to a larger S.

    Parameters
    ----------
    sharpness, step_size : as for `catapult_step`.

    Returns
    -------
    int of at least 2, or None where not even exact arithmetic diverges within the recorded steps.

    Raises
    ------
    ShapeError, NonFiniteError, ConfigurationError
        As `growth_bits`.
    """
    values = recorded(sharpness)
    eta = _step_size(step_size)
    grown = growth_bits(values, eta)

    def diverges(bits: float) -> bool:
        step = _first_catapult(grown, bits)
        return step is not None and bool(eta * values[step] > 4)

    if not diverges(math.inf):
        return None
    low, high = MIN_BITS - 1, MIN_BITS
    while not diverges(high):  # ends: above the horizon every number of bits is exact
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if diverges(middle) else (middle, high)
    return high


def recorded(sharpness: object) -> Array:
    """Recorded values as float64, shape (steps,), without the trailing ones that are not finite."""
    if isinstance(sharpness, ExactArray):
        values = sharpness.to_float64()
    else:
        try:
            values = np.array(sharpness, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"sharpness: expected numbers, got {sharpness!r:.60}") from error
    if values.ndim != 1:
        raise ShapeError(f"sharpness: expected one dimension, got shape {values.shape}")
    finite = np.isfinite(values)
    if not finite.any():
        raise ShapeError(f"sharpness: expected finite values, got none among {len(values)}")
    values = values[: int(np.flatnonzero(finite)[-1]) + 1]
    if not np.isfinite(values).all():
        raise NonFiniteError(f"sharpness: expected finite values, got {values[~np.isfinite(values)][0]}")
    return values


def _step_size(value: Any) -> float:
    try:
        eta = float(value)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"step_size: expected a number above 0, got {value!r}") from error
    if not 0 < eta < math.inf:
        raise ConfigurationError(f"step_size: expected a number above 0, got {value!r}")
    return eta


def _bits(value: Any) -> float:
    try:
        bits = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        bits = math.nan
    if not (MIN_BITS <= bits <= MAX_BITS or bits == math.inf):
        raise PrecisionError(f"bits: expected {MIN_BITS} to {MAX_BITS} or math.inf, got {value!r}")
    return bits


def _first_catapult(grown: Array, bits: float) -> int | None:
    """First step after which log₂|x|, started at 0 and kept above −bits, is 0 again by growing."""
    amplitude = 0.0
    unstable = False
    for step, change in enumerate(grown.tolist()):
        unstable = unstable or change > 0
        amplitude = max(amplitude + change, -bits)
        if unstable and amplitude >= 0:
            return step
    return None
