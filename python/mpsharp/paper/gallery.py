"""Many exhibits: in parallel over processes, resuming, whatever happens to one of them."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from mpsharp import datasets
from mpsharp.errors import MissingDatasetError, MpsharpError, check_name
from mpsharp.initialization import check_count, check_seed
from mpsharp.output import writable_folder
from mpsharp.paper.children import end_with_parent, orderly_endings
from mpsharp.paper.exhibit import Exhibit
from mpsharp.paper.files import write_manifest
from mpsharp.paper.index import write_index
from mpsharp.paper.kept import forget_all
from mpsharp.paper.origin import finished, origin
from mpsharp.resources import available_cores

REGISTRY = "mpsharp.paper.registry:EXHIBITS"
_BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Outcome:
    """What became of an exhibit.

    Parameters
    ----------
    status : "made", "kept" (made before, and nothing has changed), "skipped" (no data) or "failed".
    seconds : it took, also when it was made before.
    reason : why it was skipped or failed.
    """

    status: str
    seconds: float = 0.0
    reason: str = ""


@dataclass
class _Job:
    """A process that makes one exhibit, and those that it holds up."""

    name: str
    rest: list[str]
    process: SpawnProcess
    started: float
    outcome: Outcome | None = None


def make_all(
    names: Sequence[str],
    out: str | Path,
    *,
    full: bool = False,
    seed: int = 0,
    jobs: int | None = None,
    force: bool = False,
    report: Callable[[str], None] = print,
    registry: str = REGISTRY,
    directory: str | Path | None = None,
    download: bool = False,
) -> dict[str, Outcome]:
    """Make exhibits, each in a process of its own, and write ``index.html``.

    One that was made before from the same options, code, versions and data, and whose files are unchanged, is
    kept. One that fails or crashes, or has no data, leaves a manifest that says so; the others go on. The
    processes share the cores. Where one works at a time its runs show progress bars, on a terminal.

    Parameters
    ----------
    names : names of exhibits, or ``["all"]``.
    out : folder to write to.
    full, seed : as for `mpsharp.paper.exhibit.Exhibit.produce`.
    jobs : processes at a time; the number of cores by default.
    force : make also what was made before, and find nothing again of what earlier calls left.
    report : called with each line of text for the user.
    registry : where the exhibits are, as ``module:attribute``.
    directory : folder with the data, instead of the one that MPSHARP_DATA names.
    download : fetch public data that is nowhere found, before anything is computed.

    Returns
    -------
    dict from name to Outcome, in the order of `names`

    Raises
    ------
    UnknownNameError
        A name that is no exhibit's; before anything is computed.
    OutputError
        `out` cannot be written to; before anything is computed.
    DatasetError
        `directory` is no folder, or a download failed; before anything is computed.
    KeyboardInterrupt, SystemExit
        Ctrl-C; SIGTERM or the end of the terminal: the processes are ended, and the page is written of what
        there is. Where this process is killed, its processes end, too. Long runs of an unfinished exhibit are
        kept beside it for the next call (`mpsharp.paper.kept`).
    """
    exhibits = load_registry(registry)
    wanted = list(exhibits) if list(names) == ["all"] else list(dict.fromkeys(names))
    for name in wanted:
        check_name("figure or table", name, exhibits)
    check_seed(seed)
    at_once = available_cores() if jobs is None else check_count("jobs", jobs)
    chosen = {} if directory is None else {"MPSHARP_DATA": str(datasets.folder(directory))}
    folder = writable_folder(out)
    with _environment(chosen):
        if download:
            _fetch(exhibits[name].data for name in wanted)
        return _make(wanted, exhibits, folder, (registry, folder, full, seed), at_once, force, report)


def _fetch(data: Iterable[str]) -> None:
    """Download what public data is nowhere found."""
    needed = {name for names in data for name in names.split(", ")} & set(datasets.names())
    for name in sorted(needed):
        if datasets.source(name) is None:
            datasets.load(name, download=True)


def _make(
    wanted: Sequence[str],
    exhibits: Mapping[str, Exhibit],
    folder: Path,
    task: tuple[str, Path, bool, int],
    at_once: int,
    force: bool,
    report: Callable[[str], None],
) -> dict[str, Outcome]:
    _, _, full, seed = task
    outcomes: dict[str, Outcome] = {}
    if force:
        for name in wanted:
            forget_all(folder, name, exhibits[name].group)
    for name in wanted:
        manifest = None if force else finished(folder, name, origin(exhibits[name].data, full, seed))
        if manifest is not None:
            outcomes[name] = Outcome("kept", manifest["seconds"])
            report(f"{name}: kept, as made before")
    queues = _queues([exhibits[name] for name in wanted if name not in outcomes])
    with orderly_endings():
        try:
            with closing(_run(queues, at_once, task, report)) as ended:
                for name, outcome in ended:
                    outcomes[name] = outcome
                    _note(folder, exhibits[name], outcome, report)
        finally:
            page = write_index(folder, list(exhibits.values()))
            report(f"page: {page}")
    return {name: outcomes[name] for name in wanted}


def load_registry(place: str) -> Mapping[str, Exhibit]:
    """Return the exhibits at ``module:attribute``."""
    module, _, attribute = place.partition(":")
    exhibits: Mapping[str, Exhibit] = getattr(importlib.import_module(module), attribute)
    return exhibits


def _queues(exhibits: Sequence[Exhibit]) -> list[list[str]]:
    """Exhibits of one group in one queue, the others alone; the longest first."""
    groups: dict[str, list[Exhibit]] = {}
    for exhibit in exhibits:
        groups.setdefault(exhibit.group or f"alone: {exhibit.name}", []).append(exhibit)
    by_length = sorted(groups.values(), key=lambda group: -sum(one.minutes for one in group))
    return [[one.name for one in group] for group in by_length]


def _run(
    queues: list[list[str]], at_once: int, task: tuple[str, Path, bool, int], report: Callable[[str], None]
) -> Generator[tuple[str, Outcome], None, None]:
    """Yield exhibits as they end. No pool: a process that crashes must take no other with it."""
    threads = max(1, available_cores() // max(1, min(at_once, len(queues))))
    bars = None if min(at_once, len(queues)) == 1 else False
    live: dict[Connection, _Job] = {}
    try:
        while queues or live:
            while queues and len(live) < at_once:
                name, *rest = queues.pop(0)
                _start(live, name, rest, (*task, bars), threads)
            for receiver in connection.wait(list(live)):
                assert isinstance(receiver, Connection)
                job = live[receiver]
                try:
                    kind, text = receiver.recv()
                except (EOFError, OSError):
                    receiver.close()
                    del live[receiver]
                    job.process.join()
                    yield job.name, job.outcome or _crashed(job)
                    if job.rest:
                        queues.insert(0, job.rest)
                    continue
                if kind == "line":
                    report(text)
                else:
                    job.outcome = Outcome(kind, time.perf_counter() - job.started, text)
    finally:
        for receiver, job in live.items():
            job.process.terminate()
            job.process.join()
            receiver.close()


def _start(
    live: dict[Connection, _Job],
    name: str,
    rest: list[str],
    task: tuple[str, Path, bool, int, bool | None],
    threads: int,
) -> None:
    receiver, sender = get_context("spawn").Pipe(duplex=False)
    process = get_context("spawn").Process(target=_work, args=(sender, name, *task), name=name)
    # On a busy machine BLAS's threads wait for each other and take many times the processor time; with one,
    # sums do not depend on the number of cores either.
    with _environment({"MPSHARP_THREADS": str(threads)} | dict.fromkeys(_BLAS_THREADS, "1")):
        process.start()
    sender.close()  # so that the end of the process ends the pipe
    live[receiver] = _Job(name, rest, process, time.perf_counter())


def _work(
    sender: Connection, name: str, registry: str, folder: Path, full: bool, seed: int, bars: bool | None
) -> None:
    """Make one exhibit, in a process of its own; Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    if bars is not False:
        from tqdm.auto import tqdm

        tqdm.set_lock(threading.RLock())  # its own is a semaphore, of which ending this process would warn
    try:
        exhibit = load_registry(registry)[name]
        exhibit.produce(
            folder, full=full, seed=seed, progress=bars, report=lambda line: sender.send(("line", line))
        )
    except MissingDatasetError as error:
        sender.send(("skipped", f"{type(error).__name__}: {error}"))
    except MpsharpError as error:
        sender.send(("failed", f"{type(error).__name__}: {error}"))
    except Exception:
        sender.send(("failed", traceback.format_exc()))
    else:
        sender.send(("made", ""))
    sys.stdout.flush()


def _crashed(job: _Job) -> Outcome:
    code = job.process.exitcode
    how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
    return Outcome("failed", time.perf_counter() - job.started, f"its process ended by {how}")


def _note(folder: Path, exhibit: Exhibit, outcome: Outcome, report: Callable[[str], None]) -> None:
    if outcome.status == "made":
        report(f"{exhibit.name}: made ({outcome.seconds:.0f} s)")
        return
    manifest: dict[str, Any] = {**exhibit.describe(), "status": outcome.status, "reason": outcome.reason}
    write_manifest(folder, {**manifest, "seconds": outcome.seconds})
    what = "skipped: no data" if outcome.status == "skipped" else "failed"
    report(f"{exhibit.name}: {what} ({outcome.reason.strip()})")


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a process that is started inside, as they were afterwards.

    NumPy's linear algebra reads its number of threads when it is loaded, so nothing later can tell it.
    """
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
