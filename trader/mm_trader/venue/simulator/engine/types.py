"""The engine's words: enumerations, the symbol's rules, orders, and what callers pass in.

Prices are integer ticks and quantities integer lots inside; amounts of an asset and decimals at the border are
integers of 10^-8 (`_e8`), which is the precision Binance states for every asset.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from .account import Account, Balance, Seat
    from .book import Level
    from .events import Prevention
    from .lists import OrderList

E8 = 100_000_000


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"


STOP_TYPES = frozenset(
    {
        OrderType.STOP_LOSS,
        OrderType.STOP_LOSS_LIMIT,
        OrderType.TAKE_PROFIT,
        OrderType.TAKE_PROFIT_LIMIT,
    }
)
"""Types that wait for a trade at their stop price."""
AT_MARKET = frozenset({OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT})
"""Types that trade at whatever price there is, once they are at work."""


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class OrderStatus(StrEnum):
    NEW = "NEW"
    PENDING_NEW = "PENDING_NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


class ExecType(StrEnum):
    NEW = "NEW"
    CANCELED = "CANCELED"
    REPLACED = "REPLACED"
    REJECTED = "REJECTED"
    TRADE = "TRADE"
    EXPIRED = "EXPIRED"
    TRADE_PREVENTION = "TRADE_PREVENTION"


class StpMode(StrEnum):
    """What happens when an account would trade with itself; the taker's mode decides."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    DECREMENT = "DECREMENT"


PERPETUAL_STP = frozenset(StpMode) - {StpMode.DECREMENT}
"""What perpetuals have of it; DECREMENT is spot's alone."""


class SymbolStatus(StrEnum):
    TRADING = "TRADING"
    HALT = "HALT"
    BREAK = "BREAK"
    CANCEL_ONLY = "CANCEL_ONLY"


def digits(step_e8: int) -> int:
    """Decimals of a step: 10^-2 → 2."""
    count = 8
    while count and step_e8 % 10 == 0:
        step_e8 //= 10
        count -= 1
    return count


