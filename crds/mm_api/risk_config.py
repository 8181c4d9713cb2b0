"""What stops a trader: limits, circuit breakers, market guards, closing a position in an emergency. docs/risk.md explains each.

`RiskSpec` is `spec.risk` of a MarketMaker and, with the capital of a stage, `risk` of a trader's config: one model, one meaning.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from mm_api.scalars import (
    ApiModel,
    Between,
    Duration,
    ExactDecimal,
    Fraction,
    NonNegativeDecimal,
    PositiveDecimal,
    Switch,
    Whole,
    rules,
)

BreakerTime = Annotated[Duration, Between("100ms", "1d")]
FlattenTime = Annotated[Duration, Between("0s", "1d")]
Share = Annotated[ExactDecimal, Between("0", "1")]
_PAIRS = (
    ("mark_out_cautious_bp", "mark_out_reduce_bp", "markOutCautiousBp", "markOutReduceBp"),
    ("vpin_cautious", "vpin_reduce", "vpinCautious", "vpinReduce"),
    ("volatility_jump_cautious", "volatility_jump_reduce", "volatilityJumpCautious", "volatilityJumpReduce"),
)
"""Thresholds of two levels: the deeper one is for the worse market."""


class BreakerConfig(ApiModel):
    """Circuit breaker of each class of calls to the venue: orders, queries, account, market. Cancels never ask one."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.longest) || !has(self.openFor) || self.longest.contains('d') || self.openFor.contains('d') "
                "|| duration(self.longest) >= duration(self.openFor)",
                "risk.breaker: longest must not be shorter than openFor",
            ),
        )
    )

    failures: Whole = Field(default=6, ge=1, le=1000, description="In a row, that open it. 1 to 1000.")
    open_for: BreakerTime = Field(
        default=timedelta(seconds=2),
        description="Then one probe decides; each that fails doubles the time. 100ms to 1d.",
    )
    longest: BreakerTime = Field(
        default=timedelta(seconds=30), description="Longest that it stays open. 100ms to 1d."
    )

    @model_validator(mode="after")
    def _doubling_has_room(self) -> BreakerConfig:
        if self.longest < self.open_for:
            raise ValueError("risk.breaker: longest must not be shorter than openFor")
        return self


