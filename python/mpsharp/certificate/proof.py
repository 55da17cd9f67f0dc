"""The two proofs: something below the largest eigenvalue, and something above it."""

from __future__ import annotations

from typing import Any

from mpsharp.certificate.candidate import Candidate, Solver
from mpsharp.certificate.interval import Interval, IntervalArithmetic
from mpsharp.certificate.state import State


def rayleigh_quotient(state: State, candidate: Candidate) -> Interval:
    """Enclose qᵀHq/qᵀq, which no largest eigenvalue lies below, for the vector q exactly as it is given.

    n·qᵀHq = c²‖Xq_u‖² + 2(wᵀq_v)(tᵀXq_u) + q_vᵀG q_v.
    """
    ops = state.arithmetic
    q_u = [Interval(x, x) for x in candidate.q_u]
    q_v = [Interval(x, x) for x in candidate.q_v]
    image = state.products(candidate.q_u)
    coupling = ops.div(ops.mul(ops.dot(state.w, q_v), ops.dot(state.t, image)), state.count)
    value = ops.mul(state.a, ops.norm_squared(image))
    value = ops.add(value, ops.add(coupling, coupling))
    for row, x in zip(state.corner, q_v, strict=True):
        value = ops.add(value, ops.mul(ops.dot(row, q_v), x))
    return ops.div(value, ops.add(ops.norm_squared(q_u), ops.norm_squared(q_v)))


def is_above(state: State, solver: Solver, mu: Any) -> bool:
    """Whether μ is proven to lie above every eigenvalue of H. False proves nothing.

    With a = c²/n and b = Xᵀt/n, μI − H is positive definite exactly when (Schur complement)

        B = μI − aXᵀX ≻ 0   and   F = μI − G/n − (bᵀB⁻¹b)wwᵀ ≻ 0.

    1. Positive pivots of L·D·Lᵀ = μ'I − aA, for a μ' slightly below μ, prove λ_min(B) ≥ λ₀ > 0: XXᵀ and XᵀX
       differ by zero eigenvalues only, and the rounding errors of Gram matrix and factorisation are bounded
       as `cpp/include/mpsharp/spectrum/shifted_gram.hpp` derives.
    2. For any x, with r = b − Bx: bᵀB⁻¹b = bᵀx + xᵀr + rᵀB⁻¹r ≤ bᵀx + ‖x‖‖r‖ + ‖r‖²/λ₀. The solution x of the
       factors makes r tiny, so the bound is tight even though B may be nearly singular. No division by c.
    3. F with this bound in place of bᵀB⁻¹b is below F; L·D·Lᵀ in intervals shows it definite.
    """
    ops = state.arithmetic
    up, down = ops.up, ops.down
    mu = down.plus(mu)
    if not mu > 0:
        return False
    delta = factorisation_error(ops, min(state.n, state.d), mu, up.mul(state.a.upper, state.trace))
    below = down.sub(mu, up.mul_2exp(delta, 10))
    if not below > 0 or not solver.factor(below, state.a.upper):
        return False
    gap = down.sub(down.sub(mu, below), delta)
    size = range(len(state.w))
    F = [[ops.neg(x) for x in row] for row in state.corner]
    for i in size:
        F[i][i] = ops.add(F[i][i], Interval(mu, mu))
    if not all(x.is_zero for x in state.w):
        phi = _border_bound(state, solver, mu, gap)
        for i in size:
            for j in range(i + 1):
                F[i][j] = ops.sub(F[i][j], ops.mul(ops.mul(state.w[i], state.w[j]), Interval(phi, phi)))
    return ops.is_positive_definite(F)


def factorisation_error(ops: IntervalArithmetic, order: int, mu: Any, trace: Any) -> Any:
    """Return δ so that positive pivots of μI − aA, computed with `ops.bits` bits, prove λ_min ≥ −δ.

    u·(2.01·tr(aA) + μ + 3.01·k·μ)·(1 + small), rounded up generously; see `shifted_gram.hpp`.

    Parameters
    ----------
    order, mu, trace : k ≤ 2**(bits − 8), μ > 0, and an upper bound of tr(aA).
    """
    up = ops.up
    return up.div_2exp(up.add(up.mul(trace, 3), up.mul(mu, 4 * order + 2)), ops.bits)


def _border_bound(state: State, solver: Solver, mu: Any, gap: Any) -> Any:
    """Upper bound of bᵀB⁻¹b, with the factors of `solver` and λ_min(B) ≥ gap."""
    ops = state.arithmetic
    up = ops.up
    x = solver.lift(solver.solve(solver.border))
    image = state.products(x)
    # r = Xᵀ(t/n + a·Xx) − μx; what the interval of the bracket is wide costs ‖X‖ times its radius.
    bracket = [
        ops.add(ops.div(t, state.count), ops.mul(state.a, y)) for t, y in zip(state.t, image, strict=True)
    ]
    middles = [ops.middle(y) for y in bracket]
    spread = ops.norm_bound(ops.radius(y, middle) for y, middle in zip(bracket, middles, strict=True))
    shift = Interval(mu, mu)
    rest = [
        ops.sub(y, ops.mul(shift, Interval(z, z))).magnitude
        for y, z in zip(state.products(middles, transposed=True), x, strict=True)
    ]
    r = up.add(ops.norm_bound(rest), up.mul(up.sqrt(state.trace), spread))
    value = ops.div(ops.dot(state.t, image), state.count).upper
    return up.add(value, up.mul(r, up.add(ops.norm_bound(x), up.div(r, gap))))
