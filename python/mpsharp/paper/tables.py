"""Tables of the paper that need only data: difficulty, thresholds, predicted sharpness, bounds and gaps."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mpsharp._text import text_table
from mpsharp.datasets import Dataset
from mpsharp.errors import ConfigurationError, check_name
from mpsharp.initialization import check_count, check_seed
from mpsharp.theory.arithmetic import Arithmetic
from mpsharp.theory.bounds import bounds, layer_squares, predicted
from mpsharp.theory.expectations import converged_bounds, imbalance_moments, initial_bounds
from mpsharp.theory.imbalance import labels_in_range, threshold
from mpsharp.theory.singular import Spectrum, spectrum

SIZES = (100, 300, 500, 1000)
SUBSETS = 50
DEPTHS = (2, 3, 4, 5)

Values = Mapping[str, npt.NDArray[np.float64]]
Printed = Mapping[int, tuple[float, float]]


@dataclass(frozen=True)
class Cell:
    """One entry: ours and the paper's, mean and standard deviation over subsets.

    Parameters
    ----------
    mean, deviation : over `count` subsets; the deviation divides by count − 1.
    count : how many subsets.
    printed : mean and standard deviation in the paper; None where it prints none.
    """

    mean: float
    deviation: float
    count: int
    printed: tuple[float, float] | None = None

    @property
    def ratio(self) -> float | None:
        """Our mean over the paper's."""
        return None if self.printed is None else self.mean / self.printed[0]

    @property
    def standard_error(self) -> float:
        """Of the mean."""
        return float(self.deviation / np.sqrt(self.count))


@dataclass(frozen=True)
class Table:
    """A table of the paper on one data set.

    Parameters
    ----------
    name, title : of the table.
    dataset : name of the data set.
    cells : by row (text) and number of samples.
    """

    name: str
    title: str
    dataset: str
    cells: Mapping[str, Mapping[int, Cell]]

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary per entry: whose it is, ours, the paper's (None without), their ratio."""
        return [
            {
                "table": self.name,
                "dataset": self.dataset,
                "row": row,
                "n_samples": n,
                "mean": cell.mean,
                "deviation": cell.deviation,
                "subsets": cell.count,
                "paper_mean": cell.printed[0] if cell.printed else None,
                "paper_deviation": cell.printed[1] if cell.printed else None,
                "ratio": cell.ratio,
            }
            for row, line in self.cells.items()
            for n, cell in line.items()
        ]

    def text(self) -> str:
        """Mean(standard deviation), the paper's below it, and their ratio, as aligned text."""
        return f"{self.title}, {self.dataset}\n" + text_table(self._header(), self._lines())

    def csv(self) -> str:
        """All of `rows` as comma-separated values with every digit."""
        out = io.StringIO()
        rows = self.rows()
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()

    def latex(self) -> str:
        """The text table as a LaTeX tabular."""
        header = self._header()
        body = [" & ".join(line) + r" \\" for line in [header, *self._lines()]]
        body.insert(1, r"\hline")
        return "\n".join([rf"\begin{{tabular}}{{{'r' * len(header)}}}", *body, r"\end{tabular}"]) + "\n"

    def _header(self) -> list[str]:
        return ["", "", *(f"n = {n}" for n in next(iter(self.cells.values())))]

    def _lines(self) -> list[list[str]]:
        lines = []
        for row, cells in self.cells.items():
            lines.append([row, "ours", *(_number(c.mean, c.deviation) for c in cells.values())])
            if any(c.printed for c in cells.values()):
                printed = [_number(*c.printed) if c.printed else "-" for c in cells.values()]
                ratios = ["-" if c.ratio is None else f"{c.ratio:.3f}" for c in cells.values()]
                lines += [["", "paper", *printed], ["", "ratio", *ratios]]
        return lines


