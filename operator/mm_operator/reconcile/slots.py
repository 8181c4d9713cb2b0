"""The hand-over: who trades on one account, and how that changes without there ever being two writers. Pure.

A *slot* is one account with what is assigned to it. The order never varies: stop the old trader by a latch → wait until the venue has confirmed
that nothing is open
(or nobody is there, or a time-out: its successor cancels everything again before it quotes) → a new epoch in the identity's Lease, then in Redis →
new configuration →
the old pod deleted by its uid → the new pod → the latch lifted. Each look at the snapshot finds the first of these that is not yet so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from mm_api.kinds import HaltLevel
from mm_api.redis_contract import Latch, LatchSource
from mm_operator.names import HANDOVER_LATCH
from mm_operator.reconcile.ladder import Rung
from mm_operator.reconcile.plan import (
    Action,
    DeletePod,
    IssueEpoch,
    LiftLatch,
    ReleaseLease,
    RunTrader,
    SetLatch,
    StopTrader,
    TakeLease,
)
from mm_operator.reconcile.revision import RevisionSnapshot
from mm_operator.reconcile.snapshot import AccountView, LeaseView, PodView, WorkloadView
from mm_operator.settings import Timing


class SlotPhase(StrEnum):
    """How far the slot is."""

    BLOCKED = "Blocked"
    STOPPING_OLD = "StoppingOld"
    STARTING_POD = "StartingPod"
    IN_PLACE = "InPlace"
    """The assigned trader's pod is there, and no other."""
    HIBERNATED = "Hibernated"
    EMPTY = "Empty"
    UNKNOWN = "Unknown"
    """Redis does not answer: nothing is changed."""


@dataclass(frozen=True)
class Assignment:
    """What is to trade on an account."""

    rung: Rung
    revision: RevisionSnapshot
    scope: str
    limits: Mapping[str, str]
    hibernate: bool = False


@dataclass(frozen=True)
class SlotResult:
    """What to do next, where the slot stands, and a sentence for people."""

    phase: SlotPhase
    message: str = ""
    actions: list[Action] = field(default_factory=list)
    wake_at: datetime | None = None


def holds(view: AccountView, holder: str) -> bool:
    """Whether this MarketMaker has signed the identity's Lease."""
    return view.lease is not None and view.lease.holder == holder


def fill_slot(
    view: AccountView,
    assignment: Assignment,
    holder: str,
    database_id: str | None,
    now: datetime,
    timing: Timing,
) -> SlotResult:
    """Bring the assigned trader in, or keep it."""
    lease, redis, identity = view.lease, view.redis, view.identity
    if identity is None:
        return SlotResult(SlotPhase.BLOCKED, f"VenueAccount {view.name} does not exist")
    if lease and lease.holder and lease.holder != holder and lease.holder_exists:
        other = "/".join(lease.holder.split("/")[:2])
        return SlotResult(SlotPhase.BLOCKED, f"identity {identity} is held by MarketMaker {other}")
    if redis is None or database_id is None:
        return SlotResult(SlotPhase.UNKNOWN, "Redis does not answer; nothing is changed until it does")

    lease_is_right = (
        lease is not None
        and lease.holder == holder
        and lease.scope == assignment.scope
        and lease.database == database_id
        and not _epoch_was_lost(lease, redis.epoch, view.workload)
    )
    if not lease_is_right or lease is None:
        waiting = _stop_old(view, now, timing)
        if waiting is not None:
            return waiting
        epoch = max(lease.epoch if lease else 0, redis.epoch or 0) + 1
        version = lease.resource_version if lease else None
        take = TakeLease(identity, epoch, assignment.scope, database_id, version)
        return SlotResult(SlotPhase.STOPPING_OLD, f"taking over under epoch {epoch}", [take])

    actions: list[Action] = []
    if redis.epoch != lease.epoch:
        actions.append(IssueEpoch(identity, lease.epoch))
    if assignment.hibernate:
        return _hibernate(view, actions, now, timing)
    actions.append(
        RunTrader(
            view.name,
            identity,
            lease.epoch,
            assignment.scope,
            assignment.rung,
            assignment.revision,
            assignment.limits,
        )
    )
    pod = view.pod
    if pod is not None and pod.epoch != lease.epoch:
        if not pod.deleting:
            actions.append(DeletePod(pod.name, pod.uid))
        return SlotResult(
            SlotPhase.STARTING_POD, f"waiting for pod {pod.name} of the epoch before to end", actions
        )
    if pod is None or pod.deleting:
        return SlotResult(SlotPhase.STARTING_POD, "waiting for the pod", actions)
    if HANDOVER_LATCH in redis.latches:
        actions.append(LiftLatch(identity, HANDOVER_LATCH))
    return SlotResult(SlotPhase.IN_PLACE, pod_problem(pod), actions)


