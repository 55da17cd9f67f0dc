"""Kernels: what is shown is what runs, and every choice gives the same bits."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import mpsharp
from mpsharp.errors import UnknownNameError

DIGEST = """
import hashlib, mpsharp
runs = [
    mpsharp.run(mpsharp.problems.gaussian(37, 53), bits=bits, arithmetic=arithmetic, steps=20, record_every=4)
    for bits in (2, 24, 64, 65, 200, 700, 1100)
    for arithmetic in ("exact", "sequential")
]
digest = hashlib.sha256()
for run in runs:
    for part in (*run.records.values(), run.u, run.v):
        for array in part.arrays("x").values():
            digest.update(array.tobytes())
print(mpsharp.show_config("dicts")["kernels"]["chosen"], digest.hexdigest())
"""


def digest(kernels):
    environment = {**os.environ, "MPSHARP_KERNELS": kernels}
    return subprocess.run(
        [sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, timeout=300
    )


def test_every_kernel_gives_the_same_bits_of_whole_runs():
    available = mpsharp.show_config("dicts")["kernels"]["available"]
    assert {"portable", "reference"} <= set(available)
    lines = {name: digest(name).stdout.split() for name in available}
    assert {line[0] for line in lines.values()} == set(available)
    assert len({line[1] for line in lines.values()}) == 1


def test_unknown_kernels_are_refused():
    done = digest("quantum")
    assert done.returncode != 0
    assert "MPSHARP_KERNELS" in done.stderr
    assert "'quantum'" in done.stderr


def test_threads_do_not_change_a_bit():
    problem = mpsharp.problems.gaussian(60, 1200)  # large enough to be shared
    runs = [mpsharp.run(problem, bits=300, steps=12, record_every=3, threads=k) for k in (1, 2, 5)]
    assert all(run.identical(runs[0]) for run in runs)


def test_show_config_prints(capsys):
    mpsharp.show_config()
    printed = capsys.readouterr().out
    assert "mpfr" in printed
    assert "kernels" in printed
    with pytest.raises(UnknownNameError):
        mpsharp.show_config("xml")
