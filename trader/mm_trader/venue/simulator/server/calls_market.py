"""Public calls: time, exchangeInfo, books, recent trades."""

from __future__ import annotations

import json
from typing import Any

from ..engine.checks import from_e8, plain
from ..engine.errors import RefusalError
from ..engine.events import TradeEvent
from ..engine.market import Market
from ..engine.types import SymbolSpec, SymbolStatus
from .desk import Call, Desk, Request
from .info import book_levels, exchange_info
from .params import Params

MAX_DEPTH = 5000
STATUS_MISMATCH = (-1220, "The symbol's status does not match the requested symbolStatus.")
PERMISSION = "SPOT"
"""The one permission that every symbol here asks for."""


def ping(_desk: Desk, request: Request) -> Any:
    request.params.finish()
    return {}


def time(desk: Desk, request: Request) -> Any:
    request.params.finish()
    return {"serverTime": desk.now_ms()}


def named_markets(desk: Desk, params: Params) -> list[Market] | None:
    """Markets named by `symbol` or `symbols` (a JSON list), None if neither was sent."""
    one, several = params.text("symbol"), params.text("symbols")
    if one is not None and several is not None:
        raise RefusalError(
            -1128, "Combination of optional parameters invalid. Recommendation: 'symbol' or 'symbols'"
        )
    if one is not None:
        return [desk.exchange.market(one)]
    if several is None:
        return None
    try:
        names = json.loads(several)
    except (ValueError, RecursionError) as error:
        raise RefusalError(-1100, _bad_symbols()) from error
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise RefusalError(-1100, _bad_symbols())
    if len(set(names)) != len(names):
        raise RefusalError(-1151, "Symbol is present multiple times in the list.")
    return [desk.exchange.market(n) for n in names]


def wanted_status(params: Params) -> SymbolStatus | None:
    """`symbolStatus`, or -1122."""
    return params.choice("symbolStatus", SymbolStatus, (-1122, "Invalid symbolStatus."))


def one_market(desk: Desk, params: Params) -> Market:
    """The market of `symbol`; -1220 where it is not in the status asked for."""
    market = desk.exchange.market(params.symbol())
    if wanted_status(params) not in (None, market.status):
        raise RefusalError(*STATUS_MISMATCH)
    return market


def chosen_markets(desk: Desk, params: Params) -> list[Market] | None:
    """As `named_markets`, of those only the ones in `symbolStatus`; a single one that is not is refused (-1220)."""
    if params.has("symbol") and not params.has("symbols"):
        return [one_market(desk, params)]
    markets, status = named_markets(desk, params), wanted_status(params)
    if status is None:
        return markets
    return [m for m in markets or desk.exchange.markets.values() if m.status is status]


def _bad_symbols() -> str:
    return (
        "Illegal characters found in parameter 'symbols'; legal range is "
        '\'^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$\'.'
    )


def exchange_information(desk: Desk, request: Request) -> Any:
    params = request.params
    markets, status = named_markets(desk, params), wanted_status(params)
    permissions = params.text("permissions")
    sets_shown = params.flag("showPermissionSets", True)
    params.finish()
    if markets is not None and (status is not None or permissions is not None):
        raise RefusalError(-1128, "Combination of optional parameters invalid.")
    if markets is None:
        markets = [m for m in desk.exchange.markets.values() if status in (None, m.status)]
    if permissions is not None and PERMISSION not in _words(permissions):
        markets = []
    info = exchange_info(markets, desk.limits, desk.exchange.default_stp, desk.now_ms())
    if not sets_shown:
        for symbol in info["symbols"]:
            symbol["permissionSets"] = []
    return info


def _words(listed: str) -> list[str]:
    """One name, or a JSON list of names."""
    if not listed.startswith("["):
        return [listed]
    try:
        return [str(one) for one in json.loads(listed)]
    except (ValueError, RecursionError) as error:
        raise RefusalError(-1100, "Illegal characters found in parameter 'permissions'.") from error


def depth(desk: Desk, request: Request) -> Any:
    params = request.params
    market = one_market(desk, params)
    limit = params.integer("limit", 1) or 100
    params.finish()
    bids, asks = book_levels(market, min(limit, MAX_DEPTH))
    return {"lastUpdateId": market.u, "bids": bids, "asks": asks}


def depth_weight(params: Params) -> int:
    try:
        limit = params.integer("limit") or 100
    except RefusalError:
        return 5
    for most, weight in ((100, 5), (500, 25), (1000, 50)):
        if limit <= most:
            return weight
    return 250


def _book_ticker(market: Market) -> dict[str, str]:
    spec = market.spec
    bid, bid_qty, ask, ask_qty = market.book.touch()
    return {
        "symbol": spec.name,
        "bidPrice": from_e8(bid * spec.tick_e8),
        "bidQty": from_e8(bid_qty * spec.lot_e8),
        "askPrice": from_e8(ask * spec.tick_e8),
        "askQty": from_e8(ask_qty * spec.lot_e8),
    }


def book_ticker(desk: Desk, request: Request) -> Any:
    single = request.params.has("symbol")
    markets = chosen_markets(desk, request.params)
    request.params.finish()
    shapes = [_book_ticker(m) for m in (markets if markets is not None else desk.exchange.markets.values())]
    return shapes[0] if single else shapes


def price_ticker(desk: Desk, request: Request) -> Any:
    single = request.params.has("symbol")
    markets = chosen_markets(desk, request.params)
    request.params.finish()
    shapes = [
        {"symbol": m.spec.name, "price": from_e8(m.reference() * m.spec.tick_e8)}
        for m in (markets if markets is not None else desk.exchange.markets.values())
    ]
    return shapes[0] if single else shapes


def trade_shape(spec: SymbolSpec, t: TradeEvent) -> dict[str, Any]:
    """A public print as REST shows it."""
    return {
        "id": t.id,
        "price": plain(t.price * spec.tick_e8, spec.price_digits),
        "qty": plain(t.qty * spec.lot_e8, spec.qty_digits),
        "quoteQty": plain(t.price * t.qty * spec.quote_mult, min(8, spec.price_digits + spec.qty_digits)),
        "time": t.time_ns // 1_000_000,
        "isBuyerMaker": t.buyer_is_maker,
        ("isRPITrade" if spec.perpetual else "isBestMatch"): not spec.perpetual,
    }


def trades(desk: Desk, request: Request) -> Any:
    params = request.params
    market = desk.exchange.market(params.symbol())
    limit = params.integer("limit", 1, 1000) or 500
    params.finish()
    spec = market.spec
    return [trade_shape(spec, t) for t in desk.publisher.last_trades[spec.name][-limit:]]


def _ticker_weight(params: Params) -> int:
    return 2 if params.has("symbol") else 4


CALLS = (
    Call(("GET", "ping"), "ping", ping),
    Call(("GET", "time"), "time", time),
    Call(("GET", "exchangeInfo"), "exchangeInfo", exchange_information, 20),
    Call(("GET", "depth"), "depth", depth, depth_weight),
    Call(("GET", "ticker/bookTicker"), "ticker.book", book_ticker, _ticker_weight),
    Call(("GET", "ticker/price"), "ticker.price", price_ticker, _ticker_weight),
    Call(("GET", "trades"), "trades.recent", trades, 25),
)
