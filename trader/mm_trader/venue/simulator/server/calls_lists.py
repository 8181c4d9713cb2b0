"""Order lists: OCO under its present and its former names, OTO and OTOCO; their status, history and cancel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ..engine.errors import UNKNOWN_ORDER, RefusalError, rejected
from ..engine.lists import ListKind, OrderList
from ..engine.spot import SpotExchange
from ..engine.stops import LOSSES
from ..engine.types import NewOrder, OrderType, Side, StpMode, SymbolSpec
from . import list_shapes, shapes
from .calls_account import day_window
from .calls_orders import ResponseType, read_kind, read_side, read_stp, shaped
from .desk import Call, Desk, Request, Security
from .legs import Names, names_of, read_leg, read_quantity
from .params import Params

NO_LIST = "Order list does not exist."
PROFITS = frozenset({OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})
"""What may stand beside a stop loss in a pair."""
WORKING = frozenset({OrderType.LIMIT, OrderType.LIMIT_MAKER})
FORMER_STOP = Names(
    "stopClientOrderId", "stopLimitPrice", "stopPrice", "trailingDelta", "stopIcebergQty", "stopLimitTimeInForce",
    "stopStrategyId", "stopStrategyType",
)  # fmt: skip
FORMER_LIMIT = Names(
    "limitClientOrderId", "price", "limitStopPrice", "limitTrailingDelta", "limitIcebergQty", "limitTimeInForce",
    "limitStrategyId", "limitStrategyType",
)  # fmt: skip
"""Of `order/oco`, deprecated but what many clients still send."""


class Asked(NamedTuple):
    """What all orders of a list have in common."""

    spec: SymbolSpec
    client_id: str
    stp: StpMode | None
    shape: ResponseType


Reader = Callable[[Desk, Params, Asked], list[NewOrder]]


def spot_exchange(desk: Desk) -> SpotExchange:
    """The engine of a desk that has these calls."""
    assert isinstance(desk.exchange, SpotExchange), "order lists are spot's"
    return desk.exchange


def place(desk: Desk, request: Request, kind: ListKind, read: Reader) -> Any:
    """Place the list that the parameters describe."""
    params = request.params
    spec = desk.spec(params.symbol())
    if not spec.stop_orders:
        raise rejected(f"{kind} orders are not supported for this symbol")
    client_id = params.client_id("listClientOrderId") or desk.generated_id()
    shape = params.choice("newOrderRespType", ResponseType) or ResponseType.RESULT
    legs = read(desk, params, Asked(spec, client_id, read_stp(params), shape))
    params.finish()
    account = request.account
    desk.limits.check_orders(account.name, len(legs))
    try:
        made, orders, fills = spot_exchange(desk).place_list(account, kind, client_id, legs)
    except RefusalError as error:
        desk.journal.refusal(account.name, legs[0], error.code, error.msg, desk.clock.now())
        raise
    desk.limits.add_orders(account.name, len(legs))
    got = [fills] + [[]] * (len(orders) - 1)  # only the working order of an OTO trades at once
    return list_shapes.placed(
        made, [shaped(o, spec, each, shape) for o, each in zip(orders, got, strict=True)]
    )


# --- pairs ----------------------------------------------------------------------------------------------------------
def check_pair(side: Side, above: OrderType, below: OrderType) -> None:
    """Which types may stand where in a pair."""
    for kind in (above, below):
        if kind not in PROFITS and kind not in LOSSES:
            raise RefusalError(-1158, "Order type not supported in OCO.")
    if above is below is OrderType.LIMIT_MAKER:
        raise RefusalError(-1168, "At least one OCO order must be contingent.")
    buys = side is Side.BUY
    loss, profit = (above, below) if buys else (below, above)
    what, where, other = ("buy", "above", "below") if buys else ("sell", "below", "above")
    if loss is OrderType.LIMIT_MAKER:
        raise RefusalError(-1165 if buys else -1166, f"A limit order in a {what} OCO must be {other}.")
    if profit in LOSSES:
        raise RefusalError(-1196 if buys else -1197, f"A stop loss order in a {what} OCO must be {where}.")
    if loss not in LOSSES:
        raise RefusalError(-1198 if buys else -1199, f"A take profit order in a {what} OCO must be {other}.")


def read_pair(
    desk: Desk, params: Params, asked: Asked, pair: Pair, side: Side, quantity: int
) -> list[NewOrder]:
    """Two orders of which one ends the other, the stop loss first."""
    kinds = [read_kind(params, f"{place}Type") for place in pair]
    check_pair(side, *kinds)
    legs = [
        read_leg(desk, params, asked.spec, names_of(place), kind, side, quantity, asked.stp)
        for place, kind in zip(pair, kinds, strict=True)
    ]
    return sorted(legs, key=lambda leg: leg.type not in LOSSES)


Pair = tuple[str, str]
OCO: Pair = ("above", "below")
OTOCO: Pair = ("pendingAbove", "pendingBelow")


def read_oco(desk: Desk, params: Params, asked: Asked) -> list[NewOrder]:
    """`orderList/oco`."""
    side, quantity = read_side(params), read_quantity(params, "quantity")
    return read_pair(desk, params, asked, OCO, side, quantity)


def read_former_oco(desk: Desk, params: Params, asked: Asked) -> list[NewOrder]:
    """`order/oco`: a limit order that makes, and a stop loss with a limit or without."""
    side, quantity = read_side(params), read_quantity(params, "quantity")
    loss = OrderType.STOP_LOSS_LIMIT if params.has("stopLimitPrice") else OrderType.STOP_LOSS
    return [
        read_leg(desk, params, asked.spec, names, kind, side, quantity, asked.stp)
        for names, kind in ((FORMER_STOP, loss), (FORMER_LIMIT, OrderType.LIMIT_MAKER))
    ]


# --- one after another ----------------------------------------------------------------------------------------------
def _read_working(desk: Desk, params: Params, asked: Asked) -> NewOrder:
    kind = read_kind(params, "workingType")
    if kind not in WORKING:
        raise RefusalError(-1130, "Data sent for parameter 'workingType' is not valid.")
    side, quantity = read_side(params, "workingSide"), read_quantity(params, "workingQuantity")
    return read_leg(desk, params, asked.spec, names_of("working"), kind, side, quantity, asked.stp)


def read_oto(desk: Desk, params: Params, asked: Asked) -> list[NewOrder]:
    """`orderList/oto`."""
    working = _read_working(desk, params, asked)
    kind, side = read_kind(params, "pendingType"), read_side(params, "pendingSide")
    quantity = read_quantity(params, "pendingQuantity")
    return [
        working,
        read_leg(desk, params, asked.spec, names_of("pending"), kind, side, quantity, asked.stp),
    ]


def read_otoco(desk: Desk, params: Params, asked: Asked) -> list[NewOrder]:
    """`orderList/otoco`."""
    working = _read_working(desk, params, asked)
    side, quantity = read_side(params, "pendingSide"), read_quantity(params, "pendingQuantity")
    return [working, *read_pair(desk, params, asked, OTOCO, side, quantity)]


# --- status and cancel ----------------------------------------------------------------------------------------------
def _find(request: Request, by_client: str) -> OrderList | None:
    """The account's list named by `orderListId`, which takes precedence, or by its client id."""
    params, lists = request.params, request.account.lists
    number, client_id = params.integer("orderListId"), params.client_id(by_client)
    if number is None and client_id is None:
        raise RefusalError(
            -1102, f"Param '{by_client}' or 'orderListId' must be sent, but both were empty/null!"
        )
    if number is not None:
        return lists.get(number)
    return next((made for made in reversed(lists.values()) if made.client_id == client_id), None)


