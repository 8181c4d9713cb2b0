"""Replay of recorded Binance traffic: the recorded book and trades become background flow in the engine.

Choices, so that our orders meet recorded liquidity truthfully:
- The recorded book is one background order per level. A level that grows gets another order at its end, one that
  shrinks loses from its end: what stood before our order stays before it (queue position, on the careful side).
- A recorded trade is sent as an immediate-or-cancel order at its price: it takes what is best first, so ours too if it is
  ahead, and no liquidity twice. What it does not find (the recorded book update came first) is printed without a match.
- A recorded quote that would cross our order trades with it, as it would have.
- Streams are made from the engine: recorded values with our orders merged in, update ids of our own counter.
- At the end of the recording it starts again. The seam is one book update from the last book to the first snapshot; `u`
  and trade ids go on, streams see no gap (only a price jump).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..engine.account import Account
from ..engine.errors import RefusalError
from ..engine.exchange import Exchange
from ..engine.types import E8, NewOrder, Order, OrderType, Side, SymbolStatus, TimeInForce
from ..time import NS_PER_MS, NS_PER_S, Scheduler
from .driver import background_account, refund_background
from .recording import Depth, Frame, Recording, RecordingError, Snapshot, Top, Trade, group_recordings

BURST_NS = 2 * NS_PER_MS
"""Frames this close together are applied in one go."""
MAX_BEHIND_NS = NS_PER_S
HALT_STEP_NS = 100 * NS_PER_MS
"""How often a halted symbol is looked at again."""


class ReplayError(ValueError):
    """The recordings cannot be replayed on these symbols; the text says why."""


@dataclass(slots=True)
class _Level:
    """Background orders that together stand for one recorded level, oldest first."""

    orders: list[Order]

    def live(self) -> int:
        """Lots still there; forgets orders that are gone."""
        self.orders = [o for o in self.orders if not o.is_final]
        return sum(o.remaining for o in self.orders)


class _ReplayBook:
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
            for price in [p for p in self.levels[Side.BUY] if p > bid]:
                self._set(Side.BUY, price, 0)
            for price in [p for p in self.levels[Side.SELL] if p < ask]:
                self._set(Side.SELL, price, 0)
            lot = self.market.spec.lot_e8
            self._set(Side.BUY, bid, frame.bid_qty // lot)
            self._set(Side.SELL, ask, frame.ask_qty // lot)

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


class _Track:
    """One symbol's recording, read frame by frame, again and again."""

    def __init__(self, recording: Recording, book: _ReplayBook) -> None:
        self.recording = recording
        self.book = book
        self.frames: Iterator[Frame] = recording.frames()
        self.next: Frame | None = next(self.frames, None)
        self.synced = False
        self.loops = 0
        self.held_ns = 0
        """How long the symbol has been halted, venue time."""

    def apply(self, frame: Frame) -> None:
        if isinstance(frame, Snapshot):
            self.book.snapshot(frame)
            self.synced = True
        elif not self.synced:
            return  # the recording's own snapshot comes a few frames in
        elif isinstance(frame, Depth):
            self.book.depth(frame)
        elif isinstance(frame, Top):
            self.book.top(frame)
        else:
            self.book.trade(frame)

    def rewind(self) -> None:
        """Start again with the snapshot, which becomes the seam."""
        self.loops += 1
        self.held_ns = 0
        self.frames = self.recording.frames()
        self.book.last_u = 0
        self.book.last_top = None
        self.synced = False
        self.next = next(self.frames, None)


