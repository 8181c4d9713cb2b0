"""The machine-readable list of what the admin API can do: tests of a client go through it, so that none is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..faults import CALL_CLASSES, FAULTS, FaultInfo, FaultKind, Strikes
from .spec import Action

if TYPE_CHECKING:
    from ..simulator import Simulator

VERSION = 1
"""Grows when a field of the catalogue changes its meaning or goes."""


def catalogue_of(sim: Simulator, actions: Mapping[str, Action]) -> dict[str, Any]:
    """Actions by name, faults by name, call classes; every example can be sent as it is."""
    return {
        "version": VERSION,
        "product": sim.config.product.value,
        "actions": {name: action.shape(sim) for name, action in actions.items()},
        "faults": {kind.value: _fault(sim, kind, info) for kind, info in FAULTS.items()},
        "calls": list(CALL_CLASSES),
        "symbols": list(sim.engine.markets),
        "accounts": list(sim.client_accounts),
    }


def _fault(sim: Simulator, kind: FaultKind, info: FaultInfo) -> dict[str, Any]:
    example: dict[str, Any] = {"fault": kind.value}
    if info.strikes is Strikes.REQUEST:
        example["call"] = "place"
    elif info.strikes is not Strikes.USER_EVENT:
        example["symbol"] = next(iter(sim.engine.markets))
    return {
        "does": info.does,
        "strikes": info.strikes.value,
        "executed": info.executed,
        "uses": list(info.uses),
        "example": example,
    }
