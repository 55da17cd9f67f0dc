"""Independent relative perturbations of the parameters: the noise floor of arithmetic as a dial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpsharp import _scalar
from mpsharp.errors import ConfigurationError
from mpsharp.exact import ExactArray, as_exact_input

if TYPE_CHECKING:
    from mpsharp.backends import Runner

_BLOCK = 64  # steps that one generator serves
_GRID = 2**20  # draws are multiples of 1/_GRID, so that both backends round their products once


class Noise:
    """The draws of every step, r_j uniform on [−1, 1] for every parameter: a pure function of seed and step.

    Block b of 64 steps has a generator of its own, ``numpy.random.SeedSequence(seed, spawn_key=(1, b))``,
    which draws multiples of 2⁻²⁰ for its steps one after another, for u first, then for v. So the draws do
    not depend on the format, the number of steps, or what is recorded.

    Parameters
    ----------
    size : float, text or exact number, above 0
        The perturbation is θ_j ← θ_j·(1 + size·r_j). Rounding to nearest at b bits errs by at most
        2^−b of a number: that is the size that imitates it.
    seed : int
        At least 0.
    parameters : int
        How many numbers a step needs.

    Raises
    ------
    ConfigurationError
        `size` is not a finite number above 0.
    """

    def __init__(self, size: Any, seed: int, parameters: int) -> None:
        self.size = check_noise(size)
        self._seed = seed
        self._parameters = parameters
        self._cached: tuple[int, npt.NDArray[np.float64]] | None = None

    def draws(self, step: int) -> npt.NDArray[np.float64]:
        """Return r for the perturbation after step number `step` (the first is 0), shape (parameters,)."""
        block, offset = divmod(step, _BLOCK)
        if self._cached is None or self._cached[0] != block:
            rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(1, block)))
            whole = rng.integers(-_GRID, _GRID, (_BLOCK, self._parameters), endpoint=True)
            self._cached = block, whole / _GRID
        row: npt.NDArray[np.float64] = self._cached[1][offset]
        return row


class NoisyRun:
    """A run whose parameters are perturbed after every step."""

    def __init__(self, runner: Runner, noise: Noise, bits: int) -> None:
        self._runner = runner
        self._noise = noise
        self._size = ExactArray.from_any([noise.size], bits)

    def advance(self, steps: int, ceiling: float, stop_loss: ExactArray | None) -> str:
        """Take up to `steps` steps, a perturbation after each; a step that ends the run has none.

        As `mpsharp.backends.Runner.advance`.
        """
        for _ in range(steps):
            if status := self._runner.advance(1, ceiling, stop_loss):
                return status
            self._runner.perturb(self._size, self._noise.draws(self._runner.step - 1))
        return ""


def check_noise(size: Any) -> Any:
    """Return `size` as an exact input, or raise ConfigurationError unless it is finite and above 0."""
    try:
        number = _scalar.decompose(size)
    except ConfigurationError:
        number = None
    if number is None or number.kind != _scalar.REGULAR or number.sign < 0:
        raise ConfigurationError(f"noise: expected a finite number above 0, got {size!r}")
    return as_exact_input([size], "noise")[0]
