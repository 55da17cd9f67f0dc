"""Trajectory: what one run measured, exact and as float64."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from mpsharp.errors import ConfigurationError, ShapeError, check_name
from mpsharp.exact import ExactArray
from mpsharp.formats import Format
from mpsharp.observables import DEFAULT_OBSERVABLES
from mpsharp.outcome import catapult, first_unstable, largest_change, rounded_step_size, summary

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from mpsharp.automatic import PrecisionChoice
    from mpsharp.certificate import SharpnessInterval
    from mpsharp.problems import Problem
    from mpsharp.theory import PrecisionLaw

_T = TypeVar("_T", bound=np.generic)

NEEDED = "record of this run (see observables= of run)"
STATUSES = ("completed", "converged", "diverged", "stationary", "interrupted")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Trajectory:
    """The records of one run, with everything that is needed to repeat it.

    Numbers are kept exactly as they were computed; `loss`, `sharpness`, … give them rounded to float64,
    `exact` as gmpy2 numbers of full precision. Arrays are read-only.

    Parameters
    ----------
    problem : Problem
        Data, model and starting point.
    format : Format
        The number format of the run.
    config : dict
        What repeats the run, as JSON-able values: "problem", "optimizer", "format", "arithmetic", "backend",
        "coordinates", "loss_floor" (in spectral coordinates, what the labels outside the column space add to
        every loss, as text; else None), "steps", "record_every", "stop_loss", "observables", "seed" and
        "versions"; "precision" if ``bits="auto"`` chose the format (`precision_choice`).
    step : int64 array, shape (records,)
        The recorded steps, increasing; step 0 is the starting point.
    records : mapping of name to ExactArray
        "loss", of shape (records,), and what else was asked for (`mpsharp.observables`): "sharpness" and
        "sharpness_residual" (unit 1/step_size) of the same shape, "imbalance" of shape
        (records, depth - 1), …
    u, v : ExactArray, shapes (n_features,) and (depth - 1,)
        Parameters after the last step, u in the coordinates of the run: in others than "parameter" it has
        fewer entries, and `parameters` leads back.
    status : str
        "completed": all steps were done; "converged": the loss reached `stop_loss`; "diverged": the loss
        was not finite or exceeded 1e8·max(L₀, 1); "stationary": gradient flow came to rest, θ no longer
        changes at this precision; "interrupted": Ctrl-C.
    status_step : int
        The step at which `status` was decided.
    seconds : float
        Wall-clock time of the run.

    Raises
    ------
    ShapeError
        The records differ in length, or `step` does not increase.
    UnknownNameError
        `status` is none of the above.
    ConfigurationError
        The loss is missing.
    """

    problem: Problem
    format: Format
    config: dict[str, Any]
    step: npt.NDArray[np.int64]
    records: Mapping[str, ExactArray]
    u: ExactArray
    v: ExactArray
    status: str
    status_step: int
    seconds: float

    def __post_init__(self) -> None:
        check_name("status", self.status, STATUSES)
        step = np.array(self.step, dtype=np.int64)
        if step.ndim != 1 or step.size == 0 or np.any(np.diff(step) <= 0):
            raise ShapeError(f"step: expected one or more increasing integers, got {step.tolist()[:9]}")
        if "loss" not in self.records:
            raise ConfigurationError(f"records: expected 'loss' among them, got {list(self.records)}")
        for name, values in self.records.items():
            shape = (step.size, *values.shape[1:])
            if values.shape != shape:
                raise ShapeError(f"records[{name!r}]: expected shape {shape}, got {values.shape}")
        object.__setattr__(self, "step", _frozen(step))
        object.__setattr__(self, "records", dict(self.records))

    # What was measured ------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> npt.NDArray[np.float64]:
        """Return a record as float64, read-only: ``run["gradient_norm"]``, shape (records, …).

        Parameters
        ----------
        name : one of `records`; `mpsharp.observables.listing()` says what each is.

        Raises
        ------
        UnknownNameError : the run did not record it.
        """
        check_name(NEEDED, name, self.records)
        if name not in self._rounded:
            self._rounded[name] = _frozen(self.records[name].to_float64())
        return self._rounded[name]

    def __contains__(self, name: object) -> bool:
        """Whether the run recorded it."""
        return name in self.records

    @cached_property
    def _rounded(self) -> dict[str, npt.NDArray[np.float64]]:
        return {}

    @property
    def loss(self) -> npt.NDArray[np.float64]:
        """Loss at each recorded step, shape (records,); zero where it is below float64's range."""
        return self["loss"]

    @cached_property
    def log2_loss(self) -> npt.NDArray[np.float64]:
        """log₂ of the loss, shape (records,): finite also where `loss` under- or overflows."""
        return _frozen(self.records["loss"].log2_abs())

    @property
    def sharpness(self) -> npt.NDArray[np.float64]:
        """Largest eigenvalue S of the Hessian, shape (records,), unit 1/step_size.

        At a number of bits, right to about 2⁻ᵇⁱᵗˢ of itself; in float32 and float64 to as much of ‖H‖. No
        eigenvalue is larger than S times their number, since tr H = ‖∂f/∂θ‖²/n is not negative.
        """
        return self["sharpness"]

    @property
    def sharpness_residual(self) -> npt.NDArray[np.float64]:
        """‖Hx − Sx‖ of the unit vector x that was found with the sharpness S, shape (records,)."""
        return self["sharpness_residual"]

    @property
    def imbalance(self) -> npt.NDArray[np.float64]:
        """Layer imbalance ‖Πu‖² − v_l² (Definition 4.2), shape (records, depth - 1)."""
        return self["imbalance"]

    @cached_property
    def imbalance_drift(self) -> npt.NDArray[np.float64]:
        """Largest change of the layer imbalance since the start, shape (records,).

        ``max_l |C_l(t) − C_l(0)|``, the difference taken exactly. Zero along the exact gradient flow
        (Lemma 5.2), so with `GradientFlow` it shows how well the flow was integrated.

        Raises
        ------
        UnknownNameError : the imbalance was not recorded.
        """
        check_name(NEEDED, "imbalance", self.records)
        return _frozen(largest_change(self.records["imbalance"]))

    @cached_property
    def flow_time(self) -> npt.NDArray[np.float64]:
        """Sum of the step sizes up to each recorded step, shape (records,): η·step for GD and SGD."""
        if "flow_time" in self.records:
            return self["flow_time"]
        return _frozen(self.step.astype(np.float64) * float(self._exact_step_size or 0))

    def exact(self, name: str) -> Any:
        """Return a record, or the final "u" or "v", as gmpy2.mpfr numbers with every bit.

        Parameters
        ----------
        name : one of `records`, "u" or "v".

        Returns
        -------
        object array of gmpy2.mpfr, precision ``format.bits``.

        Raises
        ------
        UnknownNameError : any other name.
        """
        arrays = {**self.records, "u": self.u, "v": self.v}
        return arrays[check_name(NEEDED, name, arrays)].to_gmpy2()

    def parameters(self) -> tuple[ExactArray, ExactArray]:
        """Return u, shape (n_features,), and v after the last step, in whatever coordinates the run was made.

        In row-space and spectral coordinates, u = u₀ + Rᵀ(a − R u₀) with a the run's own first layer, with
        guard bits and one rounding to `format` (in float64 for the float formats).
        """
        from mpsharp.backends import get_backend

        backend = get_backend(self.config["backend"], self.format)
        coordinates = self.config["coordinates"]
        u = backend.restore(self.problem, format=self.format, coordinates=coordinates, u=self.u)
        return u, self.v

    # The edge of stability --------------------------------------------------------------------------

    @cached_property
    def _exact_step_size(self) -> Fraction | None:
        return rounded_step_size(self.config["optimizer"], self.format.bits)

    @property
    def step_size(self) -> float:
        """Step size η as the run used it: rounded to `format`, then to float64; NaN for gradient flow."""
        return math.nan if self._exact_step_size is None else float(self._exact_step_size)

    @property
    def stability_limit(self) -> float:
        """2/η, unit 1/step_size: gradient descent is unstable where the sharpness exceeds it.

        Infinite for gradient flow, which is stable everywhere.
        """
        return math.inf if self._exact_step_size is None else float(2 / self._exact_step_size)

    @cached_property
    def _first_unstable_record(self) -> int | None:
        if self._exact_step_size is None:
            return None
        return first_unstable(self.exact("sharpness"), self._exact_step_size)

    @property
    def first_unstable_step(self) -> int | None:
        """First recorded step whose sharpness exceeds 2/η, compared without rounding; None without one.

        Raises
        ------
        UnknownNameError : the sharpness was not recorded.
        """
        check_name(NEEDED, "sharpness", self.records)
        record = self._first_unstable_record
        return None if record is None else int(self.step[record])

    @cached_property
    def catapult_record(self) -> int | None:
        """Index into the records at which the catapult is seen (see `catapult_step`).

        None without one, and where the sharpness was not recorded, so that nothing can be seen.
        """
        first = self._first_unstable_record if "sharpness" in self else None
        return None if first is None else catapult(self.exact("loss"), first, self.format.bits)

    @property
    def catapult_step(self) -> int | None:
        """First recorded step after `first_unstable_step` with L_t > 10·min_{s ≤ t} L_s; None without one.

        Decided on the exact losses, so losses below float64's range count. Only recorded steps are
        seen: with ``record_every=k`` the answer can be late, by k - 1 steps and by a loss that rises
        and falls between two records.

        Raises
        ------
        UnknownNameError : the sharpness was not recorded.
        """
        check_name(NEEDED, "sharpness", self.records)
        record = self.catapult_record
        return None if record is None else int(self.step[record])

    def summary(self) -> dict[str, Any]:
        """Return the outcome of the run in plain values.

        Returns
        -------
        dict
            "format", "bits", "precision" (how `precision_choice` came to it, None if it was given),
            "arithmetic", "records", "last_step"; "first_unstable_step",
            "catapult_step", "catapult_ratio", the sharpness at the catapult over 2/η (None without);
            "peak_ratio", the same for the largest finite sharpness of the records; "last_log2_loss";
            "observables", the names of what was recorded; "status", "status_step", "seconds". What rests on
            the sharpness is None where that was not recorded.
        """
        return summary(self)

    @property
    def precision_choice(self) -> PrecisionChoice | None:
        """How ``bits="auto"`` chose the precision of this run, readable as text; None if bits were given."""
        from mpsharp.automatic import PrecisionChoice

        chosen = self.config.get("precision")
        return None if chosen is None else PrecisionChoice.from_config(chosen)

    # What can be done with it -----------------------------------------------------------------------

    def identical(self, other: Trajectory) -> bool:
        """Whether both runs gave the same numbers, bit for bit, on the same problem with the same status.

        Time and library versions may differ; NaN equals NaN, +0 differs from -0.
        """
        return (
            self.format == other.format
            and self.problem.sha256 == other.problem.sha256
            and (self.status, self.status_step) == (other.status, other.status_step)
            and np.array_equal(self.step, other.step)
            and self.records.keys() == other.records.keys()
            and all(values.identical(other.records[name]) for name, values in self.records.items())
            and self.u.identical(other.u)
            and self.v.identical(other.v)
        )

    def precision_law(self) -> PrecisionLaw:
        """Return what this run says about every other number of bits; see `mpsharp.theory.PrecisionLaw`.

        Every step of the run must have been recorded, at more bits than are to be predicted, or above the
        horizon. A number that is predicted is one of the same arithmetic and coordinates.

        Raises
        ------
        ConfigurationError
            A step is missing in the records, or the optimizer is not gradient descent.
        """
        from mpsharp.prediction import precision_law

        return precision_law(self)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw loss and sharpness against the step; see `mpsharp.plotting.plot_trajectory`."""
        from mpsharp.plotting import plot_trajectory

        return plot_trajectory(self, path)

    def save(self, path: str | Path) -> Path:
        """Write every bit to the folder `path`; see `mpsharp.store.save`."""
        from mpsharp.store import save

        return save(self, path)

    def rerun(self, **changes: Any) -> Trajectory:
        """Run again with the same configuration, but for `changes`.

        Parameters
        ----------
        **changes
            Keyword arguments of `mpsharp.run`. A new ``bits`` or ``format`` also chooses the backend anew.

        Returns
        -------
        Trajectory
            Identical to this one, bit for bit, if nothing changes.
        """
        from mpsharp.optimizers import from_config
        from mpsharp.training import run

        same: dict[str, Any] = {
            "problem": self.problem,
            "optimizer": from_config(self.config["optimizer"]),
            **{
                name: self.config[name]
                for name in ("steps", "record_every", "stop_loss", "arithmetic", "coordinates", "seed")
            },
            "observables": self.config.get("observables", DEFAULT_OBSERVABLES),
            "noise": self.config.get("noise"),
            "verify": self.config.get("verified", {"how": False})["how"],
        }
        if "bits" not in changes and "format" not in changes:
            same |= {"format": self.format, "backend": self.config["backend"]}
        return run(**(same | changes))

    def sharpness_interval(self, bits: int | None = None) -> SharpnessInterval:
        """Enclose the sharpness at the last step with proof, for the numbers as the run had them.

        Parameters
        ----------
        bits : of the two ends; those of `format` by default. See `mpsharp.sharpness_interval`.

        Raises
        ------
        NonFiniteError
            The parameters after the last step are not finite.
        """
        from mpsharp.certificate.end import interval_at_end

        return interval_at_end(self, bits)

    def to_xarray(self) -> xarray.Dataset:
        """Return the records as an `xarray.Dataset` along ``step``, float64, with units.

        Raises
        ------
        ImportError
            xarray is not installed.
        """
        from mpsharp.labelled import to_xarray

        return to_xarray(self)

    def __repr__(self) -> str:
        return (
            f"Trajectory({self.format.label}, {self.config['arithmetic']}, {self.problem!r}, "
            f"{len(self.step)} records, {self.status} at step {self.status_step})"
        )


def _frozen(values: npt.NDArray[_T]) -> npt.NDArray[_T]:
    values.flags.writeable = False
    return values
