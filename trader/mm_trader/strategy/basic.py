"""BasicMarketMaking: symmetric quotes around a fair price, shifted against the inventory, wider when the market moves. Formulas: docs/strategies.md.

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
from math import ceil, floor, sqrt
from typing import ClassVar

from mm_trader.core.units import SymbolRules
from mm_trader.strategy.base import DesiredQuotes, MarketView, Quote
from mm_trader.strategy.parameters import Parameter


def _parameter(name: str, default: str, low: str, high: str, unit: str, meaning: str) -> Parameter:
    return Parameter(
        name=name, default=Decimal(default), low=Decimal(low), high=Decimal(high), unit=unit, meaning=meaning
    )


class BasicMarketMaking:
    """Two quotes, one a side."""

    parameters: ClassVar[tuple[Parameter, ...]] = (
        _parameter(
            "baseSpread",
            "0.0005",
            "0.00001",
            "0.1",
            "of the price",
            "Distance between bid and ask in a calm market, both sides together.",
        ),
        _parameter("baseSize", "0.01", "0.00000001", "1000000", "base units", "Size of each quote."),
        _parameter(
            "maxInventory",
            "0.05",
            "0.00000001",
            "1000000",
            "base units",
            "Largest position, either way, open orders included.",
        ),
        _parameter(
            "skewFactor",
            "0.3",
            "0",
            "2",
            "half spreads",
            "How far the centre moves against a full inventory.",
        ),
        _parameter(
            "volatilityFactor",
            "1",
            "0",
            "20",
            "of σ·√horizon",
            "How much of the expected move over the horizon is added to each half spread.",
        ),
        _parameter("volatilityHorizon", "1", "0.05", "3600", "s", "How long a quote is expected to rest."),
        _parameter(
            "inventoryWidening",
            "0.2",
            "0",
            "5",
            "of the half spread",
            "Extra half spread at full inventory.",
        ),
        _parameter(
            "maxSpread", "0.01", "0.00001", "0.5", "of the price", "Cap of the spread, the fee floor apart."
        ),
        _parameter(
            "microWeight", "0", "0", "1", "fraction", "0: fair price is the mid; 1: the weighted mid."
        ),
    )

    def __init__(self, values: Mapping[str, Decimal], rules: SymbolRules) -> None:
        """`values`: as `validate_parameters` returns them."""
        self.max_inventory = values["maxInventory"]
        self._max_inventory = float(values["maxInventory"])
        self._size = rules.floor_lots(values["baseSize"])
        self._max_lots = float(values["maxInventory"] / rules.lot)
        self._lot = float(rules.lot)
        self._base_half = float(values["baseSpread"]) / 2
        self._volatility = float(values["volatilityFactor"]) * sqrt(float(values["volatilityHorizon"]))
        self._widening = float(values["inventoryWidening"])
        self._max_half = float(values["maxSpread"]) / 2
        self._skew = float(values["skewFactor"])
        self._micro = float(values["microWeight"])
        # a rebate is a reason to be content, not to quote through the tick
        self._fee = max(float(rules.maker_fee), 0.0)

    @classmethod
    def check(cls, values: Mapping[str, Decimal]) -> list[str]:
        """The cap must leave room for the base spread, and one quote must fit the inventory."""
        problems = []
        if values["maxSpread"] < values["baseSpread"]:
            problems.append(
                f"strategy.parameters.maxSpread: {values['maxSpread']} is below baseSpread {values['baseSpread']}"
            )
        if values["maxInventory"] < values["baseSize"]:
            problems.append(
                f"strategy.parameters.maxInventory: {values['maxInventory']} is below baseSize {values['baseSize']}; no quote would ever fit"
            )
        return problems

    def quote(self, view: MarketView) -> DesiredQuotes:
        """See the module's docstring."""
        fair = view.mid + self._micro * (view.weighted_mid - view.mid)
        used = max(-1.0, min(1.0, view.position / self._max_inventory))
        half = (
            fair * (self._base_half + self._volatility * view.volatility) * (1 + self._widening * abs(used))
        )
        half = max(min(half, fair * self._max_half), fair * self._fee + 1)
        centre = fair - self._skew * half * used
        bid = min(floor(centre - half), view.ask - 1)
        ask = max(ceil(centre + half), view.bid + 1)
        held = view.position / self._lot
        bid_size = min(self._size, floor(self._max_lots - held + _LOT_EPSILON))
        ask_size = min(self._size, floor(self._max_lots + held + _LOT_EPSILON))
        return DesiredQuotes(
            bid=Quote(bid, bid_size) if bid_size > 0 and bid > 0 else None,
            ask=Quote(ask, ask_size) if ask_size > 0 else None,
            half_spread=half,
        )


_LOT_EPSILON = 1e-6
"""A whole number of lots must survive its way through a float; the exact check comes later, in integers."""
