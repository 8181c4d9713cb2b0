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
    OrderView,
    PublicTrade,
    TradeView,
    Trouble,
    VenueTrouble,
)
from mm_trader.core.units import UnitError
from mm_trader.venue.binance.wire.market import FrameError, MarketDecoder, MarkPrice, Notice, Route
from mm_trader.venue.binance.wire.numbers import SymbolNumbers, finite, sound
from mm_trader.venue.binance.wire.user import SIDES

PUBLIC_CHANNELS = ("bookTicker", "depth@100ms")
MARKET_CHANNELS = ("aggTrade", "markPrice@1s")


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


class Mark(msgspec.Struct, gc=False):
    """markPriceUpdate."""

    p: Decimal


class FuturesMarketDecoder(MarketDecoder):
    """As spot's; trades come aggregated, and mark prices with them. Differences carry `pu`."""

    def channels(self, symbol: str, number: SymbolNumbers) -> list[tuple[str, type, Route]]:
        """See MarketDecoder."""
        return [
            *super().channels(symbol, number),
            ("aggTrade", Aggregate, _aggregate_route(symbol, number)),
            ("markPrice@1s", Mark, _mark_route(symbol, number)),
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


def _mark_route(symbol: str, own: SymbolNumbers) -> Route:
    tick = own.rules.tick

    def route(data: Mark, ts: int) -> Event:
        return MarkPrice(ts=ts, symbol=symbol, ticks=float(data.p / tick))

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
    last: str = msgspec.field(default="0", name="l")
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


class _Short(msgspec.Struct):
    s: str
    pa: str = ""
    up: str = ""
    mm: str = ""


class _MarginCall(msgspec.Struct):
    p: list[_Short] = []


class _Named(msgspec.Struct):
    e: str = ""
    id: int | str | None = None


_decode_name = msgspec.json.Decoder(_Named).decode
_decode_order = msgspec.json.Decoder(_OrderUpdate).decode
_decode_account = msgspec.json.Decoder(_AccountUpdateFrame).decode
_decode_margin_call = msgspec.json.Decoder(_MarginCall).decode

EXPIRED = "listenKeyExpired"
_FORCED = ("autoclose-", "adl_autoclose", "settlement_autoclose-")


def is_forced(client_id: str) -> bool:
    """An order of the venue's own, against a position of the account: liquidation, auto-deleveraging, delivery or delisting."""
    return client_id.startswith(_FORCED)


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
                order = _decode_order(frame).o
                if is_forced(order.c):
                    detail = f"{order.s}: the venue's own order {order.c}, {order.S} {order.q}, {order.x}"
                    return [VenueTrouble(ts=ts, trouble=Trouble.FORCED, detail=detail)]
                report = self._report(order, ts)
                return [report] if report is not None else Notice.OTHER
            if named.e == "ACCOUNT_UPDATE":
                return self._account(_decode_account(frame).a, ts)
            if named.e == "MARGIN_CALL":
                detail = "; ".join(
                    f"{one.s}: {one.pa} at {one.up} unrealised needs a margin of {one.mm}"
                    for one in _decode_margin_call(frame).p
                )
                return [VenueTrouble(ts=ts, trouble=Trouble.MARGIN, detail=detail or "no position is named")]
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
                AccountUpdate(
                    ts=ts, balances={row.a: self._wallet(row.a, finite(row.cw)) for row in account.B}
                )
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
            trade = sound(
                TradeView(
                    symbol=o.s,
                    trade_id=o.t,
                    venue_id=o.i,
                    side=side,
                    price=own.ticks[o.L],
                    size=own.lots[o.last],
                    commission=Decimal(o.n or "0"),
                    commission_asset=o.N or "",
                    maker=o.m,
                    venue_ms=o.T,
                )
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
