"""Same seed, same bits: on every processor, with every BLAS, with any number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import digests
from mpsharp.errors import MissingDatasetError

EXPECTED = {
    "default": "c4387222617e755d",
    "appendix_d": "9066a8209b61b850",
    "gaussian": "a1660d35148b0783",
    "digits": "cf3a9c38bd8089ff",
    "no full rank": "fa068e0bf9a31c37",
    "row_space": "fbea17fd4c6dea48",
    "spectral": "015f07efee769f1c",
    "spectral, labels outside": "9e233c58ad0ddb12",
    "step sizes": "ab32b68b735a6016",
    "PyTorch's start": "4066362a97984d82",
    "(α, β) start": "0b3814b08bd50893",
    "balanced start": "da84125a87e13f80",
    "run": "919066449b8f98b7",
    "spectral run": "e1e76b666fc41b50",
    "flow": "13d7b0152d66f28d",
    "figure 29": "081f1332c4cb04b8",
    "speech": "244ba2107e590f72",
}
CATAPULTS = [212, 237, 365, 372]

# Kernels of OpenBLAS, instructions that NumPy and the C library may use, and our own kernels. What a machine
# does not know it ignores.
ENVIRONMENTS = {
    "Prescott, 2 threads, NumPy without AVX, portable kernels": {
        "OPENBLAS_CORETYPE": "Prescott",
        "OPENBLAS_NUM_THREADS": "2",
        "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 X86_V3 X86_V4",
        "MPSHARP_KERNELS": "portable",
    },
    "Nehalem, 1 thread, C library without FMA": {
        "OPENBLAS_CORETYPE": "Nehalem",
        "MPSHARP_THREADS": "1",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable",
    },
}


@pytest.mark.parametrize("name", digests.CASES)
def test_bits_on_every_machine(name):
    assert digests.CASES[name]() == EXPECTED[name]


@pytest.mark.parametrize("name", digests.WITH_DATA)
def test_bits_of_real_data_on_every_machine(name):
    try:
        made = digests.WITH_DATA[name]()
    except MissingDatasetError as error:
        pytest.skip(f"needs real data: {error}")
    assert made == EXPECTED[name]


@pytest.mark.slow
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_bits_whatever_the_libraries_use(environment):
    made = subprocess.run(
        [sys.executable, str(Path(digests.__file__))],
        env={**os.environ, **ENVIRONMENTS[environment]},
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = {name: EXPECTED[name] for name in digests.CASES}
    assert json.loads(made.stdout) == {**wanted, "catapults": CATAPULTS}
