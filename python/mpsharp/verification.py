"""``verify=True``: in how many bits every record of a run agrees with the same run at more bits."""

from __future__ import annotations

import dataclasses
from typing import Any

from mpsharp.agreement import compare_runs
from mpsharp.errors import Interrupted
from mpsharp.exact import ExactArray
from mpsharp.formats import MAX_BITS
from mpsharp.trajectory import Trajectory


def verified(run: Trajectory) -> Trajectory:
    """Make the run again at more bits and add what agrees to its records.

    Not a proof: two runs that agree in k bits are wrong in the same k bits only by chance, since rounding
    errs differently in each, but by how much the second differs from exact arithmetic is not known.

    Parameters
    ----------
    run : of an optimizer whose steps are the same at every precision (`mpsharp.automatic.check_comparable`).

    Returns
    -------
    Trajectory
        `run` with "loss_bits" and "sharpness_bits" (where it has a sharpness), float64, shape (records,):
        −log₂ of the relative difference, between 0 and the bits of the run; 0 also where the other run had
        ended. ``config["verified"]`` tells "how" ("agreed") and "at" how many bits.

    Raises
    ------
    Interrupted
        Ctrl-C; carries `run` as it was.
    """
    bits = min(2 * run.format.bits + 64, MAX_BITS)
    changes: dict[str, Any] = {"bits": bits, "progress": False}
    changes["observables"] = [name for name in ("loss", "sharpness") if name in run]
    if run.config["arithmetic"] == "numpy":  # which only the float formats have
        changes["arithmetic"] = "exact"
    try:
        reference = run.rerun(**changes)
    except (Interrupted, KeyboardInterrupt) as signal:
        raise Interrupted(run) from signal
    agreed = {
        f"{name}_bits": ExactArray.from_float64(values, 53)
        for name, values in compare_runs(run, reference).items()
    }
    return dataclasses.replace(
        run,
        records={**run.records, **agreed},
        config={**run.config, "verified": {"how": "agreed", "at": bits}},
    )
