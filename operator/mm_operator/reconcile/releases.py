"""Which revision runs where: begin, supersede, promote, fail and fall back. Pure steps from one set of runs to the next; `decide` calls them in order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from mm_api.kinds import FailurePolicy, MarketMakerStatus, StageRecordSpec, StageResult
from mm_api.kinds.market_maker_status import RunStatus
from mm_operator.gates.evaluate import GateResult
from mm_operator.names import record_name, scope_of
from mm_operator.reconcile.evidence_text import evidence_fields
from mm_operator.reconcile.ladder import Rung, ladder
from mm_operator.reconcile.plan import Action, Announce, KeepRevision, WriteRecord
from mm_operator.reconcile.progress import Progress
from mm_operator.reconcile.revision import RevisionSnapshot
from mm_operator.reconcile.revision_rules import Change, classify
from mm_operator.reconcile.snapshot import Snapshot

NO_FALLBACK = "none"


@dataclass(frozen=True)
class Runs:
    """The runs of a MarketMaker, and what bringing them about asks for."""

    run: RunStatus | None = None
    stable: RunStatus | None = None
    fallback: RunStatus | None = None
    failed_revision: str | None = None
    last_verdict: str | None = None
    actions: tuple[Action, ...] = ()
    snapshots: dict[str, RevisionSnapshot] = field(default_factory=dict)

    @classmethod
    def of(cls, status: MarketMakerStatus, snapshots: dict[str, RevisionSnapshot]) -> Runs:
        """As the status has them."""
        return cls(
            status.run,
            status.stable,
            status.fallback,
            status.failed_revision,
            status.last_verdict,
            (),
            snapshots,
        )

    @property
    def primary(self) -> RunStatus | None:
        """The run the columns speak of: the newest, or what carries on after it has failed."""
        if self.run is not None and self.run.phase == "Failed":
            return self.stable or self.fallback or self.run
        return self.run


def run_scope(run: RunStatus) -> str:
    """Scope of a run's evidence."""
    return scope_of(run.revision, run.stage, run.step, run.attempt)


def begin(snapshot: Snapshot, runs: Runs, revision: RevisionSnapshot) -> Runs:
    """A revision starts on its first rung. One that was on its way is superseded; one that had arrived stays as the stable one."""
    old = runs.run
    actions: list[Action] = [KeepRevision(revision)]
    stable = runs.stable
    if old is not None and old.phase != "Failed":
        if old.complete:
            stable = old
        else:
            actions.extend(
                _record(snapshot, runs, old, StageResult.SUPERSEDED, f"revision {revision.revision} began")
            )
    if stable is not None and _same(runs, stable, revision):
        # back to what went through all its stages: nothing to earn again
        actions.append(
            Announce(
                "Normal",
                "RevisionRestored",
                f"back to revision {stable.revision}, which has passed all its stages",
            )
        )
        return replace(
            runs,
            run=stable,
            stable=None,
            fallback=None,
            failed_revision=None,
            actions=(*runs.actions, *actions),
        )
    first = ladder(revision.spec)[0]
    run = _at_rung(snapshot, revision, first, snapshot.market_maker.spec.rollout.attempt)
    actions.append(
        Announce("Normal", "RevisionBegan", f"revision {revision.revision} begins at stage {first.stage}")
    )
    snapshots = {**runs.snapshots, revision.revision: revision}
    return replace(
        runs,
        run=run,
        stable=stable,
        fallback=None,
        failed_revision=None,
        actions=(*runs.actions, *actions),
        snapshots=snapshots,
    )


def _same(runs: Runs, stable: RunStatus, revision: RevisionSnapshot) -> bool:
    """Whether the spec is the stable revision's again: by content, since its hash may be an older release's."""
    earned = runs.snapshots.get(stable.revision)
    if earned is None:
        return stable.revision == revision.revision
    return classify(earned, revision.spec, revision.accounts) is Change.NONE


def promote(snapshot: Snapshot, runs: Runs, run: RunStatus, progress: Progress) -> Runs:
    """A step has passed: on to the next rung, or to full scale."""
    revision = runs.snapshots[run.revision]
    rungs = ladder(revision.spec)
    here = next(rung for rung in rungs if rung.stage == run.stage and rung.step == run.step)
    actions = _record(snapshot, runs, run, StageResult.PASSED, "all gates pass", progress)
    verdict = f"{run.stage}/{run.step} Passed"
    if here.index + 1 == len(rungs):
        actions.append(Announce("Normal", "FullScale", f"revision {run.revision} has passed all its stages"))
        done = run.model_copy(
            update={
                "phase": "Complete",
                "complete": True,
                "phase_since": snapshot.now,
                "deadline": None,
                "message": "",
            }
        )
        return replace(
            runs,
            run=done,
            stable=None,
            fallback=None,
            failed_revision=None,
            last_verdict=verdict,
            actions=(*runs.actions, *actions),
        )
    following = rungs[here.index + 1]
    actions.append(
        Announce(
            "Normal",
            "StepPassed",
            f"{run.stage} step {run.step} passed; next is {following.stage} with capital {following.capital}",
        )
    )
    after = _at_rung(snapshot, revision, following, run.attempt)
    return replace(runs, run=after, last_verdict=verdict, actions=(*runs.actions, *actions))


