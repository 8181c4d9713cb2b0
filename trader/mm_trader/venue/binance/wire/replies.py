"""Bodies of REST replies and results of WebSocket API replies, as typed structs, and their way into core values."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

import msgspec

from mm_trader.core.events import DepthSnapshot, OrderView, TradeView
from mm_trader.core.units import UnitError
from mm_trader.venue.binance.wire.market import DECODE_ERRORS, FrameError
from mm_trader.venue.binance.wire.numbers import SymbolNumbers, sound
from mm_trader.venue.binance.wire.user import SIDES

T = TypeVar("T")


class ErrorData(msgspec.Struct, rename="camel"):
    """`data` of a WebSocket API error."""

    retry_after: int | None = None
    """Epoch ms, unlike the header of REST, which is seconds."""


class ErrorBody(msgspec.Struct, rename="camel"):
    """What the venue says when it says no."""

    code: int
    msg: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    """`ErrorData`, or the `ReplaceBody` of a cancel-replace that failed in part."""


class RateLimit(msgspec.Struct, rename="camel"):
    """A limit, and in replies how much of it is used."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int | None = None


class ApiReply(msgspec.Struct, rename="camel"):
    """A frame of the WebSocket API: a reply (id, status) or an event."""

    id: int | str | None = None
    status: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"")
    error: ErrorBody | None = None
    rate_limits: list[RateLimit] = []
    event: msgspec.Raw = msgspec.Raw(b"")
    subscription_id: int | None = None


class Placed(msgspec.Struct, rename="camel"):
    """Reply to an order of response type ACK."""

    order_id: int


class Half(Enum):
    """What became of one half of a cancel-replace."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    NOT_ATTEMPTED = "NOT_ATTEMPTED"


class ReplaceBody(msgspec.Struct, rename="camel"):
    """Both halves of a cancel-replace: the result of a 200, `data` of a 400, 409 or 429."""

    cancel_result: Half
    new_order_result: Half
    cancel_response: msgspec.Raw = msgspec.Raw(b"null")
    new_order_response: msgspec.Raw = msgspec.Raw(b"null")


class AmendedBody(msgspec.Struct, rename="camel"):
    """The order in the reply to an amend: its quantity is called `qty` here."""

    symbol: str
    order_id: int
    client_order_id: str
    price: str
    qty: str
    executed_qty: str
    status: str
    side: str


class AmendBody(msgspec.Struct, rename="camel"):
    """Reply to an amend."""

    transact_time: int
    amended_order: AmendedBody


class OrderBody(msgspec.Struct, rename="camel"):
    """An order in a reply: query, open orders, cancel."""

    symbol: str
    order_id: int
    client_order_id: str
    price: str
    orig_qty: str
    executed_qty: str
    status: str
    side: str
    orig_client_order_id: str = ""
    """Cancel replies: the order's own id, while `clientOrderId` is the cancel's."""
    update_time: int = 0
    time: int = 0
    transact_time: int = 0


class TradeBody(msgspec.Struct, rename="camel"):
    """A trade of the account: a row of futures' userTrades."""

    symbol: str
    id: int
    order_id: int
    price: str
    qty: str
    commission: Decimal
    commission_asset: str
    time: int
    buyer: bool
    maker: bool


class SpotTradeBody(TradeBody, rename="camel"):
    """A row of myTrades: spot has other names for two fields."""

    buyer: bool = msgspec.field(name="isBuyer")
    maker: bool = msgspec.field(name="isMaker")


class BalanceBody(msgspec.Struct, rename="camel"):
    """A row of account.balances."""

    asset: str
    free: Decimal
    locked: Decimal


class AccountBody(msgspec.Struct, rename="camel"):
    """account."""

    balances: list[BalanceBody]
    can_trade: bool = True


class DepthBody(msgspec.Struct, rename="camel"):
    """depth."""

    last_update_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class TimeBody(msgspec.Struct, rename="camel"):
    """time."""

    server_time: int


