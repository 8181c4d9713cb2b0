"""Orders of the futures API: place, test, modify, cancel, cancel all, batches, the countdown, and what reads them."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from ..engine.errors import NO_SUCH_ORDER, UNKNOWN_ORDER, RefusalError
from ..engine.types import PERPETUAL_STP, NewOrder, OrderType, StpMode, SymbolSpec, TimeInForce
from ..server.calls_account import Window, find_order, open_orders, order_status, orders_of, window
from ..server.calls_orders import INVALID_TYPE, enter, not_required, read_side
from ..server.desk import Call, Desk, Request, Security
from ..server.params import Params, missing
from . import shapes
from .desk import futures_desk
from .price_match import PriceMatch, matched_price, read_price_match
from .refusals import check_price, check_quantity, translated

MAX_BATCH = 5
MAX_BATCH_CANCEL = 10
MAX_COUNTDOWN_MS = 1 << 31
LEAST_LIFE_MS = 600_000
"""Of an order good till a date."""
LAST_DATE_MS = 253_402_300_799_000
WEEK_MS = 7 * 86_400_000


CONDITIONAL = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
"""Order types that the venue takes at its algo endpoints alone (`calls_algo`)."""
USE_ALGO = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."


class FuturesType(StrEnum):
    LIMIT = "LIMIT"
    MARKET = "MARKET"


class FuturesTif(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"
    GTD = "GTD"


ENGINE_TIF = {FuturesTif.IOC: TimeInForce.IOC, FuturesTif.FOK: TimeInForce.FOK}
"""The others rest."""


class PositionSide(StrEnum):
    BOTH = "BOTH"
    LONG = "LONG"
    SHORT = "SHORT"


class ResponseType(StrEnum):
    ACK = "ACK"
    RESULT = "RESULT"


def read_new_order(desk: Desk, request: Request) -> tuple[NewOrder, PriceMatch]:
    """The new order that the parameters describe, and where its price was taken from."""
    params = request.params
    symbol = params.symbol()
    market = desk.exchange.market(symbol)
    side = read_side(params)
    if params.peek("type") in CONDITIONAL:
        raise RefusalError(-4120, USE_ALGO)
    kind = params.required("type", FuturesType, INVALID_TYPE)
    tif = params.choice("timeInForce", FuturesTif, (-1115, "Invalid timeInForce."))
    quantity, price = params.decimal("quantity"), params.decimal("price")
    client_id = params.client_id("newClientOrderId")
    reduce_only = params.flag("reduceOnly", False)
    stp = read_stp(params)
    params.choice("newOrderRespType", ResponseType)
    one_way(desk, request)
    for name in ("workingType", "priceProtect", "closePosition"):
        params.text(name)  # meaningful for conditional orders only, which are not here
    match = read_price_match(params, limit=kind is FuturesType.LIMIT)
    if match is not PriceMatch.NONE:
        price = matched_price(market, side, match)
    if quantity is None:
        raise missing("quantity")
    if kind is FuturesType.MARKET:
        for name in ("price", "timeInForce"):
            if params.has(name):
                raise not_required(name)
    else:
        for name, value in (("timeInForce", tif), ("price", price)):
            if value is None:
                raise missing(name)
    check_amounts(market.spec, price, quantity)
    maker = tif is FuturesTif.GTX
    new = NewOrder(
        symbol,
        side,
        OrderType.LIMIT_MAKER if maker else OrderType(kind.value),
        client_id or desk.generated_id(),
        ENGINE_TIF.get(tif, TimeInForce.GTC) if tif is not None else TimeInForce.GTC,
        quantity,
        price,
        stp=stp,
        reduce_only=reduce_only,
    )
    return new, match


def read_stp(params: Params) -> StpMode | None:
    """Self-trade prevention; None: the venue's own mode."""
    refusal = (-5039, "Invalid self trade prevention mode.")
    mode = params.choice("selfTradePreventionMode", StpMode, refusal)
    if mode is not None and mode not in PERPETUAL_STP:
        raise RefusalError(*refusal)
    return mode


def check_amounts(spec: SymbolSpec, price: int | None, quantity: int) -> None:
    """Price (None: at the market) and quantity of a new or changed order, before the engine looks at them."""
    if price is not None:
        check_price(spec, price)
    check_quantity(spec, quantity)


