"""``bits="auto"``: the smallest precision at which a run is the run of exact arithmetic."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpsharp.agreement import smallest_agreement
from mpsharp.errors import ConfigurationError, ConvergenceError, Interrupted
from mpsharp.formats import MIN_BITS
from mpsharp.trajectory import Trajectory

AUTO = "auto"
AGREED_BITS = 40  # 2⁻⁴⁰ < 1e-12
MAX_AUTO_BITS = 10_000
FIRST_BITS = 128  # of the first pilot

_SPARE = 4  # agreed bits beyond AGREED_BITS, and bits between failure and success, that are not worth a run
_AHEAD = 32  # bits that a reference has beyond what it confirms, so that its own error does not count
_MORE = 64  # bits by which a new reference, or the next attempt after a failure, goes further
_LINEAR = 8  # agreed bits from which on the error is taken to be one of first order
_ATTEMPTS = 10  # at the search for the smallest precision, once one has been confirmed

RunAt: TypeAlias = Callable[..., Trajectory]


@dataclass(frozen=True, kw_only=True)
class PrecisionChoice:
    """How ``bits="auto"`` came to its number of bits.

    Parameters
    ----------
    bits : those of the run.
    predicted : from the sharpness of a run at more bits (`needed_bits`); None for SGD.
    confirmed_at : bits of the run that confirmed it.
    agreed_bits : smallest number of bits, over all records, in which loss and sharpness of the two agree.
    runs : bits of every run that was made, in order.
    seconds : wall time of all of them.
    """

    bits: int
    predicted: int | None
    confirmed_at: int
    agreed_bits: float
    runs: tuple[int, ...]
    seconds: float

    def __str__(self) -> str:
        guess = "" if self.predicted is None else f" ({self.predicted} predicted)"
        return (
            f"{self.bits} bits chosen{guess}: loss and sharpness agree in {self.agreed_bits:.1f} bits or "
            f"more with the run at {self.confirmed_at}"
        )

    def config(self) -> dict[str, Any]:
        """Return plain values for JSON, `from_config`'s argument."""
        return {**dataclasses.asdict(self), "asked": AUTO, "runs": list(self.runs)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> PrecisionChoice:
        """Rebuild it from `config()`."""
        values = {item.name: config[item.name] for item in dataclasses.fields(cls)}
        return cls(**values | {"runs": tuple(values["runs"])})


def check_comparable(optimizer: Any, asked: str) -> None:
    """Raise ConfigurationError for an optimizer whose steps differ from precision to precision."""
    if getattr(optimizer, "rule", "fixed") != "fixed":
        raise ConfigurationError(
            f"{asked}: expected GD, SGD or GradientFlow(rule='fixed'), whose steps are the same at every "
            f"precision; got {optimizer!r}"
        )


def needed_bits(run: Trajectory) -> int:
    """Return how many bits make loss and sharpness right to 2⁻⁴⁰, judged from a run of GD at more bits.

    An error grows along the top eigenvector by |1 − ηS_t| at step t, wherever that exceeds 1, from the step
    at which rounding makes it: at step t by Γ_t = max_{s ≤ t} Σ_{r=s..t−1} log₂|1 − ηS_r| bits, which is
    Γ_{t+1} = max(0, Γ_t + log₂|1 − ηS_t|), Γ_0 = 0. The residual z = cXu − y cancels, as many bits as it
    decays by: ½·log₂(L_0/L_t). Errors of T steps in directions that neither grow nor shrink add up to
    some √T, those of a dot product of d exact products to one. With 8 bits for the rest,

        40 + 8 + ½·log₂T + max_t (Γ_t + ½·max(0, log₂(L_0/L_t))).

    Near a catapult that is what is needed; where the top direction has a small share of the loss, an
    error in it counts for less and the number is on the safe side. Not counted is what grows along directions
    of negative curvature, slowly but for long, where training lingers at a saddle.

    Between two records log₂|1 − ηS| is interpolated.

    Parameters
    ----------
    run : loss and sharpness among the records, at every step or every few.
    """
    step_size = float(run.step_size)
    sharpness = run.records["sharpness"]
    with np.errstate(invalid="ignore", over="ignore"):
        growth = np.log2(np.maximum(np.abs(1 - step_size * run.sharpness), 2.0**-53))
    large = math.log2(step_size) + sharpness.log2_abs()
    growth = np.where(large > 60, large, growth)
    growth[~np.isfinite(growth)] = 0.0
    decay = (run.log2_loss[0] - run.log2_loss) / 2
    decay[~np.isfinite(decay)] = 0.0
    each_step = np.interp(np.arange(run.step[-1] + 1), run.step, growth)
    worst = float(np.max(_windows(each_step)[run.step] + np.maximum(decay, 0.0)))
    return math.ceil(AGREED_BITS + 8 + math.log2(len(each_step)) / 2 + worst)


def pilot_stride(steps: int, record_every: int) -> int:
    """Return every how many steps a pilot is recorded, so that its sharpness is not what takes the time.

    A divisor of `record_every`, so that a pilot also has the records of the run that it is compared with, and
    at most a 500th of the steps.
    """
    return max(k for k in range(1, max(1, min(steps // 500, record_every)) + 1) if record_every % k == 0)


def _windows(growth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest sum over any window that ends before each index; 0 for the empty window."""
    sums = np.concatenate([[0.0], np.cumsum(growth[:-1])])
    return np.asarray(sums - np.minimum.accumulate(sums))


def choose_precision(
    run_at: RunAt, *, lawful: bool, recorded: tuple[str, ...], stride: int = 1
) -> Trajectory:
    """Make the run at the smallest precision that gives the trajectory of exact arithmetic.

    1. A pilot with a record of every step, or of every few in a long run (`pilot_stride`), says how many bits
       are needed (`needed_bits`). While these are not clearly fewer than its own, the next pilot has twice as
       many, or more. SGD, which has no law, starts without.
    2. A run at these bits is compared with one that has at least 32 bits more. An error of the first order
       halves with each bit, so what is agreed beyond 40 bits is saved, what is missing added.
    3. The search ends where at most four bits are agreed on beyond 40, or where at most four fewer disagree.
       Rounding errors differ from one number of bits to the next, so that smaller steps would find chance.

    Parameters
    ----------
    run_at : `run` with everything but bits; takes bits, and changes as keywords.
    lawful : whether the growth of errors follows from sharpness and step size, as it does for GD.
    recorded : the observables asked for.
    stride : every how many steps a pilot is recorded.

    Returns
    -------
    Trajectory
        ``config["precision"]`` says how its bits were chosen; see `Trajectory.precision_choice`.

    Raises
    ------
    ConvergenceError
        More than `MAX_AUTO_BITS` bits would be needed.
    Interrupted
        Ctrl-C; with the best run so far.
    """
    search = _Search(run_at, tuple(name for name in ("loss", "sharpness") if name in recorded))
    try:
        return search.result(search.predict(stride) if lawful else None)
    except KeyboardInterrupt as signal:  # also between two runs, where it is not an Interrupted
        best = search.best or search.reference
        if best is None:
            raise
        raise Interrupted(dataclasses.replace(best, status="interrupted")) from signal


@dataclass
class _Search:
    """The state of one search."""

    run_at: RunAt
    compared: tuple[str, ...]
    runs: list[int] = field(default_factory=list)
    reference: Trajectory | None = None
    best: Trajectory | None = None
    agreed: float = 0.0  # of the best
    confirmed_at: int = 0
    failed: tuple[int, float] = (MIN_BITS, 0.0)  # most bits that are too few, and what was agreed
    started: float = field(default_factory=time.perf_counter)

    def predict(self, stride: int) -> int:
        """Needed bits from pilots, each with more bits than the last; the last becomes the reference."""
        bits = FIRST_BITS
        while True:
            pilot = self._run(bits, observables=("loss", "sharpness"), record_every=stride)
            self.reference = pilot
            needed = needed_bits(pilot)
            if needed + _AHEAD <= bits:
                return needed
            bits = max(self._allowed(needed + _MORE, needed), min(2 * bits, MAX_AUTO_BITS))

    def result(self, predicted: int | None) -> Trajectory:
        """Search from the predicted number of bits on."""
        bits = FIRST_BITS if predicted is None else predicted
        attempts = 0
        while True:
            agreed = self._try(bits)
            attempts += self.best is not None
            if self.best is None:
                bits = self._allowed(self._larger(bits, agreed), bits)
                continue
            low, high = self.failed[0], self.best.format.bits
            if self.agreed <= AGREED_BITS + _SPARE or high - low <= _SPARE or attempts >= _ATTEMPTS:
                break
            bits = self._smaller()
        choice = PrecisionChoice(
            bits=self.best.format.bits,
            predicted=predicted,
            confirmed_at=self.confirmed_at,
            agreed_bits=self.agreed,
            runs=tuple(self.runs),
            seconds=time.perf_counter() - self.started,
        )
        return dataclasses.replace(self.best, config={**self.best.config, "precision": choice.config()})

    def _run(self, bits: int, **changes: Any) -> Trajectory:
        self.runs.append(bits)
        return self.run_at(bits, **changes)

    def _try(self, bits: int) -> float:
        """Make the run at some bits and compare it."""
        if self.reference is None or self.reference.format.bits < bits + _AHEAD:
            self.reference = self._run(bits + _MORE, observables=self.compared)
        candidate = self._run(bits)
        agreed = smallest_agreement(candidate, self.reference)
        if agreed >= AGREED_BITS:
            self.best, self.agreed, self.confirmed_at = candidate, agreed, self.reference.format.bits
        else:
            self.failed = max(self.failed, (bits, agreed))
        return agreed

    def _larger(self, bits: int, agreed: float) -> int:
        """Next attempt after a failure, while nothing has been confirmed."""
        if agreed >= _LINEAR:
            return bits + math.ceil(AGREED_BITS + _SPARE / 2 - agreed)
        return bits + max(_MORE, bits // 2)

    def _smaller(self) -> int:
        """Next attempt below the best: on the line through failure and success, or of slope one."""
        assert self.best is not None
        high, (low, agreed) = self.best.format.bits, self.failed
        target = AGREED_BITS + _SPARE / 2
        if agreed >= _LINEAR:
            bits = low + math.ceil((high - low) * (target - agreed) / (self.agreed - agreed))
        elif low > MIN_BITS:
            bits = max((low + high) // 2, high - math.floor(self.agreed - target))
        else:
            bits = high - math.floor(self.agreed - target)
        return min(max(bits, low + 1), high - 1)

    def _allowed(self, bits: int, needed: int) -> int:
        if bits <= MAX_AUTO_BITS:
            return bits
        raise ConvergenceError(
            f"bits='auto': the trajectory of exact arithmetic needs about {needed} bits or more, expected at "
            f"most {MAX_AUTO_BITS}; runs were made at {self.runs} bits. Fewer steps need fewer bits; "
            f"bits={bits} asks for one run at so many"
        )
