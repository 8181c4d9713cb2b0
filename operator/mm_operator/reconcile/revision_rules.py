"""Which edits are a new revision, which only tighten the running one, which are neither. The table of docs/rollout.md, as code. Pure.

Tightening is applied to the running trader at once and earns nothing and loses nothing. Everything else that changes trading earns its way again.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from mm_api.kinds import MarketMakerSpec, VenueAccountSpec
from mm_api.reload_rules import TIGHTENABLE
from mm_api.risk_config import RiskSpec
from mm_operator.reconcile.ladder import Rung
from mm_operator.reconcile.revision import RevisionSnapshot, account_content, trading_content

TIGHTER_IF_SMALLER_STAGE = ("capital", "lossBudget")
"""Fields of a stage, and of a step, whose smaller value only tightens. A loss budget where there was none tightens too."""
TIGHTER_IF_SMALLER_RISK = tuple(sorted(TIGHTENABLE - set(TIGHTER_IF_SMALLER_STAGE)))
"""Fields of spec.risk whose smaller value only tightens; unset, where that is possible, is loosest."""
ALWAYS_IN_FORCE = ("dailyLossLimit", "maxDrawdown", "maxOrderRate", "maxCancelRatio")
"""Limits that are always handed to a trader; the others where they are not at their default, which the trader has of itself."""


class Change(StrEnum):
    """What an edit means for what runs."""

    NONE = "None"
    TIGHTENS = "Tightens"
    NEW_REVISION = "NewRevision"


def classify(
    running: RevisionSnapshot, spec: MarketMakerSpec, accounts: Mapping[str, VenueAccountSpec]
) -> Change:
    """Compare what a revision began with to what the spec says now."""
    before, now = trading_content(running.spec), trading_content(spec)
    if _accounts(running.accounts) != _accounts(
        {name: accounts[name] for name in running.accounts if name in accounts}
    ):
        return Change.NEW_REVISION
    if before == now:
        return Change.NONE
    loosened = copy.deepcopy(now)
    if not _take_back_tightening(before, loosened):
        return Change.NEW_REVISION
    return Change.TIGHTENS if loosened == before else Change.NEW_REVISION


def effective_limits(
    spec: MarketMakerSpec, rung: Rung, running: RevisionSnapshot, base: Rung
) -> dict[str, str]:
    """The limits in force, by the wire name of the trader's risk configuration: never looser than what the revision began with."""
    now, earned, defaults = (risk.to_wire() for risk in (spec.risk, running.spec.risk, RiskSpec()))
    limits: dict[str, Decimal] = {"capital": min(rung.capital, base.capital)}
    for name in (*ALWAYS_IN_FORCE, *TIGHTER_IF_SMALLER_RISK):
        values = {Decimal(each[name]) for each in (now, earned) if name in each}
        if values and (name in ALWAYS_IN_FORCE or values != {Decimal(defaults.get(name, 0))}):
            limits[name] = min(values)
    budgets = [budget for budget in (rung.loss_budget, base.loss_budget) if budget is not None]
    if budgets:
        limits["lossBudget"] = min(budgets)
    return {name: format(value.normalize(), "f") for name, value in limits.items()}


def _accounts(accounts: Mapping[str, VenueAccountSpec]) -> dict[str, Any]:
    return {name: account_content(account) for name, account in accounts.items()}


def _take_back_tightening(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Put every field of `now` that only tightens back to its value `before`. False: one of them was loosened."""
    for name in TIGHTER_IF_SMALLER_RISK:
        if not _put_back(before["risk"], now["risk"], name):
            return False
    old_stages, new_stages = before["rollout"]["stages"], now["rollout"]["stages"]
    if len(old_stages) != len(new_stages):
        return False
    for old, new in zip(old_stages, new_stages, strict=True):
        old_steps, new_steps = old.get("steps", []), new.get("steps", [])
        if len(old_steps) != len(new_steps):
            return False
        pairs = [(old, new), *zip(old_steps, new_steps, strict=True)]
        if not all(_put_back(*pair, name) for pair in pairs for name in TIGHTER_IF_SMALLER_STAGE):
            return False
    return True


def _put_back(before: dict[str, Any], now: dict[str, Any], name: str) -> bool:
    if name not in now:
        return name not in before
    if name in before and Decimal(str(now[name])) > Decimal(str(before[name])):
        return False
    if name in before:
        now[name] = before[name]
    else:
        del now[name]
    return True
