"""BasicMarketMaking: symmetric quotes around a fair price, shifted against the inventory, wider when the market moves. Formulas: docs/strategies/basic.md.

    fair   = mid + microWeight · (weighted mid − mid)
    u      = clip(position / maxInventory, −1, 1)
    h      = fair · (baseSpread/2 + volatilityFactor · σ · √volatilityHorizon) · (1 + inventoryWidening · |u|)
    h      = max(min(h, fair · maxSpread/2), fair · maker fee + 1 tick)
    centre = fair − skewFactor · h · u
    bid    = ⌊centre − h⌋,  ask = ⌈centre + h⌉, neither ever through the other side's best

The fee floor is applied last and wins over the cap: a quote that cannot earn its own fee is never made tighter by another parameter.
Worked: fair 2,500.00 (tick 0.01 → 250,000 ticks), σ = 1e-4/√s, fee 0, long half of maxInventory, defaults:
h = 250,000 · (0.00025 + 0.0001) · 1.1 = 96.25 ticks, centre = 250,000 − 0.3 · 96.25 · 0.5 = 249,985.56, bid 249,889 (2,498.89), ask 250,082 (2,500.82).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from mm_trader.core.units import SymbolRules
from mm_trader.strategy.base import DesiredQuotes, MarketView, Signal
from mm_trader.strategy.dynamic_spread import (
    BASE_SPREAD,
    INVENTORY_WIDENING,
    SKEW_FACTOR,
    VOLATILITY_FACTOR,
    VOLATILITY_HORIZON,
    DynamicSpread,
)
from mm_trader.strategy.parameters import Parameter, parameter
from mm_trader.strategy.shaping import MAX_INVENTORY, MAX_SPREAD, Shaper, check_common


class BasicMarketMaking:
    """Two quotes, one a side."""

    summary: ClassVar[str] = "symmetric quotes, dynamic spread, linear inventory skew"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        BASE_SPREAD,
        parameter("baseSize", "0.01", "0.00000001", "1000000", "base units", "Size of each quote."),
        MAX_INVENTORY,
        SKEW_FACTOR,
        VOLATILITY_FACTOR,
        VOLATILITY_HORIZON,
        INVENTORY_WIDENING,
        MAX_SPREAD,
        parameter("microWeight", "0", "0", "1", "fraction", "0: fair price is the mid; 1: the weighted mid."),
    )
    needs: frozenset[Signal] = frozenset()

    def __init__(self, values: Mapping[str, Decimal], rules: SymbolRules) -> None:
        """`values`: as `validate_parameters` returns them."""
        self.max_inventory = values["maxInventory"]
        self._spread = DynamicSpread(values)
        self._micro = float(values["microWeight"])
        self._seen: tuple[float, ...] = ()
        self._wished: DesiredQuotes
        """The answer to what was seen: the touch moves more rarely than the sizes on it, and then nothing is worked out again."""
        self._shaper = Shaper(
            rules,
            sizes=(values["baseSize"],),
            max_inventory=self.max_inventory,
            min_spread=Decimal(0),
            max_spread=values["maxSpread"],
        )

    @classmethod
    def check(cls, values: Mapping[str, Decimal]) -> list[str]:
        """The cap must leave room for the base spread, and one quote must fit the inventory."""
        return check_common(values, size="baseSize", spread="baseSpread")

    def quote(self, view: MarketView) -> DesiredQuotes:
        """See the module's docstring."""
        spread, shaper = self._spread, self._shaper
        fair = view.mid + self._micro * (view.weighted_mid - view.mid)
        seen = (fair, view.volatility, view.position, view.bid, view.ask)
        if seen == self._seen:
            return self._wished
        used = spread.used(view)
        half = shaper.half(spread.half(view, fair, used), fair)
        self._seen, self._wished = seen, shaper.pair(view, fair - spread.skew * half * used, half)
        return self._wished