def empty_slot(view: AccountView, holder: str, now: datetime, timing: Timing) -> SlotResult:
    """Take the trader off an account that nothing is assigned to any more: orders first, then the pod, then the identity."""
    there = (view.workload is not None and view.workload.replicas > 0) or view.pod is not None
    mine = holds(view, holder)
    if there:
        if view.workload is not None and view.workload.replicas == 0:
            return SlotResult(SlotPhase.STOPPING_OLD, "waiting for the pod to end")
        if mine and view.redis is None:
            return SlotResult(
                SlotPhase.UNKNOWN, "Redis does not answer; the trader stops itself before its lease ends"
            )
        waiting = _stop_old(view, now, timing) if mine else None
        return waiting or SlotResult(SlotPhase.STOPPING_OLD, "stopping the trader", [StopTrader(view.name)])
    if not mine or view.lease is None or view.identity is None:
        return SlotResult(SlotPhase.EMPTY)
    if view.redis is None:
        return SlotResult(SlotPhase.UNKNOWN, "Redis does not answer; the identity is kept until it does")
    actions: list[Action] = []
    # what this operator set for this MarketMaker's sake is not for the next one; what a person must acknowledge is
    actions.extend(
        LiftLatch(view.identity, name)
        for name, latch in view.redis.latches.items()
        if not latch.source.needs_acknowledgement
    )
    actions.append(ReleaseLease(view.identity, view.lease.resource_version, view.name))
    return SlotResult(SlotPhase.EMPTY, "", actions)


def _epoch_was_lost(lease: LeaseView, in_redis: int | None, workload: WorkloadView | None) -> bool:
    """Whether Redis no longer has the epoch that it was given, so that a token of it could be handed out twice.

    The epoch is issued before a template carries it. A template with the Lease's epoch and a Redis below it: part of the database was lost.
    A Redis above it: the Lease object was lost. Either way only a higher epoch is safe.
    """
    issued = workload is not None and workload.epoch == lease.epoch
    if in_redis is None:
        return issued
    return in_redis > lease.epoch or (issued and in_redis < lease.epoch)


def is_quiet(view: AccountView, latch: Latch) -> bool:
    """Whether the trader obeys this latch and the venue has confirmed that nothing of it is open."""
    state = view.redis.state if view.redis else None
    return (
        state is not None
        and state.updated_ms >= latch.at_ms
        and latch.id in state.halts
        and state.open_orders == 0
        and state.unknown_orders == 0
        and state.zero_orders_confirmed_ms is not None
    )


def pod_problem(pod: PodView) -> str:
    """Why a pod does not work, in a sentence; empty when it does."""
    if not pod.waiting_reason:
        return ""
    return f"pod {pod.name}: {pod.waiting_reason}" + (
        f": {pod.waiting_message}" if pod.waiting_message else ""
    )


def _stop_old(view: AccountView, now: datetime, timing: Timing) -> SlotResult | None:
    """What is still to be done or waited for before nobody trades on the account. None: nothing."""
    if view.pod is None or view.identity is None or view.redis is None:
        return None
    latch = view.redis.latches.get(HANDOVER_LATCH)
    if latch is None:
        latch = Latch(
            id=HANDOVER_LATCH,
            level=HaltLevel.HALTED,
            source=LatchSource.HANDOVER,
            reason="Handover",
            message="another revision, stage or step takes this account over",
            at_ms=round(now.timestamp() * 1000),
        )
        return SlotResult(
            SlotPhase.STOPPING_OLD, "asking the trader to stop", [SetLatch(view.identity, latch)]
        )
    if is_quiet(view, latch):
        return None
    if not view.pod.running:
        return None  # its process is not there; whatever it left open, the next one cancels before it quotes
    until = datetime.fromtimestamp(latch.at_ms / 1000, now.tzinfo) + timing.handover_timeout
    if now >= until:
        return None
    return SlotResult(
        SlotPhase.STOPPING_OLD, "waiting until the venue confirms that no order is open", wake_at=until
    )


def _hibernate(view: AccountView, actions: list[Action], now: datetime, timing: Timing) -> SlotResult:
    """No pod, journal and lease kept. The latch of level Hibernated is what stops the trader."""
    if view.pod is None and (view.workload is None or view.workload.replicas == 0):
        return SlotResult(SlotPhase.HIBERNATED, "", actions)
    latches = view.redis.latches.values() if view.redis else ()
    deepest = next((latch for latch in latches if latch.level is HaltLevel.HIBERNATED), None)
    if deepest is None:
        return SlotResult(SlotPhase.STOPPING_OLD, "asking the trader to stop", actions)
    until = datetime.fromtimestamp(deepest.at_ms / 1000, now.tzinfo) + timing.handover_timeout
    if view.pod is not None and view.pod.running and not is_quiet(view, deepest) and now < until:
        return SlotResult(
            SlotPhase.STOPPING_OLD, "waiting until the venue confirms that no order is open", actions, until
        )
    return SlotResult(
        SlotPhase.STOPPING_OLD,
        "scaling to none",
        [*actions, StopTrader(view.name)],
        now + timedelta(seconds=1),
    )
