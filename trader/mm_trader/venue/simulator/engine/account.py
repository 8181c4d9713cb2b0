"""An account: balances (free and locked), its commission rates, its orders and trades.

Only `exchange` and its helpers write here. Amounts are integers of 10^-8 of the asset.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from .types import Order

HISTORY = 20_000
"""Closed orders and trades kept per account: a day of a fast quoter would not fit in any venue's query window."""


@dataclass(slots=True)
class Balance:
    free: int = 0
    locked: int = 0


@dataclass(frozen=True, slots=True)
class CommissionRates:
    """Maker and taker commission as 10^-8 of the received amount (0.1 % = 100,000)."""

    maker_e8: int = 100_000
    taker_e8: int = 100_000


@dataclass(slots=True)
class AccountTrade:
    """One side of a trade as its owner sees it. Amounts 10^-8, price ticks, quantity lots."""

    id: int
    symbol: str
    order_id: int
    price: int
    qty: int
    quote: int
    commission: int
    commission_asset: str
    time_ns: int
    is_buyer: bool
    is_maker: bool


@dataclass(slots=True, eq=False)
class Account:
    """`background` accounts are the market itself: exempt from count filters, no history, no user events."""

    name: str
    uid: int
    background: bool = False
    rates: CommissionRates = field(default_factory=CommissionRates)
    symbol_rates: dict[str, CommissionRates] = field(default_factory=dict)
    balances: dict[str, Balance] = field(default_factory=dict)
    open: dict[int, Order] = field(default_factory=dict)
    open_by_client: dict[tuple[str, str], Order] = field(default_factory=dict)
    open_count: dict[str, int] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    latest_by_client: dict[tuple[str, str], Order] = field(default_factory=dict)
    trades: deque[AccountTrade] = field(default_factory=lambda: deque(maxlen=HISTORY))
    closed: deque[Order] = field(default_factory=deque)
    updated_ns: int = 0

    def balance(self, asset: str) -> Balance:
        """The balance of `asset`, made at zero if never held."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance()
        return found

    def rates_for(self, symbol: str) -> CommissionRates:
        return self.symbol_rates.get(symbol, self.rates)

    def remember_open(self, order: Order) -> None:
        self.open[order.id] = order
        self.open_count[order.symbol] = self.open_count.get(order.symbol, 0) + 1
        if not self.background:
            key = (order.symbol, order.client_id)
            self.open_by_client[key] = order
            self.latest_by_client[key] = order
            self.orders[order.id] = order

    def remember_closed(self, order: Order) -> None:
        """Move `order` to the bounded history; the oldest closed order is forgotten (archived) when full."""
        if self.open.pop(order.id, None) is not None:
            self.open_count[order.symbol] -= 1
        if self.background:
            return
        key = (order.symbol, order.client_id)
        if self.open_by_client.get(key) is order:
            del self.open_by_client[key]
        self.closed.append(order)
        if len(self.closed) > HISTORY:
            old = self.closed.popleft()
            self.orders.pop(old.id, None)
            old_key = (old.symbol, old.client_id)
            if self.latest_by_client.get(old_key) is old:
                del self.latest_by_client[old_key]

    def forget(self) -> None:
        """Testnet reset: no order, trade or balance survives."""
        for held in (self.balances, self.open, self.open_by_client, self.open_count, self.orders):
            held.clear()
        self.latest_by_client.clear()
        self.trades.clear()
        self.closed.clear()
