"""Loss, gradient and one GD step of the minimalist model f(x) = xᵀu · v_1 ⋯ v_{D−1}, in NumPy.

Every function performs the operations of the core's step (cpp/src/steppers.cpp) in that order and
in the dtype of its arguments, which must all agree. Overflow is not an error here: infinities and NaN
spread as IEEE 754 says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from mpsharp.backends.mirror.products import Array, Products


@dataclass(frozen=True, eq=False)
class Forward:
    """What one evaluation of the model leaves behind.

    Attributes
    ----------
    s : Xu, shape (n_samples,).
    c : v_1 ⋯ v_{D−1}.
    z : residual c·s − y, shape (n_samples,).
    loss : ‖z‖² / (2 n_samples).
    """

    s: Array
    c: np.floating[Any]
    z: Array
    loss: np.floating[Any]


@dataclass(frozen=True, eq=False)
class Data:
    """What a loss is the sum of: products with X, and labels, shape (rows,).

    Attributes
    ----------
    n_samples : n, by which the loss divides; the number of rows unless coordinates were changed.
    loss_floor : added to the loss, with one more rounding; None where there is nothing to add.
    """

    products: Products
    y: Array
    n_samples: int
    loss_floor: np.floating[Any] | None = None

    def of_rows(self, rows: npt.NDArray[np.int64]) -> Data:
        """Return the samples with these indices, in this order."""
        return Data(self.products.of_rows(rows), self.y[rows], len(rows))


def product_in_order(v: Array) -> np.floating[Any]:
    """Return ((v_1·v_2)·v_3)…, one rounding per product; 1 if `v` is empty."""
    result: np.floating[Any] = v[0] if len(v) else v.dtype.type(1)
    for factor in v[1:]:
        result = result * factor
    return result


def products_of_others(v: Array) -> Array:
    """Return w with w_l = Π_{m≠l} v_m, factors in index order, shape (depth - 1,)."""
    return np.array([product_in_order(np.delete(v, index)) for index in range(len(v))], dtype=v.dtype)


def forward(data: Data, u: Array, v: Array) -> Forward:
    """Evaluate s = Xu, c, z = RN(RN(c·s) − y) and the loss RN(dot(z, z)/(2n)), plus its floor.

    Parameters
    ----------
    data : products with X, and labels.
    u, v : parameters, shapes (n_features,) and (depth - 1,).
    """
    s = data.products.matvec(u)
    c = product_in_order(v)
    z = c * s - data.y
    loss = data.products.dot(z, z) / data.y.dtype.type(2 * data.n_samples)
    if data.loss_floor is not None:
        loss = loss + data.loss_floor
    return Forward(s=s, c=c, z=z, loss=loss)


def gradient_sums(products: Products, at: Forward) -> tuple[Array, np.floating[Any]]:
    """Return g = Xᵀz, shape (n_features,), and q = sᵀz: ∂L/∂u = (c/n)·g, ∂L/∂v_l = (w_l/n)·q."""
    return products.transposed(at.z), products.dot(at.s, at.z)


def gradient_step(
    products: Products, at: Forward, u: Array, v: Array, h: np.floating[Any]
) -> tuple[Array, Array]:
    """Return the parameters after one GD step; both are computed from the old values.

    u_j ← RN(u_j − RN(RN(h·c)·g_j)) and v_l ← RN(v_l − RN(RN(h·w_l)·q)).

    Parameters
    ----------
    products : products with X.
    at : the evaluation at (u, v).
    u, v : parameters, shapes (n_features,) and (depth - 1,).
    h : RN(step_size/n_samples).
    """
    g, q = gradient_sums(products, at)
    return u - (h * at.c) * g, v - (h * products_of_others(v)) * q
