"""Numbers in whatever container the caller has them, as a NumPy array of exactly these numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpsharp.errors import ConfigurationError, ShapeError


def as_array(values: object) -> NDArray[Any]:
    """NumPy array of `values` without ever turning exact numbers into floats.

    Parameters
    ----------
    values : a number or a (nested) list or array of them, but no `mpsharp.ExactArray`.

    Raises
    ------
    ConfigurationError
        An array of anything else, such as complex numbers, or one with masked entries.
    ShapeError
        Nested lists of unequal lengths.
    """
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise ConfigurationError("expected an array without masked entries, got some")
        return as_array(values.data)
    if isinstance(values, np.ndarray):
        if values.dtype.kind in "iufOU":
            return values
        raise ConfigurationError(f"expected an array of real numbers, got dtype {values.dtype}")
    if hasattr(values, "__array__") and not isinstance(values, np.generic):
        return as_array(np.asarray(values))
    try:
        array = np.array(values, dtype=object)
    except ValueError as error:
        raise ShapeError("expected nested lists of equal lengths") from error
    kinds = {type(entry) for entry in array.flat}
    if any(kind in (list, tuple) for kind in kinds):
        raise ShapeError("expected nested lists of equal lengths")
    if kinds and kinds <= {float, np.float64, np.float32, np.float16}:
        return array.astype(np.float64)
    return array
