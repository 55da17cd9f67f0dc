"""What a run came to, read from its exact records: instability, catapult, drift, and a summary."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import gmpy2
import numpy as np
import numpy.typing as npt

from mpsharp.exact import ExactArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mpsharp.trajectory import Trajectory


def rounded_step_size(optimizer: Mapping[str, Any], bits: int) -> Fraction | None:
    """Step size η as a run at `bits` bits uses it; None for gradient flow.

    Parameters
    ----------
    optimizer : its configuration.
    """
    if optimizer["name"] == "GradientFlow":
        return None
    rounded = ExactArray.from_any([optimizer["step_size"]], bits).to_gmpy2()[0]
    return Fraction(*map(int, rounded.as_integer_ratio()))


def first_unstable(sharpness: Iterable[Any], step_size: Fraction) -> int | None:
    """First record whose sharpness exceeds 2/η, compared without rounding."""
    limit = gmpy2.mpq(2 / step_size)
    return next((i for i, value in enumerate(sharpness) if value > limit), None)


def catapult(loss: Iterable[Any], first: int, bits: int) -> int | None:
    """First record after `first` whose loss, of `bits` bits, exceeds ten times the smallest up to there."""
    wide = _wide(bits + 4)  # 4 bits more hold ten times a number
    smallest, limit = gmpy2.inf(), gmpy2.inf()
    for record, value in enumerate(loss):
        if value < smallest:
            smallest, limit = value, wide.mul(value, 10)
        elif record > first and value > limit:
            return record
    return None


def largest_change(values: ExactArray) -> npt.NDArray[np.float64]:
    """Largest |values[t] − values[0]| of each record t, shape (records,), the differences taken exactly."""
    numbers = values.to_gmpy2()
    wide = _wide(2 * values.bits)
    changes = [[abs(float(wide.sub(a, b))) for a, b in zip(row, numbers[0], strict=True)] for row in numbers]
    largest: npt.NDArray[np.float64] = np.array(changes).max(axis=1)
    return largest


def summary(run: Trajectory) -> dict[str, Any]:
    """Plain values that say what became of a run; see `mpsharp.Trajectory.summary`."""
    seen = "sharpness" in run
    ratio = run.sharpness / run.stability_limit if seen and np.isfinite(run.stability_limit) else np.empty(0)
    finite = ratio[np.isfinite(ratio)]
    record = run.catapult_record
    return {
        "format": run.format.name,
        "bits": run.format.bits,
        "precision": None if run.precision_choice is None else str(run.precision_choice),
        "arithmetic": run.config["arithmetic"],
        "records": len(run.step),
        "last_step": int(run.step[-1]),
        "first_unstable_step": run.first_unstable_step if seen else None,
        "catapult_step": run.catapult_step if seen else None,
        "catapult_ratio": None if record is None else float(ratio[record]),
        "peak_ratio": float(finite.max()) if finite.size else None,
        "last_log2_loss": float(run.log2_loss[-1]),
        "observables": list(run.records),
        "status": run.status,
        "status_step": run.status_step,
        "seconds": run.seconds,
    }


def _wide(bits: int) -> Any:
    return gmpy2.context(precision=bits, emin=gmpy2.get_emin_min(), emax=gmpy2.get_emax_max())
