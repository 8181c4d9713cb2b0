"""Refusals in the venue's own words: a code and a message, exactly as Binance documents them.

Raised by the engine and by the server's parameter checks; the server turns one into an HTTP body or a
WebSocket API error and nothing else does.
"""

from __future__ import annotations

from typing import Any


class RefusalError(Exception):
    """The venue definitely did not do what was asked. `code` and `msg` go on the wire as they are.

    `status` is the HTTP (and WebSocket API) status; `data` the extra object some refusals carry.
    """

    def __init__(self, code: int, msg: str, status: int = 400, data: Any = None) -> None:
        super().__init__(f"{code} {msg}")
        self.code = code
        self.msg = msg
        self.status = status
        self.data = data


def filter_failure(name: str) -> RefusalError:
    """The order breaks the symbol filter called `name`."""
    return RefusalError(-1013, f"Filter failure: {name}")


def rejected(msg: str) -> RefusalError:
    """The matching engine itself said no."""
    return RefusalError(-2010, msg)


INSUFFICIENT_BALANCE = "Account has insufficient balance for requested action."
WOULD_TRIGGER = "Stop price would trigger immediately."
WOULD_MATCH = "Order would immediately match and take."
DUPLICATE_ORDER = "Duplicate order sent."
BAD_PRICES = "The relationship of the prices for the orders is not correct."
NO_LIQUIDITY = "Order book liquidity is less than symbol minimum quantity."
"""To a market order by quote amount where nobody is on the other side."""
MARKET_CLOSED = "Market is closed."
UNKNOWN_ORDER = "Unknown order sent."
NO_SUCH_ORDER = "Order does not exist."
AMEND_INCREASE = "Order amend (quantity increase) is not supported."
AMEND_NO_CHANGE = "The requested action would change no state; rejecting."
REASONS = {
    INSUFFICIENT_BALANCE: "INSUFFICIENT_BALANCES",
    WOULD_MATCH: "WOULD_MATCH_IMMEDIATELY",
    WOULD_TRIGGER: "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
    BAD_PRICES: "OCO_BAD_PRICES",
}
"""The word that a report (`r`) has for each."""
