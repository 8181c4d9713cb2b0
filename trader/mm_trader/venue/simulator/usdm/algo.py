"""Conditional orders of the futures venue: a service beside the engine that waits for a price and then places an order.

An order here holds no margin and is in no book; whether it can be placed is known only when it is triggered. Prices come
from trades (CONTRACT_PRICE) or from the mark (MARK_PRICE); what they trigger is worked off when the operation that
brought them is over, so that what one order trades may trigger the next, each once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ..engine.account import Account
from ..engine.errors import UNKNOWN_ORDER, RefusalError
from ..engine.events import ExecutionEvent
from ..engine.types import NewOrder, Order, OrderStatus, OrderType, Side, StpMode, TimeInForce
from .exchange import FuturesExchange
from .refusals import translated

KEPT = 1000
"""Orders kept of each account, ended ones included."""
MAX_OPEN = 200
"""Of an account and symbol that wait."""


class AlgoType(StrEnum):
    """What may wait: `STOP` and `TAKE_PROFIT` become limit orders, the others market orders."""

    STOP = "STOP"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"


AT_A_PRICE = frozenset({AlgoType.STOP, AlgoType.TAKE_PROFIT})
STOPS = frozenset({AlgoType.STOP, AlgoType.STOP_MARKET})


class WorkingType(StrEnum):
    """The price that triggers."""

    CONTRACT_PRICE = "CONTRACT_PRICE"
    MARK_PRICE = "MARK_PRICE"


class AlgoStatus(StrEnum):
    NEW = "NEW"
    TRIGGERING = "TRIGGERING"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


@dataclass(slots=True, eq=False)
class AlgoOrder:
    """One conditional order. Amounts 10^-8, the trigger in ticks."""

    id: int
    account: Account
    symbol: str
    client_id: str
    type: AlgoType
    side: Side
    tif: TimeInForce
    post_only: bool
    quantity_e8: int
    """0: whatever the position is (closePosition)."""
    price_e8: int
    trigger: int
    working: WorkingType
    close_position: bool
    reduce_only: bool
    price_protect: bool
    stp: StpMode
    created_ns: int
    updated_ns: int
    status: AlgoStatus = AlgoStatus.NEW
    triggered_ns: int = 0
    order: Order | None = None
    """What it placed."""
    why: str = ""
    """Why it was refused or expired."""

    @property
    def rises(self) -> bool:
        """Whether it waits for the price to rise to the trigger."""
        return (self.side is Side.BUY) == (self.type in STOPS)

    def met(self, price: int) -> bool:
        """Whether `price` (ticks) triggers it."""
        return price >= self.trigger if self.rises else price <= self.trigger


class AlgoService:
    """All conditional orders. `tell` reports a change of one to its account."""

    def __init__(self, exchange: FuturesExchange, tell: Callable[[AlgoOrder], None]) -> None:
        self._exchange = exchange
        self._tell = tell
        self._number = 0
        self.waiting: dict[str, list[AlgoOrder]] = {}
        """By symbol, the oldest first; none for symbols without any, which is all that a trade asks."""
        self.due: deque[AlgoOrder] = deque()
        self._orders: dict[str, dict[int, AlgoOrder]] = {}
        self._placed: dict[int, AlgoOrder] = {}
        """Triggered ones by the order that they placed, until that ends."""

    # --- what clients do --------------------------------------------------------------------------------------------
    def place(self, order: AlgoOrder) -> None:
        """Let `order` wait. Raises RefusalError."""
        mine = [o for o in self.waiting.get(order.symbol, ()) if o.account is order.account]
        if len(mine) >= MAX_OPEN:
            raise RefusalError(-4045, "Reach max stop order limit.")
        if any(o.client_id == order.client_id for o in mine):
            raise RefusalError(-4116, "ClientOrderId is duplicated.")
        if order.close_position and any(
            o.close_position and (o.side, o.rises) == (order.side, order.rises) for o in mine
        ):
            raise RefusalError(
                -4130,
                "An open stop or take profit order with GTE and closePosition in the direction is existing.",
            )
        market = self._exchange.markets[order.symbol]
        marked = order.working is WorkingType.MARK_PRICE
        price = self._exchange.margin.marks[order.symbol] if marked else market.reference()
        if price and order.met(price):
            raise RefusalError(-2021, "Order would immediately trigger.")
        self._number += 1
        order.id = self._number
        kept = self._orders.setdefault(order.account.name, {})
        kept[order.id] = order
        if len(kept) > KEPT:
            del kept[next((n for n, o in kept.items() if o.status not in OPEN), next(iter(kept)))]
        self.waiting.setdefault(order.symbol, []).append(order)
        self._tell(order)

    def cancel(self, order: AlgoOrder) -> None:
        """End an order that waits. Raises RefusalError."""
        if order.status is not AlgoStatus.NEW:
            raise RefusalError(-2011, UNKNOWN_ORDER)
        self._forget(order)
        self._become(order, AlgoStatus.CANCELED)

    def of(self, account: Account) -> list[AlgoOrder]:
        """The account's orders, the oldest first."""
        return list(self._orders.get(account.name, {}).values())

    # --- what happens by itself -------------------------------------------------------------------------------------
    def see(self, symbol: str, price: int, working: WorkingType) -> None:
        """A price of this kind (ticks): what it triggers is due."""
        met = [o for o in self.waiting.get(symbol, ()) if o.working is working and o.met(price)]
        for order in sorted(met, key=lambda o: (o.trigger if o.rises else -o.trigger, o.id)):
            self._forget(order)
            self.due.append(order)

    def work(self) -> None:
        """Place the orders that are due."""
        while self.due:
            self._trigger(self.due.popleft())

    def follow(self, event: ExecutionEvent) -> None:
        """An order that was placed here has ended."""
        if event.status in ENDED:
            order = self._placed.pop(event.order.id, None)
            if order is not None:
                self._become(order, AlgoStatus.FINISHED)

    def forget(self) -> None:
        """Testnet reset."""
        self._number = 0
        for kept in (self.waiting, self.due, self._orders, self._placed):
            kept.clear()

    # --- inside -----------------------------------------------------------------------------------------------------
    def _forget(self, order: AlgoOrder) -> None:
        row = self.waiting[order.symbol]
        row.remove(order)
        if not row:
            del self.waiting[order.symbol]

    def _become(self, order: AlgoOrder, status: AlgoStatus, why: str = "") -> None:
        order.status, order.why, order.updated_ns = status, why, self._exchange.clock()
        self._tell(order)

    def _trigger(self, order: AlgoOrder) -> None:
        order.triggered_ns = self._exchange.clock()
        self._become(order, AlgoStatus.TRIGGERING)
        quantity_e8, reduce_only = order.quantity_e8, order.reduce_only
        if order.close_position:
            lots = self._exchange.margin.holding(order.account, order.symbol).lots
            lots = lots if order.side is Side.SELL else -lots
            if lots <= 0:
                self._become(order, AlgoStatus.EXPIRED, "No position to close")
                return
            quantity_e8 = lots * self._exchange.markets[order.symbol].spec.lot_e8
            reduce_only = True
        limit = order.type in AT_A_PRICE
        kind = OrderType.LIMIT_MAKER if order.post_only else OrderType.LIMIT if limit else OrderType.MARKET
        new = NewOrder(
            order.symbol,
            order.side,
            kind,
            order.client_id,
            order.tif if kind is OrderType.LIMIT else TimeInForce.GTC,
            quantity_e8,
            order.price_e8 if limit else None,
            stp=order.stp,
            reduce_only=reduce_only,
        )
        try:
            order.order = self._exchange.place(order.account, new).order
        except RefusalError as error:
            self._become(order, AlgoStatus.REJECTED, translated(error).msg)
            return
        self._placed[order.order.id] = order  # its reports, even its last one, are still to come
        self._become(order, AlgoStatus.TRIGGERED)


ENDED = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.EXPIRED_IN_MATCH}
)
OPEN = frozenset({AlgoStatus.NEW, AlgoStatus.TRIGGERING, AlgoStatus.TRIGGERED})
