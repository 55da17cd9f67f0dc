"""Builds and calls loop.cpp, the loops of MPFR calls that mpsharp is measured against."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from pathlib import Path

import gmpy2
import numpy as np

HERE = Path(__file__).parent


def build() -> ctypes.CDLL:
    """Compile loop.cpp against the MPFR that gmpy2's wheel ships and load it."""
    package = Path(gmpy2.__file__).parent
    libraries = [str(p) for p in (package.parent / "gmpy2.libs").glob("lib[gm][mp][pf]*.so*")]
    target = Path(tempfile.mkdtemp()) / "loop.so"
    compiler = os.environ.get("CXX", "c++")
    options = ["-O3", "-std=c++20", "-shared", "-fPIC", f"-I{package}"]
    runpath = f"-Wl,-rpath,{package.parent / 'gmpy2.libs'}"
    subprocess.run(
        [compiler, *options, str(HERE / "loop.cpp"), *libraries, runpath, "-o", str(target)], check=True
    )
    library = ctypes.CDLL(str(target))
    library.loop_new.restype = ctypes.c_void_p
    library.loop_new.argtypes = [ctypes.c_long] * 3 + [ctypes.c_void_p] * 2 + [ctypes.c_double]
    library.loop_matvec.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.loop_step.argtypes = [ctypes.c_void_p]
    library.loop_number.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char,
        ctypes.c_long,
        ctypes.c_char_p,
        ctypes.c_long,
    ]
    library.loop_free.argtypes = [ctypes.c_void_p]
    return library


class Loop:
    """A problem in plain MPFR numbers."""

    def __init__(self, library, X, y, u, u_low, v, step_size, bits):
        self._library = library
        self._bits = bits
        values = np.concatenate([X.ravel(), y, u, [v]])
        low = np.ascontiguousarray(u_low)
        self._handle = library.loop_new(
            *X.shape, bits, values.ctypes.data, low.ctypes.data, ctypes.c_double(step_size)
        )

    def matvec(self, temporary: bool) -> None:
        self._library.loop_matvec(self._handle, temporary)

    def step(self) -> None:
        self._library.loop_step(self._handle)

    def number(self, which: str, index: int) -> gmpy2.mpfr:
        """One entry of s or u, every bit of it."""
        text = ctypes.create_string_buffer(self._bits + 100)
        self._library.loop_number(self._handle, which.encode(), index, text, len(text))
        mantissa, exponent = text.value.decode().split("p")
        sign = -1 if mantissa.startswith("-") else 1
        whole, _, fraction = mantissa.lstrip("-").removeprefix("0x").partition(".")
        integer = gmpy2.mpz(whole + fraction, 16) * sign
        with gmpy2.context(precision=self._bits + 8):
            scaled = gmpy2.mul_2exp(gmpy2.mpfr(integer), 0)
            power = int(exponent) - 4 * len(fraction)
            return gmpy2.mul_2exp(scaled, power) if power >= 0 else gmpy2.div_2exp(scaled, -power)

    def __del__(self):
        self._library.loop_free(self._handle)
