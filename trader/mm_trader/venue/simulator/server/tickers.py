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
_ARRAYS = {
    "!ticker@arr": "ticker",
    "!miniTicker@arr": "miniTicker",
    **{f"!ticker_{window}@arr": f"ticker_{window}" for window in _WINDOWS_MS},
}
"""What each list is made of, by symbol."""
_ZONES_MS = {"": 0, "+08:00": 8 * HOUR_MS}
"""Time zones that a candle's beginning may be counted in, by the suffix of its stream."""
_PERPETUAL = "_perpetual"
"""How a continuous contract is named after its pair."""


def publish(publisher: Publisher, now_ms: int) -> None:
    """Send every such stream that somebody listens to."""
    for stream in publisher.hub.names():
        kind = _ARRAYS.get(stream.removesuffix("@1000ms").removesuffix("@3000ms"))
        if kind is not None:
            markets = [m for m in publisher.exchange.markets.values() if not publisher.stale(m.spec.name)]
            events = [event for m in markets for event in _events(publisher, m, kind, now_ms)]
            publisher.hub.publish(stream, lambda events=events: dumps(events))  # type: ignore[misc]
            continue
        name, _, what = stream.partition("@")
        market = publisher.exchange.markets.get(name.removesuffix(_PERPETUAL).upper())
        if market is not None and not publisher.stale(market.spec.name):
            for event in _events(publisher, market, what, now_ms):
                publisher.hub.publish(stream, lambda event=event: dumps(event))  # type: ignore[misc]


def _events(publisher: Publisher, market: Market, what: str, now_ms: int) -> list[dict[str, Any]]:
    if what.startswith(("kline_", "continuousKline_")):
        return _klines(publisher, market, what, now_ms)
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


def _klines(publisher: Publisher, market: Market, what: str, now_ms: int) -> list[dict[str, Any]]:
    """`kline_<interval>` of a symbol, or `continuousKline_<interval>` of its perpetual; the suffix `@+08:00` moves where days begin."""
    kind, _, rest = what.partition("_")
    interval, _, zone = rest.partition("@")
    width = INTERVALS_MS.get(interval)
    if width is None or zone not in _ZONES_MS:
        return []
    recent = list(publisher.candles[market.spec.name].of(width, now_ms, _ZONES_MS[zone]))[-2:]
    if len(recent) == 2 and recent[0].open_ms + width <= now_ms - 1000:
        del recent[0]  # its last frame went out a second ago or more
    events = [statistics.kline_event(market.spec, candle, interval, width, now_ms) for candle in recent]
    if kind == "continuousKline":
        return [_continuous(event) for event in events]
    return events


def _continuous(event: dict[str, Any]) -> dict[str, Any]:
    candle = {name: value for name, value in event["k"].items() if name != "s"}
    return {
        "e": "continuous_kline", "E": event["E"], "ps": event["s"], "ct": "PERPETUAL", "k": candle,
    }  # fmt: skip
