"""What is fuzzed of the simulator: each target takes bytes and lets through only what a client may see.

A target returns when the bytes were refused in the venue's words or answered; anything else it raises is a finding.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import urlencode

from mm_trader.venue.simulator import ConfigError, ManualClock, Simulator, SimulatorConfig
from mm_trader.venue.simulator.actions import ACTIONS, ActionError, perform
from mm_trader.venue.simulator.config import LimitConfig, Product, parse_account, parse_market, parse_symbols
from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.market.recording import parse_line
from mm_trader.venue.simulator.server.connection import Connection, dumps
from mm_trader.venue.simulator.server.desk import Request
from mm_trader.venue.simulator.server.params import Params
from mm_trader.venue.simulator.server.rest import split_params
from mm_trader.venue.simulator.server.streams import StreamClient
from mm_trader.venue.simulator.server.wsapi import Session

KEY = "FUZZKEY"
RENEW_EVERY = 3000
"""Inputs after which a target gets a fresh venue: orders of earlier ones would pile up."""
STATUSES = frozenset({200, 400, 401, 403, 404, 405, 409, 410, 413, 418, 429})


class _Wire:
    """Stands for a connection: keeps what would be sent."""

    number = 1
    ip = "127.0.0.1"

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, value: Any, _channel: Any) -> None:
        self.sent.append(json.loads(dumps(value)))

    def send_frame(self, frame: bytes, _channel: Any) -> None:
        self.sent.append(frame)


class _Venue:
    """A simulator without sockets, made anew now and then."""

    def __init__(self, product: Product = Product.SPOT) -> None:
        self.product = product
        self._used = 0
        self._sim: Simulator | None = None

    def __call__(self) -> Simulator:
        self._used += 1
        if self._sim is None or self._used % RENEW_EVERY == 0:
            self._sim = Simulator(
                SimulatorConfig(
                    accounts=(parse_account(f"fuzz:{KEY}:fuzz-secret:ETH=10,BTC=1,USDC=50000"),),
                    product=self.product,
                    limits=LimitConfig(0, 0, 0, 0, 0),
                ),
                ManualClock(),
            )
            self._sim.market.start()
        return self._sim


SPOT, USDM = _Venue(), _Venue(Product.USDM)


def _text(data: bytes) -> str:
    """As aiohttp gives a text frame's or a body's characters."""
    return data.decode("utf-8", "replace")


def _call(venue: _Venue, data: bytes) -> None:
    if not data:
        return
    sim = venue()
    calls = sim.profile.calls
    call = calls[data[0] % len(calls)]
    raw = data[1:].decode("utf-8", "surrogateescape")
    try:
        params = split_params(raw)
        request = Request(Params(params), sim.auth.key(KEY), "127.0.0.1", "fuzz")
        result = sim.desk.perform(call, request)
    except RefusalError as error:
        assert error.status in STATUSES, error.status
        dumps({"code": error.code, "msg": error.msg, "data": error.data}).encode("utf-8", "replace")
    else:
        dumps(result).encode("utf-8", "replace")


def spot_calls(data: bytes) -> None:
    """First byte: which call; the rest: its query string, as an authenticated client sends it."""
    _call(SPOT, data)


def usdm_calls(data: bytes) -> None:
    """The same for the futures profile."""
    _call(USDM, data)


def signed_request(data: bytes) -> None:
    """Key, query and body of a signed REST request, split at zero bytes."""
    key, query, body = [*(part.decode("utf-8", "surrogateescape") for part in data.split(b"\0", 2)), "", ""][
        :3
    ]
    try:
        SPOT().auth.rest(key, {**split_params(body), **split_params(query)}, query, body)
    except RefusalError as error:
        assert error.status in STATUSES


def _ws(venue: _Venue, data: bytes) -> None:
    sim = venue()
    wire = _Wire()
    session = Session(cast(Connection, wire), 0)
    sim.wsapi.sessions[session] = None
    sim.wsapi._receive(session, _text(data))
    del sim.wsapi.sessions[session]
    replies = [m for m in wire.sent if isinstance(m, dict) and "status" in m]
    assert len(replies) == 1, wire.sent
    assert replies[0]["status"] in STATUSES, replies
    assert ("error" in replies[0]) != ("result" in replies[0])


def spot_ws_api(data: bytes) -> None:
    """A text frame on the WebSocket API: exactly one answer."""
    _ws(SPOT, data)


def usdm_ws_api(data: bytes) -> None:
    """The same for the futures profile."""
    _ws(USDM, data)


def stream_socket(data: bytes) -> None:
    """A text frame on a market stream; the futures' private streams are the same: one answer."""
    hub = SPOT().hub
    client = StreamClient(cast(Connection, _Wire()), combined=False)
    hub.add(client, [])
    reply = hub.handle(client, _text(data))
    hub.remove(client)
    assert "id" in reply or reply["error"]["code"] == 3  # no JSON, no id
    dumps(reply)


