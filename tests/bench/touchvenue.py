"""A back-test's venue in process: the simulator's matching engine, and a recorded best bid and ask as its other side.

Own orders live in the engine: its filters, balances, queue, ids and reports are the simulator's. A recorded quote that reaches a resting order's price
takes from it, as much as the quote shows; a post-only order that would take from the recorded quote is refused as the venue refuses it. That is what
NautilusTrader's back-test does on quote ticks (its book of type L1_MBP).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import cast

from mm_trader.core import events as ev
from mm_trader.core.commands import (
    Cancel,
    CancelAllOwn,
    Command,
    OrderChanged,
    Place,
    QueryOrder,
    RequestReconcile,
)
from mm_trader.core.events import BUY, SELL
from mm_trader.core.units import NS_PER_MS, SymbolRules
from mm_trader.venue.simulator.engine.account import AccountTrade, CommissionRates
from mm_trader.venue.simulator.engine.errors import WOULD_MATCH, RefusalError
from mm_trader.venue.simulator.engine.events import ExecutionEvent
from mm_trader.venue.simulator.engine.exchange import Exchange
from mm_trader.venue.simulator.engine.types import (
    E8,
    ExecType,
    NewOrder,
    Order,
    OrderType,
    Side,
    SymbolSpec,
    TimeInForce,
)

HELD = {"ETH": 1_000 * E8, "USDT": 10_000_000 * E8}
_STATUS = {
    ExecType.CANCELED: "CANCELED",
    ExecType.TRADE: "TRADE",
    ExecType.EXPIRED: "EXPIRED",
}
# plain names: looking a member up on its class is slow up to Python 3.11
_BUY, _SELL, _LIMIT_MAKER, _GTC = Side.BUY, Side.SELL, OrderType.LIMIT_MAKER, TimeInForce.GTC


class TouchVenue:
    """One symbol, one account. `now` is the time of the last quote, ns."""

    def __init__(self, symbol: str, base: str, quote: str) -> None:
        self.now = 0
        self.symbol = symbol
        self.spec = SymbolSpec(symbol, base, quote)
        self.engine = Exchange([self.spec], lambda: self.now)
        no_fee = CommissionRates(0, 0)
        self.account = self.engine.add_account("trader", {base: HELD["ETH"], quote: HELD["USDT"]}, no_fee)
        rich = {base: 10**9 * E8, quote: 10**15 * E8}
        self._crowd = self.engine.add_account("crowd", rich, no_fee, background=True)
        self._market = self.engine.market(symbol)
        self._bids, self._asks = self._market.book.bids, self._market.book.asks
        self._bid = self._ask = 0
        self.places = self.cancels = self.fills = 0

    def rules(self) -> SymbolRules:
        """As exchangeInfo would give them."""
        spec = self.spec
        return SymbolRules(
            symbol=self.symbol,
            base_asset=spec.base,
            quote_asset=spec.quote,
            tick=Decimal(spec.tick_e8).scaleb(-8),
            lot=Decimal(spec.lot_e8).scaleb(-8),
            min_notional=Decimal(spec.min_notional_e8).scaleb(-8),
        )

    def quote(self, event: ev.BookTicker) -> Sequence[ev.Event]:
        """The recorded touch moves; what of ours it reaches is traded."""
        self.now = event.ts
        bid, ask = event.bid, event.ask
        self._bid, self._ask = bid, ask
        ours = self._bids.best
        if ours is not None and ours.price >= ask:
            return self._take(_SELL, ask, event.ask_size)
        ours = self._asks.best
        if ours is not None and ours.price <= bid:
            return self._take(_BUY, bid, event.bid_size)
        return ()

    def _take(self, side: Side, price: int, lots: int) -> list[ev.Event]:
        """The recorded quote as an order that takes what it reaches."""
        spec = self.spec
        if lots < spec.sizes[0]:
            return []
        new = NewOrder(
            self.symbol,
            side,
            OrderType.LIMIT,
            "",
            TimeInForce.IOC,
            lots * spec.lot_e8,
            price * spec.tick_e8,
        )
        self.engine.place(self._crowd, new)
        return self._reports()

    def answer(self, command: Command) -> Sequence[ev.Event]:
        """What a command brings: one event for each change of an order, as the back-test of the other side has them."""
        kind = type(command)
        if kind is OrderChanged:
            return ()
        if kind is Place:
            return (self._place(cast(Place, command)),)
        if kind is Cancel:
            order = self.account.by_client(self.symbol, cast(Cancel, command).client_id)
            if order is None or order.is_final:
                return ()
            self.cancels += 1
            self.engine.cancel(order)
            return self._reports()
        if isinstance(command, RequestReconcile | CancelAllOwn):
            return (self._reconciled(command),)
        if isinstance(command, QueryOrder):
            raise RuntimeError(f"nothing is ever in doubt here, yet it is asked: {command}")
        return ()

    def _place(self, place: Place) -> ev.Event:
        self.places += 1
        spec, buys = self.spec, place.side is BUY
        new = NewOrder(
            self.symbol,
            _BUY if buys else _SELL,
            _LIMIT_MAKER,
            place.client_id,
            _GTC,
            place.size * spec.lot_e8,
            place.price * spec.tick_e8,
        )
        try:
            if place.price >= self._ask if buys else place.price <= self._bid:
                raise RefusalError(-2010, WOULD_MATCH)
            order = self.engine.place(self.account, new).order
        except RefusalError as error:
            return ev.CommandRefused(
                ts=self.now,
                symbol=self.symbol,
                client_id=place.client_id,
                command="place",
                error=ev.ErrorClass.POST_ONLY if error.msg == WOULD_MATCH else ev.ErrorClass.REFUSED,
                code=error.code,
                message=error.msg,
            )
        self.engine.drain()
        return ev.OrderAccepted(ts=self.now, symbol=self.symbol, client_id=place.client_id, venue_id=order.id)

    def _reports(self) -> list[ev.Event]:
        """The account's reports since the last time."""
        found: list[ev.Event] = []
        for event in self.engine.drain():
            if type(event) is ExecutionEvent and event.exec_type in _STATUS:
                trade = None
                if event.fill is not None:
                    self.fills += 1
                    trade = self._trade(event.fill)
                found.append(
                    ev.ExecutionReport(
                        ts=self.now,
                        order=self._view(event.order, event),
                        execution=_STATUS[event.exec_type],
                        trade=trade,
                    )
                )
        return found

    def _view(self, order: Order, event: ExecutionEvent | None = None) -> ev.OrderView:
        return ev.OrderView(
            symbol=self.symbol,
            client_id=order.client_id,
            venue_id=order.id,
            side=BUY if order.is_buy else SELL,
            status=str(order.status if event is None else event.status),
            price=order.price,
            size=order.qty,
            filled=order.executed if event is None else event.executed,
            update_ms=self.now // NS_PER_MS,
        )

    def _trade(self, fill: AccountTrade) -> ev.TradeView:
        return ev.TradeView(
            symbol=self.symbol,
            trade_id=fill.id,
            venue_id=fill.order_id,
            side=BUY if fill.is_buyer else SELL,
            price=fill.price,
            size=fill.qty,
            commission=Decimal(fill.commission).scaleb(-8),
            commission_asset=fill.commission_asset,
            maker=fill.is_maker,
            venue_ms=fill.time_ns // NS_PER_MS,
        )

    def _reconciled(self, command: RequestReconcile | CancelAllOwn) -> ev.ReconcileSnapshot:
        if isinstance(command, CancelAllOwn):
            for order in list(self.account.open.values()):
                self.engine.cancel(order)
            self.engine.drain()
        since = command.from_trade_id if isinstance(command, RequestReconcile) else 0
        return ev.ReconcileSnapshot(
            ts=self.now,
            symbol=self.symbol,
            asked_ts=self.now,
            open_orders=[self._view(order) for order in self.account.open.values()],
            foreign_open_orders=0,
            trades=[self._trade(fill) for fill in self.account.trades if fill.id >= since],
            balances={
                asset: (Decimal(held.free).scaleb(-8), Decimal(held.locked).scaleb(-8))
                for asset, held in self.account.balances.items()
            },
            cause=command.cause if isinstance(command, RequestReconcile) else "cancel_all",
        )
