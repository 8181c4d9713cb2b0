"""Moves one order through the state machine on the venue's evidence: every transition goes through `move`, every trade through `book`.

Evidence may come twice, late or out of order. Two rules make the end the same whichever way it came: cumulative quantity only grows, and an ended order
is not opened again by an older report.
"""

from __future__ import annotations

from collections import OrderedDict

from mm_trader.core.events import OrderView, TradeView
from mm_trader.core.units import SymbolRules
from mm_trader.orders.journal import OrderListener, Outbox
from mm_trader.orders.order import Order
from mm_trader.orders.states import (
    CANCELING,
    FILLED,
    FINAL_STATES,
    NEW,
    OPEN_STATES,
    PARTIALLY_FILLED,
    PENDING,
    UNKNOWN,
    VENUE_STATES,
    IllegalTransitionError,
    OrderState,
    validate_transition,
)
from mm_trader.orders.table import OrderTable
from mm_trader.orders.trades import TradeLog

_EARLY = 1_000
"""Venue ids of unknown orders kept; most belong to orders that an earlier process has forgotten."""


class Lifecycle:
    """State, quantity and fills of orders. Its one command is `OrderChanged`."""

    def __init__(
        self,
        rules: dict[str, SymbolRules],
        trades: dict[str, TradeLog],
        table: OrderTable,
        outbox: Outbox,
        listener: OrderListener,
    ) -> None:
        self._rules = rules
        self._trades = trades
        self._table = table
        self._outbox = outbox
        self._listener = listener
        self._early: OrderedDict[tuple[str, int], int] = OrderedDict()
        """Lots booked under a venue id that belonged to no order yet: one of which nothing but its trade has been heard."""

    def move(self, order: Order, state: OrderState, cause: str, ts: int) -> None:
        """Change the state. A move that the table does not have is counted as an anomaly and not made; a move to the same state is none."""
        before = order.state
        if state is before:
            return
        try:
            validate_transition(before, state)
        except IllegalTransitionError as error:
            self._listener.on_anomaly(order.symbol, f"{order.client_id}: {error} ({cause})")
            return
        order.state = state
        if state in FINAL_STATES:
            order.deadline = order.query_due = None
            order.cancel_in_flight = order.query_in_flight = False
        elif state is UNKNOWN:
            order.deadline = None
            order.cancel_in_flight = False
            self._listener.on_unknown(order)
        elif state in OPEN_STATES:
            order.deadline = order.query_due = None
            order.queries = 0
        self.changed(order, cause, ts)

    def changed(self, order: Order, cause: str, ts: int) -> None:
        """Put the order where its state says, journal it, and let the kernel look."""
        order.updated_ms = self._listener.wall_ms(ts)
        self._table.file(order)
        self._outbox.emit(order.changed(self._rules[order.symbol], cause))
        self._listener.on_changed(order)

    def known_to_venue(self, order: Order, venue_id: int, ts: int) -> None:
        """The venue speaks of this order."""
        first = order.acked_ts is None
        order.acked_ts = ts
        if order.venue_id is None:
            order.venue_id = venue_id
            self._table.index(order)
            early = self._early.pop((order.symbol, venue_id), 0) if self._early else 0
            if early and not order.inherited:
                order.booked += early
                order.filled = max(order.filled, order.booked)
                self._after_fill(order, ts)
        elif order.venue_id != venue_id:
            self._listener.on_anomaly(
                order.symbol, f"{order.client_id}: venue id {order.venue_id} became {venue_id}"
            )
        if first:
            self._listener.on_accepted(order)

    def book(self, trade: TradeView, order: Order | None, ts: int, *, live: bool) -> bool:
        """Book a trade once. True: it was new. The order's own quantities follow."""
        if not self._trades[trade.symbol].take(trade.trade_id):
            return False
        if order is None:
            order = self._table.by_venue_id(trade.symbol, trade.venue_id)
        if order is not None and not order.inherited:
            order.booked += trade.size
            order.filled = max(order.filled, order.booked)
            if order.filled > order.size:
                self._listener.on_anomaly(
                    order.symbol, f"{order.client_id}: filled {order.filled} of {order.size} lots"
                )
        if order is None:
            key = trade.symbol, trade.venue_id
            self._early[key] = self._early.get(key, 0) + trade.size
            if len(self._early) > _EARLY:
                self._early.popitem(last=False)
        self._listener.on_fill(trade, order, live=live)
        if order is not None:
            self._after_fill(order, ts)
        return True

    def apply(self, order: Order, view: OrderView, cause: str, ts: int, *, answers_us: bool) -> None:
        """Bring the order to what the venue says of it.

        `answers_us`: an answer to our own question, so an order shown open is open in spite of a cancel that was sent before and is no longer on its way.
        """
        self.known_to_venue(order, view.venue_id, ts)
        target = VENUE_STATES.get(view.status)
        filled = view.filled
        if target is None or view.side is not order.side or (filled > view.size and filled > order.size):
            self._listener.on_anomaly(
                order.symbol,
                f"{order.client_id}: the venue describes it as {view.status}, {view.filled} filled",
            )
            if order.state in OPEN_STATES or order.state is PENDING:
                self.move(order, UNKNOWN, "unreadable", ts)
            return
        differs = order.change is not None or (view.price, view.size) != (order.price, order.size)
        grew = differs and self._describe(order, view)
        if filled > order.filled:
            order.filled, grew = filled, True
        state = self._next_state(order, target, answers_us)
        if state is not order.state:
            if order.presumed_over:
                self._listener.on_anomaly(
                    order.symbol, f"{order.client_id}: judged gone, but it is {view.status}"
                )
                order.leftover = order.cancel_wanted = True
            self.move(order, state, cause, ts)
        elif grew:
            self.changed(order, cause, ts)

    def _describe(self, order: Order, view: OrderView) -> bool:
        """Price and size as the venue says; True: they are news. A change that is on its way explains the new ones; the old ones do not say that it will
        not come."""
        described, change = (view.price, view.size), order.change
        older = view.update_ms < order.changed_ms
        if older or (view.update_ms == order.changed_ms and described == order.before):
            return False  # from before the last change that was carried out
        if change is not None and described == change.before:
            return False
        # the record of an inherited order may be from before a change
        explained = described == change.after if change is not None else order.inherited
        if not explained:
            self._listener.on_anomaly(
                order.symbol,
                f"{order.client_id}: {order.size} @ {order.price} placed, {view.size} @ {view.price} at the venue",
            )
        order.end_change(view.price, view.size, view.update_ms)
        if change is not None and not order.cancel_in_flight and order.state in OPEN_STATES:
            order.deadline = None
        return True

    def _next_state(self, order: Order, target: OrderState, answers_us: bool) -> OrderState:
        """Where the evidence leads from here; the same state when it is older than what is known."""
        now = order.state
        if now is FILLED:
            return now
        if order.filled >= order.size:
            return FILLED
        if now in FINAL_STATES and not order.presumed_over:
            return now
        if target in FINAL_STATES:
            # FILLED with fewer lots than we placed: an amended order; its end is what counts
            return target
        if target is CANCELING:
            return now if now is not PENDING else NEW
        opened = PARTIALLY_FILLED if order.filled else NEW
        if now is CANCELING and (order.cancel_in_flight or not answers_us):
            return now
        return opened

    def _after_fill(self, order: Order, ts: int) -> None:
        if order.over and not order.presumed_over:
            if order.filled >= order.size and order.state is not FILLED:
                self.move(order, FILLED, "late fill", ts)
            else:
                self.changed(order, "late fill", ts)
        elif order.filled >= order.size:
            self.move(order, FILLED, "fill", ts)
        elif order.state in (CANCELING, PARTIALLY_FILLED, UNKNOWN):
            # a trade shows what was filled, not that the rest is still open: an UNKNOWN order stays unknown
            self.changed(order, "fill", ts)
        else:
            if order.presumed_over:
                self._listener.on_anomaly(order.symbol, f"{order.client_id}: judged gone, but it traded")
                order.leftover = order.cancel_wanted = True
            self.move(order, PARTIALLY_FILLED, "fill", ts)
