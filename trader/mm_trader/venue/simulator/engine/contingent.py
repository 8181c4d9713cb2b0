"""What happens to orders that wait: for a price, or for another order of their list.

`stops` knows which of them are due, `matching` trades them like any other. Two orders of which one ends the other share
one lock, the larger of what each needs: the one that rests has it, or the second while both wait; it goes to whichever begins to trade.
"""

from __future__ import annotations

from .errors import (
    BAD_PRICES,
    INSUFFICIENT_BALANCE,
    REASONS,
    WOULD_MATCH,
    WOULD_TRIGGER,
    RefusalError,
    rejected,
)
from .events import Event, ListEvent
from .ledger import Ledger
from .lists import ListStep, OrderList
from .market import Market
from .matching import Matcher
from .stops import Stops, rises
from .types import ExecType, Order, OrderStatus, OrderType

OCO_TRIGGER, PHASE_ONE, REJECTED = "OCO_TRIGGER", "OTO_PHASE_ONE_EXPIRED", "REJECTED"
"""Reasons of an expiry, in the venue's words."""


class Contingent:
    """Shares the exchange's ledger, matcher and outbox; the exchange decides when an operation is over."""

    def __init__(self, ledger: Ledger, matcher: Matcher, out: list[Event]) -> None:
        self._ledger = ledger
        self._matcher = matcher
        self._out = out

    # --- taken ----------------------------------------------------------------------------------------------
    def hold(self, market: Market, order: Order, now: int) -> None:
        """Take an order that waits for its stop price: its money is locked, the book does not change. Raises RefusalError."""
        last = market.reference()
        if last and (last >= order.stop if rises(order) else last <= order.stop):
            raise rejected(WOULD_TRIGGER)
        self._ledger.lock(order, market.bound(order))
        self._take(market, order, now)

    def hold_pair(self, market: Market, pair: tuple[Order, ...], now: int) -> None:
        """Take two orders of which one ends the other. Raises RefusalError."""
        last = market.reference()
        prices = {_above(o): o.stop or o.price for o in pair}
        if prices[False] >= prices[True] or (last and not prices[False] < last < prices[True]):
            raise rejected(BAD_PRICES)
        rests = next((o for o in pair if not o.stop), None)
        if rests is not None and market.crosses(rests.is_buy, rests.price):
            raise rejected(WOULD_MATCH)
        self._ledger.lock(rests or pair[1], max(market.bound(o) for o in pair))
        for order in pair:
            self._take(market, order, now)

    def pend(self, market: Market, order: Order, now: int) -> None:
        """Take an order that waits for another one to be filled; nothing is locked for it yet."""
        order.status, order.working_ns = OrderStatus.PENDING_NEW, -1
        self._take(market, order, now)

    def _take(self, market: Market, order: Order, now: int) -> None:
        """Whatever could be refused has not been."""
        if order.id not in order.account.open:
            order.account.remember_open(order)
        if order.status is not OrderStatus.PENDING_NEW and order.stop:
            if market.stops is None:
                market.stops = Stops()
            market.stops.add(order)
        elif order.status is not OrderStatus.PENDING_NEW:
            order.working_ns = now
            self._matcher.rest(market, order)
        self._matcher.execution(order, ExecType.NEW, now)

    # --- let go ---------------------------------------------------------------------------------------------
    @staticmethod
    def let_go(market: Market, order: Order) -> None:
        """The order ends before it was at work."""
        stops = market.stops
        assert stops is not None, "an open order rests on a level or waits"
        if order.status is not OrderStatus.PENDING_NEW:
            stops.remove(order)
        if not stops:
            market.stops = None

    def _expire(self, market: Market, order: Order, why: str, now: int, reason: str = "NONE") -> None:
        if order.level is not None:
            market.unrest(order)
        elif order.working_ns < 0 and market.stops is not None and order in market.stops:
            market.stops.remove(order)
        order.expiry = why
        self._matcher.end(order, OrderStatus.EXPIRED)
        event = self._matcher.execution(order, ExecType.EXPIRED, now)
        if event is not None:
            event.reject_reason = reason

    def finish(self, market: Market, made: OrderList, now: int) -> None:
        """Every order of the list has ended."""
        made.done = True
        if market.stops is not None:
            market.stops.lists.discard(made)
            if not market.stops:
                market.stops = None
        self._out.append(ListEvent(made, ListStep.ALL_DONE, now))

    # --- at work --------------------------------------------------------------------------------------------
    def set_off(self, market: Market, now: int) -> None:
        """Put to work what trades have set off, and what that sets off in turn: each order once, so it ends."""
        stops = market.stops
        assert stops is not None, "the caller has looked"
        while stops.due:
            order = stops.due.popleft()
            if order.working_ns < 0:
                self._start(market, order, now)
            if order.list is not None and not order.list.done:
                self._follow(market, order, order.list, now)
        if not stops:
            market.stops = None

    def _start(self, market: Market, order: Order, now: int) -> None:
        """A waiting order begins. It may need more than is locked for it, and its account may not have that."""
        if order.list is not None:
            other = next((o for o in order.list.pair if o is not order), None)
            if other is not None and other.executed:  # in the trade that set this one off, or before it
                self._expire(market, order, OCO_TRIGGER, now)
                return
            self._end_other(market, order, now)
        more = market.need(order) - order.locked
        if more > order.pays.free:
            self._expire(market, order, "EXCHANGE_CANCELED", now, REASONS[INSUFFICIENT_BALANCE])
            return
        if more > 0:
            self._ledger.lock(order, more)
        else:
            self._ledger.release(order, -more)
        self._work(market, order, now)

    def _work(self, market: Market, order: Order, now: int) -> None:
        order.working_ns = now
        self._matcher.execution(order, ExecType.NEW, now)
        takes = order.is_market or market.crosses(order.is_buy, order.price)
        self._matcher.work(market, order, takes, now)

    def _follow(self, market: Market, order: Order, made: OrderList, now: int) -> None:
        """An order of a list has traded, or ended: what that means for the others."""
        if made.pending and order is made.orders[0]:
            if order.status is OrderStatus.FILLED:
                self._second_phase(market, made, now)
            elif order.is_final:
                made.pending = False
                for other in made.orders[1:]:
                    self._expire(market, other, PHASE_ONE, now)
        elif order.executed or order.is_final:
            self._end_other(market, order, now)
        if not made.done and all(o.is_final for o in made.orders):
            self.finish(market, made, now)

    def _second_phase(self, market: Market, made: OrderList, now: int) -> None:
        """The working order is filled: the pending ones are placed, or expire where they would be refused."""
        made.pending = False
        pending = made.orders[1:]
        for order in pending:
            order.status = OrderStatus.NEW
        try:
            if made.pair:
                self.hold_pair(market, pending, now)
            else:
                self._enter(market, pending[0], now)
        except RefusalError as error:
            for order in pending:
                self._expire(market, order, REJECTED, now, REASONS[error.msg])

    def _enter(self, market: Market, order: Order, now: int) -> None:
        """Place an order that was pending. Raises RefusalError."""
        if order.stop:
            self.hold(market, order, now)
            return
        if order.type is OrderType.LIMIT_MAKER and market.crosses(order.is_buy, order.price):
            raise rejected(WOULD_MATCH)
        self._ledger.lock(order, market.need(order))
        self._work(market, order, now)

    # --- pairs ----------------------------------------------------------------------------------------------
    def _end_other(self, market: Market, order: Order, now: int) -> None:
        """The other of a pair ends; what was locked for both is this one's, as far as it needs it."""
        assert order.list is not None, "the caller has looked"
        other = order.list.other(order)
        if other is None or other.executed:  # whichever trades first stays
            return
        if not order.is_final:
            order.locked += other.locked
            other.locked = 0
        self._expire(market, other, OCO_TRIGGER, now)
        if not order.is_final:
            self._ledger.release(order, max(0, order.locked - market.bound(order)))

    def resize(self, market: Market, pair: tuple[Order, ...], lots: int) -> None:
        """Make both orders of a pair `lots` in all."""
        for order in pair:
            if order.level is not None:
                order.level.qty -= order.qty - lots
                (market.bids_changed if order.is_buy else market.asks_changed).append(order.price)
            order.qty = lots
        holder = max(pair, key=lambda o: o.locked)
        self._ledger.release(holder, max(0, holder.locked - max(market.bound(o) for o in pair)))


def _above(order: Order) -> bool:
    """Whether the order of a pair is the one above the market."""
    return rises(order) if order.stop else not order.is_buy
