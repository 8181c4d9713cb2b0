"""The one interface of strategies: `quote(view) -> DesiredQuotes`, pure. What it answers is a wish; limits and pre-trade checks come after it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar, Protocol

import msgspec

from mm_trader.core.units import SymbolRules
from mm_trader.strategy.parameters import Parameter


class MarketView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One symbol at one instant. Prices in ticks."""

    bid: int
    ask: int
    mid: float
    weighted_mid: float
    volatility: float
    """σ of the mid per √s, as a fraction of the price."""
    position: float
    """Base units, signed."""


class Quote(msgspec.Struct, frozen=True, gc=False):
    """A price in ticks and a size in lots."""

    price: int
    size: int


class DesiredQuotes(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What should rest at the venue. None: nothing on that side."""

    bid: Quote | None
    ask: Quote | None
    half_spread: float
    """Ticks; the tolerance within which an order may stay is a fraction of it."""


class Strategy(Protocol):
    """One instance quotes one symbol with one set of parameters. Raises nothing on a sound view."""

    parameters: ClassVar[tuple[Parameter, ...]]
    """What it can be given: `validate_parameters` checks against this list."""

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
