"""Cancel-replace, amend and modify against a small venue that executes, answers, repeats and forgets in any order: it never holds two orders for one intent nor
more than the limits allow, and the end is its truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_driver import MS, SECOND, WALL, Driver, eth_rules, trader_config

from mm_trader.core import events as ev
from mm_trader.core.commands import (
    Amend,
    Cancel,
    CancelReplace,
    Command,
    Modify,
    Place,
    QueryOrder,
    RequestReconcile,
)
from mm_trader.core.events import ErrorClass, Side

SYMBOL = "ETHUSDC"
LIMIT = 300
"""Lots: maxInventory."""
WINDOW = 5 * SECOND


@dataclass
class Resting:
    """An order as the venue has it."""

    client_id: str
    venue_id: int
    side: Side
    price: int
    size: int
    filled: int = 0
    status: str = "NEW"
    update_ms: int = 0

    @property
    def open(self) -> bool:
        return self.status in ("NEW", "PARTIALLY_FILLED")


class Venue:
    """In flight: commands; replies and reports: events that have not arrived yet."""

    def __init__(self, **rules: bool) -> None:
        config = trader_config(
            parameters={
                "baseSize": "0.01",
                "maxInventory": "0.03",
                "skewFactor": "0.5",
                "volatilityFactor": "0",
            },
            engine={"reconcile_interval": "10s"},
        )
        self.driver = Driver(config, {SYMBOL: eth_rules(**rules)})
        self.orders: dict[str, Resting] = {}
        self.trades: list[ev.TradeView] = []
        self.in_flight: list[tuple[int, Command]] = []
        self.replies: list[tuple[Command, list[ev.Event]]] = []
        self.reports: list[ev.Event] = []
        self.heard: list[ev.Event] = []
        self.mid = 250_000
        self.take(list(self.driver.start()))

    # --- the trader's side ------------------------------------------------------------------------------------------------------------------

    def take(self, commands: list[Command]) -> None:
        kinds = Place | Cancel | CancelReplace | Amend | Modify | QueryOrder | RequestReconcile
        self.in_flight += [(self.driver.ts, command) for command in commands if isinstance(command, kinds)]

    def tell(self, event: ev.Event) -> None:
        changed = {name: getattr(event, name) for name in event.__struct_fields__} | {"ts": self.driver.ts}
        self.take(self.driver.feed(type(event)(**changed)))
        self.judge()

    def judge(self) -> None:
        live = [order for order in self.orders.values() if order.open]
        assert max(Counter(order.side for order in live).values(), default=0) <= 1, (
            "two live orders for one intent"
        )
        held = self.position
        for order in live:
            reach = order.side.sign * held + order.size - order.filled
            assert reach <= LIMIT, f"{reach} lots of {LIMIT}"

    @property
    def position(self) -> int:
        return sum(trade.side.sign * trade.size for trade in self.trades)

    # --- the venue's side -------------------------------------------------------------------------------------------------------------------

    def arrive(self, number: int) -> None:
        if not self.in_flight:
            return
        sent, command = self.in_flight.pop(number % len(self.in_flight))
        late = self.driver.ts - sent > WINDOW
        self.replies.append((command, self._refuse(command) if late else self._execute(command, sent)))
        self.judge()

    def _execute(self, command: Command, sent: int) -> list[ev.Event]:
        match command:
            case Place():
                return [self._place(command)]
            case Cancel():
                return [self._cancel(command)]
            case CancelReplace():
                cancel = Cancel(symbol=SYMBOL, client_id=command.client_id, venue_id=command.venue_id)
                cancelled = self._cancel(cancel)
                if isinstance(cancelled, ev.OrderFound):
                    return [cancelled, self._place(command.place)]
                return [cancelled, _dropped(command.place, "not attempted")]
            case Amend() | Modify():
                return [self._change(command)]
            case QueryOrder():
                order = self.orders.get(command.client_id)
                if order is None:
                    return [ev.OrderNotFound(ts=0, symbol=SYMBOL, client_id=command.client_id, asked_ts=sent)]
                return [ev.OrderFound(ts=0, order=self.view(order))]
            case RequestReconcile():
                return [
                    ev.ReconcileSnapshot(
                        ts=0,
                        symbol=SYMBOL,
                        asked_ts=sent,
                        open_orders=[self.view(order) for order in self.orders.values() if order.open],
                        foreign_open_orders=0,
                        trades=[trade for trade in self.trades if trade.trade_id >= command.from_trade_id],
                        balances=self.driver.balances,
                        cause=command.cause,
                    )
                ]
        raise TypeError(command)

    def _refuse(self, command: Command) -> list[ev.Event]:
        if isinstance(command, QueryOrder):
            return [_failed(command)]
        if isinstance(command, RequestReconcile):
            return [ev.ReconcileFailed(ts=0, symbol=SYMBOL, reason="late", cause=command.cause)]
        return [
            ev.CommandRefused(
                ts=0,
                symbol=SYMBOL,
                client_id=name,
                command=word,
                error=ErrorClass.CLOCK,
                code=-1021,
                message="late",
            )
            for name, word in _parts(command)
        ]

    def _place(self, place: Place) -> ev.Event:
        order = Resting(place.client_id, len(self.orders) + 1, place.side, place.price, place.size)
        self.orders[place.client_id] = order
        self._report(order, "NEW")
        return ev.OrderAccepted(ts=0, symbol=SYMBOL, client_id=order.client_id, venue_id=order.venue_id)

    def _cancel(self, cancel: Cancel) -> ev.Event:
        order = self.orders.get(cancel.client_id)
        if order is None or not order.open:
            return _no(cancel, "cancel")
        order.status = "CANCELED"
        self._report(order, "CANCELED")
        return ev.OrderFound(ts=0, order=self.view(order))

    def _change(self, command: Amend | Modify) -> ev.Event:
        order = self.orders.get(command.client_id)
        if order is None or not order.open:
            return _no(command, "amend")
        price = command.price if isinstance(command, Modify) else order.price
        if command.size <= order.filled:
            if isinstance(command, Amend):
                return _no(command, "amend", ErrorClass.REFUSED)
            order.status = "CANCELED"
            self._report(order, "CANCELED")
        else:
            order.price, order.size = price, command.size
            self._report(order, "REPLACED")
        return ev.OrderAmended(ts=0, order=self.view(order))

    def fill(self, number: int) -> None:
        live = [order for order in self.orders.values() if order.open]
        if not live:
            return
        order = live[number % len(live)]
        lots = min(order.size - order.filled, 1 + number * 7)
        order.filled += lots
        order.status = "FILLED" if order.filled == order.size else "PARTIALLY_FILLED"
        trade = ev.TradeView(
            symbol=SYMBOL,
            trade_id=len(self.trades) + 1,
            venue_id=order.venue_id,
            side=order.side,
            price=order.price,
            size=lots,
            commission=Decimal(0),
            commission_asset="USDC",
            maker=True,
            venue_ms=self.now_ms,
        )
        self.trades.append(trade)
        self._report(order, "TRADE", trade)
        self.judge()

    @property
    def now_ms(self) -> int:
        return (WALL + self.driver.ts) // MS

    def view(self, order: Resting) -> ev.OrderView:
        return ev.OrderView(
            symbol=SYMBOL,
            client_id=order.client_id,
            venue_id=order.venue_id,
            side=order.side,
            status=order.status,
            price=order.price,
            size=order.size,
            filled=order.filled,
            update_ms=order.update_ms,
        )

    def _report(self, order: Resting, execution: str, trade: ev.TradeView | None = None) -> None:
        order.update_ms = self.now_ms
        self.reports.append(
            ev.ExecutionReport(ts=0, order=self.view(order), execution=execution, trade=trade)
        )

    # --- what happens -----------------------------------------------------------------------------------------------------------------------

    def happen(self, what: str, number: int) -> None:
        driver = self.driver
        if what == "arrive":
            self.arrive(number)
        elif what == "report" and self.reports:
            event = self.reports.pop(number % len(self.reports))
            self.heard.append(event)
            self.tell(event)
        elif what == "again" and self.heard:
            self.tell(self.heard[number % len(self.heard)])
        elif what == "reply" and self.replies:
            for event in self.replies.pop(number % len(self.replies))[1]:
                self.tell(event)
        elif what == "lose" and self.replies:
            command, _ = self.replies.pop(number % len(self.replies))
            for event in _lost(command):
                self.tell(event)
        elif what == "fill":
            self.fill(number)
        elif what == "move":
            driver.wait(300)
            self.mid += 15 * (number - 5)
            self.quote()
        elif what == "tick":
            self.take(driver.tick(number * 120))
            self.quote()

    def quote(self) -> None:
        mid = Decimal(self.mid) / 100
        self.take(self.driver.market(str(mid), str(mid + Decimal("0.01"))))
        self.judge()

    def settle(self) -> None:
        """Everything is heard, and the market stands still."""
        for _ in range(120):
            while self.in_flight or self.replies or self.reports:
                for what in ("arrive", "report", "reply"):
                    self.happen(what, 0)
            self.take(self.driver.tick(250))
            self.quote()


def _parts(command: Command) -> list[tuple[str, str]]:
    match command:
        case Place(client_id=name):
            return [(name, "place")]
        case Cancel(client_id=name):
            return [(name, "cancel")]
        case CancelReplace(client_id=name, place=place):
            return [(name, "cancel"), (place.client_id, "place")]
        case Amend(client_id=name) | Modify(client_id=name):
            return [(name, "amend")]
    return []


def _lost(command: Command) -> list[ev.Event]:
    if isinstance(command, QueryOrder):
        return [_failed(command)]
    if isinstance(command, RequestReconcile):
        return [ev.ReconcileFailed(ts=0, symbol=SYMBOL, reason="lost", cause=command.cause)]
    return [
        ev.CommandUnknown(ts=0, symbol=SYMBOL, client_id=name, command=word, reason="lost")
        for name, word in _parts(command)
    ]


def _failed(query: QueryOrder) -> ev.Event:
    return ev.QueryFailed(
        ts=0, symbol=SYMBOL, client_id=query.client_id, error=ErrorClass.AMBIGUOUS, reason="lost"
    )


def _dropped(place: Place, reason: str) -> ev.Event:
    return ev.CommandDropped(ts=0, symbol=SYMBOL, client_id=place.client_id, command="place", reason=reason)


def _no(command: Cancel | Amend | Modify, word: str, error: ErrorClass = ErrorClass.NOT_FOUND) -> ev.Event:
    return ev.CommandRefused(
        ts=0, symbol=SYMBOL, client_id=command.client_id, command=word, error=error, code=-2011, message="no"
    )


HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "arrive",
                "arrive",
                "arrive",
                "report",
                "report",
                "reply",
                "again",
                "lose",
                "fill",
                "move",
                "move",
                "tick",
            ]
        ),
        st.integers(0, 10),
    ),
    max_size=60,
)
WAYS = st.sampled_from([{"replaceable": True, "amendable": True}, {"modifiable": True}, {"amendable": True}])


@settings(max_examples=80, deadline=None)
@given(ways=WAYS, happenings=HAPPENINGS)
def test_any_interleaving_of_moves_ends_in_the_venues_truth(ways, happenings):
    venue = Venue(**ways)
    for what, number in happenings:
        venue.happen(what, number)
    venue.settle()
    rules = venue.driver.rules[SYMBOL]
    assert venue.driver.kernel.status().halts == ()
    assert venue.driver.position() == rules.quantity(venue.position)
    ours = {
        (record.client_id, record.price, record.quantity, record.filled)
        for record in venue.driver.kernel.open_orders()
    }
    theirs = {
        (order.client_id, rules.price(order.price), rules.quantity(order.size), rules.quantity(order.filled))
        for order in venue.orders.values()
        if order.open
    }
    assert ours == theirs
    assert venue.driver.evidence().order_anomalies == 0
