"""Exceptions of mpsharp.

Two kinds are never mixed: a caller's mistake raises one of these; an outcome of the mathematics
(a run that diverged) is a ``status`` on the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mpsharp.trajectory import Trajectory


class MpsharpError(Exception):
    """Base class of every error that mpsharp raises on purpose."""


class ShapeError(MpsharpError, ValueError):
    """An array has the wrong number of dimensions or the wrong length."""


class PrecisionError(MpsharpError, ValueError):
    """A number of bits, or a number format, that cannot be used."""


class ConfigurationError(MpsharpError, ValueError):
    """An option has a value outside its domain, or two options contradict each other."""


class UnknownNameError(ConfigurationError):
    """A name (of an arithmetic, a problem, a figure, …) that mpsharp does not know."""


class NonFiniteError(MpsharpError, ArithmeticError):
    """NaN or infinity where a finite number is required."""


class ConvergenceError(MpsharpError, ArithmeticError):
    """An iteration did not reach its tolerance."""


class DatasetError(MpsharpError, OSError):
    """Data that is absent, incomplete or not what its checksum says."""


class MissingDatasetError(DatasetError):
    """Data that is nowhere to be found, as opposed to data that is there and damaged."""


class OutputError(MpsharpError, OSError):
    """A file or folder that cannot be written."""


class StoreError(MpsharpError, OSError):
    """A stored result that is missing, truncated, altered or of an unknown version."""


class ResourceError(MpsharpError, MemoryError):
    """A computation that would need more memory than there is."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run. The records made so far are kept.

    Attributes
    ----------
    trajectory : Trajectory
        Everything recorded up to the interrupt; its ``status`` is ``"interrupted"``.
    """

    def __init__(self, trajectory: Trajectory) -> None:
        super().__init__(f"interrupted after step {trajectory.step[-1]}")
        self.trajectory = trajectory


def check_name(kind: str, name: object, known: Iterable[str]) -> str:
    """Return `name` if it is one of `known`, else raise `UnknownNameError` that lists them.

    Parameters
    ----------
    kind : what the name stands for, used in the message ("arithmetic", "problem").
    name : the value given by the caller.
    known : every accepted name.
    """
    names = list(known)
    if isinstance(name, str) and name in names:
        return name
    listed = ", ".join(repr(item) for item in names)
    raise UnknownNameError(f"unknown {kind}: expected one of {listed}; got {name!r}")
