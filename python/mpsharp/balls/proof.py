"""How many bits of every record of a run are those of exact arithmetic: the records against the enclosure."""

from __future__ import annotations

from typing import Any

import flint
import gmpy2
import numpy as np
from numpy.typing import NDArray

from mpsharp.balls.descent import Descent
from mpsharp.balls.hessian import HessianBasis
from mpsharp.balls.numbers import RADIUS_BITS, proven_bits, to_ball
from mpsharp.formats import MAX_BITS
from mpsharp.progress import Progress
from mpsharp.trajectory import Trajectory

_FIRST = 128  # bits of the point beyond those of the run, at the first pass; doubled from pass to pass
_NARROW = 6  # a ball whose radius is 2⁻⁶ of a record's error says how many bits of that are right
_FAR = 64  # bits by which a loss exceeds every recorded one where the exact run has diverged


class Proof:
    """The passes over a run, each at more bits than the last, until every record is decided.

    A record is *decided* once the ball has shrunk enough for its number of right bits: the radius is nothing
    beside the error of the record, or beside its last bit.

    Parameters
    ----------
    run : of gradient descent, without noise.
    progress : show a bar for each pass; as `run`.

    Attributes
    ----------
    bits : of loss and sharpness, by name: int64 arrays, shape (records,).
    working : bits of the last pass.
    decided : records that are decided.
    """

    def __init__(self, run: Trajectory, progress: bool | None) -> None:
        self.run = run
        self.progress = progress
        self.names = [name for name in ("loss", "sharpness") if name in run]
        self.recorded = {name: run.records[name].to_gmpy2() for name in self.names}
        self.bits: dict[str, NDArray[np.int64]] = {
            name: np.zeros(len(run.step), dtype=np.int64) for name in self.names
        }
        self.working = 0
        self.decided = 0
        finite = run.records["loss"].log2_abs()
        self._ceiling = _FAR + max(0, int(np.ceil(finite[np.isfinite(finite)].max(initial=0.0))))
        self._basis: HessianBasis | None = None

    def make(self) -> None:
        """Make passes until every record is decided, or no more bits are allowed."""
        spare = _FIRST
        while self.decided < len(self.run.step):
            self.working = min(self.run.format.bits + spare, MAX_BITS)
            last = self.working == MAX_BITS
            self._pass(last)
            if last:
                return
            spare *= 2

    def _pass(self, last: bool) -> None:
        steps = [int(step) for step in self.run.step]
        step_size = self.run.config["optimizer"]["step_size"]
        with Progress(steps[-1], f"proof, {self.working} bits", self.progress) as bar:
            descent = Descent(self.run.problem, step_size, self.working)
            for record, step in enumerate(steps):
                while descent.step < step:
                    descent.advance()
                    bar.update(1)
                if record < self.decided:
                    continue
                if not descent.is_finite:
                    return
                loss = descent.loss()
                if loss > flint.arb((1, self._ceiling)):
                    self.decided = len(steps)  # the exact run has diverged: nothing agrees with it any more
                    return
                if not self._decide(record, descent, loss) and not last:
                    return
                self.decided = record + 1

    def _decide(self, record: int, descent: Descent, loss: Any) -> bool:
        """Take down the proven bits of a record; whether they are final."""
        bits = self.run.format.bits
        decided = self._take("loss", record, loss, loss.rad(), bits)
        if decided and "sharpness" in self.names:
            if self._basis is None:
                self._basis = HessianBasis(self.run.problem, bits)
            found = self._basis.sharpness(descent)
            decided = self._take("sharpness", record, found.ball, found.from_box, bits)
        return decided

    def _take(self, name: str, record: int, enclosure: Any, radius: Any, bits: int) -> bool:
        value = self.recorded[name][record]
        proven = proven_bits(value, enclosure, bits)
        self.bits[name][record] = proven
        if proven == bits or not gmpy2.is_finite(value):
            return True
        with flint.ctx.workprec(max(bits, self.working) + RADIUS_BITS):
            distance = abs(to_ball(value) - enclosure.mid())
        with flint.ctx.workprec(RADIUS_BITS):
            return bool(radius * 2**_NARROW <= distance) or bool(
                radius * flint.arb((1, bits + _NARROW)) <= abs(enclosure.mid())
            )
