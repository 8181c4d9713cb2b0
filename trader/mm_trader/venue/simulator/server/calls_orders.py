"""Signed calls that change orders: place, test, cancel, cancel all, amend. cancelReplace has a module of its own."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ..engine.checks import from_e8
from ..engine.errors import NO_SUCH_ORDER, UNKNOWN_ORDER, RefusalError
from ..engine.types import (
    AT_MARKET,
    Fill,
    NewOrder,
    Order,
    OrderStatus,
    OrderType,
    Placed,
    Side,
    StpMode,
    SymbolSpec,
    TimeInForce,
)
from . import list_shapes, shapes
from .calls_account import find_order
from .desk import Call, Desk, Request, Security
from .params import Params, missing


class ResponseType(StrEnum):
    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


class CancelRestriction(StrEnum):
    ONLY_NEW = "ONLY_NEW"
    ONLY_PARTIALLY_FILLED = "ONLY_PARTIALLY_FILLED"


STOP_NAMES = {
    OrderType.STOP_LOSS: "Stop loss",
    OrderType.STOP_LOSS_LIMIT: "Stop loss limit",
    OrderType.TAKE_PROFIT: "Take profit",
    OrderType.TAKE_PROFIT_LIMIT: "Take profit limit",
}
"""Order types that wait for a price, and what the refusal calls them where a symbol has none."""
AT_A_PRICE = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
"""They take a time in force."""
FULL_BY_DEFAULT = frozenset({OrderType.LIMIT, OrderType.MARKET})
INVALID_TYPE = (-1116, "Invalid orderType.")
CONDITIONS = frozenset(
    {"stopPrice", "trailingDelta", "icebergQty", "pegPriceType", "pegOffsetType", "pegOffsetValue"}
)
STRATEGY_TYPES_FROM = 1_000_000
"""Those below are the venue's own."""
RESTRICTED_TO = {
    CancelRestriction.ONLY_NEW: OrderStatus.NEW,
    CancelRestriction.ONLY_PARTIALLY_FILLED: OrderStatus.PARTIALLY_FILLED,
}


def not_required(name: str) -> RefusalError:
    return RefusalError(-1106, f"Parameter '{name}' sent when not required.")


def _conditions(params: Params, spec: SymbolSpec, kind: OrderType) -> tuple[int | None, str]:
    """(stopPrice, what the parameters ask for that the symbol has not, in the venue's words; nothing: it has all)."""
    stop = STOP_NAMES.get(kind, "")
    trailing, price = params.integer("trailingDelta"), params.decimal("stopPrice")
    iceberg = params.decimal("icebergQty")
    peg = params.text("pegPriceType")
    for name in ("pegOffsetType", "pegOffsetValue"):
        params.text(name)
    if stop and trailing is None and price is None:
        raise RefusalError(
            -1102, "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!"
        )
    if not stop:
        for name, value in (("stopPrice", price), ("trailingDelta", trailing)):
            if value is not None:
                raise not_required(name)
    what = ""
    if trailing is not None:
        what = "Trailing stop"
    elif stop and not spec.stop_orders:
        what = stop
    elif peg or iceberg:
        what = "Pegged" if peg else "Iceberg"
    return price, f"{what} orders are not supported for this symbol." if what else ""


def strategy(params: Params, id_name: str, type_name: str) -> tuple[int | None, int | None]:
    """(strategyId, strategyType) under these names."""
    strategy_id, strategy_type = params.integer(id_name), params.integer(type_name)
    if strategy_type is not None and strategy_type < STRATEGY_TYPES_FROM:
        raise RefusalError(-1134, f"`{type_name}` was less than {STRATEGY_TYPES_FROM}.")
    return strategy_id, strategy_type


def read_side(params: Params, name: str = "side") -> Side:
    """An order's side."""
    return params.required(name, Side, (-1117, "Invalid side."))


def read_kind(params: Params, name: str = "type") -> OrderType:
    """A spot order's type."""
    return params.required(name, OrderType, INVALID_TYPE)


def read_stp(params: Params) -> StpMode | None:
    """Self-trade prevention; None: the venue's own mode."""
    return params.choice(
        "selfTradePreventionMode",
        StpMode,
        (-1013, "This symbol does not allow the specified self-trade prevention mode."),
    )


