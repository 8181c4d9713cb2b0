"""Everything that can happen to the kernel, as values. `ts` is monotonic ns of the shell's clock; `wall_ns`, where present, is UTC.

Prices are ticks, sizes lots (see `units`), unless a field says Decimal. The gateway makes these from the
venue's frames; the shell makes the timers and requests.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum, StrEnum
from typing import Final

import msgspec

from mm_api.kinds.common import HaltLevel
from mm_api.redis_contract import Latch
from mm_api.trader_config import TraderConfig
from mm_trader.core.units import SymbolRules

Level = tuple[int, int]
"""(price in ticks, size in lots); size 0 removes the level."""


class Side(Enum):
    """Side of an order. `sign` is +1 for BUY: a fill moves the position by sign x size."""

    BUY = 1
    SELL = -1

    sign: int
    """+1 or -1. A plain attribute, as `value` is a call of Python's own, and quotes ask for it all the time."""

    def __init__(self, sign: int) -> None:
        self.sign = sign

    @property
    def opposite(self) -> Side:
        """The other side."""
        return SELL if self is BUY else BUY


BUY: Final = Side.BUY
"""Up to Python 3.11 `Side.BUY` is a slow look-up (0.2 µs, as a class of `Enum` has a `__getattr__` there); what runs at every event reads these names."""
SELL: Final = Side.SELL


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base: when it happened, by the shell's monotonic clock."""

    ts: int


# --- market -------------------------------------------------------------------------------------------------------------------------------


class BookTicker(Event, frozen=True, kw_only=True, gc=False):
    """Best bid and ask."""

    symbol: str
    update_id: int
    bid: int
    bid_size: int
    ask: int
    ask_size: int


class DepthUpdate(Event, frozen=True, kw_only=True):
    """A difference of the order book, update ids first..last."""

    symbol: str
    first_id: int
    last_id: int
    previous_id: int | None
    """Futures: last id of the difference before; spot: None."""
    bids: list[Level]
    asks: list[Level]


class DepthSnapshot(Event, frozen=True, kw_only=True):
    """The book as REST gave it."""

    symbol: str
    last_id: int
    bids: list[Level]
    asks: list[Level]


class PublicTrade(Event, frozen=True, kw_only=True, gc=False):
    """A trade of anybody's."""

    symbol: str
    trade_id: int
    price: int
    size: int
    buyer_is_maker: bool


class StreamName(StrEnum):
    """The three connections."""

    MARKET = "market"
    ORDERS = "orders"
    USER = "user"


class StreamStatus(Event, frozen=True, kw_only=True, gc=False):
    """A connection became usable (authenticated, subscribed, first answer seen) or was lost."""

    stream: StreamName
    up: bool
    reason: str = ""


# --- answers to commands ------------------------------------------------------------------------------------------------------------------


class ErrorClass(StrEnum):
    """What a refusal or failure means for the next step."""

    REFUSED = "refused"
    """The venue looked at it and said no: definite."""
    POST_ONLY = "post_only"
    """Refused because it would have taken: normal, quote again."""
    DUPLICATE = "duplicate"
    """An open order with this client id exists."""
    BALANCE = "balance"
    """Not enough free balance."""
    THROTTLED = "throttled"
    """Rate limit; nothing was executed."""
    CLOCK = "clock"
    """Our time is outside the venue's window; nothing was executed."""
    CLOSED = "closed"
    """The venue does not trade the symbol now: not our mistake, and over when it trades again."""
    NOT_FOUND = "not_found"
    """The venue does not know the order."""
    AUTH = "auth"
    """Key or signature: stop trading."""
    AMBIGUOUS = "ambiguous"
    """Nobody can say whether it was executed."""


class OrderAccepted(Event, frozen=True, kw_only=True, gc=False):
    """The venue took the order."""

    symbol: str
    client_id: str
    venue_id: int


