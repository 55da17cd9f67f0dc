"""Formulas of the paper, one function each, in float64 or at any precision."""

from mpsharp.theory.bounds import (
    Bounds,
    minimizer_sharpness,
    minimizer_sharpness_bounds,
    predicted_sharpness,
)
from mpsharp.theory.catapult import blowup_limit, blowup_share
from mpsharp.theory.difficulty import dataset_difficulty, difficulty_digits
from mpsharp.theory.dynamics import ReducedDynamics, reduced_dynamics
from mpsharp.theory.expectations import converged_sharpness_bounds, initial_sharpness_bounds
from mpsharp.theory.imbalance import imbalance_threshold, is_balanced, layer_imbalance
from mpsharp.theory.law import PrecisionLaw
from mpsharp.theory.lemmas import border_norm, imbalance_root, sharpness_bounds
from mpsharp.theory.minimizer import minimizer
from mpsharp.theory.noise import TopLosses, top_losses
from mpsharp.theory.one_step import (
    ImbalanceTerms,
    gd_imbalance_change,
    imbalance_change_terms,
    sgd_imbalance_change,
)
from mpsharp.theory.precision import (
    blowup_bits,
    catapult_step,
    growth_bits,
    precision_horizon,
)
from mpsharp.theory.singular import Spectrum, spectrum
from mpsharp.theory.summary import report

__all__ = [
    "Bounds",
    "ImbalanceTerms",
    "PrecisionLaw",
    "ReducedDynamics",
    "Spectrum",
    "TopLosses",
    "blowup_bits",
    "blowup_limit",
    "blowup_share",
    "border_norm",
    "catapult_step",
    "converged_sharpness_bounds",
    "dataset_difficulty",
    "difficulty_digits",
    "gd_imbalance_change",
    "growth_bits",
    "imbalance_change_terms",
    "imbalance_root",
    "imbalance_threshold",
    "initial_sharpness_bounds",
    "is_balanced",
    "layer_imbalance",
    "minimizer",
    "minimizer_sharpness",
    "minimizer_sharpness_bounds",
    "precision_horizon",
    "predicted_sharpness",
    "reduced_dynamics",
    "report",
    "sgd_imbalance_change",
    "sharpness_bounds",
    "spectrum",
    "top_losses",
]
