"""The law of precision as functions of a recorded sharpness; `mpsharp.theory.law` has the law itself."""

from __future__ import annotations

from typing import Any

from mpsharp.theory.law import PrecisionLaw
from mpsharp.theory.law_inputs import Array


def growth_bits(sharpness: object, step_size: object) -> Array:
    """Bits by which the displacement along the top eigenvector grows at each step: log₂|1 − ηS_t|.

    Parameters
    ----------
    sharpness, step_size : as for `PrecisionLaw`.

    Returns
    -------
    float64 array, shape (finite steps,). At least −53: a step that is stable beyond that is not resolved.

    Raises
    ------
    ShapeError, NonFiniteError, ConfigurationError
        As `PrecisionLaw`.
    """
    return PrecisionLaw(sharpness=sharpness, step_size=step_size).growth


def precision_horizon(sharpness: object, step_size: object, **losses: Any) -> float:
    """Bits above which precision no longer changes the run, up to a margin of some tens of bits.

    m = −Σ_{t<t_c} log₂|1 − ηS_t|, t_c the first step with S > 2/η: by so many bits the displacement along
    the top eigenvector has shrunk when the run becomes unstable. A format with fewer bits cannot hold what
    is left; its rounding noise is what grows from there. Where S returns below 2/η before a catapult, the
    deepest point counts from which it still grows.

    Parameters
    ----------
    sharpness, step_size : as for `PrecisionLaw`.
    **losses : `loss`, `start_loss` and `noise_loss` of `PrecisionLaw`: with them, the bits at which the noise
        at the deepest point is as large as what is left of the start.

    Returns
    -------
    float, at least 0; 0 where S never exceeds 2/η, for then nothing grows at any precision.

    Raises
    ------
    ShapeError, NonFiniteError, ConfigurationError
        As `PrecisionLaw`.
    """
    return PrecisionLaw(sharpness=sharpness, step_size=step_size, **losses).horizon


def catapult_step(sharpness: object, step_size: object, bits: float, **losses: Any) -> int | None:
    """Step at which the catapult comes in arithmetic of this many bits.

    From the sharpness alone, the plain law: the displacement along the top eigenvector, x_0 = 1, follows
    x_{t+1} = (1 − ηS_t)·x_t but never falls below the rounding noise 2^−bits; the catapult is the first
    step t with S_s > 2/η for an s ≤ t after which it is 1 again. For a sharpness that crosses 2/η once, at
    t_c, this is the first t with Σ_{s=t_c..t} log₂|1 − ηS_s| ≥ min(bits, m), m the `precision_horizon`. With
    losses, the law of `PrecisionLaw`, which knows the sizes of start, noise and catapult.

    Parameters
    ----------
    sharpness, step_size : as for `PrecisionLaw`.
    bits : significand bits; ``math.inf`` stands for exact arithmetic.
    **losses : `loss`, `start_loss` and `noise_loss` of `PrecisionLaw`.

    Returns
    -------
    int, or None where no catapult comes within the recorded steps.

    Raises
    ------
    ShapeError, NonFiniteError, ConfigurationError
        As `PrecisionLaw`.
    PrecisionError
        `bits` is out of range.

    Notes
    -----
    Assumed are a top eigenvalue that stands alone, and an eigenvector and a path of training that move slowly
    against 1/|log(ηS − 1)|. The page docs/precision.md derives the law and shows where it fails.
    """
    return PrecisionLaw(sharpness=sharpness, step_size=step_size, **losses).catapult_step(bits)


def blowup_bits(
    sharpness: object, step_size: object, *, depth: int = 2, share: float = 0.5, **losses: Any
) -> int | None:
    """Smallest number of bits at which the catapult ends in a blow-up.

    A catapult recovers where ηS as it starts is below `blowup_limit(depth)`, 4 for depth 2 (Lewkowycz et al.
    2020), and more bits postpone the catapult to a larger S. For depth 3 and more the border is a band: none
    diverges below ηS = 5.2 and 6.2 for 3 and 4, half of all do at 5.6 and 7.2, and the share rises slowly
    from there (`blowup_share`).

    Parameters
    ----------
    sharpness, step_size : as for `PrecisionLaw`.
    depth : D ≥ 2 of the model.
    share : which share of catapults must diverge; 0: any at all. Without effect for depth 2.
    **losses : `loss`, `start_loss` and `noise_loss` of `PrecisionLaw`.

    Returns
    -------
    int of at least 2, or None where not even exact arithmetic diverges within the recorded steps.

    Raises
    ------
    ShapeError, NonFiniteError, ConfigurationError
        As `PrecisionLaw`.
    """
    law = PrecisionLaw(sharpness=sharpness, step_size=step_size, depth=depth, **losses)
    return law.blowup_bits(share)
