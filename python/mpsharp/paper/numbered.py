"""Tables by the paper's numbers: what each holds, on which data, and how it is written.

The captions are lost in the text that we have; the numbers follow from its references. Sections 4 and 5 have
four tables: 1 is Q, 2 is C*, 3 and 4 are the two terms of Theorem 4.6. Tables 5 to 7 need wide networks.
Appendix C.6 has C* on the other two data sets (8), the predicted sharpness (9; a: SVHN, b: speech) and the
gap (10); Appendix C.7 names 11 to 15 itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mpsharp import datasets
from mpsharp.datasets import Dataset
from mpsharp.errors import MissingDatasetError
from mpsharp.paper.exhibit import Exhibit
from mpsharp.paper.files import write_csv, write_text
from mpsharp.paper.printed import SIZES
from mpsharp.paper.sources import CIFAR, SPEECH, SVHN
from mpsharp.paper.subsets import collected
from mpsharp.paper.tables import CONTENTS, Table, table

NOT_MADE = "tables 5 to 7 (wide networks): not made, they need networks that are no minimalist model"


@dataclass(frozen=True)
class NumberedTable:
    """One table of the paper; called, it writes ``NAME.txt``, ``.csv`` and ``.tex`` (`exhibit.Make`).

    Parameters
    ----------
    number : in the paper.
    content : one of `mpsharp.paper.tables.CONTENTS`.
    data : data sets in the paper's order.
    statement : what it tests, in our words.
    minutes : of one core, with the subsets that the tables share.
    """

    number: int
    content: str
    data: tuple[str, ...]
    statement: str
    minutes: float = 0.4

    @property
    def name(self) -> str:
        """Such as "table02"."""
        return f"table{self.number:02d}"

    @property
    def title(self) -> str:
        """Such as "Table 2: …"."""
        return f"Table {self.number}: {CONTENTS[self.content][0]}"

    def exhibit(self) -> Exhibit:
        """Describe it for the registry."""
        data = ", ".join(self.data)
        return Exhibit(self.name, self.title, self.statement, data, self.minutes, self, group="tables")

    def __call__(
        self,
        folder: Path,
        *,
        full: bool = False,
        seed: int = 0,
        progress: bool | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> dict[str, Any]:
        """Write the table over the data sets that are there; the others are listed as skipped."""
        found: dict[str, Dataset] = {}
        skipped: dict[str, str] = {}
        for name in self.data:
            try:
                found[name] = datasets.load(name)
            except MissingDatasetError as error:
                skipped[name] = str(error)
        if not found:
            raise MissingDatasetError("; ".join(skipped.values()))
        parts, notes = [], []
        for name, dataset in found.items():
            parts.append(self._on(dataset, folder, seed, report))
            if SIZES[-1] > dataset.largest_subset:
                notes.append(f"{name}: at most {dataset.largest_subset} samples can be drawn in balance")
        notes += [f"{name}: skipped: no data ({reason})" for name, reason in skipped.items()]
        blocks = [part.text() for part in parts] + notes
        write_text(folder / f"{self.name}.txt", "\n\n".join(blocks) + "\n")
        write_csv(folder / f"{self.name}.csv", [row for part in parts for row in part.rows()])
        latex = [f"% {part.title}, {part.dataset}\n{part.latex()}" for part in parts]
        write_text(folder / f"{self.name}.tex", "\n".join(latex))
        for block in blocks:
            report(block + "\n")
        return {
            "tables": [
                {"dataset": part.dataset, "header": part.header(), "lines": part.lines()} for part in parts
            ],
            "notes": notes,
            "skipped_data": skipped,
            "files": [f"{self.name}{end}" for end in (".txt", ".csv", ".tex")],
        }

    def _on(self, dataset: Dataset, folder: Path, seed: int, report: Callable[[str], None]) -> Table:
        numbers = {
            n: collected(folder, dataset, n, seed=seed, report=report)
            for n in SIZES
            if n <= dataset.largest_subset
        }
        return replace(table(self.content, dataset.name, numbers, SIZES), name=self.name, title=self.title)


TABLES = [
    NumberedTable(
        1,
        "difficulty",
        (CIFAR, SVHN, SPEECH),
        "A data set is the harder to fit the larger it is: its difficulty Q grows steeply with the number of "
        "samples.",
    ),
    NumberedTable(
        2,
        "threshold",
        (CIFAR,),
        "Sharpness at a minimiser rises with difficulty while the imbalance is below a threshold; it is "
        "far above what occurs in training.",
    ),
    NumberedTable(
        3,
        "predicted",
        (CIFAR,),
        "The predicted sharpness grows with the number of samples; with depth it grows where Q exceeds 1 and "
        "falls at n = 100, where Q is below 1.",
    ),
    NumberedTable(
        4,
        "gap",
        (CIFAR,),
        "The two bounds of Theorem 4.6 are so close, compared with the predicted sharpness, that it predicts "
        "the sharpness at a balanced minimiser.",
    ),
    NumberedTable(
        8, "threshold", (SVHN, SPEECH), "Table 2 on the other data sets: the threshold grows as steeply."
    ),
    NumberedTable(
        9, "predicted", (SVHN, SPEECH), "Table 3 on the other data sets: deeper is sharper where Q exceeds 1."
    ),
    NumberedTable(10, "gap", (SVHN, SPEECH), "Table 4 on the other data sets: the gap is small there, too."),
    NumberedTable(
        11,
        "initial",
        (CIFAR, SVHN, SPEECH),
        "With the variances of PyTorch's default the expected sharpness at the start has a lower bound that "
        "hardly depends on the number of samples.",
    ),
    NumberedTable(
        12,
        "initial-gap",
        (CIFAR, SVHN, SPEECH),
        "The upper bound of the expected sharpness at the start is only a few per cent above the lower one.",
    ),
    NumberedTable(
        13,
        "initial-sharpness",
        (CIFAR, SVHN, SPEECH),
        "The sharpness at 20,000 random starts (400 on each of 50 subsets) averages to what Theorem 5.6 says "
        "and scatters widely, since one number v decides most of it.",
    ),
    NumberedTable(
        14,
        "converged",
        (CIFAR, SVHN, SPEECH),
        "Where gradient flow converges the expected sharpness has a lower bound that grows with the number "
        "of samples and exceeds the one at the start.",
    ),
    NumberedTable(
        15,
        "converged-gap",
        (CIFAR, SVHN, SPEECH),
        "The bounds of the expected sharpness at convergence close in as the data set grows.",
    ),
]
