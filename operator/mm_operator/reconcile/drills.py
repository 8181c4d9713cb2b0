"""Puts the trader of a step through the stage's drills, one after the other, each once. Pure: from what is seen to the next state and, maybe, a command.

The trader runs most drills itself, when it is told to by the command stream, and tells the end in its evidence. The emergency stop is the operator's: the
same latch as any halt's, then the venue's word that nothing is open, then quotes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mm_api.drills import BY_THE_OPERATOR, DrillName
from mm_api.kinds.market_maker_status import DrillStatus, RunStatus
from mm_api.redis_contract import Evidence, TraderPhase
from mm_operator.reconcile.ladder import Rung
from mm_operator.reconcile.slots import is_quiet
from mm_operator.reconcile.snapshot import AccountView

DRILL_LATCH = "drill"
LONGEST = timedelta(minutes=15)
"""A drill that has not come to its end by then has failed."""
ASK_AGAIN = timedelta(seconds=30)
"""A trader that has not begun by then has not heard: it was not there, or it is of a release that knows no drills."""


@dataclass(frozen=True)
class Step:
    """What becomes of the drills now."""

    drills: list[DrillStatus]
    ask: DrillName | None = None
    """Tell the trader to begin this one."""


def latch_wanted(run: RunStatus) -> bool:
    """Whether the drill's own halt must stand now."""
    return any(drill.name in BY_THE_OPERATOR and drill.state == "Running" for drill in run.drills)


def next_step(
    run: RunStatus, rung: Rung, view: AccountView, evidence: Evidence | None, now: datetime
) -> Step:
    """Go on with the drill in hand, or begin the next one. Without evidence nothing is begun: nobody could say how it ends."""
    drills = list(run.drills)
    current = next((drill for drill in drills if drill.state in ("Running", "Resuming")), None)
    if current is None:
        begun = {drill.name for drill in drills}
        failed = any(drill.state == "Failed" for drill in drills)
        waiting = next((name for name in rung.drills if name not in begun), None)
        if waiting is None or failed or evidence is None or not _quotes(view):
            return Step(drills)
        begins = DrillStatus(name=waiting, state="Running", since=now)
        return Step([*drills, begins], None if waiting in BY_THE_OPERATOR else waiting)
    moved, ask = (
        (_stop(current, view), None) if current.name in BY_THE_OPERATOR else _told(current, evidence, now)
    )
    if moved.state in ("Running", "Resuming") and now - current.since > LONGEST:
        moved = _ended(current, "Failed", "it has not come to its end")
    return Step([moved if drill is current else drill for drill in drills], ask)


def _told(
    drill: DrillStatus, evidence: Evidence | None, now: datetime
) -> tuple[DrillStatus, DrillName | None]:
    record = evidence.drills.get(drill.name) if evidence is not None else None
    if record is not None and record.state != "Running":
        return _ended(drill, record.state, record.message), None
    silent = evidence is not None and record is None
    # asked once in each period: looks are some two seconds apart
    periods = (now - drill.since) // ASK_AGAIN
    due = silent and periods > 0 and (now - drill.since) - periods * ASK_AGAIN < timedelta(seconds=2)
    return drill, drill.name if due else None


def _stop(drill: DrillStatus, view: AccountView) -> DrillStatus:
    latch = view.redis.latches.get(DRILL_LATCH) if view.redis else None
    if drill.state == "Running":
        if latch is None or not is_quiet(view, latch) or view.redis is None or view.redis.state is None:
            return drill
        confirmed = view.redis.state.zero_orders_confirmed_ms or view.redis.state.updated_ms
        took = max(0, confirmed - latch.at_ms)
        return drill.model_copy(
            update={"state": "Resuming", "message": f"nothing open at the venue after {took} ms"}
        )
    if latch is None and _quotes(view):
        return _ended(drill, "Passed", f"{drill.message}; lifted, and quoting again")
    return drill


def _ended(drill: DrillStatus, state: str, message: str) -> DrillStatus:
    return drill.model_copy(update={"state": state, "message": message[:500]})


def _quotes(view: AccountView) -> bool:
    state = view.redis.state if view.redis else None
    return state is not None and state.phase is TraderPhase.QUOTING and not state.halts
