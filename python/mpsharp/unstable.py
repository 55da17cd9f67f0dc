"""The unstable direction: how far rounding moves a run along its top eigenvector, and self-stabilisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gmpy2
import numpy as np
import numpy.typing as npt

from mpsharp import problems
from mpsharp._scalar import wide_context
from mpsharp.backends.mirror.arrow import Arrow, top_eigenpair
from mpsharp.errors import ConfigurationError
from mpsharp.formats import MAX_BITS, check_bits
from mpsharp.problems import Problem
from mpsharp.theory.curvature import curvature_gradient
from mpsharp.theory.hessian import arrow
from mpsharp.training import run
from mpsharp.trajectory import Trajectory

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class UnstableDirection:
    """What `unstable_direction` measured; all arrays are float64 of shape (steps + 1,), one entry per step.

    Parameters
    ----------
    step : 0, 1, ….
    displacement_sign : −1, 0 or 1: on which side of the reference the run is, along q_t.
    log2_displacement : log₂|q_tᵀ(θ_t − θ_t^ref)|, q_t the unit top eigenvector at the reference; −inf where
        the two agree bit for bit.
    predicted_log2_displacement : the same by the law of precision, from the reference alone.
    unstable_step : t*, the first step with S ≥ 2/η of the run; None without one.
    x, y : x_t = qᵀ(θ_t − θ*) and y_t = ∇S(θ*)ᵀ(θ_t − θ*), q the top eigenvector at θ* = θ_{t*}: the plane in
        which self-stabilisation happens (Damian et al. 2023). NaN where there is no t*.
    trajectory, reference : the two runs.
    """

    step: npt.NDArray[np.int64]
    displacement_sign: Array
    log2_displacement: Array
    predicted_log2_displacement: Array
    unstable_step: int | None
    x: Array
    y: Array
    trajectory: Trajectory
    reference: Trajectory


def unstable_direction(
    problem: Problem | None = None,
    *,
    bits: int = 53,
    reference_bits: int | None = None,
    steps: int | None = None,
    noise: Any = None,
    seed: int = 0,
    threads: int | None = None,
    progress: bool | None = None,
) -> UnstableDirection:
    """Follow the displacement of a run along its top eigenvector, however small it is.

    A run at `bits` and one at many more, from the same start in spectral coordinates, differ by rounding
    alone. Along the top eigenvector this difference obeys x_{t+1} ≈ (1 − ηS_t)·x_t + noise (Appendix D.3):
    it stays at the noise floor while S < 2/η and grows above, until the catapult. It is formed exactly, so
    2^−100000 is seen as well as 1; eigenvectors are those of float64.

    Parameters
    ----------
    problem : Problem, optional
        With an optimizer GD; `mpsharp.problems.appendix_d(seed=seed)` by default.
    bits : int
        Of the run.
    reference_bits : int, optional
        Of the reference, at least bits + 32; 2·bits + 512 by default.
    steps, threads, progress : as for `mpsharp.run`.
    noise : as for `mpsharp.run`; of the run at `bits`, not of the reference. The predicted line knows only
        of `bits`.
    seed : of the default problem and of the noise.

    Returns
    -------
    UnstableDirection
        Cut where the first of the two runs ends.

    Raises
    ------
    ConfigurationError
        reference_bits below bits + 32, or what `mpsharp.run` raises.
    PrecisionError
        bits or reference_bits out of range.
    Interrupted
        Ctrl-C; carries the run that was in progress.

    References
    ----------
    Damian, Nichani, Lee 2023, "Self-stabilization: the implicit bias of gradient descent at the edge of
    stability", Section 4.
    """
    check_bits(bits)
    high = min(2 * bits + 512, MAX_BITS) if reference_bits is None else check_bits(reference_bits)
    if high < bits + 32:
        raise ConfigurationError(f"reference_bits: expected at least bits + 32 = {bits + 32}, got {high}")
    made = problems.reduced(problems.appendix_d(seed=seed) if problem is None else problem, "spectral")
    options: dict[str, Any] = {
        "steps": steps,
        "coordinates": "spectral",
        "observables": ("loss", "sharpness", "parameters"),
        "seed": seed,
        "threads": threads,
        "progress": progress,
    }
    reference = run(made, bits=high, **options)
    law = reference.precision_law()
    seen = run(made, bits=bits, noise=noise, **options)
    count = min(len(reference.step), len(seen.step), len(law.sharpness), _finite(seen), _finite(reference))
    sign, size = _displacements(_Plane(made), seen, reference, count)
    star, x, y = _around_star(_Plane(made), seen, count)
    return UnstableDirection(
        step=reference.step[:count],
        displacement_sign=sign,
        log2_displacement=size,
        predicted_log2_displacement=law.displacement(bits)[:count],
        unstable_step=star,
        x=x,
        y=y,
        trajectory=seen,
        reference=reference,
    )


class _Plane:
    """The Hessian of a diagonal problem in float64."""

    def __init__(self, made: Problem) -> None:
        rank = made.n_features
        self.rank = rank
        self.sigma: Array = np.diagonal(made.X)[:rank].astype(np.float64)
        self.d: Array = made.y[:rank].astype(np.float64)
        self.n_samples = made.n_samples

    def top(self, theta: Array) -> Array:
        """Return the unit eigenvector of the largest eigenvalue, shape (rank + depth − 1,)."""
        parts = arrow(self.sigma, self.d, theta[: self.rank], theta[self.rank :], self.n_samples)
        return top_eigenpair(Arrow(parts.poles, parts.b, parts.w, parts.G))[1]

    def gradient(self, theta: Array, q: Array) -> Array:
        """Return ∇S where q is the top eigenvector."""
        nu, v = theta[: self.rank], theta[self.rank :]
        return curvature_gradient(self.sigma, self.d, nu, v, self.n_samples, q)[1]


def _finite(seen: Trajectory) -> int:
    """How many records come before the first with a parameter, or a Hessian, that float64 does not hold."""
    theta = seen.records["parameters"].to_float64()
    whole = np.isfinite(theta).all(axis=1) & np.isfinite(seen.sharpness)
    return len(whole) if whole.all() else int(np.argmin(whole))


def _displacements(plane: _Plane, seen: Trajectory, reference: Trajectory, count: int) -> tuple[Array, Array]:
    low, high = seen.records["parameters"], reference.records["parameters"]
    floats = high.to_float64()
    sign, size = np.zeros(count), np.full(count, -np.inf)
    before = np.zeros(floats.shape[1])
    with wide_context(high.bits):
        for t in range(count):
            q = plane.top(floats[t])
            if q @ before < 0:  # one and the same direction, as it turns
                q = -q
            before = q
            moved = sum(
                (
                    gmpy2.mpfr(part) * x
                    for part, x in zip(q.tolist(), low[t].to_gmpy2() - high[t].to_gmpy2(), strict=True)
                ),
                gmpy2.mpfr(0),
            )
            if moved:
                sign[t] = 1.0 if moved > 0 else -1.0
                size[t] = float(gmpy2.log2(abs(moved)))
    return sign, size


def _around_star(plane: _Plane, seen: Trajectory, count: int) -> tuple[int | None, Array, Array]:
    star = seen.first_unstable_step
    if star is None or star >= count:
        return None, np.full(count, np.nan), np.full(count, np.nan)
    numbers = seen.records["parameters"]
    at = numbers[star].to_gmpy2()
    floats: Array = numbers[star].to_float64()
    q = plane.top(floats)
    slope = plane.gradient(floats, q)
    with wide_context(numbers.bits + 32):
        moved = np.array([(numbers[t].to_gmpy2() - at).astype(np.float64) for t in range(count)])
    return star, moved @ q, moved @ slope
