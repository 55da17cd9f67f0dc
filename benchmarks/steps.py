"""Steps of gradient descent, in parameter and in spectral coordinates."""

from __future__ import annotations

import time

import loop
import numpy as np
from case import Case
from results import report
from timing import best_times

import mpsharp
from mpsharp import _core
from mpsharp.backends.coordinates import transform
from mpsharp.backends.transfer import to_core
from mpsharp.errors import MissingDatasetError
from mpsharp.exact import ExactArray


def descent(case, arithmetic, threads):
    return _core.GradientDescent(
        _core.Minimalist(
            case.data(arithmetic, "", threads),
            to_core(ExactArray.from_float64(case.y, case.bits)),
            2,
            case.n,
        ),
        case.core_u,
        to_core(ExactArray.from_float64([1.0], case.bits)),
        to_core(ExactArray.from_float64([case.step_size], case.bits)),
    )


def bench_step(library, sizes, bit_list, rows, what="GD step", data=None):
    for n, d in sizes:
        for bits in bit_list:
            case = Case(library, n, d, bits, data)
            runs = {(a, t): descent(case, a, t) for a in ("exact", "sequential") for t in (1, 2)}
            # One step of the loop against one of ours with the same rounding of every operation, and one
            # thread against two.
            case.loop.step()
            for run in runs.values():
                run.advance(1, 1e300, None)
            u = {key: ExactArray(*run.u.parts()) for key, run in runs.items()}
            for j in range(0, d, 17):
                if u["sequential", 1][j].to_gmpy2() != case.loop.number("u", j):
                    raise SystemExit(f"a step at {bits} bits differs from the loop, no figures")
                for arithmetic in ("exact", "sequential"):
                    if u[arithmetic, 1][j].to_gmpy2() != u[arithmetic, 2][j].to_gmpy2():
                        raise SystemExit(f"two threads at {bits} bits differ from one, no figures")
            methods = {"loop, temporaries": case.loop.step}
            for (arithmetic, threads), run in runs.items():
                name = f"mpsharp {arithmetic}, {threads} thread{'s' if threads > 1 else ''}"
                methods[name] = lambda run=run: run.advance(1, 1e300, None)
            report(rows, what, n, d, bits, best_times(methods), 2 * n * d)


def bench_cats_and_dogs(library, rows):
    """A step on 1000 cats and dogs; on data of the same shape, saying so, where they are not to be had."""
    n, d, what, data = 1000, 3072, "GD step, cats and dogs", None
    try:
        problem = mpsharp.problems.from_dataset("cifar10-cat-dog", n=n)
        data = problem.X, np.asarray(problem.y, dtype=np.float64)
    except MissingDatasetError as error:
        what = "GD step, synthetic in place of cats and dogs"
        print(f"no cats and dogs ({error}): normal numbers of the same shape")
    bench_step(library, [(n, d)], [256], rows, what, data)


def bench_spectral(library, bit_list, rows):
    """Steps of the default problem up to its catapult: spectral coordinates against parameter ones.

    The decomposition of X is made before, and timed on its own.
    """
    for bits in bit_list:
        problem = mpsharp.problems.appendix_d()
        n, d = problem.X.shape
        started = time.perf_counter()
        form = transform(problem, "spectral", bits)
        seconds = time.perf_counter() - started
        steps = 400 if bits > 256 else 200  # of 422 and some 365 up to the catapult

        def numbers(values, bits=bits):
            return to_core(ExactArray.from_any(values, bits))

        def numbers_of(of, numbers=numbers):
            return numbers(of.y), numbers(of.u)

        v, step_size = numbers(problem.v), numbers([problem.optimizer.step_size])

        def start(data, y, u, v=v, step_size=step_size, n=n):
            return _core.GradientDescent(_core.Minimalist(data, y, 2, n), u, v, step_size)

        def loop_steps(steps=steps, problem=problem, d=d, bits=bits):
            plain = loop.Loop(
                library, problem.X, problem.y, problem.u, np.zeros(d), 1.0, problem.optimizer.step_size, bits
            )
            for _ in range(steps):
                plain.step()

        matrix = _core.Matrix.from_float64(problem.X, bits)
        diagonal = numbers(form.X)
        runs = {
            f"spectral {arithmetic}": (_core.Data.diagonal(diagonal, arithmetic), *numbers_of(form))
            for arithmetic in ("exact", "sequential")
        } | {
            f"parameter {arithmetic}": (_core.Data(matrix, arithmetic, 1, ""), *numbers_of(problem))
            for arithmetic in ("exact", "sequential")
        }
        methods = {"loop, temporaries": loop_steps} | {
            f"mpsharp {name}": lambda run=run, steps=steps: start(*run).advance(steps, 1e300, None)
            for name, run in runs.items()
        }
        times = {name: seconds / steps for name, seconds in best_times(methods).items()}
        print(f"\ndefault problem, {bits} bits: decomposition {seconds:.2f} s; microseconds per step")
        for name, per_step in times.items():
            ratio = times["loop, temporaries"] / per_step
            print(f"  {name:32s} {per_step * 1e6:12.1f} {ratio:22.1f} times the loop's speed")
            rows.append(("spectral", n, d, bits, name, per_step, ratio))
        faster = times["mpsharp parameter exact"] / times["mpsharp spectral exact"]
        print(f"  spectral against parameter, exact: {faster:.1f} times")
