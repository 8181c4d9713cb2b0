"""Candles and statistics of a window: klines, uiKlines, ticker, ticker/24hr, ticker/tradingDay, avgPrice."""

from __future__ import annotations

import re
from typing import Any

from ..engine.errors import RefusalError
from ..engine.market import Market
from . import statistics
from .calls_market import chosen_markets
from .candles import DAY_MS, HOUR_MS, INTERVALS_MS, MINUTE_MS
from .desk import Call, Desk, Request
from .params import Params

MOST = 1000
_ZONE = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-5][0-9]))?", re.ASCII)
_WINDOWS_MS = {
    **{f"{n}m": n * MINUTE_MS for n in range(1, 60)},
    **{f"{n}h": n * HOUR_MS for n in range(1, 24)},
    **{f"{n}d": n * DAY_MS for n in range(1, 8)},
}


def interval_of(params: Params) -> int:
    """Milliseconds of `interval`."""
    interval = INTERVALS_MS.get(params.need("interval"))
    if interval is None:
        raise RefusalError(-1120, "Invalid interval.")
    return interval


def zone_of(params: Params) -> int:
    """Milliseconds by which `timeZone` (`5:45`, `-1:00`, `8`) is ahead of UTC; -12:00 to +14:00."""
    text = params.text("timeZone")
    if text is None:
        return 0
    found = _ZONE.fullmatch(text)
    if found is not None:
        ahead = int(found[2]) * HOUR_MS + int(found[3] or 0) * MINUTE_MS
        ahead = -ahead if found[1] == "-" else ahead
        if -12 * HOUR_MS <= ahead <= 14 * HOUR_MS:
            return ahead
    raise RefusalError(-1130, "Data sent for parameter 'timeZone' is not valid.")


def klines(desk: Desk, request: Request, most: int = MOST) -> Any:
    """Candles of an interval; of the last 25 hours, which is what is kept. `most`: how many at once."""
    params = request.params
    market = desk.exchange.market(params.symbol())
    interval = interval_of(params)
    start, end = params.time("startTime"), params.time("endTime")
    limit = min(params.integer("limit", 1) or 500, most)
    zone = zone_of(params)
    params.finish()
    found = [
        candle
        for candle in desk.publisher.candles[market.spec.name].of(interval, desk.now_ms(), zone)
        if (start is None or candle.open_ms >= start) and (end is None or candle.open_ms <= end)
    ]
    chosen = found[:limit] if start is not None else found[-limit:]
    return [statistics.kline_row(market.spec, candle, interval) for candle in chosen]


def average_price(desk: Desk, request: Request) -> Any:
    """Volume-weighted price of five minutes."""
    market = desk.exchange.market(request.params.symbol())
    request.params.finish()
    name = market.spec.name
    prints = desk.publisher.last_trades[name]
    return statistics.average_price(market, desk.publisher.candles[name], prints, desk.now_ms())


def _chosen(desk: Desk, params: Params) -> tuple[list[Market] | None, bool, bool]:
    """(markets or None for all, whether one object is wanted, whether MINI)."""
    single = params.has("symbol")
    markets = chosen_markets(desk, params)
    kind = params.text("type")
    if kind not in (None, "FULL", "MINI"):
        raise RefusalError(-1130, "Data sent for parameter 'type' is not valid.")
    return markets, single, kind == "MINI"


def day_ticker(desk: Desk, request: Request) -> Any:
    """Statistics of 24 hours, of one symbol, of several or of all."""
    markets, single, mini = _chosen(desk, request.params)
    request.params.finish()
    now = desk.now_ms()
    shapes = []
    for market in markets if markets is not None else desk.exchange.markets.values():
        name = market.spec.name
        candles, prints = desk.publisher.candles[name], desk.publisher.last_trades[name]
        shapes.append(
            statistics.rolling(market, candles, DAY_MS, now, mini)
            if mini
            else statistics.day(market, candles, prints[-1].qty if prints else 0, now)
        )
    return shapes[0] if single else shapes


def window_ticker(desk: Desk, request: Request) -> Any:
    """Statistics of `windowSize` (1 day unless sent); more than 25 hours are not kept."""
    markets, single, mini = _chosen(desk, request.params)
    width = _WINDOWS_MS.get(request.params.text("windowSize") or "1d")
    request.params.finish()
    return _windows(desk, markets, single, mini, width)


def trading_day(desk: Desk, request: Request) -> Any:
    """Statistics since midnight, UTC or of `timeZone`."""
    markets, single, mini = _chosen(desk, request.params)
    zone = zone_of(request.params)
    request.params.finish()
    return _windows(desk, markets, single, mini, (desk.now_ms() + zone) % DAY_MS or DAY_MS)


def _windows(desk: Desk, markets: list[Market] | None, single: bool, mini: bool, width: int | None) -> Any:
    if width is None:
        raise RefusalError(-1130, "Data sent for parameter 'windowSize' is not valid.")
    if markets is None:
        raise RefusalError(-1128, "Parameter 'symbol' or 'symbols' must be sent.")
    now = desk.now_ms()
    shapes = [statistics.rolling(m, desk.publisher.candles[m.spec.name], width, now, mini) for m in markets]
    return shapes[0] if single else shapes


CALLS = (
    Call(("GET", "klines"), "klines", klines, 2),
    Call(("GET", "uiKlines"), "uiKlines", klines, 2),
    Call(("GET", "avgPrice"), "avgPrice", average_price, 2),
    Call(("GET", "ticker/24hr"), "ticker.24hr", day_ticker, lambda p: 2 if p.has("symbol") else 80),
    Call(("GET", "ticker/tradingDay"), "ticker.tradingDay", trading_day, 4),
    Call(("GET", "ticker"), "ticker", window_ticker, 4),
)
