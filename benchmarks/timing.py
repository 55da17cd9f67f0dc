"""Seconds per call of methods that take turns."""

from __future__ import annotations

import platform
import time
from pathlib import Path

import params


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def clock(name):
    """Processor time of this thread where it does all the work, so that other processes disturb little."""
    return time.perf_counter if name.endswith("threads") else time.thread_time


def best_times(methods: dict) -> dict:
    """Seconds per call of each method: the best of several rounds in which they take turns.

    Methods with more threads are timed by the time of day, in many short slices: some of them have all
    processors to themselves.
    """
    best, slices = {}, {}
    for name, call in methods.items():
        now = clock(name)
        started = now()
        call()
        elapsed = now() - started
        if elapsed > params.PATIENCE:
            best[name] = elapsed  # once is enough
            continue
        n_slices = params.SLICES if now is time.perf_counter else 1
        slices[name] = n_slices, max(1, int(params.SLICE / n_slices / max(elapsed, 1e-9)))
        best[name] = float("inf")
    for _ in range(params.ROUNDS):
        for name, (n_slices, count) in slices.items():
            call, now = methods[name], clock(name)
            for _ in range(n_slices):
                started = now()
                for _ in range(count):
                    call()
                best[name] = min(best[name], (now() - started) / count)
    return best
