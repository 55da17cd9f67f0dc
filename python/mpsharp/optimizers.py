"""Optimisers as immutable descriptions; the loop that uses them is in `mpsharp.training`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mpsharp import _scalar
from mpsharp.errors import ConfigurationError, check_name
from mpsharp.exact import exact_text


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
        try:
            number = _scalar.decompose(self.step_size)
        except ConfigurationError:
            number = None
        if number is None or number.kind != _scalar.REGULAR or number.sign < 0:
            raise ConfigurationError(f"step_size: expected a finite number above 0, got {self.step_size!r}")
        try:
            _text(self.step_size)
        except ConfigurationError as error:
            raise ConfigurationError(f"step_size: {error}") from None

    @property
    def stability_limit(self) -> float:
        """2/η: above this sharpness, gradient descent is unstable along the top eigenvector."""
        try:
            return float(2 / _scalar.to_fraction(_scalar.decompose(self.step_size)))
        except OverflowError:
            return float("inf")

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, ready for JSON.

        `float` takes the step size, except the text of a ratio whose decimals never end ("1/3").
        """
        step_size = float(self.step_size) if isinstance(self.step_size, float) else _text(self.step_size)
        return {"name": "GD", "step_size": step_size}


def _text(step_size: object) -> str:
    """Exact text of a positive number; a ratio given as text ("1/8") is worked out where its decimals end."""
    if isinstance(step_size, str) and "/" in step_size:
        step_size = _scalar.to_fraction(_scalar.decompose(step_size))
    return exact_text(step_size)


def from_config(config: Mapping[str, Any]) -> GD:
    """Rebuild an optimiser from its `config()`."""
    check_name("optimizer", config.get("name"), ["GD"])
    return GD(step_size=config["step_size"])
