"""What happens to orders that wait for a price: taken, let go, put to work once trades have set them off.

`stops` knows which of them are due, `matching` trades them like any other.
"""

from __future__ import annotations

from .errors import WOULD_TRIGGER, rejected
from .ledger import Ledger
from .market import Market
from .matching import Matcher
from .stops import Stops, rises
from .types import AT_MARKET, ExecType, Order, OrderStatus


class Contingent:
    """Shares the exchange's ledger and matcher; the exchange decides when an operation is over."""

    def __init__(self, ledger: Ledger, matcher: Matcher) -> None:
        self._ledger = ledger
        self._matcher = matcher

    def hold(self, market: Market, order: Order, stop: int, now: int) -> None:
        """Take an order that waits for `stop` (ticks): its money is locked, the book does not change. Raises RefusalError."""
        last = market.reference()
        if last and (last >= stop if rises(order.type, order.side) else last <= stop):
            raise rejected(WOULD_TRIGGER)
        order.stop, order.working_ns, order.is_market = stop, -1, order.type in AT_MARKET
        # what an order at the market will pay is not known yet: until it is at work, its stop price stands for it
        amount = (order.price or stop) * order.qty * market.spec.quote_mult
        self._ledger.lock(order, amount if order.is_buy else order.qty * market.spec.lot_e8)
        order.account.remember_open(order)
        if market.stops is None:
            market.stops = Stops()
        market.stops.add(order)
        self._matcher.execution(order, ExecType.NEW, now)

    @staticmethod
    def let_go(market: Market, order: Order) -> None:
        """The order ends before it was at work."""
        stops = market.stops
        assert stops is not None, "an open order rests on a level or waits"
        stops.remove(order)
        if not stops:
            market.stops = None

    def set_off(self, market: Market, now: int) -> None:
        """Put to work what trades have set off, and what that sets off in turn: each order once, so it ends."""
        stops = market.stops
        assert stops is not None, "the caller has looked"
        while stops.due:
            self._start(market, stops.due.popleft(), now)
        if not stops:
            market.stops = None

    def _start(self, market: Market, order: Order, now: int) -> None:
        """One that buys at the market needs what the book asks: more than its stop price, perhaps more than its account has."""
        if order.is_market:
            more = market.need(order) - order.locked
            if more > order.pays.free:
                self._matcher.end(order, OrderStatus.EXPIRED)
                event = self._matcher.execution(order, ExecType.EXPIRED, now)
                if event is not None:
                    event.reject_reason = "INSUFFICIENT_BALANCES"
                return
            if more > 0:
                self._ledger.lock(order, more)
            else:
                self._ledger.release(order, -more)
        order.working_ns = now
        self._matcher.execution(order, ExecType.NEW, now)
        takes = order.is_market or market.crosses(order.is_buy, order.price)
        self._matcher.work(market, order, takes, now)
