"""`MarketMaker` (mm): what to trade, within which limits, and by which stages a revision earns its capital.

The spec is the user's, the status the operator's. PnL and inventory are metrics and evidence, never status: they change with every fill.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from mm_api.alerts_config import AlertsSpec
from mm_api.drills import DrillName
from mm_api.engine_config import EngineSpec, StrategySpec
from mm_api.kinds.common import Column, HaltLevel, Names, ObjectReference, PortfolioSpec, Resource
from mm_api.kinds.market_maker_status import MarketMakerStatus
from mm_api.process_config import DeadManSpec, LoggingSpec, ProcessConfig, RecordingSpec
from mm_api.risk_config import RiskSpec
from mm_api.scalars import (
    NAME_PATTERN,
    ApiModel,
    Duration,
    ExactDecimal,
    Fraction,
    PositiveDecimal,
    Quantity,
    Symbol,
    Whole,
    rules,
)


class GateName(StrEnum):
    """The built-in gates, and `Custom`, which asks Prometheus."""

    NO_RESTARTS = "NoRestarts"
    NO_ORDER_ANOMALIES = "NoOrderAnomalies"
    RISK_CONTROLS_WORK = "RiskControlsWork"
    NO_RISK_VIOLATIONS = "NoRiskViolations"
    NET_PNL = "NetPnL"
    ORDER_ACCURACY = "OrderAccuracy"
    DRAWDOWN = "Drawdown"
    QUOTE_UPTIME = "QuoteUptime"
    MARK_OUT = "MarkOut"
    CUSTOM = "Custom"


class FailurePolicy(StrEnum):
    """What happens to the capital when a stage fails."""

    ROLLBACK = "Rollback"
    HALT = "Halt"


class ResourcesSpec(ApiModel):
    """Resources of the trader's container, as Kubernetes quantities."""

    cpu_request: Quantity = "100m"
    memory_request: Quantity = "96Mi"
    memory_limit: Quantity = "256Mi"


