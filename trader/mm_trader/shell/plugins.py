"""Strategies from other packages: entry points of the group `mm_trader.strategies`. Looked up only when a name is asked for that is not built in,
because reading the metadata of all installed packages takes longer than the rest of a trader's start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm_trader.strategy.base import Strategy
from mm_trader.strategy.registry import BUILT_IN, StrategyTypes

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "mm_trader.strategies"
_MEMBERS = ("parameters", "check", "quote")


class PluginError(ValueError):
    """A plug-in that cannot be used; the message names it and says why."""


def strategies_for(name: str) -> StrategyTypes:
    """What a trader that runs this strategy hands to its kernel: the built-in ones, and the plug-in of that name. Raises PluginError.

    A plug-in never takes the place of a built-in strategy. An unknown name is no error here: `validate_parameters` refuses it with the list of known ones.
    """
    if name in BUILT_IN:
        return BUILT_IN
    found = {point.name: point for point in _points()}
    return {**BUILT_IN, name: _load(found[name])} if name in found else {**BUILT_IN}


def all_strategies() -> tuple[StrategyTypes, list[str]]:
    """Every strategy that can be used, and one sentence for each plug-in that cannot."""
    types: dict[str, type[Strategy]] = dict(BUILT_IN)
    problems: list[str] = []
    for point in _points():
        try:
            types[point.name] = _load(point)
        except PluginError as error:
            problems.append(str(error))
    return types, problems


def _points() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # not paid for by traders whose strategy is built in

    return sorted(
        (point for point in entry_points(group=GROUP) if point.name not in BUILT_IN),
        key=lambda point: point.name,
    )


def _load(point: EntryPoint) -> type[Strategy]:
    try:
        loaded = point.load()
    except Exception as error:  # a stranger's module may raise anything while it is imported
        raise PluginError(f"plug-in {point.name} ({point.value}) cannot be imported: {error!r}") from error
    missing = [member for member in _MEMBERS if not hasattr(loaded, member)]
    if not isinstance(loaded, type) or missing:
        raise PluginError(
            f"plug-in {point.name} ({point.value}) is no strategy: it must be a class with {', '.join(_MEMBERS)}"
        )
    return loaded
