"""Streams of candles and statistics: `@kline_<interval>`, `@miniTicker`, `@ticker`, `@ticker_<window>`, `@avgPrice` and the `@arr` lists.

Sent once a second to whoever listens, as long as there is a price; a candle's last frame (`x` true) when its interval is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engine.market import Market
from . import statistics
from .candles import DAY_MS, HOUR_MS, INTERVALS_MS
from .connection import dumps

if TYPE_CHECKING:
    from .publisher import Publisher

_WINDOWS_MS = {"1h": HOUR_MS, "4h": 4 * HOUR_MS, "1d": DAY_MS}
_ARRAYS = {"!ticker@arr": "24hrTicker", "!miniTicker@arr": "24hrMiniTicker"}


def publish(publisher: Publisher, now_ms: int) -> None:
    """Send every such stream that somebody listens to."""
    for stream in publisher.hub.names():
        kind = _ARRAYS.get(stream.removesuffix("@1000ms").removesuffix("@3000ms"))
        if kind is not None:
            events = [_event(publisher, m, kind, now_ms) for m in publisher.exchange.markets.values()]
            publisher.hub.publish(stream, lambda events=events: dumps(events))  # type: ignore[misc]
            continue
        name, _, what = stream.partition("@")
        market = publisher.exchange.markets.get(name.upper())
        if market is not None and not publisher.stale(market.spec.name):
            for event in _events(publisher, market, what, now_ms):
                publisher.hub.publish(stream, lambda event=event: dumps(event))  # type: ignore[misc]


def _events(publisher: Publisher, market: Market, what: str, now_ms: int) -> list[dict[str, Any]]:
    if what.startswith("kline_"):
        return _klines(publisher, market, what.removeprefix("kline_"), now_ms)
    if what == "ticker":
        return [_event(publisher, market, "24hrTicker", now_ms)]
    if what == "miniTicker":
        return [_event(publisher, market, "24hrMiniTicker", now_ms)]
    window = _WINDOWS_MS.get(what.removeprefix("ticker_"))
    candles = publisher.candles[market.spec.name]
    if window is not None:
        shape = statistics.rolling(market, candles, window, now_ms)
        return [statistics.ticker_event(f"{what.removeprefix('ticker_')}Ticker", shape, now_ms)]
    if what == "avgPrice":
        seen = statistics.average_price(market, candles, publisher.last_trades[market.spec.name], now_ms)
        return [
            {
                "e": "avgPrice",
                "E": now_ms,
                "s": market.spec.name,
                "i": f"{seen['mins']}m",
                "w": seen["price"],
                "T": seen["closeTime"],
            }
        ]
    return []


def _event(publisher: Publisher, market: Market, kind: str, now_ms: int) -> dict[str, Any]:
    name = market.spec.name
    prints = publisher.last_trades[name]
    shape = statistics.day(market, publisher.candles[name], prints[-1].qty if prints else 0, now_ms)
    return statistics.ticker_event(kind, shape, now_ms)


def _klines(publisher: Publisher, market: Market, interval: str, now_ms: int) -> list[dict[str, Any]]:
    width = INTERVALS_MS.get(interval)
    if width is None:
        return []
    recent = list(publisher.candles[market.spec.name].of(width, now_ms))[-2:]
    if len(recent) == 2 and recent[0].open_ms + width <= now_ms - 1000:
        del recent[0]  # its last frame went out a second ago or more
    return [statistics.kline_event(market.spec, candle, interval, width, now_ms) for candle in recent]
