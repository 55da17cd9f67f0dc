"""One matrix and vector in everybody's numbers, and the results they must give."""

from __future__ import annotations

from fractions import Fraction

import gmpy2
import loop
import numpy as np

from mpsharp import _core
from mpsharp.backends.transfer import to_core
from mpsharp.exact import ExactArray


class Case:
    """One matrix and vector in everybody's numbers; X is float64 data, u has every bit."""

    def __init__(self, library, n, d, bits, data=None):
        rng = np.random.default_rng(0)
        self.n, self.d, self.bits = n, d, bits
        self.X, self.y = (rng.standard_normal((n, d)), rng.standard_normal(n)) if data is None else data
        self.step_size = 1e-3
        u, low = 0.05 * rng.standard_normal(d), 0.05 * rng.standard_normal(d)
        self.loop = loop.Loop(library, self.X, self.y, u, low, 1.0, self.step_size, bits)
        self.u = np.array([self.loop.number("u", j) for j in range(d)], dtype=object)
        self.core_u = to_core(ExactArray.from_any(self.u, bits))
        self.matrix = _core.Matrix.from_float64(self.X, bits)

    def data(self, arithmetic, kernels="", threads=1):
        return _core.Data(self.matrix, arithmetic, threads, kernels)

    def exact_row(self, i):
        """Row i of Xu as a fraction rounded once: the definition of exact."""
        with gmpy2.context(precision=self.bits):
            as_fractions = (
                Fraction(*map(int, gmpy2.mpfr(float(x), self.bits).as_integer_ratio())) for x in self.X[i]
            )
            total = sum(
                x * Fraction(*map(int, u.as_integer_ratio()))
                for x, u in zip(as_fractions, self.u, strict=True)
            )
            return gmpy2.mpfr(gmpy2.mpq(total.numerator, total.denominator))

    def check(self, products):
        """Sequential products equal the loop, exact ones the fractions, bit for bit."""
        rows = (0, self.n // 2, self.n - 1)
        self.loop.matvec(False)
        for (arithmetic, _), data in products.items():
            values = ExactArray(*data.apply(self.core_u, self.bits).parts())
            for i in rows:
                expected = self.loop.number("s", i) if arithmetic == "sequential" else self.exact_row(i)
                if values[i].to_gmpy2() != expected:
                    raise SystemExit(f"{arithmetic} at {self.bits} bits, row {i}: wrong result, no figures")
