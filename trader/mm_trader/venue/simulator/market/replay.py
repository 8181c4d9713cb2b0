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
from typing import Any

from ..engine.errors import RefusalError
from ..engine.exchange import Exchange
from ..engine.types import E8, Side, SymbolStatus
from ..time import NS_PER_MS, NS_PER_S, Scheduler
from .driver import background_account, refund_background
from .recorded_book import RecordedBook
from .recording import Depth, Frame, Recording, RecordingError, Snapshot, Top, group_recordings

BURST_NS = 2 * NS_PER_MS
"""Frames this close together are applied in one go."""
MAX_BEHIND_NS = NS_PER_S
HALT_STEP_NS = 100 * NS_PER_MS
"""How often a halted symbol is looked at again."""


class ReplayError(ValueError):
    """The recordings cannot be replayed on these symbols; the text says why."""


class _Track:
    """One symbol's recording, read frame by frame, again and again."""

    def __init__(self, recording: Recording, book: RecordedBook) -> None:
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
    """Drives an exchange from recordings. `speed` 10 replays ten recorded seconds a second.

    `complete`: every symbol must have a recording. Raises ReplayError.
    """

    def __init__(
        self,
        exchange: Exchange,
        scheduler: Scheduler,
        on_events: Callable[[], None],
        files: tuple[tuple[str, str | None], ...],
        speed: float = 1.0,
        complete: bool = True,
    ) -> None:
        self.exchange = exchange
        self.scheduler = scheduler
        self.on_events = on_events
        self.speed = speed
        bases = {s: m.spec.base for s, m in exchange.markets.items()}
        try:
            recordings = group_recordings(files, bases, complete)
        except RecordingError as error:
            raise ReplayError(str(error)) from error
        maker, taker = (background_account(exchange, f"recorded-{n}") for n in ("maker", "taker"))
        self.books = {s: RecordedBook(exchange, maker, taker, s) for s in recordings}
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

    def _shift(self, book: RecordedBook, factor: float) -> None:
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
