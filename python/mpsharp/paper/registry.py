"""Every figure there is, and making several of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

from mpsharp._text import text_table
from mpsharp.errors import DatasetError, check_name
from mpsharp.output import writable_folder
from mpsharp.paper import fig06, fig27, fig28, fig29
from mpsharp.paper.base import produce, write_manifest

FIGURES: dict[str, ModuleType] = {module.NAME: module for module in (fig06, fig27, fig28, fig29)}


def listing() -> str:
    """Return the figures as a table: name, what it shows, data, rough minutes."""
    rows = [(name, m.TITLE, m.DATA, f"{m.MINUTES:g}") for name, m in FIGURES.items()]
    return text_table(("name", "shows", "data", "minutes"), rows)


def produce_all(
    names: Iterable[str],
    out: str | Path,
    *,
    full: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    report: Callable[[str], None] = print,
) -> list[str]:
    """Make several figures; those without data are reported and skipped.

    The manifest of a skipped figure, ``NAME.json``, has the status "skipped" and the reason.

    Parameters
    ----------
    names : names of figures, or "all".
    out, full, seed, progress : as for `mpsharp.paper.base.produce`.
    report : called with each line of text for the user.

    Returns
    -------
    list of str
        The figures that were skipped.

    Raises
    ------
    UnknownNameError
        A name that is no figure's; before anything is computed.
    OutputError
        `out` cannot be written to; before anything is computed.
    """
    wanted = list(names)
    chosen = list(FIGURES) if wanted == ["all"] else [check_name("figure", n, FIGURES) for n in wanted]
    folder = writable_folder(out)
    skipped = []
    for name in chosen:
        try:
            manifest = produce(FIGURES[name], folder, full=full, seed=seed, progress=progress, report=report)
        except DatasetError as error:
            skipped.append(name)
            title = FIGURES[name].TITLE
            write_manifest(
                folder, {"figure": name, "title": title, "status": "skipped", "reason": str(error)}
            )
            report(f"{name}: skipped: no data ({type(error).__name__}: {error})")
        else:
            report(f"{name}: {folder / (name + '.png')} ({manifest['seconds']:.0f} s)")
    return skipped
