"""Public calls of the futures API."""

from __future__ import annotations

from typing import Any

from ..engine.checks import from_e8, plain
from ..engine.market import Market
from ..server.calls_candles import day_ticker, klines
from ..server.calls_history import aggregate_trades, historical_trades
from ..server.calls_market import ping, time, trades
from ..server.desk import Call, Desk, Request
from ..server.params import Params
from .algo import TRIGGER_PROTECT_E4, AlgoType
from .desk import futures_desk
from .shapes import levels, price_text, qty_text

MAX_DEPTH = 1000
NEVER_MS = 4_133_404_800_000
"""Delivery date of a perpetual."""


def filters(market: Market) -> list[dict[str, Any]]:
    """The filters that are enforced."""
    spec = market.spec
    price, lot = spec.price_digits, spec.qty_digits
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": plain(spec.min_price_e8, price),
            "maxPrice": plain(spec.max_price_e8, price),
            "tickSize": plain(spec.tick_e8, price),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": plain(spec.min_qty_e8, lot),
            "maxQty": plain(spec.max_qty_e8, lot),
            "stepSize": plain(spec.lot_e8, lot),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": plain(spec.min_qty_e8, lot),
            "maxQty": plain(spec.market_max_qty_e8, lot),
            "stepSize": plain(spec.lot_e8, lot),
        },
        {"filterType": "MAX_NUM_ORDERS", "limit": spec.max_num_orders},
        {"filterType": "MIN_NOTIONAL", "notional": plain(spec.min_notional_e8, 0)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": f"{spec.percent_up_e4 / 10_000:.4f}",
            "multiplierDown": f"{spec.percent_down_e4 / 10_000:.4f}",
            "multiplierDecimal": "4",
        },
    ]


def symbol_info(market: Market) -> dict[str, Any]:
    spec = market.spec
    return {
        "symbol": spec.name,
        "pair": spec.name,
        "contractType": "PERPETUAL",
        "deliveryDate": NEVER_MS,
        "onboardDate": 1_567_965_300_000,
        "status": market.status.value,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": spec.base,
        "quoteAsset": spec.quote,
        "marginAsset": spec.quote,
        "pricePrecision": spec.price_digits,
        "quantityPrecision": spec.qty_digits,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": f"{TRIGGER_PROTECT_E4 / 10_000:.4f}",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": spec.max_modifies,
        "filters": filters(market),
        "orderTypes": ["LIMIT", "MARKET", *(kind.value for kind in AlgoType)],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "permissionSets": ["COPY"],
    }


def exchange_information(desk: Desk, request: Request) -> Any:
    """All symbols: the futures API takes no list of them."""
    request.params.finish()
    markets = desk.exchange.markets.values()
    assets = sorted({market.spec.quote for market in markets})
    return {
        "timezone": "UTC",
        "serverTime": desk.now_ms(),
        "futuresType": "U_MARGINED",
        "rateLimits": [rule.shape() for rule in desk.limits.rules],
        "exchangeFilters": [],
        "assets": [{"asset": a, "marginAvailable": True, "autoAssetExchange": "0"} for a in assets],
        "symbols": [symbol_info(market) for market in markets],
    }


def depth(desk: Desk, request: Request) -> Any:
    market = desk.exchange.market(request.params.symbol())
    limit = request.params.integer("limit", 1) or 500
    request.params.finish()
    bids, asks = levels(market, min(limit, MAX_DEPTH))
    now = desk.now_ms()
    return {"lastUpdateId": market.u, "E": now, "T": now, "bids": bids, "asks": asks}


MOST_CANDLES = 1500


def candles(desk: Desk, request: Request) -> Any:
    """Candles of an interval, as on spot, but more at once."""
    return klines(desk, request, MOST_CANDLES)


def candles_weight(params: Params) -> int:
    limit = _asked(params)
    return next((weight for below, weight in ((100, 1), (500, 2), (1001, 5)) if limit < below), 10)


def depth_weight(params: Params) -> int:
    limit = _asked(params)
    return next((weight for most, weight in ((50, 2), (100, 5), (500, 10)) if limit <= most), 20)


def _asked(params: Params) -> int:
    """`limit`, or what it is where it says nothing that can be read."""
    value = params.text("limit") if params.has("limit") else None
    readable = value is not None and value.isascii() and value.isdigit() and len(value) < 9
    return int(value) if value is not None and readable else 500


