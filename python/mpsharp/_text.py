"""Numbers and tables as text: what a terminal shows."""

from __future__ import annotations

import math
from collections.abc import Sequence


def decimal_text(log2_value: float, digits: int = 3) -> str:
    """Decimal text of the positive number 2**`log2_value`, also where float64 would under- or overflow.

    Parameters
    ----------
    log2_value : log2 of the number; -inf stands for zero, +inf for infinity, NaN for NaN.
    digits : significant digits, at least 1. The relative error of the logarithm, |log2_value|·2**-53 · ln 2,
        bounds how many of them mean something.

    Returns
    -------
    str
        for example "1.23e-400"; "0", "inf" or "nan".
    """
    if math.isnan(log2_value):
        return "nan"
    if math.isinf(log2_value):
        return "inf" if log2_value > 0 else "0"
    log10_value = log2_value * math.log10(2)
    exponent = math.floor(log10_value)
    mantissa = f"{10 ** (log10_value - exponent):.{digits - 1}f}"
    if float(mantissa) >= 10:  # 9.999 was rounded up
        exponent += 1
        mantissa = f"{1:.{digits - 1}f}"
    return f"{mantissa}e{exponent:+03d}"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned to the right under a ruled `header`; every row has as many cells as it."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))

    return "\n".join([line(header), "  ".join("─" * width for width in widths), *map(line, rows)])
