"""Orders of a perpetual: the spot engine's, with reduce-only orders, changes of price and quantity, marks and funding.

Post-only (GTX) is the engine's LIMIT_MAKER under another name; the wire translates.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..engine.account import Account, Seat
from ..engine.checks import check_new
from ..engine.errors import MARKET_CLOSED, UNKNOWN_ORDER, RefusalError, rejected
from ..engine.exchange import Clock, Exchange
from ..engine.market import Market
from ..engine.types import (
    ExecType,
    NewOrder,
    Order,
    OrderStatus,
    OrderType,
    Placed,
    Side,
    StpMode,
    SymbolSpec,
    SymbolStatus,
    TimeInForce,
)
from .margin import MarginLedger
from .refusals import PERCENT_PRICE, out_of_band


@dataclass(frozen=True, slots=True)
class Settlement:
    """One funding settlement: rate in 10^-8, mark in ticks."""

    symbol: str
    rate_e8: int
    mark: int
    time_ns: int


@dataclass(slots=True)
class FundingSchedule:
    """When funding is settled, and at which rate (10^-8 of the notional, longs to shorts)."""

    rate_e8: int
    interval_ns: int
    history: deque[Settlement] = field(default_factory=lambda: deque(maxlen=1000))

    def next_ns(self, now_ns: int) -> int:
        """The next whole multiple of the interval since the epoch."""
        return (now_ns // self.interval_ns + 1) * self.interval_ns


REDUCE_ONLY_REJECTED = "ReduceOnly Order is rejected."
FOK_REJECTED = (
    "Due to the order could not be filled immediately, the FOK order has been rejected. "
    "The order will not be recorded in the order history"
)
NO_CHANGE = "No need to modify the order."
TOO_MANY_CHANGES = "Exceed maximum modify order limit."


class FuturesExchange(Exchange):
    """All perpetuals and accounts."""

    def __init__(
        self, specs: Iterable[SymbolSpec], clock: Clock, stp: StpMode, leverage: int, funding: FundingSchedule
    ) -> None:
        listed = tuple(specs)
        self.funding = funding
        self._good_till: dict[int, Order] = {}
        """Orders with an end, by id."""
        self.margin = MarginLedger({spec.name: spec for spec in listed}, leverage)
        super().__init__(listed, clock, stp, self.margin)

    # --- orders -----------------------------------------------------------------------------------------------------
    def place(self, account: Account, new: NewOrder) -> Placed:
        """Enter an order. A reduce-only one is cut to what it can reduce, or refused; FOK knows no self-trade prevention."""
        if new.tif is TimeInForce.FOK:
            new.stp = StpMode.NONE
        if new.reduce_only:
            self._cut_to_position(account, new)
        with self.batch():
            placed = super().place(account, new)
            self._expire_reducers()
        return placed

    def _validate(self, market: Market, seat: Seat, new: NewOrder) -> tuple[int, int, int]:
        """As in spot; a reduce-only order has no smallest notional, and a FOK order that cannot be filled is refused."""
        checked = self._judge(market, seat, new)
        if new.tif is TimeInForce.FOK:
            price, lots, _ = checked
            offered = market.available(new.side is Side.BUY, price, None)
            if sum(size for _, size in offered) < lots:
                raise RefusalError(-5021, FOK_REJECTED)
        return checked

    def _judge(self, market: Market, seat: Seat, new: NewOrder) -> tuple[int, int, int]:
        if not new.reduce_only:
            try:
                return super()._validate(market, seat, new)
            except RefusalError as error:
                if error.msg != PERCENT_PRICE:
                    raise
                raise out_of_band(market.spec, new.price_e8 or 0, market.reference()) from error
        checked = check_new(market.spec, new, market.reference(), background=True)
        if market.status is not SymbolStatus.TRADING:
            raise rejected(MARKET_CLOSED)
        return checked

    def _cut_to_position(self, account: Account, new: NewOrder) -> None:
        market = self.market(new.symbol)
        lots = self.margin.holding(account, new.symbol).lots
        reducible = -lots if new.side is Side.BUY else lots
        if reducible <= 0:
            raise RefusalError(-2022, REDUCE_ONLY_REJECTED)
        if new.qty_e8 is not None:
            new.qty_e8 = min(new.qty_e8, reducible * market.spec.lot_e8)

    def modify(self, order: Order, price_e8: int, qty_e8: int) -> None:
        """Change price and quantity of an open limit order; it loses its place in the queue.

        The venue cancels it instead where nothing would be left of it, or where a post-only order would take.
        """
        market = self.markets[order.symbol]
        spec = market.spec
        if order.is_final:
            raise RefusalError(-2011, UNKNOWN_ORDER)
        if market.status is not SymbolStatus.TRADING:
            raise rejected(MARKET_CLOSED)
        wanted = NewOrder(order.symbol, order.side, order.type, order.client_id, order.tif, qty_e8, price_e8)
        price, lots, _ = check_new(spec, wanted, market.reference(), order.reduce_only)
        if (price, lots) == (order.price, order.qty):
            raise RefusalError(-5027, NO_CHANGE)
        if order.amends >= spec.max_modifies:
            raise RefusalError(-5026, TOO_MANY_CHANGES)
        if lots <= order.executed + order.prevented:
            self.cancel(order)
            return
        with self.batch():
            self._change(market, order, price, lots)
            self._expire_reducers()

    def _change(self, market: Market, order: Order, price: int, lots: int) -> None:
        now = self.clock()
        old_price, old_lots = order.price, order.qty
        self._unrest(market, order)
        self.margin.release(order, order.locked)
        order.price, order.qty = price, lots
        takes = market.crosses(order.is_buy, price)
        if takes and order.type is OrderType.LIMIT_MAKER:
            order.price, order.qty = old_price, old_lots
            self._matcher.end(order, OrderStatus.CANCELED)
            self._matcher.execution(order, ExecType.CANCELED, now)
            self._commit(market, now)
            return
        try:
            self.margin.lock(order, self._needs(market, order))
        except RefusalError:
            order.price, order.qty = old_price, old_lots
            self.margin.restore(order, self._needs(market, order))
            self._rest(market, order)
            raise
        order.amends += 1
        order.stp = StpMode.NONE  # a change of an order ends its prevention, says the venue
        self._matcher.execution(order, ExecType.REPLACED, now)
        if takes:
            self._matcher.match(market, order, now)
        if not order.is_final:
            self._rest(market, order)
        self._commit(market, now)

    @staticmethod
    def _needs(market: Market, order: Order) -> int:
        spec, lots = market.spec, order.remaining
        return lots * order.price * spec.quote_mult if order.is_buy else lots * spec.lot_e8

    def _unrest(self, market: Market, order: Order) -> None:
        level = order.level
        assert level is not None, "an open order rests on a level"
        self._changed(market, order)
        level.remove(order, order.remaining)
        if level.head is None:
            (market.book.bids if order.is_buy else market.book.asks).drop(level)

    def _rest(self, market: Market, order: Order) -> None:
        (market.book.bids if order.is_buy else market.book.asks).level(order.price).append(order)
        self._changed(market, order)

    def _expire_reducers(self) -> None:
        """Reduce-only orders that have nothing left to reduce are expired by the venue."""
        for account, symbol in self.margin.moved():
            lots = self.margin.holding(account, symbol).lots
            for order in [o for o in account.open.values() if o.reduce_only and o.symbol == symbol]:
                if (-lots if order.is_buy else lots) < order.remaining:
                    self.expire(order)

    def expire(self, order: Order) -> None:
        """The venue ends an open order by itself."""
        market = self.markets[order.symbol]
        self._unrest(market, order)
        self._matcher.end(order, OrderStatus.EXPIRED)
        self._matcher.execution(order, ExecType.EXPIRED, self.clock())
        self._commit(market, self.clock())

    def end_at(self, order: Order, good_till_ms: int) -> None:
        """Let an order that rests expire by itself."""
        order.good_till_ms = good_till_ms
        if not order.is_final:
            self._good_till[order.id] = order

    def expire_due(self, now_ms: int) -> None:
        """End the orders whose time has come."""
        for order in list(self._good_till.values()):
            if not order.is_final and order.good_till_ms <= now_ms:
                self.expire(order)
            if order.is_final:
                del self._good_till[order.id]

    # --- the venue's own doing --------------------------------------------------------------------------------------
    def set_mark(self, symbol: str, ticks: int) -> None:
        """A new mark price."""
        self.margin.marks[symbol] = ticks

    def fund(self, symbol: str, rate_e8: int | None = None) -> None:
        """Settle funding of one symbol now, at the going rate unless another is given."""
        now = self.clock()
        rate = self.funding.rate_e8 if rate_e8 is None else rate_e8
        self.funding.history.append(Settlement(symbol, rate, self.margin.marks[symbol], now))
        self.margin.fund(symbol, rate, now, self._out)

    def force(self, account: Account, symbol: str, client_id: str, *, everything: bool) -> int:
        """Close a position against its owner's will, at the market, under the venue's own client id; lots that were open.

        `everything`: a liquidation, before which the account's orders of the symbol are cancelled; otherwise half of it, as when others must be paid.
        """
        lots = self.margin.holding(account, symbol).lots
        if everything:
            for order in [o for o in account.open.values() if o.symbol == symbol]:
                self.cancel(order, "venue")
        closed = abs(lots) if everything else -(-abs(lots) // 2)
        if closed:
            side = Side.SELL if lots > 0 else Side.BUY
            qty_e8 = closed * self.markets[symbol].spec.lot_e8
            self.place(
                account,
                NewOrder(symbol, side, OrderType.MARKET, client_id, qty_e8=qty_e8, reduce_only=True),
            )
        return closed

    def forget_all(self) -> None:
        """Testnet reset."""
        self.margin.forget()
        self._good_till.clear()
        super().forget_all()
