"""Signed calls that only read: account, commissions, orders, trades, order counts."""

from __future__ import annotations

from typing import Any

from ..engine.checks import from_e8
from ..engine.errors import NO_SUCH_ORDER, RefusalError
from ..engine.types import Order
from . import shapes
from .desk import Call, Desk, Request, Security
from .params import SYMBOL, Params

DAY_MS = 86_400_000


def find_order(desk: Desk, request: Request, refusal: RefusalError, id_name: str = "orderId") -> Order:
    """The account's order named by `orderId` and/or `origClientOrderId`, or `refusal`."""
    params = request.params
    symbol = params.symbol()
    desk.exchange.market(symbol)
    order_id = params.integer(id_name)
    client_id = params.client_id("origClientOrderId")
    if order_id is None and client_id is None:
        raise RefusalError(
            -1102, f"Param 'origClientOrderId' or '{id_name}' must be sent, but both were empty/null!"
        )
    account = request.account
    if order_id is not None:
        order = account.orders.get(order_id)
        if order is None or order.symbol != symbol:
            raise refusal
        if client_id is not None and order.client_id != client_id:
            raise RefusalError(-2039, "Client order ID is not correct for this order ID")
        return order
    assert client_id is not None, "one of the two was sent"
    order = account.by_client(symbol, client_id)
    if order is None:
        raise refusal
    return order


def account_information(_desk: Desk, request: Request) -> Any:
    omit = request.params.flag("omitZeroBalances", False)
    request.params.finish()
    assert request.identity is not None, "a signed call has an identity"
    return shapes.account(request.account, omit, request.identity.key.may_trade)


def commission(desk: Desk, request: Request) -> Any:
    symbol = request.params.symbol()
    spec = desk.spec(symbol)
    request.params.finish()
    rates = request.account.rates_for(spec.name)
    none = {"maker": shapes.ZERO, "taker": shapes.ZERO, "buyer": shapes.ZERO, "seller": shapes.ZERO}
    return {
        "symbol": symbol,
        "standardCommission": {
            **none,
            "maker": from_e8(rates.maker_e8),
            "taker": from_e8(rates.taker_e8),
        },
        "specialCommission": none,
        "taxCommission": none,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": "0.75000000",
        },
    }


def order_status(desk: Desk, request: Request) -> Any:
    order = find_order(desk, request, RefusalError(-2013, NO_SUCH_ORDER))
    request.params.finish()
    return shapes.queried(order, desk.spec(order.symbol))


def open_orders(desk: Desk, request: Request) -> Any:
    symbol = request.params.matched("symbol", SYMBOL)
    request.params.finish()
    if symbol is not None:
        desk.exchange.market(symbol)
    return [
        shapes.queried(o, desk.spec(o.symbol))
        for o in request.account.open.values()
        if symbol is None or o.symbol == symbol
    ]


def _window(params: Params) -> tuple[int | None, int | None, int]:
    """(startTime, endTime, limit) with the venue's rule of at most a day between them."""
    start, end = params.integer("startTime"), params.integer("endTime")
    if start is not None and end is not None:
        if end < start:
            raise RefusalError(-1127, "Start time is greater than end time.")
        if end - start > DAY_MS:
            raise RefusalError(-1127, "More than 24 hours between startTime and endTime.")
    return start, end, params.integer("limit", 1, 1000) or 500


def _inside(time_ms: int, start: int | None, end: int | None) -> bool:
    return (start is None or time_ms >= start) and (end is None or time_ms <= end)


def all_orders(desk: Desk, request: Request) -> Any:
    params = request.params
    symbol = params.symbol()
    spec = desk.spec(symbol)
    from_id = params.integer("orderId")
    start, end, limit = _window(params)
    params.finish()
    found = [
        o
        for o in sorted(request.account.orders.values(), key=lambda o: o.id)
        if o.symbol == symbol
        and (from_id is None or o.id >= from_id)
        and _inside(o.created_ns // 1_000_000, start, end)
    ]
    chosen = found[:limit] if from_id is not None or start is not None else found[-limit:]
    return [shapes.queried(o, spec) for o in chosen]


def my_trades(desk: Desk, request: Request) -> Any:
    params = request.params
    symbol = params.symbol()
    spec = desk.spec(symbol)
    order_id, from_id = params.integer("orderId"), params.integer("fromId")
    start, end, limit = _window(params)
    params.finish()
    if from_id is not None and (start is not None or end is not None):
        raise RefusalError(
            -1128,
            "Combination of optional parameters invalid. Recommendation: 'fromId' without 'startTime' or 'endTime'",
        )
    found = [
        t
        for t in request.account.trades
        if t.symbol == symbol
        and (order_id is None or t.order_id == order_id)
        and (from_id is None or t.id >= from_id)
        and _inside(t.time_ns // 1_000_000, start, end)
    ]
    chosen = found[:limit] if from_id is not None or start is not None else found[-limit:]
    return [shapes.my_trade(t, spec) for t in chosen]


def order_counts(desk: Desk, request: Request) -> Any:
    request.params.finish()
    return desk.limits.order_shapes(request.account.name)


def _open_weight(params: Params) -> int:
    return 6 if params.has("symbol") else 80


def _trades_weight(params: Params) -> int:
    return 5 if params.has("orderId") else 20


_SIGNED = Security.SIGNED
CALLS = (
    Call(("GET", "account"), "account.status", account_information, 20, _SIGNED),
    Call(("GET", "account/commission"), "account.commission", commission, 20, _SIGNED),
    Call(("GET", "order"), "order.status", order_status, 4, _SIGNED),
    Call(("GET", "openOrders"), "openOrders.status", open_orders, _open_weight, _SIGNED),
    Call(("GET", "allOrders"), "allOrders", all_orders, 20, _SIGNED),
    Call(("GET", "myTrades"), "myTrades", my_trades, _trades_weight, _SIGNED),
    Call(("GET", "rateLimit/order"), "account.rateLimits.orders", order_counts, 40, _SIGNED),
)
