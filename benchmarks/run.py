"""Ratios of mpsharp to what else there is, side by side in one process. See README.md."""

from __future__ import annotations

import argparse
import csv
import platform
import sys
import time
from fractions import Fraction
from pathlib import Path

import flint
import gmpy2
import loop
import mpmath
import numpy as np
import params

import mpsharp
from mpsharp import _core
from mpsharp.backends import get_backend
from mpsharp.backends.coordinates import transform
from mpsharp.backends.transfer import to_core
from mpsharp.errors import DatasetError
from mpsharp.exact import ExactArray
from mpsharp.formats import Format


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def clock(name):
    """Processor time of this thread where it does all the work, so that other processes disturb little."""
    return time.perf_counter if name.endswith("threads") else time.thread_time


def best_times(methods: dict) -> dict:
    """Seconds per call of each method: the best of several rounds in which they take turns.

    Methods with more threads are timed by the time of day, in many short slices: some of them have all
    processors to themselves.
    """
    best, slices = {}, {}
    for name, call in methods.items():
        now = clock(name)
        started = now()
        call()
        elapsed = now() - started
        if elapsed > params.PATIENCE:
            best[name] = elapsed  # once is enough
            continue
        n_slices = params.SLICES if now is time.perf_counter else 1
        slices[name] = n_slices, max(1, int(params.SLICE / n_slices / max(elapsed, 1e-9)))
        best[name] = float("inf")
    for _ in range(params.ROUNDS):
        for name, (n_slices, count) in slices.items():
            call, now = methods[name], clock(name)
            for _ in range(n_slices):
                started = now()
                for _ in range(count):
                    call()
                best[name] = min(best[name], (now() - started) / count)
    return best


