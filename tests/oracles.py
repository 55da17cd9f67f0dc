"""Slow and obviously right: the minimalist model in exact rationals, and its step one rounding at a time.

Data and parameters are lists of numbers that `rational` takes. Nothing here uses the package's numerics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import gmpy2
import mpmath
import numpy as np


def rational(x: Any) -> gmpy2.mpq:
    """The exact value of a finite number; text is decimal."""
    if isinstance(x, str):
        x = Fraction(x)
    elif isinstance(x, np.generic):
        x = x.item()
    return gmpy2.mpq(x)


def rationals(values: Any) -> list[Any]:
    """The same for every number of a (nested) sequence."""
    return [rationals(x) if np.ndim(x) else rational(x) for x in values]


# --- the functions themselves, without any rounding -------------------------------------------------


def product(values: Any) -> Any:
    """Return the product, 1 if empty."""
    return math.prod(values, start=gmpy2.mpq(1))


def without(values: list[Any], *positions: int) -> list[Any]:
    return [x for i, x in enumerate(values) if i not in positions]


def residuals(X: Any, y: Any, u: Any, v: Any) -> list[Any]:
    """z = c·Xu − y."""
    return [
        product(v) * sum(x * w for x, w in zip(row, u, strict=True)) - target
        for row, target in zip(X, y, strict=True)
    ]


def loss(X: Any, y: Any, u: Any, v: Any) -> Any:
    return sum(z * z for z in residuals(X, y, u, v)) / (2 * len(y))


def model_gradients(X: Any, u: Any, v: Any) -> list[list[Any]]:
    """Derivative of f(x_i) by every parameter (u, then v), one row per sample."""
    c = product(v)
    outputs = [sum(x * w for x, w in zip(row, u, strict=True)) for row in X]
    return [
        [c * x for x in row] + [product(without(v, k)) * s for k in range(len(v))]
        for row, s in zip(X, outputs, strict=True)
    ]


def gradient(X: Any, y: Any, u: Any, v: Any) -> list[Any]:
    z = residuals(X, y, u, v)
    rows = model_gradients(X, u, v)
    return [sum(zi * row[k] for zi, row in zip(z, rows, strict=True)) / len(y) for k in range(len(rows[0]))]


def descent_states(problem: Any, step_size: Any, steps: int, start: Any = None) -> list[Any]:
    """(u, v) at the start and after each step of gradient descent, without any rounding."""
    X, y, u, v = map(rationals, (problem.X, problem.y, problem.u, problem.v))
    u, v = start or (u, v)
    h = rational(step_size) / len(y)
    states = [(u, v)]
    for _ in range(steps):
        z, c = residuals(X, y, u, v), product(v)
        q = dot([dot(row, u) for row in X], z)
        g = [dot([row[j] for row in X], z) for j in range(len(u))]
        u, v = (
            [a - h * c * b for a, b in zip(u, g, strict=True)],
            [b - h * product(without(v, k)) * q for k, b in enumerate(v)],
        )
        states.append((u, v))
    return states


def second_derivative(row: Any, u: Any, v: Any, a: int, b: int) -> Any:
    """∂²f/∂θ_a∂θ_b at one sample."""
    d = len(u)
    a, b = min(a, b), max(a, b)
    if b < d or a == b:
        return gmpy2.mpq(0)
    if a < d:
        return product(without(v, b - d)) * row[a]
    return product(without(v, a - d, b - d)) * sum(x * w for x, w in zip(row, u, strict=True))


def hessian(X: Any, y: Any, u: Any, v: Any) -> list[list[Any]]:
    """n·H = Σ_i ∇f_i ∇f_iᵀ + z_i ∇²f_i, exactly."""
    z = residuals(X, y, u, v)
    rows = model_gradients(X, u, v)
    size = len(u) + len(v)
    return [
        [
            sum(
                grad[a] * grad[b] + zi * second_derivative(row, u, v, a, b)
                for row, grad, zi in zip(X, rows, z, strict=True)
            )
            / len(y)
            for b in range(size)
        ]
        for a in range(size)
    ]


def sharpness(X: Any, y: Any, u: Any, v: Any, bits: int = 53) -> mpmath.mpf:
    """Largest eigenvalue of the exact Hessian, from a dense solver with more than `bits` guard bits."""
    exact = hessian(*map(rationals, (X, y, u, v)))
    with mpmath.workprec(2 * bits + 64):
        matrix = mpmath.matrix(
            [[mpmath.mpf(int(x.numerator)) / int(x.denominator) for x in row] for row in exact]
        )
        return max(mpmath.eigsy(matrix, eigvals_only=True))


def imbalance(X: Any, u: Any, v: Any) -> list[Any]:
    """‖Πu‖² − v_l², Π the projection onto the row space, by Gram-Schmidt without square roots."""
    X, u, v = map(rationals, (X, u, v))
    basis: list[list[Any]] = []
    squared_norm = gmpy2.mpq(0)
    for row in X:
        for other in basis:
            factor = dot(row, other) / dot(other, other)
            row = [a - factor * b for a, b in zip(row, other, strict=True)]
        if any(row):
            basis.append(row)
            squared_norm += dot(row, u) ** 2 / dot(row, row)
    return [squared_norm - x * x for x in v]


def dot(x: Any, y: Any) -> Any:
    return sum((a * b for a, b in zip(x, y, strict=True)), start=gmpy2.mpq(0))


# --- the step, operation by operation ---------------------------------------------------------------


@dataclass
class OracleState:
    """Loss and parameters after some number of steps, as gmpy2.mpfr."""

    loss: Any
    u: list[Any]
    v: list[Any]


class Rounded:
    """Operations with one rounding each.

    `bits` without bounds on the exponent that matter; with `ieee` the formats of 24 and 53 bits have their
    overflow and their subnormal numbers.
    """

    def __init__(self, bits: int, *, arithmetic: str = "exact", ieee: bool = False) -> None:
        assert arithmetic in ("exact", "sequential")
        self.arithmetic = arithmetic
        if ieee:
            self.context = gmpy2.ieee({24: 32, 53: 64}[bits])
        else:
            limits = {"emin": gmpy2.get_emin_min(), "emax": gmpy2.get_emax_max()}
            self.context = gmpy2.context(precision=bits, **limits)

    def enter(self, x: Any) -> gmpy2.mpfr:
        """One rounding; signs of zeros survive."""
        with gmpy2.context(self.context):
            if isinstance(x, (float, np.floating)):
                return gmpy2.mpfr(float(x))
            return gmpy2.mpfr(rational(x))

    def mul(self, x: Any, y: Any) -> gmpy2.mpfr:
        return self.context.mul(x, y)

    def add(self, x: Any, y: Any) -> gmpy2.mpfr:
        return self.context.add(x, y)

    def sub(self, x: Any, y: Any) -> gmpy2.mpfr:
        return self.context.sub(x, y)

    def div(self, x: Any, n: int) -> gmpy2.mpfr:
        return self.context.div(x, gmpy2.mpz(n))

    def product(self, values: list[Any]) -> gmpy2.mpfr:
        result = values[0] if values else gmpy2.mpfr(1)
        for x in values[1:]:
            result = self.mul(result, x)
        return result

    def dot(self, x: list[Any], y: list[Any]) -> gmpy2.mpfr:
        if self.arithmetic == "sequential":
            acc = gmpy2.mpfr(0)
            for a, b in zip(x, y, strict=True):
                acc = self.add(acc, self.mul(a, b))
            return acc
        special = [gmpy2.mul(a, b) for a, b in zip(x, y, strict=True) if not finite([a, b])]
        if special:
            return sum(special)
        return self.enter(dot(rationals(x), rationals(y)))


def finite(values: list[Any]) -> bool:
    return all(gmpy2.is_finite(x) for x in values)


def mpmath_run(
    problem: Any, bits: int, steps: int, *, arithmetic: str = "exact", ieee: bool = False
) -> list[OracleState]:
    """States of a run with `problem.optimizer`, from step 0 to `steps` or the first non-finite loss."""
    rn = Rounded(bits, arithmetic=arithmetic, ieee=ieee)
    X = [[rn.enter(x) for x in row] for row in problem.X]
    y, u, v = ([rn.enter(x) for x in part] for part in (problem.y, problem.u, problem.v))
    n, d = len(y), len(u)
    h = rn.div(rn.enter(problem.optimizer.step_size), n)
    states = []
    for _ in range(steps + 1):
        s = [rn.dot(row, u) for row in X]
        c = rn.product(v)
        w = [rn.product(without(v, k)) for k in range(len(v))]
        z = [rn.sub(rn.mul(c, si), yi) for si, yi in zip(s, y, strict=True)]
        states.append(OracleState(rn.div(rn.dot(z, z), 2 * n), u, v))
        if not gmpy2.is_finite(states[-1].loss):
            break
        q = rn.dot(s, z)
        g = [rn.dot([row[j] for row in X], z) for j in range(d)]
        u, v = (
            [rn.sub(u[j], rn.mul(rn.mul(h, c), g[j])) for j in range(d)],
            [rn.sub(v[k], rn.mul(rn.mul(h, w[k]), q)) for k in range(len(v))],
        )
    return states


def sgd_run(problem: Any, bits: int, batches: Any, *, arithmetic: str = "exact") -> OracleState:
    """Parameters after one step of SGD for each batch of row indices, in their order."""
    rn = Rounded(bits, arithmetic=arithmetic)
    X = [[rn.enter(x) for x in row] for row in problem.X]
    y, u, v = ([rn.enter(x) for x in part] for part in (problem.y, problem.u, problem.v))
    h = rn.div(rn.enter(problem.optimizer.step_size), len(batches[0]))
    for batch in batches:
        part = [X[i] for i in batch]
        s = [rn.dot(row, u) for row in part]
        c = rn.product(v)
        w = [rn.product(without(v, k)) for k in range(len(v))]
        z = [rn.sub(rn.mul(c, si), y[i]) for si, i in zip(s, batch, strict=True)]
        if not finite(z):
            break
        q = rn.dot(s, z)
        g = [rn.dot([row[j] for row in part], z) for j in range(len(u))]
        u, v = (
            [rn.sub(u[j], rn.mul(rn.mul(h, c), g[j])) for j in range(len(u))],
            [rn.sub(v[k], rn.mul(rn.mul(h, w[k]), q)) for k in range(len(v))],
        )
    return OracleState(None, u, v)
