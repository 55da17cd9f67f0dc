"""The problem's numbers as points of one precision, and what rounding them can do to an eigenvalue."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import gmpy2
import numpy as np
from numpy.typing import NDArray

from mpsharp.certificate.interval import IntervalArithmetic, abs_exact
from mpsharp.errors import NonFiniteError, ShapeError
from mpsharp.exact import ExactArray, as_exact_input
from mpsharp.problems import Problem

_EXPONENT_ROOM = 2**29  # half of what MPFR's default exponents span
_RATIONAL_ROOM = 2**20  # exponents up to which products of rational numbers stay small


@dataclass(frozen=True, eq=False)
class Points:
    """Data and parameters as they were given: float64, gmpy2.mpfr or gmpy2.mpq.

    Parameters
    ----------
    X, y, u, v : exact arrays, shapes (n, d), (n,), (d,), (D − 1,).
    problem : whose X it is, for its cache.
    """

    problem: Problem
    X: NDArray[Any]
    y: NDArray[Any]
    u: NDArray[Any]
    v: NDArray[Any]

    @classmethod
    def of(cls, problem: Problem, u: object, v: object) -> Points:
        """Take the problem's data at the parameters (u, v); its own where None.

        Raises
        ------
        ShapeError
            Lengths that do not fit the problem.
        NonFiniteError
            NaN or infinity; exponents so large that the Hessian leaves MPFR's range.
        """
        chosen = {}
        for name, given in (("u", u), ("v", v)):
            own = getattr(problem, name)
            array = own if given is None else as_exact_input(given, name)
            if array.shape != own.shape:
                raise ShapeError(f"{name}: expected shape {own.shape}, got {array.shape}")
            chosen[name] = array
        points = cls(problem, problem.X, problem.y, **chosen)
        depth = len(points.v) + 1
        largest = max(
            float(np.max(np.where(array.kind == 1, np.abs(array.exponent), 0), initial=0))
            for array in points.rounded(53).values()
        )
        if (4 * depth + 8) * largest > _EXPONENT_ROOM:
            raise NonFiniteError(
                f"exponents: expected at most 2**29/(4·depth + 8) = {_EXPONENT_ROOM // (4 * depth + 8)} in "
                f"size, so that the Hessian stays in MPFR's range; got {largest:.0f}"
            )
        return points

    def rounded(self, bits: int) -> dict[str, ExactArray]:
        """X, y, u, v rounded once to `bits` bits."""
        return {name: ExactArray.from_any(getattr(self, name), bits) for name in ("X", "y", "u", "v")}

    def hessian_is_zero(self) -> bool:
        """Whether H = 0, exactly. False where exponents are too large for rational arithmetic to tell.

        By the number of layers that are zero. None: c ≠ 0, and X must be zero. One: its row of H has Xᵀy and
        ‖s‖², s = Xu. Two: only their common entry is left, a multiple of sᵀy. More: nothing is.
        """
        zeros = sum(not x for x in self.v)
        if zeros == 0:
            return not self.X.any()
        if zeros > 2 or not self.X.any():
            return True
        largest = max(float(np.abs(array.exponent).max()) for array in self.rounded(53).values())
        if largest > _RATIONAL_ROOM:
            return False
        X, y, u = (_rationals(array) for array in (self.X, self.y, self.u))
        s = X @ u
        return not s @ y if zeros == 2 else not s.any() and not (y @ X).any()

    def exact_bits(self, name: str) -> float:
        """Bits that hold every number of one of the arrays without rounding; infinite for ratios like 1/3."""
        array = getattr(self, name)
        if array.dtype == np.float64:
            return 53
        return max((_bits_of(x) for x in array.flat), default=2)


def _rationals(values: NDArray[Any]) -> NDArray[Any]:
    return np.array([gmpy2.mpq(x) for x in values.flat], dtype=object).reshape(values.shape)


def _bits_of(x: Any) -> float:
    if isinstance(x, gmpy2.mpfr):
        return int(x.precision)
    denominator = x.denominator
    if denominator & (denominator - 1):
        return math.inf
    return max(2, int(x.numerator.bit_length()))


def lowest_bit(values: NDArray[Any]) -> int | None:
    """Largest e such that every number is an integer multiple of 2**e; None if all are zero."""
    if values.dtype == np.float64:
        fraction, exponent = np.frexp(values[values != 0])
        significand = np.abs(fraction * 2.0**53).astype(np.int64)
        lowest = np.log2((significand & -significand).astype(np.float64)).astype(np.int64)
        return int(np.min(exponent - 53 + lowest)) if significand.size else None
    exponents = []
    for x in values.flat:
        if x:
            significand, exponent = x.as_mantissa_exp()
            exponents.append(int(exponent) + int(gmpy2.bit_scan1(abs(significand))))
    return min(exponents, default=None)


def rounding_shift(norm_x: Any, numbers: dict[str, NDArray[Any]], arithmetic: IntervalArithmetic) -> Any:
    """Bound how far the eigenvalues of H move when X, y, u, v are rounded to `arithmetic.bits` bits.

    Every entry of n·H is a sum of monomials of degree at most 2D in the numbers. Rounding multiplies each
    number by 1 + δ, |δ| ≤ u = 2^−bits, hence each monomial by 1 + θ, |θ| ≤ γ = 2D·u/(1 − 2D·u), with respect
    to the rounded numbers too. So |ΔH| ≤ γ·|H|⁺, where |H|⁺ is H with every sign made positive, and by Weyl's
    inequality no eigenvalue moves by more than γ‖ |H|⁺ ‖, which the norms of the blocks bound.

    Parameters
    ----------
    norm_x : upper bound of ‖X‖_F.
    numbers : y, u, v as rounded, gmpy2.mpfr.
    arithmetic : of the rounding, and for the bound.
    """
    up = arithmetic.up
    size = {name: [abs_exact(x) for x in array.flat] for name, array in numbers.items()}
    n, layers = len(size["y"]), size["v"]
    norm_u, norm_y = arithmetic.norm_bound(size["u"]), arithmetic.norm_bound(size["y"])

    def product(*left_out: int) -> Any:
        out = arithmetic.one
        for k, x in enumerate(layers):
            if k not in left_out:
                out = up.mul(out, x)
        return out

    c = product()
    w = arithmetic.norm_bound(product(k) for k in range(len(layers)))
    s = up.mul(norm_x, norm_u)
    z = up.add(up.mul(c, s), norm_y)
    t = up.add(up.mul(up.mul(c, s), 2), norm_y)
    rest = arithmetic.norm_bound(
        product(k, j) for k in range(len(layers)) for j in range(len(layers)) if k != j
    )
    blocks = [
        up.square(up.mul(c, norm_x)),
        up.mul(up.mul(norm_x, t), w),
        up.square(up.mul(s, w)),
        up.mul(rest, up.mul(s, z)),
    ]
    total = arithmetic.zero
    for block in blocks:
        total = up.add(total, block)
    degree = 2 * (len(layers) + 1)
    gamma = arithmetic.round(gmpy2.mpq(degree, 2**arithmetic.bits - degree), up)
    return up.div(up.mul(total, gamma), n)
