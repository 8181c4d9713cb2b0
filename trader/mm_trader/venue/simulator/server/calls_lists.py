"""Order lists and smart order routing: no symbol here has them, as exchangeInfo says, and each call is refused in the venue's words."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..engine.errors import UNKNOWN_ORDER, RefusalError, rejected
from .desk import Call, Desk, Request, Security

NO_LIST = "Order list does not exist."


def _no_lists(desk: Desk, request: Request, kind: str) -> Any:
    """An order list of a known symbol is refused for what the symbol does not allow; its other parameters are not looked at."""
    desk.spec(request.params.symbol())
    raise rejected(f"{kind} orders are not supported for this symbol")


def no_routing(desk: Desk, request: Request) -> Any:
    """SOR is available for no symbol: exchangeInfo lists none in `sors`."""
    desk.spec(request.params.symbol())
    raise RefusalError(-1013, "This symbol does not support SOR.")


def list_status(_desk: Desk, request: Request) -> Any:
    """There is none to be found."""
    params = request.params
    number, client_id = params.integer("orderListId"), params.client_id("origClientOrderId")
    params.finish()
    if number is None and client_id is None:
        raise RefusalError(
            -1102, "Param 'origClientOrderId' or 'orderListId' must be sent, but both were empty/null!"
        )
    raise RefusalError(-2013, NO_LIST)


def cancel_list(desk: Desk, request: Request) -> Any:
    """There is none to be cancelled."""
    params = request.params
    desk.spec(params.symbol())
    number, client_id = params.integer("orderListId"), params.client_id("listClientOrderId")
    params.client_id("newClientOrderId")
    params.finish()
    if number is None and client_id is None:
        raise RefusalError(
            -1102, "Param 'listClientOrderId' or 'orderListId' must be sent, but both were empty/null!"
        )
    raise RefusalError(-2011, UNKNOWN_ORDER)


_SIGNED = Security.SIGNED
_KINDS = {"oco": "OCO", "oto": "OTO", "otoco": "OTO", "opo": "OPO", "opoco": "OPO"}
CALLS = (
    *(
        Call(
            ("POST", f"orderList/{path}"),
            f"orderList.place.{path}",
            partial(_no_lists, kind=kind),
            1,
            _SIGNED,
            True,
            "place",
        )
        for path, kind in _KINDS.items()
    ),
    Call(("POST", "order/oco"), "orderList.place", partial(_no_lists, kind="OCO"), 1, _SIGNED, True, "place"),
    Call(("GET", "orderList"), "orderList.status", list_status, 4, _SIGNED),
    Call(("DELETE", "orderList"), "orderList.cancel", cancel_list, 1, _SIGNED, True, "cancel"),
    Call(("POST", "sor/order"), "sor.order.place", no_routing, 1, _SIGNED, True, "place"),
    Call(("POST", "sor/order/test"), "sor.order.test", no_routing, 1, _SIGNED),
)
