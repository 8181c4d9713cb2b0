"""Calls of conditional orders: place, cancel, query, list."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ..engine.errors import NO_SUCH_ORDER, UNKNOWN_ORDER, RefusalError
from ..engine.types import E8, SymbolSpec
from ..server.calls_orders import INVALID_TYPE, not_required, read_side
from ..server.desk import Call, Desk, Request, Security
from ..server.params import Params, missing
from . import algo_shapes
from .algo import AT_A_PRICE, CLOSERS, OPEN, AlgoOrder, AlgoTif, AlgoType, WorkingType
from .calls_orders import ResponseType, by_symbol_weight, good_till, one_way, read_stp, week
from .desk import futures_desk
from .price_match import PriceMatch, read_price_match
from .refusals import check_precision, check_price, check_quantity, check_trigger

DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}
CALLBACK_E8 = (E8 // 10, 20 * E8)
"""Least and largest `callbackRate`, percent (the largest was 10 until 2026-10-23)."""


class Family(StrEnum):
    """Algo types of the API; there is one."""

    CONDITIONAL = "CONDITIONAL"


def place(desk: Desk, request: Request) -> Any:
    """Let an order wait for its price."""
    order = _read(desk, request)
    request.params.finish()
    desk.limits.check_orders(request.account.name)
    futures_desk(desk).algos.place(order)
    desk.limits.add_orders(request.account.name, 1)
    return algo_shapes.placed(order, desk.spec(order.symbol))


def _read(desk: Desk, request: Request) -> AlgoOrder:
    params = request.params
    spec = desk.exchange.market(params.symbol()).spec
    params.required("algoType", Family)
    side = read_side(params)
    kind = params.required("type", AlgoType, INVALID_TYPE)
    tif = params.choice("timeInForce", AlgoTif, (-1115, "Invalid timeInForce.")) or AlgoTif.GTC
    client_id = params.client_id("clientAlgoId")
    close, reduce = params.flag("closePosition", False), params.flag("reduceOnly", False)
    working = params.choice("workingType", WorkingType, (-4031, "Invalid parameter working type."))
    stp = read_stp(params)
    params.choice("newOrderRespType", ResponseType)
    one_way(desk, request)
    trigger, activate, callback = _prices(params, spec, kind)
    match = read_price_match(params, limit=kind in AT_A_PRICE)
    quantity, price = _amounts(params, spec, kind, match, close=close, reduce=reduce)
    now = desk.clock.now()
    return AlgoOrder(
        id=0,
        account=request.account,
        symbol=spec.name,
        client_id=client_id or desk.generated_id(),
        type=kind,
        side=side,
        tif=AlgoTif.GTE_GTC if close else tif,
        quantity_e8=quantity,
        price_e8=price,
        trigger_e8=trigger,
        working=working or WorkingType.CONTRACT_PRICE,
        close_position=close,
        reduce_only=reduce or close,
        price_protect=params.flag("priceProtect", False),
        stp=stp if stp is not None else desk.exchange.default_stp,
        created_ns=now,
        updated_ns=now,
        good_till_ms=good_till(desk, params) if kind in AT_A_PRICE else 0,
        price_match=match,
        activate_e8=activate,
        callback_e8=callback,
    )


def _prices(params: Params, spec: SymbolSpec, kind: AlgoType) -> tuple[int, int, int]:
    """(trigger, activation, callback) 10^-8: the first of one that waits for a price, the others of one that follows it."""
    trigger = params.decimal("triggerPrice")
    if trigger is None:
        trigger = params.decimal("triggerprice")  # as the venue's own example over the WebSocket API has it
    activate, callback = params.decimal("activatePrice"), params.decimal("callbackRate")
    if kind is not AlgoType.TRAILING_STOP_MARKET:
        if trigger is None:
            raise missing("triggerPrice")
        check_trigger(spec, trigger)
        return trigger, 0, 0
    if callback is None:
        raise missing("callbackRate")
    low, high = CALLBACK_E8
    if not low <= callback <= high:
        raise RefusalError(-2007, "Invalid callBack rate.")
    if activate is not None:
        if activate <= 0:
            raise RefusalError(-4135, "Invalid activation price.")
        check_precision(activate, spec.price_digits)
    return 0, activate or 0, callback


def _amounts(
    params: Params, spec: SymbolSpec, kind: AlgoType, match: PriceMatch, *, close: bool, reduce: bool
) -> tuple[int, int]:
    """(quantity, price) 10^-8: a quantity or closePosition, and a price for limit orders alone (0: taken from the book)."""
    quantity, price = params.decimal("quantity"), params.decimal("price")
    limit = kind in AT_A_PRICE
    if close:
        if kind not in CLOSERS:
            raise RefusalError(-4136, f"Target strategy invalid for orderType '{kind}',closePosition 'true'")
        if quantity:
            raise RefusalError(-4137, "Quantity must be zero with closePosition equals true")
        if reduce:
            raise not_required("reduceOnly")
    elif quantity is None:
        raise missing("quantity")
    else:
        check_quantity(spec, quantity)
    if not limit:
        if params.has("price"):
            raise not_required("price")
        return quantity or 0, 0
    if match is not PriceMatch.NONE:
        return quantity or 0, 0
    if price is None:
        raise missing("price")
    check_price(spec, price)
    return quantity or 0, price


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
    futures_desk(desk).algos.cancel_all(request.account, symbol)
    return DONE


def open_orders(desk: Desk, request: Request) -> Any:
    """Orders that wait, and triggered ones whose order is open."""
    params = request.params
    symbol, number = params.text("symbol"), params.integer("algoId")
    params.choice("algoType", Family)
    params.finish()
    return [
        algo_shapes.listed(order, desk.spec(order.symbol))
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
    return [algo_shapes.listed(order, spec) for order in span.page(found, from_id=from_id)]


_SIGNED = Security.SIGNED
CALLS = (
    Call(("POST", "v1/algoOrder"), "algoOrder.place", place, 0, _SIGNED, True, "place", refunds=False),
    Call(("GET", "v1/algoOrder"), None, query, 1, _SIGNED),
    Call(("DELETE", "v1/algoOrder"), "algoOrder.cancel", cancel, 1, _SIGNED, True, "cancel"),
    Call(("DELETE", "v1/algoOpenOrders"), None, cancel_all, 1, _SIGNED, True, "cancel"),
    Call(("GET", "v1/openAlgoOrders"), None, open_orders, by_symbol_weight, _SIGNED),
    Call(("GET", "v1/allAlgoOrders"), None, all_orders, 5, _SIGNED),
)
