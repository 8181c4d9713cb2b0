"""What the composition root and the admin API need from a market, whichever kind it is."""

from __future__ import annotations

from typing import Any, Protocol

from ..engine.account import Account, CommissionRates
from ..engine.exchange import Exchange
from ..engine.types import E8

ENDLESS = 1_000_000_000 * E8
"""Holdings of each background account per asset: large beyond any flow, yet finite, so that sums still balance."""

QUOTE_FACTOR = 1_000_000
"""Quote assets are held a million times more: prices are at most that."""


class MarketDriver(Protocol):
    """A source of background flow. `start` seeds the books and begins; `reseed` does so again after a reset."""

    def start(self) -> None: ...

    def reseed(self) -> None: ...

    def move(self, symbol: str, by_bp: float, over_s: float = 0.0) -> None:
        """Shift the symbol's fair value and its book by `by_bp`, at once or drifting over `over_s` seconds."""

    def fair_price(self, symbol: str) -> float:
        """The price that the market currently turns around, in quote asset; 0 where none is known yet."""

    def state(self) -> dict[str, Any]: ...


def background_balances(exchange: Exchange) -> dict[str, int]:
    """Holdings of a background account: endless amounts of every asset that is traded."""
    assets: dict[str, int] = {}
    for market in exchange.markets.values():
        assets[market.spec.base] = max(assets.get(market.spec.base, 0), ENDLESS)
        assets[market.spec.quote] = ENDLESS * QUOTE_FACTOR
    return assets


def background_account(exchange: Exchange, name: str) -> Account:
    """An account of the market itself: holds enough of everything, pays no commission."""
    return exchange.add_account(name, background_balances(exchange), CommissionRates(0, 0), background=True)


def refund_background(exchange: Exchange) -> None:
    """Give every background account its endless holdings again after a reset."""
    for account in exchange.accounts.values():
        if account.background:
            for asset, amount in background_balances(exchange).items():
                account.balance(asset).free = amount
