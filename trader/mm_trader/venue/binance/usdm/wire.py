"""Frames and bodies of the futures API → core values, and commands → parameters. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from mm_trader.core.commands import Modify, Place
from mm_trader.core.events import (
    AccountUpdate,
    Event,
    ExecutionReport,
    FundingSettled,
    FundingView,
    OrderView,
    PublicTrade,
    TradeView,
)
from mm_trader.core.units import SymbolRules, UnitError
from mm_trader.venue.binance.rules import ceil_steps, floor_steps
from mm_trader.venue.binance.rules import number as number_of
from mm_trader.venue.binance.wire.market import FrameError, MarketDecoder, Notice, Route
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.replies import RateLimit
from mm_trader.venue.binance.wire.user import SIDES
from mm_trader.venue.products import USDM

PUBLIC_CHANNELS = ("bookTicker", "depth@100ms")
MARKET_CHANNELS = ("aggTrade",)
_FAR = 2**62


def stream_path(symbols: Mapping[str, object], side: str, channels: tuple[str, ...]) -> str:
    """`/public/stream?streams=…` or `/market/stream?streams=…` of all symbols."""
    names = "/".join(f"{symbol.lower()}@{channel}" for symbol in symbols for channel in channels)
    return f"/{side}/stream?streams={names}"


# --- market -------------------------------------------------------------------------------------------------------------------------------


class Aggregate(msgspec.Struct, gc=False):
    """aggTrade."""

    a: int
    p: str
    q: str
    m: bool


class FuturesMarketDecoder(MarketDecoder):
    """As spot's; trades come aggregated. Differences carry `pu`."""

    def channels(self, symbol: str, number: SymbolNumbers) -> list[tuple[str, type, Route]]:
        """See MarketDecoder."""
        return [
            *super().channels(symbol, number),
            ("aggTrade", Aggregate, _aggregate_route(symbol, number)),
        ]


def _aggregate_route(symbol: str, own: SymbolNumbers) -> Route:
    ticks, read = own.ticks, own.public_lots.read

    def route(data: Aggregate, ts: int) -> Event:
        return PublicTrade(
            ts=ts,
            symbol=symbol,
            trade_id=data.a,
            price=ticks[data.p],
            size=read(data.q),
            buyer_is_maker=data.m,
        )

    return route


# --- user data ----------------------------------------------------------------------------------------------------------------------------


class _Order(msgspec.Struct):
    s: str
    c: str
    S: str
    q: str
    p: str
    x: str
    X: str
    i: int
    z: str
    T: int
    l: str = "0"  # noqa: E741 - the wire's name
    L: str = "0"
    n: str | None = None
    N: str | None = None
    t: int = 0
    m: bool = False


class _OrderUpdate(msgspec.Struct):
    o: _Order


class _Wallet(msgspec.Struct):
    a: str
    cw: Decimal


class _Changed(msgspec.Struct):
    s: str


class _Account(msgspec.Struct):
    m: str = ""
    B: list[_Wallet] = []
    P: list[_Changed] = []


class _AccountUpdateFrame(msgspec.Struct):
    a: _Account


class _Named(msgspec.Struct):
    e: str = ""
    id: int | str | None = None


_decode_name = msgspec.json.Decoder(_Named).decode
_decode_order = msgspec.json.Decoder(_OrderUpdate).decode
_decode_account = msgspec.json.Decoder(_AccountUpdateFrame).decode

EXPIRED = "listenKeyExpired"


