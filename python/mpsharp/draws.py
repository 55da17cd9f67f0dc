"""Random numbers from a NumPy Generator, with the same bits on every machine.

NumPy's bit generators are the same everywhere, and so is what it makes of them by integers and by single
operations. Two of its distributions are not. `numpy.random.Generator.uniform` multiplies and adds, which a
compiler may contract to one rounding. `standard_normal` takes what is beyond ±3.654, one draw in 3900, from
the C library's log1p, which rounds as it likes. Both are finished here, from the same draws in their order.

What stays with NumPy is the stream: a version that changes how a Generator makes its draws changes them here
(NEP 19; `standard_normal` has been the same since Generators exist, version 1.17).
"""

from __future__ import annotations

import copy

import gmpy2
import numpy as np
import numpy.typing as npt

from mpsharp._scalar import wide_context
from mpsharp.errors import ConvergenceError

# NumPy's ziggurat (Marsaglia and Tsang 2000, 256 layers): where its tail begins, and 1 over that.
_TAIL = 3.6541528853610088
_OVER_TAIL = 0.27366123732975828
_ROUNDING = 2.0**-48  # far above what a log1p is wrong by, far below what two draws differ by


def uniform(rng: np.random.Generator, low: float, high: float, size: int) -> npt.NDArray[np.float64]:
    """Draw from [low, high) as ``rng.uniform(low, high, size)``, rounding product and sum separately."""
    width: npt.NDArray[np.float64] = (high - low) * rng.random(size)
    return low + width


def standard_normal(rng: np.random.Generator, size: int | tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Draw as ``rng.standard_normal(size)``, every logarithm rounded correctly.

    A number in the tail is ±(r − log1p(−U)/r), r = 3.654…: it is made again from a copy of the generator.

    Raises
    ------
    ConvergenceError
        This NumPy makes its tails in another way.
    """
    again = copy.deepcopy(rng)
    values = rng.standard_normal(size)
    flat = values.reshape(-1)
    done = 0
    for index in np.flatnonzero(np.abs(flat) > _TAIL).tolist():
        again.standard_normal(index - done)
        exact = np.copysign(_tail(again), flat[index])
        if not abs(exact - flat[index]) <= _ROUNDING:
            raise ConvergenceError(
                f"numpy {np.__version__}: expected standard_normal to draw {exact!r}, got {flat[index]!r}"
            )
        flat[index] = exact
        done = index + 1
    return values


def _tail(rng: np.random.Generator) -> float:
    """Size of the next draw, which is known to be one of the tail."""
    # A layer is chosen by the low byte of 64 bits. In layers above the lowest the draw was rejected, after
    # one more number.
    while int(rng.integers(0, 2**64 - 1, dtype=np.uint64, endpoint=True)) & 0xFF:
        rng.random()
    with wide_context(53):
        while True:
            x = _OVER_TAIL * -gmpy2.log1p(gmpy2.mpfr(-rng.random()))
            y = -gmpy2.log1p(gmpy2.mpfr(-rng.random()))
            if y + y > x * x:
                return float(_TAIL + x)
