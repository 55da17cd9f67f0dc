"""Processes that end when the process that started them does, however that ended."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection, parent_process
from types import FrameType
from typing import NoReturn

_ENDINGS = ("SIGTERM", "SIGHUP")  # what ends a job or closes its terminal; Windows has no SIGHUP


def end_with_parent() -> None:
    """Make this process, started by multiprocessing, end as soon as its parent is no more.

    A parent that is killed cannot end its children, and a pool's worker waits for ever for a task.
    """
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()


@contextmanager
def orderly_endings() -> Iterator[None]:
    """Turn signals that would end this process at once into SystemExit, so that what is open gets closed.

    The exit status is 128 plus the signal's number, as a shell has it. Nothing changes outside the main
    thread, and where somebody else handles the signal already.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        known = [getattr(signal, name) for name in _ENDINGS if hasattr(signal, name)]
        before = {number: signal.signal(number, _exit) for number in known if _is_free(number)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_free(number: signal.Signals) -> bool:
    return signal.getsignal(number) is signal.SIG_DFL


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
