"""The order manager: places, cancels, asks, and digests every answer. Synchronous; it emits commands and never waits.

Policies
- A time-out asks the venue, and never guesses: PENDING or CANCELING without an answer becomes UNKNOWN and is queried until the venue has spoken. The first
  question leaves long before, so that an order that is there is not missed for as long.
- "Not found" means "never placed" only when it was asked late enough (`timing.certain_after`): until then the place may still arrive,
  and the question is put again with growing pauses.
- A refused cancel asks for the status. Cancels repeat with growing pauses and are capped; at the cap trading halts and a person is called.
- An order that we want gone stays wanted gone: a late ack is answered by another cancel.
- An order moves in one request where the venue can: `replace` is a cancel and a place in one, each half with its own answer; `changes` gives it another
  size, or price and size.
"""

from __future__ import annotations

from mm_trader.core.commands import Cancel, CancelReplace, Place, QueryOrder
from mm_trader.core.events import (
    CommandDropped,
    CommandRefused,
    CommandUnknown,
    ErrorClass,
    ExecutionReport,
    OrderAccepted,
    OrderAmended,
    OrderFound,
    OrderNotFound,
    OrderView,
    QueryFailed,
    Side,
)
from mm_trader.core.ids import ClientIds
from mm_trader.orders.changes import Changes
from mm_trader.orders.journal import OrderListener, Outbox
from mm_trader.orders.lifecycle import Lifecycle
from mm_trader.orders.order import Order
from mm_trader.orders.retry import (
    FIRST_PAUSE_NS,
    LONGEST_PAUSE_NS,
    MAX_CANCEL_REFUSALS,
    POLICIES,
    Asked,
    Backoff,
    Step,
)
from mm_trader.orders.states import (
    CANCELED,
    CANCELING,
    NEW,
    OPEN_STATES,
    PARTIALLY_FILLED,
    PENDING,
    REJECTED,
    UNKNOWN,
    VENUE_STATES,
)
from mm_trader.orders.table import OrderTable
from mm_trader.orders.timing import Timings


