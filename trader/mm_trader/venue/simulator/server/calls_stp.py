"""`myPreventedMatches`: the matches that self-trade prevention kept an account's orders from."""

from __future__ import annotations

from typing import Any

from ..engine.errors import RefusalError
from ..engine.events import Prevention
from ..engine.types import SymbolSpec
from .desk import Call, Desk, Request, Security
from .params import Params
from .shapes import NO_TRADE_GROUP, lost_quantities, ms, price_text


def shape(match: Prevention, spec: SymbolSpec) -> dict[str, Any]:
    """One match as the list shows it."""
    return {
        "symbol": match.symbol,
        "preventedMatchId": match.id,
        "takerOrderId": match.taker_order,
        "makerSymbol": match.symbol,
        "makerOrderId": match.maker_order,
        "tradeGroupId": NO_TRADE_GROUP,
        "selfTradePreventionMode": match.mode,
        "price": price_text(spec, match.price),
        **lost_quantities(match, spec),
        "transactTime": ms(match.time_ns),
    }


def prevented_matches(desk: Desk, request: Request) -> Any:
    """By `preventedMatchId`, or by `orderId` from a match on; one of the two must be sent."""
    params = request.params
    symbol = params.symbol()
    spec = desk.spec(symbol)
    match_id, order_id = params.integer("preventedMatchId"), params.integer("orderId")
    first, limit = params.integer("fromPreventedMatchId") or 0, params.integer("limit", 1, 1000) or 500
    params.finish()
    if match_id is None and order_id is None:
        raise RefusalError(
            -1102, "Param 'preventedMatchId' or 'orderId' must be sent, but both were empty/null!"
        )
    found = [
        match
        for match in desk.exchange.preventions
        if match.account is request.account
        and match.symbol == symbol
        and match_id in (None, match.id)
        and order_id in (None, match.taker_order, match.maker_order)
        and match.id >= first
    ]
    return [shape(match, spec) for match in found[:limit]]


def _weight(params: Params) -> int:
    return 2 if params.has("preventedMatchId") else 20


CALLS = (
    Call(("GET", "myPreventedMatches"), "myPreventedMatches", prevented_matches, _weight, Security.SIGNED),
)
