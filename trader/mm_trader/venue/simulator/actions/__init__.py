"""What the admin API and scenario files can do to a running simulator, by name.

An action is declared once (`spec.Action`); `perform` checks what was sent against the declaration and does it, `catalogue`
shows all of them, with the faults, to programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import accounts, faulty, market, usdm, wire
from .catalogue import catalogue_of
from .spec import Action, ActionError

if TYPE_CHECKING:
    from ..simulator import Simulator

__all__ = ["ACTIONS", "Action", "ActionError", "catalogue", "check", "perform"]

ACTIONS: dict[str, Action] = {
    **market.ACTIONS,
    **wire.ACTIONS,
    **accounts.ACTIONS,
    **usdm.ACTIONS,
    **faulty.ACTIONS,
}


def check(sim: Simulator, name: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The action's fields, checked, without doing it. Raises ActionError."""
    action = ACTIONS.get(name) if isinstance(name, str) else None
    if action is None:
        raise ActionError(f"unknown action {str(name)[:40]!r}; known: {', '.join(ACTIONS)}")
    return action.parse(sim, values)


def perform(sim: Simulator, name: str, values: Mapping[str, Any]) -> Any:
    """Do the action called `name`. Raises ActionError."""
    checked = check(sim, name, values)
    return ACTIONS[name].run(sim, checked)


def catalogue(sim: Simulator) -> dict[str, Any]:
    """All actions and faults with their fields, for programs: `GET /admin/catalogue`."""
    return catalogue_of(sim, ACTIONS)
