"""The one interface of strategies: `quote(view) -> DesiredQuotes`, pure. What it answers is a wish; limits and pre-trade checks come after it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Protocol

import msgspec

from mm_trader.core.units import SymbolRules
from mm_trader.strategy.parameters import Parameter


class Signal(StrEnum):
    """What a strategy can ask the kernel to compute beyond the top of book and the volatility. What nobody asks for is not computed."""

    MICRO_PRICE = "microPrice"
    DEPTH_IMBALANCE = "depthImbalance"
    ORDER_FLOW = "orderFlow"
    INTENSITY = "intensity"


class Intensity(msgspec.Struct, frozen=True, gc=False):
    """Arrivals at a distance δ from the mid: λ(δ) = A·exp(−k·δ), as fitted on public trades."""

    a: float
    """A, arrivals per second on one side."""
    k: float
    """1 per tick."""
    r2: float
    """Coefficient of determination of the fit, at most 1."""


class MarketView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One symbol at one instant. Prices in ticks. A signal is None where the strategy did not ask for it, or where it is not known yet."""

    bid: int
    ask: int
    mid: float
    weighted_mid: float
    volatility: float
    """σ of the mid per √s, as a fraction of the price."""
    position: float
    """Base units, signed."""
    wall_s: float = 0.0
    """UTC seconds; for sessions that end at a time of day."""
    micro_price: float | None = None
    """Ticks."""
    depth_imbalance: float | None = None
    """[-1, 1]; positive: more on the bid side."""
    order_flow: float | None = None
    """Expected move of the mid in ticks, OFI / (2 x depth)."""
    intensity: Intensity | None = None


class Quote(msgspec.Struct, frozen=True, gc=False):
    """A price in ticks and a size in lots."""

    price: int
    size: int


class DesiredQuotes(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What should rest at the venue: levels of each side, the best first, prices strictly apart. Empty: nothing on that side."""

    bids: tuple[Quote, ...] = ()
    asks: tuple[Quote, ...] = ()
    half_spread: float
    """Ticks; the tolerance within which an order may stay is a fraction of it."""
    spacing: float = 0.0
    """Ticks between two levels where there are several; the tolerance is a fraction of the smaller of the two. 0: one level."""
    waiting: str = ""
    """CamelCase: why the strategy cannot say yet, such as a signal that is not known. Nothing rests then."""

    @property
    def bid(self) -> Quote | None:
        """The best bid."""
        return self.bids[0] if self.bids else None

    @property
    def ask(self) -> Quote | None:
        """The best ask."""
        return self.asks[0] if self.asks else None


class Strategy(Protocol):
    """One instance quotes one symbol with one set of parameters. Raises nothing on a sound view."""

    summary: ClassVar[str]
    """One line for people."""

    parameters: ClassVar[tuple[Parameter, ...]]
    """What it can be given: `validate_parameters` checks against this list."""

    needs: frozenset[Signal]
    """The signals this instance reads: the kernel computes these and no others."""

    max_inventory: Decimal
    """Base units; the pre-trade check holds position and open orders together to it."""

    def __init__(self, values: Mapping[str, Decimal], rules: SymbolRules) -> None:
        """`values`: by wire name, complete and validated."""
        ...

    @classmethod
    def check(cls, values: Mapping[str, Decimal]) -> list[str]:
        """Rules between parameters: one sentence for each that is broken."""
        ...

    def quote(self, view: MarketView) -> DesiredQuotes:
        """The quotes this view calls for."""
        ...
