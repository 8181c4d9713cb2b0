"""What the engine reports, in the order it happened.

Market streams are made from `BookUpdate` and `TradeEvent`, user events from `ExecutionEvent` and `BalanceEvent`,
the journal from all of them: one source. They are made by the dozen per order, hence msgspec structs (made in C) that the
collector need not walk: none of them is part of a cycle.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .account import Account, AccountTrade
from .lists import ListStep, OrderList
from .types import ExecType, Order, OrderStatus, StpMode


class BookUpdate(msgspec.Struct, gc=False):
    """One atomic change of a symbol's book. `u` grows by exactly one per update of the symbol.

    `bids` and `asks` are the changed prices (ticks); `touch` is (bid, bid qty, ask, ask qty) after it.
    """

    symbol: str
    u: int
    time_ns: int
    bids: Sequence[int]
    asks: Sequence[int]
    touch: tuple[int, int, int, int]
    touch_changed: bool


class TradeEvent(msgspec.Struct, gc=False):
    """A public trade print; price in ticks, quantity in lots. `taker_order` groups prints for aggTrade."""

    symbol: str
    id: int
    price: int
    qty: int
    time_ns: int
    buyer_is_maker: bool
    taker_order: int


class PreventedMatch(msgspec.Struct, frozen=True, gc=False):
    """What self-trade prevention kept an order from: lots, price in ticks, the order on the other side.

    `qty` is what would have traded, `lost` what the order lost by it: all that was left of it where it expired.
    """

    id: int
    qty: int
    lost: int
    price: int
    counter_order: int


class Prevention(msgspec.Struct, frozen=True, gc=False):
    """One match that did not happen, as `myPreventedMatches` lists it. `maker_qty`, `taker_qty`: lots that each lost by it."""

    id: int
    account: Account
    symbol: str
    taker_order: int
    maker_order: int
    mode: StpMode
    price: int
    maker_qty: int
    taker_qty: int
    time_ns: int


class ExecutionEvent(msgspec.Struct, gc=False):
    """One executionReport: the order as it was at that moment, with the `fill` or `prevention` that made it."""

    order: Order
    exec_type: ExecType
    status: OrderStatus
    time_ns: int
    execution_id: int
    client_id: str
    orig_client_id: str
    qty: int
    executed: int
    executed_quote: int
    prevented: int
    on_book: bool
    working_ns: int
    """Since when the order was at work at that moment; -1: it waited for its stop price."""
    fill: AccountTrade | None = None
    prevention: PreventedMatch | None = None
    reject_reason: str = "NONE"
    """Of one that the venue could not take, in its word."""


class ListEvent(msgspec.Struct, gc=False):
    """An order list has begun, changed or ended."""

    list: OrderList
    step: ListStep
    time_ns: int


class BalanceEvent(msgspec.Struct, gc=False):
    """Balances that an operation touched, as (asset, free, locked) in 10^-8."""

    account: Account
    time_ns: int
    balances: list[tuple[str, int, int]]


class TransferEvent(msgspec.Struct, gc=False):
    """Money that came from or went outside: `change` in 10^-8 of the asset."""

    account: Account
    time_ns: int
    asset: str
    change: int


Event = BookUpdate | TradeEvent | ExecutionEvent | BalanceEvent | ListEvent | TransferEvent
