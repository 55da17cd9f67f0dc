"""Binary floating-point numbers that cross every boundary without losing a bit."""

from mpsharp.exact.array import ExactArray
from mpsharp.exact.inputs import as_exact_input
from mpsharp.exact.text import exact_decimal, exact_text

__all__ = ["ExactArray", "as_exact_input", "exact_decimal", "exact_text"]
