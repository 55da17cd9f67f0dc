"""What the law of precision is given: checked, and as float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpsharp.errors import ConfigurationError, PrecisionError, ShapeError
from mpsharp.exact import ExactArray
from mpsharp.formats import MAX_BITS, MIN_BITS

Array = NDArray[np.float64]


def numbers(name: str, values: Any) -> Array:
    """A sequence of numbers, or an ExactArray; `name` is the argument's, for messages.

    Raises
    ------
    ConfigurationError, ShapeError
        Not numbers; not one-dimensional.
    """
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


def log2_losses(values: Any) -> Array:
    """log₂ of losses, also below float64's range; −inf for zero, +inf for what is not finite.

    Raises
    ------
    ConfigurationError, ShapeError
        As `numbers`; a loss is negative.
    """
    if isinstance(values, ExactArray):
        exact = values
    elif np.asarray(values).dtype == object:
        exact = ExactArray.from_any(values, 64)
    else:
        floats = numbers("loss", values)
        exact = ExactArray.from_float64(floats, 53)
    if len(exact.shape) != 1:
        raise ShapeError(f"loss: expected one dimension, got shape {exact.shape}")
    if np.any((exact.sign < 0) & (exact.kind == 1)):
        raise ConfigurationError("loss: expected no negative values, got some")
    logarithms: Array = exact.log2_abs()
    return np.where(exact.kind > 1, np.inf, logarithms)


def positive(name: str, value: Any, *, or_zero: bool = False) -> float:
    """A finite number above 0, or of at least 0; anything else is a ConfigurationError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (0 < number < math.inf or (or_zero and number == 0)):
        wanted = "a number of at least 0" if or_zero else "a number above 0"
        raise ConfigurationError(f"{name}: expected {wanted}, got {value!r}")
    return number


def bits_or_exact(value: Any) -> float:
    """Significand bits, or infinity for exact arithmetic; anything else is a PrecisionError."""
    try:
        bits = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        bits = math.nan
    if not (MIN_BITS <= bits <= MAX_BITS or bits == math.inf):
        raise PrecisionError(f"bits: expected {MIN_BITS} to {MAX_BITS} or math.inf, got {value!r}")
    return bits
