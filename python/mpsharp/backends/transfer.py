"""Numbers into the core and out of it, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpsharp import _core
from mpsharp.exact import ExactArray


def to_core(numbers: ExactArray) -> _core.Vector:
    """Copy a one-dimensional array into the core."""
    return _core.Vector(numbers.bits, numbers.sign, numbers.kind, numbers.exponent, numbers.limbs)


def from_core(vector: _core.Vector) -> ExactArray:
    """Copy a vector out of the core."""
    return ExactArray._trusted(*vector.parts())  # the core normalises its numbers


def scalar_from_core(vector: _core.Vector) -> ExactArray:
    """Copy a vector of length one out of the core, as a number of shape ()."""
    return from_core(vector)[0]


def reshaped(numbers: ExactArray, shape: tuple[int, ...]) -> ExactArray:
    """Return the same numbers in another shape."""
    parts = (numbers.sign, numbers.kind, numbers.exponent)
    limbs = numbers.limbs.reshape((*shape, numbers.limbs.shape[-1]))
    return ExactArray._trusted(numbers.bits, *(part.reshape(shape) for part in parts), limbs)


def matrix_to_core(values: Any, bits: int) -> _core.Matrix:
    """Round a matrix (floats, exact objects or an ExactArray) to `bits` bits, once, into the core."""
    if not isinstance(values, ExactArray) and values.dtype == np.float64:
        return _core.Matrix.from_float64(values, bits)
    rows, columns = values.shape
    if isinstance(values, ExactArray):
        flat = reshaped(values, (rows * columns,)).round_to(bits)
    else:
        flat = ExactArray.from_any(values.ravel(), bits)
    return _core.Matrix(rows, columns, to_core(flat))
