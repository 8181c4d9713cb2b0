"""The decision in the making: what the steps of `decide` read and fill in, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from mm_operator.gates.evaluate import GateResult
from mm_operator.reconcile.halts import HaltDecision
from mm_operator.reconcile.plan import Action
from mm_operator.reconcile.preconditions import Problem
from mm_operator.reconcile.progress import Progress
from mm_operator.reconcile.releases import Runs
from mm_operator.reconcile.slots import SlotResult
from mm_operator.reconcile.snapshot import Snapshot


@dataclass
class Draft:
    """What the steps below fill in."""

    snapshot: Snapshot
    runs: Runs
    holder: str
    problem: Problem | None = None
    first: list[Action] = field(default_factory=list)
    """Finalizer and latches: before anything else, whatever becomes of the rest of the plan."""
    actions: list[Action] = field(default_factory=list)
    wakes: list[datetime] = field(default_factory=list)
    halts: HaltDecision = field(default_factory=HaltDecision)
    slots: dict[str, SlotResult] = field(default_factory=dict)
    start_problems: dict[str, Problem] = field(default_factory=dict)
    progress: Progress | None = None
    gates: list[GateResult] = field(default_factory=list)
