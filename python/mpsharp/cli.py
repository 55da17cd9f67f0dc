"""The command line: `mpsharp run`, `compare`, `theory`, `paper`. Heavy imports wait until needed."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mpsharp._groups import with_groups
from mpsharp.cli_options import DataOptions, OutOption, TrainingOptions

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Watch gradient descent reach the edge of stability at any arithmetic precision.",
    epilog="Start with: mpsharp compare",
)


@app.command()
@with_groups
def run(
    *,
    bits: Annotated[
        str, typer.Option(help="Significand bits; float32 or float64; or auto, as few as give the exact run.")
    ] = "53",
    data: DataOptions,
    training: TrainingOptions,
    out: OutOption = Path("mpsharp-run"),
) -> None:
    """Train once in one number format; print the outcome, write curves and every number."""
    from mpsharp.automatic import AUTO
    from mpsharp.comparison import Comparison
    from mpsharp.errors import Interrupted
    from mpsharp.formats import Format
    from mpsharp.output import writable_folder
    from mpsharp.training import run as train
    from mpsharp.verification import verified_summary

    asked: dict[str, Any] = {"bits": AUTO} if bits == AUTO else {"format": Format.parse(bits)}
    folder = writable_folder(out)
    problem = training.problem(data)
    interrupted = False
    try:
        result = train(problem, **asked, **training.for_run(problem, data))
    except Interrupted as signal:
        result, interrupted = signal.trajectory, True
    print(Comparison({result.format: result}).table())
    if result.precision_choice is not None:
        print(result.precision_choice)
    if "verified" in result.config:
        print(verified_summary(result))
    result.plot(folder / "curves.png")
    result.save(folder / "trajectory")
    print(f"written: {folder / 'curves.png'}, {folder / 'trajectory'}")
    if interrupted:
        raise SystemExit(130)


@app.command()
@with_groups
def compare(
    *,
    bits: Annotated[
        str, typer.Option(help="Formats, separated by commas: bits, float32, float64.")
    ] = "24,53,128,256,512",
    data: DataOptions,
    training: TrainingOptions,
    out: OutOption = Path("mpsharp-compare"),
) -> None:
    """Make the same run at several precisions; print a table, write loss and sharpness curves."""
    from mpsharp.formats import Format
    from mpsharp.output import writable_folder
    from mpsharp.training import compare as train_all

    chosen = [Format.parse(item.strip()) for item in bits.split(",")]
    folder = writable_folder(out)
    problem = training.problem(data)
    result = train_all(problem, formats=chosen, **training.for_run(problem, data))
    print(result.table())
    result.plot(folder / "compare.png")
    result.save(folder / "trajectories")
    print(f"written: {folder / 'compare.png'}, {folder / 'trajectories'}")


@app.command()
def observables() -> None:
    """List what can be recorded along a run."""
    from mpsharp.observables import listing

    print(listing())


@app.command()
@with_groups
def theory(
    *,
    data: DataOptions,
    imbalance: Annotated[
        str,
        typer.Option(help="Of the minimiser: ‖Πu‖² − v² of every layer, or of each, separated by commas."),
    ] = "0",
    bits: Annotated[
        int | None,
        typer.Option(help="Significand bits of the results (n up to some hundred); float64 by default."),
    ] = None,
) -> None:
    """Print what the theory says of a data set: difficulty, predicted sharpness, bounds, step sizes.

    Sharpness has the unit 1/step size. Columns: the name in mpsharp.theory.report, value, meaning.
    """
    from mpsharp.theory.summary import MEANINGS, report

    layers: Any = imbalance.split(",") if "," in imbalance else imbalance
    problem = data.problem()
    values = report(problem.X, problem.y, data.depth, layers, format=bits)
    all_digits = 10 if bits is None else 1 + math.ceil(bits * math.log10(2))
    digits = {"condition": 4, "difficulty_digits": 3, "label_residual": 3}
    for name, value in values.items():
        text = str(value) if isinstance(value, int) else f"{value:.{digits.get(name, all_digits)}g}"
        print(f"{name:<24}{text:>{all_digits + 6}}  {MEANINGS[name]}")


FULL = (
    "The paper's sizes, where they take longer. On one core, in minutes: fig04, fig09, and fig21 … fig26 "
    "together, 6 each, fig16 and fig20 10, fig18 20, fig12 and fig17 25, fig05 40, fig19 60, fig13 150. "
    "Ctrl-C keeps the long runs of a figure for the next call."
)


@app.command()
def paper(
    names: Annotated[list[str], typer.Argument(help="list, all, or names from the list: fig28 table02.")],
    out: OutOption = Path("mpsharp-paper"),
    seed: Annotated[int, typer.Option(help="Seed of data, starting points and batches.")] = 0,
    full: Annotated[bool, typer.Option("--full", help=FULL)] = False,
    jobs: Annotated[int | None, typer.Option(help="Processes at a time; all cores by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Make also what was made before.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder with the original data, instead of MPSHARP_DATA.")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch public data that is nowhere found.")
    ] = False,
) -> None:
    """Make figures and tables of the paper, and a page, index.html, that shows them.

    What was made before, and has not changed, is kept. Exit status: 0, all are there; 1, one failed; 3, none
    has data.
    """
    from mpsharp.paper import gallery, registry

    if names == ["list"]:
        print(registry.listing())
        return
    outcomes = gallery.make_all(
        names,
        out,
        full=full,
        seed=seed,
        jobs=jobs,
        force=force,
        report=print,
        directory=data_dir,
        download=download,
    )
    statuses = [outcome.status for outcome in outcomes.values()]
    if "failed" in statuses:
        raise SystemExit(1)
    if set(statuses) == {"skipped"}:
        raise SystemExit(3)


def main() -> None:
    """Run the command line; a mistake of the caller's is one line and exit status 2."""
    from mpsharp.errors import MpsharpError

    try:
        app()
    except MpsharpError as error:
        print(f"mpsharp: {type(error).__name__}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("mpsharp: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
