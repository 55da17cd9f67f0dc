"""Records with named axes and units, for xarray."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp.observables import RECORDS

if TYPE_CHECKING:
    import xarray

    from mpsharp.trajectory import Trajectory


def to_xarray(run: Trajectory) -> xarray.Dataset:
    """Return the records of a run as an `xarray.Dataset`; see `mpsharp.Trajectory.to_xarray`."""
    import xarray as xr

    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {"step": run.step}
    for name in run.records:
        values, about = run[name], RECORDS.get(name)
        axis = "" if about is None or about.axis is None else about.axis
        if values.ndim == 2:
            axis = axis or f"{name}_index"
            labels = about.labels(values.shape[1]) if about and about.entries else None
            coordinates[axis] = labels or np.arange(1, values.shape[1] + 1)
        dimensions = ("step", axis) if values.ndim == 2 else ("step",)
        variables[name] = (dimensions, values, {"units": about.unit if about else ""})
        if name == "loss":
            variables["log2_loss"] = ("step", run.log2_loss, {"units": "1"})
    dataset = xr.Dataset(variables, coords=coordinates)
    summary = {name: value for name, value in run.summary().items() if value is not None}
    dataset.attrs = {
        **summary,
        "stability_limit": run.stability_limit,
        "config": json.dumps(run.config),
    }
    return dataset
