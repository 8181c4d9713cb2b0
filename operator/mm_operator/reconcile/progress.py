"""How one step of a stage goes on: soak, sample, gates, approval, freeze, deadline. Pure; `decide` turns the verdict into the next run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from mm_api.kinds import GateVerdict, TradingState
from mm_api.kinds.common import HaltLevel
from mm_api.kinds.market_maker_status import HaltStatus, RunStatus
from mm_api.redis_contract import Evidence, LatchSource
from mm_api.scalars import format_duration
from mm_operator.gates.evaluate import GateResult, all_pass, drill_results, evaluate
from mm_operator.gates.model import GateInput
from mm_operator.reconcile.ladder import Rung
from mm_operator.reconcile.snapshot import AccountView, Snapshot

CLOCK_SKEW = timedelta(seconds=2)
"""Evidence may be stamped this much in the future before its age is doubted."""


class Verdict(StrEnum):
    """What is to become of the step."""

    WAIT = "Wait"
    PROMOTE = "Promote"
    FAIL = "Fail"


@dataclass(frozen=True)
class Progress:
    """The judgement, with everything that is shown of it."""

    verdict: Verdict
    state: TradingState
    reason: str
    message: str
    gates: list[GateResult] = field(default_factory=list)
    evidence: Evidence | None = None
    wake_at: datetime | None = None


def evidence_of(snapshot: Snapshot, view: AccountView, scope: str) -> tuple[Evidence | None, str]:
    """The step's evidence, or None with the reason: another scope's and old evidence are no data."""
    if view.redis is None:
        return None, "Redis does not answer"
    found = view.redis.evidence
    if found is None or found.scope != scope:
        return None, "no evidence of this step yet"
    age = snapshot.now - datetime.fromtimestamp(found.updated_ms / 1000, UTC)
    if age > snapshot.timing.state_stale_after:
        return None, f"the evidence is {format_duration(timedelta(seconds=round(age.total_seconds())))} old"
    if age < -CLOCK_SKEW:
        return None, "the evidence is stamped in the future: the clocks of trader and operator differ"
    return found, ""


def judge(
    snapshot: Snapshot,
    view: AccountView,
    run: RunStatus,
    rung: Rung,
    scope: str,
    halts: list[HaltStatus],
    approved: bool,
) -> Progress:
    """Where a step that soaks stands. The order of the questions is the policy."""
    now = snapshot.now
    evidence, why_not = evidence_of(snapshot, view, scope)
    gates = evaluate(rung.gates, GateInput(now, evidence, why_not, rung.sample, snapshot.metrics))
    gates += drill_results(rung.drills, run.drills, now)

    def wait(state: TradingState, reason: str, message: str, wake_at: datetime | None) -> Progress:
        return Progress(Verdict.WAIT, state, reason, message, gates, evidence, wake_at)

    def fail(reason: str, message: str) -> Progress:
        return Progress(Verdict.FAIL, TradingState.STALLED, reason, message, gates, evidence)

    # 1. what can not turn any more fails at once, soak or not
    hopeless = [gate for gate in gates if gate.fails_at_once]
    if hopeless:
        return fail("GateFailed", _names(hopeless))
    spent = next(
        (halt for halt in halts if halt.reason.startswith("LossBudget") and halt.account == run.account), None
    )
    if spent is not None:
        return fail("LossBudgetSpent", spent.message or "the stage's loss budget is spent")
    # 2. nothing is judged while trading is stopped; a person's pause also stops the clock (see `decide`)
    if halts:
        if _past(run.deadline, now) and any(halt.source in _UNPLANNED for halt in halts):
            return fail("DeadlineExceeded", "still halted at the step's deadline")
        return wait(halted_state(halts), halts[0].reason, halts[0].message, run.deadline)
    # 3. time
    if run.soak_ends_at is not None and now < run.soak_ends_at:
        return wait(
            TradingState.SOAKING, "Soaking", f"until {run.soak_ends_at:%Y-%m-%dT%H:%M:%SZ}", run.soak_ends_at
        )
    # 4. the evidence
    lacking = _sample_lacking(rung, evidence, why_not)
    if lacking:
        if _past(run.deadline, now):
            return fail("DeadlineExceeded", f"too little evidence at the step's deadline: {lacking}")
        return wait(TradingState.WAITING_FOR_EVIDENCE, "WaitingForEvidence", lacking, run.deadline)
    failed = [gate for gate in gates if gate.verdict is GateVerdict.FAIL]
    if failed:
        return fail("GateFailed", _names(failed))
    if not all_pass(gates):
        open_gates = [gate for gate in gates if gate.verdict is not GateVerdict.PASS]
        if _past(run.deadline, now):
            return fail("DeadlineExceeded", f"undecided at the step's deadline: {_names(open_gates)}")
        return wait(TradingState.WAITING_FOR_EVIDENCE, "WaitingForEvidence", _names(open_gates), run.deadline)
    # 5. people
    if rung.needs_approval and not approved:
        if _past(run.deadline, now):
            return fail("DeadlineExceeded", "not approved by the step's deadline")
        message = f"needs a StageApproval for stage {rung.stage} of revision {run.revision}"
        return wait(TradingState.WAITING_FOR_APPROVAL, "WaitingForApproval", message, run.deadline)
    if snapshot.frozen_by is not None:
        return wait(
            TradingState.FROZEN,
            "Frozen",
            f"freeze window {snapshot.frozen_by.cron!r} is open",
            now + timedelta(minutes=1),
        )
    return Progress(Verdict.PROMOTE, TradingState.SOAKING, "Passed", "all gates pass", gates, evidence)


_UNPLANNED = (LatchSource.RISK.value, LatchSource.ALERT.value)


def halted_state(halts: list[HaltStatus]) -> TradingState:
    """The STATE column for the deepest halt."""
    deepest = max(halts, key=lambda halt: halt.level.depth).level
    # a halt of one symbol has level None: it stops nothing else
    return TradingState.SYMBOL_HALTED if deepest is HaltLevel.NONE else TradingState(deepest.value)


def _past(deadline: datetime | None, now: datetime) -> bool:
    return deadline is not None and now >= deadline


def _names(gates: list[GateResult]) -> str:
    return "; ".join(
        f"{gate.name} {gate.verdict}: {gate.evidence.value or '-'} (wants {gate.evidence.threshold or '-'}), {gate.evidence.message}"
        for gate in gates
    )[:1024]


def _sample_lacking(rung: Rung, evidence: Evidence | None, why_not: str) -> str:
    if evidence is None:
        return why_not
    if evidence.fills < rung.sample.fills:
        return f"{evidence.fills} of {rung.sample.fills} fills"
    quoted = timedelta(milliseconds=evidence.quoted_ms)
    if quoted < rung.sample.quoted_time:
        whole = timedelta(seconds=int(quoted.total_seconds()))
        return f"quoted for {format_duration(whole)} of {format_duration(rung.sample.quoted_time)}"
    return ""
