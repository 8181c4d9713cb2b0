"""Signed calls that only read: account, commissions, orders, trades, order counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ..engine.account import AccountTrade
from ..engine.checks import from_e8
from ..engine.errors import NO_SUCH_ORDER, RefusalError
from ..engine.types import Order
from . import shapes
from .desk import Call, Desk, Request, Security
from .params import SYMBOL, Params

T = TypeVar("T")
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
            raise RefusalError(-2039, "Client order ID is not correct for this order ID.")
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
    return desk.queried(order)


def open_orders(desk: Desk, request: Request) -> Any:
    symbol = request.params.matched("symbol", SYMBOL)
    request.params.finish()
    if symbol is not None:
        desk.exchange.market(symbol)
    return [desk.queried(o) for o in request.account.open.values() if symbol in (None, o.symbol)]


class Window(NamedTuple):
    """The span that a list is asked for, ms, and how many rows at most."""

    start: int | None
    end: int | None
    limit: int

    def holds(self, time_ms: int) -> bool:
        """Both ends included."""
        return (self.start is None or time_ms >= self.start) and (self.end is None or time_ms <= self.end)

    def page(self, rows: list[T], *, from_id: int | None) -> list[T]:
        """The oldest rows where a beginning was named, otherwise the newest."""
        return rows[: self.limit] if from_id is not None or self.start is not None else rows[-self.limit :]


def window(params: Params, longest_ms: int, backwards: RefusalError, too_long: RefusalError) -> Window:
    """startTime, endTime and limit, with the product's refusals."""
    start, end = params.time("startTime"), params.time("endTime")
    if start is not None and end is not None:
        if end < start:
            raise backwards
        if end - start > longest_ms:
            raise too_long
    return Window(start, end, params.integer("limit", 1, 1000) or 500)


def day_window(params: Params) -> Window:
    """At most 24 hours, as spot has it."""
    return window(
        params,
        DAY_MS,
        RefusalError(-1127, "Start time is greater than end time."),
        RefusalError(-1127, "More than 24 hours between startTime and endTime."),
    )


def orders_of(desk: Desk, request: Request, read_window: Callable[[Params], Window]) -> Any:
    """The account's orders of one symbol, open and ended."""
    params = request.params
    symbol = params.symbol()
    desk.exchange.market(symbol)
    from_id = params.integer("orderId")
    span = read_window(params)
    params.finish()
    found = [
        o
        for o in sorted(request.account.orders.values(), key=lambda o: o.id)
        if o.symbol == symbol
        and (from_id is None or o.id >= from_id)
        and span.holds(o.created_ns // 1_000_000)
    ]
    return [desk.queried(o) for o in span.page(found, from_id=from_id)]


def all_orders(desk: Desk, request: Request) -> Any:
    return orders_of(desk, request, day_window)


def trades_of(
    request: Request, symbol: str, read_window: Callable[[Params], Window], clash: RefusalError | None = None
) -> list[AccountTrade]:
    """The account's trades of one symbol that the parameters ask for. `clash`: the refusal of an id together with a time; None: both may be sent."""
    params = request.params
    order_id, from_id = params.integer("orderId"), params.integer("fromId")
    span = read_window(params)
    params.finish()
    timed = span.start is not None or span.end is not None
    if clash is not None and timed and (from_id is not None or order_id is not None):
        raise clash
    found = [
        t
        for t in request.account.trades
        if t.symbol == symbol
        and (order_id is None or t.order_id == order_id)
        and (from_id is None or t.id >= from_id)
        and span.holds(t.time_ns // 1_000_000)
    ]
    return span.page(found, from_id=from_id)


def my_trades(desk: Desk, request: Request) -> Any:
    symbol = request.params.symbol()
    spec = desk.spec(symbol)
    clash = RefusalError(
        -1128,
        "Combination of optional parameters invalid.",
    )
    orders = request.account.orders
    return [
        shapes.my_trade(
            t, spec, shapes.list_id(orders[t.order_id]) if t.order_id in orders else shapes.NO_LIST
        )
        for t in trades_of(request, symbol, day_window, clash)
    ]


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
