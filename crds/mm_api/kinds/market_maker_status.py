"""The status of a MarketMaker: what the operator has found and done. Written by the operator alone; people and `kubectl get` read it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict, Field

from mm_api.drills import DrillName
from mm_api.kinds.common import Condition, HaltLevel
from mm_api.scalars import ApiModel, ExactDecimal, Timestamp


class GateVerdict(StrEnum):
    """What a gate says. Only Pass lets a stage go on; Inconclusive waits; Error is never success."""

    PASS = "Pass"  # noqa: S105 - a verdict
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"


class TradingState(StrEnum):
    """The STATE column: derived from the conditions, for people."""

    PENDING = "Pending"
    BLOCKED = "Blocked"
    STARTING = "Starting"
    SOAKING = "Soaking"
    WAITING_FOR_EVIDENCE = "WaitingForEvidence"
    WAITING_FOR_APPROVAL = "WaitingForApproval"
    FROZEN = "Frozen"
    HANDING_OVER = "HandingOver"
    LIVE = "Live"
    SYMBOL_HALTED = "SymbolHalted"
    """One symbol is halted; the others trade."""
    REDUCE_ONLY = "ReduceOnly"
    HALTED = "Halted"
    HIBERNATED = "Hibernated"
    CRASH_LOOPING = "CrashLooping"
    ROLLED_BACK = "RolledBack"
    STALLED = "Stalled"
    DELETING = "Deleting"


class HaltStatus(ApiModel):
    """One thing that stops this MarketMaker."""

    model_config = ConfigDict(extra="ignore")

    id: str
    level: HaltLevel
    source: str = Field(description="Risk, Alert, Pause, TradingHalt, LossBudget or Handover.")
    reason: str = Field(description="CamelCase reason, such as DailyLossLimit.")
    message: str = ""
    since: Timestamp
    account: str = Field(default="", description="VenueAccount whose identity is stopped.")
    needs_acknowledgement: bool = True


class GateStatus(ApiModel):
    """The last verdict of one gate of the stage that runs now."""

    model_config = ConfigDict(extra="ignore")

    name: str
    verdict: GateVerdict
    value: str | None = None
    threshold: str | None = None
    message: str = ""


class DrillStatus(ApiModel):
    """Where one drill of the step stands."""

    model_config = ConfigDict(extra="ignore")

    name: DrillName
    state: Literal["Running", "Resuming", "Passed", "Failed"] = Field(
        description="Resuming: the stop is shown to work, and quoting is waited for."
    )
    since: Timestamp = Field(description="When it was begun.")
    message: str = ""


class RunStatus(ApiModel):
    """Where one revision stands: a stage, a step, and absolute times."""

    model_config = ConfigDict(extra="ignore")

    revision: str
    stage: str
    stage_index: int
    step: int = 0
    attempt: int = 1
    account: str
    identity: str
    symbols: list[str]
    capital: ExactDecimal
    phase: Literal["HandingOver", "Starting", "Soaking", "Complete", "Failed"] = "HandingOver"
    phase_since: Timestamp
    started_at: Timestamp | None = Field(
        default=None, description="When the trader first quoted in this step."
    )
    soak_ends_at: Timestamp | None = None
    deadline: Timestamp | None = Field(default=None, description="When waiting ends and the step fails.")
    complete: bool = Field(default=False, description="Whether it went through all its stages.")
    paused_since: Timestamp | None = Field(
        default=None,
        description="Since when a pause or TradingHalt holds the step up; its soak and deadline move by that time.",
    )
    limits: dict[str, str] = Field(
        default_factory=dict,
        description="Limits the running trader has been given, by the name of its configuration's field.",
    )
    drills: list[DrillStatus] = Field(
        default_factory=list, max_length=5, description="Drills of this step, in order."
    )
    accepted: str | None = Field(
        default=None,
        description="The trader's evidence at the last acknowledgement, as JSON: gates at full scale count from there.",
    )
    message: str = ""


class MarketMakerStatus(ApiModel):
    """What the operator has found and done."""

    model_config = ConfigDict(extra="ignore")

    observed_generation: int = 0
    revision: str | None = None
    stage: str | None = None
    state: TradingState = TradingState.PENDING
    capital: str | None = None
    gate: str | None = Field(default=None, description="Such as '2/4 soaking 3h10m'.")
    halt_reason: str | None = None
    lease_holder: str | None = None
    last_verdict: str | None = None
    halts: list[HaltStatus] = Field(default_factory=list, max_length=64)
    gates: list[GateStatus] = Field(default_factory=list, max_length=32)
    gates_at: Timestamp | None = Field(
        default=None,
        description="When the gates' values above were taken: at each change of a verdict, else every 15 s.",
    )
    run: RunStatus | None = Field(
        default=None, description="The revision that is earning its capital, or has it."
    )
    stable: RunStatus | None = Field(
        default=None,
        description="The last revision that went through all stages, while a newer one is earning.",
    )
    fallback: RunStatus | None = Field(
        default=None,
        description="Where a failed revision trades on: its last passed stage on another account, when no revision is stable.",
    )
    failed_revision: str | None = Field(
        default=None, description="Revision that failed; an edit makes another one."
    )
    acknowledged: list[str] = Field(
        default_factory=list, max_length=32, description="Halts that a person has lifted, newest last."
    )
    acknowledged_at: Timestamp | None = Field(
        default=None,
        description="Last acknowledgement. Gates of a revision at full scale raise no halt for one soak after it.",
    )
    conditions: list[Condition] = Field(default_factory=list, max_length=16)
