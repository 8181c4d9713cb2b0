"""What else clients of the futures API read: brackets, funding terms, open interest, other candles; and what nobody has here.

Statistics below `/futures/data/` and liquidations are empty lists: there is no crowd whose ratios could be counted, and nobody is liquidated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..config import MAX_LEVERAGE
from ..engine.checks import from_e8
from ..engine.errors import RefusalError
from ..engine.market import Market
from ..engine.types import E8
from ..server import statistics
from ..server.calls_candles import interval_of
from ..server.candles import Candle, Candles
from ..server.desk import Call, Desk, Request, Security
from ..server.params import SYMBOL, Params, missing
from .calls_market import MOST_CANDLES, candles, candles_weight
from .desk import futures_desk
from .shapes import qty_text

MAX_NOTIONAL = 100_000_000
NS_PER_HOUR = 3_600_000_000_000
_CONTRACT_TYPES = ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER")


def _named(desk: Desk, request: Request) -> list[Market]:
    symbol = request.params.matched("symbol", SYMBOL)
    request.params.finish()
    return [desk.exchange.market(symbol)] if symbol is not None else list(desk.exchange.markets.values())


def brackets(desk: Desk, request: Request) -> Any:
    """One bracket a symbol: every size has the same greatest leverage."""
    return [
        {
            "symbol": market.spec.name,
            "notionalCoef": 1.0,
            "brackets": [
                {
                    "bracket": 1,
                    "initialLeverage": MAX_LEVERAGE,
                    "notionalCap": MAX_NOTIONAL,
                    "notionalFloor": 0,
                    "maintMarginRatio": 0.025,
                    "cum": 0.0,
                }
            ],
        }
        for market in _named(desk, request)
    ]


def funding_info(desk: Desk, request: Request) -> Any:
    """Interval and bounds of the funding rate."""
    request.params.finish()
    hours = futures_desk(desk).futures.funding.interval_ns / NS_PER_HOUR
    return [
        {
            "symbol": name,
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": int(hours) if hours == int(hours) else hours,
            "disclaimer": False,
        }
        for name in desk.exchange.markets
    ]


def open_interest(desk: Desk, request: Request) -> Any:
    """All long positions of the symbol, which is as much as all short ones."""
    market = desk.exchange.market(request.params.symbol())
    request.params.finish()
    lots = sum(
        held.lots
        for (_, symbol), held in futures_desk(desk).futures.margin.holdings.items()
        if symbol == market.spec.name and held.lots > 0
    )
    return {"openInterest": qty_text(market.spec, lots), "symbol": market.spec.name, "time": desk.now_ms()}


def continuous_klines(desk: Desk, request: Request) -> Any:
    """Candles of a pair's perpetual; there are no other contracts."""
    params = request.params
    pair, kind = params.need("pair"), params.need("contractType")
    if kind not in _CONTRACT_TYPES:
        raise RefusalError(-1130, "Data sent for parameter 'contractType' is not valid.")
    values = {**params.sent(), "symbol": pair}
    for name in ("pair", "contractType"):
        del values[name]
    found = candles(desk, Request(Params(values), request.identity, request.ip, request.source))
    return found if kind == "PERPETUAL" else []


def _marks(name: str, shape: Callable[[Candle], Candle]) -> Callable[[Desk, Request], Any]:
    """Candles of the mark price, each turned by `shape`; `name`: the parameter that names the symbol."""

    def handler(desk: Desk, request: Request) -> Any:
        params = request.params
        symbol = params.need(name)
        spec = desk.spec(symbol)
        width = interval_of(params)
        start, end = params.integer("startTime"), params.integer("endTime")
        limit = min(params.integer("limit", 1) or 500, MOST_CANDLES)
        params.finish()
        kept: Candles = futures_desk(desk).mark_candles[symbol]
        found = [
            candle
            for candle in kept.of(width, desk.now_ms())
            if (start is None or candle.open_ms >= start) and (end is None or candle.open_ms <= end)
        ]
        chosen = found[:limit] if start is not None else found[-limit:]
        return [statistics.kline_row(spec, shape(candle), width) for candle in chosen]

    return handler


def _as_it_is(candle: Candle) -> Candle:
    return candle


