"""The half spread that follows volatility and inventory, and the parameters that set it (R23.1). Formula: docs/strategies/basic.md."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import sqrt

from mm_trader.strategy.base import MarketView
from mm_trader.strategy.parameters import parameter

BASE_SPREAD = parameter(
    "baseSpread",
    "0.0005",
    "0.00001",
    "0.1",
    "of the price",
    "Distance between bid and ask in a calm market, both sides together.",
)
SKEW_FACTOR = parameter(
    "skewFactor", "0.3", "0", "2", "half spreads", "How far the centre moves against a full inventory."
)
VOLATILITY_FACTOR = parameter(
    "volatilityFactor",
    "1",
    "0",
    "20",
    "of σ·√horizon",
    "How much of the expected move over the horizon is added to each half spread.",
)
VOLATILITY_HORIZON = parameter(
    "volatilityHorizon", "1", "0.05", "3600", "s", "How long a quote is expected to rest."
)
INVENTORY_WIDENING = parameter(
    "inventoryWidening", "0.2", "0", "5", "of the half spread", "Extra half spread at full inventory."
)


class DynamicSpread:
    """The half spread that follows volatility and inventory, and the linear skew: shared by the strategies that are not derived from a utility."""

    def __init__(self, values: Mapping[str, Decimal]) -> None:
        self._max_inventory = float(values["maxInventory"])
        self._base_half = float(values["baseSpread"]) / 2
        self._volatility = float(values["volatilityFactor"]) * sqrt(float(values["volatilityHorizon"]))
        self._widening = float(values["inventoryWidening"])
        self.skew = float(values["skewFactor"])

    def used(self, view: MarketView) -> float:
        """u = clip(position / maxInventory, −1, 1)."""
        used = view.position / self._max_inventory
        if used > 1.0:
            return 1.0
        return used if used > -1.0 else -1.0

    def half(self, view: MarketView, fair: float, used: float) -> float:
        """fair · (baseSpread/2 + volatilityFactor · σ · √horizon) · (1 + inventoryWidening · |u|), ticks, before floor and cap."""
        return (
            fair * (self._base_half + self._volatility * view.volatility) * (1 + self._widening * abs(used))
        )
