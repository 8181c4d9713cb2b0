"""Calls of conditional orders: place, cancel, query, list."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ..engine.checks import check_new, check_stop
from ..engine.errors import NO_SUCH_ORDER, UNKNOWN_ORDER, RefusalError
from ..engine.types import NewOrder, OrderType, StpMode, TimeInForce
from ..server.calls_orders import INVALID_TYPE, not_required, read_side
from ..server.desk import Call, Desk, Request, Security
from ..server.params import Params, missing
from . import algo_shapes
from .algo import AT_A_PRICE, OPEN, AlgoOrder, AlgoStatus, AlgoType, WorkingType
from .calls_orders import FuturesTif, ResponseType, one_way, week
from .desk import futures_desk

DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}
_TIF = {FuturesTif.IOC: TimeInForce.IOC, FuturesTif.FOK: TimeInForce.FOK}


class Family(StrEnum):
    """Algo types of the API; there is one."""

    CONDITIONAL = "CONDITIONAL"


def place(desk: Desk, request: Request) -> Any:
    """Let an order wait for its trigger price."""
    order = _read(desk, request)
    request.params.finish()
    desk.limits.check_orders(request.account.name)
    futures_desk(desk).algos.place(order)
    desk.limits.add_orders(request.account.name, 1)
    return algo_shapes.placed(order, desk.spec(order.symbol))


def _read(desk: Desk, request: Request) -> AlgoOrder:
    params = request.params
    market = desk.exchange.market(params.symbol())
    spec = market.spec
    params.required("algoType", Family)
    side = read_side(params)
    kind = params.required("type", AlgoType, INVALID_TYPE)
    tif = params.choice("timeInForce", FuturesTif, (-1115, "Invalid timeInForce.")) or FuturesTif.GTC
    if tif is FuturesTif.GTD:
        raise RefusalError(-1115, "Invalid timeInForce.")
    quantity, price = params.decimal("quantity"), params.decimal("price")
    trigger = params.decimal("triggerPrice")
    working = params.choice("workingType", WorkingType) or WorkingType.CONTRACT_PRICE
    client_id = params.client_id("clientAlgoId")
    close, reduce = params.flag("closePosition", False), params.flag("reduceOnly", False)
    protect = params.flag("priceProtect", False)
    stp = params.choice("selfTradePreventionMode", StpMode)
    params.choice("newOrderRespType", ResponseType)
    one_way(desk, request)
    if trigger is None:
        raise missing("triggerPrice")
    _check_amounts(params, kind, quantity, price, close, reduce)
    limit = kind in AT_A_PRICE
    if not close:
        asked = NewOrder(
            spec.name,
            side,
            OrderType.LIMIT if limit else OrderType.MARKET,
            "",
            qty_e8=quantity,
            price_e8=price,
        )
        check_new(
            spec, asked, 0, background=True
        )  # form alone: what it is worth is judged when it is triggered
    now = desk.clock.now()
    return AlgoOrder(
        id=0,
        account=request.account,
        symbol=spec.name,
        client_id=client_id or desk.generated_id(),
        type=kind,
        side=side,
        tif=_TIF.get(tif, TimeInForce.GTC),
        post_only=limit and tif is FuturesTif.GTX,
        quantity_e8=quantity or 0,
        price_e8=price or 0,
        trigger=check_stop(spec, trigger),
        working=working,
        close_position=close,
        reduce_only=reduce,
        price_protect=protect,
        stp=stp if stp is not None else desk.exchange.default_stp,
        created_ns=now,
        updated_ns=now,
    )


def _check_amounts(
    params: Params, kind: AlgoType, quantity: int | None, price: int | None, close: bool, reduce: bool
) -> None:
    """Quantity or closePosition, and a price for limit orders alone."""
    limit = kind in AT_A_PRICE
    if close:
        if limit:
            raise RefusalError(-4136, f"Target strategy invalid for orderType '{kind}',closePosition 'true'")
        if quantity is not None:
            raise RefusalError(-4137, "Quantity must be zero with closePosition equals true")
        if reduce:
            raise not_required("reduceOnly")
    elif quantity is None:
        raise missing("quantity")
    if limit and price is None:
        raise missing("price")
    if not limit and params.has("price"):
        raise not_required("price")


def _find(desk: Desk, request: Request, refusal: RefusalError) -> AlgoOrder:
    """The account's order named by `algoId` or `clientAlgoId`."""
    number, client_id = request.params.integer("algoId"), request.params.client_id("clientAlgoId")
    request.params.text("symbol")
    if number is None and client_id is None:
        raise RefusalError(-1102, "Param 'algoId' or 'clientAlgoId' must be sent, but both were empty/null!")
    for order in reversed(futures_desk(desk).algos.of(request.account)):
        if order.id == number if number is not None else order.client_id == client_id:
            return order
    raise refusal


def query(desk: Desk, request: Request) -> Any:
    """One order."""
    order = _find(desk, request, RefusalError(-2013, NO_SUCH_ORDER))
    request.params.finish()
    return algo_shapes.queried(order, desk.spec(order.symbol))


def cancel(desk: Desk, request: Request) -> Any:
    """End an order that waits."""
    order = _find(desk, request, RefusalError(-2011, UNKNOWN_ORDER))
    request.params.finish()
    futures_desk(desk).algos.cancel(order)
    return {"algoId": order.id, "clientAlgoId": order.client_id, "code": "200", "msg": "success"}


def cancel_all(desk: Desk, request: Request) -> Any:
    """End every order of a symbol that waits."""
    symbol = request.params.symbol()
    desk.exchange.market(symbol)
    request.params.finish()
    algos = futures_desk(desk).algos
    for order in algos.of(request.account):
        if order.symbol == symbol and order.status is AlgoStatus.NEW:
            algos.cancel(order)
    return DONE


def open_orders(desk: Desk, request: Request) -> Any:
    """Orders that wait, and triggered ones whose order is open."""
    params = request.params
    symbol, number = params.text("symbol"), params.integer("algoId")
    params.choice("algoType", Family)
    params.finish()
    return [
        algo_shapes.queried(order, desk.spec(order.symbol))
        for order in futures_desk(desk).algos.of(request.account)
        if order.status in OPEN and symbol in (None, order.symbol) and number in (None, order.id)
    ]


def all_orders(desk: Desk, request: Request) -> Any:
    """Orders of a symbol, the oldest first."""
    params = request.params
    symbol, from_id = params.symbol(), params.integer("algoId")
    spec = desk.spec(symbol)
    params.integer("page")
    span = week(params)
    params.finish()
    found = [
        order
        for order in futures_desk(desk).algos.of(request.account)
        if order.symbol == symbol
        and (from_id is None or order.id >= from_id)
        and span.holds(order.created_ns // 1_000_000)
    ]
    return [algo_shapes.queried(order, spec) for order in span.page(found, from_id=from_id)]


_SIGNED = Security.SIGNED
CALLS = (
    Call(("POST", "v1/algoOrder"), "algoOrder.place", place, 0, _SIGNED, True, "place", refunds=False),
    Call(("GET", "v1/algoOrder"), None, query, 1, _SIGNED),
    Call(("DELETE", "v1/algoOrder"), "algoOrder.cancel", cancel, 1, _SIGNED, True, "cancel"),
    Call(("DELETE", "v1/algoOpenOrders"), None, cancel_all, 1, _SIGNED, True, "cancel"),
    Call(("GET", "v1/openAlgoOrders"), None, open_orders, 1, _SIGNED),
    Call(("GET", "v1/allAlgoOrders"), None, all_orders, 5, _SIGNED),
)
