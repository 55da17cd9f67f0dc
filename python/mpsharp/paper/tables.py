"""A table of the paper on one data set: our numbers beside the paper's, as text, CSV and LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpsharp._text import text_table
from mpsharp.errors import ConfigurationError, check_name
from mpsharp.paper.files import csv_text
from mpsharp.paper.printed import PRINTED, PrintedValue
from mpsharp.paper.quantities import DEPTHS, Values


@dataclass(frozen=True)
class Cell:
    """One entry: ours and the paper's, mean and standard deviation over subsets.

    Parameters
    ----------
    mean, deviation : over `count` values; the deviation divides by count − 1. None where we have none.
    count : how many values: subsets, or subsets times starting points.
    printed : the paper's mean and standard deviation; None where it prints none.
    """

    mean: float | None
    deviation: float | None
    count: int
    printed: PrintedValue | None = None

    @property
    def ratio(self) -> float | None:
        """Our mean over the paper's."""
        return None if self.printed is None or self.mean is None else self.mean / self.printed.mean

    @property
    def standard_error(self) -> float | None:
        """Of the mean, for independent values."""
        return None if self.deviation is None else float(self.deviation / np.sqrt(self.count))

    def texts(self) -> tuple[str, str, str]:
        """Ours, the paper's as it prints it, and their ratio; a dash where there is none."""
        ours = "-" if self.mean is None or self.deviation is None else _number(self.mean, self.deviation)
        printed = "-" if self.printed is None else self.printed.text
        return ours, printed, "-" if self.ratio is None else f"{self.ratio:.3f}"


@dataclass(frozen=True)
class Table:
    """A table of the paper on one data set.

    Parameters
    ----------
    name, title : of the table.
    dataset : name of the data set.
    cells : by row (text) and number of samples.
    """

    name: str
    title: str
    dataset: str
    cells: Mapping[str, Mapping[int, Cell]]

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary per entry: whose it is, ours, the paper's, their ratio; None where there is none."""
        return [
            {
                "table": self.name,
                "dataset": self.dataset,
                "row": row,
                "n_samples": n,
                "mean": cell.mean,
                "deviation": cell.deviation,
                "count": cell.count,
                "paper_mean": cell.printed.mean if cell.printed else None,
                "paper_deviation": cell.printed.deviation if cell.printed else None,
                "ratio": cell.ratio,
            }
            for row, line in self.cells.items()
            for n, cell in line.items()
        ]

    def text(self) -> str:
        """Mean(standard deviation), the paper's below it, and their ratio, as aligned text."""
        return f"{self.title}, {self.dataset}\n" + text_table(self.header(), self.lines())

    def csv(self) -> str:
        """All of `rows` as comma-separated values with every digit."""
        return csv_text(self.rows())

    def latex(self) -> str:
        """The text table as a LaTeX tabular, for pdfLaTeX as for the others."""
        header = self.header()
        body = [" & ".join(map(_latex, line)) + r" \\" for line in [header, *self.lines()]]
        body.insert(1, r"\hline")
        return "\n".join([rf"\begin{{tabular}}{{{'r' * len(header)}}}", *body, r"\end{tabular}"]) + "\n"

    def header(self) -> list[str]:
        """Heads of the columns: row, whose numbers, then the sizes."""
        return ["", "", *(f"n = {n}" for n in next(iter(self.cells.values())))]

    def lines(self) -> list[list[str]]:
        """The text of every entry: for each row ours and, where the paper prints it, its and the ratio."""
        lines = []
        for row, cells in self.cells.items():
            ours, printed, ratios = zip(*(cell.texts() for cell in cells.values()), strict=True)
            lines.append([row, "ours", *ours])
            if any(c.printed for c in cells.values()):
                lines += [["", "paper", *printed], ["", "ratio", *ratios]]
        return lines


def table(
    content: str, dataset: str, collected: Mapping[int, Values], sizes: Iterable[int] | None = None
) -> Table:
    """Make one table of what `mpsharp.paper.quantities.collect` returned.

    Parameters
    ----------
    content : one of `CONTENTS`.
    dataset : name of the data set, which says what the paper printed.
    collected : numbers by size.
    sizes : columns; those collected by default. One that was not collected shows what the paper prints.

    Raises
    ------
    UnknownNameError
        No such table.
    ConfigurationError
        Nothing was collected.
    """
    check_name("table", content, CONTENTS)
    if not collected:
        raise ConfigurationError("collected: expected at least one size, got none")
    title, rows = CONTENTS[content]
    printed = PRINTED.get(dataset, {})
    columns = list(collected if sizes is None else sizes)
    cells = {
        label: {
            n: _cell(collected[n][key] if n in collected else None, printed.get(key, {}).get(n))
            for n in columns
        }
        for label, key in rows
    }
    return Table(content, title, dataset, cells)


def _cell(values: Any, printed: PrintedValue | None) -> Cell:
    if values is None:
        return Cell(None, None, 0, printed)
    return Cell(float(np.mean(values)), float(np.std(values, ddof=1)), np.size(values), printed)


def _number(mean: float, deviation: float) -> str:
    """Text such as 0.206(0.028), with two digits of the deviation at least."""
    places = 2 if deviation == 0 else int(max(0, 1 - np.floor(np.log10(deviation))))
    return f"{mean:.{places}f}({deviation:.{places}f})"


def _latex(text: str) -> str:
    for plain, command in (
        ("σ₁²/n", r"$\sigma_1^2/n$"),
        ("C*", "$C^*$"),
        ("D = ", "$D$ = "),
        ("n = ", "$n$ = "),
    ):
        text = text.replace(plain, command)
    return text


def _by_depth(key: str) -> list[tuple[str, str]]:
    return [(f"D = {depth}", f"{key}_{depth}") for depth in DEPTHS]


# What a table holds: its title, and its rows: text, and the key of `mpsharp.paper.quantities.quantities`.
CONTENTS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "difficulty": ("Dataset difficulty Q", [("Q", "difficulty")]),
    "threshold": ("Imbalance threshold C* of Remark 4.4", [("C*", "threshold")]),
    "predicted": ("Predicted sharpness", _by_depth("predicted")),
    "gap": ("Gap between the bounds of Theorem 4.6", _by_depth("gap")),
    "initial": ("Lower bound of Theorem 5.6", [("bound", "initial_lower")]),
    "initial-gap": ("Gap of Theorem 5.6", [("gap", "initial_gap")]),
    "initial-sharpness": ("Sharpness at random starts", [("sharpness", "initial_sharpness")]),
    "converged": ("Lower bound of Theorem 5.7", [("bound", "converged_lower")]),
    "converged-gap": ("Gap of Theorem 5.7", [("gap", "converged_gap")]),
    "top-eigenvalue": ("Largest eigenvalue of the data's second moments", [("σ₁²/n", "top_eigenvalue")]),
}
