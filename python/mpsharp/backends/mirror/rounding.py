"""Numbers of a problem, rounded once to float32 or float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gmpy2
import numpy as np
import numpy.typing as npt

from mpsharp.errors import NonFiniteError

if TYPE_CHECKING:
    from mpsharp.backends.mirror.products import Array


def to_dtype(values: npt.NDArray[Any], dtype: npt.DTypeLike, name: str) -> Array:
    """Round finite numbers to nearest, ties to even, once, also where the result is subnormal.

    Parameters
    ----------
    values : float64 array, or object array of gmpy2.mpfr and gmpy2.mpq, any shape.
    dtype : float32 or float64.
    name : what the numbers are, for the message.

    Returns
    -------
    A new array of that dtype, row-major.

    Raises
    ------
    NonFiniteError : a number overflows the format; the message names the first index.
    """
    kind = np.dtype(dtype)
    if values.dtype == object:
        result = np.empty(values.shape, dtype=kind)
        with gmpy2.context(gmpy2.ieee(8 * kind.itemsize)):
            for index, value in np.ndenumerate(values):
                result[index] = float(gmpy2.mpfr(value))
    else:
        with np.errstate(over="ignore", under="ignore"):
            result = np.array(values, dtype=kind, order="C")
    finite = np.isfinite(result)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        place = f"{name}[{', '.join(map(str, index))}]"
        value = f"{gmpy2.mpfr(values[index]):.6g}"
        raise NonFiniteError(f"{place}: expected a number within {kind.name}'s range, got {value}")
    return result
