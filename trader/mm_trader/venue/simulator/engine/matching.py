"""The match loop of one symbol: price-time priority, self-trade prevention, fills, and what each reports.

`Matcher` works on a `Market` and writes events to the exchange's outbox; `exchange` decides what enters.
"""

from __future__ import annotations

from collections import deque

from msgspec.structs import replace

from .account import ORDERS_KEPT, AccountTrade
from .book import Level
from .events import Event, ExecutionEvent, PreventedMatch, Prevention, TradeEvent
from .ledger import Ledger
from .market import INT_MAX, Market
from .types import ExecType, Fill, Order, OrderStatus, StpMode, SymbolSpec, TimeInForce

# plain names: looking a member up on its class is slow, and these are asked for many times per order
_GTC, _FOK, _NO_STP = TimeInForce.GTC, TimeInForce.FOK, StpMode.NONE
_TRADE = ExecType.TRADE
_FILLED, _PARTIALLY_FILLED = OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED


class Matcher:
    """Executes orders against a `Market`. Shared counters (execution ids) live here."""

    def __init__(self, ledger: Ledger, out: list[Event]) -> None:
        self.ledger = ledger
        self.out = out
        self.execution_id = 0
        self.prevented_id = 0
        self.preventions: deque[Prevention] = deque(maxlen=ORDERS_KEPT)
        """The latest ones of all accounts, oldest first."""

    def execution(
        self,
        order: Order,
        kind: ExecType,
        now: int,
        fill: AccountTrade | None = None,
        prevention: PreventedMatch | None = None,
    ) -> ExecutionEvent | None:
        """Report what happened to `order`; background accounts have no listener, so nothing is made for them."""
        order.updated_ns = now
        if order.account.background:
            return None
        self.execution_id = number = self.execution_id + 1
        event = ExecutionEvent(
            order,
            kind,
            order.status,
            now,
            number,
            order.client_id,
            "",
            order.qty,
            order.executed,
            order.executed_quote,
            order.prevented,
            not order.is_final and order.tif is _GTC and not order.is_market and order.working_ns >= 0,
            order.working_ns,
            fill,
            prevention,
        )
        self.out.append(event)
        return event

    def work(self, market: Market, order: Order, takes: bool, now: int) -> list[Fill]:
        """Trade what there is to trade; what is left rests, or ends if it may not."""
        fills: list[Fill] = []
        if takes and (order.tif is not _FOK or market.can_fill(order)):
            fills = self.match(market, order, now)
        if not order.is_final:
            if order.is_market or order.tif is not _GTC:
                self._end_taker(market, order, now)
            else:
                self.rest(market, order)
        return fills

    @staticmethod
    def rest(market: Market, order: Order) -> None:
        """The order joins the queue at its price."""
        book, price = market.book, order.price
        (book.bids if order.is_buy else book.asks).level(price).append(order)
        (market.bids_changed if order.is_buy else market.asks_changed).append(price)

    def _end_taker(self, market: Market, order: Order, now: int) -> None:
        """An IOC, FOK or market order that cannot rest: filled as far as its quote amount allows, or expired."""
        spent = order.quote_qty and order.executed
        more = (market.book.asks if order.is_buy else market.book.bids).best is not None
        if not (spent and more):
            self.end(order, OrderStatus.EXPIRED)
            self.execution(order, ExecType.EXPIRED, now)
            return
        self.end(order, _FILLED)
        for event in reversed(self.out):  # the last fill is what completed it
            if isinstance(event, ExecutionEvent) and event.order is order:
                event.status = _FILLED
                break

    def match(self, market: Market, taker: Order, now: int) -> list[Fill]:
        """Trade `taker` against the other side until it is done, out of price, or out of liquidity."""
        buying = taker.is_buy
        side = market.book.asks if buying else market.book.bids
        changed = market.asks_changed if buying else market.bids_changed
        limit = taker.price if not taker.is_market else (INT_MAX if buying else 0)
        fills: list[Fill] = []
        while not taker.is_final:
            level = side.best
            if level is None or (level.price > limit if buying else level.price < limit):
                break
            maker = level.head
            assert maker is not None, "an empty level must have been dropped"
            qty = maker.qty - maker.executed - maker.prevented
            wanted = taker.qty - taker.executed - taker.prevented
            if taker.quote_qty:
                wanted = _affordable(market, taker, level.price)
            if wanted < qty:
                qty = wanted
            if qty <= 0:
                break
            if not changed or changed[-1] != level.price:
                changed.append(level.price)
            if maker.account is taker.account and taker.stp is not _NO_STP:
                self._prevent(market.spec, level, maker, taker, qty, now)
                if market.stops is not None:
                    market.stops.due.extend(o for o in (maker, taker) if o.list is not None)
            else:
                fills.append(self._trade(market, level, maker, taker, qty, now))
            if level.head is None:
                side.drop(level)
        return fills

    def _trade(self, market: Market, level: Level, maker: Order, taker: Order, qty: int, now: int) -> Fill:
        spec = market.spec
        price = level.price
        quote = price * qty * spec.quote_mult
        market.trade_id = number = market.trade_id + 1
        market.last_price = price
        if market.stops is not None:
            market.stops.traded(maker, taker, price)
        level.qty -= qty
        if taker.quote_qty:
            taker.qty += qty  # a market order by quote amount has the quantity that it got
        self.out.append(TradeEvent(spec.name, number, price, qty, now, maker.is_buy, taker.id))
        commission, asset = 0, ""
        for order, is_maker in ((maker, True), (taker, False)):
            commission, asset = self.ledger.settle_side(order, spec, price, qty, quote, is_maker)
            order.executed += qty
            order.executed_quote += quote
            done = order.qty == order.executed + order.prevented and not order.quote_qty
            order.status = _FILLED if done else _PARTIALLY_FILLED
            order.is_final = done
            if order.account.background:
                order.updated_ns = now
            else:
                fill = AccountTrade(
                    number,
                    spec.name,
                    order.id,
                    price,
                    qty,
                    quote,
                    commission,
                    asset,
                    now,
                    order.is_buy,
                    is_maker,
                    self.ledger.realised,
                )
                order.account.trades.append(fill)
                self.execution(order, _TRADE, now, fill)
            if done:
                if is_maker:
                    level.remove(order, 0)
                self._close(order)
        return Fill(number, price, qty, commission, asset)

    # --- self-trade prevention ------------------------------------------------------------------------------
    def _prevent(
        self, spec: SymbolSpec, level: Level, maker: Order, taker: Order, qty: int, now: int
    ) -> None:
        """By the taker's mode: expire either or both, or take the overlap off both."""
        mode = taker.stp
        maker_lost = taker_lost = 0
        if mode is StpMode.DECREMENT:
            maker_lost = taker_lost = qty
        if mode in (StpMode.EXPIRE_MAKER, StpMode.EXPIRE_BOTH):
            maker_lost = maker.remaining
        if mode in (StpMode.EXPIRE_TAKER, StpMode.EXPIRE_BOTH):
            taker_lost = qty if taker.quote_qty else taker.remaining
        self.prevented_id += 1
        match = PreventedMatch(self.prevented_id, qty, maker_lost, level.price, taker.id)
        self.preventions.append(
            Prevention(
                match.id, maker.account, spec.name, taker.id, maker.id, mode, level.price, maker_lost, taker_lost, now
            )
        )  # fmt: skip
        if taker.quote_qty and taker_lost:  # it has the quantity that it got or lost
            taker.qty += taker_lost
        if mode is StpMode.DECREMENT:
            level.qty -= qty
            if taker.quote_qty:
                taker.prevented_quote += level.price * qty * spec.quote_mult
            for order in (maker, taker):
                order.prevented += qty
                self._release_part(spec, order, qty)
                if order.remaining == 0 and not order.quote_qty:
                    self._expire_in_match(level if order is maker else None, order)
        else:
            if maker_lost:
                self._expire_in_match(level, maker)
                maker.prevented += maker_lost
            if taker_lost:
                self._expire_in_match(None, taker)
                taker.prevented += taker_lost
        if maker_lost:
            self._prevented(maker, match, now)
        if taker_lost:
            counter = replace(match, lost=taker_lost, counter_order=maker.id)
            self._prevented(taker, counter, now)

    def _prevented(self, order: Order, match: PreventedMatch, now: int) -> None:
        order.prevented_match = match.id
        self.execution(order, ExecType.TRADE_PREVENTION, now, prevention=match)

    def _release_part(self, spec: SymbolSpec, order: Order, qty: int) -> None:
        if not order.is_market:  # whose lock is an estimate of the whole; what is unused returns when it ends
            self.ledger.release(
                order, order.price * qty * spec.quote_mult if order.is_buy else qty * spec.lot_e8
            )

    def _expire_in_match(self, level: Level | None, order: Order) -> None:
        if level is not None:
            level.remove(order, order.remaining)
        self.end(order, OrderStatus.EXPIRED_IN_MATCH)

    # --- ends -----------------------------------------------------------------------------------------------
    def end(self, order: Order, status: OrderStatus) -> None:
        """Give an open order its final status; what it still held locked is free again."""
        order.status = status
        order.is_final = True
        self._close(order)

    def _close(self, order: Order) -> None:
        self.ledger.release(order, order.locked)
        order.account.remember_closed(order)


def _affordable(market: Market, taker: Order, price: int) -> int:
    """Lots at `price` that are left of a quote amount."""
    left = taker.quote_qty - taker.executed_quote - taker.prevented_quote
    return left // (price * market.spec.quote_mult)