class CommandRefused(Event, frozen=True, kw_only=True, gc=False):
    """A place, cancel or amend came back with a definite no (any class but AMBIGUOUS)."""

    symbol: str
    client_id: str
    command: str
    """`place`, `cancel` or `amend`; the halves of a CancelReplace are `cancel` and `place`."""
    error: ErrorClass
    code: int
    message: str


class CommandUnknown(Event, frozen=True, kw_only=True, gc=False):
    """Sent, or perhaps sent, and no trustworthy answer: time-out, 5xx, lost socket, unreadable reply."""

    symbol: str
    client_id: str
    command: str
    reason: str


class CommandDropped(Event, frozen=True, kw_only=True, gc=False):
    """Never left this process (rate budget, stop latch, socket down before the write): definite, nothing at the venue."""

    symbol: str
    client_id: str
    command: str
    reason: str


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the venue describes it, in a reply or a user event."""

    symbol: str
    client_id: str
    venue_id: int
    side: Side
    status: str
    """The venue's word: NEW, PARTIALLY_FILLED, FILLED, CANCELED, REJECTED, EXPIRED, EXPIRED_IN_MATCH, PENDING_CANCEL."""
    price: int
    size: int
    filled: int
    """Cumulative, lots."""
    update_ms: int


class TradeView(msgspec.Struct, frozen=True, kw_only=True):
    """One trade of an own order, as the venue describes it."""

    symbol: str
    trade_id: int
    venue_id: int
    side: Side
    price: int
    size: int
    commission: Decimal
    commission_asset: str
    maker: bool
    venue_ms: int


class ExecutionReport(Event, frozen=True, kw_only=True):
    """A user-stream event of one order: its state now, and the trade that caused it, if one did."""

    order: OrderView
    """`client_id` is the order's own id, also on a cancel (where the wire's `c` is the cancel's)."""
    execution: str
    """NEW, CANCELED, REPLACED, REJECTED, TRADE, EXPIRED, TRADE_PREVENTION."""
    trade: TradeView | None
    reject_reason: str = ""


class OrderFound(Event, frozen=True, kw_only=True):
    """Answer to a query: the order exists, open or ended."""

    order: OrderView


class OrderAmended(Event, frozen=True, kw_only=True):
    """An amend was carried out: the order now, its size the new one."""

    order: OrderView


class OrderNotFound(Event, frozen=True, kw_only=True, gc=False):
    """Answer to a query: the venue knows no such order. `asked_ts`: when the question left."""

    symbol: str
    client_id: str
    asked_ts: int


class QueryFailed(Event, frozen=True, kw_only=True, gc=False):
    """A query got no usable answer; ask again later."""

    symbol: str
    client_id: str
    error: ErrorClass
    reason: str


class FundingView(msgspec.Struct, frozen=True, kw_only=True):
    """One funding payment on a position, as the venue lists it."""

    amount: Decimal
    """Quote currency; below zero: paid."""
    venue_ms: int


class ReconcileSnapshot(Event, frozen=True, kw_only=True):
    """The venue's own account of one symbol, read together: its open orders (own prefix only), own trades from a trade id on, balances.

    `asked_ts` is when the first question left: an order placed after that may be missing without meaning anything.
    """

    symbol: str
    asked_ts: int
    open_orders: list[OrderView]
    foreign_open_orders: int
    """Open orders of the symbol that are not under our prefix (another program, a person)."""
    trades: list[TradeView]
    """Ascending trade ids; only trades of orders under our prefix or of orders the kernel knows by venue id."""
    balances: dict[str, tuple[Decimal, Decimal]]
    """Asset → (free, locked)."""
    cause: str
    """start, reconnect, timer, command, symbol, unknown, funding."""
    funding: list[FundingView] = []
    """Payments from the asked time on, ascending; always empty where positions are not funded."""
    held: Decimal | None = None
    """On margin: the account's position, base units. None: what is held is a balance."""


class ReconcileFailed(Event, frozen=True, kw_only=True, gc=False):
    """The venue could not be read; ask again later."""

    symbol: str
    reason: str
    cause: str


