"""What an observable may ask of the state that a run is in: the protocol `Point`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mpsharp.exact import ExactArray
    from mpsharp.theory.arithmetic import Arithmetic, Array, Number
    from mpsharp.theory.moments import Moments
    from mpsharp.theory.singular import Spectrum


class Point(Protocol):
    """One state (u, v) of a run, together with what measures it.

    Whatever costs more than reading the parameters is computed when asked for, once. Numbers and arrays are
    floats, or gmpy2.mpfr with guard bits, to be used inside ``with point.arithmetic.active():``. All but
    `finite`, `loss` and `parameters` need a finite state.
    """

    @property
    def arithmetic(self) -> Arithmetic:
        """Where formulas are evaluated."""
        ...

    @property
    def record_bits(self) -> int:
        """Significand bits of what is recorded."""
        ...

    @property
    def n_samples(self) -> int:
        """n, which divides the loss."""
        ...

    @property
    def finite(self) -> bool:
        """Whether every parameter is finite."""
        ...

    @property
    def loss(self) -> ExactArray:
        """Loss as the run computed it, shape ()."""
        ...

    @property
    def parameters(self) -> ExactArray:
        """The first layer in the coordinates of the run, then the outer layers, as the run has them."""
        ...

    @property
    def v(self) -> Array:
        """Outer layers, shape (depth - 1,)."""
        ...

    @property
    def step_size(self) -> Number:
        """Step size η, rounded to the format of the run."""
        ...

    @property
    def moments(self) -> Moments:
        """Sums over the state."""
        ...

    @property
    def projected_square(self) -> Number:
        """‖Πu‖², Π the projection onto the row space of X."""
        ...

    @property
    def imbalance(self) -> ExactArray:
        """‖Πu‖² − v_l², shape (depth - 1,)."""
        ...

    @property
    def sharpness(self) -> ExactArray:
        """Largest eigenvalue of the Hessian, unit 1/step_size, shape (); NaN if an entry overflows."""
        ...

    @property
    def sharpness_residual(self) -> ExactArray:
        """‖Hx − Sx‖ of the unit vector x that was found with it, shape ()."""
        ...

    def eigenvalues(self, count: int) -> ExactArray | Array:
        """The `count` largest eigenvalues of the Hessian, falling, shape (count,); `count` is at most their
        number. Their errors are relative to the largest absolute value among all.
        """
        ...

    @property
    def spectrum(self) -> Spectrum:
        """Singular values of X, perhaps without their vectors, in an arithmetic of their own."""
        ...

    @property
    def labels(self) -> Array:
        """d_i = w_iᵀy, shape (rank,), in the arithmetic of `spectrum`.

        Raises
        ------
        ConfigurationError
            Labels with no part in the column space of X.
        """
        ...

    @property
    def top_label(self) -> Number:
        """d₁ = w₁ᵀy."""
        ...

    @property
    def top_weight(self) -> Number:
        """ν₁ = r₁ᵀu."""
        ...
