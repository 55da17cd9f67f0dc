from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mpsharp
from mpsharp import Comparison, GradientFlow, OutputError, Problem, UnknownNameError, plotting
from synthetic import trajectory


def comparison():
    steps = np.arange(0, 50, 10)
    recovers = trajectory([1, 0.1, 20, 1, 0.5], [2, 5, 6, 3, 4], step=steps, format=24)
    tiny = trajectory(["1", "1e-100", "1e-400", "1e-398", "1e-399"], [2, 5, 6, 6, 6], step=steps, format=512)
    blows_up = trajectory(
        [1, 0.1, 0.01, 20, "1e300"], [2, 5, 7, 1e4, 1e9], step=steps, format=256, status="diverged"
    )
    return Comparison({run.format: run for run in (recovers, blows_up, tiny)})


def lines(axes, label):
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return line


def marks(axes, marker):
    drawn = [line for line in axes.get_lines() if line.get_marker() == marker and len(line.get_xdata())]
    return {(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in drawn}


def tick_texts(figure, axes):
    figure.canvas.draw()
    low, high = axes.get_ylim()
    return [tick.label1.get_text() for tick in axes.yaxis.get_major_ticks() if low <= tick.get_loc() <= high]


def test_import_of_mpsharp_leaves_matplotlib_alone():
    code = "import sys, mpsharp; print([name for name in sys.modules if name.startswith('matplotlib')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_curves_are_what_was_measured():
    runs = comparison()
    above, below = runs.plot().get_axes()
    for key, run in runs.items():
        loss, sharpness = lines(above, key.label), lines(below, key.label)
        assert np.array_equal(loss.get_xdata(), run.step)
        assert np.array_equal(loss.get_ydata(), run.log2_loss * np.log10(2))
        assert np.array_equal(sharpness.get_ydata(), run.sharpness)
    assert list(lines(below, "2 / step size").get_ydata()) == [4, 4]
    assert below.get_xlabel() == "step"
    assert above.get_ylabel() == "loss"
    assert below.get_ylabel() == "sharpness (1 / step size)"


def test_catapults_and_divergence_are_marked():
    above, below = comparison().plot().get_axes()
    # log10 of 20, 20 and 1e-398 rounded like the curve itself.
    curve = {key.label: run.log2_loss * np.log10(2) for key, run in comparison().items()}
    assert marks(below, "o") == {(20, 6), (30, 1e4), (30, 6)}
    assert marks(above, "o") == {
        (20, curve["24 bits"][2]),
        (30, curve["256 bits"][3]),
        (30, curve["512 bits"][3]),
    }
    assert marks(above, "X") == {(40, curve["256 bits"][4])}
    meanings = [text.get_text() for text in below.get_legend().get_texts()]
    assert meanings == ["24 bits", "256 bits", "512 bits", "2 / step size", "catapult", "diverged"]


def test_sharpness_axis_ends_before_the_blow_up():
    _, below = comparison().plot().get_axes()
    low, high = below.get_ylim()
    assert low == 0
    assert 7 < high < 2 * 7  # 7 is the largest sharpness before a run that diverges leaves


def test_sharpness_axis_has_room_for_the_mark_of_a_catapult():
    _, below = trajectory([1, 0.1, 20], [4, 5, 7], status="diverged").plot().get_axes()
    assert marks(below, "o") == {(2, 7)}
    assert below.get_ylim()[1] > 7


def test_loss_axis_reaches_below_float64():
    figure = comparison().plot()
    above, _ = figure.get_axes()
    low, high = above.get_ylim()
    assert low < -400 < 300 < high
    texts = tick_texts(figure, above)
    assert "$10^{-400}$" in texts
    assert "$10^{0}$" in texts


@pytest.mark.parametrize(
    ("losses", "text"),
    [
        ([0.9, 0.05], "0.2"),
        ([0.3, 0.25, 0.21], "0.24"),
        (["1.018", "0.9175"], "0.95"),
        (["3e-400", "2.1e-400"], r"$2.4\times10^{-400}$"),
        (["3e-400", "5e-401", "1e-401"], "$10^{-400}$"),
        ([1, 1], "1"),
        ([0.1, 0.1], "0.1"),
    ],
)
def test_loss_axis_over_few_decades(losses, text):
    figure = trajectory(losses, [1] * len(losses)).plot()
    texts = tick_texts(figure, figure.get_axes()[0])
    assert text in texts
    assert 3 <= len(texts) <= 10


@pytest.mark.parametrize(
    ("losses", "sharpness"),
    [
        ([1], [1]),
        ([0], [0]),
        (["nan"], ["nan"]),
        ([1, 0, "inf"], [1, "inf", "nan"]),
        ([1, 1], [3, 3]),
        (["1e-300000", "1e300000"], [3, 3]),
    ],
)
@pytest.mark.parametrize("status", ["completed", "diverged"])
def test_every_record_can_be_drawn(losses, sharpness, status, tmp_path):
    trajectory(losses, sharpness, status=status).plot(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_a_single_record_is_visible():
    above, below = trajectory([1], [1]).plot().get_axes()
    assert lines(above, "256 bits").get_marker() == lines(below, "256 bits").get_marker() == "."


@pytest.mark.parametrize("name", ["a.png", "a.pdf", "A.SVG"])
def test_the_ending_chooses_the_kind(tmp_path, name):
    comparison().plot(tmp_path / name)
    start = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}[(tmp_path / name).suffix.lower()]
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["a.xyz", "a", "a."])
def test_unknown_ending(tmp_path, name):
    with pytest.raises(UnknownNameError, match=r"kind of picture: expected one of .*'png'"):
        comparison().plot(tmp_path / name)