class FuturesUserDecoder:
    """Decodes one account's events. `wallet` turns a stated wallet into what may be used of it (free, locked)."""

    def __init__(self, numbers: Mapping[str, SymbolNumbers], wallet: Any) -> None:
        self._numbers = numbers
        self._wallet = wallet

    def decode(self, frame: bytes, ts: int) -> list[Event] | Notice | str:
        """One frame: events, a notice, or `EXPIRED` when the listen key is over. Raises FrameError."""
        try:
            named = _decode_name(frame)
            if named.e == "ORDER_TRADE_UPDATE":
                report = self._report(_decode_order(frame).o, ts)
                return [report] if report is not None else Notice.OTHER
            if named.e == "ACCOUNT_UPDATE":
                return self._account(_decode_account(frame).a, ts)
        except (msgspec.DecodeError, UnitError, KeyError, ArithmeticError) as error:
            raise FrameError(f"user event: {error}") from None
        if named.e == EXPIRED:
            return EXPIRED
        if named.e == "serverShutdown":
            return Notice.SHUTDOWN
        return Notice.REPLY if named.id is not None else Notice.OTHER

    def _account(self, account: _Account, ts: int) -> list[Event]:
        events: list[Event] = []
        if account.B:
            events.append(
                AccountUpdate(ts=ts, balances={row.a: self._wallet(row.a, row.cw) for row in account.B})
            )
        if account.m == "FUNDING_FEE":
            # a cross position's settlement names no position: then every symbol is looked at
            symbols = {row.s for row in account.P} & self._numbers.keys() or self._numbers.keys()
            events += [FundingSettled(ts=ts, symbol=symbol) for symbol in symbols]
        return events

    def _report(self, o: _Order, ts: int) -> ExecutionReport | None:
        own = self._numbers.get(o.s)
        if own is None:
            return None
        side = SIDES[o.S]
        trade = None
        if o.x == "TRADE":
            trade = TradeView(
                symbol=o.s,
                trade_id=o.t,
                venue_id=o.i,
                side=side,
                price=own.ticks[o.L],
                size=own.lots[o.l],
                commission=Decimal(o.n or "0"),
                commission_asset=o.N or "",
                maker=o.m,
                venue_ms=o.T,
            )
        order = OrderView(
            symbol=o.s,
            client_id=o.c,
            venue_id=o.i,
            side=side,
            status=STATUSES.get(o.X, o.X),
            price=own.ticks[o.p],
            size=own.lots[o.q],
            filled=own.lots[o.z],
            update_ms=o.T,
        )
        return ExecutionReport(
            ts=ts, order=order, execution="REPLACED" if o.x == "AMENDMENT" else o.x, trade=trade
        )


STATUSES = {"NEW_INSURANCE": "EXPIRED", "NEW_ADL": "EXPIRED"}
"""Words that futures have of their own: the order was taken over by a liquidation."""


# --- bodies -------------------------------------------------------------------------------------------------------------------------------