class ReplayMarket:
    """Drives an exchange from recordings. `speed` 10 replays ten recorded seconds a second."""

    def __init__(
        self,
        exchange: Exchange,
        scheduler: Scheduler,
        on_events: Callable[[], None],
        files: tuple[tuple[str, str | None], ...],
        speed: float = 1.0,
    ) -> None:
        self.exchange = exchange
        self.scheduler = scheduler
        self.on_events = on_events
        self.speed = speed
        try:
            recordings = group_recordings(files, {s: m.spec.base for s, m in exchange.markets.items()})
        except RecordingError as error:
            raise ReplayError(str(error)) from error
        maker, taker = (background_account(exchange, f"recorded-{n}") for n in ("maker", "taker"))
        self.books = {s: _ReplayBook(exchange, maker, taker, s) for s in recordings}
        self.tracks = [_Track(r, self.books[s]) for s, r in recordings.items()]
        self.start_ns = min(t.next.time_ns for t in self.tracks if t.next is not None)
        self._zero_ns = 0

    def start(self) -> None:
        """Show every symbol's first snapshot at once and begin."""
        self._begin()
        self._run()

    def reseed(self) -> None:
        """After a reset: the recording starts again from its snapshots."""
        refund_background(self.exchange)
        for track in self.tracks:
            track.book.clear()
            track.rewind()
        self._begin()

    def move(self, symbol: str, by_bp: float, over_s: float = 0.0) -> None:
        """Shift all recorded prices of `symbol` from now on, at once or in tenths of a second over `over_s`."""
        book = self.books.get(symbol)
        if book is None:
            raise RefusalError(-1121, "Invalid symbol.")
        steps = max(1, int(over_s * 10))
        factor = (1 + by_bp / 10_000) ** (1 / steps)
        for step in range(steps):
            if step == 0:
                self._shift(book, factor)
            else:
                self.scheduler.call_after(step * 100 * NS_PER_MS, lambda: self._shift(book, factor))

    def fair_price(self, symbol: str) -> float:
        market = self.exchange.markets[symbol]
        bid, _, ask, _ = market.book.touch()
        return (bid + ask) / 2 * market.spec.tick_e8 / E8 if bid and ask else 0.0

    def state(self) -> dict[str, Any]:
        return {
            t.book.symbol: {"recordedAs": t.recording.symbol, "loops": t.loops, "shift": t.book.shift}
            for t in self.tracks
        }

    # --- inside ---------------------------------------------------------------------------------------------
    def _begin(self) -> None:
        """Apply each track up to its snapshot, so that a market is there from the first moment."""
        self._zero_ns = self.scheduler.clock.now()
        for track in self.tracks:
            while track.next is not None and not track.synced:
                track.apply(track.next)
                track.next = next(track.frames, None)
        self.on_events()

    def _shift(self, book: _ReplayBook, factor: float) -> None:
        """Move the whole recorded book; our orders in between are traded through."""
        rows: dict[Side, list[tuple[int, int]]] = {}
        tick, lot = book.market.spec.tick_e8, book.market.spec.lot_e8
        for side, levels in book.levels.items():
            rows[side] = [(int(p * factor) * tick, level.live() * lot) for p, level in levels.items()]
        before, book.shift = book.shift, 1.0
        frame = Snapshot(0, book.last_u, rows[Side.BUY], rows[Side.SELL])
        book.snapshot(frame)
        book.shift = before * factor
        self.on_events()

    def _due(self, track: _Track) -> int:
        assert track.next is not None, "a finished track was rewound"
        return self._zero_ns + track.held_ns + int((track.next.time_ns - self.start_ns) / self.speed)

    def _run(self) -> None:
        """Apply everything due within the burst window, then sleep until the next frame."""
        now = self.scheduler.clock.now()
        while True:
            alive = [t for t in self.tracks if t.next is not None]
            if not alive:
                self._loop_again()
                alive = [t for t in self.tracks if t.next is not None]
            track = min(alive, key=self._due)
            due = self._due(track)
            if due > now + BURST_NS:
                self.scheduler.call_at(due, self._run)
                return
            if now - due > MAX_BEHIND_NS:
                self._zero_ns += now - due
            assert track.next is not None, "alive tracks have a next frame"
            if self.exchange.markets[track.book.symbol].status is not SymbolStatus.TRADING:
                track.held_ns += (
                    HALT_STEP_NS  # a halted symbol's recording waits, or its book would miss changes
                )
                continue
            track.apply(track.next)
            self.on_events()
            track.next = next(track.frames, None)

    def _loop_again(self) -> None:
        for track in self.tracks:
            track.rewind()
        self._begin()
