"""Largest eigenpair of a diagonal matrix with a border of rank one: its secular equation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    Float64Array = npt.NDArray[np.float64]

_EPS = 2.0**-52
_MOST_ITERATIONS = 100
# Squares of border entries in a matrix of norm about 1; large enough for μ ≥ _NEGLIGIBLE/2 not to underflow.
_NEGLIGIBLE = 2.0**-1000


@dataclass(frozen=True, eq=False)
class Arrow:
    """The symmetric matrix [[diag(poles), b wᵀ], [w bᵀ, G]], all float64.

    Attributes
    ----------
    poles : shape (k,), k ≥ 1.
    b : shape (k,).
    w : shape (m,), m ≥ 1.
    G : shape (m, m), symmetric, of either sign.
    """

    poles: Float64Array
    b: Float64Array
    w: Float64Array
    G: Float64Array

    def dense(self) -> Float64Array:
        """Return the matrix itself, shape (k + m, k + m)."""
        border = np.outer(self.b, self.w)
        return np.block([[np.diag(self.poles), border], [border.T, self.G]])


def top_eigenpair(arrow: Arrow) -> tuple[float, Float64Array]:
    """Return the largest eigenvalue λ and a unit eigenvector of shape (k + m,); NaN if not finite.

    With μ = λ − a, a the largest pole, and φ(μ) = Σ b_i²/(μ + a − a_i), an eigenvalue above all poles is a
    zero of ψ(μ) = λ_max(G + φ(μ) w wᵀ) − a − μ. On μ > 0 this ψ falls and is convex, for any m: there is at
    most one zero, Newton's method converges to it from the left without overshooting, and without a zero
    the pole itself is the largest eigenvalue. Working with μ instead of λ keeps eigenvectors accurate close
    to the pole; equal poles and zeros in b need no special care, since terms with b_i = 0 drop out of φ.

    The rounding errors are those of a backward stable method: some 2**-52 times the norm of the matrix.
    """
    size = max(
        float(np.max(np.abs(arrow.poles))),
        float(np.max(np.abs(arrow.G))),
        math.hypot(*arrow.b) * math.hypot(*arrow.w),
    )
    if not np.isfinite(size):
        return np.nan, np.full(len(arrow.poles) + len(arrow.w), np.nan)
    exponent = int(np.frexp(size)[1])
    with np.errstate(all="ignore"):
        value, vector = _top_eigenpair_scaled(_normalised(arrow, exponent))
        return float(np.ldexp(value, exponent)), vector / math.hypot(*vector)


def _normalised(arrow: Arrow, exponent: int) -> Arrow:
    """Scale the matrix by 2**-exponent and make w a unit vector."""
    norm = math.hypot(*arrow.w)  # unlike np.linalg.norm, safe from overflow and underflow
    w = arrow.w / norm if norm > 0 else np.zeros_like(arrow.w)
    b = np.ldexp(arrow.b * norm, -exponent)
    return Arrow(np.ldexp(arrow.poles, -exponent), b, w, np.ldexp(arrow.G, -exponent))


def _top_eigenpair_scaled(arrow: Arrow) -> tuple[float, Float64Array]:
    top = int(np.argmax(arrow.poles))
    a = float(arrow.poles[top])
    squares = arrow.b**2
    used = squares > _NEGLIGIBLE
    b, squares, gaps = arrow.b[used], squares[used], (a - arrow.poles)[used]
    at_pole = float(np.sum(squares[gaps == 0]))
    low, mu = _left_of_zero(arrow, top, at_pole)
    after_newton = False
    for _ in range(_MOST_ITERATIONS):
        terms = squares / (mu + gaps)
        values, vectors = np.linalg.eigh(arrow.G + np.sum(terms) * np.outer(arrow.w, arrow.w))
        q = vectors[:, -1]
        psi = float(values[-1]) - a - mu
        if mu == 0 and psi <= 0:
            return a, _unit(len(arrow.poles) + len(q), top)
        change = psi / (1 + float(np.sum(terms / (mu + gaps))) * float(arrow.w @ q) ** 2)
        # A Newton step ends left of the zero. If ψ then says otherwise, only rounding errors remain.
        done = abs(change) <= _EPS * mu or (after_newton and change <= 0)
        # Only a first guess right of the zero can lead below the bound; then meet it half-way, in digits.
        after_newton = mu + change >= low
        mu = mu + change if after_newton else math.sqrt(low * mu)
        if done:
            vector = np.zeros(len(arrow.poles) + len(q))
            vector[: len(arrow.poles)][used] = b * float(arrow.w @ q) / (mu + gaps)
            vector[len(arrow.poles) :] = q
            return a + mu, vector
    values, vectors = np.linalg.eigh(arrow.dense())
    return float(values[-1]), vectors[:, -1]


def _left_of_zero(arrow: Arrow, top: int, at_pole: float) -> tuple[float, float]:
    """Return a lower bound of the zero of ψ and a first guess: largest eigenvalues on subspaces.

    The one on the pole and w gives a bound without cancellation, however small; half of it is safe from
    rounding errors. The one on the pole, the rest of b and the whole last block is close to the zero when few
    poles matter, but for rounding errors.
    """
    a = arrow.poles[top]
    half = float(a - arrow.w @ arrow.G @ arrow.w) / 2
    root = math.hypot(half, math.sqrt(at_pole))
    bound = at_pole / (half + root) if half > 0 else root - half
    rest = arrow.b.copy()
    rest[top] = 0
    norm = math.hypot(*rest)
    pole_of_rest = np.sum(arrow.poles * (rest / norm) ** 2) if norm > 0 else a
    small = Arrow(np.array([a, pole_of_rest]), np.array([arrow.b[top], norm]), arrow.w, arrow.G).dense()
    return bound / 2, max(bound, float(np.linalg.eigvalsh(small)[-1] - a) - 2 * len(small) * _EPS)


def _unit(length: int, index: int) -> Any:
    vector = np.zeros(length)
    vector[index] = 1
    return vector
