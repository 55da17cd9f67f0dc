"""The command line: `mpsharp run`, `mpsharp compare`, `mpsharp paper`. Heavy imports wait until needed."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mpsharp.optimizers import Optimizer
    from mpsharp.problems import Problem

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Watch gradient descent reach the edge of stability at any arithmetic precision.",
    epilog="Start with: mpsharp compare",
)


class Data(StrEnum):
    """What can be trained on."""

    APPENDIX_D = "appendix-d"
    GAUSSIAN = "gaussian"
    DIGITS = "digits-3-5"
    CATS_AND_DOGS = "cifar10-cat-dog"


class Method(StrEnum):
    """What trains."""

    GD = "gd"
    SGD = "sgd"


DataOption = Annotated[Data, typer.Option("--data", help="Data set or synthetic problem.")]
SamplesOption = Annotated[int, typer.Option("--n", help="Number of samples.")]
DepthOption = Annotated[int, typer.Option(help="Layers D of the model, at least 2.")]
StepSizeOption = Annotated[
    str | None, typer.Option(help="Step size; by default it follows from --limit-ratio.")
]
RatioOption = Annotated[
    float | None,
    typer.Option(
        help="Predicted sharpness over the stability limit 2/step size: the problem's own by default."
    ),
]
OptimizerOption = Annotated[Method, typer.Option("--optimizer", help="What trains.")]
BatchSizeOption = Annotated[int | None, typer.Option(help="Rows of a batch of SGD.")]
SamplingOption = Annotated[str, typer.Option(help="Batches of SGD: reshuffle or uniform.")]
StepsOption = Annotated[int | None, typer.Option(help="Steps at most; the problem's own number by default.")]
SeedOption = Annotated[int, typer.Option(help="Seed of data, starting point and batches.")]
EveryOption = Annotated[int, typer.Option(help="Record every that many steps.")]
StopOption = Annotated[str | None, typer.Option(help="Converged once the loss is at most this, e.g. 1e-400.")]
ArithmeticOption = Annotated[
    str, typer.Option(help="Rounding of dot products: exact, sequential, or numpy (float formats only).")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder to write to; made if it does not exist.")]
FolderOption = Annotated[Path | None, typer.Option("--data-dir", help="Folder with the original data.")]
DownloadOption = Annotated[bool, typer.Option("--download", help="Fetch public data that is nowhere found.")]
ThreadsOption = Annotated[int | None, typer.Option(help="Threads; all cores by default.")]


def _problem(
    data: Data,
    n: int,
    depth: int,
    limit_ratio: float | None,
    seed: int,
    folder: Path | None,
    download: bool,
) -> Problem:
    from mpsharp import problems
    from mpsharp.errors import ConfigurationError

    options: dict[str, Any] = {} if limit_ratio is None else {"limit_ratio": limit_ratio}
    if data is Data.APPENDIX_D:
        return problems.appendix_d(n, seed=seed, depth=depth, **options)
    if data is Data.GAUSSIAN:
        if options:
            raise ConfigurationError("--limit-ratio: gaussian data takes --step-size instead")
        return problems.gaussian(n, seed=seed, depth=depth)
    return problems.from_dataset(
        data.value,
        n,
        seed,
        depth=depth,
        directory=None if folder is None else str(folder),
        download=download,
        **options,
    )


def _optimizer(
    method: Method, problem: Problem, step_size: str | None, batch_size: int | None, sampling: str
) -> Optimizer | None:
    """Return the optimiser asked for, None for the problem's own."""
    from mpsharp.errors import ConfigurationError
    from mpsharp.optimizers import GD, SGD

    if batch_size is not None and method is not Method.SGD:
        raise ConfigurationError(f"--batch-size: expected --optimizer sgd, got {method.value}")
    if method is Method.GD:
        return None if step_size is None else GD(step_size)
    if batch_size is None:
        raise ConfigurationError("--optimizer sgd: expected a --batch-size, got none")
    own = problem.optimizer.step_size if isinstance(problem.optimizer, GD) else None
    return SGD(own if step_size is None else step_size, batch_size, sampling)


def _options(
    optimizer: Optimizer | None,
    steps: int | None,
    record_every: int,
    stop_loss: str | None,
    arithmetic: str,
    threads: int | None,
    seed: int,
) -> dict[str, Any]:
    return {
        "optimizer": optimizer,
        "steps": steps,
        "record_every": record_every,
        "stop_loss": stop_loss,
        "arithmetic": arithmetic,
        "threads": threads,
        "seed": seed,
    }


