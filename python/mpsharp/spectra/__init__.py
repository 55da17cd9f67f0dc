"""The Hessian of the minimalist model as an operator, and solvers for its largest eigenvalues."""

from mpsharp.spectra.hessian import Hessian
from mpsharp.spectra.lanczos import lanczos
from mpsharp.spectra.solvers import METHODS, Eigenvalues, eigenvalues

__all__ = ["METHODS", "Eigenvalues", "Hessian", "eigenvalues", "lanczos"]