class Case:
    """One matrix and vector in everybody's numbers; X is float64 data, u has every bit."""

    def __init__(self, library, n, d, bits, data=None):
        rng = np.random.default_rng(0)
        self.n, self.d, self.bits = n, d, bits
        self.X, self.y = (rng.standard_normal((n, d)), rng.standard_normal(n)) if data is None else data
        self.step_size = 1e-3
        u, low = 0.05 * rng.standard_normal(d), 0.05 * rng.standard_normal(d)
        self.loop = loop.Loop(library, self.X, self.y, u, low, 1.0, self.step_size, bits)
        self.u = np.array([self.loop.number("u", j) for j in range(d)], dtype=object)
        self.core_u = to_core(ExactArray.from_any(self.u, bits))
        self.matrix = _core.Matrix.from_float64(self.X, bits)

    def data(self, arithmetic, kernels="", threads=1):
        return _core.Data(self.matrix, arithmetic, threads, kernels)

    def exact_row(self, i):
        """Row i of Xu as a fraction rounded once: the definition of exact."""
        with gmpy2.context(precision=self.bits):
            as_fractions = (
                Fraction(*map(int, gmpy2.mpfr(float(x), self.bits).as_integer_ratio())) for x in self.X[i]
            )
            total = sum(
                x * Fraction(*map(int, u.as_integer_ratio()))
                for x, u in zip(as_fractions, self.u, strict=True)
            )
            return gmpy2.mpfr(gmpy2.mpq(total.numerator, total.denominator))

    def check(self, products):
        """Sequential products equal the loop, exact ones the fractions, bit for bit."""
        rows = (0, self.n // 2, self.n - 1)
        self.loop.matvec(False)
        for (arithmetic, _), data in products.items():
            values = ExactArray(*data.apply(self.core_u, self.bits).parts())
            for i in rows:
                expected = self.loop.number("s", i) if arithmetic == "sequential" else self.exact_row(i)
                if values[i].to_gmpy2() != expected:
                    raise SystemExit(f"{arithmetic} at {self.bits} bits, row {i}: wrong result, no figures")


def bench_matvec(library, sizes, bit_list, rows):
    for n, d in sizes:
        for bits in bit_list:
            case = Case(library, n, d, bits)
            kernels = [k for k in mpsharp.show_config("dicts")["kernels"]["available"] if k != "reference"]
            products = {
                (a, k): case.data(a, k)
                for a in ("exact", "sequential")
                for k in kernels
                if (a, k) != ("sequential", "avx2")  # the same as portable
            }
            case.check(products)
            methods = {
                "loop, temporaries": lambda case=case: case.loop.matvec(True),
                "loop, plain": lambda case=case: case.loop.matvec(False),
            }
            for (arithmetic, name), data in products.items():
                methods[f"mpsharp {arithmetic}, {name}"] = lambda case=case, data=data: data.apply(
                    case.core_u, case.bits
                )
            if n * d <= 10**5 and bits <= 1024:
                methods |= python_methods(case)
            report(rows, "matrix-vector", n, d, bits, best_times(methods), n * d)


def python_methods(case):
    bits = case.bits
    gm_X = np.array([[gmpy2.mpfr(float(x), bits) for x in row] for row in case.X], dtype=object)
    mp_X = mpmath.matrix(case.X.tolist())
    mp_u = mpmath.matrix([mpmath.mpf(0)] * case.d)
    with mpmath.workprec(bits):
        for j, u in enumerate(case.u):
            mantissa, exponent = u.as_mantissa_exp()
            mp_u[j] = mpmath.ldexp(mpmath.mpf(int(mantissa)), int(exponent))
    flint_X = flint.arb_mat(case.n, case.d, [flint.arb(float(x)) for x in case.X.ravel()])
    flint_u = flint.arb_mat(
        case.d, 1, [flint.arb((int(m), int(e))) for m, e in (u.as_mantissa_exp() for u in case.u)]
    )

    def with_gmpy2():
        with gmpy2.context(precision=bits):
            return gm_X.dot(case.u)

    def with_mpmath():
        with mpmath.workprec(bits):
            return mp_X * mp_u

    def with_flint():
        with flint.ctx.workprec(bits):
            return flint_X * flint_u

    return {"gmpy2 in NumPy": with_gmpy2, "mpmath": with_mpmath, "python-flint balls": with_flint}


def descent(case, arithmetic, threads):
    return _core.GradientDescent(
        _core.Minimalist(
            case.data(arithmetic, "", threads),
            to_core(ExactArray.from_float64(case.y, case.bits)),
            2,
            case.n,
        ),
        case.core_u,
        to_core(ExactArray.from_float64([1.0], case.bits)),
        to_core(ExactArray.from_float64([case.step_size], case.bits)),
    )


def bench_step(library, sizes, bit_list, rows, what="GD step", data=None):
    for n, d in sizes:
        for bits in bit_list:
            case = Case(library, n, d, bits, data)
            runs = {(a, t): descent(case, a, t) for a in ("exact", "sequential") for t in (1, 2)}
            # One step of the loop against one of ours with the same rounding of every operation, and one
            # thread against two.
            case.loop.step()
            for run in runs.values():
                run.advance(1, 1e300, None)
            u = {key: ExactArray(*run.u.parts()) for key, run in runs.items()}
            for j in range(0, d, 17):
                if u["sequential", 1][j].to_gmpy2() != case.loop.number("u", j):
                    raise SystemExit(f"a step at {bits} bits differs from the loop, no figures")
                for arithmetic in ("exact", "sequential"):
                    if u[arithmetic, 1][j].to_gmpy2() != u[arithmetic, 2][j].to_gmpy2():
                        raise SystemExit(f"two threads at {bits} bits differ from one, no figures")
            methods = {"loop, temporaries": case.loop.step}
            for (arithmetic, threads), run in runs.items():
                name = f"mpsharp {arithmetic}, {threads} thread{'s' if threads > 1 else ''}"
                methods[name] = lambda run=run: run.advance(1, 1e300, None)
            report(rows, what, n, d, bits, best_times(methods), 2 * n * d)


def bench_spectral(library, bit_list, rows):
    """Steps of the default problem up to its catapult: spectral coordinates against parameter ones.

    The decomposition of X is made before, and timed on its own.
    """
    for bits in bit_list:
        problem = mpsharp.problems.appendix_d()
        n, d = problem.X.shape
        started = time.perf_counter()
        form = transform(problem, "spectral", bits)
        seconds = time.perf_counter() - started
        steps = 400 if bits > 256 else 200  # of 422 and some 365 up to the catapult

        def numbers(values, bits=bits):
            return to_core(ExactArray.from_any(values, bits))

        def numbers_of(of, numbers=numbers):
            return numbers(of.y), numbers(of.u)

        v, step_size = numbers(problem.v), numbers([problem.optimizer.step_size])

        def start(data, y, u, v=v, step_size=step_size, n=n):
            return _core.GradientDescent(_core.Minimalist(data, y, 2, n), u, v, step_size)

        def loop_steps(steps=steps, problem=problem, d=d, bits=bits):
            plain = loop.Loop(
                library, problem.X, problem.y, problem.u, np.zeros(d), 1.0, problem.optimizer.step_size, bits
            )
            for _ in range(steps):
                plain.step()

        matrix = _core.Matrix.from_float64(problem.X, bits)
        diagonal = numbers(form.X)
        runs = {
            f"spectral {arithmetic}": (_core.Data.diagonal(diagonal, arithmetic), *numbers_of(form))
            for arithmetic in ("exact", "sequential")
        } | {
            f"parameter {arithmetic}": (_core.Data(matrix, arithmetic, 1, ""), *numbers_of(problem))
            for arithmetic in ("exact", "sequential")
        }
        methods = {"loop, temporaries": loop_steps} | {
            f"mpsharp {name}": lambda run=run, steps=steps: start(*run).advance(steps, 1e300, None)
            for name, run in runs.items()
        }
        times = {name: seconds / steps for name, seconds in best_times(methods).items()}
        print(f"\ndefault problem, {bits} bits: decomposition {seconds:.2f} s; microseconds per step")
        for name, per_step in times.items():
            ratio = times["loop, temporaries"] / per_step
            print(f"  {name:32s} {per_step * 1e6:12.1f} {ratio:22.1f} times the loop's speed")
            rows.append(("spectral", n, d, bits, name, per_step, ratio))
        faster = times["mpsharp parameter exact"] / times["mpsharp spectral exact"]
        print(f"  spectral against parameter, exact: {faster:.1f} times")


def bench_cats_and_dogs(library, rows):
    """A step on 1000 cats and dogs; on data of the same shape, saying so, where they are not to be had."""
    n, d, what, data = 1000, 3072, "GD step, cats and dogs", None
    try:
        problem = mpsharp.problems.from_dataset("cifar10-cat-dog", n=n)
        data = problem.X, np.asarray(problem.y, dtype=np.float64)
    except DatasetError as error:
        what = "GD step, synthetic in place of cats and dogs"
        print(f"no cats and dogs ({error}): normal numbers of the same shape")
    bench_step(library, [(n, d)], [256], rows, what, data)


def bench_compare(library, steps, rows):
    """A whole comparison of Appendix D at limit ratio 1.5, sharpness every 10 steps, against GD alone."""
    problem = mpsharp.problems.appendix_d(limit_ratio=1.5)
    ours = loops = 0.0
    for bits in params.COMPARE_BITS:
        mpsharp.run(problem, bits=bits, steps=1, threads=1)  # the reduction of X, which is not counted
        started = time.process_time()
        mpsharp.run(problem, bits=bits, steps=steps, record_every=10, threads=1)
        seconds = time.process_time() - started
        n, d = problem.X.shape
        plain = loop.Loop(
            library, problem.X, problem.y, problem.u, np.zeros(d), 1.0, problem.optimizer.step_size, bits
        )
        timed = min(steps, 200)
        started = time.process_time()
        for _ in range(timed):
            plain.step()
        per_step = (time.process_time() - started) / timed
        loops += per_step * steps
        ours += seconds
        rows.append(("compare", n, d, bits, "loop, temporaries", per_step * steps, 1.0))
        rows.append(("compare", n, d, bits, "mpsharp exact", seconds, per_step * steps / seconds))
        print(f"compare {bits:5d} bits: loop {per_step * steps:7.2f} s, mpsharp {seconds:6.2f} s")
    print(f"compare, all: {loops / ours:.1f} times faster than the loop doing gradient descent alone")


def bench_record(sizes, bit_list, rows):
    """A default record (loss, sharpness, imbalance) against an exact step: one thread, all coordinates."""
    for n, d in sizes:
        rng = np.random.default_rng(0)
        problem = mpsharp.Problem(
            X=rng.standard_normal((n, d)),
            y=rng.standard_normal(n),
            u=0.05 * rng.standard_normal(d),
            v=[1.0],
            optimizer=mpsharp.GD(step_size=1e-3),
            steps=1,
        )
        for bits in bit_list:
            runner = get_backend("auto", Format(bits=bits)).start(
                problem,
                format=Format(bits=bits),
                optimizer=problem.optimizer,
                arithmetic="exact",
                threads=1,
            )
            runner.advance(10, 1e300, None)
            seen = runner.observe()
            with gmpy2.context(precision=bits):
                certain = seen["sharpness"].to_gmpy2() * gmpy2.exp2(-bits)
                if not seen["sharpness_residual"].to_gmpy2() <= certain:
                    raise SystemExit(f"the sharpness at {bits} bits is not certain, no figures")
            times = best_times({"step": lambda r=runner: r.advance(1, 1e300, None), "record": runner.observe})
            print(
                f"record {n}×{d}, {bits:5d} bits: step {times['step'] * 1e6:8.1f} µs, "
                f"record {times['record'] * 1e6:8.1f} µs, {times['record'] / times['step']:.2f} steps"
            )
            for name, seconds in times.items():
                rows.append(("record", n, d, bits, name, seconds, times["step"] / seconds))


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


if __name__ == "__main__":
    main()
