"""After full scale: the last rung's gates become risk alerts. Pure; called by `decide` for a run that has passed all its stages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from mm_api.kinds import GateVerdict, HaltLevel
from mm_api.kinds.market_maker_status import RunStatus
from mm_api.redis_contract import Latch, LatchSource
from mm_operator.gates.evaluate import evaluate
from mm_operator.gates.model import GateInput
from mm_operator.gates.since import accepted_evidence, since
from mm_operator.reconcile.draft import Draft
from mm_operator.reconcile.ladder import Rung
from mm_operator.reconcile.plan import SetLatch
from mm_operator.reconcile.progress import evidence_of
from mm_operator.reconcile.releases import run_scope
from mm_operator.reconcile.slots import holds
from mm_operator.reconcile.snapshot import Snapshot

GATE_LATCH = "gate-"


def _looked_at(snapshot: Snapshot) -> datetime | None:
    """When a person last acknowledged a halt since the run came to full scale."""
    status = snapshot.market_maker.status
    at = status.acknowledged_at if status else None
    return (
        at if at and status and status.run and status.run.complete and at >= status.run.phase_since else None
    )


def guard_full_scale(draft: Draft, run: RunStatus, rung: Rung) -> None:
    """After full scale the same gates are risk alerts: a Fail halts, and a person must acknowledge it.

    Not while something else halts already (also where the trader alone says so: its halt is on its way to us), and not for one
    soak after an acknowledgement: a person has just looked. What they have looked at they have accepted, so counting begins
    again there.
    """
    snapshot = draft.snapshot
    view = snapshot.accounts[run.account]
    evidence, why_not = evidence_of(snapshot, view, run_scope(run))
    if evidence is not None and (draft.halts.acknowledged or (run.accepted is None and _looked_at(snapshot))):
        run = run.model_copy(update={"accepted": evidence.to_json_line()})
        draft.runs = replace(draft.runs, run=run)
    counted = since(evidence, accepted_evidence(run.accepted))
    gates = evaluate(rung.gates, GateInput(snapshot.now, counted, why_not, rung.sample, snapshot.metrics))
    draft.gates = gates
    if (
        not holds(view, draft.holder)
        or view.identity is None
        or view.redis is None
        or draft.halts.halts
        or (view.redis.state is not None and view.redis.state.risk_level == "Halted")
        or draft.halts.acknowledged
    ):
        return
    looked = _looked_at(snapshot)
    if looked is not None and snapshot.now < looked + rung.soak:
        return
    failed = next(
        (gate for gate in gates if gate.verdict is GateVerdict.FAIL and gate.guards_full_scale), None
    )
    if failed is None:
        return
    at_ms = round(snapshot.now.timestamp() * 1000)
    latch = Latch(
        id=f"{GATE_LATCH}{failed.name.lower()}-{at_ms}",
        level=HaltLevel.HALTED,
        source=LatchSource.ALERT,
        reason=f"Gate{failed.name}",
        message=f"{failed.name} at full scale: {failed.evidence.value} (wants {failed.evidence.threshold}), {failed.evidence.message}",
        at_ms=at_ms,
        revision=run.revision,
        scope=run_scope(run),
    )
    draft.actions.append(SetLatch(view.identity, latch))
