"""``verify=``: in how many bits every record of a run agrees with a run at more bits, or is proven right."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any

import numpy as np

from mpsharp.agreement import COMPARED, compare_runs
from mpsharp.automatic import check_comparable
from mpsharp.errors import ConfigurationError, Interrupted, check_name
from mpsharp.exact import ExactArray
from mpsharp.formats import MAX_BITS
from mpsharp.optimizers import GD, Optimizer
from mpsharp.trajectory import Trajectory

AGREED, PROVEN = "agreed", "proven"
KINDS = (AGREED, PROVEN)


def check_verify(verify: object, optimizer: Optimizer, noise: object) -> str | None:
    """Return the kind of verification that was asked for, None for none; True means "agreed".

    Raises
    ------
    UnknownNameError
        Neither a truth value nor one of `KINDS`.
    ConfigurationError
        A run that cannot be verified so, or python-flint is not installed.
    """
    if verify is False or verify is None:
        return None
    how = AGREED if verify is True else check_name("verify", verify, KINDS)
    if how == AGREED:
        check_comparable(optimizer, "verify=True" if verify is True else f"verify={how!r}")
        return how
    if not isinstance(optimizer, GD):
        raise ConfigurationError(f"verify='proven': expected GD as optimizer, got {optimizer!r}")
    if noise is not None:
        raise ConfigurationError(
            f"verify='proven': expected noise=None, since exact arithmetic has none, got {noise!r}"
        )
    if importlib.util.find_spec("flint") is None:
        raise ConfigurationError("verify='proven' needs python-flint: pip install 'mpsharp[verify]'")
    return how


def verified(run: Trajectory, how: str, *, progress: bool | None = None) -> Trajectory:
    """Add to the records of a run in how many bits they agree with more bits, or are proven.

    "agreed" makes the run again at 2·bits + 64 bits. Not a proof: two runs that agree in k bits are wrong in
    the same k bits only by chance, since rounding errs differently in each, but by how much the second
    differs from exact arithmetic is not known.

    "proven" encloses the run of exact arithmetic, of the numbers of the problem and the step size exactly as
    they were given, in balls (`mpsharp.balls`). What a record then has of bits is a theorem; where the format
    does not hold the data, their rounding counts as an error of the run.

    Parameters
    ----------
    run : a run that `check_verify` lets pass.
    how : "agreed" or "proven".
    progress : show a bar while proving.

    Returns
    -------
    Trajectory
        `run` with "loss_bits" and "sharpness_bits" (where it has a sharpness), float64, shape (records,):
        −log₂ of the relative difference, between 0 and the bits of the run; 0 also where the other run had
        ended. "proven" gives whole numbers: the largest k such that 2⁻ᵏ bounds the relative error, for
        certain. ``config["verified"]`` tells "how", "at" how many bits, and for "proven" how many records are
        "decided": all, unless 100,000 bits would not do; those after them are 0, or less than true.

    Raises
    ------
    Interrupted
        Ctrl-C; carries `run` as it was.
    """
    try:
        bits, about = _proven(run, progress) if how == PROVEN else _agreed(run)
    except (Interrupted, KeyboardInterrupt) as signal:
        raise Interrupted(run) from signal
    return dataclasses.replace(
        run,
        records={
            **run.records,
            **{f"{name}_bits": ExactArray.from_float64(values, 53) for name, values in bits.items()},
        },
        config={**run.config, "verified": {"how": how, **about}},
    )


def verified_summary(run: Trajectory) -> str:
    """Return one line of what was verified: right bits at the first and the last record, and the fewest."""
    about = run.config["verified"]
    parts = [
        f"{name} {values[0]:.0f} … {values[-1]:.0f} (fewest {values.min():.0f})"
        for name in COMPARED
        if f"{name}_bits" in run
        for values in [np.floor(run[f"{name}_bits"])]
    ]
    return f"bits {about['how']}, at {about['at']}: {', '.join(parts)}"


def _agreed(run: Trajectory) -> tuple[dict[str, Any], dict[str, int]]:
    bits = min(2 * run.format.bits + 64, MAX_BITS)
    changes: dict[str, Any] = {"bits": bits, "progress": False, "verify": False}
    changes["observables"] = [name for name in ("loss", "sharpness") if name in run]
    if run.config["arithmetic"] == "numpy":  # which only the float formats have
        changes["arithmetic"] = "exact"
    return dict(compare_runs(run, run.rerun(**changes))), {"at": bits}


def _proven(run: Trajectory, progress: bool | None) -> tuple[dict[str, Any], dict[str, int]]:
    from mpsharp.balls.proof import Proof

    proof = Proof(run, progress)
    proof.make()
    bits = {name: values.astype(float) for name, values in proof.bits.items()}
    return bits, {"at": proof.working, "decided": proof.decided}
