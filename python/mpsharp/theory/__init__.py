"""Formulas of the paper, one function each."""

from mpsharp.theory.bounds import (
    Bounds,
    minimizer_sharpness,
    minimizer_sharpness_bounds,
    predicted_sharpness,
)
from mpsharp.theory.difficulty import dataset_difficulty, difficulty_digits
from mpsharp.theory.imbalance import imbalance_threshold, is_balanced, layer_imbalance
from mpsharp.theory.minimizer import minimizer
from mpsharp.theory.spectrum import Spectrum, spectrum

__all__ = [
    "Bounds",
    "Spectrum",
    "dataset_difficulty",
    "difficulty_digits",
    "imbalance_threshold",
    "is_balanced",
    "layer_imbalance",
    "minimizer",
    "minimizer_sharpness",
    "minimizer_sharpness_bounds",
    "predicted_sharpness",
    "spectrum",
]
