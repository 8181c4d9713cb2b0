"""What was traded: historicalTrades, aggTrades, avgPrice, ticker/24hr. All from the last 2,000 prints of a symbol that the publisher keeps.

A day's statistics are therefore those of the prints that are kept; nothing here pretends to know more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine.checks import from_e8
from ..engine.events import TradeEvent
from ..engine.market import Market
from .calls_market import trade_shape
from .desk import Call, Desk, Request

MOST = 1000
AVERAGE_MINUTES = 5
_MINUTE_NS = 60_000_000_000
_DAY_MS = 86_400_000


def historical_trades(desk: Desk, request: Request) -> Any:
    """Prints from an id on; without one the newest."""
    params = request.params
    market = desk.exchange.market(params.symbol())
    limit = params.integer("limit", 1, MOST) or 500
    first = params.integer("fromId")
    params.finish()
    kept = desk.publisher.last_trades[market.spec.name]
    chosen = kept[-limit:] if first is None else [t for t in kept if t.id >= first][:limit]
    return [trade_shape(market.spec, t) for t in chosen]


def aggregate_trades(desk: Desk, request: Request) -> Any:
    """Runs of prints of one taker at one price, as the stream `@aggTrade` numbers them."""
    params = request.params
    market = desk.exchange.market(params.symbol())
    limit = params.integer("limit", 1, MOST) or 500
    first, start, end = params.integer("fromId"), params.integer("startTime"), params.integer("endTime")
    params.finish()
    kept = [
        shape
        for shape in desk.publisher.last_aggregates[market.spec.name]
        if (first is None or shape["a"] >= first)
        and (start is None or shape["T"] >= start)
        and (end is None or shape["T"] <= end)
    ]
    return kept[-limit:] if first is None and start is None else kept[:limit]


def _average(market: Market, prints: Sequence[TradeEvent]) -> str:
    """Volume-weighted price, or the reference price where nothing was traded; cut to eight digits."""
    lots = sum(t.qty for t in prints)
    if not lots:
        return from_e8(market.reference() * market.spec.tick_e8)
    return from_e8(sum(t.price * t.qty for t in prints) * market.spec.tick_e8 // lots)


def average_price(desk: Desk, request: Request) -> Any:
    """Volume-weighted price of five minutes."""
    market = desk.exchange.market(request.params.symbol())
    request.params.finish()
    now_ns = desk.now_ms() * 1_000_000
    kept = desk.publisher.last_trades[market.spec.name]
    recent = [t for t in kept if t.time_ns > now_ns - AVERAGE_MINUTES * _MINUTE_NS]
    closed = recent[-1].time_ns // 1_000_000 if recent else desk.now_ms()
    return {"mins": AVERAGE_MINUTES, "price": _average(market, recent), "closeTime": closed}


def _statistics(desk: Desk, market: Market) -> dict[str, Any]:
    spec, now = market.spec, desk.now_ms()
    prints = [t for t in desk.publisher.last_trades[spec.name] if t.time_ns // 1_000_000 > now - _DAY_MS]
    prices = [t.price for t in prints] or [market.reference()]
    change = prices[-1] - prices[0]
    bid, bid_qty, ask, ask_qty = market.book.touch()

    def price(ticks: int) -> str:
        return from_e8(ticks * spec.tick_e8)

    def size(lots: int) -> str:
        return from_e8(lots * spec.lot_e8)

    return {
        "symbol": spec.name,
        "priceChange": price(change),
        "priceChangePercent": f"{100 * change / prices[0]:.3f}" if prices[0] else "0.000",
        "weightedAvgPrice": _average(market, prints),
        "prevClosePrice": price(prices[0]),
        "lastPrice": price(prices[-1]),
        "lastQty": size(prints[-1].qty if prints else 0),
        "bidPrice": price(bid),
        "bidQty": size(bid_qty),
        "askPrice": price(ask),
        "askQty": size(ask_qty),
        "openPrice": price(prices[0]),
        "highPrice": price(max(prices)),
        "lowPrice": price(min(prices)),
        "volume": size(sum(t.qty for t in prints)),
        "quoteVolume": from_e8(sum(t.price * t.qty for t in prints) * spec.quote_mult),
        "openTime": now - _DAY_MS,
        "closeTime": now,
        "firstId": prints[0].id if prints else -1,
        "lastId": prints[-1].id if prints else -1,
        "count": len(prints),
    }


def day_ticker(desk: Desk, request: Request) -> Any:
    """Statistics of 24 hours, of one symbol or of all."""
    single = request.params.text("symbol")
    request.params.text("type")
    request.params.finish()
    if single is not None:
        return _statistics(desk, desk.exchange.market(single))
    return [_statistics(desk, market) for market in desk.exchange.markets.values()]


CALLS = (
    Call(("GET", "historicalTrades"), "trades.historical", historical_trades, 25),
    Call(("GET", "aggTrades"), "trades.aggregate", aggregate_trades, 4),
    Call(("GET", "avgPrice"), "avgPrice", average_price, 2),
    Call(("GET", "ticker/24hr"), "ticker.24hr", day_ticker, lambda p: 2 if p.has("symbol") else 80),
)
