"""Any bytes on any route or socket of either product: Binance's error or a clean close, never a 500, a traceback or a hang."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simwire import DEADLINE_S, KEY, SECRET, Wire, running

from mm_trader.venue.simulator import SimulatorConfig
from mm_trader.venue.simulator.actions import ACTIONS
from mm_trader.venue.simulator.config import LimitConfig, Product, parse_account
from mm_trader.venue.simulator.server.profile import SPOT
from mm_trader.venue.simulator.usdm.profile import USDM

QUIET = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
OPEN = LimitConfig(0, 0, 0, 0, 0, connects_per_5_minutes=0, stream_messages_per_s=0)
SOCKETS = {
    Product.SPOT: ("/ws", "/ws/ethusdc@depth", "/stream?streams=a/b", "/ws-api/v3"),
    Product.USDM: (
        "/ws-fapi/v1", "/public/ws", "/market/stream?streams=ethusdc@markPrice", "/private/ws?listenKey=nope", "/ws",
    ),
}  # fmt: skip
COMMON = ["/", "/healthz", "/admin/state", "/admin/journal", "/admin/catalogue", "/admin/scenario", "/admin/live?symbol=%",
          "/ws", "/sapi/v1/x", "/api/v3/", "/fapi", "//", "/admin/"]  # fmt: skip
ROUTES = {
    product: [
        *COMMON,
        *(f"/admin/{a}" for a in ACTIONS if a not in ("cut", "shutdown", "expire", "ban")),
        *(
            c.rest[1] if c.rest[1].startswith("/") else f"{profile.prefix.rstrip('/')}/{c.rest[1]}"
            for c in profile.calls
            if c.rest is not None
        ),
    ]
    for product, profile in ((Product.SPOT, SPOT), (Product.USDM, USDM))
}


class Failures(logging.Handler):
    """Errors that anything logs: a traceback of the server ends here."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(logging.Formatter().format(record))


@contextmanager
def no_traceback() -> Iterator[None]:
    """Fails when the server logged an error meanwhile."""
    handler = Failures()
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
    assert handler.seen == []


def settings_of(product: Product) -> SimulatorConfig:
    account = parse_account(f"alpha:{KEY}:{SECRET}:ETH=10,BTC=1,USDC=50000")
    return SimulatorConfig(accounts=(account,), product=product, limits=OPEN)


