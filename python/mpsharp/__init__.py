"""Neural-network training and its sharpness at any arithmetic precision."""

from mpsharp import datasets, initialization, problems, theory
from mpsharp._version import __version__
from mpsharp.certificate import SharpnessInterval, is_sharpness_interval, sharpness_interval
from mpsharp.comparison import Comparison
from mpsharp.configuration import show_config
from mpsharp.errors import (
    ConfigurationError,
    ConvergenceError,
    DatasetError,
    Interrupted,
    MissingDatasetError,
    MpsharpError,
    NonFiniteError,
    OutputError,
    PrecisionError,
    ResourceError,
    ShapeError,
    StoreError,
    UnknownNameError,
)
from mpsharp.exact import ExactArray
from mpsharp.formats import Format
from mpsharp.optimizers import GD, SGD, GradientFlow
from mpsharp.problems import Problem
from mpsharp.spectra import Eigenvalues, Hessian, eigenvalues
from mpsharp.store import load
from mpsharp.theory import blowup_bits, catapult_step, precision_horizon
from mpsharp.training import compare, run
from mpsharp.trajectory import Trajectory
from mpsharp.unstable import UnstableDirection, unstable_direction

__all__ = [
    "GD",
    "SGD",
    "Comparison",
    "ConfigurationError",
    "ConvergenceError",
    "DatasetError",
    "Eigenvalues",
    "ExactArray",
    "Format",
    "GradientFlow",
    "Hessian",
    "Interrupted",
    "MissingDatasetError",
    "MpsharpError",
    "NonFiniteError",
    "OutputError",
    "PrecisionError",
    "Problem",
    "ResourceError",
    "ShapeError",
    "SharpnessInterval",
    "StoreError",
    "Trajectory",
    "UnknownNameError",
    "UnstableDirection",
    "__version__",
    "blowup_bits",
    "catapult_step",
    "compare",
    "datasets",
    "eigenvalues",
    "initialization",
    "is_sharpness_interval",
    "load",
    "precision_horizon",
    "problems",
    "run",
    "sharpness_interval",
    "show_config",
    "theory",
    "unstable_direction",
]
