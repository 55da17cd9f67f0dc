"""How the curvature of the loss along a fixed direction changes with the parameters (ours)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def curvature_gradient(
    sigma: Array, d: Array, nu: Array, v: Array, n_samples: int, q: Array
) -> tuple[float, Array]:
    """qᵀH(θ)q and its gradient in θ at fixed q, in spectral coordinates, float64.

    With s = σ⊙ν, t = 2cs − d, q = (p, x), a = ‖σ⊙p‖², b = tᵀ(σ⊙p), ω = wᵀx, P_lm = Π_{k≠l,m} v_k off the
    diagonal and 0 on it: n·qᵀHq = c²a + 2ωb + ω²‖s‖² + xᵀPx·sᵀ(cs − d). For the unit top eigenvector q of a
    simple eigenvalue S this is S, and its gradient is ∇S (Hellmann and Feynman).

    Parameters
    ----------
    sigma, d, nu : σ_i, d_i = w_iᵀy, ν_i = r_iᵀu, shape (rank,).
    v : shape (depth − 1,).
    n_samples : n.
    q : direction, shape (rank + depth − 1,): along ν, then along v.

    Returns
    -------
    tuple
        The curvature, unit 1/step_size, and the gradient, shape (rank + depth − 1,).
    """
    rank, m = len(sigma), len(v)
    p, x = q[:rank], q[rank:]
    c = float(np.prod(v))
    w = np.array([np.prod(np.delete(v, k)) for k in range(m)])
    pairs = np.zeros((m, m))
    slopes = np.zeros((m, m, m))  # ∂P_lm/∂v_k
    for first in range(m):
        for second in range(m):
            if first == second:
                continue
            pairs[first, second] = np.prod(np.delete(v, [first, second]))
            for k in set(range(m)) - {first, second}:
                slopes[k, first, second] = np.prod(np.delete(v, [first, second, k]))
    s, image = sigma * nu, sigma * p
    a, b, omega = image @ image, (2 * c * s - d) @ image, w @ x
    ss, sz, mixed = s @ s, s @ (c * s - d), x @ pairs @ x
    value = c * c * a + 2 * omega * b + omega * omega * ss + mixed * sz
    along_u = sigma * (4 * omega * c * image + 2 * omega * omega * s + mixed * (2 * c * s - d))
    omega_slopes = pairs @ x  # ∂ω/∂v_k = Σ_{l≠k} x_l ∂w_l/∂v_k
    along_v = (
        2 * c * w * a
        + 2 * omega_slopes * b
        + 4 * omega * w * (s @ image)
        + 2 * omega * omega_slopes * ss
        + np.einsum("klm,l,m->k", slopes, x, x) * sz
        + mixed * w * ss
    )
    return float(value) / n_samples, np.concatenate([along_u, along_v]) / n_samples
