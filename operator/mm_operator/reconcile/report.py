"""From a decision to the status people read: conditions by the API conventions, and the columns derived from them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mm_api.kinds import Condition, GateVerdict, MarketMakerStatus, TradingState
from mm_api.kinds.market_maker_status import GateStatus, RunStatus
from mm_api.redis_contract import TraderPhase
from mm_api.scalars import format_decimal, format_duration
from mm_operator.gates.evaluate import GateResult
from mm_operator.reconcile.halts import KEPT_ACKNOWLEDGEMENTS, HaltDecision
from mm_operator.reconcile.preconditions import Problem
from mm_operator.reconcile.progress import Progress, halted_state
from mm_operator.reconcile.releases import Runs, run_scope
from mm_operator.reconcile.slots import SlotPhase, SlotResult, pod_problem
from mm_operator.reconcile.snapshot import Snapshot

CRASHING = ("CrashLoopBackOff", "Error", "OOMKilled")
GATES_REFRESH = timedelta(seconds=15)
"""Values of gates change with every fill; the status shows them at most this often, verdicts at once."""


@dataclass(frozen=True)
class Report:
    """Everything the status is made of."""

    snapshot: Snapshot
    runs: Runs
    problem: Problem | None
    halts: HaltDecision
    slots: Mapping[str, SlotResult]
    start_problems: Mapping[str, Problem]
    progress: Progress | None
    gates: list[GateResult]

    @property
    def slot(self) -> SlotResult | None:
        """The slot of the run the columns speak of."""
        run = self.runs.primary
        return self.slots.get(run.account) if run else None


def write_status(report: Report, before: MarketMakerStatus) -> MarketMakerStatus:
    """The new status. Equal to the one before where nothing has changed, so that nothing is written."""
    snapshot, runs, halts = report.snapshot, report.runs, report.halts
    run = runs.primary
    view = snapshot.accounts.get(run.account) if run else None
    at_work = (
        run is not None
        and run.phase != "Failed"
        and report.slot is not None
        and report.slot.phase is not SlotPhase.BLOCKED
    )
    acknowledged = [*before.acknowledged, *halts.acknowledged][-KEPT_ACKNOWLEDGEMENTS:]
    gates, gates_at = _gates(report, before)
    return MarketMakerStatus(
        observed_generation=snapshot.market_maker.metadata.generation,
        revision=run.revision if run else None,
        stage=_stage(run),
        state=_state(report),
        capital=format_decimal(run.capital) if run and at_work else "0",
        gate=_gate_column(report),
        halt_reason=halts.halts[0].reason if halts.halts else None,
        lease_holder=view.redis.lease_holder if view and view.redis else None,
        last_verdict=runs.last_verdict,
        halts=halts.halts[:64],
        gates=gates,
        gates_at=gates_at,
        run=runs.run,
        stable=runs.stable,
        fallback=runs.fallback,
        failed_revision=runs.failed_revision,
        acknowledged=acknowledged,
        acknowledged_at=snapshot.now if halts.acknowledged else before.acknowledged_at,
        conditions=_conditions(report, before),
    )


def _stage(run: RunStatus | None) -> str | None:
    return run.stage if run else None


def _state(report: Report) -> TradingState:
    """The STATE column: the most important thing to know, in this order."""
    run, slot = report.runs.primary, report.slot
    if run is None:
        return TradingState.BLOCKED if report.problem else TradingState.PENDING
    halts = [halt for halt in report.halts.halts if halt.account == run.account] or report.halts.halts
    if halts:
        return halted_state(halts)
    if report.runs.run is not None and report.runs.run.phase == "Failed":
        return TradingState.ROLLED_BACK if run is not report.runs.run else TradingState.STALLED
    if slot is not None and slot.phase is SlotPhase.BLOCKED:
        return TradingState.BLOCKED
    pod = report.snapshot.accounts[run.account].pod if run.account in report.snapshot.accounts else None
    if pod is not None and pod.waiting_reason in CRASHING:
        return TradingState.CRASH_LOOPING
    if run.phase == "HandingOver":
        return TradingState.HANDING_OVER
    if run.phase == "Starting" or (pod is None and run.phase != "Failed"):
        return TradingState.STARTING
    if run.phase == "Soaking":
        return report.progress.state if report.progress else TradingState.SOAKING
    return TradingState.LIVE


def _gate_column(report: Report) -> str | None:
    """Such as `2/4 soaking 3h10m`: gates that pass, of how many, what is waited for, and for how much longer."""
    run = report.runs.run
    if run is None or run.phase in ("HandingOver", "Starting"):
        return None
    if run.phase == "Failed":
        failed = [gate.name for gate in report.gates if gate.verdict is GateVerdict.FAIL]
        before = report.snapshot.market_maker.status
        if not report.gates and before is not None and (before.gate or "").startswith("failed"):
            return before.gate
        return f"failed {failed[0] if failed else run.message.split(':', 1)[0]}"
    passed = sum(gate.verdict is GateVerdict.PASS for gate in report.gates)
    count = f"{passed}/{len(report.gates)}"
    if run.phase == "Complete":
        return count
    words = {
        TradingState.SOAKING: "soaking",
        TradingState.WAITING_FOR_EVIDENCE: "evidence",
        TradingState.WAITING_FOR_APPROVAL: "approval",
        TradingState.FROZEN: "frozen",
    }
    state = report.progress.state if report.progress else TradingState.SOAKING
    if state is TradingState.SOAKING and run.soak_ends_at is not None:
        return f"{count} soaking {_left(run.soak_ends_at - report.snapshot.now)}"
    return f"{count} {words.get(state, 'halted')}"


def _left(time: timedelta) -> str:
    """Time left, rounded up to what people care for: seconds below two minutes, else minutes."""
    seconds = max(0, -int(-time.total_seconds() // 1))
    if seconds >= 120:
        seconds = -(-seconds // 60) * 60
    return format_duration(timedelta(seconds=seconds))


def _gates(report: Report, before: MarketMakerStatus) -> tuple[list[GateStatus], datetime | None]:
    now = report.snapshot.now
    if not report.gates:
        failed = report.runs.run is not None and report.runs.run.phase == "Failed"
        return (before.gates, before.gates_at) if failed else ([], None)
    shown = [
        GateStatus(
            name=gate.name,
            verdict=gate.verdict,
            value=gate.evidence.value,
            threshold=gate.evidence.threshold,
            message=gate.evidence.message,
        )
        for gate in report.gates
    ]
    same = [(gate.name, gate.verdict) for gate in shown] == [
        (gate.name, gate.verdict) for gate in before.gates
    ]
    if same and before.gates_at is not None and now - before.gates_at < GATES_REFRESH:
        return before.gates, before.gates_at
    return shown, now.replace(microsecond=0)


def _conditions(report: Report, before: MarketMakerStatus) -> list[Condition]:
    now = report.snapshot.now.astimezone(UTC).replace(microsecond=0)
    generation = report.snapshot.market_maker.metadata.generation
    old = {condition.type: condition for condition in before.conditions}
    found = []
    for kind, (status, reason, message) in {
        "Ready": _ready(report),
        "Progressing": _progressing(report),
        "TradingHalted": _halted(report),
        "GatesPassing": _gates_passing(report),
        "IdentityHeld": _identity(report),
        "Stalled": _stalled(report),
    }.items():
        word = {True: "True", False: "False", None: "Unknown"}[status]
        since = old[kind].last_transition_time if kind in old and old[kind].status == word else now
        found.append(
            Condition.model_validate(
                {
                    "type": kind,
                    "status": word,
                    "reason": reason,
                    "message": message[:1024],
                    "lastTransitionTime": since,
                    "observedGeneration": generation,
                }
            )
        )
    return found


Fact = tuple[bool | None, str, str]


def _ready(report: Report) -> Fact:
    run, slot = report.runs.primary, report.slot
    if run is None:
        return (
            False,
            report.problem.reason if report.problem else "Pending",
            report.problem.message if report.problem else "",
        )
    if report.snapshot.redis_error:
        return False, "RedisUnavailable", report.snapshot.redis_error
    if report.halts.halts:
        return False, report.halts.halts[0].reason, report.halts.halts[0].message
    if slot is None or slot.phase is not SlotPhase.IN_PLACE:
        problem = report.start_problems.get(run.account) or report.problem
        return (
            False,
            problem.reason if problem else str(slot.phase if slot else "NotRunning"),
            slot.message if slot else run.message,
        )
    view = report.snapshot.accounts[run.account]
    if view.pod is None or not view.pod.ready:
        if run.account in report.start_problems:
            return (
                False,
                report.start_problems[run.account].reason,
                report.start_problems[run.account].message,
            )
        reason = view.pod.waiting_reason if view.pod and view.pod.waiting_reason else "PodNotReady"
        return False, reason, pod_problem(view.pod) if view.pod else ""
    state = view.redis.state if view.redis else None
    if (
        state is None
        or report.snapshot.now - datetime.fromtimestamp(state.updated_ms / 1000, UTC)
        > report.snapshot.timing.state_stale_after
    ):
        return False, "TraderSilent", "the trader has not reported lately"
    if state.scope != run_scope(run):
        return False, "TraderSilent", "the trader still reports another step"
    if state.phase is not TraderPhase.QUOTING:
        return False, state.error_reason or state.reason or state.phase.value, state.error
    return True, "Quoting", ""


def _progressing(report: Report) -> Fact:
    run = report.runs.run
    if run is None:
        return False, report.problem.reason if report.problem else "Pending", ""
    if run.phase == "Failed":
        return False, "StageFailed", run.message
    if run.phase == "Complete":
        return False, "FullScale", "all stages have passed"
    reason = report.progress.reason if report.progress else run.phase
    return True, reason, report.progress.message if report.progress else run.message


def _halted(report: Report) -> Fact:
    if not report.halts.halts:
        return False, "NotHalted", ""
    first = report.halts.halts[0]
    hint = f" Acknowledge with spec.acknowledgeHalt: {first.id}" if first.needs_acknowledgement else ""
    return True, first.reason, f"{first.source}: {first.message}{hint}"


def _gates_passing(report: Report) -> Fact:
    if report.runs.run is not None and report.runs.run.phase == "Failed" and not report.gates:
        return False, "StageFailed", report.runs.run.message
    if not report.gates:
        return None, "NotEvaluated", ""
    failed = [gate.name for gate in report.gates if gate.verdict is GateVerdict.FAIL]
    if failed:
        return False, "GateFailed", ", ".join(failed)
    waiting = [
        f"{gate.name}: {gate.evidence.message}"
        for gate in report.gates
        if gate.verdict is not GateVerdict.PASS
    ]
    return (None, "Inconclusive", "; ".join(waiting)) if waiting else (True, "AllPass", "")


def _identity(report: Report) -> Fact:
    run, slot = report.runs.primary, report.slot
    if run is None or slot is None:
        return None, "NotNeeded", ""
    view = report.snapshot.accounts.get(run.account)
    lease = view.lease if view else None
    metadata = report.snapshot.market_maker.metadata
    if lease is not None and lease.holder and lease.holder.endswith(f"/{metadata.uid}"):
        return True, "Held", view.identity or "" if view else ""
    if slot.phase is SlotPhase.BLOCKED and lease is not None and lease.holder:
        return False, "HeldByAnother", slot.message
    return None, "NotYetHeld", slot.message


def _stalled(report: Report) -> Fact:
    run = report.runs.run
    if report.problem is not None:
        return True, report.problem.reason, report.problem.message
    if run is not None and run.phase == "Failed":
        return True, run.message.split(":", 1)[0] or "StageFailed", run.message
    primary = report.runs.primary
    if primary is not None and primary.account in report.start_problems:
        problem = report.start_problems[primary.account]
        return True, problem.reason, problem.message
    slot = report.slot
    if slot is not None and slot.phase is SlotPhase.BLOCKED:
        return True, "IdentityHeldByAnother", slot.message
    if slot is not None and slot.phase is SlotPhase.UNKNOWN:
        return True, "RedisUnavailable", slot.message
    view = report.snapshot.accounts.get(primary.account) if primary else None
    if view is not None and view.pod is not None and view.pod.waiting_reason:
        return True, view.pod.waiting_reason, pod_problem(view.pod)
    return False, "NotStalled", ""
