"""A MarketMaker is deleted: orders first, then pods, then what else it has, then its name. Pure.

The trader is stopped by a latch, the venue's confirmation is waited for (with a time-out), the StatefulSet is scaled to none, the identity
released, the children deleted, and
only then the finalizer goes. StageRecords stay: evidence outlives what it speaks of.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from mm_api.kinds import MarketMakerStatus, TradingState
from mm_operator.names import FINALIZER, holder_of
from mm_operator.reconcile import releases
from mm_operator.reconcile.plan import Action, DropChildren, Plan, ReleaseLease, SetFinalizer, StopTrader
from mm_operator.reconcile.releases import Runs
from mm_operator.reconcile.slots import SlotPhase, SlotResult, empty_slot, holds
from mm_operator.reconcile.snapshot import AccountView, Snapshot


def decide_deletion(snapshot: Snapshot) -> Plan:
    """The next step of the way out."""
    metadata = snapshot.market_maker.metadata
    if FINALIZER not in metadata.finalizers:
        return Plan(status=None, finished=True)
    status = snapshot.market_maker.status or MarketMakerStatus()
    holder = holder_of(snapshot.namespace, snapshot.name, metadata.uid)
    actions: list[Action] = []
    if status.state is not TradingState.DELETING:
        actions.extend(releases.abort(snapshot, Runs.of(status, dict(snapshot.revisions))))
    timing = replace(snapshot.timing, handover_timeout=snapshot.timing.shutdown_timeout)
    deleted_at = metadata.deletion_timestamp or snapshot.now
    overdue = snapshot.now >= deleted_at + snapshot.timing.shutdown_timeout
    wakes: list[datetime] = [deleted_at + snapshot.timing.shutdown_timeout]
    done = True
    for view in snapshot.accounts.values():
        result = _overdue(view, holder) if overdue else empty_slot(view, holder, snapshot.now, timing)
        actions.extend(result.actions)
        if result.wake_at is not None:
            wakes.append(result.wake_at)
        done = done and result.phase is SlotPhase.EMPTY
    if done:
        actions.append(DropChildren(tuple(snapshot.accounts)))
        actions.append(SetFinalizer(present=False))
        return Plan(status=None, actions=tuple(actions), finished=True)
    leaving = status.model_copy(
        update={"state": TradingState.DELETING, "observed_generation": metadata.generation}
    )
    return Plan(status=leaving, actions=tuple(actions), wake_at=min(wakes))


def _overdue(view: AccountView, holder: str) -> SlotResult:
    """The time-out has passed: SIGTERM makes the trader cancel by itself; the identity goes when its pod has gone."""
    if view.workload is not None and view.workload.replicas > 0:
        return SlotResult(SlotPhase.STOPPING_OLD, "", [StopTrader(view.name)])
    if view.pod is not None:
        return SlotResult(SlotPhase.STOPPING_OLD)
    if holds(view, holder) and view.lease is not None and view.identity is not None:
        return SlotResult(
            SlotPhase.EMPTY, "", [ReleaseLease(view.identity, view.lease.resource_version, view.name)]
        )
    return SlotResult(SlotPhase.EMPTY)
