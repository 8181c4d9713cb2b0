"""One order as the manager keeps it: mutable, inside the kernel alone. What leaves the kernel is an `OrderRecord`."""

from __future__ import annotations

import msgspec

from mm_api.redis_contract import OrderRecord
from mm_trader.core.commands import OrderChanged
from mm_trader.core.events import OrderView, Side
from mm_trader.core.units import SymbolRules
from mm_trader.orders.states import CANCELED, FINAL_STATES, REJECTED, OrderState


class Change(msgspec.Struct, frozen=True, gc=False):
    """Another price or size that is on its way to the venue, or already there. Ticks and lots, filled ones included."""

    before: tuple[int, int]
    """(price, size) as the venue last had them."""
    after: tuple[int, int]


class Order:
    """Prices in ticks, sizes in lots, `…_ts` in monotonic ns, `…_ms` in wall ms."""

    __slots__ = (
        "acked_ts",
        "before",
        "booked",
        "cancel_attempts",
        "cancel_in_flight",
        "cancel_refusals",
        "cancel_wanted",
        "change",
        "change_refused",
        "changed_ms",
        "changes",
        "client_id",
        "closing",
        "created_ms",
        "created_ts",
        "deadline",
        "filled",
        "forgotten",
        "inherited",
        "leftover",
        "next_cancel",
        "price",
        "queries",
        "query_due",
        "query_in_flight",
        "reduce_only",
        "risk_price",
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
        """Where it is, or is going."""
        self.risk_price = price
        """The highest price it may have: what limits count."""
        self.size = size
        """While a change is on its way the larger of both sizes."""
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
        self.reduce_only = False
        """The venue itself keeps it from making the position larger."""
        self.change: Change | None = None
        """On its way, not answered: until then the worst of both counts."""
        self.changes = 0
        self.change_refused = False
        """The venue said no to a change: from then on it is cancelled and placed anew."""
        self.changed_ms = 0
        """Venue time of the last change that was carried out: an older description of the order says nothing about price and size."""
        self.before = (price, size)
        """Before that change."""
        self.leftover = False
        """Not placed by this incarnation: it is cancelled before anything is quoted."""
        self.forgotten = False
        """CANCELED only because the venue no longer knew it."""
        self.inherited = False
        """Known from a record or from the venue, not from the first: which of its trades are booked is not known one by one, only all together."""

    @classmethod
    def adopted(cls, view: OrderView, ts: int, created_ms: int) -> Order:
        """One that the venue shows and this process does not know: a leftover, which goes."""
        order = cls(
            client_id=view.client_id,
            symbol=view.symbol,
            side=view.side,
            price=view.price,
            size=view.size,
            state=OrderState.UNKNOWN,
            created_ts=ts,
            created_ms=created_ms,
        )
        order.leftover = order.cancel_wanted = order.inherited = True
        order.venue_id = view.venue_id
        order.acked_ts = ts
        return order

    @property
    def over(self) -> bool:
        """The venue has ended it, or we have concluded so."""
        return self.state in FINAL_STATES

    @property
    def presumed_over(self) -> bool:
        """Over by what we concluded, not by the venue's word: the venue may still show it open."""
        return self.state is REJECTED or (self.forgotten and self.state is CANCELED)

    @property
    def unbooked(self) -> int:
        """Lots that may still move the position: what is open, or filled but not yet in the ledger."""
        size, filled = self.size, self.filled
        if self.inherited:
            return 0 if self.over or filled > size else size - filled
        return (filled if filled > size or self.state in FINAL_STATES else size) - self.booked

    def begin_change(self, price: int, size: int) -> None:
        """It may have the new price and size from now on, and the old ones still."""
        self.change = Change((self.price, self.size), (price, size))
        self.changes += 1
        self.price = price
        self.risk_price = max(self.risk_price, price)
        self.size = max(self.size, size)

    def end_change(self, price: int, size: int, venue_ms: int) -> None:
        """The venue describes it like this, and that is no older than the change."""
        if self.change is not None:
            self.before = self.change.before
            self.changed_ms = venue_ms
        self.change = None
        self.price = self.risk_price = price
        self.size = size

    def undo_change(self) -> None:
        """It was never made."""
        if self.change is not None:
            self.price, self.size = self.change.before
            self.risk_price = self.price
            self.change = None

    def changed(self, rules: SymbolRules, cause: str) -> OrderChanged:
        """What is said of it after a change."""
        state = self.state
        return OrderChanged(
            rules=rules,
            client_id=self.client_id,
            side=self.side,
            price=self.risk_price,
            size=self.size,
            filled=self.filled,
            state=state._value_,  # `value` is a call of Python's own
            venue_id=self.venue_id,
            created_ms=self.created_ms,
            updated_ms=self.updated_ms,
            closed=state in FINAL_STATES,
            cause=cause,
        )

    def record(self, rules: SymbolRules) -> OrderRecord:
        """The order in exact amounts."""
        return self.changed(rules, "").record
