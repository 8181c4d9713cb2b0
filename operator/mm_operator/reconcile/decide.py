"""The decision: `(snapshot, now) → Plan`, pure. The order of the steps below is the order in which a reconcile thinks.

releases (which revision) → assignments (which run on which account) → halts → slots (hand-over) → phases and gates → conditions and columns. The one status is
written at the end by `act`; everything else is a list of actions, each safe to repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mm_api.kinds import FailurePolicy, HaltLevel, MarketMakerStatus, StageApproval, TradingState
from mm_api.kinds.market_maker_status import RunStatus
from mm_api.redis_contract import Latch, LatchSource
from mm_operator.names import FINALIZER, holder_of
from mm_operator.reconcile import drills, releases
from mm_operator.reconcile.draft import Draft
from mm_operator.reconcile.farewell import decide_deletion
from mm_operator.reconcile.full_scale import guard_full_scale
from mm_operator.reconcile.halts import decide_halts, wanted_latches
from mm_operator.reconcile.ladder import Rung, rung_of
from mm_operator.reconcile.plan import (
    Action,
    AskForDrill,
    KeepRevision,
    Plan,
    SetFinalizer,
    StopTrader,
    Tighten,
)
from mm_operator.reconcile.preconditions import spec_problem, start_problem
from mm_operator.reconcile.progress import Progress, Verdict, evidence_of, judge
from mm_operator.reconcile.releases import Runs, run_scope
from mm_operator.reconcile.report import Report, write_status
from mm_operator.reconcile.revision import snapshot_of
from mm_operator.reconcile.revision_rules import Change, classify, effective_limits
from mm_operator.reconcile.slots import Assignment, SlotPhase, SlotResult, empty_slot, fill_slot, holds
from mm_operator.reconcile.snapshot import AccountView, Snapshot

FAILED_LATCH = "stage-failed"
CEILING_LATCH = "ceiling"
PLANNED = (LatchSource.PAUSE.value, LatchSource.TRADING_HALT.value, LatchSource.OPERATOR.value)
"""Halts during which the step's clock stands still."""


def decide(snapshot: Snapshot) -> Plan:
    """What to do for this MarketMaker now."""
    metadata = snapshot.market_maker.metadata
    if metadata.deletion_timestamp is not None:
        return decide_deletion(snapshot)
    status = snapshot.market_maker.status or MarketMakerStatus()
    holder = holder_of(snapshot.namespace, snapshot.name, metadata.uid)
    draft = Draft(snapshot, Runs.of(status, dict(snapshot.revisions)), holder)
    if FINALIZER not in metadata.finalizers:
        draft.first.append(SetFinalizer(present=True))

    _choose_revision(draft)
    assigned = _assignments(draft)
    _halt(draft, status, assigned)
    _fill_slots(draft, assigned)
    _advance(draft, assigned)

    report = Report(
        snapshot,
        draft.runs,
        draft.problem,
        draft.halts,
        draft.slots,
        draft.start_problems,
        draft.progress,
        draft.gates,
    )
    runs = draft.runs
    used = {run.revision for run in (runs.run, runs.stable, runs.fallback) if run is not None}
    return Plan(
        status=write_status(report, status),
        # evidence and snapshots are written before anything acts on them
        actions=(*draft.first, *draft.runs.actions, *draft.actions),
        wake_at=min(draft.wakes, default=None),
        used_revisions=frozenset(used),
    )


# -- which revision ------------------------------------------------------------------------------------------------------------


def _choose_revision(draft: Draft) -> None:
    snapshot, runs = draft.snapshot, draft.runs
    spec = snapshot.market_maker.spec
    draft.problem = spec_problem(snapshot)
    if draft.problem is not None:
        return
    accounts = {name: view.spec for name, view in snapshot.accounts.items() if view.spec is not None}
    wanted = snapshot_of(spec, accounts, snapshot.default_image)
    run = runs.run
    if run is None:
        draft.runs = releases.begin(snapshot, runs, wanted)
        return
    running = runs.snapshots.get(run.revision)
    if running is None:
        # its ControllerRevision was deleted by hand: kept again if the spec still is that revision, else there is nothing to go on with
        if wanted.revision == run.revision:
            draft.first.append(KeepRevision(wanted))
            draft.runs = replace(runs, snapshots={**runs.snapshots, wanted.revision: wanted})
            return
        draft.runs = releases.begin(snapshot, runs, wanted)
        return
    retry = run.phase == "Failed" and spec.rollout.attempt > run.attempt
    if retry or classify(running, spec, accounts) is Change.NEW_REVISION:
        draft.runs = releases.begin(snapshot, runs, wanted)


