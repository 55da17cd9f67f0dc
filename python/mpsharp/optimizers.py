"""Optimisers as immutable descriptions; the loop that uses them is in `mpsharp.training`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from mpsharp import _scalar
from mpsharp.batches import SAMPLINGS
from mpsharp.errors import ConfigurationError, check_name
from mpsharp.exact import exact_text
from mpsharp.initialization import check_count


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


Optimizer: TypeAlias = GD | SGD


def check_optimizer(value: object) -> None:
    """Raise ConfigurationError unless `value` is one of the optimisers of this module."""
    if not isinstance(value, Optimizer):
        raise ConfigurationError(f"optimizer: expected a GD or SGD, got {value!r}")


def from_config(config: Mapping[str, Any]) -> Optimizer:
    """Rebuild an optimiser from its `config()`."""
    arguments = dict(config)
    classes: dict[str, type[GD] | type[SGD]] = {"GD": GD, "SGD": SGD}
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
