"""What was measured: printed, merged into the table of earlier calls, drawn."""

from __future__ import annotations

import csv

import numpy as np


def report(rows, what, n, d, bits, times, work):
    base = times["loop, temporaries"]
    print(f"\n{what} {n}×{d}, {bits} bits{'':20s} ns per multiply-add   times faster than the loop")
    for name, seconds in times.items():
        print(f"  {name:32s} {seconds / work * 1e9:12.3f} {base / seconds:22.1f}")
        rows.append((what, n, d, bits, name, seconds / work * 1e9, base / seconds))


def plot(rows, path):
    """Draw ns per multiply-add over bits for 100×1000, with the limit of the multiplier drawn in."""
    from matplotlib.figure import Figure

    chosen = [r for r in rows if r[:3] == ("matrix-vector", 100, 1000)]
    if not chosen:
        return
    figure = Figure(figsize=(7.5, 6), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys(r[4] for r in chosen):
        points = [(r[3], r[5]) for r in chosen if r[4] == name]
        style = "-o" if name.startswith("mpsharp") else "--s"
        axes.plot(*zip(*points, strict=True), style, markersize=4, label=name)
    # X has 53 bits and a spread of about 16; u has the working precision; 2 instructions of 8 lanes per
    # prime of 52 bits, 1 instruction a cycle at 3.7 GHz.
    bits = np.array(sorted({r[3] for r in chosen}))
    primes = np.ceil((53 + 16 + bits + 16 + 10) / 52)
    axes.plot(
        bits,
        primes * 2 / 8 / 3.7,
        ":",
        color="0.4",
        label="limit of the multiplier",
    )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("bits")
    axes.set_ylabel("ns per multiply-add")
    axes.grid(alpha=0.25, which="both")
    figure.legend(fontsize="small", frameon=False, loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=150)


COLUMNS = ("benchmark", "n", "d", "bits", "method", "ns_per_multiply_add_or_seconds", "times_the_loop")


def save(rows, folder):
    """Merge the rows into those of earlier calls, write the table and draw it."""
    path = folder / "benchmarks.csv"
    merged = {}
    if path.exists():
        with path.open(newline="") as file:
            for row in list(csv.reader(file))[1:]:
                what, n, d, bits, method, value, times = row
                key = what, int(n), int(d), int(bits), method
                merged[key] = (float(value), float(times))
    merged |= {row[:5]: row[5:] for row in rows}
    table = [key + value for key, value in sorted(merged.items(), key=lambda item: item[0][:4])]
    plot(table, folder / "matvec.png")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(table)
