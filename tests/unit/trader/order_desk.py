"""The order side alone: table, life cycle, manager and reconciler of one symbol, with a listener that writes down what it hears. For tests that hold a single
step to everything it does; what the whole kernel makes of the steps is tested through `kernel_driver`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kernel_driver import MS, SECOND, eth_rules

from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, Command, OrderChanged, QueryOrder
from mm_trader.core.events import ErrorClass, Side
from mm_trader.core.ids import ClientIds
from mm_trader.orders.journal import Outbox
from mm_trader.orders.lifecycle import Lifecycle
from mm_trader.orders.manager import OrderManager
from mm_trader.orders.order import Order
from mm_trader.orders.reconciler import Reconciler
from mm_trader.orders.retry import Backoff
from mm_trader.orders.states import OrderState
from mm_trader.orders.table import OrderTable
from mm_trader.orders.timing import Timings
from mm_trader.orders.trades import TradeLog

SYMBOL = "ETHUSDC"
WALL_MS = 1_700_000_000_000
TIMEOUT = 5 * SECOND
RECV_WINDOW = SECOND
INTERVAL = 30 * SECOND
ANSWER_TIMEOUT = 10 * SECOND
PRICE, SIZE = 250_000, 100
KNOWN: dict[str, Any] = {"acked_ts": 0, "venue_id": 7}
ASKED: dict[str, Any] = {"queries": 1, "query_in_flight": True}


class Ears:
    """Hears everything. `heard`: (what, first argument's client id or the argument itself, the rest)."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def wall_ms(self, ts: int) -> int:
        return WALL_MS + ts // MS

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("on_"):
            raise AttributeError(name)

        def hear(*arguments: Any, **named: Any) -> None:
            plain = [getattr(a, "client_id", a) if isinstance(a, Order) else a for a in arguments]
            self.heard.append((name[3:], *plain, *named.values()))

        return hear


class Desk:
    """See the module."""

    def __init__(self, *, enabled: bool = True, backoff: Backoff | None = None) -> None:
        self.rules = eth_rules()
        self.ears = Ears()
        self.outbox = Outbox()
        self.table = OrderTable((SYMBOL,))
        self.trades = TradeLog()
        self.life = Lifecycle({SYMBOL: self.rules}, {SYMBOL: self.trades}, self.table, self.outbox, self.ears)
        self.manager = OrderManager(
            Timings(order_timeout=TIMEOUT, recv_window=RECV_WINDOW),
            ClientIds("test", 1, 1),
            self.table,
            self.life,
            self.outbox,
            self.ears,
            backoff,
        )
        self.manager.enabled = enabled
        self.reconciler = Reconciler(
            {SYMBOL: self.trades},
            self.table,
            self.life,
            self.manager,
            self.outbox,
            self.ears,
            interval=INTERVAL,
            answer_timeout=ANSWER_TIMEOUT,
            backoff=backoff,
        )

    def place(self, ts: int = 0, **changes: Any) -> Order:
        """An order on its way, in silence."""
        fields: dict[str, Any] = {"side": Side.BUY, "price": PRICE, "size": SIZE} | changes
        order = self.manager.place(SYMBOL, ts=ts, **fields)
        self.forget()
        return order

    def order(self, state: OrderState, ts: int = 0, **fields: Any) -> Order:
        """An order in a state, as if it had come there by itself, in silence. Open ones are known to the venue as number 7."""
        order = self.place(ts)
        order.deadline = None
        if state not in (OrderState.PENDING, OrderState.REJECTED):
            order.acked_ts, order.venue_id = ts, 7
            self.table.index(order)
        order.state = state
        for name, value in fields.items():
            setattr(order, name, value)
        self.table.file(order)
        return order

    def forget(self) -> None:
        self.outbox.drain()
        self.ears.heard.clear()

    def commands(self) -> list[Command]:
        """Since the last look."""
        return self.outbox.drain()

    def sent(self) -> list[Command]:
        """The same, without what is only journaled."""
        return [command for command in self.commands() if type(command).__name__ != "OrderChanged"]

    def heard(self) -> list[tuple[Any, ...]]:
        """Since the last look; a change of state or quantity left out."""
        heard, self.ears.heard = self.ears.heard, []
        return [entry for entry in heard if entry[0] != "changed"]


def differs(order: Order) -> dict[str, Any]:
    """The order's fields that are not those of a new one; `updated_ms` is left out."""
    new = Order(
        client_id=order.client_id,
        symbol=order.symbol,
        side=order.side,
        price=order.price,
        size=order.size,
        state=order.state,
        created_ts=order.created_ts,
        created_ms=order.created_ms,
    )
    found = {}
    for name in Order.__slots__:
        value, usual = getattr(order, name), getattr(new, name)
        if name != "updated_ms" and (type(value) is not type(usual) or value != usual):
            found[name] = value
    return found


def view(order: Order, status: str, filled: int = 0, **changes: Any) -> ev.OrderView:
    """As the venue describes it."""
    fields: dict[str, Any] = {
        "symbol": order.symbol,
        "client_id": order.client_id,
        "venue_id": 7,
        "side": order.side,
        "status": status,
        "price": order.price,
        "size": order.size,
        "filled": filled,
        "update_ms": WALL_MS,
    }
    return ev.OrderView(**(fields | changes))


def trade(size: int, trade_id: int = 1, **changes: Any) -> ev.TradeView:
    """Of the order that the venue calls 7."""
    fields: dict[str, Any] = {
        "symbol": SYMBOL,
        "trade_id": trade_id,
        "venue_id": 7,
        "side": Side.BUY,
        "price": PRICE,
        "size": size,
        "commission": Decimal(0),
        "commission_asset": "USDC",
        "maker": True,
        "venue_ms": WALL_MS,
    }
    return ev.TradeView(**(fields | changes))


def refused(order: Order, command: str, error: ErrorClass, ts: int) -> ev.CommandRefused:
    """The venue's no."""
    return ev.CommandRefused(
        ts=ts,
        symbol=SYMBOL,
        client_id=order.client_id,
        command=command,
        error=error,
        code=-2010,
        message="no",
    )


def query(order: Order) -> QueryOrder:
    return QueryOrder(symbol=SYMBOL, client_id=order.client_id)


def cancel(order: Order, venue_id: int | None = 7) -> Cancel:
    return Cancel(symbol=SYMBOL, client_id=order.client_id, venue_id=venue_id)


def causes(desk: Desk) -> list[tuple[str, str]]:
    """What was journaled: state and cause; always at the time that is given."""
    return [(c.record.state, c.cause) for c in desk.commands() if isinstance(c, OrderChanged)]
