"""An approximate top eigenpair at the working precision. Nothing here proves anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gmpy2
import numpy as np
from numpy.typing import NDArray

from mpsharp import _core
from mpsharp._scalar import wide_context
from mpsharp.backends.transfer import from_core, to_core
from mpsharp.certificate.state import State
from mpsharp.exact import ExactArray

_PASSES = 12


@dataclass(frozen=True, eq=False)
class Candidate:
    """An approximate eigenvalue with its vector (q_u, q_v), not normalised."""

    value: Any
    q_u: NDArray[Any]
    q_v: NDArray[Any]


class Solver:
    """Rayleigh quotient iteration in coordinates of the Gram matrix: q_u = Xᵀg where n ≤ d, else q_u itself.

    With β = t/n (or Xᵀt/n) and M = A (or ops), an inverse iteration (λ − H)q⁺ = q is

        p = (λ − aA)⁻¹β,  r = (λ − aA)⁻¹g,  F = λ − G/n − (βᵀMp)wwᵀ,
        F·q_v⁺ = q_v + w·(βᵀMr),  g⁺ = r + p·(wᵀq_v⁺).

    Parameters
    ----------
    state : the Hessian; the middles of its intervals are used.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        middle = state.arithmetic.middle
        with wide_context(state.bits):
            self.a = middle(state.a)
            self.w = np.array([middle(x) for x in state.w], dtype=object)
            self.corner = np.array([[middle(x) for x in row] for row in state.corner], dtype=object)
            t = np.array([middle(x) for x in state.t], dtype=object) / state.n
            self.t = t
            adjoint = state.adjoint(t)
            self.border = t if state.rows else adjoint
            self.metric_border = state.image(adjoint) if state.rows else adjoint
        self.form = _core.ShiftedGram(state.gram)

    def factor(self, shift: Any, scale: Any) -> bool:
        """Factor shift·I − scale·A; whether its pivots are positive."""
        bits = self.state.bits
        mu, a = (to_core(ExactArray.from_any([x], bits)) for x in (shift, scale))
        return self.form.factor(mu, a)

    def solve(self, rhs: NDArray[Any]) -> NDArray[Any]:
        """Solve with the last factors."""
        vector = to_core(ExactArray.from_any(list(rhs), self.state.bits))
        return np.asarray(from_core(self.form.solve(vector)).to_gmpy2())

    def lift(self, g: NDArray[Any]) -> NDArray[Any]:
        """q_u from its coordinates."""
        return self.state.adjoint(g) if self.state.rows else g

    def iterate(self, value: Any, g: NDArray[Any], q_v: NDArray[Any], *, shift_fixed: int = 0) -> Candidate:
        """Refine an approximate eigenpair; the first `shift_fixed` passes keep the shift as it is."""
        bits = self.state.bits
        with wide_context(bits):
            g, q_u, q_v = _normalised(g, self.lift(g), q_v)
            for step_number in range(_PASSES):
                self.factor(value, self.a)
                p, r = self.solve(self.border), self.solve(g)
                size = len(self.w)
                phi = (self.metric_border * p).sum()
                F = -self.corner - phi * np.outer(self.w, self.w)
                F[np.diag_indices(size)] += value
                x = _solve_dense(F, q_v + self.w * (self.metric_border * r).sum(), bits)
                g_new = r + p * (self.w * x).sum()
                u_new = self.lift(g_new)
                norm = (u_new * u_new).sum() + (x * x).sum()
                if not gmpy2.is_finite(norm) or not norm:
                    break
                step = ((u_new * q_u).sum() + (x * q_v).sum()) / norm
                g, q_u, q_v = _normalised(g_new, u_new, x)
                if step_number < shift_fixed:
                    continue
                value = value - step
                if not step or not value:
                    break
                right = gmpy2.log2(abs(value)) - gmpy2.log2(abs(step))
                if step_number > 0 and 3 * right > bits + 8:
                    break
        return Candidate(value, q_u, q_v)

    def start(self) -> Candidate:
        """Top eigenpair by LAPACK in float64, refined."""
        with wide_context(self.state.bits):
            value, g, q_v = self._float64()
        return self.iterate(value, g, q_v)

    def from_above(self, shift: Any) -> Candidate:
        """Eigenpair that inverse iteration finds from a generic vector, its shift above every eigenvalue."""
        with wide_context(self.state.bits):
            generic = np.array(
                [gmpy2.mpfr(0.5 + (0.6180339887498949 * (i + 1)) % 1) for i in range(len(self.border))]
            )
            q_v = np.array([gmpy2.mpfr(1.5 - (0.754877666 * (i + 1)) % 1) for i in range(len(self.w))])
        return self.iterate(shift, generic, q_v, shift_fixed=3)

    def _float64(self) -> tuple[Any, NDArray[Any], NDArray[Any]]:
        state = self.state
        bound = state.norm_bound()
        exponent = _exponent(bound)
        gram_exponent = _exponent(state.trace) if state.trace else 0
        gram_exponent += gram_exponent % 2
        A = _core.scaled_to_float64(state.gram, gram_exponent)
        A = (A + A.T) / 2
        border, border_exponent = _scaled(self.border)
        w, w_exponent = _scaled(self.w)
        corner = _ldexp(self.corner, -exponent)
        a = float(_ldexp(np.array([self.a]), gram_exponent - exponent)[0])
        k, m = len(A), len(w)
        H = np.zeros((k + m, k + m))
        H[k:, k:] = corner
        coupling = border_exponent + w_exponent - exponent
        if state.rows:
            eigenvalues, Q = np.linalg.eigh(A)
            roots = np.sqrt(np.maximum(eigenvalues, 0.0))
            H[range(k), range(k)] = a * eigenvalues
            reduced = roots * (Q.T @ border)
            coupling += gram_exponent // 2
        else:
            H[:k, :k] = a * A
            reduced = border
        H[:k, k:] = _ldexp_float(np.outer(reduced, w), coupling)  # in this order: w may be 0, coupling large
        H[k:, :k] = H[:k, k:].T
        import scipy.linalg  # not with mpsharp itself: it is slow to load

        values, vectors = scipy.linalg.eigh(H, subset_by_index=[k + m - 1, k + m - 1])
        top = vectors[:, 0]
        if state.rows:
            keep = roots > 1e-13 * roots.max(initial=0.0)
            g = Q @ np.where(keep, top[:k] / np.where(keep, roots, 1.0), 0.0)
            scale = gmpy2.exp2(-(gram_exponent // 2))
        else:
            g, scale = top[:k], gmpy2.mpfr(1)
        value = gmpy2.mpfr(values[0]) * gmpy2.exp2(exponent)
        return (
            value,
            np.array([gmpy2.mpfr(x) * scale for x in g], dtype=object),
            np.array([gmpy2.mpfr(x) for x in top[k:]], dtype=object),
        )


def _normalised(g: NDArray[Any], q_u: NDArray[Any], q_v: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Scale by a power of two so that the vector's largest entry is near 1."""
    largest = max(abs(x) for x in (*q_u, *q_v))
    if not largest:
        return g, q_u, q_v
    scale = gmpy2.exp2(-_exponent(largest))
    return g * scale, q_u * scale, q_v * scale


def _solve_dense(F: NDArray[Any], rhs: NDArray[Any], bits: int) -> NDArray[Any]:
    """Gaussian elimination with row pivoting; a zero pivot becomes something negligible."""
    F, x = F.copy(), rhs.copy()
    size = len(x)
    tiny = max((abs(y) for y in F.flat), default=gmpy2.mpfr(1)) * gmpy2.exp2(-bits) or gmpy2.mpfr(1)
    for j in range(size):
        pivot = max(range(j, size), key=lambda i: abs(F[i, j]))
        if pivot != j:
            F[[j, pivot]], x[[j, pivot]] = F[[pivot, j]], x[[pivot, j]]
        if not F[j, j]:
            F[j, j] = tiny
        for i in range(j + 1, size):
            ratio = F[i, j] / F[j, j]
            F[i, j:] = F[i, j:] - ratio * F[j, j:]
            x[i] = x[i] - ratio * x[j]
    for j in reversed(range(size)):
        x[j] = (x[j] - (F[j, j + 1 :] * x[j + 1 :]).sum()) / F[j, j]
    return x


def _exponent(x: Any) -> int:
    significand, exponent = x.as_mantissa_exp()
    return int(exponent) + int(abs(significand).bit_length())


def _ldexp(values: NDArray[Any], exponent: int) -> NDArray[np.float64]:
    """values·2**exponent in float64."""
    scale = gmpy2.exp2(exponent)
    return np.array([float(x * scale) for x in values.flat]).reshape(values.shape)


def _ldexp_float(values: NDArray[np.float64], exponent: int) -> NDArray[np.float64]:
    return np.ldexp(values, int(np.clip(exponent, -3000, 3000)))


def _scaled(values: NDArray[Any]) -> tuple[NDArray[np.float64], int]:
    """Values with the largest near 1, in float64, and the exponent that was taken out."""
    largest = max((abs(x) for x in values), default=gmpy2.mpfr(0))
    exponent = _exponent(largest) if largest else 0
    return _ldexp(values, -exponent), exponent
