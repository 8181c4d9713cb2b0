"""What the strategies after a paper share: their parameters in the papers' units, carried into ticks, and the fitted intensity where it is good enough.

The papers count inventory in orders of one size and prices in quote currency per base unit, so γ and k are per unit of price. A tick is `rules.tick` of that
unit: per tick they are γ·tick and k·tick, and σ in ticks per √s is the relative volatility times the mid in ticks.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from mm_trader.core.units import SymbolRules
from mm_trader.strategy.base import MarketView, Signal
from mm_trader.strategy.parameters import parameter

RISK_AVERSION = parameter(
    "riskAversion", "0.1", "0.000001", "1000", "1/price", "γ; larger: wider, and quicker back to flat."
)
ARRIVAL_DECAY = parameter(
    "arrivalDecay",
    "1.5",
    "0.000001",
    "1000000",
    "1/price",
    "k: arrivals fall by e for each 1/k away from the mid.",
)
ARRIVAL_RATE = parameter("arrivalRate", "1", "0.000001", "100000", "1/s", "A: arrivals at the mid itself.")
CALIBRATE = parameter(
    "calibrate",
    "0",
    "0",
    "1",
    "(off or on)",
    "1: arrival rate and decay are those fitted on public trades, as long as the fit is good; else those given.",
    whole=True,
)
MIN_FIT = parameter("minFit", "0.8", "0", "1", "R²", "A fit below this is not used.")


class PaperUnits:
    """γ, k and A in ticks for one symbol."""

    def __init__(self, values: Mapping[str, Decimal], rules: SymbolRules) -> None:
        tick = float(rules.tick)
        self.gamma = float(values["riskAversion"]) * tick
        self._k = float(values["arrivalDecay"]) * tick
        self._a = float(values.get("arrivalRate", Decimal(1)))
        self._min_fit = float(values["minFit"]) if values["calibrate"] else 2.0
        self.needs: frozenset[Signal] = frozenset({Signal.INTENSITY}) if values["calibrate"] else frozenset()

    def arrivals(self, view: MarketView) -> tuple[float, float]:
        """(A, k per tick): fitted, or as given."""
        fit = view.intensity
        if fit is not None and fit.r2 >= self._min_fit:
            return fit.a, fit.k
        return self._a, self._k


def sigma_ticks(view: MarketView) -> float:
    """σ of the mid in ticks per √s."""
    return view.volatility * view.mid
