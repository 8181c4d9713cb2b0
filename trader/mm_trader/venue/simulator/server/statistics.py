"""Shapes of candles and rolling statistics, for REST, WebSocket API and streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine.checks import plain
from ..engine.events import TradeEvent
from ..engine.market import Market
from ..engine.types import SymbolSpec
from .candles import DAY_MS, MINUTE_MS, Candle, Candles

AVERAGE_MINUTES = 5


def _price(spec: SymbolSpec, ticks: int) -> str:
    return plain(ticks * spec.tick_e8, spec.price_digits)


def _size(spec: SymbolSpec, lots: int) -> str:
    return plain(lots * spec.lot_e8, spec.qty_digits)


def _quote(spec: SymbolSpec, ticks_lots: int) -> str:
    return plain(ticks_lots * spec.quote_mult, min(8, spec.price_digits + spec.qty_digits))


def kline_row(spec: SymbolSpec, candle: Candle, interval_ms: int) -> list[Any]:
    """A candle as `klines` lists it."""
    return [
        candle.open_ms,
        _price(spec, candle.open),
        _price(spec, candle.high),
        _price(spec, candle.low),
        _price(spec, candle.close),
        _size(spec, candle.volume),
        candle.open_ms + interval_ms - 1,
        _quote(spec, candle.quote),
        candle.count,
        _size(spec, candle.buy_volume),
        _quote(spec, candle.buy_quote),
        "0",
    ]


def kline_event(
    spec: SymbolSpec, candle: Candle, interval: str, interval_ms: int, now_ms: int
) -> dict[str, Any]:
    """A candle as the stream `@kline_<interval>` shows it; closed once its interval is over."""
    end_ms = candle.open_ms + interval_ms - 1
    return {
        "e": "kline",
        "E": now_ms,
        "s": spec.name,
        "k": {
            "t": candle.open_ms,
            "T": end_ms,
            "s": spec.name,
            "i": interval,
            "f": candle.first_id,
            "L": candle.last_id,
            "o": _price(spec, candle.open),
            "c": _price(spec, candle.close),
            "h": _price(spec, candle.high),
            "l": _price(spec, candle.low),
            "v": _size(spec, candle.volume),
            "n": candle.count,
            "x": now_ms > end_ms,
            "q": _quote(spec, candle.quote),
            "V": _size(spec, candle.buy_volume),
            "Q": _quote(spec, candle.buy_quote),
            "B": "0",
        },
    }


def average(spec: SymbolSpec, volume: int, quote: int, otherwise: int) -> str:
    """Volume-weighted price cut to what prices are printed with, or the price `otherwise` (ticks) where nothing was traded."""
    return plain(quote * spec.tick_e8 // volume if volume else otherwise * spec.tick_e8, spec.price_digits)


def average_price(
    market: Market, candles: Candles, prints: Sequence[TradeEvent], now_ms: int
) -> dict[str, Any]:
    """`avgPrice`: of the last five minutes."""
    seen = candles.window(AVERAGE_MINUTES * MINUTE_MS, now_ms)
    volume, quote = (seen.volume, seen.quote) if seen is not None else (0, 0)
    return {
        "mins": AVERAGE_MINUTES,
        "price": average(market.spec, volume, quote, market.reference()),
        "closeTime": prints[-1].time_ns // 1_000_000 if prints else now_ms,
    }


def _percent(now: int, before: int) -> str:
    return f"{100 * (now - before) / before:.3f}" if before else "0.000"


def rolling(
    market: Market, candles: Candles, width_ms: int, now_ms: int, mini: bool = False
) -> dict[str, Any]:
    """Statistics of a window as `ticker` (and, with `mini` false, the common part of `ticker/24hr`) shows them."""
    spec = market.spec
    seen = candles.window(width_ms, now_ms) or Candle(now_ms, market.reference())
    shape: dict[str, Any] = {"symbol": spec.name}
    if not mini:
        shape |= {
            "priceChange": _price(spec, seen.close - seen.open),
            "priceChangePercent": _percent(seen.close, seen.open),
            "weightedAvgPrice": average(spec, seen.volume, seen.quote, seen.close),
        }
    return shape | {
        "openPrice": _price(spec, seen.open),
        "highPrice": _price(spec, seen.high),
        "lowPrice": _price(spec, seen.low),
        "lastPrice": _price(spec, seen.close),
        "volume": _size(spec, seen.volume),
        "quoteVolume": _quote(spec, seen.quote),
        "openTime": now_ms - width_ms,
        "closeTime": now_ms,
        "firstId": seen.first_id,
        "lastId": seen.last_id,
        "count": seen.count,
    }


def day(market: Market, candles: Candles, last_lots: int, now_ms: int) -> dict[str, Any]:
    """`ticker/24hr` of one symbol: the window's statistics and, on spot, the touch. `last_lots`: size of the last print."""
    spec = market.spec
    bid, bid_qty, ask, ask_qty = market.book.touch()
    shape = rolling(market, candles, DAY_MS, now_ms)
    if spec.perpetual:
        return shape | {"lastQty": _size(spec, last_lots)}
    return shape | {
        "prevClosePrice": shape["openPrice"],
        "lastQty": _size(spec, last_lots),
        "bidPrice": _price(spec, bid),
        "bidQty": _size(spec, bid_qty),
        "askPrice": _price(spec, ask),
        "askQty": _size(spec, ask_qty),
    }


_TICKER = {
    "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "x": "prevClosePrice", "c": "lastPrice",
    "Q": "lastQty", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty", "o": "openPrice", "h": "highPrice",
    "l": "lowPrice", "v": "volume", "q": "quoteVolume", "O": "openTime", "C": "closeTime", "F": "firstId",
    "L": "lastId", "n": "count",
}  # fmt: skip
_MINI = "cohlvq"
_WINDOW = "pPwcohlvqOCFLn"


def ticker_event(kind: str, shape: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """Statistics under the letters of a stream: `24hrTicker`, `24hrMiniTicker`, or `<window>Ticker`."""
    letters = {"24hrTicker": "".join(_TICKER), "24hrMiniTicker": _MINI}.get(kind, _WINDOW)
    return {
        "e": kind,
        "E": now_ms,
        "s": shape["symbol"],
        **{x: shape[_TICKER[x]] for x in letters if _TICKER[x] in shape},
    }
