"""Who gets how much of the capital now: the configured split, reviewed once an interval, changed only beyond its hysteresis."""

from __future__ import annotations

from typing import Final

from mm_api.kinds.common import SplitMethod
from mm_trader.kernel.desk import Core
from mm_trader.kernel.settings import ns
from mm_trader.portfolio.allocation import (
    capped,
    differs,
    equal_split,
    equal_weights,
    inverse_volatility,
    risk_parity,
    shares,
)

_FIXED: Final = SplitMethod.FIXED  # quick to look up: see `events.BUY`


def share_capital(core: Core) -> None:
    """Split what may be used now by the weights that stand, or by new ones where the configuration asks for others."""
    portfolio, symbols = core.settings.portfolio, core.settings.symbols
    if portfolio.split is SplitMethod.FIXED:
        given = {symbol: float(weight) for symbol, weight in portfolio.weights.items()}
        plain = not given and portfolio.max_weight * len(symbols) >= 1
        core.weights = None if plain else capped(given or equal_weights(symbols), float(portfolio.max_weight))
    elif core.weights is None or set(core.weights) != set(symbols):
        core.weights = wanted_weights(core)
    capital = core.settings.capital
    split = equal_split(capital, symbols) if core.weights is None else shares(capital, core.weights)
    for symbol, desk in core.desks.items():
        desk.capital = split[symbol]


def review_split(core: Core, ts: int) -> bool:
    """Once an interval: new weights if one has moved far enough. True: capital was moved, and every symbol must look."""
    portfolio = core.settings.portfolio
    if portfolio.split is _FIXED or ts < core.next_split:
        return False
    core.next_split = ts + ns(portfolio.interval)
    new = wanted_weights(core)
    if core.weights is not None and not differs(core.weights, new, float(portfolio.hysteresis)):
        return False
    core.weights = new
    share_capital(core)
    return True


def wanted_weights(core: Core) -> dict[str, float]:
    """What the configured method says of the market now, caps applied."""
    portfolio = core.settings.portfolio
    sigmas = {symbol: desk.volatility.sigma for symbol, desk in core.desks.items()}
    if portfolio.split is SplitMethod.RISK_PARITY:
        weights = risk_parity(sigmas, core.correlations.of)
    else:
        weights = inverse_volatility(sigmas)
    return capped(weights, float(portfolio.max_weight))


def sample_correlations(core: Core, ts: int) -> None:
    """All mids at once, where anything depends on them."""
    settings = core.settings
    if len(core.desks) < 2 or ts < core.correlations.next_sample:
        return
    if settings.portfolio.split is SplitMethod.RISK_PARITY or settings.max_correlated_exposure is not None:
        stale = settings.stale_after
        core.correlations.sample(
            ts,
            {
                symbol: desk.top.mid2 if desk.top.fresh(ts, stale) else None
                for symbol, desk in core.desks.items()
            },
        )
