"""Optimisers as immutable descriptions; the loop that uses them is in `mpsharp.training`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mpsharp import _scalar
from mpsharp.errors import ConfigurationError, check_name
from mpsharp.exact import exact_decimal


@dataclass(frozen=True)
class GD:
    """Full-batch gradient descent, θ ← θ − η ∇L(θ).

    Parameters
    ----------
    step_size : float, str, Fraction, gmpy2.mpfr
        η > 0. A float means its binary value, text its decimal value ("0.1" is one tenth, rounded
        once to the format of the run).

    Raises
    ------
    ConfigurationError
        step_size is not a finite number above 0.

    Examples
    --------
    >>> GD(step_size="0.05").config()
    {'name': 'GD', 'step_size': '0.05'}
    """

    step_size: Any

    def __post_init__(self) -> None:
        number = _scalar.decompose(self.step_size)
        if number.kind != _scalar.REGULAR or number.sign < 0:
            raise ConfigurationError(f"step_size: expected a finite number above 0, got {self.step_size!s}")

    @property
    def stability_limit(self) -> float:
        """2/η: above this sharpness, gradient descent is unstable along the top eigenvector."""
        return float(2 / _scalar.to_fraction(_scalar.decompose(self.step_size)))

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, ready for JSON. `float` takes the step size."""
        step_size = self.step_size
        return {
            "name": "GD",
            "step_size": step_size if isinstance(step_size, float) else exact_decimal(step_size),
        }


def from_config(config: Mapping[str, Any]) -> GD:
    """Rebuild an optimiser from its `config()`."""
    check_name("optimizer", config.get("name"), ["GD"])
    return GD(step_size=config["step_size"])
