"""Groups of options that commands share. A new option is a field here, and what it does, below it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

if TYPE_CHECKING:
    from mpsharp.optimizers import Optimizer
    from mpsharp.problems import Problem


class Method(StrEnum):
    """What trains."""

    GD = "gd"
    SGD = "sgd"
    FLOW = "flow"


class Data(StrEnum):
    """What can be trained on."""

    APPENDIX_D = "appendix-d"
    GAUSSIAN = "gaussian"
    DIGITS = "digits-3-5"
    CATS_AND_DOGS = "cifar10-cat-dog"
    HOUSE_NUMBERS = "svhn-3-5"
    SPEECH = "speech-yes-no"


OutOption = Annotated[Path, Option("--out", help="Folder to write to; made if it does not exist.")]


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Which data, and where it is."""

    data: Annotated[Data, Option("--data", help="Data set or synthetic problem.")] = Data.APPENDIX_D
    n: Annotated[int, Option("--n", help="Number of samples.")] = 100
    depth: Annotated[int, Option(help="Layers D of the model, at least 2.")] = 2
    seed: Annotated[int, Option(help="Seed of data, starting point and batches.")] = 0
    data_dir: Annotated[Path | None, Option(help="Folder with the original data.")] = None
    download: Annotated[bool, Option("--download", help="Fetch public data that is nowhere found.")] = False

    def problem(self, **options: Any) -> Problem:
        """Return the problem; `options` go to its function in `mpsharp.problems`."""
        from mpsharp import problems

        common = {"seed": self.seed, "depth": self.depth, **options}
        if self.data is Data.APPENDIX_D:
            return problems.appendix_d(self.n, **common)
        if self.data is Data.GAUSSIAN:
            return problems.gaussian(self.n, **common)
        directory = None if self.data_dir is None else str(self.data_dir)
        return problems.from_dataset(
            self.data.value, self.n, directory=directory, download=self.download, **common
        )


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How to train."""

    step_size: Annotated[
        str | None, Option(help="Step size of GD and SGD; by default it follows from --limit-ratio.")
    ] = None
    limit_ratio: Annotated[
        float | None,
        Option(
            help="Predicted sharpness over the stability limit 2/step size: the problem's own by default."
        ),
    ] = None
    optimizer: Annotated[Method, Option(help="What trains.")] = Method.GD
    batch_size: Annotated[int | None, Option(help="Rows of a batch of SGD.")] = None
    sampling: Annotated[str, Option(help="Batches of SGD: reshuffle or uniform.")] = "reshuffle"
    flow_rule: Annotated[str, Option(help="Step sizes of gradient flow: controlled or paper.")] = "controlled"
    tolerance: Annotated[float | None, Option(help="Error of a step of gradient flow, relative.")] = None
    steps: Annotated[int | None, Option(help="Steps at most; the problem's own number by default.")] = None
    record_every: Annotated[int, Option(help="Record every that many steps.")] = 1
    stop_loss: Annotated[str | None, Option(help="Converged once the loss is at most this, e.g. 1e-400.")] = (
        None
    )
    observables: Annotated[
        str, Option(help="What to record, separated by commas; `mpsharp observables` lists what there is.")
    ] = "loss,sharpness,imbalance"
    arithmetic: Annotated[
        str, Option(help="Rounding of dot products: exact, sequential, or numpy (float formats only).")
    ] = "exact"
    coordinates: Annotated[
        str, Option(help="What is trained: parameter, row_space or spectral (fast) coordinates.")
    ] = "parameter"
    noise: Annotated[
        str | None, Option(help="Perturb every parameter after every step, relative size, e.g. 1e-16.")
    ] = None
    verify: Annotated[
        str | None,
        Option(
            help="Record how many bits are right: agreed (by a run at more bits) or proven (ball arithmetic)."
        ),
    ] = None
    threads: Annotated[int | None, Option(help="Threads; all cores by default.")] = None

    def problem(self, data: DataOptions) -> Problem:
        """Return the problem, with the step size that follows from the limit ratio."""
        from mpsharp.errors import ConfigurationError

        if self.limit_ratio is None:
            return data.problem()
        if data.data is Data.GAUSSIAN:
            raise ConfigurationError("--limit-ratio: gaussian data takes --step-size instead")
        return data.problem(limit_ratio=self.limit_ratio)

    def for_run(self, problem: Problem, data: DataOptions) -> dict[str, Any]:
        """Return keyword arguments of `mpsharp.run`."""
        return {
            "optimizer": self._optimizer(problem),
            "steps": self.steps,
            "record_every": self.record_every,
            "stop_loss": self.stop_loss,
            "observables": self.observables,
            "arithmetic": self.arithmetic,
            "coordinates": self.coordinates,
            "noise": self.noise,
            "verify": self.verify or False,
            "threads": self.threads,
            "seed": data.seed,
        }

    def _optimizer(self, problem: Problem) -> Optimizer | None:
        """Return the optimiser asked for, None for the problem's own."""
        from mpsharp.errors import ConfigurationError
        from mpsharp.optimizers import GD, SGD, GradientFlow

        if self.batch_size is not None and self.optimizer is not Method.SGD:
            raise ConfigurationError(f"--batch-size: expected --optimizer sgd, got {self.optimizer.value}")
        if self.optimizer is Method.FLOW:
            if self.step_size is not None:
                raise ConfigurationError("--step-size: expected none with --optimizer flow, which chooses it")
            return GradientFlow(self.flow_rule, tolerance=self.tolerance)
        if self.tolerance is not None or self.flow_rule != "controlled":
            raise ConfigurationError(
                f"--tolerance, --flow-rule: expected --optimizer flow, got {self.optimizer.value}"
            )
        if self.optimizer is Method.GD:
            return None if self.step_size is None else GD(self.step_size)
        if self.batch_size is None:
            raise ConfigurationError("--optimizer sgd: expected a --batch-size, got none")
        own = problem.optimizer.step_size if isinstance(problem.optimizer, GD) else None
        return SGD(own if self.step_size is None else self.step_size, self.batch_size, self.sampling)