def fail(snapshot: Snapshot, runs: Runs, run: RunStatus, progress: Progress) -> Runs:
    """A step has failed: evidence first; then the capital goes back to the stable revision, or to the last passed stage on another account, or to none."""
    policy = snapshot.market_maker.spec.rollout.on_failure
    reason = f"{progress.reason}: {progress.message}"
    actions = _record(snapshot, runs, run, StageResult.FAILED, reason, progress)
    actions.append(Announce("Warning", "StageFailed", f"{run.stage} step {run.step}: {reason}"[:1000]))
    failed = run.model_copy(
        update={
            "phase": "Failed",
            "phase_since": snapshot.now,
            "deadline": None,
            "soak_ends_at": None,
            "message": reason[:1024],
        }
    )
    stable, fallback = runs.stable, runs.fallback
    if policy is FailurePolicy.ROLLBACK:
        if stable is not None and stable.account == run.account:
            stable = _again(snapshot, stable)
        if stable is None:
            fallback = _fallback(snapshot, runs.snapshots[run.revision], run)
    return replace(
        runs,
        run=failed,
        stable=stable,
        fallback=fallback,
        failed_revision=run.revision,
        last_verdict=f"{run.stage}/{run.step} Failed",
        actions=(*runs.actions, *actions),
    )


def abort(snapshot: Snapshot, runs: Runs) -> list[Action]:
    """The record of a step that ends because its MarketMaker is deleted."""
    run = runs.run
    if run is None or run.complete or run.phase == "Failed":
        return []
    return _record(snapshot, runs, run, StageResult.ABORTED, "the MarketMaker was deleted")


def _fallback(snapshot: Snapshot, revision: RevisionSnapshot, run: RunStatus) -> RunStatus | None:
    """The last rung before the failed one that is on another account: what failed with this account's money gets none of it."""
    rungs = ladder(revision.spec)
    here = next((rung for rung in rungs if rung.stage == run.stage and rung.step == run.step), None)
    passed = [rung for rung in rungs if here and rung.index < here.index and rung.account != run.account]
    return (
        _at_rung(snapshot, revision, passed[-1], run.attempt).model_copy(update={"complete": True})
        if passed
        else None
    )


def _at_rung(snapshot: Snapshot, revision: RevisionSnapshot, rung: Rung, attempt: int) -> RunStatus:
    view = snapshot.accounts.get(rung.account)
    return RunStatus(
        revision=revision.revision,
        stage=rung.stage,
        stage_index=rung.stage_index,
        step=rung.step,
        attempt=attempt,
        account=rung.account,
        identity=(view.identity if view else None) or "",
        symbols=list(rung.symbols),
        capital=rung.capital,
        phase="HandingOver",
        phase_since=snapshot.now,
    )


def _again(snapshot: Snapshot, run: RunStatus) -> RunStatus:
    return run.model_copy(
        update={
            "phase": "HandingOver",
            "phase_since": snapshot.now,
            "started_at": None,
            "soak_ends_at": None,
            "deadline": None,
            "limits": {},
        }
    )


def _record(
    snapshot: Snapshot,
    runs: Runs,
    run: RunStatus,
    result: StageResult,
    reason: str,
    progress: Progress | None = None,
) -> list[Action]:
    revision = runs.snapshots.get(run.revision)
    account = revision.accounts.get(run.account) if revision else None
    if account is None:
        return []  # its ControllerRevision was deleted by hand: there is nothing left that could be recorded truly
    gates: list[GateResult] = progress.gates if progress else []
    started: datetime = run.started_at or run.phase_since
    spec = StageRecordSpec(
        market_maker=snapshot.name,
        market_maker_uid=snapshot.market_maker.metadata.uid,
        revision=run.revision,
        stage=run.stage,
        stage_index=run.stage_index,
        step=run.step,
        attempt=run.attempt,
        account=run.account,
        environment=account.environment,
        symbols=run.symbols,
        capital=Decimal(run.capital),
        started_at=started,
        ended_at=max(snapshot.now, started),
        result=result,
        reason=reason[:1024],
        gates=[gate.evidence for gate in gates],
        evidence=evidence_fields(progress.evidence if progress else None),
    )
    return [WriteRecord(record_name(snapshot.name, run.revision, run.stage, run.step, run.attempt), spec)]
