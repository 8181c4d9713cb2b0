"""SignalSkew: BasicMarketMaking around a fair price that leans to where short-term signals say the mid is going.

Worked numbers: docs/strategies/signal-skew.md.

    lean   = microWeight · (micro-price − mid) + flowWeight · OFI/(2·depth) + depthWeight · ρ · (ask − bid)/2        ticks
    fair   = mid + clip(lean, ∓ maxLean · h)
    h, u, centre, bid, ask  as in BasicMarketMaking, around this fair price

Micro-price: Stoikov (2018), fitted and symmetrised. OFI: Cont, Kukanov & Stoikov (2014). ρ in [−1, 1]: imbalance of the best levels of the book.
A signal with weight 0 is not computed. One that is asked for and not known yet means that nothing is quoted: no neutral number takes its place.
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
from mm_trader.strategy.shaping import MAX_INVENTORY, MAX_SPREAD, ORDER_SIZE, Shaper, check_common


class SignalSkew:
    """Two quotes, one a side."""

    summary: ClassVar[str] = "fair price leans to micro-price, order flow and depth imbalance"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        parameter(
            "microWeight", "1", "0", "2", "fraction", "Part of the micro-price's distance from the mid."
        ),
        parameter(
            "flowWeight",
            "0",
            "0",
            "5",
            "fraction",
            "Part of the move that order flow of the last seconds implies.",
        ),
        parameter(
            "depthWeight",
            "0",
            "0",
            "5",
            "half market spreads",
            "Lean at an imbalance of 1, when all depth is on one side.",
        ),
        parameter("maxLean", "0.5", "0", "1", "half spreads", "The fair price leans no farther than this."),
        BASE_SPREAD,
        ORDER_SIZE,
        MAX_INVENTORY,
        SKEW_FACTOR,
        VOLATILITY_FACTOR,
        VOLATILITY_HORIZON,
        INVENTORY_WIDENING,
        MAX_SPREAD,
    )

    def __init__(self, values: Mapping[str, Decimal], rules: SymbolRules) -> None:
        """`values`: as `validate_parameters` returns them."""
        self.max_inventory = values["maxInventory"]
        self._micro = float(values["microWeight"])
        self._flow = float(values["flowWeight"])
        self._depth = float(values["depthWeight"])
        self._max_lean = float(values["maxLean"])
        wanted = (
            (Signal.MICRO_PRICE, self._micro),
            (Signal.ORDER_FLOW, self._flow),
            (Signal.DEPTH_IMBALANCE, self._depth),
        )
        self.needs: frozenset[Signal] = frozenset(signal for signal, weight in wanted if weight)
        self._spread = DynamicSpread(values)
        self._shaper = Shaper(
            rules,
            sizes=(values["orderSize"],),
            max_inventory=self.max_inventory,
            min_spread=Decimal(0),
            max_spread=values["maxSpread"],
        )

    @classmethod
    def check(cls, values: Mapping[str, Decimal]) -> list[str]:
        """The cap must leave room for the base spread, and one quote must fit the inventory."""
        return check_common(values, spread="baseSpread")

    def quote(self, view: MarketView) -> DesiredQuotes:
        """See the module's docstring."""
        spread, shaper = self._spread, self._shaper
        used = spread.used(view)
        half = shaper.half(spread.half(view, view.mid, used), view.mid)
        lean = self._lean(view)
        if lean is None:
            return DesiredQuotes(half_spread=half, waiting="SignalsUnknown")
        fair = view.mid + max(-self._max_lean * half, min(self._max_lean * half, lean))
        return shaper.pair(view, fair - spread.skew * half * used, half)

    def _lean(self, view: MarketView) -> float | None:
        """Ticks; None: a signal that has a weight is not known."""
        lean = 0.0
        if self._micro:
            if view.micro_price is None:
                return None
            lean += self._micro * (view.micro_price - view.mid)
        if self._flow:
            if view.order_flow is None:
                return None
            lean += self._flow * view.order_flow
        if self._depth:
            if view.depth_imbalance is None:
                return None
            lean += self._depth * view.depth_imbalance * (view.ask - view.bid) / 2
        return lean
