"""The training loop, and the same run at several precisions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from mpsharp import problems
from mpsharp._version import versions
from mpsharp.automatic import AUTO, FIRST_BITS, check_comparable, choose_precision, pilot_stride
from mpsharp.backends import Runner, get_backend
from mpsharp.backends.base import BACKEND_NAMES
from mpsharp.batches import Batches
from mpsharp.comparison import Comparison
from mpsharp.coordinates import COORDINATES
from mpsharp.errors import ConfigurationError, Interrupted, check_name
from mpsharp.exact import ExactArray, exact_decimal, exact_text
from mpsharp.formats import Format, FormatLike, check_bits
from mpsharp.initialization import check_count
from mpsharp.noise import Noise, NoisyRun, check_noise
from mpsharp.observables import DEFAULT_OBSERVABLES, Observable, resolve
from mpsharp.optimizers import GD, SGD, GradientFlow, Optimizer, check_optimizer
from mpsharp.problems import Problem
from mpsharp.progress import Progress
from mpsharp.resources import check_memory, check_square_memory
from mpsharp.trajectory import Trajectory
from mpsharp.verification import PROVEN, check_verify, verified

DEFAULT_BITS = 53
DEFAULT_FORMATS: tuple[FormatLike, ...] = (24, 53, 128, 256, 512)
ARITHMETICS = ("exact", "sequential", "numpy")

# A run diverges where its loss is not finite or above this factor times max(L_0, 1). Runs that
# recover from a catapult reach 10 to 110 times the loss they started with.
DIVERGENCE_FACTOR = 1e8

# Steps per call into a backend are chosen so that a call takes about this long.
_SECONDS_PER_CALL = 0.2


def run(
    problem: Problem | None = None,
    *,
    bits: int | str | None = None,
    format: FormatLike | None = None,
    optimizer: Optimizer | None = None,
    steps: int | None = None,
    record_every: int = 1,
    stop_loss: Any = None,
    observables: str | Iterable[str] = DEFAULT_OBSERVABLES,
    noise: Any = None,
    arithmetic: str = "exact",
    coordinates: str = "parameter",
    backend: str = "auto",
    threads: int | None = None,
    verify: bool | str = False,
    seed: int = 0,
    progress: bool | None = None,
) -> Trajectory:
    """Train the minimalist model in one number format; record loss, sharpness and more on the way.

    Parameters
    ----------
    problem : Problem, optional
        Data, depth and starting point; `mpsharp.problems.appendix_d(seed=seed)` by default.
    bits : int or "auto", optional
        Significand bits of MPFR arithmetic, 2 … 100,000. 53 if neither bits nor format is given. "auto"
        takes the fewest at which loss and sharpness are those of exact arithmetic to 2⁻⁴⁰ (below 1e-12)
        at every record, confirmed by a run at more bits: `Trajectory.precision_choice` and
        `mpsharp.automatic.choose_precision`. It makes several runs, each with its progress bar.
    format : Format, int or str, optional
        A Format; or "float32" or "float64", NumPy's own arithmetic, whose sharpness and coordinates LAPACK
        computes and rounds as the processor has it. Not together with `bits`.
    optimizer : GD, SGD or GradientFlow, optional
        The problem's own by default.
    steps : int, optional
        How many steps at most; the problem's own number by default.
    record_every : int
        Step 0, every `record_every`-th and the last step are recorded.
    stop_loss : float, str or exact number, optional
        The run has converged once its loss is at most this. Text such as "1e-400" reaches below
        float64's range.
    observables : str or iterable of str
        What to record, by name (`mpsharp.observables.listing()`): ("loss", "sharpness", "imbalance") by
        default. The loss is always recorded; nothing else is computed unless asked for.
    noise : float, str or exact number, optional
        After every step of GD or SGD, multiply each parameter by 1 + noise·r, r uniform on [−1, 1] and
        independent (`mpsharp.noise.Noise`): at many bits, the noise floor of few, on its own. None for none.
    arithmetic : str
        How dot products are rounded: "exact" (computed as if exactly, rounded once), "sequential"
        (every product and sum rounded, in index order), or "numpy" (NumPy's own sums; float32 and
        float64 only, the fast float path).
    coordinates : str
        What is trained: "parameter" (u itself), "row_space" (u in an orthonormal basis of the row
        space) or "spectral" (in the right singular vectors, which makes a step of GD cost O(rank)); see
        `mpsharp.coordinates`. The same run in exact arithmetic; the decomposition is made once per
        problem and precision.
    backend : str
        "mpfr", "mirror" (NumPy), or "auto": what the format asks for.
    threads : int, optional
        Threads of the core; all available cores by default. The same bits for any number.
    verify : bool or str
        Record how many bits of loss and sharpness are right at every record, "loss_bits" and "sharpness_bits"
        (`mpsharp.verification.verified`). "agreed", or True: in how many a second run agrees, at 2·bits + 64
        bits. "proven": of how many it is proven, against the run of exact arithmetic, enclosed in ball
        arithmetic; for GD without noise, and with python-flint (``pip install "mpsharp[verify]"``).
    seed : int
        Seed of the default problem, and of the batches of SGD. A seed gives the same bits on every machine,
        but for what the float formats leave to NumPy and LAPACK.
    progress : bool, optional
        Show a progress bar on standard error; by default only where that is a terminal.

    Returns
    -------
    Trajectory
        Its `status` tells how it ended: "completed", "converged" (loss ≤ stop_loss) or "diverged"
        (loss not finite, or above 1e8 · max(L₀, 1)), or for gradient flow "stationary" (θ no longer
        changes). Divergence is a result, not an error.

    Raises
    ------
    ConfigurationError
        Both bits and format, no optimizer, steps below 1, an unknown name, …
    PrecisionError
        bits out of range.
    ResourceError
        More memory needed than there is.
    ConvergenceError
        ``bits="auto"`` would need more than 10,000 bits.
    Interrupted
        Ctrl-C; carries the trajectory so far.

    Examples
    --------
    >>> import mpsharp
    >>> mpsharp.run(bits=256, steps=2).status
    'completed'
    """
    chosen = _choose_format(bits, format)
    check_name("arithmetic", arithmetic, ARITHMETICS)
    check_name("coordinates", coordinates, COORDINATES)
    check_name("backend", backend, BACKEND_NAMES)
    check_count("record_every", record_every)
    if threads is not None:
        check_count("threads", threads)
    if steps is not None:
        check_count("steps", steps)
    check_count("seed", seed, 0)
    if problem is None:
        problem = problems.appendix_d(seed=seed)
    if not isinstance(problem, Problem):
        raise ConfigurationError(f"problem: expected a Problem, got {type(problem).__name__}")
    optimizer = problem.optimizer if optimizer is None else optimizer
    if optimizer is None:
        raise ConfigurationError("optimizer: expected one, for example GD(step_size=0.05), got None")
    check_optimizer(optimizer)
    if isinstance(optimizer, GradientFlow):
        optimizer.tolerance_at(chosen.bits)
    batches = Batches(optimizer, problem.n_samples, seed) if isinstance(optimizer, SGD) else None
    steps = problem.steps if steps is None else steps
    if steps is None:
        raise ConfigurationError("steps: expected a number (this problem carries none), got None")
    if noise is not None:
        check_noise(noise)
        if isinstance(optimizer, GradientFlow):
            raise ConfigurationError("noise: expected GD or SGD as optimizer, got GradientFlow")
    limit = _rounded_stop_loss(stop_loss, chosen)
    engine = get_backend(backend, chosen)
    watched = resolve(observables, problem=problem, optimizer=optimizer, coordinates=coordinates)
    check_memory(problem, chosen, 2 + steps // record_every)
    how = check_verify(verify, optimizer, noise)
    if how == PROVEN:  # matrices of order min(n, d), each entry also an object of Python's
        check_square_memory(problem, 16 * (chosen.bits + 128))
    if bits == AUTO:
        check_comparable(optimizer, "bits='auto'")
        again = partial(
            run,
            problem,
            optimizer=optimizer,
            steps=steps,
            stop_loss=stop_loss,
            noise=noise,
            arithmetic=arithmetic,
            coordinates=coordinates,
            backend=backend,
            threads=threads,
            seed=seed,
            progress=progress,
        )
        asked: dict[str, Any] = {
            "observables": [str(item) for item in watched],
            "record_every": record_every,
        }
        best = choose_precision(
            lambda bits, **changes: again(bits=bits, **(asked | changes)),
            lawful=isinstance(optimizer, GD),
            recorded=tuple(item.kind.name for item in watched),
            stride=pilot_stride(steps, record_every),
        )
        return verified(best, how, progress=progress) if how else best

    config: dict[str, Any] = {
        "problem": dict(problem.recipe) if problem.recipe else {"name": "explicit"},
        "problem_sha256": problem.sha256,
        "optimizer": optimizer.config(),
        "format": chosen.name,
        "arithmetic": arithmetic,
        "backend": engine.name,
        "coordinates": coordinates,
        "steps": steps,
        "record_every": record_every,
        "noise": None if noise is None else exact_text(noise),
        "stop_loss": None if stop_loss is None else exact_decimal(stop_loss),
        "observables": [str(item) for item in watched],
        "seed": seed,
        "versions": versions(),
    }
    recorder = _Recorder(problem, chosen, config, watched)
    with Progress(steps, chosen.label, progress) as bar:
        try:
            runner = engine.start(
                problem,
                format=chosen,
                optimizer=optimizer,
                arithmetic=arithmetic,
                threads=threads,
                batches=batches,
                coordinates=coordinates,
            )
            config["loss_floor"] = None if runner.loss_floor is None else str(runner.loss_floor.to_gmpy2())
            recorder.add(runner)
            advance = runner.advance
            if noise is not None:
                parameters = sum(map(len, runner.parameters()))
                advance = NoisyRun(runner, Noise(noise, seed, parameters), chosen.bits).advance
            status = _train(runner, advance, recorder, steps, record_every, limit, bar)
        except KeyboardInterrupt as signal:
            if not recorder.steps:
                raise  # nothing measured yet, nothing to keep
            raise Interrupted(recorder.finish(runner, "interrupted")) from signal
    result = recorder.finish(runner, status)
    return verified(result, how, progress=progress) if how else result


def compare(
    problem: Problem | None = None,
    *,
    formats: Iterable[FormatLike] = DEFAULT_FORMATS,
    progress: bool | None = None,
    seed: int = 0,
    **options: Any,
) -> Comparison:
    """Make the same run in several number formats.

    Parameters
    ----------
    problem : Problem, optional
        As for `run`.
    formats : iterable of int, str or Format
        At least one, no two the same.
    progress, seed, **options
        As for `run`, except bits and format. ``arithmetic="exact"`` holds for all formats.

    Returns
    -------
    Comparison
        A mapping from Format to Trajectory, in the order of `formats`.

    Raises
    ------
    ConfigurationError
        No format, the same format twice, or what `run` raises.
    """
    if isinstance(formats, str) or not isinstance(formats, Iterable):
        raise ConfigurationError(f"formats: expected several formats, got {formats!r}")
    chosen = [Format.parse(item) for item in formats]
    if not chosen or len(set(chosen)) != len(chosen):
        names = [str(item) for item in chosen]
        raise ConfigurationError(f"formats: expected at least one, none of them twice, got {names}")
    for name in ("bits", "format"):
        if name in options:
            raise ConfigurationError(f"{name}: compare takes formats=(…), got {name}={options[name]!r}")
    if problem is None:
        problem = problems.appendix_d(seed=check_count("seed", seed, 0))
    runs = {item: run(problem, format=item, progress=progress, seed=seed, **options) for item in chosen}
    return Comparison(runs)


def _choose_format(bits: int | str | None, format: FormatLike | None) -> Format:
    """Format asked for; with "auto", that of the first run."""
    if bits is not None and format is not None:
        raise ConfigurationError(f"expected bits or format, got both: bits={bits!r}, format={format!r}")
    if format is not None:
        return Format.parse(format)
    if bits == AUTO:
        return Format(bits=FIRST_BITS)
    return Format(bits=DEFAULT_BITS if bits is None else check_bits(bits))


def _rounded_stop_loss(stop_loss: Any, format: Format) -> ExactArray | None:
    if stop_loss is None:
        return None
    rounded = ExactArray.from_any([stop_loss], format.bits)[0]
    if rounded.sign < 0 or rounded.kind > 1:
        raise ConfigurationError(f"stop_loss: expected a finite number of at least 0, got {stop_loss!r}")
    return rounded


def _status_of(loss: ExactArray, ceiling: float, limit: ExactArray | None) -> str:
    if limit is None and loss.kind <= 1 and loss.exponent < math.frexp(ceiling)[1]:
        return ""  # below 2^exponent: no need to look closer
    if loss.kind > 1 or loss.to_gmpy2() > ceiling:
        return "diverged"
    if limit is not None and loss.to_gmpy2() <= limit.to_gmpy2():
        return "converged"
    return ""


def _train(
    runner: Runner,
    advance: Callable[[int, float, ExactArray | None], str],
    recorder: _Recorder,
    steps: int,
    record_every: int,
    limit: ExactArray | None,
    bar: Progress,
) -> str:
    """Advance to the end, record on the way, return the status."""
    ceiling = DIVERGENCE_FACTOR * max(float(recorder.last_loss.to_float64()), 1.0)
    if status := _status_of(recorder.last_loss, ceiling, limit):
        return status
    chunk = 1
    while runner.step < steps:
        until_record = record_every - runner.step % record_every
        count = min(chunk, until_record, steps - runner.step)
        started = time.perf_counter()
        before = runner.step
        status = advance(count, ceiling, limit)
        bar.update(runner.step - before)
        # SGD can find that a recorded step was its last without making another.
        if runner.step > recorder.steps[-1] and (
            status or runner.step % record_every == 0 or runner.step == steps
        ):
            recorder.add(runner)
            status = status or _status_of(recorder.last_loss, ceiling, limit)
        if status:
            return status
        elapsed = max(time.perf_counter() - started, 1e-6)
        chunk = max(1, min(2 * chunk, int(count * _SECONDS_PER_CALL / elapsed)))
    return "completed"


class _Recorder:
    """Collects records and makes the Trajectory."""

    def __init__(
        self, problem: Problem, format: Format, config: dict[str, Any], observables: Sequence[Observable]
    ) -> None:
        self._problem = problem
        self._format = format
        self._config = config
        self._observables = observables
        self._started = time.perf_counter()
        self.steps: list[int] = []
        self._records: list[dict[str, ExactArray]] = []

    def add(self, runner: Runner) -> None:
        values = runner.observe(self._observables)
        self._records.append(values)
        self.steps.append(runner.step)

    @property
    def last_loss(self) -> ExactArray:
        return self._records[-1]["loss"]

    def finish(self, runner: Runner, status: str) -> Trajectory:
        u, v = runner.parameters()
        names = self._records[0]
        count = len(self.steps)
        return Trajectory(
            problem=self._problem,
            format=self._format,
            config=self._config,
            step=np.array(self.steps, dtype=np.int64),
            records={
                name: ExactArray.stack([record[name] for record in self._records[:count]]) for name in names
            },
            u=u,
            v=v,
            status=status,
            status_step=runner.step,
            seconds=time.perf_counter() - self._started,
        )