def one_way(desk: Desk, request: Request) -> None:
    """Refuse an order for one side of a hedge position, or of an account in hedge mode."""
    side = request.params.choice("positionSide", PositionSide)
    if side not in (None, PositionSide.BOTH) or request.account.name in futures_desk(desk).hedged:
        raise RefusalError(-4061, "Order's position side does not match user's setting.")


def good_till(desk: Desk, params: Params) -> int:
    """`goodTillDate` of a GTD order in ms, whole seconds; 0 for any other."""
    date = params.integer("goodTillDate")
    if params.peek("timeInForce") != FuturesTif.GTD:
        return 0
    if date is None:
        raise missing("goodTillDate")
    if not desk.now_ms() + LEAST_LIFE_MS < date < LAST_DATE_MS:
        raise RefusalError(
            -5040,
            "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than "
            f"{LAST_DATE_MS}",
        )
    return date // 1000 * 1000


def place(desk: Desk, request: Request) -> Any:
    new, match = read_new_order(desk, request)
    until_ms = good_till(desk, request.params)
    request.params.finish()
    desk.limits.check_orders(request.account.name)
    placed = enter(desk, request, new)
    placed.order.price_match = match
    if until_ms:
        futures_desk(desk).futures.end_at(placed.order, until_ms)
    return shapes.order(placed.order, desk.spec(placed.order.symbol))


def place_test(desk: Desk, request: Request) -> Any:
    new, _ = read_new_order(desk, request)
    good_till(desk, request.params)
    request.params.finish()
    desk.exchange.validate(request.account, new)
    return {}


def modify(desk: Desk, request: Request) -> Any:
    """Another price or quantity; the order loses its place in the queue."""
    params = request.params
    side = read_side(params)
    quantity, price = params.decimal("quantity"), params.decimal("price")
    match = read_price_match(params, limit=True)
    for name in ("origType", "modifyId"):
        params.text(name)
    one_way(desk, request)
    order = find_order(desk, request, RefusalError(-2013, NO_SUCH_ORDER))
    params.finish()
    if match is not PriceMatch.NONE:
        price = matched_price(desk.exchange.market(order.symbol), side, match)
    for name, value in (("quantity", quantity), ("price", price)):
        if value is None:
            raise missing(name)
    if order.is_final:
        raise RefusalError(-2011, UNKNOWN_ORDER)
    if side is not order.side or order.type is OrderType.MARKET:
        raise RefusalError(-5025, "Only limit order is supported.")
    assert quantity is not None and price is not None, "both were just required"
    check_amounts(desk.spec(order.symbol), price, quantity)
    desk.limits.check_orders(request.account.name)
    spec, before = desk.spec(order.symbol), (order.price, order.qty)
    futures_desk(desk).futures.modify(order, price, quantity)
    order.price_match = match
    desk.limits.add_orders(request.account.name, 1)
    if (order.price, order.qty) != before:  # it was not cancelled instead
        desk.amendments.append(shapes.amendment(order, spec, before, desk.exchange.last_execution_id))
    return shapes.order(order, desk.spec(order.symbol))


def cancel(desk: Desk, request: Request) -> Any:
    order = find_order(desk, request, RefusalError(-2011, UNKNOWN_ORDER))
    request.params.finish()
    desk.exchange.cancel(order)
    return shapes.order(order, desk.spec(order.symbol))


def cancel_all(desk: Desk, request: Request) -> Any:
    symbol = request.params.symbol()
    desk.exchange.market(symbol)
    request.params.finish()
    for order in [o for o in request.account.open.values() if o.symbol == symbol]:
        desk.exchange.cancel(order)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def countdown(desk: Desk, request: Request) -> Any:
    """Cancel everything of the symbol unless called again in time; 0 ends it."""
    symbol = request.params.symbol()
    desk.exchange.market(symbol)
    request.params.need("countdownTime")
    after = request.params.integer("countdownTime", 0, MAX_COUNTDOWN_MS)
    request.params.finish()
    futures_desk(desk).count_down(request.account, symbol, after or 0)
    return {"symbol": symbol, "countdownTime": str(after)}


def _listed(params: Params, name: str, most: int) -> list[Any]:
    try:
        rows = json.loads(params.need(name))
    except (ValueError, RecursionError) as error:
        raise RefusalError(-1130, f"Data sent for parameter '{name}' is not valid.") from error
    if not isinstance(rows, list) or not 0 < len(rows) <= most:
        raise RefusalError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return rows