def admin(data: bytes) -> None:
    """First byte: which action; the rest: its JSON."""
    if not data:
        return
    name = list(ACTIONS)[data[0] % len(ACTIONS)]
    sim = SPOT()
    try:
        body = json.loads(_text(data[1:]))
    except (ValueError, RecursionError):
        return
    try:
        if isinstance(body, list):
            sim.admin.run_scenario(body)
            sim.admin.drop_scenario()
        elif isinstance(body, dict) and not name.startswith(("cut", "shutdown")):
            dumps(perform(sim, name, body))
    except ActionError as error:
        assert str(error)
    if len(sim.faults.armed) > 100:
        sim.faults.clear()


def recording(data: bytes) -> None:
    """A line of a recorded file."""
    try:
        parse_line(_text(data))
    except ValueError:
        return


def options(data: bytes) -> None:
    """Accounts, markets and symbols from a command line."""
    text = _text(data)
    for parse in (parse_account, parse_market, parse_symbols):
        parser = cast(Callable[[str], Any], parse)
        try:
            parser(text)
        except ConfigError as error:
            assert "\n" not in str(error) or "\n" in text


TARGETS: dict[str, Callable[[bytes], None]] = {
    f.__name__: f
    for f in (
        spot_calls,
        usdm_calls,
        signed_request,
        spot_ws_api,
        usdm_ws_api,
        stream_socket,
        admin,
        recording,
        options,
    )
}


STOPS = (
    {"type": "STOP_LOSS_LIMIT", "stopPrice": "2700", "price": "2710"},
    {"type": "TAKE_PROFIT_LIMIT", "stopPrice": "2400", "price": "2410", "timeInForce": "FOK"},
    {"type": "STOP_LOSS", "side": "SELL", "stopPrice": "2599.99"},
)
"""What makes a limit order one that waits."""
_ABOVE = {"aboveType": "LIMIT_MAKER", "abovePrice": "2700"}
_BELOW = {"belowType": "STOP_LOSS", "belowStopPrice": "2500"}
_PAIR = {**_ABOVE, **_BELOW}
_WORKING = {"workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "2600", "workingQuantity": "0.01",
            "workingTimeInForce": "GTC", "pendingSide": "SELL", "pendingQuantity": "0.009"}  # fmt: skip
LISTS = {
    "orderList/oco": {"symbol": "ETHUSDC", "side": "SELL", "quantity": "0.01", **_PAIR},
    "order/oco": {
        "symbol": "ETHUSDC",
        "side": "SELL",
        "quantity": "0.01",
        "price": "2700",
        "stopPrice": "2500",
    },
    "orderList/oto": {"symbol": "ETHUSDC", **_WORKING, "pendingType": "MARKET"},
    "orderList/otoco": {
        "symbol": "ETHUSDC",
        **_WORKING,
        **{f"pending{name[0].upper()}{name[1:]}": value for name, value in _PAIR.items()},
    },
}
"""Order lists that are taken, by their path."""
ALGO = {"symbol": "ETHUSDC", "algoType": "CONDITIONAL", "side": "SELL", "type": "STOP", "quantity": "0.1", "price": "2490",
        "triggerPrice": "2500", "workingType": "MARK_PRICE", "timeInForce": "GTX", "clientAlgoId": "a-2"}  # fmt: skip
