"""Commands → signed requests: parameters of an order, a cancel, a query, and the frames of the WebSocket API."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from mm_trader.core.commands import Amend, Cancel, CancelReplace, Place
from mm_trader.venue.binance.credentials import Credentials
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.sign import Params, signed_params

_encode = msgspec.json.Encoder().encode


def place_params(place: Place, numbers: SymbolNumbers) -> dict[str, str | int | bool]:
    """LIMIT_MAKER for post-only (it takes no timeInForce), else LIMIT GTC."""
    params: dict[str, str | int | bool] = {
        "symbol": place.symbol,
        "side": place.side.name,
        "type": "LIMIT_MAKER" if place.post_only else "LIMIT",
        "price": numbers.price_text(place.price),
        "quantity": numbers.quantity_text(place.size),
        "newClientOrderId": place.client_id,
        "newOrderRespType": "ACK",
    }
    if not place.post_only:
        params["timeInForce"] = "GTC"
    return params


def cancel_params(cancel: Cancel) -> dict[str, str | int | bool]:
    """By venue id where known: faster at the venue."""
    if cancel.venue_id is not None:
        return {"symbol": cancel.symbol, "orderId": cancel.venue_id}
    return {"symbol": cancel.symbol, "origClientOrderId": cancel.client_id}


def amend_params(amend: Amend, numbers: SymbolNumbers) -> dict[str, str | int | bool]:
    """The order keeps its client id: without `newClientOrderId` the venue would invent one."""
    return {
        **cancel_params(Cancel(symbol=amend.symbol, client_id=amend.client_id, venue_id=amend.venue_id)),
        "newClientOrderId": amend.client_id,
        "newQty": numbers.quantity_text(amend.size),
    }


def replace_params(replace: CancelReplace, numbers: SymbolNumbers) -> dict[str, str | int | bool]:
    """When the cancel fails the new order is not tried; when the order count is used up the stale order still goes."""
    params = place_params(replace.place, numbers)
    if replace.venue_id is not None:
        params["cancelOrderId"] = replace.venue_id
    else:
        params["cancelOrigClientOrderId"] = replace.client_id
    params["cancelReplaceMode"] = "STOP_ON_FAILURE"
    params["orderRateLimitExceededMode"] = "CANCEL_ONLY"
    return params


class RequestEncoder:
    """Signed frames of the WebSocket API for one key."""

    def __init__(self, credentials: Credentials, recv_window: timedelta) -> None:
        self._credentials = credentials
        self.recv_window_ms = round(recv_window / timedelta(milliseconds=1))

    def __repr__(self) -> str:
        return "RequestEncoder(***)"

    def timing(self, now_ms: int) -> dict[str, str | int | bool]:
        """The parameters every signed request carries."""
        return {"recvWindow": self.recv_window_ms, "timestamp": now_ms}

    def signed_frame(self, request_id: str, method: str, params: Params, now_ms: int) -> bytes:
        """`now_ms` is the venue's time."""
        full = {**params, "apiKey": self._credentials.api_key, **self.timing(now_ms)}
        return _encode(
            {"id": request_id, "method": method, "params": signed_params(full, self._credentials.signer)}
        )

    @property
    def can_log_on(self) -> bool:
        """The key's kind may log a connection on (`session.logon`), whose requests then need no signature."""
        return self._credentials.can_log_on

    def session_frame(self, request_id: str, method: str, params: Params, now_ms: int) -> bytes:
        """A request on a connection that is logged on: the key is the connection's, only the time is said."""
        return _encode({"id": request_id, "method": method, "params": {**params, **self.timing(now_ms)}})


def plain_frame(request_id: str, method: str) -> bytes:
    """A request without parameters, such as `ping`."""
    return _encode({"id": request_id, "method": method})
