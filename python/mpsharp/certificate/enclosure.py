"""Certified sharpness: an interval that contains the largest eigenvalue of the Hessian."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import gmpy2

from mpsharp._scalar import decompose, is_finite, to_fraction, wide_context
from mpsharp.certificate.candidate import Candidate, Solver
from mpsharp.certificate.interval import Interval, IntervalArithmetic
from mpsharp.certificate.points import Points, rounding_shift
from mpsharp.certificate.proof import is_above, rayleigh_quotient
from mpsharp.certificate.state import State
from mpsharp.errors import ConfigurationError, PrecisionError
from mpsharp.formats import MAX_BITS, check_bits
from mpsharp.initialization import check_count
from mpsharp.problems import Problem
from mpsharp.resources import available_cores, check_square_memory

_GUARD = 64
_MARGIN = 8  # the upper end is sought this many bits below the last one of the result
_ATTEMPTS = 6  # each with twice the guard bits of the one before


class SharpnessInterval(NamedTuple):
    """Numbers (lower, upper), gmpy2.mpfr, that enclose the sharpness."""

    lower: Any
    upper: Any

    def contains(self, value: object) -> bool:
        """Whether lower ≤ value ≤ upper, compared exactly; value as `ExactArray.from_any` takes it."""
        x = _exactly(value)
        return bool(_exactly(self.lower) <= x <= _exactly(self.upper))

    @property
    def width(self) -> Any:
        """Upper − lower, rounded up."""
        with gmpy2.context(wide_context(64), round=gmpy2.RoundUp):
            return self.upper - self.lower

    @property
    def relative_width(self) -> float:
        """(upper − lower)/upper as float64; 0 for [0, 0]."""
        with wide_context(64):
            return float(self.width / self.upper) if self.upper else 0.0


def sharpness_interval(
    problem: Problem,
    bits: int = 256,
    *,
    u: object = None,
    v: object = None,
    threads: int | None = None,
) -> SharpnessInterval:
    """Enclose the sharpness, the largest eigenvalue of the Hessian, with proof.

    Meant are the numbers exactly as they were given: a float is its binary value, text such as "0.1" or a
    Fraction its true one, which no rounding replaces.

    Parameters
    ----------
    problem : Problem
        Data and depth; any shape and rank, D ≥ 2.
    bits : int
        Precision of the two ends, 2 ≤ bits ≤ 90,000. They are at most about 2^(2−bits) apart, relative to the
        sharpness.
    u, v : array_like, shapes (n_features,) and (depth − 1,), optional
        Parameters, for example ``run.u`` and ``run.v`` of a Trajectory; the problem's start by default.
    threads : int, optional
        Of the products with X; all available cores by default. The same result for any number.

    Returns
    -------
    SharpnessInterval
        Named (lower, upper), gmpy2.mpfr of `bits` bits, unit 1/step_size; with `contains`, `width`.

    Raises
    ------
    ShapeError
        u or v do not fit the problem.
    NonFiniteError
        NaN or infinity in u or v; exponents beyond some ±2**29/(4·depth + 8).
    PrecisionError
        bits out of range.
    ResourceError
        More memory needed than there is.

    Notes
    -----
    Lower end: a Rayleigh quotient qᵀHq/qᵀq, evaluated with directed rounding. Upper end: a number μ for which
    μI − H is shown positive definite. H has the block c²XᵀX/n and a border of rank one, so a Schur complement
    leaves two questions: whether μI − c²XᵀX/n is positive definite, which one factorisation of order
    min(n, d) in floating point answers with a proven bound of its rounding errors (Rump 2006), and whether a
    matrix of order D − 1 is, which interval arithmetic answers. `mpsharp.certificate.proof` has the details.
    How q and μ were found does not matter for the proof. Numbers that the working precision does not hold are
    rounded, and the ends moved outwards by a Weyl bound of what this does to H.

    No singular value decomposition is involved: repeated, clustered or vanishing singular values, zero
    borders, c = 0 and negative curvature need no case of their own. Time: a few factorisations, k³/3
    operations each, k = min(n, d).

    References
    ----------
    S. M. Rump, Verification of positive definiteness, BIT 46 (2006); N. J. Higham, Accuracy and Stability of
    Numerical Algorithms (2002), Theorem 10.3.

    Examples
    --------
    >>> import mpsharp
    >>> P = mpsharp.Problem(X=[[1.0]], y=["1/3"], u=["1/3"], v=[1.0])
    >>> interval = mpsharp.sharpness_interval(P, bits=100)
    >>> interval.contains("10/9"), interval.contains(10 / 9)
    (True, False)
    """
    bits = _check(problem, bits)
    points = Points.of(problem, u, v)
    best: Interval | None = None
    for working in _precisions(points, bits):
        state = State(points, working, _threads(threads))
        shift = _shift(points, state)
        if state.may_be_zero(shift) and points.hessian_is_zero():
            best = state.zero
            break
        found = _move_outwards(_enclose(state, bits), shift, state)
        best = found if best is None else Interval(max(best[0], found[0]), min(best[1], found[1]))
        with wide_context(64):
            if best.upper - best.lower <= best.upper * gmpy2.exp2(-bits - 2):
                break
    assert best is not None
    return SharpnessInterval(_rounded(best.lower, bits, down=True), _rounded(best.upper, bits, down=False))


def is_sharpness_interval(
    problem: Problem,
    lower: object,
    upper: object,
    bits: int = 256,
    *,
    u: object = None,
    v: object = None,
    threads: int | None = None,
) -> bool:
    """Whether lower ≤ sharpness < upper can be proven with some guard bits beyond `bits`.

    An interval narrower than that, or with an end on the sharpness itself, gives False: only True is a proof.
    What `sharpness_interval` returns with the same `bits` gives True (but for H = 0).

    Parameters
    ----------
    problem, bits, u, v, threads : as for `sharpness_interval`.
    lower, upper : numbers of any type `ExactArray.from_any` takes.

    Raises
    ------
    MpsharpError
        As `sharpness_interval`.
    """
    bits = _check(problem, bits)
    points = Points.of(problem, u, v)
    low, high = _exactly(lower), _exactly(upper)
    for working in _precisions(points, bits):
        state = State(points, working, _threads(threads))
        shift = _shift(points, state)
        ops = state.arithmetic
        solver = Solver(state)
        raised, lowered = (
            ops.up.add(ops.round(low, ops.up), shift),
            ops.down.sub(ops.round(high, ops.down), shift),
        )
        above = is_above(state, solver, lowered)
        if above and (raised <= 0 or _search(state, solver, bits).lower >= raised):
            return True
        if rayleigh_quotient(state, solver.start()).lower > ops.up.add(ops.round(high, ops.up), shift):
            return False  # proven not to contain it
    return False


# --- the parts --------------------------------------------------------------------------------------


def _enclose(state: State, bits: int) -> Interval:
    """Enclosure for the numbers of `state`, as narrow as its precision allows."""
    if state.is_zero():
        return state.zero
    return _search(state, Solver(state), bits)


def _search(state: State, solver: Solver, bits: int) -> Interval:
    """Find a Rayleigh quotient and a proven upper bound close to each other.

    The refined eigenpair of float64 is nearly always the top one. Where another eigenvalue lies above it,
    closer than float64 can tell, or all of them far below the bound of ‖H‖, the proof fails; then a bound
    that can be proven is sought upwards in powers of two, and bisection with inverse iterations from above
    finds the eigenpair.
    """
    ops = state.arithmetic
    bound = state.norm_bound()
    best = _best(state, solver.start(), None)
    upper = ops.up.add(best, ops.up.div_2exp(best, bits + _MARGIN))
    if is_above(state, solver, upper):
        return Interval(best, upper)
    step, upper = bits + _MARGIN, bound
    scale = best if best > 0 else bound
    while step > 16:
        step -= 16
        trial = ops.up.add(best, ops.up.div_2exp(scale, step))
        if trial >= bound:
            break
        if is_above(state, solver, trial):
            upper = trial
            break
    for halving in range(48):
        if halving % 3 == 0:
            improved = _best(state, solver.from_above(upper), best)
            if improved > best:
                best = improved
                trial = ops.up.add(best, ops.up.div_2exp(best, bits + _MARGIN))
                if trial < upper and is_above(state, solver, trial):
                    return Interval(best, trial)
        middle = _between(ops, best, upper)
        if not best < middle < upper:
            break
        if is_above(state, solver, middle):
            upper = middle
        elif halving > 24:
            break
        else:
            # Not provable there: go on nearer to the bound.
            trial = _between(ops, middle, upper)
            if not is_above(state, solver, trial):
                continue
            upper = trial
    return Interval(best, upper)


def _between(ops: IntervalArithmetic, low: Any, high: Any) -> Any:
    """Middle of two numbers; of their logarithms where the larger one is far off."""
    if low > 0 and high > ops.nearest.mul_2exp(low, 2):
        return ops.nearest.sqrt(ops.nearest.mul(low, high))
    return ops.middle(Interval(low, high))


def _best(state: State, candidate: Candidate, so_far: Any) -> Any:
    """Larger of the lower bounds; an eigenvalue is never below 0, since no diagonal entry is."""
    value = rayleigh_quotient(state, candidate).lower
    floor = state.arithmetic.zero if so_far is None else so_far
    return value if gmpy2.is_finite(value) and value > floor else floor


def _precisions(points: Points, bits: int) -> Iterator[int]:
    """Working precisions to be tried, rising."""
    size = 2 * math.ceil(math.log2(min(points.X.shape) + len(points.v) + 2))
    for attempt in range(_ATTEMPTS):
        working = bits + size + _GUARD * 2**attempt
        yield min(working, MAX_BITS)
        if working >= MAX_BITS:
            return
    if 32 * bits + size <= MAX_BITS:
        yield 32 * bits + size


def _shift(points: Points, state: State) -> Any:
    """Weyl term of the numbers that the working precision does not hold."""
    if all(points.exact_bits(name) <= state.bits for name in ("X", "y", "u", "v")):
        return state.arithmetic.zero
    norm_x = state.arithmetic.up.sqrt(state.trace)
    return rounding_shift(norm_x, state.numbers, state.arithmetic)


def _move_outwards(found: Interval, shift: Any, state: State) -> Interval:
    ops = state.arithmetic
    lower = max(ops.down.sub(found.lower, shift), ops.zero)
    return Interval(lower, ops.up.add(found.upper, shift))


def _rounded(x: Any, bits: int, *, down: bool) -> Any:
    mode = gmpy2.RoundDown if down else gmpy2.RoundUp
    with gmpy2.context(wide_context(bits), round=mode):
        return gmpy2.mpfr(x)


def _exactly(value: object) -> Any:
    """Exact value as a gmpy2.mpq."""
    number = decompose(value)
    if not is_finite(number):
        raise ConfigurationError(f"value: expected a finite number, got {value!r}")
    return gmpy2.mpq(to_fraction(number))


def _check(problem: Problem, bits: object) -> int:
    if not isinstance(problem, Problem):
        raise ConfigurationError(f"problem: expected a Problem, got {type(problem).__name__}")
    number = check_bits(bits)
    if number > 90_000:
        raise PrecisionError(f"bits: expected at most 90000, to leave room for guard bits, got {number}")
    check_square_memory(problem, number + 4 * _GUARD)
    return number


def _threads(threads: int | None) -> int:
    return available_cores() if threads is None else check_count("threads", threads)
