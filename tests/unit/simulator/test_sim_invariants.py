"""Whatever random clients do, money is conserved, the book never crosses and every order has one final state."""

from __future__ import annotations

import itertools
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from simengine import SYMBOL, Desk

from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.engine.events import BookUpdate, Event, ExecutionEvent, ListEvent, TradeEvent
from mm_trader.venue.simulator.engine.lists import ListKind, ListStep, OrderList
from mm_trader.venue.simulator.engine.stops import rises
from mm_trader.venue.simulator.engine.types import (
    AT_MARKET,
    E8,
    STOP_TYPES,
    ExecType,
    NewOrder,
    Order,
    OrderStatus,
    OrderType,
    Side,
    StpMode,
    TimeInForce,
)
from mm_trader.venue.simulator.market.driver import background_account

PRICES = st.integers(259_990, 260_010)
PLACE = st.tuples(
    st.just("place"),
    st.integers(0, 2),
    st.sampled_from(list(Side)),
    st.sampled_from(list(OrderType)),
    st.sampled_from(list(TimeInForce)),
    PRICES,
    st.integers(20, 40_000),
    st.sampled_from([None, *StpMode]),
    st.booleans(),
    PRICES,
)
CANCEL = st.tuples(st.just("cancel"), st.integers(0, 50))
AMEND = st.tuples(st.just("amend"), st.integers(0, 50), st.integers(1, 40_000))
REPLACE = st.tuples(st.just("replace"), st.integers(0, 50), PRICES, st.integers(20, 40_000))
MARKET = st.tuples(st.just("market"), st.sampled_from(list(Side)), PRICES, st.integers(1, 40_000))
"""A step of the background: it requotes one side under one update number."""
PRINT = st.tuples(st.just("print"), PRICES, st.integers(1, 40_000), st.booleans())
LIST = st.tuples(
    st.just("list"),
    st.integers(0, 2),
    st.sampled_from(["oco", "oto", "otoco"]),
    st.sampled_from(list(Side)),
    st.sampled_from([OrderType.LIMIT, OrderType.LIMIT_MAKER]),
    st.sampled_from(list(TimeInForce)),
    st.sampled_from(list(OrderType)),
    st.sampled_from([OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT]),
    st.sampled_from([OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT]),
    st.tuples(PRICES, PRICES, PRICES, PRICES, PRICES),
    st.integers(20, 40_000),
)
"""A list: the working order's price, then price and stop price of each of the others."""
STEPS = st.lists(
    st.one_of(PLACE, PLACE, PLACE, PLACE, LIST, LIST, CANCEL, AMEND, REPLACE, MARKET, PRINT),
    min_size=1,
    max_size=60,
)

