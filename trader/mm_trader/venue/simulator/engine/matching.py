"""The match loop of one symbol: price-time priority, self-trade prevention, fills, and what each reports.

`Matcher` owns a symbol's `Market` state and writes events to the exchange's outbox; `exchange` decides what enters.
"""

from __future__ import annotations

from collections.abc import Iterator

from .account import AccountTrade
from .book import Book, Level
from .events import BookUpdate, Event, ExecutionEvent, TradeEvent
from .ledger import Ledger, locked_asset
from .types import (
    ExecType,
    Fill,
    Order,
    OrderStatus,
    OrderType,
    Side,
    StpMode,
    SymbolSpec,
    SymbolStatus,
    TimeInForce,
)

INT_MAX = 1 << 62


class Market:
    """State of one symbol. `u` is the book update counter that depth and bookTicker share."""

    __slots__ = (
        "asks_changed",
        "bids_changed",
        "book",
        "last_price",
        "spec",
        "status",
        "touch",
        "trade_id",
        "u",
    )

    def __init__(self, spec: SymbolSpec) -> None:
        self.spec = spec
        self.book = Book()
        self.status = SymbolStatus.TRADING
        self.u = 1
        self.trade_id = 0
        self.last_price = 0
        self.bids_changed: dict[int, None] = {}
        self.asks_changed: dict[int, None] = {}
        self.touch = (0, 0, 0, 0)

    def reference(self) -> int:
        """Price in ticks that market orders are valued at: the last trade, else the middle, else 0."""
        if self.last_price:
            return self.last_price
        bid, _, ask, _ = self.touch
        return (bid + ask) // 2 if bid and ask else bid or ask

    def book_update(self, now: int) -> BookUpdate | None:
        """Close the changes made since the last call into one numbered update."""
        if not self.bids_changed and not self.asks_changed:
            return None
        self.u += 1
        touch = self.book.touch()
        update = BookUpdate(
            self.spec.name,
            self.u,
            now,
            list(self.bids_changed),
            list(self.asks_changed),
            touch,
            touch != self.touch,
        )
        self.touch = touch
        self.bids_changed.clear()
        self.asks_changed.clear()
        return update


