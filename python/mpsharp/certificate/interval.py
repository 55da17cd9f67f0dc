"""Intervals with outward rounding: every result contains what exact arithmetic would give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import gmpy2


class Interval(NamedTuple):
    """All real numbers from `lower` to `upper`, both gmpy2.mpfr."""

    lower: Any
    upper: Any

    @property
    def is_zero(self) -> bool:
        """Whether it holds 0 and nothing else."""
        return not self.lower and not self.upper

    @property
    def magnitude(self) -> Any:
        """Largest absolute value in it."""
        return max(abs_exact(self.lower), abs_exact(self.upper))


def abs_exact(x: Any) -> Any:
    """|x| at the precision of x, whatever context is active."""
    return negative(x) if x < 0 else x


def negative(x: Any) -> Any:
    """−x at the precision of x, whatever context is active."""
    return gmpy2.context(precision=max(2, x.precision), emin=_EMIN, emax=_EMAX).minus(x)


_EMIN, _EMAX = gmpy2.get_emin_min(), gmpy2.get_emax_max()


class IntervalArithmetic:
    """Operations on `Interval` at a working precision, the ends rounded down and up.

    Parameters
    ----------
    bits : significand bits of the ends.
    """

    def __init__(self, bits: int) -> None:
        limits = {"precision": bits, "emin": _EMIN, "emax": _EMAX}
        self.bits = bits
        self.down = gmpy2.context(round=gmpy2.RoundDown, **limits)
        self.up = gmpy2.context(round=gmpy2.RoundUp, **limits)
        self.nearest = gmpy2.context(round=gmpy2.RoundToNearest, **limits)
        self.zero = gmpy2.mpfr(0, bits)
        self.one = gmpy2.mpfr(1, bits)

    def enclose(self, x: Any) -> Interval:
        """Return the smallest interval of this precision around a number."""
        return Interval(self.round(x, self.down), self.round(x, self.up))

    def round(self, x: Any, context: Any) -> Any:
        """Turn any number (mpfr, mpq, int) into an mpfr, rounded as `down` or `up` says."""
        with context:
            return gmpy2.mpfr(x)

    def widen(self, x: Any) -> Interval:
        """Return an interval around every number that rounds to nearest to `x`, which has this precision."""
        return Interval(x, x) if not x else Interval(self.down.next_below(x), self.up.next_above(x))

    def middle(self, x: Interval) -> Any:
        """Return a number near the middle."""
        return self.nearest.div_2exp(self.nearest.add(x.lower, x.upper), 1)

    def radius(self, x: Interval, middle: Any) -> Any:
        """Return a bound for |ξ − middle| over the ξ in `x`."""
        return max(self.up.sub(x.upper, middle), self.up.sub(middle, x.lower), self.zero)

    def neg(self, x: Interval) -> Interval:
        """−x."""
        return Interval(self.down.minus(x.upper), self.up.minus(x.lower))

    def add(self, x: Interval, y: Interval) -> Interval:
        """X + y."""
        return Interval(self.down.add(x.lower, y.lower), self.up.add(x.upper, y.upper))

    def sub(self, x: Interval, y: Interval) -> Interval:
        """X − y."""
        return Interval(self.down.sub(x.lower, y.upper), self.up.sub(x.upper, y.lower))

    def mul(self, x: Interval, y: Interval) -> Interval:
        """x·y."""
        if x.lower >= 0 and y.lower >= 0:
            return Interval(self.down.mul(x.lower, y.lower), self.up.mul(x.upper, y.upper))
        pairs = [(a, b) for a in x for b in y]
        return Interval(min(self.down.mul(a, b) for a, b in pairs), max(self.up.mul(a, b) for a, b in pairs))

    def square(self, x: Interval) -> Interval:
        """x²."""
        low, high = sorted((abs_exact(x.lower), abs_exact(x.upper)))
        if x.lower < 0 < x.upper:
            low = self.zero
        return Interval(self.down.square(low), self.up.square(high))

    def div(self, x: Interval, y: Interval) -> Interval:
        """x/y for y > 0."""
        low = y.upper if x.lower >= 0 else y.lower
        high = y.lower if x.upper >= 0 else y.upper
        return Interval(self.down.div(x.lower, low), self.up.div(x.upper, high))

    def product(self, factors: Iterable[Interval]) -> Interval:
        """Product of any number of factors; 1 of none."""
        out = Interval(self.one, self.one)
        for factor in factors:
            out = self.mul(out, factor)
        return out

    def dot(self, x: Sequence[Interval], y: Sequence[Interval]) -> Interval:
        """Σ x_i·y_i; 0 of no terms."""
        low = high = self.zero
        for a, b in zip(x, y, strict=True):
            term = self.mul(a, b)
            low, high = self.down.add(low, term.lower), self.up.add(high, term.upper)
        return Interval(low, high)

    def norm_squared(self, x: Iterable[Interval]) -> Interval:
        """Σ x_i²."""
        low = high = self.zero
        for a in x:
            term = self.square(a)
            low, high = self.down.add(low, term.lower), self.up.add(high, term.upper)
        return Interval(low, high)

    def norm_bound(self, x: Iterable[Any]) -> Any:
        """Upper bound of the Euclidean norm of a vector of numbers."""
        total = self.zero
        for a in x:
            total = self.up.add(total, self.up.square(a))
        return self.up.sqrt(total)

    def is_positive_definite(self, matrix: Sequence[Sequence[Interval]]) -> bool:
        """Whether L·D·Lᵀ in intervals proves every symmetric matrix within these entries definite.

        Only the lower triangle is read. False proves nothing.
        """
        rows = [list(row) for row in matrix]
        for j in range(len(rows)):
            pivot = rows[j][j]
            if not pivot.lower > 0:
                return False
            for i in range(j + 1, len(rows)):
                ratio = self.div(rows[i][j], pivot)
                for k in range(j + 1, i + 1):
                    rows[i][k] = self.sub(rows[i][k], self.mul(ratio, rows[k][j]))
        return True
