"""Predicted against observed: runs of the law of precision, resumable and spread over processes."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import gmpy2

from mpsharp import problems
from mpsharp.errors import OutputError
from mpsharp.paper.children import end_with_parent
from mpsharp.problems import Problem
from mpsharp.problems.step_sizes import data_step_size
from mpsharp.theory import PrecisionLaw, blowup_limit
from mpsharp.training import run
from mpsharp.trajectory import Trajectory

# Steps after the predicted catapult that a run is given: for a later catapult and to see how it ends.
_MARGIN = 0.1
_AFTER = 80


OUTCOMES = ("convergence", "oscillation", "catapult", "blow-up")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One problem at one step size, to be run at several precisions.

    Parameters
    ----------
    family : "appendix_d", "gaussian" or a data set of `mpsharp.datasets`.
    n : number of samples.
    depth, seed : of the problem.
    limit_ratio : Ŝ_D over the stability limit 2/η; sets the step size.
    v : every v_l at the start.
    coordinates : of every run; see `mpsharp.run`.
    lean : record the loss alone, and take the first step with S > 2/η from the reference; quicker.
    reference_bits : of the run that predicts.
    most_steps : of the reference.
    """

    family: str
    n: int
    depth: int
    seed: int
    limit_ratio: float
    v: float = 1.0
    coordinates: str = "spectral"
    lean: bool = False
    reference_bits: int = 1280
    most_steps: int = 4000

    def problem(self) -> Problem:
        """Build it; for spectral coordinates decomposed once, and rounded to float64."""
        made = self._problem()
        return problems.reduced(made, "spectral") if self.coordinates == "spectral" else made

    def _problem(self) -> Problem:
        if self.family == "appendix_d":
            return problems.appendix_d(self.n, self.limit_ratio, seed=self.seed, depth=self.depth)
        if self.family == "gaussian":
            made = problems.gaussian(self.n, seed=self.seed, depth=self.depth)
            step_size = data_step_size(made.X, made.y, self.depth, self.limit_ratio)
            return problems.gaussian(self.n, seed=self.seed, depth=self.depth, step_size=step_size)
        return problems.from_dataset(
            self.family, self.n, self.seed, depth=self.depth, limit_ratio=self.limit_ratio, v=self.v
        )


def reference(case: Case, problem: Problem) -> Trajectory:
    """Run at many bits and record every step until the catapult of its own precision, or `most_steps`.

    How many steps that takes is found first, recording the loss alone, which is cheap.
    """
    steps = min(500, case.most_steps)
    while True:
        made = _train(case, problem, case.reference_bits, steps, "loss")
        step = catapult(made.exact("loss"), 0)
        if step is not None or made.status == "diverged" or steps >= case.most_steps:
            break
        steps = min(2 * steps, case.most_steps)
    steps = steps if step is None else min(step + 1, case.most_steps)
    return _train(case, problem, case.reference_bits, steps)


def measure(
    case: Case, bits: Iterable[int], done: Callable[[int], bool] = lambda bits: False
) -> Iterator[Any]:
    """Run a case at each number of bits, and yield a row with what was predicted and what came.

    A row holds the case and "bits"; of the reference "reference_unstable" (its first step with S > 2/η),
    "start_ratio" (S over 2/η at the start) and "horizon"; predictions: the catapult "predicted", the same by
    the "plain" law, "predicted_ratio" (S over 2/η as the catapult starts), "blowup_ratio" (above which it
    diverges; for depth 3 and more in half of all cases) and "blowup_bits"; observations: "first_unstable",
    "observed" (catapult step), "observed_ratio" (S over 2/η as the catapult starts), "peak_ratio", "outcome",
    "steps" and "seconds" of the run.
    """
    left = [b for b in bits if not done(b)]
    if not left:
        return
    problem = case.problem()
    exact = reference(case, problem)
    law = exact.precision_law()
    plain = PrecisionLaw(sharpness=exact.sharpness, step_size=exact.step_size, depth=case.depth)
    foretold = {
        "reference_unstable": exact.first_unstable_step,
        "start_ratio": float(exact.sharpness[0] / exact.stability_limit),
        "horizon": law.horizon,
        "blowup_ratio": blowup_limit(case.depth) / 2,
        "blowup_bits": law.blowup_bits(),
    }
    for b in left:
        ratio = law.catapult_ratio(b)
        predicted = law.catapult_step(b)
        row = {
            **asdict(case),
            "bits": b,
            **foretold,
            "predicted": predicted,
            "plain": plain.catapult_step(b),
            "predicted_ratio": None if ratio is None else ratio / 2,
        }
        steps = case.most_steps
        if predicted is not None:
            steps = min(math.ceil(predicted * (1 + _MARGIN)) + _AFTER, case.most_steps + _AFTER)
        if case.lean:
            yield row | _observe_loss(_train(case, problem, b, steps, "loss"), exact.first_unstable_step)
        else:
            yield row | observe(_train(case, problem, b, steps))


