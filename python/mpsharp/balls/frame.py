"""Axes along which errors are followed: eigenvectors of K (or C) in float64, with what they lack proven."""

from __future__ import annotations

from typing import Any

import flint
import numpy as np

from mpsharp.balls.numbers import RADIUS_BITS, norm
from mpsharp.errors import ConvergenceError

_BITS = 2 * RADIUS_BITS  # of the residuals, which float64 vectors leave at 2⁻⁵⁰


def to_float64(values: list[Any]) -> tuple[np.ndarray[Any, np.dtype[np.float64]], int]:
    """Middles of the balls over 2ᵉ, all at most about 1 in absolute value, and e."""
    exponents = [sum(map(int, middle)) for middle in map(_length_and_exponent, values) if middle]
    e = max(exponents, default=0)
    with flint.ctx.workprec(RADIUS_BITS):
        scale = flint.arb((1, -e))
        return np.array([float(x.mid() * scale) for x in values]), e


def _length_and_exponent(x: Any) -> tuple[int, int] | None:
    significand, exponent = x.mid().man_exp()
    return (int(significand).bit_length(), int(exponent)) if significand else None


class Frame:
    """A basis B of float64 numbers, taken as exact, with B⁻¹KB = Λ + E.

    Parameters
    ----------
    matrix : K, symmetric.

    Attributes
    ----------
    transposed : Bᵀ.
    values : diagonal of Λ.
    skew : at least ‖BᵀB − I‖.
    leak : at least ‖E‖.
    norm, inverse_norm : at least ‖B‖ and ‖B⁻¹‖.
    largest : at least ‖K‖.
    """

    def __init__(self, matrix: Any) -> None:
        order = matrix.nrows()
        scaled, exponent = to_float64(matrix.entries())
        values, vectors = np.linalg.eigh(scaled.reshape(order, order))
        with flint.ctx.workprec(_BITS):
            basis = flint.arb_mat(order, order, [flint.arb(float(x)) for x in vectors.ravel()])
            scale = flint.arb((1, exponent))
            self.values = [flint.arb(float(x)) * scale for x in values]
            self.transposed = basis.transpose()
            gram = (self.transposed * basis).entries()
            for i in range(order):
                gram[i * order + i] -= 1
            self.skew = norm(gram)
            if not self.skew < 0.5:
                raise ConvergenceError("proven digits: no orthogonal basis found in float64")
            diagonal = flint.arb_mat(order, order)
            for i, value in enumerate(self.values):
                diagonal[i, i] = value
            self.norm = (1 + self.skew).sqrt().abs_upper()
            self.inverse_norm = (1 / (1 - self.skew).sqrt()).abs_upper()
            residual = matrix * basis - basis * diagonal
            self.leak = (self.inverse_norm * norm(residual.entries())).abs_upper()
            self.largest = self.leak
            for value in self.values:
                self.largest = max(self.largest, (abs(value) + self.leak).abs_upper())