def batch_orders(desk: Desk, request: Request, call: Any = place) -> Any:
    """Up to five orders, or changes of orders, each with an answer of its own."""
    rows = _listed(request.params, "batchOrders", MAX_BATCH)
    request.params.finish()
    answers: list[Any] = []
    for row in rows:
        if not isinstance(row, dict) or not all(isinstance(v, str | int | bool) for v in row.values()):
            raise RefusalError(-1130, "Data sent for parameter 'batchOrders' is not valid.")
        values = {
            name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in row.items()
        }
        answers.append(_each(lambda v=values: call(desk, _as(request, v))))
    return answers


def batch_modify(desk: Desk, request: Request) -> Any:
    return batch_orders(desk, request, modify)


def batch_cancel(desk: Desk, request: Request) -> Any:
    """Up to ten cancels of one symbol, each with an answer of its own."""
    symbol = request.params.symbol()
    sent = {
        name.lower(): name for name in request.params.sent()
    }  # some clients write these two without capitals
    by_id = "orderidlist" in sent
    name = sent.get("orderidlist" if by_id else "origclientorderidlist", "origClientOrderIdList")
    rows = _listed(request.params, name, MAX_BATCH_CANCEL)
    request.params.finish()
    key = "orderId" if by_id else "origClientOrderId"
    return [_each(lambda r=row: cancel(desk, _as(request, {"symbol": symbol, key: str(r)}))) for row in rows]


def _as(request: Request, values: dict[str, str]) -> Request:
    params = Params(values)
    params.strict, params.ids = request.params.strict, request.params.ids
    return Request(params, request.identity, request.ip, request.source)


def _each(call: Any) -> Any:
    try:
        return call()
    except RefusalError as error:
        refusal = translated(error)
        return {"code": refusal.code, "msg": refusal.msg}


def open_order(desk: Desk, request: Request) -> Any:
    order = find_order(desk, request, RefusalError(-2013, NO_SUCH_ORDER))
    request.params.finish()
    if order.is_final:
        raise RefusalError(-2013, NO_SUCH_ORDER)
    return desk.queried(order)


def all_orders(desk: Desk, request: Request) -> Any:
    return orders_of(desk, request, week)


def week(params: Params) -> Window:
    """startTime, endTime and limit; at most a week between the two."""
    return window(
        params,
        WEEK_MS,
        RefusalError(-4047, "Start time is greater than end time."),
        RefusalError(-4165, "Maximum time interval is 7 days."),
    )


def by_symbol_weight(params: Params) -> int:
    """Of a list of open orders: much more without a symbol."""
    return 1 if params.has("symbol") else 40


_SIGNED = Security.SIGNED
CALLS = (
    Call(
        ("POST", "v1/order"),
        "order.place",
        place,
        0,
        _SIGNED,
        True,
        "place",
        refunds=False,
        counts_orders=True,
    ),
    Call(
        ("PUT", "v1/order"),
        "order.modify",
        modify,
        0,
        _SIGNED,
        True,
        "amend",
        refunds=False,
        counts_orders=True,
    ),
    Call(("DELETE", "v1/order"), "order.cancel", cancel, 1, _SIGNED, True, "cancel", refunds=False),
    Call(("GET", "v1/order"), "order.status", order_status, 1, _SIGNED),
    Call(("POST", "v1/order/test"), "order.test", place_test, 0, _SIGNED),
    Call(("DELETE", "v1/allOpenOrders"), None, cancel_all, 1, _SIGNED, True, "cancel", refunds=False),
    Call(("POST", "v1/countdownCancelAll"), None, countdown, 10, _SIGNED, True, "cancel", refunds=False),
    Call(
        ("POST", "v1/batchOrders"),
        None,
        batch_orders,
        5,
        _SIGNED,
        True,
        "place",
        refunds=False,
        counts_orders=True,
    ),
    Call(
        ("PUT", "v1/batchOrders"),
        None,
        batch_modify,
        5,
        _SIGNED,
        True,
        "amend",
        refunds=False,
        counts_orders=True,
    ),
    Call(("DELETE", "v1/batchOrders"), None, batch_cancel, 1, _SIGNED, True, "cancel", refunds=False),
    Call(("GET", "v1/openOrder"), None, open_order, 1, _SIGNED),
    Call(("GET", "v1/openOrders"), None, open_orders, by_symbol_weight, _SIGNED),
    Call(("GET", "v1/allOrders"), None, all_orders, 5, _SIGNED),
)
