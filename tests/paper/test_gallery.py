"""The gallery: parallel, resumed, and whole whatever happens to one exhibit."""

from __future__ import annotations

import contextlib
import dataclasses
import html.parser
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import gallery_cases
from mpsharp import cli
from mpsharp.errors import ConfigurationError, OutputError, UnknownNameError
from mpsharp.paper import children, gallery, index, origin, registry

CASES = "gallery_cases:EXHIBITS"


def make(names, out, **options):
    lines = []
    outcomes = gallery.make_all(names, out, registry=CASES, report=lines.append, **options)
    return {name: outcome.status for name, outcome in outcomes.items()}, lines


def times(out, name):
    """How often an exhibit was made."""
    return len((out / f"{name}.log").read_text().splitlines())


def test_failures_and_crashes_stay_alone_and_a_second_call_resumes(tmp_path):
    names = ["one", "fails", "crashes", "absent", "damaged", "full disk", "two", "three"]
    first, lines = make(names, tmp_path, jobs=2, seed=3)
    assert first == {
        "one": "made",
        "fails": "failed",
        "crashes": "failed",
        "absent": "skipped",
        "damaged": "failed",
        "full disk": "failed",
        "two": "made",
        "three": "made",
    }
    assert "one: a line" in lines
    assert any("absent: skipped: no data (MissingDatasetError: moon-rocks" in line for line in lines)
    assert (tmp_path / "one.txt").read_text() == "seed 3, full False"
    crashed = json.loads((tmp_path / "crashes.json").read_text())
    assert (crashed["status"], crashed["reason"]) == (
        "failed",
        f"its process ended by signal {signal.SIGABRT}",
    )
    full = json.loads((tmp_path / "full disk.json").read_text())["reason"]
    assert full == "OutputError: cannot write 'full disk.png': no space left"
    assert "on <purpose>" in json.loads((tmp_path / "fails.json").read_text())["reason"]

    (tmp_path / "two.txt").write_text("altered")
    second, _ = make(names, tmp_path, jobs=2, seed=3)
    assert second == {**first, "one": "kept", "three": "kept"}
    assert [times(tmp_path, name) for name in names] == [1, 2, 2, 2, 2, 2, 2, 1]
    assert (tmp_path / "two.txt").read_text() == "seed 3, full False"

    (tmp_path / "one_runs.jsonl").touch()  # what an exhibit may find again
    assert make(["one"], tmp_path, seed=3, force=True)[0] == {"one": "made"}
    assert not (tmp_path / "one_runs.jsonl").exists()
    assert make(["one"], tmp_path, seed=4)[0] == {"one": "made"}
    assert times(tmp_path, "one") == 3
    page = (tmp_path / "index.html").read_text()
    assert page.count("<section") == len(gallery_cases.EXHIBITS)


@pytest.mark.parametrize(("names", "threads"), [(["three"], 6), (["three", "one"], 3)])
def test_figures_share_the_cores_and_have_one_thread_of_blas_each(tmp_path, monkeypatch, names, threads):
    monkeypatch.setattr(gallery, "available_cores", lambda: 6)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "5")
    make(names, tmp_path)
    for name in names:
        assert (tmp_path / f"{name}.log").read_text() == f"1, {threads}\n"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "5"


@pytest.mark.parametrize("damage", ["code", "no file", "no manifest", "half a manifest", "a list"])
def test_what_is_not_kept(tmp_path, monkeypatch, damage):
    case = gallery_cases.EXHIBITS["one"]
    case.produce(tmp_path)
    expected = origin.origin(case.data, False, 0)
    assert origin.finished(tmp_path, "one", expected)["seconds"] > 0
    if damage == "code":
        expected = {**expected, "code": "another"}
    elif damage == "no file":
        (tmp_path / "one.txt").unlink()
    elif damage == "no manifest":
        (tmp_path / "one.json").unlink()
    elif damage == "half a manifest":
        (tmp_path / "one.json").write_bytes((tmp_path / "one.json").read_bytes()[:99])
    else:
        (tmp_path / "one.json").write_text("[1, 2]")
    assert origin.finished(tmp_path, "one", expected) is None


