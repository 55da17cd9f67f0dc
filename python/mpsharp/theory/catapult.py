"""Whether a catapult ends in a flatter place or in a blow-up: the dynamics along the top direction alone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mpsharp.errors import ConfigurationError, ConvergenceError
from mpsharp.initialization import check_depth

# Phases are spread evenly over one cycle of growth; a share is resolved to one of them.
_PHASES = 512
_STEPS = 1000


def blowup_share(ratio: float, depth: int = 2) -> float:
    """Share of catapults that diverge when ηS is `ratio` as they start.

    While the output along the top direction, cσ₁ν, is large against its label, gradient descent multiplies
    ν by 1 − κ and every outer layer by 1 − w, κ = ηc²σ₁²/n and w = η(σ₁ν·c/v)²/n, so that

        κ ← κ·(1 − w)^(2(D−1)),    w ← w·(1 − κ)²·(1 − w)^(2(D−2)).

    A catapult starts with w near 0 and κ = ηS > 2, and w grows by (κ − 1)² a step. How large it is when it
    first counts, between 1 and that factor, is as good as random: the share is taken over this phase, evenly
    in log w. For D = 2, κ + w changes by κw(κ + w − 4), and the share jumps from 0 to 1 at 4 (Lewkowycz et
    al. 2020); for D ≥ 3 it rises slowly above a limit that grows with the depth.

    Parameters
    ----------
    ratio : ηS > 2, S the sharpness as the catapult starts.
    depth : D ≥ 2; the outer layers are taken to be of one size.

    Returns
    -------
    float, 0 … 1.

    Raises
    ------
    ConfigurationError
        `ratio` is not above 2, or `depth` below 2.
    ConvergenceError
        Some phase is undecided after 1000 steps.
    """
    depth = check_depth(depth)
    if not 2 < ratio < np.inf:
        raise ConfigurationError(f"ratio: expected a number above 2, got {ratio!r}")
    phase = np.arange(_PHASES) / _PHASES
    kappa = np.full(_PHASES, float(ratio))
    w = 2.0**-40 * (kappa - 1) ** (2 * phase)
    diverged = 0
    for _ in range(_STEPS):
        kappa, w = (
            kappa * (1 - w) ** (2 * (depth - 1)),
            w * (1 - kappa) ** 2 * (1 - w) ** (2 * (depth - 2)),
        )
        away = np.maximum(kappa, w) > 2.0**40
        settled = (kappa < 2) & (w < 2)  # from here both shrink for ever
        diverged += int(away.sum())
        kappa, w = kappa[~(away | settled)], w[~(away | settled)]
        if not kappa.size:
            return diverged / _PHASES
    raise ConvergenceError(f"blowup_share: {kappa.size} of {_PHASES} phases undecided at ratio {ratio}")


@lru_cache(maxsize=64)
def blowup_limit(depth: int = 2, share: float = 0.5) -> float:
    """ηS above which more than this share of catapults diverge: 4 for depth 2, 5.64, 7.23 for 3, 4.

    Parameters
    ----------
    depth : D ≥ 2.
    share : 0 ≤ share < 1; see `blowup_share`.

    Returns
    -------
    float, to 2⁻²⁰.

    Raises
    ------
    ConfigurationError
        Depth below 2, or a share that is none.
    """
    depth = check_depth(depth)
    if not 0 <= share < 1:
        raise ConfigurationError(f"share: expected 0 ≤ share < 1, got {share!r}")
    if depth == 2:
        return 4.0
    low, high = 2.0, 4.0
    while blowup_share(high, depth) <= share:
        low, high = high, 2 * high
    while high - low > 2.0**-20:
        middle = (low + high) / 2
        low, high = (low, middle) if blowup_share(middle, depth) > share else (middle, high)
    return high
