"""The sharpness over a box of parameters, enclosed.

With Y = X (or Xᵀ), YYᵀ ≈ WΛWᵀ, the Hessian in an orthonormal basis is an `Arrow`,

    n·H = [[c²Λ, bwᵀ], [wbᵀ, G]],    b = Σ Wᵀ(2cXu − y)  (or Wᵀ(2cXᵀXu − Xᵀy)),
    G_lm = w_l w_m ‖Xu‖² + w_lm sᵀz,

but for what W lacks, what the box adds, and roundings. A symmetric perturbation moves no eigenvalue by more
than its norm (Weyl), so that all of these become one bound of a norm. W comes from the core; nothing is
taken for granted of it but that its entries are numbers: two products in balls say how far it is from
orthogonal, and from diagonalising YYᵀ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import flint

from mpsharp import _core
from mpsharp.backends.transfer import from_core, matrix_to_core
from mpsharp.balls.arrow import Arrow, Vector
from mpsharp.balls.descent import Descent
from mpsharp.balls.numbers import RADIUS_BITS, ball, norm, radii, size, to_ball
from mpsharp.balls.space import Space
from mpsharp.errors import ConvergenceError
from mpsharp.resources import available_cores
from mpsharp.theory.difficulty import rank_and_condition
from mpsharp.theory.rank import exact_rank

if TYPE_CHECKING:
    from mpsharp.problems import Problem

_GUARD = 80
_ENOUGH = 16  # bits by which a sharpness is enclosed more narrowly than wanted, as far as the basis goes
_ATTEMPTS = 6  # at the precision of the basis, each with twice the bits for small singular values


@dataclass(frozen=True)
class Sharpness:
    """A ball that contains the sharpness, and the part of its radius that more bits of the point take away.

    Parameters
    ----------
    ball : unit 1/step_size.
    from_box : what the errors of the trajectory contribute to the radius.
    """

    ball: Any
    from_box: Any


class HessianBasis:
    """Approximate eigenvectors of YYᵀ, with bounds of what they lack.

    Parameters
    ----------
    problem : its X.
    bits : about so many bits of a sharpness are to be proven.
    """

    def __init__(self, problem: Problem, bits: int) -> None:
        self.bits = bits
        self._last: Vector | None = None
        self.by_sample = problem.n_samples <= problem.n_features
        rank, condition = rank_and_condition(problem.X.astype("float64"))
        order = min(problem.X.shape)
        if rank < order:  # singular values that are noise in float64 are numbers of their own here
            rank = exact_rank(problem.X)
        # Through a square root of YYᵀ half of the bits are lost where that is singular.
        whole = bits + _GUARD if rank == order else 2 * (bits + _GUARD)
        lost = 2 * math.ceil(condition)
        for _ in range(_ATTEMPTS):
            self.precision = whole + lost
            self._build(problem, rank)
            if self.root <= self.largest.sqrt() * flint.arb((1, -bits - _ENOUGH)):
                break
            lost = 2 * lost + _GUARD

    def _build(self, problem: Problem, rank: int) -> None:
        with flint.ctx.workprec(self.precision):
            matrix = Space(problem).matrix
            vectors, self.sigma = _vectors(problem.X if self.by_sample else problem.X.T, self.precision, rank)
            self.transposed = vectors.transpose()
            self.values = [s * s for s in self.sigma]
            self._measure(matrix, vectors, self.sigma)

    def _measure(self, matrix: Any, vectors: Any, sigma: list[Any]) -> None:
        """Bound what the basis lacks.

        With WᵀW = I + F, Q = W(I + F)^(−1/2) has orthonormal columns, ‖Q − W‖ ≤ (1 + ‖F‖)‖F‖ for ‖F‖ ≤ ½, and
        ‖YYᵀ − QΛQᵀ‖ follows from the residual YYᵀW − WΛ and from the trace that the columns leave out. For
        square roots, ‖A^½ − B^½‖ ≤ ‖A − B‖/(√λ_min(A) + √λ_min(B)), and ≤ ‖A − B‖^½.
        """
        rank, order = len(sigma), matrix.nrows()
        gram = (self.transposed * vectors).entries()
        for i in range(rank):
            gram[i * rank + i] -= 1
        skew = norm(gram)
        if not skew < 0.5:
            raise ConvergenceError("proven digits: the core's singular vectors are not orthogonal")
        diagonal = flint.arb_mat(rank, rank)
        for i, value in enumerate(self.values):
            diagonal[i, i] = value
        residual = norm((matrix * vectors - vectors * diagonal).entries()) if rank else flint.arb(0)
        largest, total = flint.arb(0), flint.arb(0)
        for value in self.values:
            largest, total = max(largest, value.abs_upper()), total + value
        off = (residual * (1 + skew) + 2 * (1 + skew) * largest * skew).abs_upper()
        self.turned = ((1 + skew) * skew).abs_upper()
        self.skew = skew
        if rank == order:
            self.gap = off
        else:
            outside = (matrix.trace() - total).upper() + rank * off
            self.gap = (2 * off + max(outside.upper(), flint.arb(0))).abs_upper()
        self.root = self.gap.sqrt().abs_upper()
        smallest = min((value.lower() for value in self.values), default=flint.arb(0)) - self.gap
        if rank == order and smallest > 0:
            self.root = min(self.root, (self.gap / smallest.sqrt()).abs_upper())
        self.largest = (largest + self.gap).abs_upper()

    def sharpness(self, descent: Descent) -> Sharpness:
        """Enclose the sharpness over the box that `descent` has reached."""
        box, n = descent.box, descent.n
        with flint.ctx.workprec(self.precision):
            twist = descent.values.twist
            length = size(twist)
            moved = descent.twist_change()
            border = (self.transposed * twist).entries() if self.values else []
            if self.by_sample:
                border = [s * b for s, b in zip(self.sigma, border, strict=True)]
                lacking = (self.root + self.largest.sqrt() * self.turned) * length
                moved = moved * self.largest.sqrt()
            else:
                lacking = self.turned * length
                if len(self.values) < descent.space.order:
                    inside = self.transposed.transpose() * flint.arb_mat(len(border), 1, border)
                    lacking += size(twist - inside) + 2 * (1 + self.skew) * self.turned * length
            square = box.c * box.c
            diagonal = [square * value for value in self.values]
            corner = [
                [
                    box.layers[i] * box.layers[k] * box.curvature + box.pairs[i][k] * box.pairing
                    for k in range(len(box.layers))
                ]
                for i in range(len(box.layers))
            ]
            point = Arrow(
                [x.mid() for x in diagonal],
                [x.mid() for x in border],
                [x.mid() for x in box.layers],
                [[x.mid() for x in row] for row in corner],
            )
        found, self._last = point.largest_eigenvalue(self.bits + 8, self._last)
        with flint.ctx.workprec(RADIUS_BITS):
            layers, across = norm(box.layers), norm(point.b)
            spread = flint.arb(0)
            for x in diagonal:
                spread = max(spread, x.rad())
            from_box = spread + moved * layers + norm(radii(box.layers)) * across
            from_box += norm(x for row in corner for x in radii(row))
            from_basis = square.abs_upper() * self.gap + (lacking + norm(radii(border))) * layers
            radius = (from_box + from_basis).abs_upper()
        with flint.ctx.workprec(self.precision):
            return Sharpness(ball(found, radius) / n, (from_box / n).abs_upper())


def _vectors(Y: Any, bits: int, rank: int) -> tuple[Any, list[Any]]:
    """Left singular vectors, as columns, and singular values of Y: exact numbers, approximately those."""
    rows = Y.shape[0]
    if not rank:
        return flint.arb_mat(rows, 0), []
    exact = 53 if Y.dtype == float else bits
    form = _core.SingularForm(_core.Data(matrix_to_core(Y, exact), "exact", available_cores()), bits, rank)
    sigma = [to_ball(x) for x in from_core(form.values).to_gmpy2()]
    scaled = [to_ball(x) for x in from_core(form.scaled_left()).to_gmpy2()]
    entries = [(x / sigma[i % rank]).mid() for i, x in enumerate(scaled)]
    return flint.arb_mat(rows, rank, entries), sigma