"""A conditional order of the futures."""
ALGOS = (
    ALGO,
    {**ALGO, "timeInForce": "GTD", "goodTillDate": "1735690900000", "priceProtect": "true", "clientAlgoId": "a-3"},
    {"symbol": "ETHUSDC", "algoType": "CONDITIONAL", "side": "BUY", "type": "TRAILING_STOP_MARKET", "quantity": "0.1",
     "callbackRate": "1.5", "activatePrice": "2500"},
    {"symbol": "ETHUSDC", "algoType": "CONDITIONAL", "side": "SELL", "type": "TAKE_PROFIT_MARKET", "triggerPrice": "2700",
     "closePosition": "true", "timeInForce": "GTE_GTC"},
    {"symbol": "ETHUSDC", "algoType": "CONDITIONAL", "side": "BUY", "type": "TAKE_PROFIT", "quantity": "0.1",
     "triggerPrice": "2500", "priceMatch": "OPPONENT_5", "reduceOnly": "true"},
)  # fmt: skip
MATCHED = {"price": "", "priceMatch": "QUEUE_10"}
"""What makes a limit order of the futures one whose price is the book's."""


def seeds(target: str) -> Iterator[bytes]:
    """Inputs that are right, to begin from."""
    order = {"symbol": "ETHUSDC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    more = {"price": "2500", "newClientOrderId": "a-1", "timestamp": "1735689600000", "recvWindow": "5000"}
    if target in ("spot_calls", "usdm_calls"):
        venue = SPOT if target == "spot_calls" else USDM
        for index, call in enumerate(venue().profile.calls):
            query = {**order, **more} if call.trades else {"symbol": "ETHUSDC", "limit": "5", "orderId": "1"}
            yield bytes((index,)) + urlencode(query).encode()
            if call.fault_class in ("place", "replace") and venue is SPOT:
                for stop in STOPS:
                    yield bytes((index,)) + urlencode({**query, **stop}).encode()
            if call.ws == "algoOrder.place":
                for algo in ALGOS:
                    yield bytes((index,)) + urlencode(algo).encode()
            elif call.fault_class in ("place", "amend") and venue is USDM:
                yield bytes((index,)) + urlencode({**query, **MATCHED}).encode()
            if call.rest is not None and call.rest[1] in LISTS and venue is SPOT:
                yield bytes((index,)) + urlencode(LISTS[call.rest[1]]).encode()
    elif target == "signed_request":
        yield f"{KEY}\0{urlencode({**order, **more, 'signature': 'ab' * 32})}\0a=1".encode()
    elif target in ("spot_ws_api", "usdm_ws_api"):
        venue = SPOT if target == "spot_ws_api" else USDM
        for call in venue().profile.calls:
            if call.ws is not None:
                params = {**order, "apiKey": KEY}
                yield json.dumps({"id": 1, "method": call.ws, "params": params}).encode()
                wait: tuple[dict[str, str], ...] = ()
                if call.ws == "algoOrder.place":
                    wait = ALGOS
                elif call.rest is not None and call.rest[1] in LISTS and venue is SPOT:
                    wait = (LISTS[call.rest[1]],)
                elif call.fault_class == "place" and venue is SPOT:
                    wait = tuple({**order, **stop} for stop in STOPS)
                for waiting in wait:
                    params = {**waiting, "apiKey": KEY}
                    yield json.dumps({"id": 1, "method": call.ws, "params": params}).encode()
        yield b'{"id":"x","method":"session.status"}'
    elif target == "stream_socket":
        for method in ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY"):
            yield json.dumps({"method": method, "params": ["ethusdc@depth", True], "id": 1}).encode()
    elif target == "admin":
        for index, action in enumerate(ACTIONS.values()):
            yield bytes((index,)) + json.dumps(action.shape(SPOT())["example"]).encode()
        yield b'\x00[{"at":1,"action":"clear"}]'
    elif target == "recording":
        yield b'1 {"data":{"e":"depthUpdate","U":1,"u":2,"b":[["1.0","2"]],"a":[]}}'
        yield b'1 {"lastUpdateId":1,"bids":[["1","2"]],"asks":[]}'
        yield b'1 {"data":{"e":"trade","p":"1.0","q":"2","m":true}}'
        yield b'1 {"data":{"u":1,"b":"1","B":"1","a":"2","A":"1"}}'
    else:
        yield b"a:K:S:ETH=1,USDC=5,maker-commission=0.001"
        yield b"a:K:ed25519=" + base64.b64encode(bytes(32)) + b":ETH=1"
        yield b"replay:a.gz@ETHUSDC,b.gz,seeded:7:calm"
        yield b"ETHUSDC,BTCUSDC"
