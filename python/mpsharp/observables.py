"""What can be recorded along a run, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mpsharp._text import text_table
from mpsharp.errors import ConfigurationError, ConvergenceError, NonFiniteError, check_name
from mpsharp.exact import ExactArray
from mpsharp.theory.arithmetic import Number, sqrt
from mpsharp.theory.bounds import bounds, exact_sharpness, layer_squares
from mpsharp.theory.lemmas import bounds_at
from mpsharp.theory.one_step import gd_change, sgd_change

if TYPE_CHECKING:
    from mpsharp.backends.point import Point
    from mpsharp.problems import Problem

DEFAULT_OBSERVABLES = ("loss", "sharpness", "imbalance")


@dataclass(frozen=True)
class Record:
    """One array that an observable brings.

    Parameters
    ----------
    name : under which a Trajectory has it.
    unit : in powers of the step size, the only unit there is.
    axis : what its entries are counted by; None for one number per step.
    entries : names of the first entries.
    columns : whether one entry for each number of the first layer follows, in the coordinates of the run.
    layers : whether one entry for each outer layer follows, v_1 … v_{depth - 1}.
    counted : whether the parameter of the observable says how many entries there are.
    """

    name: str
    unit: str
    axis: str | None = None
    entries: tuple[str, ...] = ()
    columns: bool = False
    layers: bool = False
    counted: bool = False

    def shape(self, depth: int, parameter: int | None = None, columns: int = 0) -> tuple[int, ...]:
        """Shape at one step; `columns` is the size of the first layer."""
        if self.counted:
            return (parameter or 0,)
        if self.axis is None:
            return ()
        return (len(self.entries) + columns * self.columns + (depth - 1) * self.layers,)

    def labels(self, count: int) -> list[str]:
        """Names of `count` entries."""
        more = range(1, count + 1)
        layered = self.layers and not self.columns
        return [*self.entries, *(f"v{k}" if layered else f"{self.axis} {k}" for k in more)][:count]


@dataclass(frozen=True)
class Kind:
    """An entry of the registry.

    Parameters
    ----------
    name : as the user writes it.
    records : what it brings.
    evaluate : from a Point and the parameter to one value per record, in `Point.arithmetic`, or as
        ExactArray; called in that arithmetic.
    doc : what it is.
    parameter : what the number after a colon means; None if it takes none.
    depth : the only depth it is defined for; None for any.
    by_sample : whether it needs the rows of X to be the samples.
    by_step : whether it needs a step size.
    always : whether a state that is not finite has it, too.
    """

    name: str
    records: tuple[Record, ...]
    evaluate: Callable[[Point, Any], tuple[Any, ...]]
    doc: str
    parameter: str | None = None
    depth: int | None = None
    by_sample: bool = False
    by_step: bool = False
    always: bool = False


@dataclass(frozen=True)
class Observable:
    """One thing to be recorded: an entry of the registry with its parameter.

    Its text, ``str(observable)``, is what `run` takes: "sharpness", "sgd_imbalance_change:32".
    """

    kind: Kind
    parameter: int | None = None

    def __str__(self) -> str:
        return self.kind.name if self.parameter is None else f"{self.kind.name}:{self.parameter}"


KINDS: dict[str, Kind] = {}
RECORDS: dict[str, Record] = {}


def _register(*records: Record, **options: Any) -> Callable[[Any], Any]:
    """Enter a function into the registry under its first record's name; its docstring says what it is."""

    def enter(evaluate: Any) -> Any:
        doc = " ".join((evaluate.__doc__ or "").split())
        KINDS[records[0].name] = Kind(records[0].name, records, evaluate, doc, **options)
        RECORDS.update({record.name: record for record in records})
        return evaluate

    return enter


# What gradient flow records whatever is asked for.
RECORDS["flow_time"] = Record("flow_time", "step_size")
# What a verified run has besides (`mpsharp.verification`).
RECORDS["loss_bits"] = Record("loss_bits", "bits")
RECORDS["sharpness_bits"] = Record("sharpness_bits", "bits")


