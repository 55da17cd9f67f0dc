"""Optimisers as immutable descriptions; the loop that uses them is in `mpsharp.training`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from mpsharp import _scalar
from mpsharp.batches import SAMPLINGS
from mpsharp.errors import ConfigurationError, check_name
from mpsharp.exact import exact_text
from mpsharp.initialization import check_count, check_positive


@dataclass(frozen=True)
class GD:
    """Full-batch gradient descent, θ ← θ − η ∇L(θ).

    Parameters
    ----------
    step_size : float, str, Fraction, gmpy2.mpfr
        η > 0. A float means its binary value, text its decimal value ("0.1" is one tenth, rounded
        once to the format of the run), or that of a ratio ("1/3").

    Raises
    ------
    ConfigurationError
        step_size is not a finite number above 0, or has a binary exponent beyond ±1,000,000.

    Examples
    --------
    >>> GD(step_size="0.05").config()
    {'name': 'GD', 'step_size': '0.05'}
    """

    step_size: Any

    def __post_init__(self) -> None:
        _check_step_size(self.step_size)

    @property
    def stability_limit(self) -> float:
        """2/η: above this sharpness, gradient descent is unstable along the top eigenvector."""
        return _two_over(self.step_size)

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, ready for JSON.

        `float` takes the step size, except the text of a ratio whose decimals never end ("1/3").
        """
        return {"name": "GD", "step_size": _plain(self.step_size)}


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent, θ ← θ − η ∇L_B(θ), L_B = Σ_{i in batch} z_i²/(2B).

    Every batch has exactly B rows. `mpsharp.batches.Batches` draws them from the seed of the run
    (``run(…, seed=)``), the same for every format, so that `mpsharp.compare` shows each precision the
    same batches. An *epoch* is ⌊n/B⌋ steps.

    A run tests for divergence with the loss of the batch before each step. The loss of all rows is
    computed, recorded and tested at recorded steps, and also tested at the end of each epoch if there
    is a `stop_loss`. With B = n and "reshuffle" a step is one of gradient descent but for the order
    of the rows, hence the last bits.

    Parameters
    ----------
    step_size : float, str, Fraction, gmpy2.mpfr
        η > 0, as for `GD`.
    batch_size : int
        B, at least 1 and at most n_samples.
    sampling : str
        "reshuffle": each epoch is a fresh permutation of the rows, cut into ⌊n/B⌋ batches; its last
        n mod B rows are left out, in each epoch others. "uniform": without replacement, each step
        independent of all others (the assumption of Theorem 5.9).

    Raises
    ------
    ConfigurationError
        step_size as for `GD`; batch_size below 1, or at the start of a run above n_samples.
    UnknownNameError
        Another sampling.

    Examples
    --------
    >>> SGD(step_size="0.05", batch_size=10).config()
    {'name': 'SGD', 'step_size': '0.05', 'batch_size': 10, 'sampling': 'reshuffle'}
    """

    step_size: Any
    batch_size: int
    sampling: str = "reshuffle"

    def __post_init__(self) -> None:
        _check_step_size(self.step_size)
        object.__setattr__(self, "batch_size", check_count("batch_size", self.batch_size))
        check_name("sampling", self.sampling, SAMPLINGS)

    @property
    def stability_limit(self) -> float:
        """2/η, the limit of gradient descent; SGD can be unstable below it."""
        return _two_over(self.step_size)

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, ready for JSON."""
        return {
            "name": "SGD",
            "step_size": _plain(self.step_size),
            "batch_size": self.batch_size,
            "sampling": self.sampling,
        }


FLOW_RULES = ("controlled", "paper", "fixed")


