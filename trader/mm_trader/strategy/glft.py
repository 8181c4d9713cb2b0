"""GLFT and GLFT2017: quotes without a horizon, in both published closed forms. Units and worked numbers: docs/strategies/glft.md.

GLFT      Guéant, Lehalle & Fernandez-Tapia, Math. Financ. Econ. 7, 2013: inventory in orders of one size.
GLFT2017  Guéant, Appl. Math. Finance 24, 2017, eq. 4.6 and 4.7: inventory in base units, orders of any size, fill risk ξ apart from price risk γ.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from mm_trader.core.units import SymbolRules
from mm_trader.strategy.base import DesiredQuotes, MarketView
from mm_trader.strategy.closed_forms import glft_half_and_skew, glft_sized_half_and_skew
from mm_trader.strategy.paper_quotes import PaperQuotes
from mm_trader.strategy.paper_units import (
    ARRIVAL_DECAY,
    ARRIVAL_RATE,
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

_COMMON = (ARRIVAL_DECAY, ARRIVAL_RATE, CALIBRATE, MIN_FIT, ORDER_SIZE, MAX_INVENTORY, MIN_SPREAD, MAX_SPREAD)


class _Glft(PaperQuotes):
    """What both forms share: everything but the formula."""

    def quote(self, view: MarketView) -> DesiredQuotes:
        """See the module's docstring."""
        wanted, shift = self._half_and_shift(view)
        return self._shaper.pair(view, view.mid - shift, self._shaper.half(wanted, view.mid))

    def _half_and_shift(self, view: MarketView) -> tuple[float, float]:
        """Ticks."""
        raise NotImplementedError


class Glft(_Glft):
    """The form of 2013: q = position / orderSize."""

    summary: ClassVar[str] = (
        "stationary quotes of Guéant, Lehalle & Fernandez-Tapia (2013), orders of one size"
    )
    parameters: ClassVar[tuple[Parameter, ...]] = (RISK_AVERSION, *_COMMON)

    def _half_and_shift(self, view: MarketView) -> tuple[float, float]:
        a, k = self._units.arrivals(view)
        half, skew = glft_half_and_skew(self._units.gamma, sigma_ticks(view), k, a)
        return half, skew * view.position / self._order


class Glft2017(_Glft):
    """The form of 2017: q = position in base units."""

    summary: ClassVar[str] = (
        "the form of Guéant (2017): inventory in base units, fill risk apart from price risk"
    )
    parameters: ClassVar[tuple[Parameter, ...]] = (
        parameter(
            "riskAversion",
            "10",
            "0.000001",
            "100000",
            "1/quote currency",
            "γ; larger: wider, and quicker back to flat.",
        ),
        parameter(
            "fillRiskAversion",
            "10",
            "0",
            "100000",
            "1/quote currency",
            "ξ: aversion to not knowing when fills come; equal to riskAversion it is the model of 2013, 0 takes fills as riskless.",
        ),
        *_COMMON,
    )

    def __init__(self, values: Mapping[str, Decimal], rules: SymbolRules) -> None:
        """`values`: as `validate_parameters` returns them."""
        super().__init__(values, rules)
        self._xi = float(values["fillRiskAversion"]) * float(rules.tick)

    def _half_and_shift(self, view: MarketView) -> tuple[float, float]:
        a, k = self._units.arrivals(view)
        half, skew = glft_sized_half_and_skew(
            self._units.gamma, self._xi, sigma_ticks(view), k, a, self._order
        )
        return half, skew * view.position