class FundingSettled(Event, frozen=True, kw_only=True, gc=False):
    """Funding of a symbol was settled. How much is read from the venue's own list, which has no doubles and no gaps."""

    symbol: str


class AccountUpdate(Event, frozen=True, kw_only=True):
    """Balances that changed. Asset → (free, locked)."""

    balances: dict[str, tuple[Decimal, Decimal]]


# --- the venue itself ---------------------------------------------------------------------------------------------------------------------


class RulesChanged(Event, frozen=True, kw_only=True):
    """The venue's rules of one symbol were read again and differ: its status (halt, break, cancel only), a filter, or the account's fees."""

    rules: SymbolRules


class Trouble(StrEnum):
    """What is wrong between us and the venue as a whole."""

    CLOCK = "clock"
    """Refused for the time again, although the offset has just been measured."""
    BANNED = "banned"
    """418: nothing may be sent at all for a while."""
    KEYS = "keys"
    """The keys are refused where they were good before."""
    RESET = "reset"
    """The venue has started over (testnets do, without notice): our orders and trades are gone, balances are others, ids begin anew."""
    FORCED = "forced"
    """The venue closed a position of the account by itself: liquidation, auto-deleveraging, the end of a contract. Told again with each of its fills."""
    MARGIN = "margin"
    """The venue warns that the account's margin is about to be too little for its positions."""


class VenueTrouble(Event, frozen=True, kw_only=True, gc=False):
    """Told once each time it begins."""

    trouble: Trouble
    detail: str


# --- requests and time --------------------------------------------------------------------------------------------------------------------


class Tick(Event, frozen=True, kw_only=True, gc=False):
    """Time has passed. The shell sends one every 50 ms or so, and with it the wall clock (UTC day roll, records)."""

    wall_ns: int
    clock_offset_ns: int = 0
    """Venue's clock minus ours as the gateway measured it last."""
    clock_base_ns: int | None = None
    """Wall minus monotonic clock at that measurement; None: nothing is measured yet."""


class HaltsChanged(Event, frozen=True, kw_only=True):
    """All latches of the identity as Redis has them now (the kernel's own, once durable, are among them)."""

    latches: tuple[Latch, ...]


class HaltDurable(Event, frozen=True, kw_only=True, gc=False):
    """A latch of the kernel's own is now in Redis."""

    halt_id: str


class HaltLifted(Event, frozen=True, kw_only=True, gc=False):
    """A person acknowledged a halt: what it was raised for is accepted, and limits count from here."""

    halt_id: str


class TradingAllowed(Event, frozen=True, kw_only=True, gc=False):
    """The lease is held, the settle time is over: reconcile, then quote. False: the lease is at its end, or nobody hears our heartbeat: cancel and stop."""

    allowed: bool
    reason: str = ""


class ReconcileRequested(Event, frozen=True, kw_only=True, gc=False):
    """Compare with the venue now. Symbol None: all."""

    symbol: str | None
    cause: str


class LimitsTightened(Event, frozen=True, kw_only=True):
    """RiskConfig fields by wire name; looser values than the running ones are ignored."""

    limits: dict[str, Decimal]


class ParametersChanged(Event, frozen=True, kw_only=True):
    """New strategy parameters for the running strategy."""

    parameters: dict[str, Decimal]


class ConfigChanged(Event, frozen=True, kw_only=True):
    """The whole config as it holds from now on: the running one with its hot fields replaced. Checked by the shell; the kernel checks again."""

    config: TraderConfig


class StopRequested(Event, frozen=True, kw_only=True, gc=False):
    """Cancel everything and quote no more; the shell leaves once nothing is open and not `Kernel.may_land()`."""

    reason: str


class HaltRequested(Event, frozen=True, kw_only=True, gc=False):
    """Somebody outside the kernel wants a halt of the kernel's own kind (emergency stop, last-resort handler, admin API)."""

    level: HaltLevel
    reason: str
    message: str