def test_data_that_appears_is_another_origin(tmp_path, monkeypatch):
    monkeypatch.setenv("MPSHARP_CACHE", str(tmp_path))
    monkeypatch.setenv("MPSHARP_DATA", str(tmp_path))
    before = origin.origin("svhn-3-5, synthetic", False, 0)
    assert before["sources"] == {"svhn-3-5": None}
    (tmp_path / "svhn_3_5.npz").write_bytes(b"12345")
    after = origin.origin("svhn-3-5, synthetic", False, 0)
    assert after["sources"] == {"svhn-3-5": {"name": "svhn_3_5.npz", "bytes": 5}}


def test_a_folder_of_data_may_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv("MPSHARP_DATA", str(tmp_path / "nothing"))
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    assert make(["where"], out, directory="data")[0] == {"where": "made"}
    assert (out / "where.txt").read_text() == str(tmp_path / "data")
    assert os.environ["MPSHARP_DATA"] == str(tmp_path / "nothing")


def test_data_that_is_nowhere_found_is_fetched_where_allowed(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(gallery.datasets, "source", lambda name: None if name == "svhn-3-5" else tmp_path)
    monkeypatch.setattr(gallery.datasets, "load", lambda name, download: asked.append((name, download)))
    monkeypatch.setattr(gallery, "_make", lambda *task: {})
    gallery.make_all(["table11", "fig12", "fig28"], tmp_path, download=True)
    assert asked == [("svhn-3-5", True)]


def test_mistakes_before_any_work(tmp_path):
    with pytest.raises(UnknownNameError, match="fig30"):
        gallery.make_all(["fig06", "fig30"], tmp_path / "out")
    with pytest.raises(ConfigurationError, match="jobs"):
        gallery.make_all(["fig06"], tmp_path / "out", jobs=0)
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="expected a folder to write to"):
        gallery.make_all(["all"], tmp_path / "file")


def test_processor_time_is_counted(tmp_path):
    def busy(folder, **options):
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass
        subprocess.run([sys.executable, "-c", "for _ in range(10**6): pass"], check=True)
        return {"files": []}

    made = dataclasses.replace(gallery_cases.EXHIBITS["one"], make=busy).produce(tmp_path)
    assert made["processor_seconds"] >= 0.1  # the kernel counts in hundredths
    alone = dataclasses.replace(gallery_cases.EXHIBITS["one"], make=lambda folder, **options: {"files": []})
    assert alone.produce(tmp_path)["processor_seconds"] < made["processor_seconds"]


class Page(html.parser.HTMLParser):
    """Collects what a page refers to, and checks that its tags are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.references, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)
        self.references += [value for key, value in attributes if key in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_shows_everything_and_needs_nothing(tmp_path, monkeypatch):
    gallery_cases.EXHIBITS["one"].produce(tmp_path)
    (tmp_path / "fig28_summary.csv").write_text(
        "run,status,observables,last,precision\n64 bits,completed,['loss'],0.123456789012,\n"
    )
    (tmp_path / "fig28.png").write_bytes(b"")
    manifest = {
        "status": "made",
        "seconds": 12.0,
        "processor_seconds": 90.0,
        "seed": 7,
        "files": {"fig28.png": "", "fig28_summary.csv": ""},
        "trends": [{"trend": "rises with <bits>", "holding": 3, "mean_ratio": 1.23456789012}],
    }
    (tmp_path / "fig28.json").write_text(json.dumps(manifest))
    (tmp_path / "fig29.json").write_text(json.dumps({"status": "skipped", "reason": "no <cats>"}))
    exhibits = [gallery_cases.EXHIBITS["one"], *registry.EXHIBITS.values()]
    page = Page()
    page.feed(index.write_index(tmp_path, exhibits).read_text())
    assert page.open == []
    for exhibit in exhibits:
        assert exhibit.title in page.text
        assert exhibit.statement in page.text
    for text in ("Q<", "1.5(0.1)", "64 bits", "0.123457", "12 s", "seed 7", "skipped: no data", "no <cats>"):
        assert text in page.text
    assert "2 made in 1.5 minutes of processor time" in page.text
    for text in ("rises with <bits>", "mean ratio", "1.23457"):
        assert text in page.text
    for text in ("['loss']", "precision\n"):  # what was recorded, and a column without entries
        assert text not in page.text
    files = {name for name in page.references if not name.startswith("#")}
    assert files == {"one.txt", "one.json", "fig28.png", "fig28_summary.csv", "fig28.json"}
    assert all((tmp_path / name).exists() for name in files)
    assert all(f"#{exhibit.name}" in page.references for exhibit in exhibits)


# What a script of the user's does; signals as in a terminal: background shells ignore SIGINT, nohup SIGHUP.
SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from mpsharp.paper import gallery
if __name__ == "__main__":
    gallery.make_all(["three", "hangs"], {out!r}, registry={registry!r}, jobs=1)
"""


