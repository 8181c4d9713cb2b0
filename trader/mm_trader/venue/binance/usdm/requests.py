"""Commands of the order socket as requests of the futures WebSocket API."""

from __future__ import annotations

import msgspec

from mm_trader.core.commands import Cancel, Modify, Place
from mm_trader.venue.binance.order_requests import OrderCommand, OrderRequest
from mm_trader.venue.binance.usdm.wire import modify_params, place_params
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.orders import cancel_params


def futures_request(command: OrderCommand, own: SymbolNumbers) -> OrderRequest:
    """The request that carries the command out. Raises TypeError for one that this product does not have."""
    match command:
        case Place():
            return OrderRequest("order.place", place_params(command, own))
        case Cancel():
            return OrderRequest("order.cancel", cancel_params(command))
        case Modify():
            return OrderRequest("order.modify", modify_params(command, own))
        case _:
            raise TypeError(f"{type(command).__name__} is not to be had here; ask the capabilities")


def hello_frame(request_id: str, symbol: str) -> bytes:
    """A request that is always answered: the futures WebSocket API documents no `ping`."""
    return msgspec.json.encode({"id": request_id, "method": "ticker.price", "params": {"symbol": symbol}})