def read_new_order(desk: Desk, params: Params) -> tuple[NewOrder, ResponseType]:
    """The new order that the parameters describe, and how its response is to look."""
    symbol = params.symbol()
    spec = desk.spec(symbol)
    side = read_side(params)
    kind = read_kind(params)
    tif = params.choice("timeInForce", TimeInForce, (-1115, "Invalid timeInForce."))
    quantity, price = params.decimal("quantity"), params.decimal("price")
    quote_quantity = params.decimal("quoteOrderQty")
    client_id = params.client_id("newClientOrderId")
    stop_price, unsupported = None, ""
    if kind in STOP_NAMES or params.any_of(CONDITIONS):
        stop_price, unsupported = _conditions(params, spec, kind)
    strategy_id, strategy_type = strategy(params, "strategyId", "strategyType")
    stp = read_stp(params)
    shape = params.choice("newOrderRespType", ResponseType)
    if kind in AT_MARKET:
        for name in ("price", "timeInForce"):
            if params.has(name):
                raise not_required(name)
        if quantity is None and (quote_quantity is None or kind is not OrderType.MARKET):
            raise missing("quantity")
        if quantity is not None and quote_quantity is not None:
            raise not_required("quoteOrderQty")
    else:
        if quote_quantity is not None:
            raise not_required("quoteOrderQty")
        if (tif is None) is (kind in AT_A_PRICE):
            raise missing("timeInForce") if tif is None else not_required("timeInForce")
        for name, value in (("quantity", quantity), ("price", price)):
            if value is None:
                raise missing(name)
    default = ResponseType.FULL if kind in FULL_BY_DEFAULT else ResponseType.ACK
    new = NewOrder(
        symbol,
        side,
        kind,
        client_id or desk.generated_id(),
        tif or TimeInForce.GTC,
        quantity,
        price,
        quote_quantity,
        stp,
        unsupported,
        strategy_id,
        strategy_type,
        stop_e8=stop_price,
    )
    return new, shape or default


def place(desk: Desk, request: Request) -> Any:
    new, shape = read_new_order(desk, request.params)
    request.params.finish()
    desk.limits.check_orders(request.account.name)
    return placed_shape(desk, enter(desk, request, new), shape)


def enter(desk: Desk, request: Request, new: NewOrder) -> Placed:
    """Hand an order to the engine; the journal learns of refusals too."""
    account = request.account
    try:
        placed = desk.exchange.place(account, new)
    except RefusalError as error:
        desk.journal.refusal(account.name, new, error.code, error.msg, desk.clock.now())
        raise
    desk.limits.add_orders(account.name, 1)
    return placed


def placed_shape(desk: Desk, placed: Placed, shape: ResponseType) -> dict[str, Any]:
    order = placed.shown or placed.order
    spec = desk.spec(order.symbol)
    body = shaped(order, spec, placed.fills, shape)
    return body if shape is ResponseType.ACK else body | shapes.prevented_matches(placed, spec)


def shaped(order: Order, spec: SymbolSpec, fills: list[Fill], shape: ResponseType) -> dict[str, Any]:
    """An order that was placed, in the form that was asked for."""
    if shape is ResponseType.ACK:
        return shapes.ack(order)
    return shapes.result(order, spec) if shape is ResponseType.RESULT else shapes.full(order, spec, fills)


def place_test(desk: Desk, request: Request) -> Any:
    """Everything but the engine: parameters, filters, order count."""
    rates_wanted = request.params.flag("computeCommissionRates", False)
    new, _ = read_new_order(desk, request.params)
    request.params.finish()
    desk.exchange.validate(request.account, new)
    if not rates_wanted:
        return {}
    rates = request.account.rates_for(new.symbol)
    none = {"maker": shapes.ZERO, "taker": shapes.ZERO}
    return {
        "standardCommissionForOrder": {
            "maker": from_e8(rates.maker_e8),
            "taker": from_e8(rates.taker_e8),
        },
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": "0.75000000",
        },
    }


