"""The command line, as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys

import gmpy2
import pytest

import mpsharp
from mpsharp import cli


def mpsharp_command(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "mpsharp", *arguments], cwd=cwd, capture_output=True, text=True, timeout=300
    )


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """The same in this process, which need not start: exit status, what is printed, and errors."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mpsharp", *arguments])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        return status, *capsys.readouterr()

    return call


def test_compare_prints_a_table_and_writes_curves(tmp_path):
    done = mpsharp_command(
        "compare", "--bits", "24,float64,100", "--n", "10", "--steps", "20", "--out", "o", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "100 bits" in done.stdout
    assert "completed at 20" in done.stdout
    assert (tmp_path / "o" / "compare.png").stat().st_size > 10_000
    assert mpsharp.load(tmp_path / "o" / "trajectories" / "float64").step[-1] == 20


def test_run_writes_a_trajectory_that_its_options_explain(tmp_path):
    done = mpsharp_command(
        *("run", "--bits", "80", "--n", "8", "--depth", "3", "--step-size", "0.001", "--steps", "7"),
        *("--seed", "5", "--record-every", "2", "--arithmetic", "sequential", "--out", "o"),
        *("--verify", "agreed"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "bits agreed, at 224: loss " in done.stdout
    run = mpsharp.load(tmp_path / "o" / "trajectory")
    assert run.step.tolist() == [0, 2, 4, 6, 7]
    assert run.config["optimizer"]["step_size"] == "0.001"
    assert run.problem.recipe["seed"] == 5
    assert run.problem.depth == 3
    assert run.config["arithmetic"] == "sequential"


def test_run_with_gradient_flow(tmp_path, command):
    status, _, errors = command(
        *("run", "--bits", "float64", "--n", "8", "--optimizer", "flow", "--steps", "4", "--out", "o"),
        *("--tolerance", "1e-6"),
    )
    assert status == 0, errors
    run = mpsharp.load(tmp_path / "o" / "trajectory")
    assert run.config["optimizer"] == {"name": "GradientFlow", "rule": "controlled", "tolerance": 1e-6}
    assert run.stability_limit == float("inf")


def test_run_with_sgd(tmp_path, command):
    status, _, errors = command(
        *("run", "--bits", "float64", "--n", "8", "--optimizer", "sgd", "--batch-size", "3", "--steps", "4"),
        *("--sampling", "uniform", "--out", "o"),
    )
    assert status == 0, errors
    run = mpsharp.load(tmp_path / "o" / "trajectory")
    assert run.config["optimizer"] == run.problem.optimizer.config() | {
        "name": "SGD",
        "batch_size": 3,
        "sampling": "uniform",
    }


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["run", "--optimizer", "sgd"], "--batch-size"),
        (["run", "--batch-size", "3"], "--optimizer sgd"),
        (["run", "--tolerance", "1e-9"], "--optimizer flow"),
        (["run", "--optimizer", "flow", "--step-size", "1"], "--step-size"),
        (["run", "--bits", "1"], "PrecisionError: bits"),
        (["run", "--depth", "1"], "depth: expected an integer of at least 2, got 1"),
        (["run", "--step-size", "-1"], "step_size"),
        (["run", "--steps", "0"], "steps"),
        (["run", "--data", "cifar10-cat-dog", "--data-dir", "nowhere"], "nowhere"),
        (["run", "--out", "/proc/nothing"], "OutputError"),
        (["compare", "--bits", "24,24"], "formats"),
        (["theory", "--bits", "1"], "PrecisionError"),
        (["theory", "--imbalance", "1,2"], "imbalance: expected one number or 1"),
        (["theory", "--imbalance", "x"], "imbalance: number"),
        (["paper", "fig99"], "fig99"),
        (["paper", "table02", "--data-dir", "nowhere"], "nowhere"),
        (["paper", "fig06", "--out", "/proc/nothing"], "OutputError"),
    ],
)
def test_mistakes_are_one_line_and_status_2(arguments, text, command):
    status, _, errors = command(*arguments)
    assert status == 2
    assert text in errors
    assert "Traceback" not in errors


def test_a_mistake_ends_the_process_with_status_2(tmp_path):
    done = mpsharp_command("run", "--bits", "1", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("mpsharp: PrecisionError: bits")
    assert done.stderr.count("\n") == 1


def test_theory_prints_the_figures_of_the_default_problem(command):
    status, printed, errors = command("theory")
    assert status == 0, errors
    values = dict(line.split()[:2] for line in printed.splitlines())
    meanings = dict(line.split(maxsplit=1) for line in printed.splitlines())
    assert "Definition 5.8" in meanings["predicted_sharpness"]
    assert float(values["step_size_stable"]) < float(
        values["step_size_unstable"]
    )  # enough digits to tell them apart
    assert float(values["difficulty"]) == pytest.approx(36.83, abs=0.005)
    assert float(values["predicted_sharpness"]) == pytest.approx(182.05, abs=0.005)


def test_theory_at_any_precision_and_imbalance(command):
    options = ("--data", "gaussian", "--n", "6", "--depth", "3", "--imbalance", "1/3,-0.5")
    status, printed, errors = command("theory", *options, "--bits", "200")
    assert status == 0, errors
    values = dict(line.split()[:2] for line in printed.splitlines())
    P = mpsharp.problems.gaussian(6, depth=3)
    expected = mpsharp.theory.report(P.X, P.y, 3, ["1/3", "-0.5"], format=200)
    for name in ("difficulty", "minimizer_sharpness", "minimizer_upper", "step_size_stable"):
        assert gmpy2.mpfr(values[name], 200) == expected[name]  # every bit is printed
    in_float64 = dict(line.split()[:2] for line in command("theory", *options)[1].splitlines())
    assert in_float64.keys() == values.keys()
    assert in_float64["minimizer_sharpness"] == f"{expected['minimizer_sharpness']:.10g}"


def test_help_and_list(tmp_path, command):
    assert "edge of stability" in mpsharp_command("--help", cwd=tmp_path).stdout
    for name in ("run", "compare", "paper"):
        assert "--out" in command(name, "--help")[1]
    listing = command("paper", "list")[1]
    assert all(name in listing for name in ("fig06", "fig27", "fig28", "fig29"))


def test_import_is_light():
    heavy = ("matplotlib", "sklearn", "scipy", "pooch")
    code = f"import sys, mpsharp; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []
