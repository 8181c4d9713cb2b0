"""One symbol: its rules, its book, its counters, and what a taker could get from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .account import Account
from .book import Book
from .events import BookUpdate
from .lists import OrderList
from .stops import Stops
from .types import Order, StpMode, SymbolSpec, SymbolStatus

INT_MAX = 1 << 62
_NO_STP = StpMode.NONE


class Market:
    """State of one symbol. `u` is the book update counter that depth and bookTicker share.

    `bids_changed` and `asks_changed` collect prices (ticks) for the next update; one may stand there twice.
    """

    __slots__ = (
        "asks_changed",
        "bids_changed",
        "book",
        "last_price",
        "spec",
        "status",
        "stops",
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
        self.stops: Stops | None = None
        """Orders that wait for a price; None while there are none, which is all that a trade asks."""
        self.bids_changed: list[int] = []
        self.asks_changed: list[int] = []
        self.touch = (0, 0, 0, 0)

    def reference(self) -> int:
        """Price in ticks that market orders are valued at: the last trade, else the middle, else 0."""
        if self.last_price:
            return self.last_price
        bid, _, ask, _ = self.touch
        return (bid + ask) // 2 if bid and ask else bid or ask

    def book_update(self, now: int) -> BookUpdate | None:
        """Close the changes made since the last call into one numbered update."""
        bids: Sequence[int] = self.bids_changed
        asks: Sequence[int] = self.asks_changed
        if bids:
            self.bids_changed = []
        elif asks:
            bids = ()  # not the list that the next change goes into
        else:
            return None
        if asks:
            self.asks_changed = []
        else:
            asks = ()
        self.u += 1
        before = self.touch
        bid, ask = self.book.bids.best, self.book.asks.best
        if bid is not None and ask is not None:
            touch = (bid.price, bid.qty, ask.price, ask.qty)
        else:
            touch = self.book.touch()
        self.touch = touch
        return BookUpdate(self.spec.name, self.u, now, bids, asks, touch, touch != before)

    def clear(self) -> None:
        """Every order is gone; the next update says so."""
        self.bids_changed += self.book.bids.levels
        self.asks_changed += self.book.asks.levels
        self.book.bids.clear()
        self.book.asks.clear()
        self.last_price = 0
        self.stops = None

    def keep(self, made: OrderList) -> None:
        """A list is looked after until it is done."""
        if self.stops is None:
            self.stops = Stops()
        self.stops.lists.add(made)

    def unrest(self, order: Order) -> None:
        """Take an order off its level."""
        level = order.level
        assert level is not None, "the order rests"
        (self.bids_changed if order.is_buy else self.asks_changed).append(order.price)
        level.remove(order, order.remaining)
        if level.head is None:
            (self.book.bids if order.is_buy else self.book.asks).drop(level)

    # --- what a taker could get -------------------------------------------------------------------------------
    def crosses(self, is_buy: bool, price: int) -> bool:
        """Whether an order at `price` would trade at once."""
        if is_buy:
            best = self.book.asks.best
            return best is not None and best.price <= price
        best = self.book.bids.best
        return best is not None and best.price >= price

    def available(self, is_buy: bool, limit: int, but_not: Account | None) -> Iterator[tuple[int, int]]:
        """(price, lots) a taker could get down to `limit`, skipping orders of account `but_not`."""
        for level in (self.book.asks if is_buy else self.book.bids).from_best():
            if level.price > limit if is_buy else level.price < limit:
                return
            if but_not is None:
                yield level.price, level.qty
            else:
                yield level.price, sum(o.remaining for o in level if o.account is not but_not)

    def can_fill(self, order: Order) -> bool:
        """Whether all of a limit order could be filled now."""
        left = order.qty
        for _, lots in self.available(order.is_buy, order.price, _own(order)):
            left -= lots
            if left <= 0:
                return True
        return False

    def need(self, order: Order) -> int:
        """Amount to lock, 10^-8. A market buy walks the book: what it would pay now is what it must hold."""
        spec = self.spec
        if not order.is_market:
            return order.price * order.qty * spec.quote_mult if order.is_buy else order.qty * spec.lot_e8
        if order.quote_qty:
            return order.quote_qty if order.is_buy else self._base_for_quote(order)
        if not order.is_buy:
            return order.qty * spec.lot_e8
        left, need = order.qty, 0
        for price, lots in self.available(True, INT_MAX, _own(order)):
            take = min(lots, left)
            need += take * price * spec.quote_mult
            left -= take
            if not left:
                break
        return need

    def bound(self, order: Order) -> int:
        """What an order that is open has to hold, 10^-8; one to buy at the market is valued at its stop price until it is at work."""
        if not order.is_buy:
            return order.remaining * self.spec.lot_e8
        return (order.price or order.stop) * order.remaining * self.spec.quote_mult

    def _base_for_quote(self, order: Order) -> int:
        """Base that a market sale by quote amount will sell."""
        left, lots_needed = order.quote_qty, 0
        for price, lots in self.available(False, 0, _own(order)):
            take = min(lots, left // (price * self.spec.quote_mult))
            lots_needed += take
            left -= take * price * self.spec.quote_mult
            if take < lots:
                break
        return lots_needed * self.spec.lot_e8


def _own(order: Order) -> Account | None:
    """The account whose resting orders `order` will not trade with."""
    return order.account if order.stp is not _NO_STP else None
