"""Revisions: what changes trading, hashed; and the snapshot that lets a revision keep running, and be returned to, after the spec has moved on. Pure.

A snapshot holds the spec and the image it was resolved to when the revision began, so an operator upgrade with another default image changes nothing that runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

from mm_api.kinds import MarketMakerSpec, VenueAccountSpec
from mm_api.scalars import ApiModel
from mm_operator.names import short_hash

REVISION_LENGTH = 10
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
    for section, fields in NOT_TRADING.items():
        for name in fields:
            content[section].pop(name, None)
    return content


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
        "spec": trading_content(spec),
        "accounts": {name: account_content(accounts[name]) for name in used},
    }
    return short_hash(json.dumps(content, sort_keys=True, separators=(",", ":")), REVISION_LENGTH)


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