class TraderSpec(ApiModel):
    """How the trader's pod is made. Nothing here is needed: the operator's own image is used."""

    image: str | None = Field(
        default=None,
        max_length=512,
        description="Image; empty means the one the operator was installed with when the revision began.",
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    resources: ResourcesSpec = Field(default_factory=ResourcesSpec)
    storage: Quantity = Field(
        default="256Mi",
        description="Size of the journal's volume; fixed when it is made. Recordings are on it, too.",
    )
    termination_grace_period: Duration = Field(
        default=timedelta(seconds=20), description="Time to cancel and flush after SIGTERM."
    )


class Gate(ApiModel):
    """One question the evidence must answer before a stage passes."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("self.name != 'Custom' || has(self.promql)", "gates: a Custom gate needs promql"),
            ("self.name == 'Custom' || !has(self.promql)", "gates: promql is for the Custom gate only"),
            (
                "self.name != 'Custom' || has(self.min) || has(self.max)",
                "gates: a Custom gate needs min or max",
            ),
            (
                "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
                "gates: min is above max; no value would pass",
            ),
            (
                "!has(self.confidence) || (double(self.confidence) >= 0.5 && double(self.confidence) < 1.0)",
                "gates: confidence must be from 0.5 to below 1: at less than even odds a loss would pass for a profit",
            ),
        )
    )

    name: GateName
    min: ExactDecimal | None = Field(
        default=None,
        description="Smallest value that passes (NetPnL in quote currency, OrderAccuracy and QuoteUptime as fractions, MarkOut in basis points).",
    )
    max: ExactDecimal | None = Field(
        default=None, description="Largest value that passes (Drawdown as a fraction of capital)."
    )
    confidence: Fraction | None = Field(
        default=None,
        description="NetPnL, MarkOut: one-sided confidence that the value is at least min, such as '0.9'. Unset: the plain value decides.",
    )
    horizon: Duration | None = Field(
        default=None, description="MarkOut: how long after the fill, such as 1s."
    )
    promql: str | None = Field(
        default=None,
        max_length=4096,
        description="Custom: a query with one number as its result. $name and $namespace stand for the MarketMaker's.",
    )
    no_data: Literal["Inconclusive", "Fail"] = Field(
        default="Inconclusive", description="Verdict of a Custom gate without data. Pass is not offered."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Gate:
        """What the API server's rules say, again, and what they leave out."""
        custom = self.name is GateName.CUSTOM
        if custom != (self.promql is not None):
            raise ValueError(
                "gates: a Custom gate needs promql" if custom else "gates: promql is for the Custom gate only"
            )
        if custom and self.min is None and self.max is None:
            raise ValueError("gates: a Custom gate needs min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"gates: min {self.min} is above max {self.max}; no value would pass")
        if self.confidence is not None and not Decimal("0.5") <= self.confidence < 1:
            raise ValueError(
                "gates: confidence must be from 0.5 to below 1: at less than even odds a loss would pass for a profit"
            )
        return self


class Sample(ApiModel):
    """The least evidence on which a stage may be judged."""

    fills: Whole = Field(default=0, ge=0, le=10_000_000, description="Fills of own orders.")
    quoted_time: Duration = Field(default=timedelta(0), description="Time with quotes on both sides.")


_SYMBOLS_ONCE = (
    "!has(self.symbols) || self.symbols.all(a, self.symbols.exists_one(b, b == a))",
    "stages: a symbol is named twice",
)


class StageStep(ApiModel):
    """One rung of a capital ladder."""

    model_config = ConfigDict(json_schema_extra=rules(_SYMBOLS_ONCE))

    capital: PositiveDecimal = Field(description="Capital in quote currency.")
    soak: Duration = Field(default=timedelta(hours=24), description="Shortest time at this step.")
    symbols: list[Symbol] | None = Field(
        default=None, min_length=1, max_length=16, description="Symbols from this step on; unset: as before."
    )


def _named_once(names: Sequence[str] | None, what: str) -> None:
    twice = sorted(name for name, count in Counter(names or ()).items() if count > 1)
    if twice:
        raise ValueError(f"stages: {what} {', '.join(twice)} is named twice")


_Drill = Annotated[DrillName, Field(json_schema_extra={"maxLength": 32})]
"""With a length, from which the API server reckons what the rule about drills may cost."""


class Stage(ApiModel):
    """Account + symbols + capital + time + evidence."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.capital) != (has(self.steps) && size(self.steps) > 0)",
                "stages: set either capital or steps, not both",
            ),
            (
                "!has(self.steps) || self.steps.map(s, double(s.capital)).isSorted()",
                "stages: steps fall in capital; order them so that each is at least the one before",
            ),
            (
                "size(self.symbols) > 0 || (has(self.steps) && size(self.steps) > 0 && has(self.steps[0].symbols))",
                "stages: symbols is missing; name them on the stage or on its first step",
            ),
            (
                "!has(self.drills) || self.drills.all(a, self.drills.exists_one(b, b == a))",
                "stages: a drill is named twice",
            ),
            _SYMBOLS_ONCE,
        )
    )

    name: str = Field(min_length=1, max_length=32, pattern=NAME_PATTERN)
    account_ref: ObjectReference
    symbols: list[Symbol] = Field(
        default_factory=list, max_length=16, description="Symbols in the venue's form, such as ETHUSDC."
    )
    capital: PositiveDecimal | None = None
    steps: list[StageStep] = Field(
        default_factory=list,
        max_length=16,
        description="Capital ladder instead of one capital; amounts never fall.",
    )
    loss_budget: PositiveDecimal | None = Field(
        default=None,
        description="Loss within this stage, in quote currency, that fails it and halts trading.",
    )
    soak: Duration = Field(
        default=timedelta(hours=24), description="Shortest time in the stage; steps have their own."
    )
    timeout: Duration | None = Field(
        default=None,
        description="A step that cannot decide by then fails. Default: three times its soak, at least ten minutes.",
    )
    sample: Sample = Field(default_factory=Sample)
    approval: Literal["None", "Required"] = Field(
        default="None", description="Required: passing also needs a StageApproval for this revision."
    )
    gates: list[Gate] = Field(default_factory=list, max_length=16)
    drills: list[_Drill] = Field(
        default_factory=list,
        max_length=5,
        description="What the trader is put through on the stage's first step, each once, and each a gate. Never on a mainnet account.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Stage:
        """What the API server's rules say, again, and what they leave out."""
        if (self.capital is not None) == bool(self.steps):
            raise ValueError("stages: set either capital or steps, not both")
        amounts = [step.capital for step in self.steps]
        if amounts != sorted(amounts):
            raise ValueError(
                "stages: steps fall in capital; order them so that each is at least the one before"
            )
        if not self.symbols and not (self.steps and self.steps[0].symbols):
            raise ValueError("stages: symbols is missing; name them on the stage or on its first step")
        _named_once([drill.value for drill in self.drills], "drill")
        _named_once(self.symbols, "symbol")
        for step in self.steps:
            _named_once(step.symbols, "symbol")
        return self


class FreezeWindow(ApiModel):
    """A window without promotions. Pauses and rollbacks always work."""

    cron: str = Field(
        max_length=64,
        pattern=r"^\S+ \S+ \S+ \S+ \S+$",
        description="Start of the window: minute hour day-of-month month day-of-week.",
    )
    duration: Duration
    time_zone: str = Field(default="UTC", max_length=64, description="IANA name, such as Europe/Zurich.")


class RolloutSpec(ApiModel):
    """The stages, in order, and what a failure does."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "self.stages.all(a, self.stages.exists_one(b, b.name == a.name))",
                "spec.rollout.stages: two stages have the same name; give each its own",
            ),
        )
    )

    on_failure: FailurePolicy = Field(
        default=FailurePolicy.ROLLBACK, description="Rollback (to the last stage that passed) or Halt."
    )
    attempt: Whole = Field(
        default=1,
        ge=1,
        le=10_000,
        description="Raise it by one to try a failed revision again, from its first stage, without another edit.",
    )
    stages: list[Stage] = Field(min_length=1, max_length=10)
    freeze: list[FreezeWindow] = Field(default_factory=list, max_length=16)

    @model_validator(mode="after")
    def _makes_sense(self) -> RolloutSpec:
        """What the API server's rule says, again."""
        _named_once([stage.name for stage in self.stages], "stage")
        return self


class MarketMakerSpec(ApiModel):
    """What the user asks for."""

    strategy: StrategySpec = Field(default_factory=StrategySpec)
    risk: RiskSpec = Field(default_factory=RiskSpec)
    portfolio: PortfolioSpec | None = Field(
        default=None, description="Split of a stage's capital over its symbols. Unset: equal."
    )
    engine: EngineSpec = Field(default_factory=EngineSpec)
    alerts: AlertsSpec | None = Field(
        default=None, description="Who is told of what. Unset: the log and the operator alone."
    )
    dead_man: DeadManSpec | None = Field(
        default=None, description="The watcher in the trader's pod. Unset: its defaults."
    )
    logging: LoggingSpec | None = Field(default=None, description="The traders' log. Unset: INFO, as JSON.")
    process: ProcessConfig | None = Field(
        default=None, description="Unset: the trader ends in order at 15/16 of its memory limit."
    )
    recording: RecordingSpec | None = Field(
        default=None, description="Record what the kernel is told, on the journal's volume. Unset: nothing."
    )
    trader: TraderSpec = Field(default_factory=TraderSpec)
    rollout: RolloutSpec
    pause: HaltLevel = Field(
        default=HaltLevel.NONE,
        description="None, ReduceOnly, Halted (no orders, process alive) or Hibernated (no pod, state kept).",
    )
    acknowledge_halt: str | None = Field(
        default=None,
        max_length=128,
        description="Id of the halt (shown in status.halts) that this lifts, and no other.",
    )


class MarketMaker(Resource):
    """A market maker and its release plan."""

    names: ClassVar[Names] = Names("marketmakers", "marketmaker", ("mm",))
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Stage", ".status.stage"),
        Column("State", ".status.state"),
        Column("Capital", ".status.capital"),
        Column("Gate", ".status.gate"),
        Column("Revision", ".status.revision"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Halt", ".status.haltReason", priority=1),
        Column("Lease-Holder", ".status.leaseHolder", priority=1),
        Column("Last-Verdict", ".status.lastVerdict", priority=1),
    )

    kind: str = "MarketMaker"
    spec: MarketMakerSpec
    status: MarketMakerStatus | None = None