def cancel_checked(
    desk: Desk, order: Order, cancel_id: str, restriction: CancelRestriction | None
) -> dict[str, Any]:
    """Cancel under an optional restriction; the cancel's response, of a whole list where the order belongs to one."""
    if order.is_final:
        raise RefusalError(-2011, UNKNOWN_ORDER)
    if restriction is not None and order.status is not RESTRICTED_TO[restriction]:
        raise RefusalError(-2011, "Order was not canceled due to cancel restrictions.")
    return cancelled(desk, order, cancel_id)


def cancelled(desk: Desk, order: Order, cancel_id: str) -> dict[str, Any]:
    """Cancel an open order, and with it all others of its list; the response."""
    spec, made = desk.spec(order.symbol), order.list
    ends = [] if made is None else [o for o in made.orders if not o.is_final]
    desk.exchange.cancel(order, cancel_id)
    if made is None:
        return shapes.cancelled(order, spec, cancel_id)
    return list_shapes.cancelled(made, ends, spec, cancel_id)


def read_restriction(params: Params) -> CancelRestriction | None:
    return params.choice("cancelRestrictions", CancelRestriction, (-1145, "Invalid cancelRestrictions"))


def cancel(desk: Desk, request: Request) -> Any:
    cancel_id = request.params.client_id("newClientOrderId") or desk.generated_id()
    restriction = read_restriction(request.params)
    order = find_order(desk, request, RefusalError(-2011, UNKNOWN_ORDER))
    request.params.finish()
    return cancel_checked(desk, order, cancel_id, restriction)


def cancel_all(desk: Desk, request: Request) -> Any:
    """Cancel every open order of one symbol."""
    symbol = request.params.symbol()
    desk.exchange.market(symbol)
    request.params.finish()
    orders = [o for o in request.account.open.values() if o.symbol == symbol]
    if not orders:
        raise RefusalError(-2011, UNKNOWN_ORDER)
    # the others of a list have ended once one of them is cancelled
    return [cancelled(desk, order, desk.generated_id()) for order in orders if not order.is_final]


def amend(desk: Desk, request: Request) -> Any:
    """Reduce an order's quantity and keep its place in the queue."""
    params = request.params
    quantity = params.decimal("newQty")
    if quantity is None:
        raise missing("newQty")
    new_id = params.client_id("newClientOrderId") or desk.generated_id()
    order = find_order(desk, request, RefusalError(-2013, NO_SUCH_ORDER))
    params.finish()
    if order.is_final:
        raise RefusalError(-2013, NO_SUCH_ORDER)
    before = order.qty
    previous = desk.exchange.amend(order, quantity, new_id)
    desk.amendments.append(
        shapes.amendment(order, desk.spec(order.symbol), previous, before, desk.exchange.last_execution_id)
    )
    shape = shapes.amended(order, desk.spec(order.symbol), previous, desk.exchange.last_execution_id)
    return shape if order.list is None else shape | {"listStatus": list_shapes.amended(order.list)}


def amendments(desk: Desk, request: Request) -> Any:
    """How an order was amended, oldest first."""
    params = request.params
    symbol, order_id = params.symbol(), params.integer("orderId")
    first, limit = params.integer("fromExecutionId") or 0, params.integer("limit", 1, 1000) or 500
    params.finish()
    if order_id is None:
        raise missing("orderId")
    order = request.account.orders.get(order_id)
    if order is None or order.symbol != symbol:
        raise RefusalError(-2013, NO_SUCH_ORDER)
    return [a for a in desk.amendments if a["orderId"] == order_id and a["executionId"] >= first][:limit]


def _test_weight(params: Params) -> int:
    return 20 if params.has("computeCommissionRates") else 1


_SIGNED = Security.SIGNED
CALLS = (
    Call(("POST", "order"), "order.place", place, 1, _SIGNED, True, "place", counts_orders=True),
    Call(("POST", "order/test"), "order.test", place_test, _test_weight, _SIGNED),
    Call(("DELETE", "order"), "order.cancel", cancel, 1, _SIGNED, True, "cancel"),
    Call(("DELETE", "openOrders"), "openOrders.cancelAll", cancel_all, 1, _SIGNED, True, "cancel"),
    Call(("GET", "order/amendments"), "order.amendments", amendments, 4, _SIGNED),
    Call(
        ("PUT", "order/amend/keepPriority"),
        "order.amend.keepPriority",
        amend,
        4,
        _SIGNED,
        True,
        "amend",
        refunds=False,
    ),
)