def test_unwritable_picture(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        comparison().plot(tmp_path / "missing" / "a.png")


def test_no_global_plotting_state(tmp_path):
    """No pyplot, the same picture from several threads, and settings as they were."""
    code = (
        "import sys, matplotlib; sys.path.insert(0, sys.argv[2]); before = dict(matplotlib.rcParams)\n"
        "import test_plotting as t\n"
        "t.comparison().plot(sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert dict(matplotlib.rcParams) == before\n"
    )
    arguments = [str(tmp_path / "one.png"), str(Path(__file__).parent)]
    # Reading the whole of rcParams imports pyplot unless a backend is named.
    environment = {**os.environ, "MPLBACKEND": "agg"}
    subprocess.run([sys.executable, "-W", "error", "-c", code, *arguments], check=True, env=environment)
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda path: comparison().plot(path), paths))
    assert {path.read_bytes() for path in paths} == {(tmp_path / "one.png").read_bytes()}


def luminance(colour):
    """Relative luminance of sRGB (WCAG 2, definition of contrast)."""
    rgb = np.asarray(colour[:3])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_colours_differ_in_grey(count):
    """Whoever sees no hue still sees the order: every colour is lighter than the one before."""
    values = [luminance(colour) for colour in plotting.colours(count)]
    assert values == sorted(values)
    assert len(set(values)) == count


def test_titles_say_what_was_run():
    figure = trajectory([1], [1]).plot()
    assert figure.get_axes()[0].get_title() == "explicit: n = 1, d = 1, depth 3, step size 0.5"


def test_gradient_flow_has_no_limit_to_draw(tmp_path):
    problem = Problem(X=[[1.0]], y=[1.0], u=[0.5], v=[1.0], optimizer=GradientFlow(), steps=5)
    run = mpsharp.run(problem, bits=60)
    figure = run.plot(tmp_path / "a.png")
    below = figure.get_axes()[1]
    assert [line.get_label() for line in below.get_lines()] == ["60 bits"]
    assert "gradient flow" in figure.get_axes()[0].get_title()
    assert run.summary()["peak_ratio"] is None
    assert np.isnan(run.step_size)
    assert run.to_xarray().attrs["stability_limit"] == np.inf