class GuardConfig(ApiModel):
    """Market guards of a symbol (docs/risk.md). A threshold of 0 is off; none of them latches."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *(
                (
                    f"!has(self.{first}) || !has(self.{second}) || double(self.{second}) == 0.0 || double(self.{second}) >= double(self.{first})",
                    f"risk.guards: {second} must not be below {first}; 0 turns it off",
                )
                for _, _, first, second in _PAIRS
            ),
            *(
                (
                    f"!has(self.{field}) || double(self.{field}) == 0.0 || double(self.{field}) >= 1.0",
                    f"risk.guards: {field} must be at least 1, or 0 for off",
                )
                for field in ("volatilityJumpCautious", "volatilityJumpReduce")
            ),
        )
    )

    hold: BreakerTime = Field(
        default=timedelta(seconds=30),
        description="How long a level stays after its cause was last seen. 100ms to 1d.",
    )
    mark_out_horizon: Literal["100ms", "1s", "5s", "30s"] = Field(
        default="1s", description="The mark-out that is judged."
    )
    mark_out_fills: Whole = Field(
        default=30, ge=5, le=10_000, description="Fills the mean is taken over. 5 to 10000."
    )
    mark_out_cautious_bp: NonNegativeDecimal | None = Field(
        default=Decimal(10),
        description="Mean mark-out at or below minus this: Cautious. Basis points. Default 10; 0: off.",
    )
    mark_out_reduce_bp: NonNegativeDecimal | None = Field(
        default=Decimal(25), description="The same for ReduceOnly. Default 25; 0: off."
    )
    vpin_buckets: Whole = Field(
        default=50, ge=5, le=1000, description="Buckets the mean is taken over. 5 to 1000."
    )
    vpin_cautious: Share | None = Field(
        default=None, description="Share of one-sided volume: Cautious. Up to 1; 0 or unset: off."
    )
    vpin_reduce: Share | None = Field(
        default=None, description="The same for ReduceOnly. Up to 1; 0 or unset: off."
    )
    volatility_jump_cautious: NonNegativeDecimal | None = Field(
        default=Decimal(5),
        description="Volatility of 5 s over that of 5 min: Cautious. At least 1. Default 5; 0: off.",
    )
    volatility_jump_reduce: NonNegativeDecimal | None = Field(
        default=None, description="The same for ReduceOnly. At least 1; 0 or unset: off."
    )

    @model_validator(mode="after")
    def _thresholds_make_sense(self) -> GuardConfig:
        for field, wire in (
            ("volatility_jump_cautious", "volatilityJumpCautious"),
            ("volatility_jump_reduce", "volatilityJumpReduce"),
        ):
            value = getattr(self, field)
            if value and value < 1:
                raise ValueError(f"risk.guards.{wire}: must be at least 1, or 0 for off")
        for first, second, first_wire, second_wire in _PAIRS:
            cautious, reduce = getattr(self, first), getattr(self, second)
            if {first, second} <= self.model_fields_set and cautious and reduce and reduce < cautious:
                raise ValueError(f"risk.guards: {second_wire} must not be below {first_wire}; 0 turns it off")
        return self


class FlattenConfig(ApiModel):
    """Closing the position after an emergency stop: limit orders, then takers, then a person (docs/risk.md). Off by default: it trades while halted."""

    enabled: Switch = Field(default=False, description="Whether positions are closed at all.")
    settle_for: FlattenTime = Field(
        default=timedelta(seconds=30), description="Longest wait until the venue shows nothing open."
    )
    limit_for: FlattenTime = Field(
        default=timedelta(seconds=20), description="Limit orders for so long; then takers."
    )
    taker_wait: FlattenTime = Field(
        default=timedelta(seconds=1), description="A taker's rest stays this long."
    )
    taker_attempts: Whole = Field(
        default=5, ge=1, le=100, description="In a row without a fill; then a person. 1 to 100."
    )
    taker_reach: Fraction = Field(
        default=Decimal("0.003"), description="Through the touch, as a fraction; at most priceBand."
    )
    unknown_for: FlattenTime = Field(
        default=timedelta(seconds=30), description="An order may be unknown this long; then a person."
    )
    remind_every: Annotated[Duration, Between("10s", "30d")] = Field(
        default=timedelta(minutes=5), description="The person is told again. 10s to 30d."
    )


class RiskSpec(ApiModel):
    """Limits. A breach of a *limit* latches a halt; a refused *check* only drops the order. They hold on every stage; its lossBudget may be tighter."""

    daily_loss_limit: PositiveDecimal = Field(
        default=Decimal(100),
        description="Loss in a UTC day, in quote currency and marked to market, that halts trading.",
    )
    symbol_loss_limit: PositiveDecimal | None = Field(
        default=None,
        description="Loss of one symbol in a UTC day, in quote currency, that halts that symbol and no other. Unset: none.",
    )
    max_net_exposure: PositiveDecimal | None = Field(
        default=None,
        description="Quote currency, over all symbols: what could be long, and short, if every order of that side filled. Unset: the capital alone.",
    )
    max_correlated_exposure: PositiveDecimal | None = Field(
        default=None,
        description="The same with every other symbol counted by its correlation, from each symbol's point of view; a correlation not known yet counts as 1.",
    )
    max_drawdown: Fraction = Field(
        default=Decimal("0.03"),
        description="Drawdown from peak equity, as a fraction of the stage's capital, that halts trading. At most 1.",
    )
    max_order_rate: Whole = Field(
        default=20,
        ge=1,
        le=1000,
        description="Orders per second; above it new orders are refused. 1 to 1000.",
    )
    max_cancel_ratio: Fraction = Field(
        default=Decimal("0.90"),
        description="Cancelled orders over placed orders in the behaviour window; above it the trader turns cautious. At most 1.",
    )
    max_reject_streak: Whole = Field(
        default=20, ge=1, le=10_000, description="Refusals in a row that halt. 1 to 10000."
    )
    max_fill_rate: Whole = Field(
        default=600,
        ge=1,
        le=100_000,
        description="Own fills per minute above which the trader turns cautious. 1 to 100000.",
    )
    price_band: Fraction = Field(
        default=Decimal("0.02"),
        description="Farthest an order may be from the mid, as a fraction. At most 1.",
    )
    max_order_notional: PositiveDecimal | None = Field(
        default=None, description="Largest order, in quote currency. Unset: the capital."
    )
    max_clock_skew: Annotated[Duration, Between("10ms", "1h")] = Field(
        default=timedelta(seconds=2),
        description="Largest difference between our clock and the venue's at which anything is quoted. 10ms to 1h.",
    )
    breaker: BreakerConfig = Field(default_factory=BreakerConfig)
    guards: GuardConfig = Field(default_factory=GuardConfig)
    flatten: FlattenConfig = Field(default_factory=FlattenConfig)
    fee_asset_rates: dict[str, PositiveDecimal] = Field(
        default_factory=dict,
        max_length=16,
        description="Quote currency per unit of an asset that is neither base nor quote but pays commissions, such as BNB. "
        "A commission in an asset that is not here halts.",
    )
