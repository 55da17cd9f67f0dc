"""The version of mpsharp and of what its results depend on."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("mpsharp")
except PackageNotFoundError:  # run from a source tree
    __version__ = "0+unknown"


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    import gmpy2
    import numpy as np

    from mpsharp import _core

    core = _core.versions()
    return (
        ("mpsharp", __version__),
        ("python", platform.python_version()),
        ("numpy", np.__version__),
        ("gmpy2", gmpy2.version()),
        ("mpfr", core["mpfr"]),
        ("gmp", core["gmp"]),
        ("mpfr_source", core["mpfr_source"]),
        ("compiler", core["compiler"]),
    )


def versions() -> dict[str, str]:
    """Return the versions that are stored with every result."""
    return dict(_versions())