async def exchange(wire: Wire, data: bytes) -> bytes:
    """Send bytes on a new connection, say that no more come, and read to the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.sim.port)
    try:
        writer.write(data)
        writer.write_eof()
        answer = bytearray()
        async with asyncio.timeout(DEADLINE_S):
            while part := await reader.read(65_536):
                answer += part
        return bytes(answer)
    except ConnectionError:
        return b""
    finally:
        writer.close()


HEADER_BYTES = st.binary(max_size=40).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b""))
QUERY_BYTES = st.binary(max_size=60).map(lambda b: bytes(c for c in b if c > 32 and c != 127))


@st.composite
def requests(draw: Any, product: Product) -> bytes:
    """An HTTP request to a route that exists, right in its frame and arbitrary in everything else."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"PATCH", b"OPTIONS"]))
    path = draw(st.sampled_from(ROUTES[product])).encode()
    query = draw(
        st.one_of(
            QUERY_BYTES,
            st.sampled_from(
                [b"symbol=ETHUSDC&timestamp=1&signature=00", b"symbol=ETHUSDC&limit=99999999999"]
            ),
        )
    )
    body = draw(
        st.one_of(st.binary(max_size=120), st.sampled_from([b"{}", b"[]", b'{"symbol":1e999}', b"\xff"]))
    )
    kind = draw(
        st.sampled_from(
            [b"application/json", b"application/x-www-form-urlencoded", b"text/plain; charset=no", b""]
        )
    )
    name = draw(st.sampled_from([b"X-MBX-APIKEY", b"Cookie", b"Range", b"Upgrade", b"Expect", b"X-\xff"]))
    lines = [
        method + b" " + path + (b"&" if b"?" in path else b"?") + query + b" HTTP/1.1",
        b"Host: x",
        b"Content-Type: " + kind,
        name + b": " + draw(st.one_of(HEADER_BYTES, st.just(KEY.encode()))),
        b"Content-Length: %d" % (len(body) + draw(st.sampled_from([0, 0, 0, 5]))),
        b"Connection: close",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def _answers(product: Product, sent: list[bytes]) -> None:
    async with running(settings_of(product)) as wire:
        for data in sent:
            answer = await exchange(wire, data)
            status = answer.split(b" ", 2)[1] if answer.startswith(b"HTTP/") else b"closed"
            assert status not in (b"500", b"502", b"503", b"504"), (data, answer)
            assert b"Traceback" not in answer
        assert (await wire.raw("GET", "/healthz")).status == 200


@pytest.mark.parametrize("product", Product)
def test_any_request_to_any_route_is_answered_in_the_venues_words(product: Product) -> None:
    @QUIET
    @given(st.lists(requests(product), min_size=3, max_size=15))
    def holds(sent: list[bytes]) -> None:
        with no_traceback():
            asyncio.run(_answers(product, sent))

    holds()


def frame(opcode: int, data: bytes, masked: bool, final: bool) -> bytes:
    first = (0x80 if final else 0) | opcode
    size = len(data) if len(data) < 126 else 126
    head = bytes((first, (0x80 if masked else 0) | size)) + (
        len(data).to_bytes(2, "big") if size == 126 else b""
    )
    return head + (b"\0\0\0\0" if masked else b"") + data


FRAMES = st.one_of(
    st.binary(max_size=60),
    st.builds(
        frame,
        st.integers(0, 15),
        st.one_of(st.binary(max_size=200), st.just(b'{"id":1,"method":"ping"}'), st.just(b"\xc3\x28")),
        st.booleans(),
        st.booleans(),
    ),
)


async def _frames(product: Product, sent: list[tuple[str, list[bytes]]]) -> None:
    async with running(settings_of(product)) as wire:
        for path, frames in sent:
            upgrade = (
                f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            answer = await exchange(wire, upgrade.encode() + b"".join(frames))
            assert b"Traceback" not in answer
        assert (await wire.raw("GET", "/healthz")).status == 200
        assert wire.sim.sockets.live == {}


@pytest.mark.parametrize("product", Product)
def test_any_frames_on_any_socket_are_answered_or_the_socket_is_closed(product: Product) -> None:
    @QUIET
    @given(
        st.lists(
            st.tuples(st.sampled_from(SOCKETS[product]), st.lists(FRAMES, max_size=5)), min_size=2, max_size=8
        )
    )
    def holds(sent: list[tuple[str, list[bytes]]]) -> None:
        with no_traceback():
            asyncio.run(_frames(product, sent))

    holds()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = sorted({field.name for action in ACTIONS.values() for field in action.fields})


async def _administered(sent: list[tuple[str, Any]]) -> None:
    async with running(settings_of(Product.SPOT)) as wire:
        for action, values in sent:
            reply = await wire.raw("POST", f"/admin/{action}", json=values)
            assert reply.status in (200, 400), (action, values, reply.text)
            assert reply.status == 200 or set(reply.body) == {"error"}
        assert (await wire.raw("GET", "/admin/state")).status == 200


@QUIET
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*ACTIONS, "scenario", "nothing"]),
            st.one_of(
                JSON,
                st.dictionaries(
                    st.sampled_from(FIELDS),
                    st.one_of(JSON, st.sampled_from(["ETHUSDC", "alpha", "all", "HALT", "1", 5])),
                    max_size=4,
                ),
                st.fixed_dictionaries({"steps": st.lists(JSON, max_size=3)}),
            ),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_any_json_on_the_admin_api_is_done_or_refused_with_its_field(sent: list[tuple[str, Any]]) -> None:
    with no_traceback():
        asyncio.run(_administered(sent))