def list_status(_desk: Desk, request: Request) -> Any:
    """One list."""
    made = _find(request, "origClientOrderId")
    request.params.finish()
    if made is None:
        raise RefusalError(-2013, NO_LIST)
    return list_shapes.queried(made)


def cancel_list(desk: Desk, request: Request) -> Any:
    """Cancel every open order of a list."""
    params = request.params
    spec = desk.spec(params.symbol())
    made = _find(request, "listClientOrderId")
    cancel_id = params.client_id("newClientOrderId") or desk.generated_id()
    params.finish()
    if made is None or made.done or made.symbol != spec.name:
        raise RefusalError(-2011, UNKNOWN_ORDER)
    ended = spot_exchange(desk).cancel_list(made, cancel_id)
    return list_shapes.cancelled(made, ended, spec, cancel_id)


def open_lists(_desk: Desk, request: Request) -> Any:
    """Lists that are not done."""
    request.params.finish()
    return [list_shapes.queried(made) for made in request.account.lists.values() if not made.done]


def all_lists(_desk: Desk, request: Request) -> Any:
    """Lists, done and not, the oldest first."""
    params = request.params
    from_id, span = params.integer("fromId"), day_window(params)
    params.finish()
    if from_id is not None and (span.start is not None or span.end is not None):
        raise RefusalError(-1128, "Combination of optional parameters invalid.")
    found = [
        made
        for made in request.account.lists.values()
        if (from_id is None or made.id >= from_id) and span.holds(shapes.ms(made.created_ns))
    ]
    return [list_shapes.queried(made) for made in span.page(found, from_id=from_id)]


# --- what no symbol has ---------------------------------------------------------------------------------------------
def _none_here(desk: Desk, request: Request, kind: str) -> Any:
    """A kind of list that no symbol allows; its other parameters are not looked at."""
    desk.spec(request.params.symbol())
    raise rejected(f"{kind} orders are not supported for this symbol")


def no_routing(desk: Desk, request: Request) -> Any:
    """SOR is available for no symbol: exchangeInfo lists none in `sors`."""
    desk.spec(request.params.symbol())
    raise RefusalError(-1013, "This symbol does not support SOR.")


_SIGNED = Security.SIGNED
_KINDS = {
    "oco": partial(place, kind=ListKind.OCO, read=read_oco),
    "oto": partial(place, kind=ListKind.OTO, read=read_oto),
    "otoco": partial(place, kind=ListKind.OTO, read=read_otoco),
    "opo": partial(_none_here, kind="OPO"),
    "opoco": partial(_none_here, kind="OPO"),
}
CALLS = (
    *(
        Call(
            ("POST", f"orderList/{path}"),
            f"orderList.place.{path}",
            handler,
            1,
            _SIGNED,
            True,
            "place",
            counts_orders=True,
        )
        for path, handler in _KINDS.items()
    ),
    Call(
        ("POST", "order/oco"),
        "orderList.place",
        partial(place, kind=ListKind.OCO, read=read_former_oco),
        1,
        _SIGNED,
        True,
        "place",
        counts_orders=True,
    ),
    Call(("GET", "orderList"), "orderList.status", list_status, 4, _SIGNED),
    Call(("GET", "openOrderList"), "openOrderLists.status", open_lists, 6, _SIGNED),
    Call(("GET", "allOrderList"), "allOrderLists", all_lists, 20, _SIGNED),
    Call(("DELETE", "orderList"), "orderList.cancel", cancel_list, 1, _SIGNED, True, "cancel"),
    Call(("POST", "sor/order"), "sor.order.place", no_routing, 1, _SIGNED, True, "place"),
    Call(("POST", "sor/order/test"), "sor.order.test", no_routing, 1, _SIGNED),
)
