"""What this installation of mpsharp runs on: libraries, processor, kernels, threads."""

from __future__ import annotations

import os
import platform
from typing import Any

from mpsharp import _core
from mpsharp._version import versions
from mpsharp.errors import ConfigurationError, check_name
from mpsharp.resources import available_bytes, available_cores

KERNELS_VARIABLE = "MPSHARP_KERNELS"


def check_kernels() -> str:
    """Return the kernels that this process uses: "ifma", "avx2", "portable" or "reference".

    They give the same bits and differ in speed only. The fastest that the processor has is chosen, unless
    the environment variable MPSHARP_KERNELS names another when the core is first used.

    Raises
    ------
    ConfigurationError
        MPSHARP_KERNELS names kernels that do not exist or that cannot run here.
    """
    known = _core.kernels()
    wanted = os.environ.get(KERNELS_VARIABLE)
    if wanted is not None and wanted not in known["available"]:
        listed = ", ".join(repr(name) for name in known["available"])
        raise ConfigurationError(
            f"{KERNELS_VARIABLE}: expected one of {listed} on this machine, got {wanted!r}"
        )
    return str(known["chosen"])


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Show versions, processor features, chosen kernels and threads.

    Parameters
    ----------
    mode : "stdout" prints; "dicts" returns, as `numpy.show_config` does.

    Returns
    -------
    dict or None
        "versions", "processor", "kernels" (chosen and available), "cores", "available_memory_bytes".
    """
    check_name("mode", mode, ("stdout", "dicts"))
    check_kernels()
    kernels = _core.kernels()
    config: dict[str, Any] = {
        "versions": versions(),
        "processor": {"machine": platform.machine(), "features": kernels["features"]},
        "kernels": {"chosen": kernels["chosen"], "available": kernels["available"]},
        "cores": available_cores(),
        "available_memory_bytes": available_bytes(),
    }
    if mode == "dicts":
        return config
    for name, value in config.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        print(f"{name}: {text}")
    return None
