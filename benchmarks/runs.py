"""Whole runs, and the records along them."""

from __future__ import annotations

import time

import gmpy2
import loop
import numpy as np
import params
from timing import best_times

import mpsharp
from mpsharp.backends import get_backend
from mpsharp.formats import Format


def bench_record(sizes, bit_list, rows):
    """A step with a default record (loss, sharpness, imbalance) after it against steps alone: one thread.

    What it takes longer is the record, be it the observation, what the step keeps for it, or the call.
    """
    together = 10
    for n, d in sizes:
        rng = np.random.default_rng(0)
        problem = mpsharp.Problem(
            X=rng.standard_normal((n, d)),
            y=rng.standard_normal(n),
            u=0.05 * rng.standard_normal(d),
            v=[1.0],
            optimizer=mpsharp.GD(step_size=1e-3),
            steps=1,
        )
        for bits in bit_list:
            alone, watched = (
                get_backend("auto", Format(bits=bits)).start(
                    problem,
                    format=Format(bits=bits),
                    optimizer=problem.optimizer,
                    arithmetic="exact",
                    threads=1,
                )
                for _ in range(2)
            )
            watched.advance(10, 1e300, None)
            seen = watched.observe()
            with gmpy2.context(precision=bits):
                certain = seen["sharpness"].to_gmpy2() * gmpy2.exp2(-bits)
                if not seen["sharpness_residual"].to_gmpy2() <= certain:
                    raise SystemExit(f"the sharpness at {bits} bits is not certain, no figures")

            def step_and_record(run=watched):
                run.advance(1, 1e300, None)
                run.observe()

            methods = {"steps": lambda r=alone: r.advance(together, 1e300, None), "both": step_and_record}
            times = best_times(methods)
            step = times["steps"] / together
            record = times["both"] - step
            print(
                f"record {n}×{d}, {bits:5d} bits: step {step * 1e6:8.1f} µs, "
                f"record {record * 1e6:8.1f} µs, {record / step:.2f} steps"
            )
            for name, seconds in (("step", step), ("record", record)):
                rows.append(("record", n, d, bits, name, seconds, step / seconds))


def bench_compare(library, steps, rows):
    """A whole comparison of Appendix D at limit ratio 1.5, sharpness every 10 steps, against GD alone."""
    problem = mpsharp.problems.appendix_d(limit_ratio=1.5)
    ours = loops = 0.0
    for bits in params.COMPARE_BITS:
        mpsharp.run(problem, bits=bits, steps=1, threads=1)  # the reduction of X, which is not counted
        started = time.process_time()
        mpsharp.run(problem, bits=bits, steps=steps, record_every=10, threads=1)
        seconds = time.process_time() - started
        n, d = problem.X.shape
        plain = loop.Loop(
            library, problem.X, problem.y, problem.u, np.zeros(d), 1.0, problem.optimizer.step_size, bits
        )
        timed = min(steps, 200)
        started = time.process_time()
        for _ in range(timed):
            plain.step()
        per_step = (time.process_time() - started) / timed
        loops += per_step * steps
        ours += seconds
        rows.append(("compare", n, d, bits, "loop, temporaries", per_step * steps, 1.0))
        rows.append(("compare", n, d, bits, "mpsharp exact", seconds, per_step * steps / seconds))
        print(f"compare {bits:5d} bits: loop {per_step * steps:7.2f} s, mpsharp {seconds:6.2f} s")
    print(f"compare, all: {loops / ours:.1f} times faster than the loop doing gradient descent alone")
