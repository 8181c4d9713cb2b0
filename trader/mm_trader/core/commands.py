"""Everything the kernel can ask of the shell, as values.

The shell executes them in the order of `shell/venue_first.py`: a record of an order that comes before its `Place` is on disk before that is sent."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from mm_api.redis_contract import AlertRecord, FillRecord, Latch, OrderRecord
from mm_trader.core.events import Side
from mm_trader.core.units import SymbolRules


class Command(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base."""


class Place(Command, frozen=True, kw_only=True, gc=False):
    """A post-only limit order. Journaled by the shell before it is sent; answered by OrderAccepted, CommandRefused, CommandUnknown or CommandDropped."""

    symbol: str
    client_id: str
    side: Side
    price: int
    """Ticks."""
    size: int
    """Lots."""
    post_only: bool = True
    reduce_only: bool = False
    """It may never make the position larger. Only where `Capabilities.reduce_only` is True."""
    closing: bool = False
    """Brings a position back after an emergency stop (`risk.flatten`): the only place that passes while nothing but a halt holds the gate."""


class Cancel(Command, frozen=True, kw_only=True, gc=False):
    """Cancel one order by its client id (and venue id where known, which is faster). Jumps the queue; has its own rate budget."""

    symbol: str
    client_id: str
    venue_id: int | None


class Amend(Command, frozen=True, kw_only=True, gc=False):
    """Make an open order smaller and keep its place in the queue. It keeps its client id.

    Answered by OrderAmended (the order as it is now), CommandRefused, CommandUnknown or CommandDropped with `command="amend"`. A refusal leaves the
    order as it was; after CommandUnknown a QueryOrder tells. Only where `Capabilities.amend_keeps_priority` and `SymbolRules.amendable` are True.
    """

    symbol: str
    client_id: str
    venue_id: int | None
    size: int
    """Lots in all, what is filled included: more than filled, less than now."""


class Modify(Command, frozen=True, kw_only=True, gc=False):
    """Give an open order another price and size; it loses its place in the queue and keeps its ids.

    Answered by OrderAmended (the order as it is now; CANCELED where the venue cancelled it instead, as it does with a post-only order that would take),
    CommandRefused, CommandUnknown or CommandDropped with `command="amend"`. Only where `Capabilities.modify_price` is True.
    """

    symbol: str
    client_id: str
    venue_id: int | None
    side: Side
    price: int
    """Ticks."""
    size: int
    """Lots in all, what is filled included."""


class CancelReplace(Command, frozen=True, kw_only=True, gc=False):
    """Cancel one order and place another in its stead, in one request; when the cancel fails, the new one is not tried.

    Answered as the two commands it stands for, each half by exactly one event: the cancel of `client_id` by OrderFound, CommandRefused,
    CommandUnknown or CommandDropped (`command="cancel"`), the new order by OrderAccepted, CommandRefused, CommandUnknown or CommandDropped
    (`command="place"`; dropped with the reason `not attempted` when the cancel failed). With the stop latch set, no budget for a place or no
    order socket it becomes a plain cancel, and the new order is dropped. The new order is journaled as a Place is.
    Only where `Capabilities.cancel_replace` and `SymbolRules.replaceable` are True.
    """

    client_id: str
    """Of the order to cancel."""
    venue_id: int | None
    place: Place

    @property
    def symbol(self) -> str:
        """Of both orders."""
        return self.place.symbol


class CancelAllOwn(Command, frozen=True, kw_only=True, gc=False):
    """Emergency: cancel whatever is open under the identity's prefix, known to the kernel or not. Answered by a ReconcileSnapshot with cause `cancel_all`."""

    symbol: str


class QueryOrder(Command, frozen=True, kw_only=True, gc=False):
    """Ask the venue about one order. Answered by OrderFound, OrderNotFound or QueryFailed."""

    symbol: str
    client_id: str


class RequestReconcile(Command, frozen=True, kw_only=True, gc=False):
    """Read open orders, trades from `from_trade_id` on and balances together. Answered by ReconcileSnapshot or ReconcileFailed."""

    symbol: str
    from_trade_id: int
    cause: str
    funding_since_ms: int = 0
    """Funding payments from this venue time on; only where positions are funded."""


class RequestDepth(Command, frozen=True, kw_only=True, gc=False):
    """Fetch a depth snapshot. Answered by DepthSnapshot."""

    symbol: str


class RaiseHalt(Command, frozen=True, kw_only=True):
    """Make a latch durable: journal with fsync, then Redis, then an alert. Answered by HaltDurable. Quoting has stopped already."""

    latch: Latch


class OrderChanged(Command, frozen=True, kw_only=True, gc=False):
    """An order's state changed: journal it, mirror it in Redis (closed ones are removed there).

    The order as it stands after the change, in ticks and lots: `record` makes exact amounts of them where they are written down.
    """

    rules: SymbolRules
    client_id: str
    side: Side
    price: int
    """Ticks; while a change of it is on its way the highest it may have."""
    size: int
    """Lots."""
    filled: int
    """Lots."""
    state: str
    venue_id: int | None
    created_ms: int
    updated_ms: int
    closed: bool
    cause: str

    @property
    def record(self) -> OrderRecord:
        """For journal and store."""
        rules = self.rules
        return OrderRecord.trusted(
            client_id=self.client_id,
            symbol=rules.symbol,
            side="BUY" if self.side is Side.BUY else "SELL",
            price=rules.price(self.price),
            quantity=rules.quantity(self.size),
            filled=rules.quantity(self.filled),
            state=self.state,
            venue_id=self.venue_id,
            created_ms=self.created_ms,
            updated_ms=self.updated_ms,
        )


class FillBooked(Command, frozen=True, kw_only=True):
    """A fill was booked, exactly once: journal it, and write it together with the ledger in one script call."""

    record: FillRecord


class FundingBooked(Command, frozen=True, kw_only=True):
    """A funding payment is in the ledger: write the ledger, which remembers up to when it is booked."""

    symbol: str
    amount: Decimal
    """Quote currency; below zero: paid."""
    venue_ms: int


class Alert(Command, frozen=True, kw_only=True):
    """Tell people and the operator."""

    record: AlertRecord
