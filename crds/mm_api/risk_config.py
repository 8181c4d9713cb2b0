"""Blocks of the trader's `risk`: circuit breakers, market guards, closing a position in an emergency. docs/risk.md explains each."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from mm_api.scalars import ApiModel, Duration, PositiveDecimal


class BreakerConfig(ApiModel):
    """Circuit breaker of each class of calls to the venue: orders, queries, account, market. Cancels never ask one."""

    failures: int = Field(default=6, ge=1, le=1000, description="In a row, that open it.")
    open_for: Duration = Field(
        default=timedelta(seconds=2),
        ge=timedelta(milliseconds=100),
        description="Then one probe decides; each that fails doubles the time.",
    )
    longest: Duration = Field(default=timedelta(seconds=30), ge=timedelta(milliseconds=100))

    @model_validator(mode="after")
    def _doubling_has_room(self) -> BreakerConfig:
        if self.longest < self.open_for:
            raise ValueError("risk.breaker: longest must not be shorter than openFor")
        return self


class GuardConfig(ApiModel):
    """Market guards of a symbol (docs/risk.md). A threshold that is unset is off; none of them latches."""

    hold: Duration = Field(
        default=timedelta(seconds=30),
        ge=timedelta(milliseconds=100),
        description="How long a level stays after its cause was last seen.",
    )
    mark_out_horizon: Literal["100ms", "1s", "5s", "30s"] = Field(
        default="1s", description="The mark-out that is judged."
    )
    mark_out_fills: int = Field(default=30, ge=5, le=10_000, description="Fills the mean is taken over.")
    mark_out_cautious_bp: PositiveDecimal | None = Field(
        default=Decimal(10), description="Mean mark-out at or below minus this: Cautious. Basis points."
    )
    mark_out_reduce_bp: PositiveDecimal | None = Field(
        default=Decimal(25), description="The same for ReduceOnly."
    )
    vpin_buckets: int = Field(default=50, ge=5, le=1000, description="Buckets the mean is taken over.")
    vpin_cautious: PositiveDecimal | None = Field(default=None, le=1, description="Between 0 and 1.")
    vpin_reduce: PositiveDecimal | None = Field(default=None, le=1, description="Between 0 and 1.")
    volatility_jump_cautious: PositiveDecimal | None = Field(
        default=Decimal(5), ge=1, description="Volatility of 5 s over that of 5 min: Cautious."
    )
    volatility_jump_reduce: PositiveDecimal | None = Field(
        default=None, ge=1, description="The same for ReduceOnly."
    )


class FlattenConfig(ApiModel):
    """Closing the position after an emergency stop: limit orders, then takers, then a person (docs/risk.md). Off by default: it trades while halted."""

    enabled: bool = False
    settle_for: Duration = Field(
        default=timedelta(seconds=30), description="Longest wait until the venue shows nothing open."
    )
    limit_for: Duration = Field(default=timedelta(seconds=20), description="Then takers.")
    taker_wait: Duration = Field(default=timedelta(seconds=1), description="A taker's rest stays this long.")
    taker_attempts: int = Field(
        default=5, ge=1, le=100, description="In a row without a fill; then a person."
    )
    taker_reach: PositiveDecimal = Field(
        default=Decimal("0.003"), le=1, description="Through the touch, as a fraction; at most priceBand."
    )
    unknown_for: Duration = Field(
        default=timedelta(seconds=30), description="An order may be unknown this long; then a person."
    )
    remind_every: Duration = Field(
        default=timedelta(minutes=5), ge=timedelta(seconds=10), description="The person is told again."
    )
