"""Comparison: the same run in several number formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gmpy2
import numpy as np

from mpsharp._scalar import wide_context
from mpsharp._text import decimal_text, text_table
from mpsharp.errors import ConfigurationError
from mpsharp.formats import Format, FormatLike
from mpsharp.trajectory import Trajectory

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Comparison(Mapping[Format, Trajectory]):
    """Trajectories by number format, in the order in which they were asked for.

    Keys may be given as for `mpsharp.run`: ``comparison[256]``, ``comparison["float64"]``.

    Parameters
    ----------
    runs : mapping of Format to Trajectory, not empty.
    """

    def __init__(self, runs: Mapping[Format, Trajectory]) -> None:
        if not runs:
            raise ConfigurationError("comparison: expected at least one run, got none")
        self._runs = dict(runs)

    def __getitem__(self, key: FormatLike) -> Trajectory:
        return self._runs[Format.parse(key)]

    def __contains__(self, key: object) -> bool:
        try:
            return Format.parse(key) in self._runs  # type: ignore[arg-type]
        except ValueError:
            return False

    def __iter__(self) -> Iterator[Format]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(key.label for key in self)}>"

    def rows(self) -> list[dict[str, Any]]:
        """Return the summary of each run (`Trajectory.summary`)."""
        return [run.summary() for run in self.values()]

    def table(self) -> str:
        """Return the runs side by side as text."""
        header = (
            "format",
            "arithmetic",
            "first S>2/η",
            "catapult",
            "S/(2/η) there",
            "last loss",
            "status",
        )
        cells = []
        for run in self.values():
            row = run.summary()
            ratio = row["catapult_ratio"]
            cells.append(
                (
                    row["format"] + ("" if run.format.is_ieee else " bits"),
                    row["arithmetic"],
                    _or_dash(row["first_unstable_step"]),
                    _or_dash(row["catapult_step"]),
                    "–" if ratio is None else f"{ratio:.3f}",
                    decimal_text(row["last_log2_loss"]),
                    f"{row['status']} at {row['status_step']}",
                )
            )
        return text_table(header, cells)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw loss and sharpness of all runs; see `mpsharp.plotting.plot_comparison`."""
        from mpsharp.plotting import plot_comparison

        return plot_comparison(self, path)

    def save(self, folder: str | Path) -> Path:
        """Save each run in a folder named by its format; see `mpsharp.store.save`."""
        for key, run in self.items():
            run.save(Path(folder) / key.name)
        return Path(folder)

    def first_difference(
        self, a: FormatLike, b: FormatLike, rtol: float | str | Fraction = 0.0
    ) -> int | None:
        """Return the first step recorded by both at which their losses differ; None without one.

        Parameters
        ----------
        a, b : two formats of the comparison.
        rtol : losses differ if |L_a − L_b| > rtol·L, L that of the run with more bits. The exact numbers
            are compared, without rounding: 0 finds the first difference of a single bit, and text such
            as "1e-400" is a tolerance, too. Two losses that are NaN do not differ, nor do two infinite ones.

        Raises
        ------
        KeyError
            A format that is not compared.
        ConfigurationError
            rtol negative, infinite, NaN, or no number.
        """
        tolerance = _tolerance(rtol)
        first, second = self[a], self[b]
        if first.format.bits > second.format.bits:
            first, second = second, first
        steps, i, j = np.intersect1d(first.step, second.step, return_indices=True)
        # Losses are not negative, so L(1 − r) ≤ L_a ≤ L(1 + r) says the same, here times r's denominator;
        # a product of p-bit numbers and k-bit integers is exact with p + k bits.
        below, scale, above = (
            gmpy2.mpz(k)
            for k in (
                tolerance.denominator - tolerance.numerator,
                tolerance.denominator,
                tolerance.denominator + tolerance.numerator,
            )
        )
        exact = wide_context(second.format.bits + above.bit_length())
        losses, references = first.exact("loss")[i], second.exact("loss")[j]
        for step, loss, reference in zip(steps, losses, references, strict=True):
            if gmpy2.is_finite(loss) and gmpy2.is_finite(reference):
                low, middle, high = (
                    exact.mul(reference, below),
                    exact.mul(loss, scale),
                    exact.mul(reference, above),
                )
                if not low <= middle <= high:
                    return int(step)
            elif not (gmpy2.is_nan(loss) and gmpy2.is_nan(reference)) and loss != reference:
                return int(step)
        return None


def _tolerance(rtol: float | str | Fraction) -> Fraction:
    try:
        value = Fraction(rtol)
    except (TypeError, ValueError, OverflowError):
        value = Fraction(-1)
    if value < 0:
        raise ConfigurationError(f"rtol: expected a finite number of at least 0, got {rtol!r}")
    return value


def _or_dash(value: object) -> str:
    return "–" if value is None else str(value)