class OrderManager:
    """See the module's docstring."""

    def __init__(
        self,
        timings: Timings,
        ids: ClientIds,
        table: OrderTable,
        lifecycle: Lifecycle,
        outbox: Outbox,
        listener: OrderListener,
        backoff: Backoff | None = None,
    ) -> None:
        self._timings = timings
        self._backoff = backoff or Backoff()
        self.ids = ids
        self._table = table
        self._life = lifecycle
        self._outbox = outbox
        self._listener = listener
        self.changes = Changes(lifecycle, outbox, listener, self.doubt, self.cancel)
        self.enabled = False
        """False until this process has been allowed to trade once: what an earlier incarnation left may be another's now."""
        self.alone = False
        """The lease is ours: nobody else works under our prefix. Without it a later incarnation may, and its orders are left to it."""

    def use_timings(self, timings: Timings) -> None:
        """For what is sent or asked from now on; deadlines that run stay."""
        self._timings = timings

    # --- what we want -----------------------------------------------------------------------------------------------------------------

    def place(
        self,
        symbol: str,
        side: Side,
        price: int,
        size: int,
        ts: int,
        *,
        post_only: bool = True,
        closing: bool = False,
        reduce_only: bool = False,
    ) -> Order:
        """Send an order. The caller has passed every pre-trade check. `closing`, `reduce_only`: see `Place`."""
        order, place = self._new(symbol, side, price, size, ts, post_only, closing, reduce_only)
        self._outbox.emit(place)
        self._listener.on_placed(order)
        return order

    def can_replace(self, order: Order, ts: int) -> bool:
        """It is open, and a cancel of it could leave now."""
        return order.state in OPEN_STATES and not order.cancel_wanted and self._cancel_may_leave(order, ts)

    def replace(self, order: Order, price: int, size: int, ts: int, *, reduce_only: bool = False) -> Order:
        """Cancel an order and send another of its side in its stead, in one request. The caller has passed every pre-trade check for the new one, with the
        old one counted as if it stayed, and has asked `can_replace`."""
        new, place = self._new(order.symbol, order.side, price, size, ts, True, False, reduce_only)
        self._outbox.emit(CancelReplace(client_id=order.client_id, venue_id=order.venue_id, place=place))
        order.cancel_wanted = True
        self._cancel_leaves(order, "replacement sent", ts)
        self._listener.on_placed(new)
        return new

    def _new(
        self,
        symbol: str,
        side: Side,
        price: int,
        size: int,
        ts: int,
        post_only: bool,
        closing: bool,
        reduce_only: bool,
    ) -> tuple[Order, Place]:
        """An order, journaled before its Place leaves."""
        order = Order(
            client_id=self.ids.next(),
            symbol=symbol,
            side=side,
            price=price,
            size=size,
            state=PENDING,
            created_ts=ts,
            created_ms=self._listener.wall_ms(ts),
        )
        order.deadline = ts + self._timings.order_timeout
        order.closing = closing
        order.reduce_only = reduce_only
        self._table.add(order)
        self._life.changed(order, "placed", ts)
        return order, Place(
            symbol=symbol,
            client_id=order.client_id,
            side=side,
            price=price,
            size=size,
            post_only=post_only,
            reduce_only=reduce_only,
            closing=closing,
        )

    def cancel(self, order: Order, ts: int) -> None:
        """Want the order gone. Sends at once unless a cancel is on its way or its pause is not over; the rest happens by itself."""
        if order.over:
            return
        order.cancel_wanted = True
        if not self._cancel_may_leave(order, ts):
            return
        if order.cancel_refusals >= MAX_CANCEL_REFUSALS:
            self._listener.on_cancel_exhausted(order)
            order.next_cancel = ts + LONGEST_PAUSE_NS
            order.cancel_refusals = MAX_CANCEL_REFUSALS - 1
            self._query(order, ts)
            return
        self._outbox.emit(Cancel(symbol=order.symbol, client_id=order.client_id, venue_id=order.venue_id))
        self._cancel_leaves(order, "cancel sent", ts)

    def _cancel_may_leave(self, order: Order, ts: int) -> bool:
        return self.enabled and not order.cancel_in_flight and ts >= order.next_cancel

    def _cancel_leaves(self, order: Order, cause: str, ts: int) -> None:
        order.cancel_attempts += 1
        order.next_cancel = ts + self._backoff.pause(order.client_id, order.cancel_attempts)
        order.cancel_in_flight = True
        order.deadline = ts + self._timings.order_timeout
        self._listener.on_cancel_sent(order)
        self._life.move(order, CANCELING, cause, ts)

    def amend(self, order: Order, size: int, ts: int) -> None:
        """Make an open order smaller; it keeps its place in the queue. `size`: lots in all, filled ones included."""
        self.changes.shrink(order, size, ts, ts + self._timings.order_timeout)

    def modify(self, order: Order, price: int, size: int, ts: int) -> None:
        """Give an open order another price and size (filled lots included), under the same ids. The caller has passed every pre-trade check for what is new,
        with the old order counted as if it stayed, and has asked `can_replace`."""
        self.changes.move(order, price, size, ts, ts + self._timings.order_timeout)

    def doubt(self, order: Order, cause: str, ts: int) -> None:
        """Evidence is missing: UNKNOWN, and ask."""
        if order.over:
            return
        self._life.move(order, UNKNOWN, cause, ts)
        if not order.query_in_flight:
            self._query(order, ts)

    # --- answers ----------------------------------------------------------------------------------------------------------------------

    def on_accepted(self, event: OrderAccepted) -> None:
        order = self._table.get(event.symbol, event.client_id)
        if order is None:
            self._listener.on_anomaly(event.symbol, f"{event.client_id}: accepted, but never placed by us")
            self._outbox.emit(QueryOrder(symbol=event.symbol, client_id=event.client_id))
            return
        self._life.known_to_venue(order, event.venue_id, event.ts)
        if order.state in (PENDING, UNKNOWN):
            opened = PARTIALLY_FILLED if order.filled else NEW
            self._life.move(order, opened, "accepted", event.ts)
        elif order.presumed_over:
            self._listener.on_anomaly(event.symbol, f"{event.client_id}: judged gone, but accepted")
            order.leftover = True
            self._life.move(order, NEW, "accepted", event.ts)
            order.cancel_wanted = True
        if order.cancel_wanted:
            self.cancel(order, event.ts)

    def on_refused(self, event: CommandRefused) -> None:
        order = self._table.get(event.symbol, event.client_id)
        if order is None or order.over:
            return
        if event.command == "cancel":
            self._cancel_refused(order, event)
        elif event.command == "amend":
            self.changes.on_refused(order, event)
        elif order.acked_ts is not None:
            # a refusal of an order that the venue has shown us is no evidence of anything
            self._listener.on_anomaly(
                event.symbol, f"{event.client_id}: refused ({event.error}) after it was seen"
            )
            self.doubt(order, "refused after seen", event.ts)
        elif POLICIES[Asked.PLACE, event.error].step is Step.ASK:
            self.doubt(order, event.error.value, event.ts)
        else:
            self._life.move(order, REJECTED, event.error.value, event.ts)
            self._listener.on_refused(order, event.error, event.message)

    def on_unknown(self, event: CommandUnknown) -> None:
        order = self._table.get(event.symbol, event.client_id)
        if order is None or order.over:
            return
        if event.command == "amend":
            self.changes.lost(order, event.reason, event.ts)
            return
        if event.command != "cancel" and order.acked_ts is not None and order.state is not UNKNOWN:
            # the user stream has already shown the order: the lost reply no longer matters
            return
        self.doubt(order, event.reason or "no trustworthy answer", event.ts)

    def on_dropped(self, event: CommandDropped) -> None:
        order = self._table.get(event.symbol, event.client_id)
        if order is None or order.over:
            return
        if event.command == "amend":
            self.changes.never_left(order, event.ts)
            return
        if event.command != "cancel":
            self._life.move(order, REJECTED, f"dropped: {event.reason}", event.ts)
            return
        # the cancel never left; the pause is running, and the timer sends the next one
        order.cancel_in_flight = False
        order.deadline = None
        if order.state is CANCELING:
            if order.acked_ts is None:
                self.doubt(order, "cancel dropped before the place was answered", event.ts)
                return
            opened = PARTIALLY_FILLED if order.filled else NEW
            self._life.move(order, opened, "cancel dropped", event.ts)

    def is_ours(self, client_id: str) -> bool:
        """True: an order of this incarnation or of one before it."""
        return self.ids.may_touch(client_id) or (self.alone and client_id.startswith(self.ids.prefix))

    def on_report(self, event: ExecutionReport) -> None:
        """A user-stream event."""
        view = event.order
        order = self._table.get(view.symbol, view.client_id)
        if order is None:
            order = self._table.by_venue_id(view.symbol, view.venue_id)
        if order is None:
            if not self.is_ours(view.client_id):
                return
            self._listener.on_anomaly(view.symbol, f"{view.client_id}: reported, but unknown to us")
            order = self.adopt(view, event.ts)
        self._life.known_to_venue(order, view.venue_id, event.ts)
        if event.trade is not None:
            self._life.book(event.trade, order, event.ts, live=True)
        self._digest(order, view, "report", event.ts, answers_us=False)

    def on_found(self, event: OrderFound) -> None:
        """The answer to a query, or to a cancel that was carried out."""
        view = event.order
        order = self._table.get(view.symbol, view.client_id)
        if order is None:
            return
        order.query_in_flight = False
        order.query_due = None
        self._digest(order, view, "query", event.ts, answers_us=True)
        if order.state is UNKNOWN:
            self._ask_later(order, event.ts)

    def on_amended(self, event: OrderAmended) -> None:
        """The answer to an amend or modify that was carried out, or that ended the order."""
        view = event.order
        order = self._table.get(view.symbol, view.client_id)
        if order is not None:
            self._digest(order, view, "changed", event.ts, answers_us=False)

    def on_not_found(self, event: OrderNotFound) -> None:
        order = self._table.get(event.symbol, event.client_id)
        if order is None or order.over:
            return
        order.query_in_flight = False
        if order.state is not UNKNOWN and order.acked_ts is not None:
            return
        grace_from = order.created_ts if order.acked_ts is None else order.acked_ts
        certain_from = self._timings.certain_after(grace_from)
        if event.asked_ts <= certain_from:
            pause = self._backoff.pause(order.client_id, order.queries)
            order.query_due = min(event.ts + pause, max(event.ts, certain_from) + FIRST_PAUSE_NS)
            return
        if order.acked_ts is None and order.filled == 0:
            self._life.move(order, REJECTED, "never placed", event.ts)
        else:
            self._listener.on_anomaly(order.symbol, f"{order.client_id}: the venue no longer knows it")
            order.forgotten = True
            self._life.move(order, CANCELED, "forgotten by the venue", event.ts)

    def on_query_failed(self, event: QueryFailed) -> None:
        order = self._table.get(event.symbol, event.client_id)
        if order is not None and not order.over:
            order.query_in_flight = False
            self._ask_later(order, event.ts)

    def adopt(self, view: OrderView, ts: int) -> Order:
        """Take an order of our prefix that this process does not know into the table; it is a leftover, and goes."""
        order = Order.adopted(view, ts, self._listener.wall_ms(ts))
        self._table.add(order)
        return order

    # --- time -------------------------------------------------------------------------------------------------------------------------

    def on_timer(self, ts: int) -> None:
        """Overdue answers, due questions, due cancels. Cheap when nothing is open."""
        ask_before = self._timings.ask_before
        for order in self._table.all_live():
            if order.deadline is not None and ts >= order.deadline:
                if order.change is not None:
                    self.changes.lost(order, "time-out", ts)
                else:
                    self.doubt(order, "time-out", ts)
            elif order.query_due is not None:
                if ts >= order.query_due:
                    self._query(order, ts)
            elif (
                order.deadline is not None
                and ts >= order.deadline - ask_before
                and order.change is None
                and not order.query_in_flight
            ):
                self._query(order, ts)
            if order.cancel_wanted and not order.over and not (order.leftover and order.state is UNKNOWN):
                self.cancel(order, ts)

    # --- inner ------------------------------------------------------------------------------------------------------------------------

    def _digest(self, order: Order, view: OrderView, cause: str, ts: int, *, answers_us: bool) -> None:
        if VENUE_STATES.get(view.status) is REJECTED and order.state is PENDING:
            self._life.move(order, REJECTED, cause, ts)
            self._listener.on_refused(order, ErrorClass.REFUSED, view.status)
            return
        self._life.apply(order, view, cause, ts, answers_us=answers_us)
        if order.cancel_wanted and not order.over:
            self.cancel(order, ts)

    def _cancel_refused(self, order: Order, event: CommandRefused) -> None:
        order.cancel_in_flight = False
        order.deadline = None
        if event.error is not ErrorClass.CLOSED:
            order.cancel_refusals += 1
        self._listener.on_cancel_refused(order)
        repeat = POLICIES[Asked.CANCEL, event.error].step is Step.REPEAT
        if repeat and order.acked_ts is not None:
            # nothing was executed: open as before; the timer tries again after the pause
            opened = PARTIALLY_FILLED if order.filled else NEW
            self._life.move(order, opened, f"cancel refused: {event.error}", event.ts)
            return
        self.doubt(order, f"cancel refused: {event.error}", event.ts)

    def _query(self, order: Order, ts: int) -> None:
        order.queries += 1
        order.query_in_flight = True
        order.query_due = ts + self._timings.order_timeout  # the question itself may be lost
        self._outbox.emit(QueryOrder(symbol=order.symbol, client_id=order.client_id))

    def _ask_later(self, order: Order, ts: int) -> None:
        order.query_due = ts + self._backoff.pause(order.client_id, order.queries)