# --- the registry -----------------------------------------------------------------------------------


@_register(Record("loss", "1"), always=True)
def _loss(point: Point, _: None) -> tuple[Any, ...]:
    """‖z‖²/(2n) as the run computes it, in its format; always recorded."""
    return (point.loss,)


@_register(Record("sharpness", "1/step_size"), Record("sharpness_residual", "1/step_size"))
def _sharpness(point: Point, _: None) -> tuple[Any, ...]:
    """Largest eigenvalue S of the Hessian; brings ‖Hx − Sx‖ of the unit vector x found with it, too."""
    return point.sharpness, point.sharpness_residual


@_register(Record("parameters", "1", "parameter", columns=True, layers=True), always=True)
def _parameters(point: Point, _: None) -> tuple[Any, ...]:
    """Every parameter, bit for bit: u, in the coordinates of the run, then v_1 … v_{depth − 1}."""
    return (point.parameters,)


@_register(Record("imbalance", "1", "layer", layers=True))
def _imbalance(point: Point, _: None) -> tuple[Any, ...]:
    """‖Πu‖² − v_l² of every outer layer (Definition 4.2)."""
    return (point.imbalance,)


@_register(Record("eigenvalues", "1/step_size", "rank", counted=True), parameter="count")
def _eigenvalues(point: Point, count: int) -> tuple[Any, ...]:
    """The largest eigenvalues of the Hessian, falling; 5 of them, or the number after the colon. Their errors
    are relative to the first.
    """
    return (point.eigenvalues(count),)


@_register(Record("gradient_norm", "1/step_size"))
def _gradient_norm(point: Point, _: None) -> tuple[Any, ...]:
    """‖∇L‖ over all parameters."""
    return (point.moments.gradient_norm(point.v, point.n_samples),)


@_register(Record("weight_norms", "1", "weight", ("u", "projected_u"), layers=True))
def _weight_norms(point: Point, _: None) -> tuple[Any, ...]:
    """‖u‖, ‖Πu‖, then |v_l| of every outer layer; u in the coordinates of the run, so that ‖u‖ = ‖Πu‖ in
    those other than parameter.
    """
    return ([sqrt(point.moments.uu), sqrt(point.projected_square), *abs(point.v)],)


@_register(
    Record("imbalance_terms", "1/step_size**2", "term", ("a", "b", "a_batch", "b_batch")), by_sample=True
)
def _imbalance_terms(point: Point, _: None) -> tuple[Any, ...]:
    """Terms a = ‖Xᵀz‖², b = (zᵀXu)², a⊙ = nΣ‖x_i‖²z_i² − a, b⊙ = n‖z⊙Xu‖² − b (Theorem 5.9)."""
    return (list(point.moments.imbalance_terms(point.n_samples)),)


@_register(Record("gd_imbalance_change", "1", "layer", layers=True), by_step=True)
def _gd_imbalance_change(point: Point, _: None) -> tuple[Any, ...]:
    """C⁺ − C of one step of GD with the run's step size, (η²/n²)(c²a − w_l²b) (Theorem 5.9)."""
    terms = point.moments.imbalance_terms(point.n_samples)
    return (gd_change(terms, point.v, point.step_size / point.n_samples),)


@_register(
    Record("sgd_imbalance_change", "1", "layer", layers=True),
    parameter="batch_size",
    by_sample=True,
    by_step=True,
)
def _sgd_imbalance_change(point: Point, batch_size: int) -> tuple[Any, ...]:
    """E C⁺ − C of one step of SGD, its batch uniform without replacement (Theorem 5.9); the number after
    the colon is the batch size, the optimizer's own by default.
    """
    n = point.n_samples
    return (sgd_change(point.moments.imbalance_terms(n), point.v, point.step_size / n, batch_size, n),)


