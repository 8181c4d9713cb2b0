"""The recorded book of one symbol, kept in the engine as background orders.

The rules by which our orders meet recorded liquidity are stated in `replay`; this is where they are applied.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from ..engine.account import Account
from ..engine.book import BookSide
from ..engine.errors import RefusalError
from ..engine.exchange import Exchange
from ..engine.types import NewOrder, Order, OrderType, Side, TimeInForce
from .recording import Depth, Snapshot, Top, Trade


@dataclass(slots=True)
class _Level:
    """Background orders that together stand for one recorded level, oldest first."""

    orders: list[Order]

    def live(self) -> int:
        """Lots still there; forgets orders that are gone."""
        self.orders = [o for o in self.orders if not o.is_final]
        return sum(o.remaining for o in self.orders)


class RecordedBook:
    """The recorded book of one symbol as background orders."""

    def __init__(self, exchange: Exchange, maker: Account, taker: Account, symbol: str) -> None:
        self.exchange = exchange
        self.maker = maker
        self.taker = taker
        self.symbol = symbol
        self.market = exchange.market(symbol)
        self.levels: dict[Side, dict[int, _Level]] = {Side.BUY: {}, Side.SELL: {}}
        self.last_u = 0
        self.last_top: Top | None = None
        self.shift = 1.0
        """Factor on recorded prices; the admin API's price moves change it."""

    def ticks(self, price_e8: int) -> int:
        scaled = price_e8 if self.shift == 1.0 else int(price_e8 * self.shift)
        return max(1, scaled // self.market.spec.tick_e8)

    def snapshot(self, frame: Snapshot) -> None:
        """Make the book exactly the snapshot's, as one update."""
        with self.exchange.batch():
            for side, rows in ((Side.BUY, frame.bids), (Side.SELL, frame.asks)):
                wanted = {self.ticks(p) for p, _ in rows}
                for price in [p for p in self.levels[side] if p not in wanted]:
                    self._set(side, price, 0)
            self._apply(frame.bids, frame.asks)
        self.last_u = frame.u

    def depth(self, frame: Depth) -> None:
        """Apply a recorded diff unless the book already has it."""
        if frame.u <= self.last_u:
            return
        self.last_u = frame.u
        with self.exchange.batch():
            self._apply(frame.bids, frame.asks)
            if self.last_top is not None:  # a bookTicker can come before the diff of an earlier moment
                self.top(self.last_top)

    def top(self, frame: Top) -> None:
        """Bring the touch to a recorded bookTicker: better levels are gone, the best ones have these sizes."""
        if frame.u <= self.last_u:
            self.last_top = None
            return
        self.last_top = frame
        with self.exchange.batch():
            bid, ask = self.ticks(frame.bid), self.ticks(frame.ask)
            self._clear_better(Side.BUY, self.market.book.bids, bid)
            self._clear_better(Side.SELL, self.market.book.asks, ask)
            lot = self.market.spec.lot_e8
            self._set(Side.BUY, bid, frame.bid_qty // lot)
            self._set(Side.SELL, ask, frame.ask_qty // lot)

    def _clear_better(self, side: Side, book_side: BookSide, touch: int) -> None:
        """Take recorded levels better than the touch away, looking at the top of the book only."""
        better = takewhile(
            lambda price: (price - touch) * book_side.sign > 0, (x.price for x in book_side.from_best())
        )
        for price in list(better):
            if price in self.levels[side]:  # a level of clients' orders alone is theirs
                self._set(side, price, 0)

    def trade(self, frame: Trade) -> None:
        """A recorded aggressor takes liquidity at its price; what is no longer there is printed unmatched."""
        spec = self.market.spec
        lots = frame.qty // spec.lot_e8
        if lots <= 0:
            return
        side = Side.SELL if frame.buyer_is_maker else Side.BUY
        price = self.ticks(frame.price)
        try:
            placed = self.exchange.place(
                self.taker,
                NewOrder(
                    self.symbol,
                    side,
                    OrderType.LIMIT,
                    "",
                    TimeInForce.IOC,
                    lots * spec.lot_e8,
                    price * spec.tick_e8,
                ),
            )
        except RefusalError:
            return  # below the symbol's smallest lot: nothing that could trade here
        left = placed.order.qty - placed.order.executed
        if left:
            self.exchange.print_trade(self.symbol, price, left, frame.buyer_is_maker)

    def clear(self) -> None:
        for side in self.levels.values():
            side.clear()

    def _apply(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> None:
        lot = self.market.spec.lot_e8
        rows = [(Side.BUY, self.ticks(p), q // lot) for p, q in bids]
        rows += [(Side.SELL, self.ticks(p), q // lot) for p, q in asks]
        for side, price, lots in rows:  # what shrinks goes first: the old touch must not meet the new one
            if lots == 0 or lots < self._have(side, price):
                self._set(side, price, lots)
        for side, price, lots in rows:
            if lots:
                self._set(side, price, lots)

    def _have(self, side: Side, price: int) -> int:
        level = self.levels[side].get(price)
        return level.live() if level is not None else 0

    def _set(self, side: Side, price: int, lots: int) -> None:
        """Make the recorded part of a level `lots` large."""
        level = self.levels[side].setdefault(price, _Level([]))
        change = lots - level.live()
        if change > 0:
            self._grow(level, side, price, change)
        while change < 0:
            last = level.orders[-1]
            if last.remaining <= -change:
                change += last.remaining
                self.exchange.cancel(last)
                level.orders.pop()
            else:
                self.exchange.shrink(last, last.qty + change)
                change = 0
        if not level.orders:
            self.levels[side].pop(price, None)

    def _grow(self, level: _Level, side: Side, price: int, lots: int) -> None:
        spec = self.market.spec
        most = spec.max_qty_e8 // spec.lot_e8
        while lots > 0:
            part = min(lots, most)
            lots -= part
            try:
                placed = self.exchange.place(
                    self.maker,
                    NewOrder(
                        self.symbol,
                        side,
                        OrderType.LIMIT,
                        "",
                        TimeInForce.GTC,
                        part * spec.lot_e8,
                        price * spec.tick_e8,
                    ),
                )
            except RefusalError:
                return  # a price or size outside this symbol's filters has no place in its book
            if not placed.order.is_final:
                level.orders.append(placed.order)
