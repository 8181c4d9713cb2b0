"""Candles and rolling statistics of one symbol, kept from its prints: seconds for a quarter of an hour, minutes for 25 hours.

Longer intervals are joined from minutes when they are asked for. A candle without a print repeats the price before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from ..engine.events import TradeEvent

SECOND_MS, MINUTE_MS = 1000, 60_000
HOUR_MS, DAY_MS = 60 * MINUTE_MS, 1440 * MINUTE_MS
KEPT_SECONDS, KEPT_MINUTES = 900, 1500
_SHIFT_MS = {7 * DAY_MS: 4 * DAY_MS}
"""Weeks begin on Mondays; the epoch was a Thursday."""
INTERVALS_MS = {
    "1s": SECOND_MS,
    **{f"{n}m": n * MINUTE_MS for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * HOUR_MS for n in (1, 2, 4, 6, 8, 12)},
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
    "1M": 30 * DAY_MS,  # no more than 25 hours are kept, so a calendar would not show
}


class Candle:
    """Prices in ticks, sizes in lots, `quote` in ticks × lots; `buy_` parts are of takers who bought."""

    __slots__ = (
        "buy_quote", "buy_volume", "close", "count", "first_id", "high", "last_id", "low", "open", "open_ms", "quote", "volume",
    )  # fmt: skip

    def __init__(self, open_ms: int, price: int) -> None:
        self.open_ms = open_ms
        self.open = self.high = self.low = self.close = price
        self.volume = self.quote = self.buy_volume = self.buy_quote = self.count = 0
        self.first_id = self.last_id = -1

    def add(self, trade: TradeEvent) -> None:
        """Take one print in."""
        price, qty = trade.price, trade.qty
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume += qty
        self.quote += price * qty
        if not trade.buyer_is_maker:
            self.buy_volume += qty
            self.buy_quote += price * qty
        if self.first_id < 0:
            self.first_id = trade.id
        self.last_id = trade.id
        self.count += 1

    def join(self, later: Candle) -> None:
        """Take in a candle that follows."""
        if not later.count:
            return
        if not self.count:
            self.open = self.high = self.low = later.open
            self.first_id = later.first_id
        self.high, self.low = max(self.high, later.high), min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.quote += later.quote
        self.buy_volume += later.buy_volume
        self.buy_quote += later.buy_quote
        self.count += later.count
        self.last_id = later.last_id


class Candles:
    """All candles of one symbol."""

    def __init__(self) -> None:
        self.seconds: deque[Candle] = deque(maxlen=KEPT_SECONDS)
        self.minutes: deque[Candle] = deque(maxlen=KEPT_MINUTES)

    def add(self, trade: TradeEvent) -> None:
        """Take one print in."""
        now_ms = trade.time_ns // 1_000_000
        for kept, width in ((self.seconds, SECOND_MS), (self.minutes, MINUTE_MS)):
            open_ms = now_ms // width * width
            if not kept or kept[-1].open_ms < open_ms:
                kept.append(Candle(open_ms, trade.price))
            kept[-1].add(trade)

    def of(self, interval_ms: int, until_ms: int, zone_ms: int = 0) -> Iterator[Candle]:
        """Candles of an interval, oldest first and without gaps, up to the one that `until_ms` lies in.

        `zone_ms`: how far the clock that intervals are counted by is ahead of UTC.
        """
        shift = _SHIFT_MS.get(interval_ms, 0) - zone_ms
        joined: Candle | None = None
        for part in self.seconds if interval_ms == SECOND_MS else self.minutes:
            open_ms = (part.open_ms - shift) // interval_ms * interval_ms + shift
            if joined is not None:
                if open_ms == joined.open_ms:
                    joined.join(part)
                    continue
                yield joined
                yield from _still(joined, interval_ms, open_ms)
            joined = Candle(open_ms, part.open)
            joined.join(part)
        if joined is not None:
            yield joined
            yield from _still(joined, interval_ms, until_ms + 1)

    def current(self, interval_ms: int, now_ms: int) -> Candle | None:
        """The candle that is open now; None before the first print."""
        last = None
        for last in self.of(interval_ms, now_ms):  # noqa: B007 - only the last one is wanted
            pass
        return last

    def window(self, width_ms: int, now_ms: int) -> Candle | None:
        """One candle over the whole minutes of the last `width_ms`; None without a print in them."""
        joined: Candle | None = None
        for part in self.minutes:
            if part.open_ms + MINUTE_MS > now_ms - width_ms:
                if joined is None:
                    joined = Candle(part.open_ms, part.open)
                joined.join(part)
        return joined


def _still(before: Candle, interval_ms: int, end_ms: int) -> Iterator[Candle]:
    """Candles without a print from the one after `before` to the last that begins before `end_ms`."""
    for open_ms in range(before.open_ms + interval_ms, end_ms, interval_ms):
        yield Candle(open_ms, before.close)