@app.command()
def run(
    bits: Annotated[str, typer.Option(help="Significand bits, or float32 or float64.")] = "53",
    data: DataOption = Data.APPENDIX_D,
    n: SamplesOption = 100,
    depth: DepthOption = 2,
    step_size: StepSizeOption = None,
    limit_ratio: RatioOption = None,
    optimizer: OptimizerOption = Method.GD,
    batch_size: BatchSizeOption = None,
    sampling: SamplingOption = "reshuffle",
    steps: StepsOption = None,
    seed: SeedOption = 0,
    record_every: EveryOption = 1,
    stop_loss: StopOption = None,
    arithmetic: ArithmeticOption = "exact",
    threads: ThreadsOption = None,
    out: OutOption = Path("mpsharp-run"),
    data_dir: FolderOption = None,
    download: DownloadOption = False,
) -> None:
    """Train once in one number format; print the outcome, write curves and every number."""
    from mpsharp.comparison import Comparison
    from mpsharp.errors import Interrupted
    from mpsharp.formats import Format
    from mpsharp.output import writable_folder
    from mpsharp.training import run as train

    chosen = Format.parse(bits)
    folder = writable_folder(out)
    problem = _problem(data, n, depth, limit_ratio, seed, data_dir, download)
    chosen_optimizer = _optimizer(optimizer, problem, step_size, batch_size, sampling)
    options = _options(chosen_optimizer, steps, record_every, stop_loss, arithmetic, threads, seed)
    interrupted = False
    try:
        result = train(problem, format=chosen, **options)
    except Interrupted as signal:
        result, interrupted = signal.trajectory, True
    print(Comparison({chosen: result}).table())
    result.plot(folder / "curves.png")
    result.save(folder / "trajectory")
    print(f"written: {folder / 'curves.png'}, {folder / 'trajectory'}")
    if interrupted:
        raise SystemExit(130)


@app.command()
def compare(
    bits: Annotated[
        str, typer.Option(help="Formats, separated by commas: bits, float32, float64.")
    ] = "24,53,128,256,512",
    data: DataOption = Data.APPENDIX_D,
    n: SamplesOption = 100,
    depth: DepthOption = 2,
    step_size: StepSizeOption = None,
    limit_ratio: RatioOption = None,
    optimizer: OptimizerOption = Method.GD,
    batch_size: BatchSizeOption = None,
    sampling: SamplingOption = "reshuffle",
    steps: StepsOption = None,
    seed: SeedOption = 0,
    record_every: EveryOption = 1,
    stop_loss: StopOption = None,
    arithmetic: ArithmeticOption = "exact",
    threads: ThreadsOption = None,
    out: OutOption = Path("mpsharp-compare"),
    data_dir: FolderOption = None,
    download: DownloadOption = False,
) -> None:
    """Make the same run at several precisions; print a table, write loss and sharpness curves."""
    from mpsharp.formats import Format
    from mpsharp.output import writable_folder
    from mpsharp.training import compare as train_all

    chosen = [Format.parse(item.strip()) for item in bits.split(",")]
    folder = writable_folder(out)
    problem = _problem(data, n, depth, limit_ratio, seed, data_dir, download)
    chosen_optimizer = _optimizer(optimizer, problem, step_size, batch_size, sampling)
    options = _options(chosen_optimizer, steps, record_every, stop_loss, arithmetic, threads, seed)
    result = train_all(problem, formats=chosen, **options)
    print(result.table())
    result.plot(folder / "compare.png")
    result.save(folder / "trajectories")
    print(f"written: {folder / 'compare.png'}, {folder / 'trajectories'}")


@app.command()
def theory(
    data: DataOption = Data.APPENDIX_D,
    n: SamplesOption = 100,
    depth: DepthOption = 2,
    seed: SeedOption = 0,
    data_dir: FolderOption = None,
    download: DownloadOption = False,
) -> None:
    """Print what the theory says of a data set: difficulty, predicted sharpness, bounds, step sizes."""
    from mpsharp._text import text_table
    from mpsharp.theory import report

    problem = _problem(data, n, depth, None, seed, data_dir, download)
    rows = []
    for name, value in report(problem.X, problem.y, depth).items():
        rows.append((name, f"{value:.6g}" if isinstance(value, float) else str(value)))
    print(text_table(("quantity", "value"), rows))


@app.command()
def paper(
    names: Annotated[list[str], typer.Argument(help="list, all, or names from the list: fig28 table02.")],
    out: OutOption = Path("mpsharp-paper"),
    seed: SeedOption = 0,
    full: Annotated[bool, typer.Option("--full", help="The paper's sizes, where they take longer.")] = False,
) -> None:
    """Make figures and tables of the paper: pictures, numbers as CSV, and a manifest that repeats them."""
    from mpsharp.paper import registry

    if names == ["list"]:
        print(registry.listing())
        return
    skipped = registry.produce_all(names, out, full=full, seed=seed, report=print)
    if skipped and len(skipped) == len(names):
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
