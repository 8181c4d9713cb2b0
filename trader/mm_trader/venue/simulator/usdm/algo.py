"""Conditional orders of the futures venue: a service beside the engine that waits for a price and then places an order.

An order here holds no margin and is in no book; whether it can be placed is known only when it is triggered. Prices come
from trades (CONTRACT_PRICE) or from the mark (MARK_PRICE); what they trigger is worked off when the operation that
brought them is over, so that what one order trades may trigger the next, each once. One that only lives with a position
(GTE_GTC, what closePosition makes of an order) expires with it.
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
from .price_match import PriceMatch, matched_price
from .refusals import translated

KEPT = 1000
"""Orders kept of each account, ended ones included."""
MAX_OPEN = 200
"""Of an account that wait, over all symbols."""
PERCENT_E8 = 100 * 10**8
TRIGGER_PROTECT_E4 = 500
"""Of priceProtect: how far last price and mark may be apart, 10^-4 of the mark (`triggerProtect` of exchangeInfo)."""


class AlgoType(StrEnum):
    """What may wait: `STOP` and `TAKE_PROFIT` become limit orders, the others market orders."""

    STOP = "STOP"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TRAILING_STOP_MARKET = "TRAILING_STOP_MARKET"


AT_A_PRICE = frozenset({AlgoType.STOP, AlgoType.TAKE_PROFIT})
PROFITS = frozenset({AlgoType.TAKE_PROFIT, AlgoType.TAKE_PROFIT_MARKET})
CLOSERS = frozenset({AlgoType.STOP_MARKET, AlgoType.TAKE_PROFIT_MARKET})
"""Those that may close a position, whatever its size then."""


class AlgoTif(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"
    GTD = "GTD"
    GTE_GTC = "GTE_GTC"
    """Good till cancelled or till the position is gone."""


ENGINE_TIF = {AlgoTif.IOC: TimeInForce.IOC, AlgoTif.FOK: TimeInForce.FOK}
"""The others rest."""


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
    """One conditional order. Amounts and prices 10^-8."""

    id: int
    account: Account
    symbol: str
    client_id: str
    type: AlgoType
    side: Side
    tif: AlgoTif
    quantity_e8: int
    """0: whatever the position is (closePosition)."""
    price_e8: int
    trigger_e8: int
    """0 for a trailing one. No multiple of the tick need be sent, as at the venue."""
    working: WorkingType
    close_position: bool
    reduce_only: bool
    price_protect: bool
    stp: StpMode
    created_ns: int
    updated_ns: int
    good_till_ms: int = 0
    price_match: PriceMatch = PriceMatch.NONE
    """Of one at a price: the level of the book that it takes its price from when it is triggered."""
    activate_e8: int = 0
    """Trailing: the price from which on it follows; 0 until it is placed where none was named."""
    callback_e8: int = 0
    """Trailing: how far the price must turn, in percent."""
    activated: bool = False
    extreme_e8: int = 0
    """Trailing: the best price since it was activated."""
    status: AlgoStatus = AlgoStatus.NEW
    triggered_ns: int = 0
    order: Order | None = None
    """What it placed."""
    why: str = ""
    """Why it was refused."""

    @property
    def trails(self) -> bool:
        return self.type is AlgoType.TRAILING_STOP_MARKET

    @property
    def rises(self) -> bool:
        """Whether it waits for the price to rise."""
        return (self.side is Side.BUY) != (self.type in PROFITS)

    @property
    def needs_position(self) -> bool:
        """Whether it lives only as long as there is a position to close."""
        return self.tif is AlgoTif.GTE_GTC

    def observe(self, price_e8: int) -> None:
        """A price that a trailing order follows."""
        if not self.trails:
            return
        best = min if self.rises else max
        if self.activated:
            self.extreme_e8 = best(price_e8, self.extreme_e8)
        elif not self.activate_e8 or best(price_e8, self.activate_e8) == price_e8:
            self.activated, self.extreme_e8 = True, price_e8

    def met(self, price_e8: int) -> bool:
        """Whether a price triggers it."""
        if self.trails:
            turned = (price_e8 - self.extreme_e8) if self.rises else (self.extreme_e8 - price_e8)
            return self.activated and turned * PERCENT_E8 >= self.extreme_e8 * self.callback_e8
        return price_e8 >= self.trigger_e8 if self.rises else price_e8 <= self.trigger_e8

    def early(self, price_e8: int) -> bool:
        """Whether it would be triggered as soon as it is placed: at once, or (trailing) active on the wrong side."""
        if self.trails:
            return self.activate_e8 >= price_e8 if self.rises else self.activate_e8 <= price_e8
        return self.met(price_e8)


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
        mine = [o for row in self.waiting.values() for o in row if o.account is order.account]
        if len(mine) >= MAX_OPEN:
            raise RefusalError(-4045, "Reach max stop order limit.")
        if any(o.client_id == order.client_id for o in mine):
            raise RefusalError(-4116, "ClientOrderId is duplicated.")
        if order.needs_position and not self._closes(order):
            raise RefusalError(
                -4509,
                "Time in Force (TIF) GTE can only be used with open positions. "
                "Please ensure that positions are available.",
            )
        if order.close_position and any(
            o.close_position and (o.symbol, o.side, o.rises) == (order.symbol, order.side, order.rises)
            for o in mine
        ):
            raise RefusalError(
                -4130,
                "An open stop or take profit order with GTE and closePosition in the direction is existing.",
            )
        self._check_price(order)
        self._number += 1
        order.id = self._number
        kept = self._orders.setdefault(order.account.name, {})
        kept[order.id] = order
        if len(kept) > KEPT:
            del kept[next((n for n, o in kept.items() if o.status not in OPEN), next(iter(kept)))]
        self.waiting.setdefault(order.symbol, []).append(order)
        self._tell(order)

    def _check_price(self, order: AlgoOrder) -> None:
        """Refuse what the present price would trigger; a trailing order that names no price follows from here."""
        price = self._price_e8(order.symbol, order.working)
        if not price:
            return
        if order.trails and not order.activate_e8:
            order.activate_e8 = order.extreme_e8 = price
            order.activated = True
        elif order.early(price):
            raise RefusalError(-2021, "Order would immediately trigger.")

    def cancel(self, order: AlgoOrder) -> None:
        """End an order that waits. Raises RefusalError."""
        if order.status is not AlgoStatus.NEW:
            raise RefusalError(-2011, UNKNOWN_ORDER)
        self._end(order, AlgoStatus.CANCELED)

    def cancel_all(self, account: Account, symbol: str | None = None) -> int:
        """End every order of the account (and symbol) that waits; how many."""
        mine = [o for o in self.of(account) if o.status is AlgoStatus.NEW and symbol in (None, o.symbol)]
        for order in mine:
            self.cancel(order)
        return len(mine)

    def of(self, account: Account) -> list[AlgoOrder]:
        """The account's orders, the oldest first."""
        return list(self._orders.get(account.name, {}).values())

    # --- what happens by itself -------------------------------------------------------------------------------------
    def see(self, symbol: str, price: int, working: WorkingType) -> None:
        """A price of this kind (ticks): what it triggers is due."""
        row = self.waiting.get(symbol)
        if not row:
            return
        price_e8 = price * self._exchange.markets[symbol].spec.tick_e8
        apart = self._apart(symbol)
        met = []
        for order in row:
            if order.working is working:
                order.observe(price_e8)
                if order.met(price_e8) and not (order.price_protect and apart):
                    met.append(order)
        for order in sorted(met, key=lambda o: (o.trigger_e8 if o.rises else -o.trigger_e8, o.id)):
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

    def position_changed(self, account: Account, symbol: str) -> None:
        """Orders that lived with a position expire where it is gone."""
        for order in list(self.waiting.get(symbol, ())):
            if order.account is account and order.needs_position and not self._closes(order):
                self._end(order, AlgoStatus.EXPIRED)

    def expire_due(self, now_ms: int) -> None:
        """Orders good till a date that has come."""
        for row in list(self.waiting.values()):
            for order in list(row):
                if 0 < order.good_till_ms <= now_ms:
                    self._end(order, AlgoStatus.EXPIRED)

    def forget(self) -> None:
        """Testnet reset."""
        self._number = 0
        for kept in (self.waiting, self.due, self._orders, self._placed):
            kept.clear()

    # --- inside -----------------------------------------------------------------------------------------------------
    def _price_e8(self, symbol: str, working: WorkingType) -> int:
        """The present price of this kind; 0: none yet."""
        market = self._exchange.markets[symbol]
        marked = working is WorkingType.MARK_PRICE
        return (self._exchange.margin.marks[symbol] if marked else market.reference()) * market.spec.tick_e8

    def _apart(self, symbol: str) -> bool:
        """Whether last price and mark are too far from each other for orders with priceProtect."""
        mark = self._price_e8(symbol, WorkingType.MARK_PRICE)
        last = self._price_e8(symbol, WorkingType.CONTRACT_PRICE)
        return bool(mark and last) and abs(mark - last) * 10_000 > mark * TRIGGER_PROTECT_E4

    def _closes(self, order: AlgoOrder) -> int:
        """Lots of the position that the order could close; 0: none."""
        lots = self._exchange.margin.holding(order.account, order.symbol).lots
        return max(0, lots if order.side is Side.SELL else -lots)

    def _forget(self, order: AlgoOrder) -> None:
        row = self.waiting[order.symbol]
        row.remove(order)
        if not row:
            del self.waiting[order.symbol]

    def _end(self, order: AlgoOrder, status: AlgoStatus) -> None:
        self._forget(order)
        self._become(order, status)

    def _become(self, order: AlgoOrder, status: AlgoStatus, why: str = "") -> None:
        order.status, order.why, order.updated_ns = status, why, self._exchange.clock()
        self._tell(order)

    def _trigger(self, order: AlgoOrder) -> None:
        order.triggered_ns = self._exchange.clock()
        self._become(order, AlgoStatus.TRIGGERING)
        quantity_e8 = order.quantity_e8
        if order.close_position:
            lots = self._closes(order)
            if not lots:
                self._become(order, AlgoStatus.EXPIRED)
                return
            quantity_e8 = lots * self._exchange.markets[order.symbol].spec.lot_e8
        kind = OrderType.LIMIT if order.type in AT_A_PRICE else OrderType.MARKET
        if kind is OrderType.LIMIT and order.tif is AlgoTif.GTX:
            kind = OrderType.LIMIT_MAKER
        try:
            if order.price_match is not PriceMatch.NONE:
                market = self._exchange.markets[order.symbol]
                order.price_e8 = matched_price(market, order.side, order.price_match)
            order.order = self._exchange.place(order.account, self._becomes(order, kind, quantity_e8)).order
        except RefusalError as error:
            refusal = translated(error)
            self._become(order, AlgoStatus.REJECTED, REASONS.get(refusal.code, refusal.msg))
            return
        order.order.price_match = order.price_match
        self._placed[order.order.id] = order  # its reports, even its last one, are still to come
        if order.good_till_ms:
            self._exchange.end_at(order.order, order.good_till_ms)
        self._become(order, AlgoStatus.TRIGGERED)

    @staticmethod
    def _becomes(order: AlgoOrder, kind: OrderType, quantity_e8: int) -> NewOrder:
        """The order that a triggered one places."""
        limit = kind is not OrderType.MARKET
        return NewOrder(
            order.symbol,
            order.side,
            kind,
            order.client_id,
            ENGINE_TIF.get(order.tif, TimeInForce.GTC) if limit else TimeInForce.GTC,
            quantity_e8,
            order.price_e8 if limit else None,
            stp=order.stp,
            reduce_only=order.reduce_only,
        )


REASONS = {-2022: "Reduce Only reject"}
"""What the venue is known to say of an order that was refused when it was triggered; of others it is a guess."""
ENDED = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.EXPIRED_IN_MATCH}
)
OPEN = frozenset({AlgoStatus.NEW, AlgoStatus.TRIGGERING, AlgoStatus.TRIGGERED})