def _chosen(desk: Desk, request: Request) -> tuple[list[Market], bool]:
    """(markets asked for, whether a single one was named)."""
    single = request.params.has("symbol")
    markets = (
        [desk.exchange.market(request.params.symbol())] if single else list(desk.exchange.markets.values())
    )
    request.params.finish()
    return markets, single


def book_ticker(desk: Desk, request: Request) -> Any:
    markets, single = _chosen(desk, request)
    now = desk.now_ms()
    rows = []
    for market in markets:
        spec = market.spec
        bid, bid_qty, ask, ask_qty = market.book.touch()
        rows.append(
            {
                "lastUpdateId": market.u,
                "symbol": spec.name,
                "bidPrice": price_text(spec, bid),
                "bidQty": qty_text(spec, bid_qty),
                "askPrice": price_text(spec, ask),
                "askQty": qty_text(spec, ask_qty),
                "time": now,
            }
        )
    return rows[0] if single else rows


def price_ticker(desk: Desk, request: Request) -> Any:
    markets, single = _chosen(desk, request)
    now = desk.now_ms()
    rows = [{"symbol": m.spec.name, "price": price_text(m.spec, m.reference()), "time": now} for m in markets]
    return rows[0] if single else rows


def premium_index(desk: Desk, request: Request) -> Any:
    """Mark price, index price (here the same), funding rate and the next settlement."""
    markets, single = _chosen(desk, request)
    exchange = futures_desk(desk).futures
    now = desk.clock.now()
    rows = []
    for market in markets:
        mark = from_e8(exchange.margin.marks[market.spec.name] * market.spec.tick_e8)
        rows.append(
            {
                "symbol": market.spec.name,
                "markPrice": mark,
                "indexPrice": mark,
                "estimatedSettlePrice": mark,
                "lastFundingRate": from_e8(exchange.funding.rate_e8),
                "interestRate": "0.00010000",
                "nextFundingTime": exchange.funding.next_ns(now) // 1_000_000,
                "time": now // 1_000_000,
            }
        )
    return rows[0] if single else rows


def funding_rates(desk: Desk, request: Request) -> Any:
    """Settlements, oldest first."""
    params = request.params
    symbol = params.text("symbol")
    start, end = params.integer("startTime"), params.integer("endTime")
    limit = params.integer("limit", 1, 1000) or 100
    params.finish()
    exchange = futures_desk(desk).futures
    rows = [
        {
            "symbol": one.symbol,
            "fundingRate": from_e8(one.rate_e8),
            "fundingTime": one.time_ns // 1_000_000,
            "markPrice": from_e8(one.mark * exchange.market(one.symbol).spec.tick_e8),
        }
        for one in exchange.funding.history
        if symbol in (None, one.symbol)
        and (start is None or one.time_ns // 1_000_000 >= start)
        and (end is None or one.time_ns // 1_000_000 <= end)
    ]
    return rows[:limit] if start is not None else rows[-limit:]


def _ticker_weight(params: Params) -> int:
    return 2 if params.has("symbol") else 5


def _price_weight(params: Params) -> int:
    return 1 if params.has("symbol") else 2


CALLS = (
    Call(("GET", "v1/ping"), "ping", ping),
    Call(("GET", "v1/time"), "time", time),
    Call(("GET", "v1/exchangeInfo"), None, exchange_information),
    Call(("GET", "v1/depth"), "depth", depth, depth_weight),
    Call(("GET", "v1/rpiDepth"), None, depth, 20),
    Call(("GET", "v1/trades"), None, trades, 5),
    Call(("GET", "v1/historicalTrades"), None, historical_trades, 20),
    Call(("GET", "v1/aggTrades"), None, aggregate_trades, 20),
    Call(("GET", "v1/ticker/bookTicker"), "ticker.book", book_ticker, _ticker_weight),
    Call(("GET", "v1/ticker/price"), "ticker.price", price_ticker, _price_weight),
    Call(("GET", "v2/ticker/price"), None, price_ticker, _price_weight),
    Call(("GET", "v1/klines"), None, candles, candles_weight),
    Call(("GET", "v1/ticker/24hr"), None, day_ticker, lambda p: 1 if p.has("symbol") else 40),
    Call(("GET", "v1/premiumIndex"), None, premium_index, lambda p: 1 if p.has("symbol") else 10),
    Call(("GET", "v1/fundingRate"), None, funding_rates),
)