class SymbolBody(msgspec.Struct, rename="camel"):
    """A symbol of exchangeInfo."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[dict[str, Any]]
    is_spot_trading_allowed: bool = True
    order_types: list[str] = []
    amend_allowed: bool = False
    cancel_replace_allowed: bool = False


class ExchangeInfoBody(msgspec.Struct, rename="camel"):
    """exchangeInfo."""

    symbols: list[SymbolBody]
    rate_limits: list[RateLimit] = []


class RateBody(msgspec.Struct, rename="camel"):
    """A set of commission rates, as fractions."""

    maker: Decimal = Decimal(0)
    taker: Decimal = Decimal(0)
    buyer: Decimal = Decimal(0)
    seller: Decimal = Decimal(0)


class DiscountBody(msgspec.Struct, rename="camel"):
    """What paying fees in another asset saves."""

    enabled_for_account: bool = False
    enabled_for_symbol: bool = False
    discount_asset: str = ""
    discount: Decimal = Decimal(1)
    """What is paid of the standard commission: 0.75 is a quarter off."""


class CommissionBody(msgspec.Struct, rename="camel"):
    """account/commission."""

    standard_commission: RateBody
    tax_commission: RateBody = msgspec.field(default_factory=RateBody)
    special_commission: RateBody = msgspec.field(default_factory=RateBody)
    discount: DiscountBody = msgspec.field(default_factory=DiscountBody)


_decode_reply = msgspec.json.Decoder(ApiReply).decode


def read_reply(frame: bytes) -> ApiReply:
    """A frame of the WebSocket API. Raises FrameError."""
    try:
        return _decode_reply(frame)
    except DECODE_ERRORS as error:
        raise FrameError(f"WebSocket API frame: {error}") from None


def read_body(body: bytes | msgspec.Raw, kind: type[T]) -> T:
    """A body or result of a known shape. Raises FrameError."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (*DECODE_ERRORS, ArithmeticError) as error:
        raise FrameError(f"reply: {error}") from None


def order_view(body: OrderBody, numbers: SymbolNumbers) -> OrderView:
    """Raises FrameError."""
    try:
        return OrderView(
            symbol=body.symbol,
            client_id=body.orig_client_order_id or body.client_order_id,
            venue_id=body.order_id,
            side=SIDES[body.side],
            status=body.status,
            price=numbers.ticks[body.price],
            size=numbers.lots[body.orig_qty],
            filled=numbers.lots[body.executed_qty],
            update_ms=body.update_time or body.transact_time or body.time,
        )
    except (KeyError, UnitError) as error:
        raise FrameError(f"order in reply: {error}") from None


def amended_view(body: AmendBody, numbers: SymbolNumbers) -> OrderView:
    """Raises FrameError."""
    order = body.amended_order
    try:
        return OrderView(
            symbol=order.symbol,
            client_id=order.client_order_id,
            venue_id=order.order_id,
            side=SIDES[order.side],
            status=order.status,
            price=numbers.ticks[order.price],
            size=numbers.lots[order.qty],
            filled=numbers.lots[order.executed_qty],
            update_ms=body.transact_time,
        )
    except (KeyError, UnitError) as error:
        raise FrameError(f"amended order in reply: {error}") from None


def trade_view(body: TradeBody, numbers: SymbolNumbers) -> TradeView:
    """Raises FrameError."""
    try:
        return sound(
            TradeView(
                symbol=body.symbol,
                trade_id=body.id,
                venue_id=body.order_id,
                side=SIDES["BUY" if body.buyer else "SELL"],
                price=numbers.ticks[body.price],
                size=numbers.lots[body.qty],
                commission=body.commission,
                commission_asset=body.commission_asset,
                maker=body.maker,
                venue_ms=body.time,
            )
        )
    except UnitError as error:
        raise FrameError(f"trade in reply: {error}") from None


def depth_snapshot(body: DepthBody, numbers: SymbolNumbers, ts: int) -> DepthSnapshot:
    """Raises FrameError."""
    ticks, lots = numbers.ticks, numbers.public_lots
    try:
        return DepthSnapshot(
            ts=ts,
            symbol=numbers.rules.symbol,
            last_id=body.last_update_id,
            bids=[(ticks[price], lots[size]) for price, size in body.bids],
            asks=[(ticks[price], lots[size]) for price, size in body.asks],
        )
    except UnitError as error:
        raise FrameError(f"depth: {error}") from None
