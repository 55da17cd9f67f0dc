"""Where gradient descent is enclosed: among the samples or among the features, whichever are fewer.

Loss, sharpness and v depend on u only through s = Xu, and s itself obeys, with K = XXᵀ and h = η/n,

    z = cs − y,     s ← s − hcKz,     v_l ← v_l − h w_l sᵀz.

With more samples than features u is the shorter vector: with C = XᵀX and g = Xᵀy,

    z = cCu − g,    u ← u − hcz,      v_l ← v_l − h w_l uᵀz.

Both are x ← x − hc·P(cMx − t), v_l ← v_l − h w_l xᵀ(cMx − t), with (M, P) = (I, K) or (C, I). K, C and g are
exact wherever X is float64, so that nothing is lost to a decomposition: none is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mpsharp.balls.numbers import dot, to_matrix

if TYPE_CHECKING:
    from mpsharp.problems import Problem


@dataclass(frozen=True, eq=False)
class Values:
    """Functions of x and c, as balls.

    image : Mx; residual : ζ = cMx − t; force : Pζ; twist : 2cMx − t, the derivative of xᵀζ by x;
    pairing : xᵀζ; curvature : xᵀMx; square : ‖c·Xu − y‖².
    """

    image: Any
    residual: Any
    force: Any
    twist: Any
    pairing: Any
    curvature: Any
    square: Any


class Space:
    """M, P, t and the start of a problem, at the precision that is active when it is made.

    Parameters
    ----------
    problem : its numbers are taken as they were given.
    """

    def __init__(self, problem: Problem) -> None:
        X, y, u = (to_matrix(part) for part in (problem.X, problem.y, problem.u))
        self.by_sample = problem.n_samples <= problem.n_features
        if self.by_sample:
            self.matrix, self.target, self.start = X * X.transpose(), y, X * u
        else:
            self.matrix, self.target, self.start = X.transpose() * X, X.transpose() * y, u
        self.label_square = dot(y, y)

    @property
    def order(self) -> int:
        """Length of x."""
        return int(self.matrix.nrows())

    def values(self, x: Any, c: Any) -> Values:
        """Everything that a step and a record need."""
        image = x if self.by_sample else self.matrix * x
        scaled = image * c
        residual = scaled - self.target
        pairing = dot(x, residual)
        square = (
            dot(residual, residual)
            if self.by_sample
            else c * (pairing - dot(x, self.target)) + self.label_square
        )
        return Values(
            image=image,
            residual=residual,
            force=self.matrix * residual if self.by_sample else residual,
            twist=residual + scaled,
            pairing=pairing,
            curvature=dot(x, image),
            square=square,
        )
