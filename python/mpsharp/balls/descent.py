"""Gradient descent in exact arithmetic, enclosed: a point of many bits and the errors it may have.

The trajectory is x = x̂ + Be, |e_i| ≤ ρ_i, and |v_l − v̂_l| ≤ φ_l: a box along the axes of a `Frame`. The point
makes a step in balls; their new radii are the *defect*. The rest is the mean value theorem: with J the
derivative of a step in those coordinates, anywhere in the box,

    ρ ← |J|ρ + defect,

entry by entry, every quantity in it a ball that holds all its values. Along eigenvectors |J| is nearly J: an
error grows by about |1 − ηS| a step, as errors do, not by the norm of an interval matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import flint

from mpsharp.balls.frame import Frame
from mpsharp.balls.numbers import RADIUS_BITS, ball, norm, product, radii, size, to_ball, without
from mpsharp.balls.space import Space, Values

if TYPE_CHECKING:
    from mpsharp.problems import Problem


@dataclass(frozen=True, eq=False)
class Box:
    """What holds everywhere in the box: balls and upper bounds.

    Attributes
    ----------
    c, layers, pairs : c = Πv, w_l = Π_{m≠l} v_m, and Π_{k≠l,m} v_k (0 for l = m).
    shift : of c from that of the point.
    moved : of x from the point, in the 2-norm.
    curvature, pairing : xᵀMx and xᵀζ.
    twist : absolute values of the coordinates Bᵀ(2cMx − t).
    """

    c: Any
    layers: list[Any]
    pairs: list[list[Any]]
    shift: Any
    moved: Any
    curvature: Any
    pairing: Any
    twist: list[Any]


class Descent:
    """The state of the enclosure.

    Parameters
    ----------
    problem : its numbers are taken as they were given.
    step_size : η, any exact number.
    bits : precision of the point.

    Attributes
    ----------
    step : steps made.
    """

    def __init__(self, problem: Problem, step_size: object, bits: int) -> None:
        self.bits = bits
        self.n = problem.n_samples
        self.step = 0
        with flint.ctx.workprec(bits):
            self.space = Space(problem)
            self.rate = to_ball(step_size) / self.n
            start = self.space.start
            layers = [to_ball(x) for x in problem.v]
        self.frame = Frame(self.space.matrix)
        self._settle(start, layers, [flint.arb(0)] * self.space.order, [flint.arb(0)] * len(layers))

    def _settle(self, x: Any, v: list[Any], rho: list[Any], phi: list[Any]) -> None:
        """Make the middles of balls the new point, their radii errors."""
        with flint.ctx.workprec(RADIUS_BITS):
            defect = (self.frame.inverse_norm * norm(radii(x.entries()))).abs_upper()
            self.rho = [(r + defect).abs_upper() for r in rho]
            self.phi = [(r + b.rad()).abs_upper() for r, b in zip(phi, v, strict=True)]
        self.x, self.v = x.mid(), [b.mid() for b in v]
        with flint.ctx.workprec(self.bits):
            self.c = product(self.v)
            self.values = self.space.values(self.x, self.c)
        self._box: Box | None = None

    def advance(self) -> None:
        """Make one step."""
        with flint.ctx.workprec(self.bits):
            values = self.values
            x = self.x - values.force * (self.rate * self.c)
            change = self.rate * values.pairing
            v = [b - change * product(without(self.v, i)) for i, b in enumerate(self.v)]
        with flint.ctx.workprec(RADIUS_BITS):
            rho, phi = self._propagate(self.box)
        self._settle(x, v, rho, phi)
        self.step += 1

    @property
    def is_finite(self) -> bool:
        """Whether anything is still enclosed."""
        entries = [*self.x.entries(), *self.v, *self.rho, *self.phi]
        return all(b.is_finite() for b in entries)

    @property
    def box(self) -> Box:
        """Bounds over the box."""
        if self._box is None:
            with flint.ctx.workprec(RADIUS_BITS):
                self._box = self._bounds(self.values)
        return self._box

    @property
    def matrix_norm(self) -> Any:
        """At least ‖M‖."""
        return flint.arb(1) if self.space.by_sample else self.frame.largest

    def _bounds(self, values: Values) -> Box:
        frame = self.frame
        with flint.ctx.workprec(
            self.bits
        ):  # these are compared with the point, or become entries of the Hessian
            v = [ball(b, r) for b, r in zip(self.v, self.phi, strict=True)]
            c = product(v)
            layers = [product(without(v, i)) for i in range(len(v))]
            pairs = [
                [product(without(v, i, k)) if i != k else flint.arb(0) for k in range(len(v))]
                for i in range(len(v))
            ]
            shift = (c - self.c).abs_upper()
        length = norm(self.rho)
        moved = (frame.norm * length).abs_upper()
        image = size(values.image)
        # BᵀM(Be), entry by entry, and what the change of c adds.
        twice = 2 * c.abs_upper()
        common = 2 * shift * frame.norm * image
        if self.space.by_sample:
            common += twice * frame.skew * length
            spread = [twice * r + common for r in self.rho]
        else:
            common += twice * (frame.leak + frame.skew * (frame.largest + frame.leak)) * length
            spread = [twice * abs(a) * r + common for a, r in zip(frame.values, self.rho, strict=True)]
        twist = [
            (abs(t) + s).abs_upper()
            for t, s in zip((frame.transposed * values.twist).entries(), spread, strict=True)
        ]
        curvature = ball(values.curvature, 2 * image * moved + self.matrix_norm * moved * moved)
        change = shift * curvature.abs_upper()
        for t, r in zip(twist, self.rho, strict=True):
            change += t * r
        return Box(
            c=c,
            layers=layers,
            pairs=pairs,
            shift=shift,
            moved=moved,
            curvature=curvature,
            pairing=ball(values.pairing, change),
            twist=twist,
        )

    def _propagate(self, box: Box) -> tuple[list[Any], list[Any]]:
        """|J|ρ."""
        frame, rate = self.frame, self.rate
        square = rate * box.c * box.c
        length = norm(self.rho)
        # Σ_l h|w_l|φ_l: how far the layers move c, times h.
        turned = flint.arb(0)
        for w, r in zip(box.layers, self.phi, strict=True):
            turned += rate * abs(w) * r
        turned = turned.abs_upper()
        twist_length = norm(box.twist)
        skewed = frame.skew / (1 - frame.skew) * twist_length  # B⁻¹ is not quite Bᵀ
        common = square * frame.leak * length
        if self.space.by_sample:
            common += turned * (frame.leak * (twist_length + skewed))
        common = common.abs_upper()
        rho = []
        for value, r, t in zip(frame.values, self.rho, box.twist, strict=True):
            pull = turned * (t + skewed)
            if self.space.by_sample:
                pull *= abs(value)
            rho.append((abs(1 - square * value) * r + pull + common).abs_upper())
        pushed = flint.arb(0)
        for t, r in zip(box.twist, self.rho, strict=True):
            pushed += t * r
        phi = []
        for i, w in enumerate(box.layers):
            total = rate * abs(w) * pushed
            for k, r in enumerate(self.phi):
                entry = box.pairs[i][k] * box.pairing + w * box.layers[k] * box.curvature
                total += abs((1 if i == k else 0) - rate * entry) * r
            phi.append(total.abs_upper())
        return rho, phi

    def loss(self) -> Any:
        """Ball that contains the loss."""
        box, values = self.box, self.values
        with flint.ctx.workprec(RADIUS_BITS):
            reach = box.c.abs_upper() * self.matrix_norm * box.moved + box.shift * size(values.image)
            residual = size(values.residual) + reach
            change = box.c.abs_upper() * residual * box.moved + box.pairing.abs_upper() * box.shift
            radius = (2 * change).abs_upper()
        with flint.ctx.workprec(self.bits):
            return ball(values.square, radius) / (2 * self.n)

    def twist_change(self) -> Any:
        """Upper bound of how far 2cMx − t is from its value at the point, in the 2-norm."""
        box = self.box
        with flint.ctx.workprec(RADIUS_BITS):
            change = box.c.abs_upper() * self.matrix_norm * box.moved + box.shift * size(self.values.image)
            return (2 * change).abs_upper()
