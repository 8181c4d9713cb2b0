"""AvellanedaStoikov: the quotes of "High-frequency trading in a limit order book", Quantitative Finance 8(3), 2008.

Units and worked numbers: docs/strategies/avellaneda-stoikov.md.

    r = s − q·γ·σ²·(T − t)        δa + δb = γ·σ²·(T − t) + (2/γ)·ln(1 + γ/k)        q = position / orderSize

Markets that never close have no T: with `rolling` the time left is always the horizon; without it sessions of that length follow each other, aligned to UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from mm_trader.core.units import SymbolRules
from mm_trader.strategy.base import DesiredQuotes, MarketView
from mm_trader.strategy.closed_forms import avellaneda_stoikov_spread, reservation_price
from mm_trader.strategy.paper_quotes import PaperQuotes
from mm_trader.strategy.paper_units import (
    ARRIVAL_DECAY,
    CALIBRATE,
    MIN_FIT,
    RISK_AVERSION,
    sigma_ticks,
)
from mm_trader.strategy.parameters import Parameter, parameter
from mm_trader.strategy.shaping import (
    MAX_INVENTORY,
    MAX_SPREAD,
    MIN_SPREAD,
    ORDER_SIZE,
)


class AvellanedaStoikov(PaperQuotes):
    """Two quotes around the reservation price."""

    summary: ClassVar[str] = "reservation price and spread of Avellaneda & Stoikov (2008)"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        RISK_AVERSION,
        ARRIVAL_DECAY,
        parameter("horizon", "60", "1", "86400", "s", "T: over how long inventory is a risk."),
        parameter(
            "rolling",
            "1",
            "0",
            "1",
            "(off or on)",
            "1: T − t is always the horizon; 0: sessions of that length, counted from midnight UTC, and T − t runs down in each.",
            whole=True,
        ),
        CALIBRATE,
        MIN_FIT,
        ORDER_SIZE,
        MAX_INVENTORY,
        MIN_SPREAD,
        MAX_SPREAD,
    )

    def __init__(self, values: Mapping[str, Decimal], rules: SymbolRules) -> None:
        """`values`: as `validate_parameters` returns them."""
        super().__init__(values, rules)
        self._horizon = float(values["horizon"])
        self._rolling = bool(values["rolling"])

    def time_left(self, wall_s: float) -> float:
        """T − t in seconds."""
        if self._rolling:
            return self._horizon
        return self._horizon - wall_s % 86_400 % self._horizon

    def quote(self, view: MarketView) -> DesiredQuotes:
        """See the module's docstring."""
        gamma, sigma = self._units.gamma, sigma_ticks(view)
        _, k = self._units.arrivals(view)
        left = self.time_left(view.wall_s)
        centre = reservation_price(view.mid, view.position / self._order, gamma, sigma, left)
        half = self._shaper.half(avellaneda_stoikov_spread(gamma, sigma, k, left) / 2, view.mid)
        return self._shaper.pair(view, centre, half)
