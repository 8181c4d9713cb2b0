"""What is fuzzed of the gateway: everything that reads bytes of the venue's. A target lets through the one error that says "cannot be read", and
holds what was read to a second, slow reading of the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation, getcontext
from typing import Any

from mm_trader.core.clock import ManualClock
from mm_trader.core.events import BookTicker, DepthUpdate, ExecutionReport, PublicTrade
from mm_trader.core.units import SymbolRules, UnitError
from mm_trader.venue.binance.governor import Purpose, RateGovernor
from mm_trader.venue.binance.reflexes import Reflexes
from mm_trader.venue.binance.rules import symbol_rules
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.venue_clock import VenueClock
from mm_trader.venue.binance.wire.market import FrameError, MarketDecoder
from mm_trader.venue.binance.wire.numbers import PublicSizeParser, StepParser, numbers_by_symbol
from mm_trader.venue.binance.wire.replies import (
    AccountBody,
    AmendBody,
    CommissionBody,
    DepthBody,
    ExchangeInfoBody,
    OrderBody,
    Placed,
    ReplaceBody,
    SpotTradeBody,
    TimeBody,
    amended_view,
    depth_snapshot,
    order_view,
    read_body,
    read_reply,
    trade_view,
)
from mm_trader.venue.binance.wire.user import UserDecoder

getcontext().prec = 100  # the slow reading must not round what the quick one keeps
TICK, LOT = Decimal("0.01"), Decimal("0.0001")
RULES = {"ETHUSDT": SymbolRules(symbol="ETHUSDT", base_asset="ETH", quote_asset="USDT", tick=TICK, lot=LOT)}
NUMBERS = numbers_by_symbol(RULES)
MARKET, USER = MarketDecoder(NUMBERS), UserDecoder(NUMBERS)


def _slowly(data: bytes) -> Any:
    """By the standard library; text that nobody uses may be no UTF-8."""
    return json.loads(data.decode("utf-8", "replace"))


def _exact(steps: int, step: Decimal, text: Any) -> None:
    assert steps * step == Decimal(text), f"{text!r} was read as {steps} steps of {step}"


def _public(lots: int, text: Any) -> None:
    size = Decimal(text)
    assert lots == (max(1, int(size / LOT)) if size else 0), f"{text!r} was read as {lots} lots"


def market(data: bytes) -> None:
    """A frame of the market stream: read exactly, or refused."""
    try:
        event = MARKET.decode(data, 1)
    except FrameError:
        return
    if not isinstance(event, BookTicker | DepthUpdate | PublicTrade):
        return
    body = _slowly(data)["data"]
    if isinstance(event, BookTicker):
        _exact(event.bid, TICK, body["b"])
        _exact(event.ask, TICK, body["a"])
        _public(event.bid_size, body["B"])
        _public(event.ask_size, body["A"])
        assert event.update_id == body["u"]
    elif isinstance(event, PublicTrade):
        _exact(event.price, TICK, body["p"])
        _public(event.size, body["q"])
    else:
        for levels, rows in ((event.bids, body["b"]), (event.asks, body["a"])):
            assert len(levels) == len(rows)
            for (price, size), (price_text, size_text) in zip(levels, rows, strict=True):
                _exact(price, TICK, price_text)
                _public(size, size_text)


def user(data: bytes) -> None:
    """A frame of the user data connection: both ways of reading it agree, and are exact."""
    try:
        quick = USER.decode_frame(data, 1)
    except FrameError:
        return
    try:
        event = bytes(read_reply(data).event)
        slow = USER.decode(event, 1) if event else None
    except FrameError:
        return
    if quick is not None:
        assert quick == slow
    if isinstance(quick, ExecutionReport):
        body = _slowly(data)["event"]
        _exact(quick.order.price, TICK, body["p"])
        _exact(quick.order.size, LOT, body["q"])
        _exact(quick.order.filled, LOT, body["z"])


_BODIES: tuple[Callable[[bytes], Any], ...] = (
    lambda data: read_body(data, Placed),
    lambda data: order_view(read_body(data, OrderBody), NUMBERS["ETHUSDT"]),
    lambda data: amended_view(read_body(data, AmendBody), NUMBERS["ETHUSDT"]),
    lambda data: [trade_view(row, NUMBERS["ETHUSDT"]) for row in read_body(data, list[SpotTradeBody])],
    lambda data: read_body(data, AccountBody),
    lambda data: depth_snapshot(read_body(data, DepthBody), NUMBERS["ETHUSDT"], 1),
    lambda data: read_body(data, TimeBody),
    lambda data: [symbol_rules(body, None) for body in read_body(data, ExchangeInfoBody).symbols],
    lambda data: read_body(data, CommissionBody),
    lambda data: read_body(data, ReplaceBody),
    read_reply,
)


def replies(data: bytes) -> None:
    """A body of a reply; the first byte says which."""
    if data:
        try:
            _BODIES[data[0] % len(_BODIES)](data[1:])
        except FrameError:
            return


def failures(data: bytes) -> None:
    """A failure reply, over REST and over the WebSocket API; the first two bytes make the status."""
    clock = VenueClock(ManualClock())
    governor = RateGovernor(clock, GatewaySettings())
    reflexes = Reflexes(
        governor,
        lambda text: text,
        lambda _sent: None,
        lambda: None,
        lambda: None,
        lambda _trouble, _detail: None,
    )
    status = 300 + int.from_bytes(data[:2]) % 300
    headers = {"Retry-After": data[2:10].decode("latin-1")}
    failure = reflexes.on_http(status, data[2:], headers, Purpose.PLACE, 0)
    assert len(failure.message) <= 200
    try:
        reply = read_reply(data[2:])
    except FrameError:
        return
    if (reply.status or 0) // 100 != 2:
        reflexes.on_reply(reply, Purpose.CANCEL)


def numbers(data: bytes) -> None:
    """Decimal texts, one by one and all at once: the quick ways and the plain one agree, and with Decimal."""
    texts = data.decode("utf-8", "replace").split("\n")
    for kind in (StepParser, PublicSizeParser):
        parser = kind(LOT, "size")
        try:
            plain = [parser._read_any(text) for text in texts]
        except UnitError:
            plain = None
        try:
            assert [parser.read(text) for text in texts] == plain
        except UnitError:
            assert plain is None
        if plain is not None:
            for count, text in zip(plain, texts, strict=True):
                try:
                    exact = Decimal(text)
                except InvalidOperation as error:
                    raise AssertionError(f"{text!r} is no decimal, but was read as {count}") from error
                assert count == (
                    exact / LOT if kind is StepParser else max(int(exact / LOT), 1 if exact else 0)
                )


TARGETS: dict[str, Callable[[bytes], None]] = {
    "gateway_market": market,
    "gateway_user": user,
    "gateway_replies": replies,
    "gateway_failures": failures,
    "gateway_numbers": numbers,
}

_REPORT = (
    b'{"subscriptionId":0,"event":{"e":"executionReport","E":1,"s":"ETHUSDT","c":"mm1-1","S":"BUY","o":"LIMIT_MAKER","q":"1.00000000",'
    b'"p":"2683.80000000","C":"","x":"TRADE","X":"FILLED","r":"NONE","i":42,"l":"1.00000000","z":"1.00000000","L":"2683.80000000",'
    b'"n":"0.1","N":"USDT","T":2,"t":7,"m":true}}'
)
_SEEDS: dict[str, tuple[bytes, ...]] = {
    "gateway_market": (
        b'{"stream":"ethusdt@bookTicker","data":{"u":7,"s":"ETHUSDT","b":"2683.80000000","B":"3.02920000","a":"2683.81000000","A":"0.00010000"}}',
        b'{"stream":"ethusdt@depth@100ms","data":{"e":"depthUpdate","U":5,"u":9,"b":[["2683.80000000","3.0"],["1.00000000","0.00000000"]],"a":[]}}',
        b'{"stream":"ethusdt@trade","data":{"e":"trade","t":11,"p":"2683.80000000","q":"0.00200000","T":1,"m":true}}',
        b'{"result":["ethusdt@trade"],"id":1}',
        b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}',
    ),
    "gateway_user": (
        _REPORT,
        b'{"subscriptionId":0,"event":{"e":"outboundAccountPosition","u":1,"B":[{"a":"ETH","f":"1.0","l":"0.1"}]}}',
        b'{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1}}',
        b'{"id":"subscribe","status":200,"result":{"subscriptionId":0},"rateLimits":[]}',
    ),
    "gateway_replies": (
        b'\x01{"symbol":"ETHUSDT","orderId":1,"clientOrderId":"a","price":"1.00","origQty":"1","executedQty":"0","status":"NEW","side":"BUY"}',
        b'\x05{"lastUpdateId":1,"bids":[["1.00000000","1.00000000"]],"asks":[]}',
        b'\x09{"cancelResult":"SUCCESS","newOrderResult":"FAILURE","cancelResponse":{},"newOrderResponse":{"code":-2010,"msg":"x"}}',
        b'\x07{"symbols":[{"symbol":"A","status":"TRADING","baseAsset":"B","quoteAsset":"C","filters":[{"filterType":"PRICE_FILTER","minPrice":"0","maxPrice":"0","tickSize":"0.01"},{"filterType":"LOT_SIZE","minQty":"0","maxQty":"0","stepSize":"1"}]}]}',
    ),
    "gateway_failures": (
        b'\x00\x64{"code":-2010,"msg":"Market is closed."}',
        b'\x00\x81{"id":"1","status":429,"error":{"code":-1015,"msg":"x","data":{"retryAfter":1700000000000}}}',
    ),
    "gateway_numbers": (b"1.00000000\n0.00010000", b"1", b".5", b"1.5\n2.00000000"),
}


def seeds(target: str) -> Iterator[bytes]:
    """Inputs to begin from."""
    yield from _SEEDS[target]
