"""Strategy and timings of the engine: blocks that a MarketMaker's spec and a trader's config share."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from mm_api.scalars import ApiModel, Between, Duration, ExactDecimal, Switch

SymbolParameters = Annotated[dict[str, ExactDecimal], Field(max_length=64)]
Timing = Annotated[Duration, Between("1ms", "1d")]
Promptness = Annotated[Duration, Between("10ms", "60s")]
"""How long something may be unknown while orders rest on it: a minute is beyond every network, and within every market's patience."""


class StrategySpec(ApiModel):
    """Which quoting strategy, with which parameters."""

    name: str = Field(
        default="BasicMarketMaking",
        max_length=63,
        pattern=r"^[A-Za-z][A-Za-z0-9]*$",
        description="Name of a strategy the trader knows.",
    )
    parameters: dict[str, ExactDecimal] = Field(
        default_factory=dict,
        max_length=64,
        description="Parameters of the strategy as decimal strings; `mm-trader strategies` lists them. BasicMarketMaking: baseSpread (fraction of the price, "
        "both sides together, 0.0005), baseSize (base units, 0.01), maxInventory (base units, 0.05), skewFactor (0.3).",
    )
    symbol_parameters: dict[str, SymbolParameters] | None = Field(
        default=None,
        max_length=16,
        description="By symbol: parameters that replace those above for it, such as its sizes.",
    )

    def parameters_of(self, symbol: str) -> dict[str, Decimal]:
        """What this symbol is quoted with, defaults apart."""
        return self.parameters | (self.symbol_parameters or {}).get(symbol, {})


class EngineSpec(ApiModel):
    """Timings of the trading engine."""

    order_timeout: Promptness = Field(
        default=timedelta(seconds=5),
        description="After this long without an answer the trader asks the venue about an order. 10ms to 60s: until then nobody knows whether it rests.",
    )
    reconcile_interval: Timing = Field(
        default=timedelta(seconds=30),
        description="Full comparison with the venue's orders, trades and balances. 1ms to 1d.",
    )
    health_check_interval: Timing = Field(
        default=timedelta(seconds=10), description="Period of the trader's own health check. 1ms to 1d."
    )
    stale_after: Promptness = Field(
        default=timedelta(seconds=3),
        description="Market data older than this is not quoted on. 10ms to 60s: a quote on older data is an option given away.",
    )
    requote_interval: Annotated[Duration, Between("0s", "1d")] = Field(
        default=timedelta(milliseconds=250),
        description="Shortest time between two looks at the quotes of a symbol, fills and risk events apart. Up to 1d.",
    )
    requote_tolerance: Annotated[ExactDecimal, Between("0", "1")] = Field(
        default=Decimal("0.2"),
        description="An order stays where it is while it is within this fraction of the half spread of where it should be. 0 to 1.",
    )
    requote_in_place: Switch = Field(
        default=True,
        description="Orders move and shrink in one request where the venue can. False: cancel, wait for the end, place anew.",
    )
    evidence_interval: Annotated[Duration, Between("10ms", "2s")] = Field(
        default=timedelta(seconds=1),
        description="How often evidence and state are written, and one PnL sample taken. 10ms to 2s: the operator takes older ones for silence.",
    )
