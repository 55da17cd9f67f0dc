"""Prints the table of a benchmark run as Markdown, for README.md: python tables.py benchmarks.csv."""

from __future__ import annotations

import csv
import sys
from pathlib import Path


def main(path: Path) -> None:
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    for what, n, d in dict.fromkeys((r[0], r[1], r[2]) for r in rows):
        cells = {(r[4], int(r[3])): (float(r[5]), float(r[6])) for r in rows if r[:3] == [what, n, d]}
        bits = sorted({b for _, b in cells})
        print(f"\n| {what} {n}×{d} | " + " | ".join(map(str, bits)) + " |")
        print("|---" * (len(bits) + 1) + "|")
        for method in dict.fromkeys(m for m, _ in cells):
            texts = []
            for b in bits:
                value, times = cells.get((method, b), (None, None))
                if value is None:
                    texts.append("–")
                else:
                    ratio = "<0.1" if times < 0.05 else f"{times:.3g}" if times >= 10 else f"{times:.1f}"
                    texts.append(f"{value:.3g} ({ratio}×)")
            print(f"| {method} | " + " | ".join(texts) + " |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
