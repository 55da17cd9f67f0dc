"""Ratios of mpsharp to what else there is, side by side in one process. See README.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import loop
import params
from products import bench_matvec
from results import save
from runs import bench_compare, bench_record
from steps import bench_cats_and_dogs, bench_spectral, bench_step
from timing import processor

import mpsharp


def size(text):
    n, d = text.split("x")
    return int(n), int(d)


WHAT = ("matvec", "step", "spectral", "cats-and-dogs", "record", "compare")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=WHAT, help=", ".join(WHAT))
    parser.add_argument("--short", action="store_true", help="64, 256 and 1024 bits, without 1000×3072")
    parser.add_argument("--sizes", nargs="+", type=size, help="N×D as 100x1000; of matvec, step and record")
    parser.add_argument("--bits", nargs="+", type=int, help="of matvec, step and spectral")
    parser.add_argument("--steps", type=int, default=4000, help="steps of the comparison")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("benchmark-results"),
        help="folder of table and plot; what is there already and not measured again is kept",
    )
    options = parser.parse_args()
    for what in options.what:
        if what not in WHAT:
            parser.error(f"expected one of {', '.join(WHAT)}, got {what}")
    options.out.mkdir(parents=True, exist_ok=True)
    library = loop.build()
    rows: list[tuple] = []
    sizes = options.sizes or (params.SIZES[:2] if options.short else params.SIZES)
    bits = options.bits or (params.SHORT_BITS if options.short else params.BITS)
    print(processor(), mpsharp.show_config("dicts"), sys.version, sep="\n")
    try:
        if "matvec" in options.what:
            bench_matvec(library, sizes, bits, rows)
        if "step" in options.what:
            bench_step(library, options.sizes or params.STEP_SIZES, options.bits or params.SHORT_BITS, rows)
        if "spectral" in options.what:
            bench_spectral(library, options.bits or params.SPECTRAL_BITS, rows)
        if "cats-and-dogs" in options.what:
            bench_cats_and_dogs(library, rows)
        if "record" in options.what:
            bench_record(options.sizes or params.RECORD_SIZES, options.bits or params.RECORD_BITS, rows)
        if "compare" in options.what:
            bench_compare(library, options.steps, rows)
    finally:  # what was measured before an interrupt is kept
        save(rows, options.out)


if __name__ == "__main__":
    main()
