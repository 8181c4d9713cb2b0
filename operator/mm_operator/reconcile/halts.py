"""Halts: which latches must be set on an identity, which must go, and which a person has acknowledged. Pure.

The operator sets and lifts only what is its own (pause, TradingHalts, ceiling, a stage that failed in place, gates at full scale). What a risk
monitor or an alert has set ends only
by `spec.acknowledgeHalt`. A latch that the status remembers and Redis has lost is set again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mm_api.kinds import HaltLevel, MarketMakerStatus, TradingHalt
from mm_api.kinds.market_maker_status import HaltStatus
from mm_api.redis_contract import Latch, LatchSource
from mm_operator.kube.redis_state import IdentityState
from mm_operator.names import HANDOVER_LATCH, PAUSE_LATCH
from mm_operator.reconcile.plan import Action, LiftLatch, SetLatch
from mm_operator.reconcile.snapshot import AccountView, Snapshot

KEPT_ACKNOWLEDGEMENTS = 32
OWN_SOURCES = (LatchSource.PAUSE, LatchSource.TRADING_HALT, LatchSource.OPERATOR)


@dataclass
class HaltDecision:
    """Latch actions, the halts to show, and what was acknowledged just now."""

    actions: list[Action] = field(default_factory=list)
    halts: list[HaltStatus] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)

    @property
    def deepest(self) -> HaltLevel:
        """The level that is obeyed."""
        return max((halt.level for halt in self.halts), key=lambda level: level.depth, default=HaltLevel.NONE)


def halt_id_of(halt: TradingHalt) -> str:
    """Latch id of a TradingHalt."""
    return f"tradinghalt-{halt.metadata.namespace}-{halt.metadata.name}"[:128]


def wanted_latches(snapshot: Snapshot, extra: Iterable[Latch] = ()) -> dict[str, Latch]:
    """The operator's own latches that must be set on every identity of the MarketMaker now."""
    now_ms = round(snapshot.now.timestamp() * 1000)
    wanted = {latch.id: latch for latch in extra}
    pause = snapshot.market_maker.spec.pause
    if pause is not HaltLevel.NONE:
        wanted[PAUSE_LATCH] = Latch(
            id=PAUSE_LATCH,
            level=pause,
            source=LatchSource.PAUSE,
            reason="Paused",
            message=f"spec.pause is {pause}",
            at_ms=now_ms,
        )
    for halt in snapshot.trading_halts:
        name = halt_id_of(halt)
        wanted[name] = Latch(
            id=name,
            level=HaltLevel(halt.spec.level),
            source=LatchSource.TRADING_HALT,
            reason="TradingHalt",
            message=halt.spec.reason,
            at_ms=now_ms,
        )
    return wanted


def decide_halts(
    snapshot: Snapshot,
    held: Iterable[AccountView],
    wanted: Mapping[str, Mapping[str, Latch]],
    status: MarketMakerStatus,
) -> HaltDecision:
    """Compare what is set with what must be (by account), on every identity this MarketMaker holds."""
    decision = HaltDecision()
    acknowledge = snapshot.market_maker.spec.acknowledge_halt
    remembered: dict[str, list[HaltStatus]] = {}
    for halt in status.halts:
        remembered.setdefault(halt.account, []).append(halt)
    for view in held:
        if view.identity is None:
            continue
        if view.redis is None:
            decision.halts.extend(remembered.get(view.name, []))
            continue
        in_force = _one_identity(
            snapshot,
            view.identity,
            view.redis,
            wanted.get(view.name, {}),
            remembered.get(view.name, []),
            status,
            decision,
        )
        if acknowledge and acknowledge in in_force and in_force[acknowledge].source.needs_acknowledgement:
            decision.actions.append(LiftLatch(view.identity, acknowledge))
            decision.acknowledged.append(acknowledge)
            del in_force[acknowledge]
        decision.halts.extend(
            _shown(latch, view.name) for latch in in_force.values() if latch.id != HANDOVER_LATCH
        )
    decision.halts.sort(key=lambda halt: (-halt.level.depth, halt.since, halt.id))
    return decision


def _one_identity(
    snapshot: Snapshot,
    identity: str,
    redis: IdentityState,
    wanted: Mapping[str, Latch],
    remembered: Iterable[HaltStatus],
    status: MarketMakerStatus,
    decision: HaltDecision,
) -> dict[str, Latch]:
    """Set what is missing, lift what has lost its cause; returns what is in force then."""
    in_force = dict(redis.latches)
    for name, latch in wanted.items():
        present = in_force.get(name)
        if present is None or (present.level, present.message) != (latch.level, latch.message):
            decision.actions.append(SetLatch(identity, latch))
            in_force[name] = latch
    for name, latch in redis.latches.items():
        if latch.source in OWN_SOURCES and name not in wanted:
            decision.actions.append(LiftLatch(identity, name))
            del in_force[name]
        elif latch.source.needs_acknowledgement and name in status.acknowledged:
            # an older database has come back with a halt that a person lifted
            decision.actions.append(LiftLatch(identity, name))
            del in_force[name]
    for halt in remembered:
        lost = (
            halt.id not in redis.latches
            and halt.id not in redis.acknowledged
            and halt.id not in status.acknowledged
        )
        if halt.needs_acknowledgement and lost and halt.id != snapshot.market_maker.spec.acknowledge_halt:
            latch = _restored(halt)
            decision.actions.append(SetLatch(identity, latch))
            in_force[halt.id] = latch
    return in_force


def _restored(halt: HaltStatus) -> Latch:
    return Latch(
        id=halt.id,
        level=halt.level,
        source=LatchSource(halt.source),
        reason=halt.reason,
        message=halt.message,
        at_ms=round(halt.since.timestamp() * 1000),
    )


def _shown(latch: Latch, account: str) -> HaltStatus:
    return HaltStatus(
        id=latch.id,
        level=latch.level,
        source=latch.source.value,
        reason=latch.reason,
        message=latch.message,
        since=datetime.fromtimestamp(latch.at_ms / 1000, UTC),
        account=account,
        needs_acknowledgement=latch.source.needs_acknowledgement,
    )
