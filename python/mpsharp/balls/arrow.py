"""The largest eigenvalue of A = [[diag(a), b wᵀ], [w bᵀ, G]], enclosed: a diagonal with a border of rank one.

Lower end: a Rayleigh quotient. Upper end: μ above every a_i for which μI − A is positive definite, which
its Schur complement μI − G − φ(μ) wwᵀ, φ(μ) = Σ b_i²/(μ − a_i), decides. How vector and
μ were found does not matter; both are evaluated in balls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import flint
import numpy as np

from mpsharp.balls.frame import to_float64
from mpsharp.balls.numbers import norm

Vector: TypeAlias = tuple[list[Any], list[Any]]  # its parts at diag(a) and at G

_PASSES = 12
_SPARE = 16  # bits by which the enclosure is narrower than those asked for


@dataclass(frozen=True, eq=False)
class Arrow:
    """The matrix A; all numbers exact balls.

    Parameters
    ----------
    a, b : of one length, which may be 0.
    w : at least one.
    G : rows, symmetric.
    """

    a: list[Any]
    b: list[Any]
    w: list[Any]
    G: list[list[Any]]

    def largest_eigenvalue(self, bits: int, start: Vector | None = None) -> tuple[Any, Vector]:
        """Ball that contains it, of some `bits` right bits, and an approximate eigenvector (p, q).

        Arithmetic has twice the bits, as many as the Schur complement loses where b₁ is small.

        Parameters
        ----------
        bits : wanted.
        start : eigenvector of a matrix that is nearly this one. Where it does not lead to the top, or without
            one, float64 finds another.
        """
        with flint.ctx.workprec(2 * bits + 64):
            accuracy = bits + _SPARE
            value, vector = self._rayleigh(bits, start or self._start())
            upper = _beyond(value, accuracy)
            if start and not self._is_below(upper):
                value, vector = self._rayleigh(bits, self._start())
                upper = _beyond(value, accuracy)
            # No diagonal entry is negative, hence nor is the largest eigenvalue.
            lower = max(value.lower(), flint.arb(0))
            if not self._is_below(upper):
                lower, upper, vector = self._bisect(lower, accuracy)
            return lower.union(upper), vector

    def _bisect(self, lower: Any, accuracy: int) -> tuple[Any, Any, Vector]:
        """Ends and vector where eigenvalues lie closer together than float64 can tell."""
        low, upper = lower, self._norm()
        while upper - low > upper * flint.arb((1, -accuracy)):
            middle = ((low + upper) / 2).mid()
            if not low < middle < upper:
                break
            if self._is_below(middle):
                upper = middle
            else:
                low = middle  # most likely not above all: no proof, and none needed
        # From just above the top nothing else is found, by a vector that has a part of everything.
        vector = [flint.arb(1)] * len(self.a), [flint.arb(1)] * len(self.w)
        for _ in range(3):
            found = self._iterate(upper, *vector)
            if found is None:
                break
            vector = found
        value = self._quotient(*vector)
        return (max(lower, value.lower()) if value.is_finite() else lower), upper, vector

    def _norm(self) -> Any:
        """Upper bound of the norm."""
        largest = flint.arb(0)
        for x in self.a:
            largest = max(largest, abs(x))
        border = norm(self.b) * norm(self.w)
        return (largest + border + norm(x for row in self.G for x in row)).abs_upper()

    def _is_below(self, mu: Any) -> bool:
        """Whether μI − A is proven positive definite."""
        phi = flint.arb(0)
        for a, b in zip(self.a, self.b, strict=True):
            gap = mu - a
            if not gap > 0:
                return False
            phi += b * b / gap
        return _is_positive(self._complement(mu, phi))

    def _complement(self, mu: Any, phi: Any) -> list[list[Any]]:
        size = len(self.w)
        return [
            [(mu if i == k else 0) - self.G[i][k] - phi * self.w[i] * self.w[k] for k in range(size)]
            for i in range(size)
        ]

    def _rayleigh(self, bits: int, start: Vector) -> tuple[Any, Vector]:
        """Rayleigh quotient iteration."""
        p, q = start
        value = self._quotient(p, q)
        for _ in range(_PASSES):
            found = self._iterate(value.mid(), p, q)
            if found is None:
                break
            candidate = self._quotient(*found)
            if not candidate.is_finite():
                break
            step = abs(candidate - value).abs_upper()
            (p, q), value = found, candidate
            if step <= abs(value) * flint.arb((1, -2 * bits)):
                break
        return value, (p, q)

    def _start(self) -> Vector:
        """Top eigenvector in float64."""
        r, size = len(self.a), len(self.w)
        border = [b * w for b in self.b for w in self.w]
        scaled, _ = to_float64([*self.a, *border, *(x for row in self.G for x in row)])
        dense = np.zeros((r + size, r + size))
        dense[range(r), range(r)] = scaled[:r]
        dense[:r, r:] = scaled[r : r + len(border)].reshape(r, size)
        dense[r:, :r] = dense[:r, r:].T
        dense[r:, r:] = scaled[r + len(border) :].reshape(size, size)
        vector = [flint.arb(float(x)) for x in np.linalg.eigh(dense)[1][:, -1]]
        return vector[:r], vector[r:]

    def _quotient(self, p: list[Any], q: list[Any]) -> Any:
        """xᵀAx/xᵀx of x = (p, q)."""
        square, total, along = flint.arb(0), flint.arb(0), flint.arb(0)
        for a, b, x in zip(self.a, self.b, p, strict=True):
            square += x * x
            total += a * x * x
            along += b * x
        turned = flint.arb(0)
        for i, x in enumerate(q):
            square += x * x
            turned += self.w[i] * x
            for k, other in enumerate(q):
                total += self.G[i][k] * x * other
        return (total + 2 * along * turned) / square

    def _iterate(self, value: Any, p: list[Any], q: list[Any]) -> Vector | None:
        """Solve (value − A)x⁺ = x; nothing is proven. None where the precision does not suffice."""
        phi, pulled, gaps = flint.arb(0), flint.arb(0), []
        for a, b, x in zip(self.a, self.b, p, strict=True):
            gap = value - a
            if gap.contains(0):
                return None
            gaps.append(gap)
            phi += b * b / gap
            pulled += b * x / gap
        rows = self._complement(value, phi)
        matrix = flint.arb_mat([[x.mid() for x in row] for row in rows])
        right = flint.arb_mat([[(x + w * pulled).mid()] for x, w in zip(q, self.w, strict=True)])
        try:
            new_q = [x.mid() for x in matrix.solve(right).entries()]
        except ZeroDivisionError:
            return None
        turned = flint.arb(0)
        for w, x in zip(self.w, new_q, strict=True):
            turned += w * x
        new_p = [((x + b * turned) / g).mid() for x, b, g in zip(p, self.b, gaps, strict=True)]
        scale = norm([*new_p, *new_q])
        if not (scale.is_finite() and scale > 0):
            return None
        return [(x / scale).mid() for x in new_p], [(x / scale).mid() for x in new_q]


def _beyond(value: Any, accuracy: int) -> Any:
    """A number above all of `value`, by 2^−accuracy of it."""
    return (value + abs(value) * flint.arb((1, -accuracy))).upper()


def _is_positive(rows: list[list[Any]]) -> bool:
    """Whether a symmetric matrix is proven positive definite: its pivots."""
    rows = [list(row) for row in rows]
    for i, pivot_row in enumerate(rows):
        pivot = pivot_row[i]
        if not pivot > 0:
            return False
        for row in rows[i + 1 :]:
            factor = row[i] / pivot
            for k in range(i + 1, len(rows)):
                row[k] = row[k] - factor * pivot_row[k]
    return True
