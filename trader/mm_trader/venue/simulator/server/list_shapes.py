"""JSON shapes of order lists, with Binance's field names."""

from __future__ import annotations

from typing import Any

from ..engine.events import ListEvent
from ..engine.lists import ListStep, OrderList
from ..engine.types import Order, SymbolSpec
from . import shapes


def _order_status(step: ListStep) -> str:
    return "ALL_DONE" if step is ListStep.ALL_DONE else "EXECUTING"


def _orders(made: OrderList) -> list[dict[str, Any]]:
    return [{"symbol": o.symbol, "orderId": o.id, "clientOrderId": o.client_id} for o in made.orders]


def queried(made: OrderList, step: ListStep | None = None, at_ns: int | None = None) -> dict[str, Any]:
    """A list as queries show it; `step`, `at_ns`: as a reply to what has just happened to it does."""
    now = made.step if step is None else step
    return {
        "orderListId": made.id,
        "contingencyType": made.kind,
        "listStatusType": now,
        "listOrderStatus": _order_status(now),
        "listClientOrderId": made.client_id,
        "transactionTime": shapes.ms(made.created_ns if at_ns is None else at_ns),
        "symbol": made.symbol,
        "orders": _orders(made),
    }


def placed(made: OrderList, reports: list[dict[str, Any]]) -> dict[str, Any]:
    """The response of a new list."""
    return {**queried(made, ListStep.EXEC_STARTED), "orderReports": reports}


def cancelled(made: OrderList, ended: list[Order], spec: SymbolSpec, cancel_id: str) -> dict[str, Any]:
    """The response of a cancel; `ended`: the orders that it ended."""
    return {
        **queried(made, at_ns=ended[0].updated_ns),
        "orderReports": [shapes.cancelled(order, spec, cancel_id) for order in ended],
    }


def amended(made: OrderList) -> dict[str, Any]:
    """What the response of an amend says of the order's list."""
    return {
        "orderListId": made.id,
        "contingencyType": made.kind,
        "listOrderStatus": _order_status(made.step),
        "listClientOrderId": made.client_id,
        "symbol": made.symbol,
        "orders": _orders(made),
    }


def list_status(event: ListEvent, now_ms: int) -> dict[str, Any]:
    """The listStatus user event."""
    made = event.list
    return {
        "e": "listStatus",
        "E": now_ms,
        "s": made.symbol,
        "g": made.id,
        "c": made.kind,
        "l": event.step,
        "L": _order_status(event.step),
        "r": "NONE",
        "C": made.client_id,
        "T": shapes.ms(event.time_ns),
        "O": [{"s": o.symbol, "i": o.id, "c": o.client_id} for o in made.orders],
    }
