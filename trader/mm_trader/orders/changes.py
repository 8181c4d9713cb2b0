"""Another size, or price and size, for an open order in one request: smaller at its price (it keeps its place in the queue), or moved (it keeps its ids).

While a change is on its way the worst of both counts: the larger size, the higher price. It has one answer. Refused or dropped, the order is as it was.
Without an answer nobody knows which of both it is, nor whether the change will still arrive: the order goes, and the venue is asked meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

from mm_trader.core.commands import Amend, Modify
from mm_trader.core.events import CommandRefused
from mm_trader.orders.journal import OrderListener, Outbox
from mm_trader.orders.lifecycle import Lifecycle
from mm_trader.orders.order import Order
from mm_trader.orders.retry import POLICIES, Asked, Step
from mm_trader.orders.states import OPEN_STATES


class Changes:
    """Part of the order manager."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        outbox: Outbox,
        listener: OrderListener,
        doubt: Callable[[Order, str, int], None],
        cancel: Callable[[Order, int], None],
    ) -> None:
        """`doubt(order, cause, ts)` and `cancel(order, ts)`: the manager's."""
        self._life = lifecycle
        self._outbox = outbox
        self._listener = listener
        self._doubt = doubt
        self._cancel = cancel

    def shrink(self, order: Order, size: int, ts: int, deadline: int) -> None:
        """`size`: lots in all. The old size counts until the venue has confirmed the new one."""
        order.begin_change(order.price, size)
        order.deadline = deadline
        self._life.changed(order, "amend sent", ts)
        self._outbox.emit(
            Amend(symbol=order.symbol, client_id=order.client_id, venue_id=order.venue_id, size=size)
        )

    def move(self, order: Order, price: int, size: int, ts: int, deadline: int) -> None:
        """`size`: lots in all. Journaled with the worst of both before it is sent."""
        order.begin_change(price, size)
        order.deadline = deadline
        self._life.changed(order, "modify sent", ts)
        self._outbox.emit(
            Modify(
                symbol=order.symbol,
                client_id=order.client_id,
                venue_id=order.venue_id,
                side=order.side,
                price=price,
                size=size,
            )
        )
        self._listener.on_change_sent()

    def on_refused(self, order: Order, event: CommandRefused) -> None:
        """A definite no. One that comes after the venue has shown the change carried out is answered by nothing."""
        if order.change is None:
            return
        order.change_refused = True
        self._listener.on_change_refused(order, event.error)
        self._undo(order, f"change refused: {event.error}", event.ts)
        if POLICIES[Asked.CHANGE, event.error].step is Step.ASK:
            order.cancel_wanted = True
            self._doubt(order, f"change refused: {event.error}", event.ts)

    def lost(self, order: Order, reason: str, ts: int) -> None:
        """No trustworthy answer, and the venue has not shown it carried out: the order goes."""
        if order.change is None:
            return
        self._doubt(order, reason or "no trustworthy answer", ts)
        self._cancel(order, ts)

    def never_left(self, order: Order, ts: int) -> None:
        """Dropped before the socket."""
        if order.change is not None:
            self._undo(order, "change dropped", ts)

    def _undo(self, order: Order, cause: str, ts: int) -> None:
        order.undo_change()
        if order.state in OPEN_STATES:
            order.deadline = None
        self._life.changed(order, cause, ts)
