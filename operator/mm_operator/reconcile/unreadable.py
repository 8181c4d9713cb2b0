"""A spec that the API server took and the models refuse: what it says is shown as a condition, what already runs goes on, and a pause is still obeyed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from mm_api.kinds import MarketMaker
from mm_api.kinds.market_maker_status import MarketMakerStatus
from mm_operator.reconcile.revision import RevisionSnapshot

REASON = "InvalidSpec"


class UnreadableSpecError(Exception):
    """Nothing runs that could go on. The message names the fields."""


def readable(body: Mapping[str, Any], revisions: Mapping[str, RevisionSnapshot]) -> tuple[MarketMaker, str]:
    """The MarketMaker, and why its spec is not the one it has. Raises UnreadableSpecError where no revision runs to go by."""
    try:
        return MarketMaker.model_validate(body), ""
    except ValidationError as error:
        problem = explain(error)
    status = MarketMakerStatus.model_validate(body.get("status") or {})
    running = revisions.get(status.run.revision) if status.run else None
    if running is None:
        raise UnreadableSpecError(problem)
    asked = {
        name: body["spec"][name] for name in ("pause", "acknowledgeHalt") if name in body.get("spec", {})
    }
    try:
        return MarketMaker.model_validate({**body, "spec": running.spec.to_wire() | asked}), problem
    except ValidationError:
        return MarketMaker.model_validate({**body, "spec": running.spec.to_wire()}), problem


def explain(error: ValidationError) -> str:
    """Field and rule of each mistake, the first few."""
    found = [
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
        for item in error.errors(include_url=False, include_context=False)
    ]
    return "; ".join(found[:5])[:1000]


def status_of(body: Mapping[str, Any], problem: str, now: datetime) -> dict[str, Any]:
    """The status of an object that never began, with the one thing to say about it."""
    before = {item["type"]: item for item in (body.get("status") or {}).get("conditions", [])}
    conditions = []
    for kind, word in (("Ready", "False"), ("Stalled", "True")):
        old = before.get(kind, {})
        since = old["lastTransitionTime"] if old.get("status") == word else f"{now:%Y-%m-%dT%H:%M:%SZ}"
        conditions.append(
            {
                "type": kind,
                "status": word,
                "reason": REASON,
                "message": problem,
                "lastTransitionTime": since,
                "observedGeneration": body["metadata"].get("generation", 0),
            }
        )
    return {
        **(body.get("status") or {}),
        "state": "Blocked",
        "observedGeneration": body["metadata"].get("generation", 0),
        "conditions": conditions,
    }