def _premium(candle: Candle) -> Candle:
    """Index and mark are the same here, so the premium is nothing."""
    return Candle(candle.open_ms, 0)


def _always(answer: Any, *names: str) -> Callable[[Desk, Request], Any]:
    """A call that has one answer whatever was asked; `names`: the parameters that it takes."""

    def handler(_desk: Desk, request: Request) -> Any:
        for name in names:
            request.params.text(name)
        request.params.finish()
        return answer

    return handler


def trading_indicators(desk: Desk, request: Request) -> Any:
    """No account breaks a trading rule here."""
    request.params.text("symbol")
    request.params.finish()
    return {"indicators": {}, "updateTime": desk.now_ms()}


def set_margin_type(desk: Desk, request: Request) -> Any:
    """Cross is what it is; isolated margin is not simulated, and refused as an account in multi-assets mode would be."""
    desk.spec(request.params.symbol())
    wanted = request.params.need("marginType")
    request.params.finish()
    if wanted not in ("ISOLATED", "CROSSED"):
        raise RefusalError(
            -4045 if not wanted else -1130, "Data sent for parameter 'marginType' is not valid."
        )
    if wanted == "CROSSED":
        raise RefusalError(-4046, "No need to change margin type.")
    raise RefusalError(-4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode.")


def add_position_margin(desk: Desk, request: Request) -> Any:
    """Only an isolated position has a margin of its own."""
    params = request.params
    desk.spec(params.symbol())
    amount, kind = params.decimal("amount"), params.integer("type", 1, 2)
    params.text("positionSide")
    params.finish()
    for name, value in (("amount", amount), ("type", kind)):
        if value is None:
            raise missing(name)
    raise RefusalError(-4054, "Cannot add position margin: position is 0.")


def set_multi_assets(_desk: Desk, request: Request) -> Any:
    """Every asset backs the symbols that are quoted in it alone."""
    wanted = request.params.need("multiAssetsMargin").lower()
    request.params.finish()
    if wanted == "true":
        raise RefusalError(
            -4167,
            "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin mode.",
        )
    return {"code": 200, "msg": "success"}


def set_fee_burn(_desk: Desk, request: Request) -> Any:
    """Commissions are never paid in BNB."""
    wanted = request.params.flag("feeBurn", False)
    request.params.finish()
    if wanted:
        raise RefusalError(-2018, "Balance is insufficient.")
    return {"code": 200, "msg": "success"}


def amendments(desk: Desk, request: Request) -> Any:
    """How orders of a symbol were modified, newest first."""
    params = request.params
    symbol = params.symbol()
    desk.spec(symbol)
    order_id, client_id = params.integer("orderId"), params.client_id("origClientOrderId")
    start, end = params.integer("startTime"), params.integer("endTime")
    limit = params.integer("limit", 1, 100) or 50
    params.finish()
    own = request.account.orders
    found = [
        row
        for row in desk.amendments
        if row["symbol"] == symbol
        and row["orderId"] in own
        and order_id in (None, row["orderId"])
        and client_id in (None, row["clientOrderId"])
        and (start is None or row["time"] >= start)
        and (end is None or row["time"] <= end)
    ]
    return found[::-1][:limit]


def constituents(desk: Desk, request: Request) -> Any:
    """The index is this venue's own price and nothing else."""
    symbol = request.params.symbol()
    mark = futures_desk(desk).futures.margin.marks
    spec = desk.spec(symbol)
    request.params.finish()
    one = {
        "exchange": "binance",
        "symbol": symbol,
        "price": from_e8(mark[symbol] * spec.tick_e8),
        "weight": from_e8(E8),
    }
    return {"symbol": symbol, "time": desk.now_ms(), "constituents": [one]}


def adl_risk(desk: Desk, request: Request) -> Any:
    """Nobody is deleveraged unless `admin/liquidate` says so."""
    single = request.params.has("symbol")
    names = [request.params.symbol()] if single else list(desk.exchange.markets)
    rows = [{"symbol": desk.spec(name).name, "adlRisk": "LOW", "updateTime": desk.now_ms()} for name in names]
    request.params.finish()
    return rows[0] if single else rows


def schedule(desk: Desk, request: Request) -> Any:
    """Of markets that have hours; a perpetual of a coin has none."""
    request.params.finish()
    return {"updateTime": desk.now_ms(), "marketSchedules": {}}


def download_id(_desk: Desk, request: Request) -> Any:
    """A history that the venue would write to a file; here it never gets ready."""
    for name in ("startTime", "endTime"):
        if not request.params.has(name):
            raise missing(name)
    request.params.finish()
    return {"avgCostTimestampOfLast30d": 0, "downloadId": DOWNLOAD}


def download_link(_desk: Desk, request: Request) -> Any:
    """No link: the file is being made."""
    named = request.params.need("downloadId")
    request.params.finish()
    return {
        "downloadId": named,
        "status": "processing",
        "url": "",
        "s3Link": None,
        "notified": False,
        "expirationTimestamp": -1,
        "isExpired": None,
    }


DOWNLOAD = "546975389218332672"
_HISTORIES = ("income", "order", "trade")
_SIGNED = Security.SIGNED
_RANGE = ("symbol", "startTime", "endTime", "limit", "page", "orderId", "fromId", "autoCloseType", "type")
_RATIOS = (
    "openInterestHist", "topLongShortAccountRatio", "topLongShortPositionRatio", "globalLongShortAccountRatio",
    "takerlongshortRatio", "basis", "delivery-price",
)  # fmt: skip
CALLS = (
    Call(("GET", "v1/leverageBracket"), None, brackets, 1, _SIGNED),
    Call(("GET", "v1/fundingInfo"), None, funding_info, 0),
    Call(("GET", "v1/openInterest"), None, open_interest),
    Call(("GET", "v1/continuousKlines"), None, continuous_klines, candles_weight),
    Call(("GET", "v1/markPriceKlines"), None, _marks("symbol", _as_it_is), candles_weight),
    Call(("GET", "v1/indexPriceKlines"), None, _marks("pair", _as_it_is), candles_weight),
    Call(("GET", "v1/premiumIndexKlines"), None, _marks("symbol", _premium), candles_weight),
    Call(("GET", "v1/apiTradingStatus"), None, trading_indicators, 1, _SIGNED),
    Call(("GET", "v1/multiAssetsMargin"), None, _always({"multiAssetsMargin": False}), 30, _SIGNED),
    Call(("POST", "v1/multiAssetsMargin"), None, set_multi_assets, 1, _SIGNED),
    Call(("GET", "v1/feeBurn"), None, _always({"feeBurn": False}), 30, _SIGNED),
    Call(("POST", "v1/feeBurn"), None, set_fee_burn, 1, _SIGNED),
    Call(("POST", "v1/marginType"), None, set_margin_type, 1, _SIGNED),
    Call(("POST", "v1/positionMargin"), None, add_position_margin, 1, _SIGNED),
    Call(("GET", "v1/positionMargin/history"), None, _always([], *_RANGE), 1, _SIGNED),
    Call(("GET", "v1/orderAmendment"), None, amendments, 1, _SIGNED),
    Call(("GET", "v1/adlQuantile"), None, _always([], "symbol"), 5, _SIGNED),
    Call(("GET", "v1/forceOrders"), None, _always([], *_RANGE), 20, _SIGNED),
    Call(("GET", "v1/constituents"), None, constituents, 2),
    Call(("GET", "v1/symbolAdlRisk"), None, adl_risk),
    Call(("GET", "v1/tradingSchedule"), None, schedule, 5),
    Call(("GET", "v1/insuranceBalance"), None, _always([], "symbol")),
    Call(("GET", "v1/indexInfo"), None, _always([], "symbol")),
    *(Call(("GET", f"v1/{kind}/asyn"), None, download_id, 1000, _SIGNED) for kind in _HISTORIES),
    *(Call(("GET", f"v1/{kind}/asyn/id"), None, download_link, 10, _SIGNED) for kind in _HISTORIES),
    Call(("GET", "v1/assetIndex"), None, _always([], "symbol"), 10),
    Call(("GET", "v1/convert/exchangeInfo"), None, _always([], "fromAsset", "toAsset"), 20),
    *(
        Call(
            ("GET", f"/futures/data/{name}"),
            None,
            _always([], "symbol", "pair", "contractType", "period", "limit", "startTime", "endTime"),
        )
        for name in _RATIOS
    ),
)