class SymbolBody(msgspec.Struct, rename="camel"):
    """A symbol of exchangeInfo."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[dict[str, Any]]
    contract_type: str = "PERPETUAL"
    time_in_force: list[str] = []


class InfoBody(msgspec.Struct, rename="camel"):
    """exchangeInfo."""

    symbols: list[SymbolBody]
    rate_limits: list[RateLimit] = []


class CommissionBody(msgspec.Struct, rename="camel"):
    """commissionRate."""

    maker_commission_rate: Decimal
    taker_commission_rate: Decimal


class SymbolConfigBody(msgspec.Struct, rename="camel"):
    """A row of symbolConfig."""

    symbol: str
    leverage: int
    margin_type: str = "CROSSED"


class PositionModeBody(msgspec.Struct, rename="camel"):
    """positionSide/dual."""

    dual_side_position: bool


class ListenKeyBody(msgspec.Struct, rename="camel"):
    """listenKey."""

    listen_key: str


class TradeBody(msgspec.Struct, rename="camel"):
    """A row of userTrades."""

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


class IncomeBody(msgspec.Struct, rename="camel"):
    """A row of income."""

    symbol: str
    income_type: str
    income: Decimal
    asset: str
    time: int


class AssetBody(msgspec.Struct, rename="camel"):
    """An asset of account."""

    asset: str
    cross_wallet_balance: Decimal
    initial_margin: Decimal
    unrealized_profit: Decimal = Decimal(0)


class PositionBody(msgspec.Struct, rename="camel"):
    """A position of account."""

    symbol: str
    initial_margin: Decimal
    unrealized_profit: Decimal = Decimal(0)


class AccountBody(msgspec.Struct, rename="camel"):
    """account."""

    assets: list[AssetBody]
    positions: list[PositionBody] = []


def trade_view(body: TradeBody, own: SymbolNumbers) -> TradeView:
    """Raises FrameError."""
    try:
        return TradeView(
            symbol=body.symbol,
            trade_id=body.id,
            venue_id=body.order_id,
            side=SIDES["BUY" if body.buyer else "SELL"],
            price=own.ticks[body.price],
            size=own.lots[body.qty],
            commission=body.commission,
            commission_asset=body.commission_asset,
            maker=body.maker,
            venue_ms=body.time,
        )
    except UnitError as error:
        raise FrameError(f"trade in reply: {error}") from None


def funding_view(body: IncomeBody) -> FundingView:
    """One payment."""
    return FundingView(amount=body.income, venue_ms=body.time)


def symbol_rules(body: SymbolBody, fees: CommissionBody, leverage: int) -> SymbolRules:
    """Filters, fees and margin of one symbol. Raises FrameError when something is missing or unreadable without which no order can be made."""
    filters = {str(entry.get("filterType")): entry for entry in body.filters}
    try:
        price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
        tick, step = number_of(price, "tickSize"), number_of(lot, "stepSize")
        if tick <= 0 or step <= 0 or leverage < 1:
            raise FrameError(f"{body.symbol}: tick, lot size or leverage is not above zero")
        notional = filters.get("MIN_NOTIONAL")
        return SymbolRules(
            symbol=body.symbol,
            base_asset=body.base_asset,
            quote_asset=body.quote_asset,
            tick=tick,
            lot=step,
            min_quantity=ceil_steps(number_of(lot, "minQty"), step) or 1,
            max_quantity=floor_steps(number_of(lot, "maxQty"), step) or _FAR,
            min_price=ceil_steps(number_of(price, "minPrice"), tick) or 1,
            max_price=floor_steps(number_of(price, "maxPrice"), tick) or _FAR,
            min_notional=number_of(notional, "notional") if notional is not None else Decimal(0),
            maker_fee=fees.maker_commission_rate,
            taker_fee=fees.taker_commission_rate,
            max_open_orders=int(filters.get("MAX_NUM_ORDERS", {}).get("limit", 200)),
            trading=body.status == "TRADING"
            and body.contract_type == "PERPETUAL"
            and (not body.time_in_force or "GTX" in body.time_in_force),
            initial_margin=Decimal(1) / leverage,
            modifiable=USDM.modify_price,
            reducible=USDM.reduce_only,
            status=body.status,
        )
    except (KeyError, ArithmeticError, TypeError, ValueError) as error:
        raise FrameError(f"filters of {body.symbol} cannot be read: {type(error).__name__} {error}") from None


# --- commands -----------------------------------------------------------------------------------------------------------------------------


def place_params(place: Place, own: SymbolNumbers) -> dict[str, str | int | bool]:
    """Post-only is a time in force here."""
    params: dict[str, str | int | bool] = {
        "symbol": place.symbol,
        "side": place.side.name,
        "type": "LIMIT",
        "timeInForce": "GTX" if place.post_only else "GTC",
        "price": own.price_text(place.price),
        "quantity": own.quantity_text(place.size),
        "newClientOrderId": place.client_id,
        "newOrderRespType": "ACK",
    }
    if place.reduce_only:
        params["reduceOnly"] = "true"
    return params


def modify_params(modify: Modify, own: SymbolNumbers) -> dict[str, str | int | bool]:
    """By venue id where known."""
    params: dict[str, str | int | bool] = {
        "symbol": modify.symbol,
        "side": modify.side.name,
        "price": own.price_text(modify.price),
        "quantity": own.quantity_text(modify.size),
    }
    if modify.venue_id is not None:
        params["orderId"] = modify.venue_id
    else:
        params["origClientOrderId"] = modify.client_id
    return params
