"""Every figure and table there is. A new one is a line here."""

from __future__ import annotations

from mpsharp._text import text_table
from mpsharp.paper import (
    batch_size,
    fig06,
    fig09,
    fig27,
    fig28,
    fig29,
    imbalance_terms,
    noise_floor,
    numbered,
    precision_law,
    precision_maps,
    size_and_depth,
    start_bounds,
    unstable_direction,
)
from mpsharp.paper.base import exhibit
from mpsharp.paper.exhibit import Exhibit

_FIGURES = (
    fig06,
    fig09,
    fig27,
    fig28,
    fig29,
)
_SERIES = (batch_size, size_and_depth, start_bounds, imbalance_terms)
_OURS = (precision_law, precision_maps, unstable_direction, noise_floor)
EXHIBITS: dict[str, Exhibit] = {
    one.name: one
    for one in [
        *sorted(
            [*map(exhibit, _FIGURES), *(figure for source in _SERIES for figure in source.exhibits())],
            key=lambda one: one.name,
        ),
        *(table.exhibit() for table in numbered.TABLES),
        *map(exhibit, _OURS),
    ]
}


def listing() -> str:
    """Return the exhibits as a table: name, what it shows, data, rough minutes."""
    rows = [(e.name, e.title, e.data, f"{e.minutes:g}") for e in EXHIBITS.values()]
    return text_table(("name", "shows", "data", "minutes"), rows) + f"\n{numbered.NOT_MADE}"