@dataclass(frozen=True)
class GradientFlow:
    """Gradient flow, θ̇ = −∇L(θ), integrated by the classical Runge-Kutta method of order 4.

    A step of a run is one accepted step of the method and costs four gradients. Each record has the
    `flow_time` t, the sum of the step sizes so far, and the imbalance, which the exact flow conserves
    (Lemma 5.2): `mpsharp.Trajectory.imbalance_drift`.

    Besides "completed", "converged" (loss ≤ stop_loss) and "diverged", a run can end as "stationary":
    the flow has come to rest, since a step would move θ by at most 2^−(bits+1)·‖θ‖, half a unit in its
    last place.

    Parameters
    ----------
    rule : str
        How step sizes h are chosen.

        - "controlled" (the default): by the error. The estimate is that of an embedded method of order
          3, h/6·‖k₄ − k₅‖, k₅ the gradient at the end of the step, which the next step uses, too. A
          step is accepted if the estimate is at most tolerance·‖θ‖, and at most a tenth of the length
          of the step, so that directions in which the method is unstable stay small beside those that
          still move, down to any loss. Where stability limits h it settles at 2.78/S.
        - "paper": h = safety/S, the sharpness S measured at steps 0, 50, 100, …; every step is accepted.
          Too coarse away from convergence, and kept for comparison: S can rise much in 50 steps.
        - "fixed": h = step_size throughout.
    tolerance : float, optional
        Of rule "controlled": the tolerated error estimate of a step over ‖θ‖, at least 2^−bits. By
        default the larger of 1e-10 and 2^(−2·bits/3).
    first_step, max_step : float, optional
        Of rule "controlled": the first h to be tried (by default one that moves θ by 1 % of its norm)
        and the largest (none by default).
    safety : float, optional
        Of rule "paper"; 1 by default. The method is stable below 2.785.
    step_size : float, optional
        Of rule "fixed".

    Raises
    ------
    ConfigurationError
        A number that is not finite and above 0, one that the rule does not have, or none where the
        rule needs one.
    UnknownNameError
        Another rule.

    References
    ----------
    Error estimate: Hairer, Nørsett, Wanner, *Solving Ordinary Differential Equations I*, II.4.
    Controller: Gustafsson, *Control theoretic techniques for stepsize selection in explicit
    Runge-Kutta methods*, ACM TOMS 17 (1991), with exponents 0.3/4 and 0.4/4.

    Examples
    --------
    >>> GradientFlow(tolerance=1e-12).config()
    {'name': 'GradientFlow', 'rule': 'controlled', 'tolerance': 1e-12}
    """

    rule: str = "controlled"
    tolerance: float | None = None
    first_step: float | None = None
    max_step: float | None = None
    safety: float | None = None
    step_size: float | None = None

    def __post_init__(self) -> None:
        rule = check_name("rule", self.rule, FLOW_RULES)
        taken = {
            "controlled": ("tolerance", "first_step", "max_step"),
            "paper": ("safety",),
            "fixed": ("step_size",),
        }[rule]
        for name in ("tolerance", "first_step", "max_step", "safety", "step_size"):
            value = getattr(self, name)
            if value is None:
                continue
            if name not in taken:
                raise ConfigurationError(f"{name}: expected none with rule {rule!r}, got {value!r}")
            object.__setattr__(self, name, check_positive(name, value))
        if rule == "paper" and self.safety is None:
            object.__setattr__(self, "safety", 1.0)
        if rule == "fixed" and self.step_size is None:
            raise ConfigurationError("step_size: expected a number with rule 'fixed', got None")

    @property
    def stability_limit(self) -> float:
        """Infinite: the exact flow is stable at any sharpness."""
        return math.inf

    def tolerance_at(self, bits: int) -> float:
        """Return the tolerance of a run at this precision.

        Raises
        ------
        ConfigurationError : `tolerance` is below 2^−bits, where rounding errors hide what it controls.
        """
        smallest = math.ldexp(1.0, -min(bits, 1000))
        if self.tolerance is None:
            return max(1e-10, math.pow(2.0, -2 * min(bits, 1000) / 3))
        if self.tolerance < smallest:
            raise ConfigurationError(
                f"tolerance: expected at least 2^-{bits} = {smallest:.3g}, got {self.tolerance!r}"
            )
        return self.tolerance

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, ready for JSON."""
        names = ("tolerance", "first_step", "max_step", "safety", "step_size")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return {"name": "GradientFlow", "rule": self.rule, **given}


Optimizer: TypeAlias = GD | SGD | GradientFlow


def check_optimizer(value: object) -> None:
    """Raise ConfigurationError unless `value` is one of the optimisers of this module."""
    if not isinstance(value, Optimizer):
        raise ConfigurationError(f"optimizer: expected a GD, SGD or GradientFlow, got {value!r}")


def from_config(config: Mapping[str, Any]) -> Optimizer:
    """Rebuild an optimiser from its `config()`."""
    arguments = dict(config)
    classes: dict[str, type[GD] | type[SGD] | type[GradientFlow]] = {
        "GD": GD,
        "SGD": SGD,
        "GradientFlow": GradientFlow,
    }
    chosen = classes[check_name("optimizer", arguments.pop("name", None), classes)]
    try:
        return chosen(**arguments)
    except TypeError as error:
        raise ConfigurationError(f"optimizer: expected the config of one, got {dict(config)}") from error


# --- step sizes --------------------------------------------------------------------------------------


def _check_step_size(step_size: object) -> None:
    try:
        number = _scalar.decompose(step_size)
    except ConfigurationError:
        number = None
    if number is None or number.kind != _scalar.REGULAR or number.sign < 0:
        raise ConfigurationError(f"step_size: expected a finite number above 0, got {step_size!r}")
    try:
        _text(step_size)
    except ConfigurationError as error:
        raise ConfigurationError(f"step_size: {error}") from None


def _two_over(step_size: object) -> float:
    try:
        return float(2 / _scalar.to_fraction(_scalar.decompose(step_size)))
    except OverflowError:
        return float("inf")


def _plain(step_size: Any) -> float | str:
    return float(step_size) if isinstance(step_size, float) else _text(step_size)


def _text(step_size: object) -> str:
    """Exact text of a positive number; a ratio given as text ("1/8") is worked out where its decimals end."""
    if isinstance(step_size, str) and "/" in step_size:
        step_size = _scalar.to_fraction(_scalar.decompose(step_size))
    return exact_text(step_size)