# -- which run on which account -------------------------------------------------------------------------------------------------


def _assignments(draft: Draft) -> dict[str, tuple[RunStatus, Rung]]:
    """Account → run. The newest run first; a failed one only where it is halted in place."""
    runs, policy = draft.runs, draft.snapshot.market_maker.spec.rollout.on_failure
    found: dict[str, tuple[RunStatus, Rung]] = {}
    for run in (runs.run, runs.stable, runs.fallback):
        if run is None or run.account in found or run.revision not in runs.snapshots:
            continue
        if run.phase == "Failed" and policy is not FailurePolicy.HALT:
            continue
        rung = rung_of(runs.snapshots[run.revision].spec, run.stage, run.step)
        if rung is not None:
            found[run.account] = (run, rung)
    return found


def _limits(draft: Draft, run: RunStatus, rung: Rung) -> dict[str, str]:
    """The limits in force for a run: what its revision began with, tightened by what the spec says now."""
    running = draft.runs.snapshots[run.revision]
    spec = draft.snapshot.market_maker.spec
    newest = draft.runs.run is not None and run.revision == draft.runs.run.revision
    now = rung_of(spec, run.stage, run.step) if newest else None
    return effective_limits(spec if now else running.spec, now or rung, running, rung)


# -- halts ------------------------------------------------------------------------------------------------------------------------


def _halt(draft: Draft, status: MarketMakerStatus, assigned: Mapping[str, tuple[RunStatus, Rung]]) -> None:
    snapshot = draft.snapshot
    held = [view for view in snapshot.accounts.values() if holds(view, draft.holder)]
    wanted = {}
    for view in held:
        extra: list[Latch] = []
        if draft.problem is not None and draft.problem.reason == "CapitalAboveCeiling":
            extra.append(_own_latch(snapshot, CEILING_LATCH, "CapitalAboveCeiling", draft.problem.message))
        run = assigned.get(view.name)
        if run is not None and drills.latch_wanted(run[0]):
            extra.append(_own_latch(snapshot, drills.DRILL_LATCH, "Drill", "an emergency stop is drilled"))
        if run is not None and run[0].phase == "Failed":
            extra.append(_own_latch(snapshot, FAILED_LATCH, "StageFailed", run[0].message))
        wanted[view.name] = wanted_latches(snapshot, extra)
    draft.halts = decide_halts(snapshot, held, wanted, status)
    draft.first.extend(draft.halts.actions)


def _own_latch(snapshot: Snapshot, name: str, reason: str, message: str) -> Latch:
    return Latch(
        id=name,
        level=HaltLevel.HALTED,
        source=LatchSource.OPERATOR,
        reason=reason,
        message=message,
        at_ms=round(snapshot.now.timestamp() * 1000),
    )


def _hibernated(draft: Draft, account: str) -> bool:
    """A pause of that depth holds before a pod is made, so it is read from the spec too, not from Redis alone."""
    spec_level = wanted_latches(draft.snapshot).values()
    shown = [halt.level for halt in draft.halts.halts if halt.account == account]
    return HaltLevel.HIBERNATED in [*shown, *(latch.level for latch in spec_level)]


# -- slots ------------------------------------------------------------------------------------------------------------------------


def _fill_slots(draft: Draft, assigned: Mapping[str, tuple[RunStatus, Rung]]) -> None:
    snapshot = draft.snapshot
    for name, view in snapshot.accounts.items():
        if name not in assigned:
            result = empty_slot(view, draft.holder, snapshot.now, snapshot.timing)
        else:
            result = _fill(draft, view, *assigned[name])
        draft.slots[name] = result
        draft.actions.extend(result.actions)
        if result.wake_at is not None:
            draft.wakes.append(result.wake_at)


