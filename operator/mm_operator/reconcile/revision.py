"""Revisions: what changes trading, hashed; and the snapshot that lets a revision keep running, and be returned to, after the spec has moved on. Pure.

A snapshot holds the spec and the image it was resolved to when the revision began, so an operator upgrade with another default image changes nothing that runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

from mm_api.kinds import MarketMakerSpec, VenueAccountSpec
from mm_api.reload_rules import RULES, Managed
from mm_api.scalars import ApiModel
from mm_operator.names import short_hash

REVISION_LENGTH = 10
HASHED_FROM_THE_START = {
    "risk": (
        "dailyLossLimit",
        "symbolLossLimit",
        "maxNetExposure",
        "maxCorrelatedExposure",
        "maxDrawdown",
        "maxOrderRate",
        "maxCancelRatio",
    ),
    "engine": ("orderTimeout", "reconcileInterval", "healthCheckInterval", "staleAfter"),
}
"""Fields that every hash has held. One that came later is in it only where it is not at its default: a release that adds a field renames no revision."""
FREE_ENGINE = tuple(
    rule.path.removeprefix("engine.")
    for rule in RULES
    if rule.path.startswith("engine.") and rule.managed is Managed.FREE
)
"""Timings that any value may be given to without earning anything (docs/reference/reload.md)."""
OPERATIONS = ("alerts", "dead_man", "logging", "process", "recording")
"""Sections of a spec that say how a trader is watched, not what it trades: the newest value counts for every trader, from its next start on."""
NOT_TRADING = {
    "rollout": ("freeze", "onFailure", "attempt"),
    "trader": ("resources", "storage", "imagePullPolicy", "terminationGracePeriod"),
}
"""Fields of spec sections that change how a revision is released or housed, not what it trades."""


class RevisionSnapshot(ApiModel):
    """One revision as it began."""

    model_config = ConfigDict(extra="ignore")

    revision: str
    spec: MarketMakerSpec
    image: str
    accounts: dict[str, VenueAccountSpec]


def trading_content(spec: MarketMakerSpec) -> dict[str, Any]:
    """The part of a spec that changes trading, in wire form."""
    wire = spec.to_wire()
    sections = ("strategy", "risk", "portfolio", "engine", "rollout", "trader")
    content = {name: dict(wire[name]) for name in sections if name in wire}
    for section, fields in {**NOT_TRADING, "engine": FREE_ENGINE}.items():
        for name in fields:
            content[section].pop(name, None)
    return content


def in_force(revision: MarketMakerSpec, now: MarketMakerSpec) -> MarketMakerSpec:
    """A revision's spec with what is not earned as the spec has it now: alerts, log, recording, dead man, memory, free timings."""
    wire, newest = revision.engine.to_wire(), now.engine.to_wire()
    engine = type(now.engine).model_validate(wire | {name: newest[name] for name in FREE_ENGINE})
    return revision.model_copy(update={"engine": engine, **{name: getattr(now, name) for name in OPERATIONS}})


def account_content(account: VenueAccountSpec) -> dict[str, Any]:
    """The part of an account that changes trading: which account it is and where. Its ceiling is checked, not hashed."""
    wire = account.to_wire()
    return {
        name: wire[name]
        for name in ("venue", "environment", "credentialsSecretRef", "endpoints")
        if name in wire
    }


def revision_of(spec: MarketMakerSpec, accounts: Mapping[str, VenueAccountSpec]) -> str:
    """Hash over everything that changes trading, hexadecimal."""
    used = sorted({stage.account_ref.name for stage in spec.rollout.stages})
    content = {
        "spec": _hashed(spec),
        "accounts": {name: account_content(accounts[name]) for name in used},
    }
    return short_hash(json.dumps(content, sort_keys=True, separators=(",", ":")), REVISION_LENGTH)


def _hashed(spec: MarketMakerSpec) -> dict[str, Any]:
    content, wire = trading_content(spec), spec.to_wire()
    for stage in content["rollout"]["stages"]:
        if not stage["drills"]:
            del stage["drills"]
    for section, model in (("risk", spec.risk), ("engine", spec.engine)):
        first, defaults = HASHED_FROM_THE_START[section], type(model)().to_wire()
        content[section] = {
            name: value
            for name, value in wire[section].items()
            if name in first or value != defaults.get(name)
        }
    return content


def snapshot_of(
    spec: MarketMakerSpec, accounts: Mapping[str, VenueAccountSpec], default_image: str
) -> RevisionSnapshot:
    """The snapshot to keep when this spec begins its first stage."""
    used = sorted({stage.account_ref.name for stage in spec.rollout.stages})
    neutral = spec.model_copy(update={"pause": type(spec.pause).NONE, "acknowledge_halt": None})
    return RevisionSnapshot(
        revision=revision_of(spec, accounts),
        spec=neutral,
        image=spec.trader.image or default_image,
        accounts={name: accounts[name] for name in used},
    )