@_register(Record("bounds", "1/step_size", "bound", ("lower", "upper")), depth=2)
def _bounds(point: Point, _: None) -> tuple[Any, ...]:
    """Lower and upper bound of the sharpness anywhere (Lemma B.3, depth 2)."""
    return (_lemma_bounds(point),)


@_register(Record("bound_distances", "1/step_size", "bound", ("lower", "upper")), depth=2)
def _bound_distances(point: Point, _: None) -> tuple[Any, ...]:
    """Sharpness minus the lower bound of Lemma B.3, and the upper one minus sharpness: never negative but
    for rounding.
    """
    return (_distances(point, _lemma_bounds(point)),)


@_register(Record("flow_bounds", "1/step_size", "bound", ("lower", "upper")))
def _flow_bounds(point: Point, _: None) -> tuple[Any, ...]:
    """Bounds of the sharpness at the minimisers with the present imbalance (Theorems 4.3 and 4.6; ours where
    deep and not balanced).
    """
    return (_minimizer_bounds(point),)


@_register(Record("flow_bound_distances", "1/step_size", "bound", ("lower", "upper")))
def _flow_bound_distances(point: Point, _: None) -> tuple[Any, ...]:
    """Sharpness minus the lower flow bound, and the upper one minus sharpness; both are ≥ 0 from where on
    the sharpness lies between the bounds of what gradient flow would reach.
    """
    return (_distances(point, _minimizer_bounds(point)),)


@_register(Record("flow_sharpness", "1/step_size"))
def _flow_sharpness(point: Point, _: None) -> tuple[Any, ...]:
    """Sharpness that gradient flow would reach from here: that of the minimisers with the present imbalance,
    exactly (Corollaries 5.3 and 5.4).
    """
    parts = point.spectrum
    with parts.arithmetic.active():
        return (exact_sharpness(parts, point.labels, _layers(point)),)


def _layers(point: Point) -> Any:
    parts = point.spectrum
    imbalance = point.projected_square - point.v * point.v
    return layer_squares(parts.arithmetic, parts.difficulty(point.labels), imbalance)


def _minimizer_bounds(point: Point) -> list[Number]:
    parts = point.spectrum
    with parts.arithmetic.active():
        return list(bounds(parts, point.labels, _layers(point)))


def _lemma_bounds(point: Point) -> list[Number]:
    parts, sums, n = point.spectrum, point.moments, point.n_samples
    if not parts.rank:
        return [0 * point.v[0]] * 2
    at = bounds_at(parts.top, point.top_label, point.top_weight, point.v[0], sums.ss, sqrt(sums.gg))
    return [x / n for x in at]


def _distances(point: Point, limits: list[Number]) -> list[Number]:
    sharpness = point.sharpness.to_gmpy2() if point.arithmetic.bits else float(point.sharpness.to_float64())
    return [sharpness - limits[0], limits[1] - sharpness]


DEFAULTS = tuple(Observable(KINDS[name]) for name in DEFAULT_OBSERVABLES)


# --- asking for them --------------------------------------------------------------------------------


def resolve(
    observables: str | Iterable[str], *, problem: Problem, optimizer: Any, coordinates: str = "parameter"
) -> tuple[Observable, ...]:
    """Look names up, fill in what the optimizer knows, and check that the run has what they need.

    Parameters
    ----------
    observables : names, or one text of names separated by commas; each may end in ":number".
    problem, optimizer, coordinates : of the run.

    Returns
    -------
    tuple of Observable
        The loss is the first of them, asked for or not.

    Raises
    ------
    UnknownNameError
        A name that is not in the registry; the message lists those that are.
    ConfigurationError
        A name twice; a number where none belongs or out of range; something that this run does not have.
    """
    if isinstance(observables, str):
        observables = [name.strip() for name in observables.split(",")]
    elif not isinstance(observables, Iterable):
        raise ConfigurationError(f"observables: expected names, got {observables!r}")
    chosen = [_parse(text, problem, optimizer, coordinates) for text in observables]
    names = [item.kind.name for item in chosen]
    if len(set(names)) != len(names):
        raise ConfigurationError(f"observables: expected each name once, got {names}")
    chosen.sort(key=lambda item: item.kind.name != "loss")
    return tuple(chosen) if "loss" in names else (Observable(KINDS["loss"]), *chosen)