@dataclass(frozen=True, slots=True)
class SymbolSpec:
    """A symbol's rules. All `_e8` fields are integers of 10^-8."""

    name: str
    base: str
    quote: str
    tick_e8: int = E8 // 100
    lot_e8: int = E8 // 10_000
    min_price_e8: int = E8 // 100
    max_price_e8: int = 1_000_000 * E8
    min_qty_e8: int = E8 // 10_000
    max_qty_e8: int = 9_000 * E8
    market_max_qty_e8: int = 3_000 * E8
    min_notional_e8: int = 5 * E8
    max_notional_e8: int = 9_000_000 * E8
    percent_up_e4: int = 50_000
    """PERCENT_PRICE_BY_SIDE multiplier up, in 1/10,000 (50,000 = 5 times the reference price)."""
    percent_down_e4: int = 2_000
    max_num_orders: int = 200
    max_algo_orders: int = 5
    """Open orders of an account that have a stop price."""
    max_order_lists: int = 20
    stop_orders: bool = True
    """Whether orders may wait for a price."""
    max_position_e8: int = 0
    """Largest base position (holdings plus open buys); 0 = no MAX_POSITION filter."""
    max_amends: int = 10
    max_modifies: int = 10_000
    """Perpetual only: changes of price and quantity that an order may have."""
    perpetual: bool = False
    """Decimals are printed to the tick and the lot, not to eight digits, and statistics leave the touch out."""
    price_digits: int = field(init=False)
    """Digits after the point that prices are printed with."""
    qty_digits: int = field(init=False)
    quote_mult: int = field(init=False)
    """10^-8 of quote asset per tick and lot."""
    prices: tuple[int, int] = field(init=False)
    """Lowest and highest price in ticks."""
    sizes: tuple[int, int] = field(init=False)
    """Smallest and largest quantity in lots."""
    notionals: tuple[int, int] = field(init=False)
    """Smallest and largest notional of a limit order in ticks x lots."""

    def __post_init__(self) -> None:
        if self.tick_e8 <= 0 or self.lot_e8 <= 0:
            raise ValueError(f"symbol {self.name}: tick and lot must be above zero")
        if (self.tick_e8 * self.lot_e8) % E8:
            raise ValueError(f"symbol {self.name}: tick x lot must be a whole number of 10^-8 {self.quote}")
        mult = self.tick_e8 * self.lot_e8 // E8
        object.__setattr__(self, "quote_mult", mult)
        object.__setattr__(self, "price_digits", digits(self.tick_e8) if self.perpetual else 8)
        object.__setattr__(self, "qty_digits", digits(self.lot_e8) if self.perpetual else 8)
        for name, low, high, unit in (
            ("prices", self.min_price_e8, self.max_price_e8, self.tick_e8),
            ("sizes", self.min_qty_e8, self.max_qty_e8, self.lot_e8),
            ("notionals", self.min_notional_e8, self.max_notional_e8, mult),
        ):
            object.__setattr__(self, name, (-(-low // unit), high // unit))


class NewOrder(msgspec.Struct, gc=False):
    """What a client asks for. Decimals are integers of 10^-8, None where not sent."""

    symbol: str
    side: Side
    type: OrderType
    client_id: str
    tif: TimeInForce = TimeInForce.GTC
    qty_e8: int | None = None
    price_e8: int | None = None
    quote_qty_e8: int | None = None
    stp: StpMode | None = None
    unsupported: str = ""
    """The venue's words for what no symbol here has, where the order asks for it; the engine refuses it in them."""
    strategy_id: int | None = None
    strategy_type: int | None = None
    reduce_only: bool = False
    """Perpetual only: may never make the position larger."""
    stop_e8: int | None = None
    """stopPrice of the types that wait for one."""


class Order(msgspec.Struct, eq=False):
    """One order from acceptance to its one final state. Quantities in lots, price in ticks, times in ns.

    `seat` is its account's place at its market; `pays` and `gets` are that seat's balances in the order's direction.
    """

    id: int
    seat: Seat
    account: Account
    symbol: str
    client_id: str
    side: Side
    is_buy: bool
    pays: Balance
    gets: Balance
    type: OrderType
    is_market: bool
    """Trades at whatever price there is."""
    tif: TimeInForce
    reduce_only: bool
    price: int
    qty: int
    quote_qty: int
    """quoteOrderQty of a MARKET order, 10^-8 of quote; 0 otherwise."""
    stp: StpMode
    strategy_id: int | None
    strategy_type: int | None
    created_ns: int
    updated_ns: int
    working_ns: int
    """Since when it can trade; -1 while it waits for its stop price, and for ever where it ended before."""
    status: OrderStatus = OrderStatus.NEW
    is_final: bool = False
    executed: int = 0
    executed_quote: int = 0
    prevented: int = 0
    prevented_quote: int = 0
    prevented_match: int = 0
    """The latest match that self-trade prevention kept it from; 0 for none."""
    amends: int = 0
    locked: int = 0
    """What is still locked for it, 10^-8 of quote (buy) or base (sell)."""
    stop: int = 0
    """Stop price in ticks; 0 for the types that have none."""
    list: OrderList | None = None
    """The list that it belongs to."""
    expiry: str = ""
    """Why the venue ended it, in its word; empty: what its type and time in force say."""
    price_match: str = "NONE"
    """Perpetual only: how its price was taken from the book."""
    good_till_ms: int = 0
    """Perpetual only: when a GTD order, which the engine knows as GTC, expires; 0: another time in force."""
    level: Level | None = None
    prev: Order | None = None
    next: Order | None = None

    def __repr__(self) -> str:
        """Without its neighbours in the queue, which would name theirs."""
        return f"<Order {self.id} {self.symbol} {self.side} {self.status}>"

    @property
    def remaining(self) -> int:
        """Lots that can still trade: original − executed − prevented."""
        return self.qty - self.executed - self.prevented


class Fill(msgspec.Struct, gc=False):
    """The taker's view of one trade: what FULL responses list. Amounts in 10^-8."""

    trade_id: int
    price: int
    qty: int
    commission: int
    commission_asset: str


class Placed(msgspec.Struct, gc=False):
    """An order the engine accepted (it may already be filled or expired), its immediate fills and prevented matches."""

    order: Order
    fills: list[Fill]
    prevented: tuple[Prevention, ...] = ()
    shown: Order | None = None
    """The order as its fills left it, where orders that it set off have changed it since."""
