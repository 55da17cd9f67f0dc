"""The Hessian at one point, every quantity in an interval: what candidate and proof are made of."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpsharp import _core
from mpsharp.backends.transfer import from_core, to_core
from mpsharp.certificate.interval import Interval, IntervalArithmetic
from mpsharp.certificate.points import Points, lowest_bit
from mpsharp.exact import ExactArray

Vector: TypeAlias = list[Any] | NDArray[Any]


class State:
    """n·H = [[c²XᵀX, Xᵀt wᵀ], [w tᵀX, G]] with s = Xu, z = cs − y, t = z + cs, at a working precision.

    The numbers of `points` are rounded to it; whoever asks for more precision than they have gets the
    Hessian for exactly these numbers.

    Parameters
    ----------
    points : data and parameters.
    bits : working precision.
    threads : of the products with X.
    """

    def __init__(self, points: Points, bits: int, threads: int) -> None:
        self.arithmetic = ops = IntervalArithmetic(bits)
        self.bits = bits
        numbers = {
            name: ExactArray.from_any(getattr(points, name), bits).to_gmpy2() for name in ("y", "u", "v")
        }
        self.numbers = numbers
        self.n, self.d = points.X.shape
        self._data, self.gram, self._lowest = _data(points, bits, threads)

        v = [Interval(x, x) for x in numbers["v"]]
        layers = range(len(v))
        self.c = ops.product(v)
        self.w = [ops.product(v[k] for k in layers if k != i) for i in layers]
        s = self.products(numbers["u"])
        y = [Interval(x, x) for x in numbers["y"]]
        outputs = [ops.mul(self.c, x) for x in s]
        z = [ops.sub(a, b) for a, b in zip(outputs, y, strict=True)]
        self.t = [ops.add(a, b) for a, b in zip(z, outputs, strict=True)]
        ss, sz = ops.norm_squared(s), ops.dot(s, z)
        count = Interval(*[ops.nearest.mul(ops.one, self.n)] * 2)
        self.count = count
        self.a = ops.div(ops.square(self.c), count)
        self.corner = [[self.zero for _ in layers] for _ in layers]
        for i in layers:
            for j in range(i + 1):
                entry = ops.mul(ops.mul(self.w[i], self.w[j]), ss)
                if i != j:
                    rest = ops.product(v[k] for k in layers if k not in (i, j))
                    entry = ops.add(entry, ops.mul(rest, sz))
                self.corner[i][j] = self.corner[j][i] = ops.div(entry, count)
        trace = ops.zero
        for x in from_core(_core.diagonal(self.gram)).to_gmpy2():
            trace = ops.up.add(trace, ops.widen(x).upper)
        self.trace = trace  # ≥ tr XᵀX = ‖X‖_F²

    @property
    def zero(self) -> Interval:
        """[0, 0]."""
        return Interval(self.arithmetic.zero, self.arithmetic.zero)

    @property
    def rows(self) -> bool:
        """Whether the Gram matrix is XXᵀ (n ≤ d), not XᵀX."""
        return bool(self.n <= self.d)

    def image(self, x: Vector) -> NDArray[Any]:
        """X·x, each entry rounded once."""
        return self._apply(self._data.apply, x)

    def adjoint(self, x: Vector) -> NDArray[Any]:
        """Xᵀ·x, each entry rounded once."""
        return self._apply(self._data.apply_transposed, x)

    def products(self, x: Any, *, transposed: bool = False) -> list[Interval]:
        """Enclose X·x, or Xᵀ·x, for numbers x of the working precision."""
        rounded = self.adjoint(x) if transposed else self.image(x)
        # A sum of multiples of 2**lowest is exact where it has few enough bits.
        other = lowest_bit(np.asarray(x, dtype=object))
        out = []
        for value in rounded:
            if value and self._lowest is not None and other is not None:
                significand, exponent = value.as_mantissa_exp()
                top = int(exponent) + int(abs(significand).bit_length())
                if top - (self._lowest + other) < self.bits:
                    out.append(Interval(value, value))
                    continue
            out.append(self.arithmetic.widen(value))
        return out

    def norm_bound(self) -> Any:
        """Upper bound of ‖H‖, from the norms of its blocks (Lemma B.1 for the border)."""
        ops = self.arithmetic
        border = ops.up.mul(ops.up.sqrt(self.trace), ops.norm_bound(x.magnitude for x in self.t))
        border = ops.up.mul(border, ops.norm_bound(x.magnitude for x in self.w))
        corner = ops.norm_bound(x.magnitude for row in self.corner for x in row)
        total = ops.up.add(ops.up.mul(self.a.upper, self.trace), ops.up.div(border, self.n))
        return ops.up.add(total, corner)

    def may_be_zero(self, shift: Any) -> bool:
        """Whether c and the corner allow H = 0, where rounding moved no entry by more than `shift`."""
        held = all(x.lower <= shift and -shift <= x.upper for row in self.corner for x in row)
        return held and (self.c.is_zero or not self.trace)

    def is_zero(self) -> bool:
        """Whether H = 0 for the numbers rounded to the working precision is certain."""
        border = all(x.is_zero for x in self.w) or all(x.is_zero for x in self.t)
        if not border and all(x.lower == x.upper for x in self.t):
            border = not any(self.adjoint([x.lower for x in self.t]))
        return (
            border
            and (self.a.is_zero or not self.trace)
            and all(x.is_zero for row in self.corner for x in row)
        )

    def _apply(self, product: Any, x: Vector) -> NDArray[Any]:
        vector = to_core(ExactArray.from_any(list(x), self.bits))
        return np.asarray(from_core(product(vector, self.bits)).to_gmpy2())


def _data(points: Points, bits: int, threads: int) -> tuple[_core.Data, _core.Matrix, int | None]:
    """Exact products with X, its Gram matrix and the lowest bit of X.

    Kept on the problem until another precision is asked for.
    """
    cache = points.problem._cache
    key = (bits, threads)
    if cache.get("certificate", (None,))[0] != key:
        if points.X.dtype == np.float64:
            matrix, lowest = _core.Matrix.from_float64(points.X, 53), lowest_bit(points.X)
        else:
            held = int(min(points.exact_bits("X"), bits))
            rounded = ExactArray.from_any(points.X.ravel(), held)
            rows, columns = points.X.shape
            matrix, lowest = _core.Matrix(rows, columns, to_core(rounded)), lowest_bit(rounded.to_gmpy2())
        data = _core.Data(matrix, "exact", threads)
        wide = matrix.shape[0] <= matrix.shape[1]
        gram = _core.multiply(matrix, matrix, bits, transpose_a=not wide, transpose_b=wide, threads=threads)
        cache["certificate"] = (key, data, gram, lowest)
    _, data, gram, lowest = cache["certificate"]
    return data, gram, lowest
