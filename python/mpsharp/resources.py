"""Memory and cores: what a run needs and what there is; asked before anything is allocated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mpsharp.errors import ConfigurationError, ResourceError

if TYPE_CHECKING:
    from mpsharp.formats import Format
    from mpsharp.problems import Problem

_HEADER_BYTES = 32  # of one MPFR number, limbs not counted
_PYTHON_BYTES = 150  # of the objects that stand for one number while it is read, its digits not counted


def estimate_bytes(problem: Problem, format: Format, records: int) -> int:
    """Return an upper estimate of the bytes that a run allocates.

    The data matrix and its residues, the reduction of its Gram matrix (square matrices of order
    min(n, d) with guard bits, and the residues of two of them), a few vectors, and the records; for data
    that are not float64 also the Python numbers on the way into the core. Measured peaks are 40 to 85 %
    of it.
    """
    n, d = problem.n_samples, problem.n_features
    k = min(n, d)
    if format.is_ieee:
        return 8 * (4 * n * d + 8 * k * k) + 8 * records * (len(problem.v) + 3)
    number = _HEADER_BYTES + 8 * (format.bits // 64 + 1)
    guarded = number + 8 * 4
    kept = len(problem.v) + 3
    entry = 3 * number
    if problem.X.dtype != np.float64:
        entry += _PYTHON_BYTES + 5 * format.bits // 4
    return n * d * entry + 8 * k * k * guarded + 12 * (n + d) * guarded + records * kept * number


def available_bytes() -> int:
    """Return the memory that can be had without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def check_memory(problem: Problem, format: Format, records: int) -> None:
    """Raise ResourceError if a run would need more memory than is available."""
    needed, available = estimate_bytes(problem, format, records), available_bytes()
    if needed > available:
        n, d = problem.n_samples, problem.n_features
        raise ResourceError(
            f"memory: a run of {n}×{d} data at {format.label} with {records} records needs about "
            f"{needed / 2**30:.3g} GiB, expected at most the available {available / 2**30:.3g} GiB"
        )


def available_cores() -> int:
    """Return the number of cores that this process may use, at most MPSHARP_THREADS where that is set."""
    import os

    limit = os.environ.get("MPSHARP_THREADS", "")
    if limit:
        if not limit.isdecimal() or int(limit) < 1:
            raise ConfigurationError(f"MPSHARP_THREADS: expected an integer of at least 1, got {limit!r}")
        return min(int(limit), _cores())
    return _cores()


def _cores() -> int:
    import os

    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_square_memory(problem: Problem, bits: int) -> None:
    """Raise ResourceError if a Gram matrix of the data, its factors and exact products would not fit."""
    n, d = problem.n_samples, problem.n_features
    number = _HEADER_BYTES + 8 * (bits // 64 + 1)
    needed, available = 2 * min(n, d) ** 2 * number + 3 * n * d * 64, available_bytes()
    if needed > available:
        raise ResourceError(
            f"memory: a factorisation of order {min(n, d)} at {bits} bits needs about {needed / 2**30:.3g} "
            f"GiB, expected at most the available {available / 2**30:.3g} GiB"
        )