@pytest.fixture
def hanging(tmp_path):
    """A process that makes two exhibits, of which the second has begun and will not end."""
    (tmp_path / "script.py").write_text(SCRIPT.format(out=str(tmp_path), registry=CASES))
    running = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")],
        env={**os.environ, "PYTHONPATH": str(Path(gallery_cases.__file__).parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a process group of its own, as a terminal gives it
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "hangs.log").exists():
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.05)
    yield running
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.communicate()


@pytest.mark.skipif(os.name == "nt", reason="sends signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_end_the_processes_and_keep_what_there_is(tmp_path, hanging, name):
    number = getattr(signal, name)
    if number == signal.SIGINT:
        os.killpg(hanging.pid, number)  # Ctrl-C reaches every process; the first one sees to the others
    else:
        hanging.send_signal(number)
    out, errors = hanging.communicate(timeout=60)  # its child, with ten minutes to go, holds the pipes open
    if number == signal.SIGINT:
        assert hanging.returncode not in (0, None)
        assert "KeyboardInterrupt" in errors
        assert errors.count("Traceback") == 1
    else:
        assert hanging.returncode == 128 + number
    assert "three: made" in out
    page = (tmp_path / "index.html").read_text()
    assert page.count('<p class="soft">not made</p>') == len(gallery_cases.EXHIBITS) - 1
    assert json.loads((tmp_path / "three.json").read_text())["status"] == "made"
    assert not (tmp_path / "hangs.json").exists()

    again = make(["three"], tmp_path)[0]
    assert again == {"three": "kept"}
    assert times(tmp_path, "three") == 1


@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
def test_processes_end_with_one_that_is_killed(hanging):
    hanging.kill()
    hanging.communicate(timeout=60)  # ends when its child has closed the pipes


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["made", "kept", "skipped"], 0),
        (["made", "failed", "skipped"], 1),
        (["skipped", "skipped"], 3),
    ],
)
def test_exit_status_of_the_command(monkeypatch, statuses, code):
    outcomes = {f"fig{k}": gallery.Outcome(status) for k, status in enumerate(statuses)}
    monkeypatch.setattr(gallery, "make_all", lambda names, out, **options: outcomes)
    with pytest.raises(SystemExit) as ended:
        cli.app(["paper", "all"])
    assert ended.value.code == code


def test_a_signal_that_somebody_handles_is_left_alone():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with children.orderly_endings():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]
    with pytest.raises(SystemExit) as ended, children.orderly_endings():
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before is signal.SIG_DFL


def test_a_folder_that_fills_up_is_a_failure_that_says_so(tmp_path):
    (tmp_path / "blocked.json").mkdir()  # so that the manifest cannot be written, whoever runs this
    with pytest.raises(OutputError, match=r"cannot write .*blocked.json"):
        make(["blocked", "one"], tmp_path, jobs=1)
    assert (tmp_path / "index.html").exists()
