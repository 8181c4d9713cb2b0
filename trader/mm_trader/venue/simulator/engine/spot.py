"""The spot venue's exchange: the engine with order lists."""

from __future__ import annotations

from copy import copy

from .account import Account, Seat
from .checks import check_stop
from .errors import DUPLICATE_ORDER, UNKNOWN_ORDER, WOULD_MATCH, RefusalError, filter_failure, rejected
from .events import ListEvent
from .exchange import Exchange, accepted, check_algo_orders, waiting
from .lists import ListKind, ListStep, OrderList
from .market import Market
from .types import ExecType, Fill, NewOrder, Order, OrderType


class SpotExchange(Exchange):
    """Orders alone as in `Exchange`; those of a list end together."""

    _list_id = 0

    def place_list(
        self, account: Account, kind: ListKind, client_id: str, legs: list[NewOrder]
    ) -> tuple[OrderList, list[Order], list[Fill]]:
        """Enter a list: the orders as they were accepted, and what the working order of an OTO got at once.

        `legs`: of an OCO the stop loss, then the other; of an OTO the working order, then one pending or such a pair.
        Raises RefusalError, and nothing has changed.
        """
        market = self.market(legs[0].symbol)
        seat = account.seat(market.spec)
        for new in legs:
            if new.stop_e8 is not None:
                check_stop(market.spec, new.stop_e8)
        checked = [self._validate(market, seat, new) for new in legs]
        self._room_for(seat, client_id, legs)
        now = self.clock()
        orders = tuple(
            accepted(
                self._order_id + 1 + number, seat, new, *terms,
                new.stp if new.stp is not None else self.default_stp, now,
            )
            for number, (new, terms) in enumerate(zip(legs, checked, strict=True))
        )  # fmt: skip
        for order, new in zip(orders, legs, strict=True):
            if new.stop_e8 is not None:
                waiting(order, new.stop_e8, market.spec)
        made = OrderList(self._list_id + 1, account, market.spec.name, kind, client_id, orders, now)
        fills = (
            self._begin_pair(market, made, now) if kind is ListKind.OCO else self._begin(market, made, now)
        )
        self._order_id += len(orders)
        self._list_id += 1
        account.remember_list(made)
        shown = [copy(order) for order in orders]
        self._commit(market, now)
        return made, shown, fills

    def _room_for(self, seat: Seat, client_id: str, legs: list[NewOrder]) -> None:
        """The counting filters, for all orders of the list together, and ids that are taken."""
        account, spec = seat.account, self.markets[legs[0].symbol].spec
        if seat.open_count + len(legs) > spec.max_num_orders:
            raise filter_failure("MAX_NUM_ORDERS")
        check_algo_orders(seat, spec, sum(new.stop_e8 is not None for new in legs))
        live = [made for made in account.lists.values() if not made.done and made.symbol == spec.name]
        if len(live) >= spec.max_order_lists:
            raise filter_failure("MAX_NUM_ORDER_LISTS")
        ids = {new.client_id for new in legs}
        if (
            len(ids) < len(legs)
            or any(seat.open_under(i) is not None for i in ids)
            or any(made.client_id == client_id for made in live)
        ):
            raise rejected(DUPLICATE_ORDER)

    def _begin_pair(self, market: Market, made: OrderList, now: int) -> list[Fill]:
        self._contingent.hold_pair(market, made.orders, now)
        self._join(market, made)
        return []

    def _begin(self, market: Market, made: OrderList, now: int) -> list[Fill]:
        """An OTO's working order is placed, the others are pending."""
        working, *others = made.orders
        takes = market.crosses(working.is_buy, working.price)
        if takes and working.type is OrderType.LIMIT_MAKER:
            raise rejected(WOULD_MATCH)
        self.ledger.lock(working, market.need(working))
        made.pending = True
        working.account.remember_open(working)
        self._matcher.execution(working, ExecType.NEW, now)
        for order in others:
            self._contingent.pend(market, order, now)
        self._join(market, made)
        fills = self._matcher.work(market, working, takes, now)
        if working.is_final and market.stops is not None:
            market.stops.due.append(working)
        return fills

    def _join(self, market: Market, made: OrderList) -> None:
        """The orders are taken; from now on they are one list."""
        for order in made.orders:
            order.list = made
        market.keep(made)
        self._out.append(ListEvent(made, ListStep.EXEC_STARTED, made.created_ns))

    def cancel(self, order: Order, cancel_id: str | None = None) -> None:
        """Take an open order off the book, and with it all others of its list."""
        if order.list is None or order.is_final:
            super().cancel(order, cancel_id)
        else:
            self.cancel_list(order.list, cancel_id)

    def cancel_list(self, made: OrderList, cancel_id: str | None = None) -> list[Order]:
        """End every open order of a list; those."""
        orders = [order for order in made.orders if not order.is_final]
        if not orders:
            raise RefusalError(-2011, UNKNOWN_ORDER)
        with self.batch():
            made.pending = False
            for order in orders:
                super().cancel(order, cancel_id)
            self._contingent.finish(self.markets[made.symbol], made, self.clock())
        return orders

    def amend(self, order: Order, qty_e8: int, amend_id: str) -> str:
        """As of an order alone; both orders of a pair get the quantity."""
        with self.batch():
            previous = super().amend(order, qty_e8, amend_id)
            if order.list is not None and amend_id != previous:
                self._out.append(ListEvent(order.list, ListStep.UPDATED, self.clock()))
        return previous

    def _cut(self, market: Market, order: Order, lots: int) -> None:
        made = order.list
        other = made.other(order) if made is not None else None
        if made is not None and made.pending and order is not made.orders[0]:
            for each in made.pair or (order,):
                each.qty = lots  # nothing is locked for it yet
        elif made is not None and other is not None:
            self._contingent.resize(market, made.pair, lots)
        else:
            super()._cut(market, order, lots)
        if other is not None:
            self._matcher.execution(other, ExecType.REPLACED, self.clock())

    def forget_all(self) -> None:
        """Testnet reset."""
        super().forget_all()
        self._list_id = 0
