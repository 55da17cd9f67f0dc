"""Recipes: problems rebuilt from their name and arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mpsharp.errors import ConfigurationError, check_name
from mpsharp.problems.problem import Problem
from mpsharp.problems.real import from_dataset
from mpsharp.problems.reduced import reduced
from mpsharp.problems.synthetic import appendix_d, gaussian

_NAMED: dict[str, Callable[..., Problem]] = {
    "appendix_d": appendix_d,
    "gaussian": gaussian,
    "from_dataset": from_dataset,
}


def from_recipe(
    recipe: Mapping[str, Any], *, directory: str | None = None, download: bool = False
) -> Problem:
    """Rebuild the problem that has this recipe.

    Raises
    ------
    UnknownNameError
        The recipe's name is not that of a problem.
    DatasetError
        It needs data that is absent.
    """
    arguments = dict(recipe)
    name = check_name("problem", arguments.pop("name", None), [*_NAMED, "reduced"])
    if name == "reduced":
        same = from_recipe(arguments["of"], directory=directory, download=download)
        return reduced(same, arguments["coordinates"])
    if name == "from_dataset":
        arguments["name"] = arguments.pop("dataset")
        arguments.update(directory=directory, download=download)
    try:
        return _NAMED[name](**arguments)
    except TypeError as error:
        raise ConfigurationError(f"recipe: expected the arguments of {name}, got {dict(recipe)}") from error
