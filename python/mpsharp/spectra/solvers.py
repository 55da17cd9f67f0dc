"""Largest eigenvalues of the Hessian by one of four solvers, each with its residual."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpsharp.errors import ConfigurationError, ResourceError, check_name
from mpsharp.formats import Format, FormatLike
from mpsharp.initialization import check_count, check_seed
from mpsharp.problems import Problem
from mpsharp.spectra.hessian import Hessian
from mpsharp.spectra.lanczos import lanczos
from mpsharp.spectra.secular import secular
from mpsharp.theory.arithmetic import Array, sqrt, square
from mpsharp.theory.jacobi import symmetric_eigen

METHODS = ("secular", "dense", "lanczos", "lobpcg")
_DENSE_LIMIT = 300  # of the multi-precision dense solver, whose time is some 20 p³ operations in Python


@dataclass(frozen=True, eq=False)
class Eigenvalues:
    """Eigenvalues with what they are worth.

    Parameters
    ----------
    values : array, shape (count,), falling, unit 1/step_size: float64, or gmpy2.mpfr of the format.
    residuals : array, shape (count,): ‖Hq − λq‖ for the unit vectors q. Some eigenvalue of H is that close to
        λ (up to the roundings in the residual itself, of which float64 has some p·2⁻⁵³‖H‖).
    vectors : array, shape (p, count), unit columns in the order (u, v) of the parameters.
    method : name of the solver.
    """

    values: Array
    residuals: Array
    vectors: Array
    method: str

    def __len__(self) -> int:
        return len(self.values)


def eigenvalues(
    problem: Problem,
    count: int = 1,
    method: str = "secular",
    *,
    bits: int | None = None,
    format: FormatLike | None = None,
    u: object = None,
    v: object = None,
    seed: int = 0,
) -> Eigenvalues:
    """Return the largest eigenvalues of the Hessian, with residuals.

    Parameters
    ----------
    problem : Problem
    count : how many, at most the number of parameters p = n_features + depth − 1.
    method : str
        - "secular": the secular equation in spectral coordinates. The default: right for every depth and
          shape, sees every copy of a multiple eigenvalue; costs one singular value decomposition. In float64
          those below a pole c²σ_i²/n may lose some digits, which their residuals show; the largest does not.
        - "dense": every entry of H, LAPACK or, with bits, Jacobi's method (p ≤ 300). What the others are
          compared with; costs p³.
        - "lanczos": products Hq only, full reorthogonalisation. For large p; may miss copies of
          multiple eigenvalues. `mpsharp.spectra.lanczos` takes any operator.
        - "lobpcg": SciPy's, the paper's solver, float64 only. Residuals are some 1e-10‖H‖, larger where
          eigenvalues cluster; it may not have converged: look at the residuals.
    bits, format : of the results; float64 where neither is given. Not both.
    u, v : parameters; the problem's start by default.
    seed : of the start vectors of the last two methods.

    Returns
    -------
    Eigenvalues

    Raises
    ------
    ConfigurationError
        Both bits and format; LOBPCG with bits; float32; count above p.
    ResourceError
        A dense Hessian that is too large.

    Examples
    --------
    >>> import mpsharp
    >>> P = mpsharp.Problem(X=[[1.0]], y=[0.5], u=[0.5], v=[1.0])
    >>> [float(x) for x in mpsharp.eigenvalues(P, 2, bits=100).values]
    [1.25, 0.0]
    """
    check_name("method", method, METHODS)
    chosen = _format(bits, format)
    if method == "lobpcg" and chosen is not None:
        raise ConfigurationError(f"lobpcg: expected float64, got {chosen.label}")
    hessian = Hessian(problem, format=chosen, u=u, v=v)
    size = hessian.shape[0]
    if check_count("count", count) > size:
        raise ConfigurationError(f"count: expected at most {size} (the number of parameters), got {count}")
    rng = np.random.default_rng(check_seed(seed))
    solver = {"secular": _secular, "dense": _dense, "lanczos": _lanczos, "lobpcg": _lobpcg}[method]
    values, vectors = solver(hessian, count, rng)
    arithmetic = hessian.arithmetic
    with arithmetic.active():
        residuals = [
            sqrt(square(hessian @ q - value * q) / square(q))
            for value, q in zip(values, vectors.T, strict=True)
        ]
        return Eigenvalues(
            arithmetic.leave(values), arithmetic.leave(np.array(residuals)), arithmetic.leave(vectors), method
        )


def _format(bits: int | None, format: FormatLike | None) -> Format | None:
    if bits is not None and format is not None:
        raise ConfigurationError(f"expected bits or format, got both: bits={bits!r}, format={format!r}")
    if bits is None and format is None:
        return None
    chosen = Format.parse(bits if format is None else format)  # type: ignore[arg-type]
    if chosen.is_ieee and chosen.bits != 53:
        raise ConfigurationError(f"format: expected float64 or a number of bits, got {chosen.label}")
    return None if chosen.is_ieee else chosen


def _secular(hessian: Hessian, count: int, _: np.random.Generator) -> tuple[Array, Array]:
    return secular(hessian, count)


def _dense(hessian: Hessian, count: int, _: np.random.Generator) -> tuple[Array, Array]:
    size = hessian.shape[0]
    if hessian.arithmetic.bits is None:
        import scipy.linalg  # not with mpsharp itself: it is slow to load

        H = hessian.dense()
        values, vectors = scipy.linalg.eigh(H, subset_by_index=[size - count, size - 1])
        return values[::-1], vectors[:, ::-1]
    if size > _DENSE_LIMIT:
        raise ResourceError(
            f"dense: expected at most {_DENSE_LIMIT} parameters with bits, got {size}; use secular or lanczos"
        )
    with hessian.arithmetic.active():
        H = hessian.dense()
        if not any(H.flat):
            identity = np.array([[H[0, 0] * 0 + (i == j) for j in range(count)] for i in range(size)])
            return H[0, :count], identity
        values, vectors = symmetric_eigen(H, hessian.arithmetic.working)
        return values[:count], vectors[:, :count]


def _lanczos(hessian: Hessian, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    with hessian.arithmetic.active():
        zero = 0 * hessian.c
        start = np.array([zero + float(x) for x in rng.standard_normal(hessian.shape[0])])
        return lanczos(hessian.matvec, start, count, rng=rng)


def _lobpcg(hessian: Hessian, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    import scipy.sparse.linalg

    size = hessian.shape[0]

    def product(Q: Any) -> Array:
        columns = np.asarray(Q).reshape(size, -1)
        return np.stack([hessian.matvec(q) for q in columns.T], axis=1)

    norm = float(np.linalg.norm(product(rng.standard_normal((size, 1))))) / size**0.5
    operator = scipy.sparse.linalg.LinearOperator(
        (size, size), matvec=lambda q: hessian.matvec(q.ravel()), matmat=product, dtype=np.float64
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it has to say of its accuracy is in the residuals
        values, vectors = scipy.sparse.linalg.lobpcg(
            operator, rng.standard_normal((size, count)), tol=1e-10 * norm or None, maxiter=500, largest=True
        )
    order = np.argsort(values)[::-1]
    return values[order], vectors[:, order]