def _fill(draft: Draft, view: AccountView, run: RunStatus, rung: Rung) -> SlotResult:
    snapshot, scope = draft.snapshot, run_scope(run)
    in_place = (
        holds(view, draft.holder)
        and view.lease is not None
        and view.lease.scope == scope
        and view.pod is not None
    )
    problem = start_problem(snapshot, view, rung, scope)
    if problem is not None:
        draft.start_problems[view.name] = problem
    if problem is not None and (not in_place or problem.reason == "SymbolNotListed"):
        stop: list[Action] = (
            [StopTrader(view.name)] if in_place and view.workload and view.workload.replicas else []
        )
        return SlotResult(SlotPhase.BLOCKED, problem.message, stop)
    if draft.problem is not None and not in_place:
        return SlotResult(SlotPhase.BLOCKED, draft.problem.message)
    assignment = Assignment(
        rung,
        draft.runs.snapshots[run.revision],
        scope,
        _limits(draft, run, rung),
        _hibernated(draft, view.name),
    )
    return fill_slot(view, assignment, draft.holder, snapshot.database_id, snapshot.now, snapshot.timing)


# -- phases, gates ------------------------------------------------------------------------------------------------------------------


def _advance(draft: Draft, assigned: Mapping[str, tuple[RunStatus, Rung]]) -> None:
    """Move every run to the phase its slot and its evidence show; judge the one that soaks."""
    for name in ("run", "stable", "fallback"):
        run: RunStatus | None = getattr(draft.runs, name)
        if run is None or assigned.get(run.account, (None,))[0] is not run or run.phase == "Failed":
            continue
        rung = assigned[run.account][1]
        moved = _with_limits(draft, _phase(draft, run, rung), rung)
        draft.runs = Runs(**{**draft.runs.__dict__, name: moved})
        if name != "run":
            continue
        if moved.phase == "Soaking":
            _judge(draft, _drill(draft, moved, rung), rung)
        elif moved.phase == "Starting" and not moved.complete:
            _start_deadline(draft, moved)
        elif moved.phase == "Complete":
            guard_full_scale(draft, moved, rung)


def _phase(draft: Draft, run: RunStatus, rung: Rung) -> RunStatus:
    snapshot, now = draft.snapshot, draft.snapshot.now
    slot = draft.slots[run.account]
    if slot.phase in (SlotPhase.UNKNOWN, SlotPhase.BLOCKED, SlotPhase.HIBERNATED):
        return _clock(draft, run).model_copy(update={"message": slot.message})
    if slot.phase is SlotPhase.STOPPING_OLD and not _hibernated(draft, run.account):
        begun = {} if run.phase == "HandingOver" else {"phase_since": now}
        reset: dict[str, object] = {"started_at": None, "soak_ends_at": None, "deadline": None, "limits": {}}
        return run.model_copy(update={"phase": "HandingOver", "message": slot.message, **begun, **reset})
    if slot.phase is not SlotPhase.IN_PLACE:
        return _clock(draft, run).model_copy(update={"message": slot.message})
    if run.phase == "HandingOver":
        run = run.model_copy(update={"phase": "Starting", "phase_since": now})
    evidence, _ = evidence_of(snapshot, snapshot.accounts[run.account], run_scope(run))
    if evidence is not None and evidence.started_ms > 0:
        started = datetime.fromtimestamp(evidence.started_ms / 1000, UTC)
        phase = "Complete" if run.complete else "Soaking"
        if run.phase != phase or run.started_at != started:
            times: dict[str, datetime] = (
                {}
                if run.complete
                else {"soak_ends_at": started + rung.soak, "deadline": started + rung.timeout}
            )
            changed = {} if run.phase == phase else {"phase_since": now}
            run = run.model_copy(update={"phase": phase, "started_at": started, **times, **changed})
    return _clock(draft, run).model_copy(update={"message": slot.message})


