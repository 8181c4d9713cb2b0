"""Whatever bytes come in, the answer is the venue's error or a clean close, and the simulator goes on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simwire import DEADLINE_S, S, Wire, config, running

from mm_trader.venue.simulator.config import LimitConfig
from mm_trader.venue.simulator.server.connection import dumps
from mm_trader.venue.simulator.server.outcome import run
from mm_trader.venue.simulator.server.rest import ALL_CALLS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
METHODS = st.sampled_from(
    [c.ws for c in ALL_CALLS if c.ws] + ["session.logon", "userDataStream.subscribe", "x"]
)
NAMES = st.sampled_from(
    [
        "symbol",
        "symbols",
        "side",
        "type",
        "timeInForce",
        "quantity",
        "price",
        "quoteOrderQty",
        "newClientOrderId",
        "orderId",
        "origClientOrderId",
        "limit",
        "startTime",
        "endTime",
        "fromId",
        "timestamp",
        "recvWindow",
        "signature",
        "apiKey",
        "newQty",
        "cancelReplaceMode",
        "omitZeroBalances",
        "selfTradePreventionMode",
        "icebergQty",
        "strategyId",
        "newOrderRespType",
        "cancelOrderId",
    ]
)
VALUES = st.one_of(
    JSON,
    st.sampled_from(
        [
            "ETHUSDC",
            "BUY",
            "LIMIT",
            "MARKET",
            "GTC",
            "0.01",
            "2500",
            "1e5",
            "-1",
            "9" * 30,
            "true",
            "ALPHAKEY",
        ]
    ),
)
REQUESTS = st.one_of(
    st.text(max_size=200),
    JSON.map(json.dumps),
    st.fixed_dictionaries(
        {"id": JSON, "method": METHODS, "params": st.dictionaries(NAMES, VALUES, max_size=8)}
    ).map(json.dumps),
)
QUIET = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def _answered(path: str, texts: list[str]) -> None:
    async with running(config(limits=LimitConfig(stream_messages_per_s=0))) as wire:
        socket = await wire.socket(path)
        for text in texts:
            if socket.ws.closed:
                socket = await wire.socket(path)
            await socket.send(text)
            reply = await socket.json()
            assert "error" in reply or "code" in reply or "result" in reply, reply
        assert (await wire.get("ping")).status == 200


@QUIET
@given(st.lists(REQUESTS, min_size=1, max_size=10))
def test_any_text_on_the_websocket_api_gets_one_answer(texts: list[str]) -> None:
    asyncio.run(_answered("/ws-api/v3", texts))


@QUIET
@given(st.lists(REQUESTS, min_size=1, max_size=10))
def test_any_text_on_a_stream_socket_gets_one_answer(texts: list[str]) -> None:
    asyncio.run(_answered("/ws", texts))


async def _raw_survives(chunks: list[bytes]) -> None:
    async with running() as wire:
        for chunk in chunks:
            reader, writer = await asyncio.open_connection("127.0.0.1", wire.sim.port)
            writer.write(chunk)
            if writer.can_write_eof():
                writer.write_eof()
            async with asyncio.timeout(DEADLINE_S):
                while await reader.read(65_536):
                    continue
            writer.close()
        assert (await wire.get("ping")).status == 200


@QUIET
@given(
    st.lists(
        st.binary(max_size=300)
        | st.binary(max_size=100).map(
            lambda b: b"GET /api/v3/order?" + b + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        | st.binary(max_size=100).map(
            lambda b: (
                b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: ALPHAKEY\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n" % len(b) + b
            )
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_bytes_on_the_port_are_answered_or_closed(chunks: list[bytes]) -> None:
    asyncio.run(_raw_survives(chunks))


PARAMS = st.dictionaries(NAMES, st.one_of(st.text(max_size=15), VALUES.map(str)), max_size=10)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ALL_CALLS), PARAMS)
def test_any_parameters_of_any_call_end_in_a_documented_status(call: Any, params: dict[str, str]) -> None:
    from simwire import KEY, config

    from mm_trader.venue.simulator import ManualClock, Simulator
    from mm_trader.venue.simulator.server.desk import Request
    from mm_trader.venue.simulator.server.params import Params

    sim = Simulator(config(), ManualClock())
    outcome = run(sim.desk, sim.faults, call, Request(Params(params), sim.auth.key(KEY), "ip", "test"))
    assert outcome is not None
    assert outcome.status in (200, 400, 401, 409, 429), outcome
    dumps(outcome.result)


async def test_binary_frames_and_oversized_messages_close_the_connection(wire: Wire) -> None:
    for send in (lambda s: s.ws.send_bytes(b"\x00"), lambda s: s.ws.send_str("x" * 600_000)):
        socket = await wire.socket("/ws-api/v3")
        await send(socket)
        async with asyncio.timeout(DEADLINE_S):
            message = await socket.ws.receive()
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING)


async def test_malformed_requests_are_answered_with_an_error_and_their_id(wire: Wire) -> None:
    api = await wire.api()
    for text, number in (
        ("{", None),
        ("[]", None),
        ('{"id":[],"method":"ping"}', None),
        ('{"id":3}', 3),
        ('{"id":4,"method":"ping","params":[]}', 4),
    ):
        await api.socket.send(text)
        reply = await api.socket.json()
        assert (reply["id"], reply["status"], reply["error"]["code"]) == (number, 400, -1135)


async def test_duplicate_parameters_and_large_bodies_are_refused(wire: Wire) -> None:
    assert (await wire.raw("GET", "/api/v3/depth?symbol=ETHUSDC&symbol=BTCUSDC")).error[1] == -1101
    reply = await wire.raw("POST", "/api/v3/order", data=b"a=" + b"x" * 100_000)
    assert reply.status == 413


async def test_unencoded_characters_make_the_signature_invalid(wire: Wire) -> None:
    from simwire import KEY, SECRET, sign

    payload = f"symbol=ÉTH&timestamp={wire.timestamp()}"
    request = f"GET /api/v3/openOrders?{payload}&signature={sign(payload, SECRET)} HTTP/1.1\r\n".encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.sim.port)
    writer.write(request + f"Host: x\r\nX-MBX-APIKEY: {KEY}\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(DEADLINE_S):
        answer = await reader.read()
    writer.close()
    assert b" 400 " in answer.splitlines()[0]


@pytest.mark.parametrize("path", ["/ws/" + "/".join(["a"] * 1100), "/stream?streams=" + "x" * 200])
async def test_too_many_or_too_long_stream_names_are_refused(wire: Wire, path: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await wire.socket(path)
    await wire.sim.advance(S)
