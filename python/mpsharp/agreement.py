"""In how many bits two records, or two runs, agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpsharp._scalar import NAN, REGULAR, ZERO, wide_context
from mpsharp.exact import ExactArray
from mpsharp.trajectory import Trajectory

COMPARED = ("loss", "sharpness")  # what is compared of two runs, where both have recorded it

_WIDE = 64  # bits of a difference, after it has been formed exactly


def agreed_bits(values: ExactArray, reference: ExactArray) -> NDArray[np.float64]:
    """Return −log₂(|x − r|/|r|) for each x of `values` and r of `reference`, between 0 and the bits of x.

    The difference is formed exactly. Equal numbers agree in every bit of x, as do two NaN and two infinities
    of one sign; a number and its negative, or something that is not finite, in none.

    Parameters
    ----------
    values, reference : the same shape; `reference` with at least as many bits.

    Returns
    -------
    float64 array of that shape, in bits.
    """
    with wide_context(_WIDE):
        difference = values.to_gmpy2() - reference.to_gmpy2()
    distance = ExactArray.from_any(difference, _WIDE)
    same_kind = (values.kind == reference.kind) & (values.kind != REGULAR)
    equal = same_kind & ((values.sign == reference.sign) | (values.kind == NAN) | (values.kind == ZERO))
    with np.errstate(invalid="ignore"):
        agreed = reference.log2_abs() - distance.log2_abs()
    agreed = np.where(equal, np.inf, np.where(np.isnan(agreed), 0.0, agreed))
    return np.asarray(np.clip(agreed, 0.0, values.bits))


def compare_runs(run: Trajectory, reference: Trajectory) -> dict[str, NDArray[np.float64]]:
    """Return the agreed bits of loss and sharpness at every record of `run`.

    Parameters
    ----------
    run, reference : the same run, the reference with more bits and with every recorded step of `run`; what it
        has not reached agrees in no bit.

    Returns
    -------
    dict
        Arrays of shape (records,) under "loss" and "sharpness", where both have recorded them.
    """
    shared, own, other = np.intersect1d(run.step, reference.step, return_indices=True)
    result = {}
    for name in COMPARED:
        if name in run and name in reference:
            result[name] = np.zeros(len(run.step))
            if shared.size:
                result[name][own] = agreed_bits(run.records[name][own], reference.records[name][other])
    return result


def smallest_agreement(run: Trajectory, reference: Trajectory) -> float:
    """Return the smallest agreed bits of any record; 0 where the two did not end alike, at the same step."""
    if (run.status, run.status_step) != (reference.status, reference.status_step):
        return 0.0
    return float(min(values.min() for values in compare_runs(run, reference).values()))