def quantities(X: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> dict[str, float]:
    """Every number that the tables average, for one subset, from one decomposition.

    The eigenvectors of XXᵀ where σ₁/σ_n < 2¹³, so that squaring leaves relative errors of some 2⁻²⁶ at most;
    else the singular vectors of X, which take longer.

    Parameters
    ----------
    X : array, shape (n_samples, n_features)
    y : array, shape (n_samples,)

    Returns
    -------
    dict
        "top_eigenvalue" σ₁²/n, "difficulty" Q, "threshold" C*; "predicted_D" and "gap_D" of Theorem 4.6 for
        D = 2 … 5; "initial_lower", "initial_gap" (Theorem 5.6 without our term) and "converged_lower",
        "converged_gap" (Theorem 5.7), with the variances of PyTorch's default.
    """
    parts = _decompose(X)
    d = labels_in_range(parts, y)
    Q = parts.difficulty(d)
    alpha, beta = 1 / np.sqrt(3 * X.shape[1]), 1 / np.sqrt(3)
    initial = initial_bounds(parts, d, alpha, beta)
    converged = converged_bounds(parts, d, *imbalance_moments(parts.rank, alpha, beta))
    result = {
        "top_eigenvalue": parts.top**2 / parts.n_samples,
        "difficulty": Q,
        "threshold": threshold(parts, d),
        "initial_lower": initial[0],
        "initial_gap": initial[1] - initial[0],
        "converged_lower": converged[0],
        "converged_gap": converged[1] - converged[0],
    }
    for depth in DEPTHS:
        lower, upper = bounds(parts, d, layer_squares(parts.arithmetic, Q, [0] * (depth - 1)))
        result[f"predicted_{depth}"] = predicted(parts, d, depth)
        result[f"gap_{depth}"] = upper - lower
    return {name: float(value) for name, value in result.items()}


def _decompose(X: npt.NDArray[np.float64]) -> Spectrum:
    if len(X) <= X.shape[1]:
        squares, vectors = np.linalg.eigh(X @ X.T)
        if squares[0] > 2.0**-26 * squares[-1]:
            sigma = np.sqrt(squares[::-1])
            return Spectrum(Arithmetic(), X, sigma, vectors[:, ::-1], X[:0].T)  # no function here needs r_i
    return spectrum(X)


def collect(
    dataset: Dataset,
    sizes: Iterable[int] = SIZES,
    *,
    subsets: int = SUBSETS,
    seed: int = 0,
    report: Callable[[str], None] = lambda line: None,
) -> dict[int, Values]:
    """Draw balanced subsets, each standardised by its own statistics, and take `quantities` of each.

    Subset k of n samples is drawn by ``numpy.random.default_rng([seed, n, k])``: more subsets, or other
    sizes, change nothing about the first ones.

    Parameters
    ----------
    dataset : of two classes.
    sizes : numbers of samples, even.
    subsets : how many of each size, at least 2; the paper has 50.
    seed : at least 0.
    report : called with a line of text per finished size.

    Returns
    -------
    dict from n to a dict of arrays, shape (subsets,)

    Raises
    ------
    ConfigurationError
        More samples than the data set has.
    """
    check_count("subsets", subsets, 2)
    check_seed(seed)
    result: dict[int, Values] = {}
    for n in sizes:
        generators = (np.random.default_rng([seed, n, k]) for k in range(subsets))
        found = [quantities(*dataset.balanced_subset(n, rng)) for rng in generators]
        result[n] = {name: np.array([one[name] for one in found]) for name in found[0]}
        report(f"{dataset.name} n = {n}: {subsets} subsets")
    return result


def table(name: str, dataset: str, collected: Mapping[int, Values]) -> Table:
    """Make one table of what `collect` returned.

    Parameters
    ----------
    name : one of `TABLES`.
    dataset : name of the data set, which says what the paper printed.
    collected : numbers by size.

    Raises
    ------
    UnknownNameError
        No such table.
    ConfigurationError
        Nothing was collected.
    """
    check_name("table", name, TABLES)
    if not collected:
        raise ConfigurationError("collected: expected at least one size, got none")
    title, rows = TABLES[name]
    printed = PRINTED.get(dataset, {})
    cells = {
        label: {
            n: Cell(
                float(values[key].mean()),
                float(values[key].std(ddof=1)),
                len(values[key]),
                printed.get(key, {}).get(n),
            )
            for n, values in collected.items()
        }
        for label, key in rows
    }
    return Table(name, title, dataset, cells)


def _number(mean: float, deviation: float) -> str:
    """Text such as 0.206(0.028), with two digits of the deviation at least."""
    places = 2 if deviation == 0 else int(max(0, 1 - np.floor(np.log10(deviation))))
    return f"{mean:.{places}f}({deviation:.{places}f})"


def _by_depth(key: str) -> list[tuple[str, str]]:
    return [(f"D = {depth}", f"{key}_{depth}") for depth in DEPTHS]


# What each table is called in the paper's order, and its rows: text, and the key of `quantities`.
TABLES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "difficulty": ("Dataset difficulty Q", [("Q", "difficulty")]),
    "threshold": ("Imbalance threshold C* of Remark 4.4", [("C*", "threshold")]),
    "predicted": ("Predicted sharpness", _by_depth("predicted")),
    "gap": ("Gap between the bounds of Theorem 4.6", _by_depth("gap")),
    "initial": ("Lower bound of Theorem 5.6", [("bound", "initial_lower")]),
    "initial-gap": ("Gap of Theorem 5.6", [("gap", "initial_gap")]),
    "converged": ("Lower bound of Theorem 5.7", [("bound", "converged_lower")]),
    "converged-gap": ("Gap of Theorem 5.7", [("gap", "converged_gap")]),
    "top-eigenvalue": ("Largest eigenvalue of the data's second moments", [("σ₁²/n", "top_eigenvalue")]),
}