class Matcher:
    """Executes orders against a `Market`. Shared counters (execution ids) live here."""

    def __init__(self, ledger: Ledger, out: list[Event]) -> None:
        self.ledger = ledger
        self.out = out
        self.execution_id = 0
        self.prevented_id = 0

    def execution(
        self, order: Order, kind: ExecType, now: int, client_id: str | None = None
    ) -> ExecutionEvent | None:
        """Report what happened to `order`; background accounts have no listener, so nothing is made for them."""
        order.updated_ns = now
        if order.account.background:
            return None
        self.execution_id += 1
        event = ExecutionEvent(
            order,
            kind,
            order.status,
            now,
            self.execution_id,
            client_id if client_id is not None else order.client_id,
            order.client_id if client_id is not None else "",
            order.qty,
            order.executed,
            order.executed_quote,
            order.prevented,
            not order.is_final and order.type is not OrderType.MARKET and order.tif is TimeInForce.GTC,
        )
        self.out.append(event)
        return event

    def match(self, market: Market, taker: Order, now: int) -> list[Fill]:
        """Trade `taker` against the other side until it is done, out of price, or out of liquidity."""
        buying = taker.side is Side.BUY
        side = market.book.asks if buying else market.book.bids
        changed = market.asks_changed if buying else market.bids_changed
        limit = taker.price if taker.type is not OrderType.MARKET else (INT_MAX if buying else 0)
        fills: list[Fill] = []
        while not taker.is_final:
            level = side.best
            if level is None or (level.price > limit if buying else level.price < limit):
                break
            maker = level.head
            assert maker is not None, "an empty level must have been dropped"
            qty = min(self._wanted(market.spec, taker, level.price), maker.remaining)
            if qty <= 0:
                break
            changed[level.price] = None
            if maker.account is taker.account and taker.stp is not StpMode.NONE:
                self._prevent(market, level, maker, taker, qty, now)
            else:
                fills.append(self._trade(market, level, maker, taker, qty, now))
            side.drop_if_empty(level)
        return fills

    @staticmethod
    def _wanted(spec: SymbolSpec, taker: Order, price: int) -> int:
        if taker.quote_qty:
            return (taker.quote_qty - taker.executed_quote) // (price * spec.quote_mult)
        return taker.remaining

    def _trade(self, market: Market, level: Level, maker: Order, taker: Order, qty: int, now: int) -> Fill:
        spec = market.spec
        price = level.price
        quote = price * qty * spec.quote_mult
        market.trade_id += 1
        market.last_price = price
        level.qty -= qty
        if taker.quote_qty:
            taker.qty += qty
        results: list[tuple[int, str]] = []
        self.out.append(
            TradeEvent(spec.name, market.trade_id, price, qty, now, maker.side is Side.BUY, taker.id)
        )
        for order, other, is_maker in ((maker, taker, True), (taker, maker, False)):
            commission, asset = self.ledger.settle_side(order, spec, price, qty, quote, is_maker)
            order.executed += qty
            order.executed_quote += quote
            results.append((commission, asset))
            done = order.remaining == 0 and not order.quote_qty
            order.status = OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED
            if is_maker:
                order.maker_filled = True
            else:
                order.taker_filled = True
            self._report_fill(
                spec, order, other, market.trade_id, price, qty, quote, commission, asset, is_maker, now
            )
            if done:
                if is_maker:
                    level.remove(order, 0)
                self.close(spec, order)
        return Fill(market.trade_id, price, qty, results[1][0], results[1][1])

    def _report_fill(
        self,
        spec: SymbolSpec,
        order: Order,
        other: Order,
        trade_id: int,
        price: int,
        qty: int,
        quote: int,
        commission: int,
        asset: str,
        is_maker: bool,
        now: int,
    ) -> None:
        event = self.execution(order, ExecType.TRADE, now)
        if event is None:
            return
        event.last_price, event.last_qty, event.last_quote = price, qty, quote
        event.trade_id, event.is_maker = trade_id, is_maker
        event.commission, event.commission_asset = commission, asset
        order.account.trades.append(
            AccountTrade(
                trade_id,
                spec.name,
                order.id,
                price,
                qty,
                quote,
                commission,
                asset,
                now,
                order.side is Side.BUY,
                is_maker,
            )
        )
        event.counter_order = other.id

    def _prevent(self, market: Market, level: Level, maker: Order, taker: Order, qty: int, now: int) -> None:
        """Self-trade prevention by the taker's mode: expire either or both, or take the overlap off both."""
        mode = taker.stp
        self.prevented_id += 1
        if mode is StpMode.DECREMENT:
            level.qty -= qty
            for order in (maker, taker):
                order.prevented += qty
                self._release_part(market.spec, order, qty)
                self._report_prevention(order, qty, maker.id if order is taker else taker.id, now)
                if order.remaining == 0:
                    self._expire_in_match(market, level if order is maker else None, order, now)
            return
        if mode in (StpMode.EXPIRE_MAKER, StpMode.EXPIRE_BOTH):
            self._expire_in_match(market, level, maker, now)
        if mode in (StpMode.EXPIRE_TAKER, StpMode.EXPIRE_BOTH):
            self._expire_in_match(market, None, taker, now)

    def _report_prevention(self, order: Order, qty: int, counter: int, now: int) -> None:
        event = self.execution(order, ExecType.TRADE_PREVENTION, now)
        if event is not None:
            event.prevented_qty = qty
            event.prevented_match_id = self.prevented_id
            event.counter_order = counter

    def _release_part(self, spec: SymbolSpec, order: Order, qty: int) -> None:
        if order.type is OrderType.MARKET:
            return  # a market order's lock is an estimate of the whole; what is unused returns when it ends
        amount = order.price * qty * spec.quote_mult if order.side is Side.BUY else qty * spec.lot_e8
        self.ledger.release(order, locked_asset(spec, order.side), amount)

    def _expire_in_match(self, market: Market, level: Level | None, order: Order, now: int) -> None:
        if level is not None:
            level.remove(order, order.remaining)
        order.status = OrderStatus.EXPIRED_IN_MATCH
        self.close(market.spec, order)
        self.execution(order, ExecType.EXPIRED, now)

    def close(self, spec: SymbolSpec, order: Order) -> None:
        """Final book-keeping of an order that just reached its final status."""
        self.ledger.release(order, locked_asset(spec, order.side), order.locked)
        order.account.remember_closed(order)

    def available(self, market: Market, side: Side, limit: int, but_not: object) -> Iterator[tuple[int, int]]:
        """(price, lots) a taker on `side` could get down to `limit`, skipping orders of account `but_not`."""
        buying = side is Side.BUY
        for level in (market.book.asks if buying else market.book.bids).from_best():
            if level.price > limit if buying else level.price < limit:
                return
            if but_not is None:
                yield level.price, level.qty
            else:
                yield level.price, sum(o.remaining for o in level if o.account is not but_not)
