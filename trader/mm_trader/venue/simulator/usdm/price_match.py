"""priceMatch: a limit order that takes its price from the book, a level of the other side or of its own queue."""

from __future__ import annotations

from enum import StrEnum

from ..engine.errors import RefusalError
from ..engine.market import Market
from ..engine.types import Side
from ..server.params import Params


class PriceMatch(StrEnum):
    """Which level: the best, or the one that is named, of the other side (OPPONENT) or of the same (QUEUE)."""

    NONE = "NONE"
    OPPONENT = "OPPONENT"
    OPPONENT_5 = "OPPONENT_5"
    OPPONENT_10 = "OPPONENT_10"
    OPPONENT_20 = "OPPONENT_20"
    QUEUE = "QUEUE"
    QUEUE_5 = "QUEUE_5"
    QUEUE_10 = "QUEUE_10"
    QUEUE_20 = "QUEUE_20"


def read_price_match(params: Params, *, limit: bool) -> PriceMatch:
    """`priceMatch` of an order. It excludes a price, and orders that have none."""
    mode = params.choice("priceMatch", PriceMatch, (-5037, "Invalid price match")) or PriceMatch.NONE
    if mode is not PriceMatch.NONE:
        if not limit:
            raise RefusalError(-5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT")
        if params.has("price"):
            raise RefusalError(-1106, "Parameter 'price' sent when not required.")
    return mode


def matched_price(market: Market, side: Side, mode: PriceMatch) -> int:
    """The price of that level, 10^-8. Raises RefusalError where the book has no such level."""
    whose, _, level = mode.partition("_")
    bids = (side is Side.BUY) == (whose == "QUEUE")
    depth = int(level or 1)
    levels = (market.book.bids if bids else market.book.asks).top(depth)
    if len(levels) < depth:
        raise RefusalError(-5041, "No depth matches this BBO order")
    return levels[-1][0] * market.spec.tick_e8
