"""One order as the manager keeps it: mutable, inside the kernel alone. What leaves the kernel is an `OrderRecord`."""

from __future__ import annotations

from mm_api.redis_contract import OrderRecord
from mm_trader.core.events import Side
from mm_trader.core.units import SymbolRules
from mm_trader.orders.states import OrderState, is_final


class Order:
    """Prices in ticks, sizes in lots, `…_ts` in monotonic ns, `…_ms` in wall ms."""

    __slots__ = (
        "acked_ts",
        "booked",
        "cancel_attempts",
        "cancel_in_flight",
        "cancel_refusals",
        "cancel_wanted",
        "client_id",
        "closing",
        "created_ms",
        "created_ts",
        "deadline",
        "filled",
        "inherited",
        "leftover",
        "next_cancel",
        "price",
        "queries",
        "query_due",
        "query_in_flight",
        "side",
        "size",
        "state",
        "symbol",
        "updated_ms",
        "venue_id",
    )

    def __init__(
        self,
        *,
        client_id: str,
        symbol: str,
        side: Side,
        price: int,
        size: int,
        state: OrderState,
        created_ts: int,
        created_ms: int,
    ) -> None:
        self.client_id = client_id
        self.symbol = symbol
        self.side = side
        self.price = price
        self.size = size
        self.state = state
        self.created_ts = created_ts
        self.created_ms = self.updated_ms = created_ms
        self.filled = 0
        """Cumulative, as the venue says; only grows."""
        self.booked = 0
        """Lots of trades that are in the ledger. Less than `filled`: a trade is still to be read."""
        self.venue_id: int | None = None
        self.acked_ts: int | None = None
        """When the venue was last heard to know this order."""
        self.deadline: int | None = None
        """When the answer to the last place or cancel is overdue."""
        self.cancel_wanted = False
        """Set once we want it gone: stays set until it is."""
        self.cancel_in_flight = False
        self.cancel_attempts = 0
        self.cancel_refusals = 0
        """Definite refusals of a cancel: these are capped. An attempt without an answer is only repeated ever more slowly."""
        self.next_cancel = 0
        self.query_in_flight = False
        self.query_due: int | None = None
        self.queries = 0
        self.closing = False
        """It brings a position back after an emergency stop: a halt does not withdraw it."""
        self.leftover = False
        """Not placed by this incarnation: it is cancelled before anything is quoted."""

        self.inherited = False
        """Known from a record or from the venue, not from the first: which of its trades are booked is not known one by one, only all together."""

    @property
    def over(self) -> bool:
        """The venue has ended it."""
        return is_final(self.state)

    @property
    def unbooked(self) -> int:
        """Lots that may still move the position: what is open, or filled but not yet in the ledger."""
        if self.inherited:
            return 0 if self.over else max(self.size - self.filled, 0)
        return (self.filled if self.over else max(self.size, self.filled)) - self.booked

    def record(self, rules: SymbolRules) -> OrderRecord:
        """The order in exact amounts."""
        return OrderRecord.trusted(
            client_id=self.client_id,
            symbol=self.symbol,
            side="BUY" if self.side is Side.BUY else "SELL",
            price=rules.price(self.price),
            quantity=rules.quantity(self.size),
            filled=rules.quantity(self.filled),
            state=self.state.value,
            venue_id=self.venue_id,
            created_ms=self.created_ms,
            updated_ms=self.updated_ms,
        )
