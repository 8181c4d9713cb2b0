"""MultiLayerGrid: several quotes a side. Formulas and worked numbers: docs/strategies/grid.md.

    h, u, centre  as in BasicMarketMaking
    offset_i = step · fair · i                                   stepGrowth = 1 (arithmetic)
             = step · fair · (g^i − 1)/(g − 1)                   stepGrowth = g > 1 (geometric: each gap g times the one before)
    bid_i = ⌊centre − h − offset_i⌋,  ask_i = ⌈centre + h + offset_i⌉,  i = 0 … levels − 1
    size_i = totalSize · b^i / Σ b^j,  b = sizeRatio

A grid that rides on the market moves as little as it can: orders are matched to levels by price, so a shift by one step costs one cancel and one place a side.
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

MAX_LEVELS = 20


class MultiLayerGrid:
    """`levels` quotes a side."""

    summary: ClassVar[str] = (
        "several quotes a side, arithmetic or geometric, sizes growing or shrinking outwards"
    )
    parameters: ClassVar[tuple[Parameter, ...]] = (
        parameter("levels", "3", "1", str(MAX_LEVELS), "levels", "Quotes on each side.", whole=True),
        parameter("step", "0.0005", "0.000001", "0.1", "of the price", "Gap between the first two levels."),
        parameter("stepGrowth", "1", "1", "3", "factor", "Each gap is this many times the one before it."),
        parameter(
            "totalSize",
            "0.03",
            "0.00000001",
            "1000000",
            "base units",
            "Size of all levels of a side together.",
        ),
        parameter(
            "sizeRatio",
            "1",
            "0.1",
            "10",
            "factor",
            "Size of a level over that of the one nearer to the market.",
        ),
        BASE_SPREAD,
        MAX_INVENTORY,
        SKEW_FACTOR,
        VOLATILITY_FACTOR,
        VOLATILITY_HORIZON,
        INVENTORY_WIDENING,
        MAX_SPREAD,
    )
    needs: frozenset[Signal] = frozenset()

    def __init__(self, values: Mapping[str, Decimal], rules: SymbolRules) -> None:
        """`values`: as `validate_parameters` returns them."""
        self.max_inventory = values["maxInventory"]
        levels, growth = int(values["levels"]), float(values["stepGrowth"])
        self._step = float(values["step"])
        self._steps = tuple(
            float(i) if growth == 1 else (growth**i - 1) / (growth - 1) for i in range(levels)
        )
        self._spread = DynamicSpread(values)
        self._shaper = Shaper(
            rules,
            sizes=level_sizes(values["totalSize"], values["sizeRatio"], levels),
            max_inventory=self.max_inventory,
            min_spread=Decimal(0),
            max_spread=values["maxSpread"],
        )

    @classmethod
    def check(cls, values: Mapping[str, Decimal]) -> list[str]:
        """The cap must leave room for the base spread, and a side must fit the inventory."""
        return check_common(values, size="totalSize", spread="baseSpread")

    def quote(self, view: MarketView) -> DesiredQuotes:
        """See the module's docstring."""
        spread, shaper = self._spread, self._shaper
        used = spread.used(view)
        half = shaper.half(spread.half(view, view.mid, used), view.mid)
        step = max(self._step * view.mid, 1.0)
        offsets = [step * steps for steps in self._steps]
        return shaper.layers(view, view.mid - spread.skew * half * used, half, offsets, step)


def level_sizes(total: Decimal, ratio: Decimal, levels: int) -> tuple[Decimal, ...]:
    """total · b^i / Σ b^j; rounded down to lots later, so that they never exceed the total."""
    weights = [ratio**i for i in range(levels)]
    return tuple(total * weight / sum(weights) for weight in weights)