def evaluate(observables: Iterable[Observable], point: Point) -> dict[str, ExactArray]:
    """Return every record of some observables at one point.

    NaN where the state is not finite, or where float64 overflows on the way.
    """
    if point.arithmetic.bits is None:  # one that overflows spoils no other
        return _evaluate(observables, point, point.arithmetic.active)
    with point.arithmetic.active():
        return _evaluate(observables, point, nullcontext)


def listing() -> str:
    """Return the registry as a table: name, unit, what it is."""
    rows = [
        (name if kind.parameter is None else f"{name}[:{kind.parameter}]", kind.records[0].unit, kind.doc)
        for name, kind in KINDS.items()
    ]
    return text_table(("name", "unit", "what"), rows)


def _parse(text: object, problem: Problem, optimizer: Any, coordinates: str) -> Observable:
    name, colon, number = text.partition(":") if isinstance(text, str) else (text, "", "")
    kind = KINDS[check_name("observable", name, KINDS)]
    parameter = None
    if colon:
        if kind.parameter is None or not number.isdecimal():
            expected = f"{name}:{kind.parameter}, a number," if kind.parameter else repr(name)
            raise ConfigurationError(f"observables: expected {expected} got {text!r}")
        parameter = int(number)
    if kind.depth not in (None, problem.depth):
        raise ConfigurationError(f"{text}: expected depth {kind.depth}, got {problem.depth}")
    if kind.by_step and getattr(optimizer, "step_size", None) is None:
        raise ConfigurationError(f"{text}: expected an optimizer with a step_size, got {optimizer!r}")
    if kind.by_sample and coordinates == "spectral":
        raise ConfigurationError(
            f"{text}: expected coordinates that show the samples (parameter, row_space), got 'spectral'"
        )
    if kind.parameter == "count":
        parameter = min(5, _n_parameters(problem)) if parameter is None else parameter
        if not 1 <= parameter <= _n_parameters(problem):
            raise ConfigurationError(f"{text}: expected 1 … {_n_parameters(problem)}, got {parameter}")
    if kind.parameter == "batch_size":
        parameter = getattr(optimizer, "batch_size", None) if parameter is None else parameter
        if parameter is None:
            raise ConfigurationError(
                f"{text}: expected an optimizer with a batch_size, or '{text}:32'; got {optimizer!r}"
            )
        if not 1 <= parameter <= problem.n_samples:
            raise ConfigurationError(f"{text}: expected 1 … {problem.n_samples} samples, got {parameter}")
    return Observable(kind, parameter)


def _n_parameters(problem: Problem) -> int:
    return problem.n_features + len(problem.v)


def _evaluate(
    observables: Iterable[Observable], point: Point, active: Callable[[], AbstractContextManager[None]]
) -> dict[str, ExactArray]:
    result: dict[str, ExactArray] = {}
    for item in observables:
        values = _values(item, point, active)
        for record, value in zip(item.kind.records, values, strict=True):
            result[record.name] = value if isinstance(value, ExactArray) else _rounded(value, point)
    return result


def _values(
    item: Observable, point: Point, active: Callable[[], AbstractContextManager[None]]
) -> tuple[Any, ...]:
    if item.kind.always or point.finite:
        try:
            with active():
                return item.kind.evaluate(point, item.parameter)
        except (NonFiniteError, ConvergenceError):
            pass  # an outcome of the mathematics: too large for float64
    return tuple(
        np.full(record.shape(len(point.v) + 1, item.parameter), np.nan) for record in item.kind.records
    )


def _rounded(value: Any, point: Point) -> ExactArray:
    array = np.asarray(value)
    if not array.ndim:
        return ExactArray.from_any([array[()]], point.record_bits)[0]
    return ExactArray.from_any(array, point.record_bits)
