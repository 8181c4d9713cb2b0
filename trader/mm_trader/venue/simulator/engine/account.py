"""An account: balances (free and locked), its commission rates, its orders and trades.

Only `exchange` and its helpers write here. Amounts are integers of 10^-8 of the asset.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from .types import Order, SymbolSpec

if TYPE_CHECKING:
    from .lists import OrderList

ORDERS_KEPT = 5000
"""Closed orders kept per account of each kind, those that traded and those that did not: an unfilled order goes first at Binance too."""
TRADES_KEPT = 10_000
"""Trades kept per account."""
LISTS_KEPT = 1000
"""Order lists kept per account."""


@dataclass(slots=True, eq=False)
class Balance:
    """`touched` says that the next report lists it already; always so for the market itself, which nobody listens to."""

    account: Account
    asset: str
    free: int = 0
    locked: int = 0
    touched: bool = False


@dataclass(frozen=True, slots=True)
class CommissionRates:
    """Maker and taker commission as 10^-8 of the received amount (0.1 % = 100,000)."""

    maker_e8: int = 100_000
    taker_e8: int = 100_000


class AccountTrade(msgspec.Struct, gc=False):
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
    realised: int = 0
    """Perpetual only: profit that the trade realised."""


class Seat:
    """An account's place at one market: the two balances that its orders move and its orders by client id.

    `by_client` has the latest order under each id; ids are unique among open orders only.
    """

    __slots__ = ("account", "base", "by_client", "open_count", "quote")

    def __init__(self, account: Account, spec: SymbolSpec) -> None:
        self.account = account
        self.base = account.balance(spec.base)
        self.quote = account.balance(spec.quote)
        self.open_count = 0
        self.by_client: dict[str, Order] = {}

    def open_under(self, client_id: str) -> Order | None:
        """The open order that carries `client_id`."""
        order = self.by_client.get(client_id)
        return None if order is None or order.is_final else order


@dataclass(slots=True, eq=False)
class Account:
    """`background` accounts are the market itself: exempt from count filters, no history, no user events."""

    name: str
    uid: int
    background: bool = False
    rates: CommissionRates = field(default_factory=CommissionRates)
    symbol_rates: dict[str, CommissionRates] = field(default_factory=dict)
    balances: dict[str, Balance] = field(default_factory=dict)
    seats: dict[str, Seat] = field(default_factory=dict)
    open: dict[int, Order] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    trades: deque[AccountTrade] = field(default_factory=lambda: deque(maxlen=TRADES_KEPT))
    traded: deque[Order] = field(default_factory=deque)
    """Closed orders that had at least one fill, oldest first."""
    unfilled: deque[Order] = field(default_factory=deque)
    """Closed orders without one."""
    lists: dict[int, OrderList] = field(default_factory=dict)
    """Order lists by id, the latest ones."""
    updated_ns: int = 0

    def balance(self, asset: str) -> Balance:
        """The balance of `asset`, made at zero if never held."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance(self, asset, touched=self.background)
        return found

    def seat(self, spec: SymbolSpec) -> Seat:
        """Its place at the market of `spec`."""
        found = self.seats.get(spec.name)
        if found is None:
            found = self.seats[spec.name] = Seat(self, spec)
        return found

    def rates_for(self, symbol: str) -> CommissionRates:
        return self.symbol_rates.get(symbol, self.rates)

    def by_client(self, symbol: str, client_id: str) -> Order | None:
        """The latest order of `symbol` under a client id, open or not."""
        seat = self.seats.get(symbol)
        return seat.by_client.get(client_id) if seat is not None else None

    def remember_open(self, order: Order) -> None:
        self.open[order.id] = order
        if not self.background:
            seat = order.seat
            seat.open_count += 1
            seat.by_client[order.client_id] = order
            self.orders[order.id] = order

    def remember_list(self, made: OrderList) -> None:
        """Keep `made`; of too many, the oldest one that is done is forgotten."""
        self.lists[made.id] = made
        if len(self.lists) > LISTS_KEPT:
            oldest = next((number for number, kept in self.lists.items() if kept.done), None)
            if oldest is not None:
                del self.lists[oldest]

    def remember_closed(self, order: Order) -> None:
        """Move `order` to the bounded history; the oldest one of its kind is forgotten (archived) when that is full."""
        del self.open[order.id]
        if self.background:
            return
        order.seat.open_count -= 1
        closed = self.traded if order.executed else self.unfilled
        closed.append(order)
        if len(closed) > ORDERS_KEPT:
            old = closed.popleft()
            del self.orders[old.id]
            by_client = old.seat.by_client
            if by_client.get(old.client_id) is old:
                del by_client[old.client_id]

    def forget(self) -> None:
        """Testnet reset: no order, trade or balance survives."""
        for balance in self.balances.values():
            balance.free = balance.locked = 0
        for seat in self.seats.values():
            seat.open_count = 0
            seat.by_client.clear()
        self.open.clear()
        self.orders.clear()
        self.trades.clear()
        self.traded.clear()
        self.unfilled.clear()
        self.lists.clear()