TAKE_TIF = {OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
FINAL = {OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.EXPIRED_IN_MATCH, OrderStatus.FILLED}


class World:
    """Plays steps and checks after each of them."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.third = self.desk.exchange.add_account("c", {"ETH": E8, "USDC": 3_000 * E8})
        self.background = background_account(self.desk.exchange, "market")
        self.quotes: dict[Side, Order] = {}
        self.accounts = (self.desk.a, self.desk.b, self.third, self.background)
        self.totals = {asset: self.desk.total(asset) for asset in ("ETH", "USDC")}
        self.orders: list[Order] = []
        self.finals: dict[int, int] = {}
        self.steps: dict[OrderList, list[str]] = {}
        """What was told of each list, changes of ids apart."""
        self.last_u = self.desk.exchange.market(SYMBOL).u

    def play(self, step: tuple[object, ...]) -> None:
        with suppress(RefusalError):  # a refusal must leave everything as it was: the checks below see to it
            self._act(step)
        self.check(self.desk.events())

    def _act(self, step: tuple[object, ...]) -> None:
        exchange = self.desk.exchange
        if step[0] == "place":
            _, who, side, kind, tif, price, lots, stp, by_quote, stop = step
            quote = lots * E8 if kind is OrderType.MARKET and by_quote else None
            new = NewOrder(
                SYMBOL,
                side,
                kind,
                f"c{len(self.orders)}",
                tif if kind in TAKE_TIF else TimeInForce.GTC,
                None if quote else lots * 10_000,
                None if kind in AT_MARKET else price * 10**6,
                quote,
                stp,
                stop_e8=stop * 10**6 if kind in STOP_TYPES else None,
            )
            self.orders.append(exchange.place(self.accounts[who], new).order)
        elif step[0] == "list":
            self._list(*step[1:])
        elif step[0] == "print":
            exchange.print_trade(SYMBOL, *step[1:])
        elif step[0] == "market":
            self._requote(*step[1:])
        elif self.orders:
            order = self.orders[step[1] % len(self.orders)]
            if step[0] == "cancel":
                exchange.cancel(order)
            elif step[0] == "replace":
                self._replace(order, *step[2:])
            else:
                exchange.amend(order, step[2] * 10_000, f"am{step[2]}-{order.id}")

    def _list(
        self,
        who: int,
        what: str,
        side: Side,
        working: OrderType,
        tif: TimeInForce,
        pending: OrderType,
        loss: OrderType,
        profit: OrderType,
        prices: tuple[int, ...],
        lots: int,
    ) -> None:
        ids = itertools.count()

        def leg(kind: OrderType, side: Side, price: int, stop: int) -> NewOrder:
            return NewOrder(
                SYMBOL,
                side,
                kind,
                f"l{len(self.orders)}-{next(ids)}",
                tif if kind in TAKE_TIF else TimeInForce.GTC,
                lots * 10_000,
                None if kind in AT_MARKET else price * 10**6,
                stop_e8=stop * 10**6 if kind in STOP_TYPES else None,
            )

        other = Side.SELL if side is Side.BUY else Side.BUY
        legs = [] if what == "oco" else [leg(working, other, prices[0], 0)]
        if what == "oto":
            legs.append(leg(pending, side, prices[1], prices[2]))
        else:
            legs += [leg(loss, side, prices[1], prices[2]), leg(profit, side, prices[3], prices[4])]
        kind = ListKind.OCO if what == "oco" else ListKind.OTO
        client_id = f"list{len(self.orders)}"
        self.orders += self.desk.exchange.place_list(self.accounts[who], kind, client_id, legs)[0].orders

    def _replace(self, order: Order, price: int, lots: int) -> None:
        """The two halves of a cancelReplace."""
        self.desk.exchange.cancel(order)
        new = NewOrder(
            SYMBOL, order.side, OrderType.LIMIT, order.client_id, qty_e8=lots * 10_000, price_e8=price * 10**6
        )
        self.orders.append(self.desk.exchange.place(order.account, new).order)

    def _requote(self, side: Side, price: int, lots: int) -> None:
        exchange = self.desk.exchange
        with exchange.batch():
            old = self.quotes.pop(side, None)
            if old is not None and not old.is_final:
                exchange.cancel(old)
            new = NewOrder(
                SYMBOL,
                side,
                OrderType.LIMIT,
                "",
                qty_e8=lots * 10_000,
                price_e8=price * 10**6,
                stp=StpMode.EXPIRE_MAKER,
            )
            self.quotes[side] = exchange.place(self.background, new).order

    def check(self, events: list[Event]) -> None:
        for asset, total in self.totals.items():
            assert self.desk.total(asset) == total, asset
        for account in self.accounts:
            for asset in ("ETH", "USDC"):
                balance = account.balance(asset)
                assert balance.free >= 0
                assert balance.locked == sum(
                    o.locked for o in account.open.values() if (o.side is Side.BUY) == (asset == "USDC")
                )
        self._check_book()
        self._check_waiting()
        self._check_events(events)

    def _check_book(self) -> None:
        book = self.desk.exchange.market(SYMBOL).book
        bid, _, ask, _ = book.touch()
        assert not bid or not ask or bid < ask
        for side in (book.bids, book.asks):
            assert len(side.keys) == len(side.levels)
            assert side.keys == sorted(side.keys)
            for level in side.levels.values():
                assert level.qty == sum(o.remaining for o in level) > 0
        resting = {o.id for side in (book.bids, book.asks) for level in side.levels.values() for o in level}
        assert resting == {o.id for a in self.accounts for o in a.open.values() if o.working_ns >= 0}

    def _check_waiting(self) -> None:
        """Whatever waits has not seen its price; whatever is open and does not rest waits."""
        market = self.desk.exchange.market(SYMBOL)
        open_orders = [o for a in self.accounts for o in a.open.values()]
        pending = [o for o in open_orders if o.status is OrderStatus.PENDING_NEW]
        waiting = {o.id for o in open_orders if o.working_ns < 0} - {o.id for o in pending}
        live = {o.list for o in open_orders if o.list is not None}
        if market.stops is None:
            assert not waiting
            assert not live
            return
        assert market.stops.lists == live
        for made in live:
            assert not made.done
            if made.pair and not made.pending:
                ends = sorted(o.is_final for o in made.pair)
                alone = any(o.executed or (o.stop and o.working_ns >= 0) for o in made.pair)
                assert ends == [False, alone], "of a pair one alone trades or works"
        for order in pending:
            assert order.list is not None
            assert (order.list.pending, order.locked) == (True, 0)
        assert not market.stops.due
        rows = [order for row in (market.stops._rising, market.stops._falling) for *_, order in row]
        assert {o.id for o in rows} == waiting
        assert waiting or live
        for order in rows:
            last = market.last_price or (0 if rises(order) else order.stop + 1)
            assert last < order.stop if rises(order) else last > order.stop

    def _check_events(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, BookUpdate):
                assert event.u == self.last_u + 1
                self.last_u = event.u
            elif isinstance(event, ListEvent):
                if event.step is not ListStep.UPDATED:
                    self.steps.setdefault(event.list, []).append(event.step.value)
            elif isinstance(event, ExecutionEvent):
                ended = event.status in FINAL
                self.finals[event.order.id] = self.finals.get(event.order.id, 0) + ended
                assert self.finals[event.order.id] <= 1
        trades = {e.id: e.qty for e in events if isinstance(e, TradeEvent)}
        sides: dict[int, list[int]] = {}
        for event in events:
            if isinstance(event, ExecutionEvent) and event.exec_type is ExecType.TRADE:
                assert event.fill is not None
                sides.setdefault(event.fill.id, []).append(event.fill.qty)
        reported = {t: qtys for t, qtys in sides.items() if len(qtys) == 2}
        assert reported == {t: [trades[t]] * 2 for t in reported}
        # the market's own side of a trade has no report; the client's has the trade's quantity
        assert all(qtys == [trades[t]] for t, qtys in sides.items() if len(qtys) == 1)
        assert sides.keys() <= trades.keys()


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_money_is_conserved_and_the_book_stays_sound_under_random_clients(
    steps: list[tuple[object, ...]],
) -> None:
    world = World()
    for step in steps:
        world.play(step)
    for order in list(world.orders):
        if not order.is_final:
            world.desk.exchange.cancel(order)
    for quote in world.quotes.values():
        if not quote.is_final:
            world.desk.exchange.cancel(quote)
    world.check(world.desk.events())
    for order in world.orders:
        assert order.is_final
        assert world.finals[order.id] == 1
        assert order.locked == 0
        assert order.executed + order.prevented <= order.qty
