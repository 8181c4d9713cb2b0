"""What was traded: historicalTrades and aggTrades, from the last 2,000 prints of a symbol that the publisher keeps."""

from __future__ import annotations

from typing import Any

from .calls_market import trade_shape
from .desk import Call, Desk, Request

MOST = 1000


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
    first, start, end = params.integer("fromId"), params.time("startTime"), params.time("endTime")
    params.finish()
    kept = [
        shape
        for shape in desk.publisher.last_aggregates[market.spec.name]
        if (first is None or shape["a"] >= first)
        and (start is None or shape["T"] >= start)
        and (end is None or shape["T"] <= end)
    ]
    return kept[-limit:] if first is None and start is None else kept[:limit]


CALLS = (
    Call(("GET", "historicalTrades"), "trades.historical", historical_trades, 25),
    Call(("GET", "aggTrades"), "trades.aggregate", aggregate_trades, 4),
)
