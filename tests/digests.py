"""Hashes of what must have the same bits on every machine; run as a script, prints them as JSON."""

from __future__ import annotations

import hashlib
import json

import numpy as np

import mpsharp
from mpsharp import initialization, problems
from mpsharp.problems import Problem
from mpsharp.problems.step_sizes import data_step_size


def of_problem(problem: Problem) -> str:
    """Data, labels, start and step size."""
    step_size = float(problem.optimizer.step_size).hex() if problem.optimizer else "none"
    return _short(problem.sha256, step_size)


def of_run(run: mpsharp.Trajectory) -> str:
    """Every bit of the records and of the end."""
    parts = [run.records[name] for name in ("loss", "sharpness", "imbalance")] + [run.u, run.v]
    return _short(*(str(number) for part in parts for number in part.to_gmpy2().ravel()))


def _arrays(*arrays: np.ndarray) -> str:
    return _short(*(np.ascontiguousarray(array, dtype="<f8").tobytes().hex() for array in arrays))


def _short(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def _rng() -> np.random.Generator:
    return np.random.default_rng(1)


def _tall() -> str:
    """Two step sizes: of data with more samples than features, and of data without full rank."""
    X, y = problems.gaussian(12, 5).X, problems.gaussian(12, 5).y
    double = np.concatenate([X, X], axis=1)
    return _short(*(data_step_size(data, y, 3, 1.5).hex() for data in (X, double)))


CASES = {
    "default": lambda: of_problem(problems.appendix_d()),
    "appendix_d": lambda: of_problem(problems.appendix_d(30, 1.5, 12, 7, depth=3)),
    "gaussian": lambda: of_problem(problems.gaussian()),
    "row_space": lambda: of_problem(problems.reduced(problems.gaussian(20, 50))),
    "spectral": lambda: of_problem(problems.reduced(problems.appendix_d(), "spectral")),
    "spectral, labels outside": lambda: of_problem(problems.reduced(problems.gaussian(20, 8), "spectral")),
    "step sizes": _tall,
    "PyTorch's start": lambda: _arrays(*initialization.pytorch_default(5000, 3, _rng())),
    "(α, β) start": lambda: _arrays(*initialization.alpha_beta(50_000, 0.1, 0.3, _rng())),
    "balanced start": lambda: _arrays(*initialization.balanced(problems.gaussian(9, 30).X, 3, _rng())),
    "run": lambda: of_run(mpsharp.run(bits=256, steps=400, record_every=40)),
    "spectral run": lambda: of_run(mpsharp.run(bits=24, coordinates="spectral", steps=40, record_every=10)),
    "flow": lambda: of_run(
        mpsharp.run(problems.gaussian(20), bits=80, optimizer=mpsharp.GradientFlow(), steps=60)
    ),
}
WITH_DATA = {
    "digits": lambda: of_problem(problems.from_dataset("digits-3-5", 50, 2, depth=4)),
    "no full rank": lambda: of_problem(problems.from_dataset("digits-3-5", 200)),
    "figure 29": lambda: of_problem(problems.figure29_blowup()),
    "speech": lambda: of_problem(problems.from_dataset("speech-yes-no", 100)),
}


def catapults() -> list[int | None]:
    """Catapult steps of the default problem at 24, 53 and 256 bits, and where the last of these runs ends."""
    runs = [mpsharp.run(bits=bits, steps=450) for bits in (24, 53, 256)]
    return [run.catapult_step for run in runs] + [runs[-1].status_step]


if __name__ == "__main__":
    made = {name: make() for name, make in CASES.items()}
    print(json.dumps({**made, "catapults": catapults()}))
