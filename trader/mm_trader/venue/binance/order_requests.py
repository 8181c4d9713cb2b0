"""Each command of the order socket as a request: method, parameters, and what it costs of the venue's limits."""

from __future__ import annotations

from typing import NamedTuple

from mm_trader.core.commands import Amend, Cancel, CancelReplace, Modify, Place
from mm_trader.venue.binance.governor import Purpose
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.orders import amend_params, cancel_params, place_params, replace_params

OrderCommand = Place | Cancel | Amend | CancelReplace | Modify
ORDER_WEIGHT = 1
AMEND_WEIGHT = 4


class OrderRequest(NamedTuple):
    """What goes over the socket for one command."""

    method: str
    params: dict[str, str | int | bool]


def request_of(command: OrderCommand, numbers: SymbolNumbers) -> OrderRequest:
    """The request that carries the command out."""
    match command:
        case Place():
            return OrderRequest("order.place", place_params(command, numbers))
        case Cancel():
            return OrderRequest("order.cancel", cancel_params(command))
        case Amend():
            return OrderRequest("order.amend.keepPriority", amend_params(command, numbers))
        case CancelReplace():
            return OrderRequest("order.cancelReplace", replace_params(command, numbers))
        case Modify():
            raise TypeError("spot has no way to change a price; ask the capabilities")


def cost_of(command: OrderCommand) -> tuple[Purpose, int]:
    """Which budget a command uses, and how much weight. An amend is no new order, but also nothing to spend the cancels' share on."""
    match command:
        case Cancel():
            return Purpose.CANCEL, ORDER_WEIGHT
        case Amend():
            return Purpose.QUERY, AMEND_WEIGHT
        case Place() | CancelReplace() | Modify():
            return Purpose.PLACE, ORDER_WEIGHT


def may_add(command: OrderCommand) -> bool:
    """A new order comes of it: it may still land after its answer was lost."""
    return isinstance(command, Place | CancelReplace)