def _clock(draft: Draft, run: RunStatus) -> RunStatus:
    """A person's pause stops the step's clock: its soak and its deadline move by the length of the pause."""
    halts = [halt for halt in draft.halts.halts if halt.account == run.account]
    paused = bool(halts) and all(halt.source in PLANNED for halt in halts)
    now = draft.snapshot.now
    if paused and run.paused_since is None and not run.complete:
        return run.model_copy(update={"paused_since": now})
    if not paused and run.paused_since is not None:
        lost: timedelta = now - run.paused_since
        moved = {
            name: at + lost for name in ("soak_ends_at", "deadline") if (at := getattr(run, name)) is not None
        }
        since = {"phase_since": run.phase_since + lost} if run.phase == "Starting" else {}
        return run.model_copy(update={"paused_since": None, **moved, **since})
    return run


def _with_limits(draft: Draft, run: RunStatus, rung: Rung) -> RunStatus:
    """Tighter limits go to the running trader at once, by the command stream; the ConfigMap follows as the record."""
    if draft.slots[run.account].phase is not SlotPhase.IN_PLACE:
        return run
    limits = _limits(draft, run, rung)
    if run.limits and limits != run.limits:
        tighter = {
            name: value
            for name, value in limits.items()
            if name not in run.limits or float(value) < float(run.limits[name])
        }
        if tighter:
            draft.actions.append(
                Tighten(run.identity, draft.snapshot.market_maker.metadata.generation, tighter)
            )
    return run if limits == run.limits else run.model_copy(update={"limits": limits})


def _drill(draft: Draft, run: RunStatus, rung: Rung) -> RunStatus:
    """Put it through the stage's drills. Nothing is begun while anything but the drill's own halt stops it."""
    if not rung.drills:
        return run
    snapshot, view = draft.snapshot, draft.snapshot.accounts[run.account]
    others = [
        halt for halt in draft.halts.halts if halt.account == run.account and halt.id != drills.DRILL_LATCH
    ]
    if others or draft.slots[run.account].phase is not SlotPhase.IN_PLACE:
        return run
    evidence, _ = evidence_of(snapshot, view, run_scope(run))
    step = drills.next_step(run, rung, view, evidence, snapshot.now)
    if step.ask is not None:
        draft.actions.append(AskForDrill(run.identity, step.ask))
    if any(drill.state in ("Running", "Resuming") for drill in step.drills):
        draft.wakes.append(snapshot.now + timedelta(seconds=1))
    if step.drills == run.drills:
        return run
    moved = run.model_copy(update={"drills": step.drills})
    draft.runs = replace(draft.runs, run=moved)
    return moved


def _judge(draft: Draft, run: RunStatus, rung: Rung) -> None:
    snapshot = draft.snapshot
    view = snapshot.accounts[run.account]
    approved = any(_approves(approval, snapshot, run) for approval in snapshot.approvals)
    halts = [halt for halt in draft.halts.halts if halt.account == run.account]
    progress = judge(snapshot, view, run, rung, run_scope(run), halts, approved)
    draft.progress, draft.gates = progress, progress.gates
    if progress.wake_at is not None:
        draft.wakes.append(progress.wake_at)
    if progress.verdict is Verdict.PROMOTE:
        draft.runs = releases.promote(snapshot, draft.runs, run, progress)
    elif progress.verdict is Verdict.FAIL:
        draft.runs = releases.fail(snapshot, draft.runs, run, progress)


def _approves(approval: StageApproval, snapshot: Snapshot, run: RunStatus) -> bool:
    spec = approval.spec
    return (
        spec.market_maker_ref.name == snapshot.name
        and spec.revision == run.revision
        and spec.stage == run.stage
        and snapshot.now < spec.expires_at
    )


def _start_deadline(draft: Draft, run: RunStatus) -> None:
    """A trader that never quotes fails its step in the end; a halt stops that clock."""
    snapshot = draft.snapshot
    at = run.phase_since + snapshot.timing.start_timeout
    if any(halt.account == run.account for halt in draft.halts.halts):
        return
    if snapshot.now < at:
        draft.wakes.append(at)
        return
    state = snapshot.accounts[run.account].redis
    said = state.state.error or state.state.reason if state and state.state else "it has not reported"
    progress = Progress(
        Verdict.FAIL,
        TradingState.STALLED,
        "StartTimedOut",
        f"no quote within {snapshot.timing.start_timeout}: {said}",
    )
    draft.runs = releases.fail(snapshot, draft.runs, run, progress)
