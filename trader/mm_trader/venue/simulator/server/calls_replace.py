"""cancelReplace: cancel one order and place another, with the venue's whole result table.

| cancel | new order | STOP_ON_FAILURE | ALLOW_FAILURE |
|---|---|---|---|
| ok | ok | 200 | 200 |
| ok | fails | 409, -2021 | 409, -2021 |
| fails | not attempted | 400, -2022 | – |
| fails | ok | – | 409, -2021 |
| fails | fails | – | 400, -2022 |

An exceeded order count is 429 (-1015) with DO_NOTHING, which tries neither half. CANCEL_ONLY still cancels:

| cancel | new order | STOP_ON_FAILURE | ALLOW_FAILURE |
|---|---|---|---|
| ok | fails (-1015) | 429, -2021 | 409, -2021 |
| fails | not attempted / fails (-1015) | 429, -2022 | 400, -2022 |

Filters are judged before either half, and a NOT_ATTEMPTED order still counts against the order limit.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ..engine.errors import REASONS, UNKNOWN_ORDER, RefusalError
from ..engine.types import NewOrder
from .calls_orders import (
    CancelRestriction,
    ResponseType,
    cancel_checked,
    enter,
    placed_shape,
    read_new_order,
    read_restriction,
)
from .desk import Call, Desk, Request, Security
from .params import missing


class ReplaceMode(StrEnum):
    STOP_ON_FAILURE = "STOP_ON_FAILURE"
    ALLOW_FAILURE = "ALLOW_FAILURE"


class ExceededMode(StrEnum):
    DO_NOTHING = "DO_NOTHING"
    CANCEL_ONLY = "CANCEL_ONLY"


class Outcome(StrEnum):
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    NOT_ATTEMPTED = "NOT_ATTEMPTED"


FAILED = (-2022, "Order cancel-replace failed.")
PARTIALLY_FAILED = (-2021, "Order cancel-replace partially failed.")


def _refusal_shape(error: RefusalError) -> dict[str, Any]:
    return {"code": error.code, "msg": error.msg}


def _report(cancelled: tuple[Outcome, Any], placed: tuple[Outcome, Any]) -> dict[str, Any]:
    return {
        "cancelResult": cancelled[0].value,
        "newOrderResult": placed[0].value,
        "cancelResponse": cancelled[1],
        "newOrderResponse": placed[1],
    }


def cancel_replace(desk: Desk, request: Request) -> Any:
    params = request.params
    mode = params.required("cancelReplaceMode", ReplaceMode)
    exceeded = params.choice("orderRateLimitExceededMode", ExceededMode) or ExceededMode.DO_NOTHING
    restriction = read_restriction(params)
    order_id, client_id = params.integer("cancelOrderId"), params.client_id("cancelOrigClientOrderId")
    cancel_id = params.client_id("cancelNewClientOrderId") or desk.generated_id()
    if order_id is None and client_id is None:
        raise missing("cancelOrderId")
    new, shape = read_new_order(desk, params)
    params.finish()
    desk.exchange.validate(request.account, new)
    try:
        desk.limits.check_orders(request.account.name)
    except RefusalError as over:
        if exceeded is ExceededMode.DO_NOTHING:
            raise
        cancelled = _cancel(desk, request, new.symbol, order_id, client_id, cancel_id, restriction)
        raise _exceeded(mode, cancelled, over) from None
    cancelled = _cancel(desk, request, new.symbol, order_id, client_id, cancel_id, restriction)
    if cancelled[0] is Outcome.FAILURE and mode is ReplaceMode.STOP_ON_FAILURE:
        desk.limits.add_orders(request.account.name, 1)
        raise RefusalError(*FAILED, 400, _report(cancelled, (Outcome.NOT_ATTEMPTED, None)))
    placed = _place(desk, request, new, shape, cancelled[0] is Outcome.SUCCESS)
    report = _report(cancelled, placed)
    outcomes = {cancelled[0], placed[0]}
    if outcomes == {Outcome.SUCCESS}:
        return report
    if outcomes == {Outcome.FAILURE}:
        raise RefusalError(*FAILED, 400, report)
    raise RefusalError(*PARTIALLY_FAILED, 409, report)


def _exceeded(mode: ReplaceMode, cancelled: tuple[Outcome, Any], over: RefusalError) -> RefusalError:
    """What CANCEL_ONLY comes to where the order count is used up: the cancel was tried, the new order was not."""
    stops = mode is ReplaceMode.STOP_ON_FAILURE
    tried = cancelled[0] is Outcome.SUCCESS or not stops
    placed = (Outcome.FAILURE, _refusal_shape(over)) if tried else (Outcome.NOT_ATTEMPTED, None)
    report = _report(cancelled, placed)
    if stops:
        report = {**over.data, **report}
    if cancelled[0] is Outcome.SUCCESS:
        return RefusalError(*PARTIALLY_FAILED, 429 if stops else 409, report)
    return RefusalError(*FAILED, 429 if stops else 400, report)


def _cancel(
    desk: Desk,
    request: Request,
    symbol: str,
    order_id: int | None,
    client_id: str | None,
    cancel_id: str,
    restriction: CancelRestriction | None,
) -> tuple[Outcome, Any]:
    account = request.account
    order = account.open.get(order_id) if order_id is not None else account.by_client(symbol, client_id or "")
    mismatch = order is not None and client_id is not None and order.client_id != client_id
    try:
        if order is None or order.is_final or order.symbol != symbol or mismatch:
            raise RefusalError(-2011, UNKNOWN_ORDER)
        return Outcome.SUCCESS, cancel_checked(desk, order, cancel_id, restriction)
    except RefusalError as error:
        return Outcome.FAILURE, _refusal_shape(error)


def _place(
    desk: Desk, request: Request, new: NewOrder, shape: ResponseType, replaces: bool
) -> tuple[Outcome, Any]:
    """`replaces`: the old order is gone, so that the user stream hears what became of the new one too."""
    try:
        return Outcome.SUCCESS, placed_shape(desk, enter(desk, request, new), shape)
    except RefusalError as error:
        desk.limits.add_orders(request.account.name, 1)
        if replaces and error.msg in REASONS:
            desk.exchange.report_rejected(request.account, new, REASONS[error.msg])
        return Outcome.FAILURE, _refusal_shape(error)


CALLS = (
    Call(
        ("POST", "order/cancelReplace"),
        "order.cancelReplace",
        cancel_replace,
        1,
        Security.SIGNED,
        True,
        "replace",
        counts_orders=True,
    ),
)