def _printed(text: str, sizes: Sequence[int] = SIZES) -> Printed:
    """Entries such as "0.22(0.04) 1.70(0.16)", one per size."""
    pairs = [entry.rstrip(")").split("(") for entry in text.split()]
    return {n: (float(mean), float(deviation)) for n, (mean, deviation) in zip(sizes, pairs, strict=True)}


# Mean and standard deviation over 50 subsets, as printed (Section 4.1, Section 5.1, Appendices C.6 and C.7).
PRINTED: dict[str, dict[str, Printed]] = {
    "cifar10-cat-dog": {
        "difficulty": _printed("0.22(0.04) 1.70(0.16) 44.44(3.32)", (100, 300, 1000)),
        "threshold": _printed("6.0(1.2) 47.4(5.3) 155.9(15.4) 1246.1(100.2)"),
        "predicted_2": _printed("365(61) 1017(91) 1851(128) 5243(296)"),
        "predicted_3": _printed("283(53) 1111(114) 2465(202) 9876(662)"),
        "predicted_4": _printed("249(50) 1161(127) 2845(252) 13555(983)"),
        "predicted_5": _printed("231(48) 1193(136) 3101(287) 16391(1244)"),
        "gap_2": _printed("2.18(0.18) 0.77(0.04) 0.43(0.02) 0.15(0.01)"),
        "gap_3": _printed("3.36(0.19) 1.68(0.05) 1.13(0.03) 0.56(0.01)"),
        "gap_4": _printed("4.42(0.18) 2.63(0.06) 1.96(0.04) 1.16(0.02)"),
        "gap_5": _printed("5.46(0.18) 3.60(0.07) 2.84(0.05) 1.87(0.03)"),
        "initial_lower": _printed("262.57(29.72) 260.42(15.41) 261.94(12.15) 261.93(9.16)"),
        "initial_gap": _printed("8.91(1.03) 7.44(0.47) 7.18(0.36) 7.00(0.27)"),
        "converged_lower": _printed("514.11(75.15) 1141.41(97.49) 1964.56(132.45) 5325.42(298.65)"),
        "converged_gap": _printed("44.16(4.46) 17.15(1.00) 9.64(0.57) 3.42(0.15)"),
    },
    "svhn-3-5": {
        "difficulty": _printed("1.16(0.26) 21.13(2.90) 859.4(67.2)", (100, 300, 1000)),
        "threshold": _printed("49.29(11.76) 897.24(127.75) 4167.96(537.27) 36556.80(3015.35)"),
        "predicted_2": _printed("1936.80(302.71) 8264.30(712.54) 17851.97(1343.15) 52935.36(2685.86)"),
        "predicted_3": _printed("1988.28(379.48) 13748.10(1470.64) 38350.34(3640.47) 163272.16(10276.97)"),
        "predicted_4": _printed("2015.60(419.40) 17735.64(2084.52) 56218.58(5896.34) 286762.97(19824.50)"),
        "predicted_5": _printed("2032.51(443.82) 20665.06(2560.53) 70724.27(7841.86) 402067.19(29295.27)"),
        "gap_2": _printed("0.95(0.12) 0.22(0.02) 0.10(0.01) 0.03(0.00)"),
        "gap_3": _printed("1.93(0.16) 0.73(0.03) 0.44(0.02) 0.21(0.01)"),
        "gap_4": _printed("2.92(0.18) 1.40(0.05) 0.96(0.03) 0.55(0.01)"),
        "gap_5": _printed("3.91(0.19) 2.18(0.06) 1.60(0.04) 1.04(0.02)"),
        "initial_lower": _printed("602.25(39.35) 600.50(23.20) 601.97(15.63) 602.17(12.55)"),
        "initial_gap": _printed("12.54(1.43) 11.66(0.71) 11.49(0.42) 11.33(0.25)"),
        "converged_lower": _printed("2250.11(316.08) 8539.61(718.93) 18105.67(1347.25) 53138.75(2688.77)"),
        "converged_gap": _printed("47.14(5.06) 11.15(0.81) 5.19(0.30) 1.75(0.07)"),
    },
    "speech-yes-no": {
        "difficulty": _printed("0.26(0.04) 1.67(0.18) 26.34(2.35)", (100, 300, 1000)),
        "threshold": _printed("7.10(1.12) 43.96(4.86) 119.38(10.01) 688.18(60.07)"),
        "predicted_2": _printed("362.74(34.85) 891.27(57.97) 1468.31(73.87) 3500.62(151.26)"),
        "predicted_3": _printed("291.73(34.35) 971.45(77.30) 1890.28(117.04) 6038.67(345.34)"),
        "predicted_4": _printed("261.68(33.80) 1014.34(88.64) 2144.92(145.91) 7931.86(510.36)"),
        "predicted_5": _printed("245.18(33.38) 1041.02(96.00) 2313.93(166.05) 9342.15(641.56)"),
        "gap_2": _printed("1.94(0.14) 0.78(0.04) 0.47(0.02) 0.20(0.01)"),
        "gap_3": _printed("3.11(0.15) 1.69(0.06) 1.21(0.03) 0.67(0.02)"),
        "gap_4": _printed("4.18(0.16) 2.64(0.07) 2.06(0.04) 1.33(0.03)"),
        "gap_5": _printed("5.21(0.15) 3.61(0.08) 2.96(0.05) 2.08(0.04)"),
        "initial_lower": _printed("233.42(12.69) 230.01(10.14) 229.77(6.93) 227.72(3.80)"),
        "initial_gap": _printed("11.36(0.58) 10.88(0.37) 10.81(0.26) 10.69(0.16)"),
        "converged_lower": _printed("490.39(38.74) 994.79(60.39) 1557.68(75.34) 3559.35(151.39)"),
        "converged_gap": _printed("36.04(2.77) 15.36(1.10) 9.39(0.48) 3.89(0.19)"),
    },
}