def observe(run: Trajectory) -> dict[str, Any]:
    """What came of a run, in plain values; its "outcome" is the first of these that holds.

    - "blow-up": it diverged;
    - "catapult": its loss rose to ten times its minimum after S > 2/η, and it recovered;
    - "oscillation": S > 2/η at some step;
    - "convergence": S stayed below.
    """
    row = run.summary()
    ratio = None
    if row["catapult_step"] is not None:
        own = PrecisionLaw(sharpness=run.sharpness[: row["catapult_step"] + 1], step_size=run.step_size)
        ratio = own.ratio_before(row["catapult_step"]) / 2
    outcome = "convergence"
    if run.status == "diverged":
        outcome = "blow-up"
    elif row["catapult_step"] is not None:
        outcome = "catapult"
    elif row["first_unstable_step"] is not None:
        outcome = "oscillation"
    return {
        "first_unstable": row["first_unstable_step"],
        "observed": row["catapult_step"],
        "observed_ratio": ratio,
        "peak_ratio": row["peak_ratio"],
        "outcome": outcome,
        "steps": row["last_step"],
        "seconds": run.seconds,
    }


def _observe_loss(run: Trajectory, first_unstable: int | None) -> dict[str, Any]:
    """`observe` for a run that recorded its loss alone."""
    step = None if first_unstable is None else catapult(run.exact("loss"), first_unstable)
    outcome = "oscillation" if step is None else "catapult"
    if run.status == "diverged":
        outcome = "blow-up"
    elif first_unstable is None:
        outcome = "convergence"
    return {
        "first_unstable": first_unstable,
        "observed": step,
        "observed_ratio": None,
        "peak_ratio": None,
        "outcome": outcome,
        "steps": int(run.step[-1]),
        "seconds": run.seconds,
    }


def catapult(loss: Iterable[Any], first_unstable: int) -> int | None:
    """First step after `first_unstable` whose loss is above ten times the smallest so far."""
    smallest = limit = gmpy2.inf()
    for step, value in enumerate(loss):
        if value < smallest:
            smallest, limit = value, 10 * value
        elif step > first_unstable and not value <= limit:
            return step
    return None


def foretold(row: Mapping[str, Any]) -> str:
    """The outcome that the law predicts for a row of `measure`."""
    if row["reference_unstable"] is None:
        return "convergence"
    if row["predicted_ratio"] is None:
        return "oscillation"
    return "blow-up" if row["predicted_ratio"] > row["blowup_ratio"] else "catapult"


def _train(case: Case, problem: Problem, bits: int, steps: int, *observables: str) -> Trajectory:
    return run(
        problem,
        bits=bits,
        steps=steps,
        coordinates=case.coordinates,
        observables=observables or ("loss", "sharpness"),
        threads=1,
        progress=False,
    )


class Store:
    """Rows on disk, one JSON object a line; a line is written at once, so that nothing is lost or torn.

    Parameters
    ----------
    path : of the file; made with its first row.
    code : of the package that makes the rows (`mpsharp.paper.origin.code_sha256`); rows of other code are not
        seen. None for rows of any.
    """

    def __init__(self, path: Path, code: str | None = None) -> None:
        self.path = path
        self.code = code

    def rows(self) -> list[dict[str, Any]]:
        """Every row; a last line that an interrupt cut short is left out."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            if self.code is None or row.pop("code", None) == self.code:
                found.append(row)
        return found

    def add(self, row: dict[str, Any]) -> None:
        """Append one row, on a line of its own also after a torn one.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        code = {} if self.code is None else {"code": self.code}
        line = json.dumps({**row, **code}, ensure_ascii=False).encode() + b"\n"
        try:
            self._append(line)
        except OSError as error:
            raise OutputError(f"cannot write {str(self.path)!r}: {error}") from error

    def _append(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line
            if os.write(file, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(file)


def key(case: Case, bits: int) -> str:
    """Name a run by everything that changes it."""
    text = json.dumps({**asdict(case), "bits": bits}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def measure_all(
    cases: Iterable[Case],
    bits: Iterable[int],
    store: Store,
    *,
    jobs: int = 1,
    seconds: float = math.inf,
    report: Callable[[str], None] = lambda line: None,
) -> bool:
    """Run every case at every number of bits, except what `store` has; return whether all is done.

    Parameters
    ----------
    cases, bits : what to run.
    store : where rows go as soon as they are there.
    jobs : processes; each takes one case at a time. With more than one, a script of one's own needs the
        guard ``if __name__ == "__main__":``.
    seconds : no case is begun after so many; what runs is ended after twice as many.
    report : called with a line of text per finished case.
    """
    wanted = list(bits)
    have = {row["key"] for row in store.rows()}
    left = [case for case in dict.fromkeys(cases) if any(key(case, b) not in have for b in wanted)]
    started = time.perf_counter()
    queue = iter(left)
    finished = 0

    def more() -> Case | None:
        return next(queue, None) if time.perf_counter() - started < seconds else None

    if jobs == 1:
        while case := more():
            _work(case, wanted, store, have)
            finished += 1
            report(_line(case, finished, len(left)))
        return finished == len(left)
    # Fresh processes: a fork would inherit the core's threads as if they ran.
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=end_with_parent) as pool:
        running: dict[Future[None], Case] = {}
        while True:
            while len(running) < jobs and (case := more()):
                running[pool.submit(_work, case, wanted, store, have)] = case
            if not running:
                return finished == len(left)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                future.result()
                finished += 1
                report(_line(running.pop(future), finished, len(left)))


def _work(case: Case, bits: list[int], store: Store, have: set[str]) -> None:
    for row in measure(case, bits, lambda b: key(case, b) in have):
        store.add({"key": key(case, row["bits"]), **row})


def _line(case: Case, finished: int, count: int) -> str:
    size = f"{case.family} n={case.n} D={case.depth}"
    return f"{finished}/{count} {size} ratio {case.limit_ratio:g} seed {case.seed}"
