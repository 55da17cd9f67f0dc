"""A progress bar on standard error."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class Progress:
    """A tqdm bar, or nothing.

    Parameters
    ----------
    total : number of steps.
    label : text before the bar.
    show : True, False, or None: only where standard error is a terminal.
    """

    def __init__(self, total: int, label: str, show: bool | None) -> None:
        self._bar: Any = None
        if sys.stderr.isatty() if show is None else show:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total, desc=label, unit="step", leave=False, dynamic_ncols=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, steps: int) -> None:
        """Move on by `steps`."""
        if self._bar is not None:
            self._bar.update(steps)
