"""What the training loop asks of an arithmetic: the protocols `Backend` and `Runner`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from mpsharp.errors import ConfigurationError, check_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import numpy.typing as npt

    from mpsharp.batches import Batches
    from mpsharp.exact import ExactArray
    from mpsharp.formats import Format
    from mpsharp.observables import Observable
    from mpsharp.optimizers import Optimizer
    from mpsharp.problems import Problem

# Imported when first asked for: the mirror works where the extension cannot be loaded.
_BACKENDS = {
    "mpfr": ("mpsharp.backends.mpfr", "MpfrBackend"),
    "mirror": ("mpsharp.backends.mirror", "MirrorBackend"),
}
BACKEND_NAMES = ("auto", *_BACKENDS)


class Runner(Protocol):
    """One run in progress: the parameters θ_t together with the loss at θ_t."""

    @property
    def step(self) -> int:
        """Number t of steps taken so far."""
        ...

    @property
    def loss_floor(self) -> ExactArray | None:
        """What every loss has beyond the rows' own, shape (); None where that is nothing (`Form`)."""
        ...

    def advance(self, steps: int, ceiling: float, stop_loss: ExactArray | None) -> str:
        """Take up to `steps` steps and say why it stopped.

        The loss is tested after every step and not before the first: the caller has seen that one. SGD
        tests the loss of a batch before the step that would use it, which then is not taken, and for
        `stop_loss` that of all rows at the end of each epoch.

        Parameters
        ----------
        steps : how many steps at most.
        ceiling : a loss above it counts as divergence.
        stop_loss : shape (); a loss of at most this counts as convergence; None for no such test.

        Returns
        -------
        str
            "" after all `steps`; "converged" right after the step whose loss is ≤ `stop_loss`;
            "diverged" right after the step whose loss is not finite or > `ceiling`. `step` tells where.
        """
        ...

    def perturb(self, size: ExactArray, draws: npt.NDArray[np.float64]) -> None:
        """Replace every parameter x by RN(x + RN(x·RN(size·r))), r its draw (GD and SGD only).

        Parameters
        ----------
        size : shape (1,), of the run's precision.
        draws : shape (columns + depth - 1,): for u in the coordinates of the run, then for v.
        """
        ...

    def observe(self, observables: Iterable[Observable] = ...) -> dict[str, ExactArray]:
        """Return the records of `observables`, the default ones if not given, at the current step.

        What is undefined because the state is not finite is NaN.
        """
        ...

    def parameters(self) -> tuple[ExactArray, ExactArray]:
        """Return u and v, shape (depth - 1,), bit for bit; u in the coordinates of the run."""
        ...


class Backend(Protocol):
    """An implementation of the training step for some formats and arithmetics."""

    @property
    def name(self) -> str:
        """The name under which `get_backend` knows it."""
        ...

    def start(
        self,
        problem: Problem,
        *,
        format: Format,
        optimizer: Optimizer,
        arithmetic: str,
        threads: int | None,
        batches: Batches | None = None,
        coordinates: str = "parameter",
    ) -> Runner:
        """Round `problem` and the step size to `format` and evaluate the loss at the starting point.

        Parameters
        ----------
        problem : data, model and starting point.
        format : the number format of every operation.
        optimizer : what a step is.
        arithmetic : how dot products are rounded: "exact" (once) or "sequential" (after every operation).
        threads : how many threads to use, None for the backend's choice; never changes a bit.
        batches : the rows of each step, if the optimizer is SGD.
        coordinates : what the run is made in (`mpsharp.coordinates`).

        Raises
        ------
        UnknownNameError : `arithmetic` is none that this backend has.
        ConfigurationError : the format or the optimizer is none that this backend has.
        NonFiniteError : a number of the problem or the step size overflows `format`.
        """
        ...

    def restore(self, problem: Problem, *, format: Format, coordinates: str, u: ExactArray) -> ExactArray:
        """Return the first layer, shape (n_features,), that `u` in `coordinates` stands for.

        Parameters
        ----------
        problem : the problem of the run, whose first layer u₀ has a part outside the row space.
        format, coordinates : those of the run.
        u : first layer in these coordinates.
        """
        ...


def get_backend(name: str, format: Format) -> Backend:
    """Return the backend `name` after checking that it has `format`.

    Parameters
    ----------
    name : "mpfr"; "mirror" (NumPy); or "auto", the mirror for float32 and float64 and MPFR otherwise.
    format : the number format of the run.

    Raises
    ------
    UnknownNameError : no such backend.
    ConfigurationError : the backend does not have this format.
    """
    check_name("backend", name, BACKEND_NAMES)
    chosen = "mirror" if format.is_ieee else "mpfr"
    if name not in ("auto", chosen):
        expected = "a number of bits" if name == "mpfr" else "float32 or float64"
        raise ConfigurationError(f"backend {name!r}: expected the format {expected}, got {format.label}")
    module, attribute = _BACKENDS[chosen]
    return cast(Backend, getattr(import_module(module), attribute)())
