"""Every figure and table there is, and making several of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from mpsharp._text import text_table
from mpsharp.errors import DatasetError, check_name
from mpsharp.output import writable_folder
from mpsharp.paper import fig04, fig06, fig09, fig27, fig28, fig29, imbalance_terms, numbered
from mpsharp.paper.base import exhibit
from mpsharp.paper.exhibit import Exhibit
from mpsharp.paper.files import write_manifest

_FIGURES = (
    fig04,
    fig06,
    fig09,
    fig27,
    fig28,
    fig29,
)
EXHIBITS: dict[str, Exhibit] = {
    one.name: one
    for one in [
        *sorted([*map(exhibit, _FIGURES), *imbalance_terms.exhibits()], key=lambda one: one.name),
        *(table.exhibit() for table in numbered.TABLES),
    ]
}


def listing() -> str:
    """Return the exhibits as a table: name, what it shows, data, rough minutes."""
    rows = [(e.name, e.title, e.data, f"{e.minutes:g}") for e in EXHIBITS.values()]
    return text_table(("name", "shows", "data", "minutes"), rows) + f"\n{numbered.NOT_MADE}"


def produce_all(
    names: Iterable[str],
    out: str | Path,
    *,
    full: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    report: Callable[[str], None] = print,
) -> list[str]:
    """Make several exhibits; those without data are reported and skipped.

    The manifest of a skipped one, ``NAME.json``, has the status "skipped" and the reason.

    Parameters
    ----------
    names : names of exhibits, or "all".
    out, full, seed, progress : as for `mpsharp.paper.exhibit.Exhibit.produce`.
    report : called with each line of text for the user.

    Returns
    -------
    list of str
        Those that were skipped.

    Raises
    ------
    UnknownNameError
        A name that is no exhibit's; before anything is computed.
    OutputError
        `out` cannot be written to; before anything is computed.
    """
    wanted = list(names)
    if wanted != ["all"]:
        wanted = [check_name("figure or table", name, EXHIBITS) for name in wanted]
    chosen = list(EXHIBITS) if wanted == ["all"] else wanted
    folder = writable_folder(out)
    skipped = []
    for name in chosen:
        one = EXHIBITS[name]
        try:
            manifest = one.produce(folder, full=full, seed=seed, progress=progress, report=report)
        except DatasetError as error:
            skipped.append(name)
            write_manifest(folder, {**one.describe(), "status": "skipped", "reason": str(error)})
            report(f"{name}: skipped: no data ({type(error).__name__}: {error})")
        else:
            first = next(iter(manifest["files"]))
            report(f"{name}: {folder / first} ({manifest['seconds']:.0f} s)")
    return skipped
