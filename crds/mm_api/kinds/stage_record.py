"""`StageRecord`: the immutable evidence of one step of one stage of one revision. Written once by the operator, when the step ends."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict, Field

from mm_api.kinds.common import Column, Environment, Names, Resource
from mm_api.kinds.market_maker_status import GateVerdict
from mm_api.scalars import ApiModel, ExactDecimal, Timestamp, rules


class StageResult(StrEnum):
    """How a step ended."""

    PASSED = "Passed"
    FAILED = "Failed"
    SUPERSEDED = "Superseded"
    ABORTED = "Aborted"


class GateEvidence(ApiModel):
    """One gate's last verdict with everything it was based on."""

    name: str = Field(max_length=64)
    verdict: GateVerdict
    value: str | None = Field(default=None, max_length=64)
    threshold: str | None = Field(default=None, max_length=64)
    unit: str = Field(default="", max_length=32)
    window_start: Timestamp | None = None
    window_end: Timestamp | None = None
    sample_size: int = Field(default=0, ge=0)
    message: str = Field(default="", max_length=1024)


class StageRecordSpec(ApiModel):
    """The evidence."""

    model_config = ConfigDict(json_schema_extra=rules(("self == oldSelf", "spec: evidence never changes")))

    market_maker: str = Field(max_length=63)
    market_maker_uid: str = Field(max_length=64)
    revision: str = Field(max_length=64)
    stage: str = Field(max_length=32)
    stage_index: int = Field(ge=0)
    step: int = Field(ge=0)
    attempt: int = Field(default=1, ge=1)
    account: str = Field(max_length=63)
    environment: Environment
    symbols: list[str] = Field(max_length=16)
    capital: ExactDecimal
    started_at: Timestamp
    ended_at: Timestamp
    result: StageResult
    reason: str = Field(default="", max_length=1024)
    gates: list[GateEvidence] = Field(default_factory=list, max_length=32)
    evidence: dict[str, str] = Field(
        default_factory=dict,
        max_length=128,
        description="The trader's counters at the end, as reported: fills, netPnl, fees, maxDrawdown, …",
    )


class StageRecord(Resource):
    """Evidence of one step of one stage."""

    names: ClassVar[Names] = Names("stagerecords", "stagerecord", ("sr",))
    columns: ClassVar[tuple[Column, ...]] = (
        Column("MarketMaker", ".spec.marketMaker"),
        Column("Stage", ".spec.stage"),
        Column("Step", ".spec.step", "integer"),
        Column("Capital", ".spec.capital"),
        Column("Result", ".spec.result"),
        Column("Revision", ".spec.revision"),
        Column("Reason", ".spec.reason", priority=1),
        Column("Ended", ".spec.endedAt", "date"),
    )

    kind: str = "StageRecord"
    spec: StageRecordSpec
