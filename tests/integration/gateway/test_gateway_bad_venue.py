"""A venue that answers nonsense, refuses upgrades or goes away: the gateway stays up, says so, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
import pytest
from aiohttp import WSMsgType, web
from gateway_kit import API_KEY, FAST, PREFIX, SECRET, SYMBOL, RealClock, Recorder, until

from mm_api.kinds.common import Environment
from mm_api.trader_config import VenueConfig
from mm_trader.core.commands import Cancel, Place, QueryOrder, RequestReconcile
from mm_trader.core.events import (
    CommandDropped,
    CommandUnknown,
    ErrorClass,
    OrderAccepted,
    QueryFailed,
    ReconcileFailed,
    Side,
    StreamName,
    StreamStatus,
)
from mm_trader.core.units import SymbolRules
from mm_trader.venue.binance import BinanceGateway, Credentials
from mm_trader.venue.port import VenueError

RULES = {
    SYMBOL: SymbolRules(
        symbol=SYMBOL, base_asset="ETH", quote_asset="USDC", tick=Decimal("0.01"), lot=Decimal("0.0001")
    )
}
SHORT = msgspec.structs.replace(FAST, start_timeout_s=0.3)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def venue(handler: Handler) -> AsyncIterator[VenueConfig]:
    """A server that answers everything with one handler."""
    app = web.Application()

    async def serve(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield VenueConfig(
            environment=Environment.SIMULATOR,
            rest_url=f"http://127.0.0.1:{port}",
            ws_api_url=f"ws://127.0.0.1:{port}/ws-api/v3",
            stream_url=f"ws://127.0.0.1:{port}",
        )
    finally:
        await runner.cleanup()


def gateway_at(config: VenueConfig) -> BinanceGateway:
    return BinanceGateway(config, RealClock(), credentials=Credentials(API_KEY, SECRET), settings=SHORT)


async def talk(
    request: web.Request, reply: Callable[[dict[str, object]], bytes | None]
) -> web.StreamResponse:
    """A socket that greets properly and answers orders with `reply`; None closes it."""
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        if message.type is not WSMsgType.TEXT:
            break
        asked = msgspec.json.decode(message.data)
        if asked["method"].startswith("order."):
            answer = reply(asked)
        else:
            answer = msgspec.json.encode({"id": asked["id"], "status": 200, "result": {}, "rateLimits": []})
        if answer is None:
            break
        await ws.send_str(answer.decode(errors="replace"))
    return ws


def a_place(number: int = 1) -> Place:
    return Place(symbol=SYMBOL, client_id=f"{PREFIX}{number}", side=Side.BUY, price=100, size=100)


@pytest.mark.parametrize("seed", range(4))
async def test_random_bytes_on_every_socket_and_route_only_show_as_down_and_failed(seed: int) -> None:
    rng = random.Random(seed)

    async def nonsense(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(
                body=rng.randbytes(rng.randrange(60)), status=rng.choice((200, 200, 400, 502))
            )
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        for _ in range(5):
            pieces = (
                b'{"id":null}',
                b"[]",
                b'{"stream":1}',
                rng.randbytes(20),
                b'{"event":{"e":"executionReport"}}',
            )
            await ws.send_str(rng.choice(pieces).decode(errors="replace"))
        await ws.close()
        return ws

    problems: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context))
    async with venue(nonsense) as config:
        gateway, seen = gateway_at(config), Recorder()
        try:
            with pytest.raises(VenueError):
                await gateway.load_rules([SYMBOL])
            await gateway.start(RULES, PREFIX, seen)
            gateway.submit(a_place())
            gateway.submit(QueryOrder(symbol=SYMBOL, client_id="x"))
            gateway.submit(RequestReconcile(symbol=SYMBOL, from_trade_id=0, cause="timer"))
            await seen.next(QueryFailed)
            await seen.next(ReconcileFailed)
            await seen.status(StreamName.USER, False)
            assert not await gateway.cancel_all_own([SYMBOL], 0.1)
        finally:
            await gateway.stop()
        assert not seen.of(OrderAccepted)
    assert problems == []


@pytest.mark.parametrize(
    "answer",
    [
        b"not json",
        b'{"id":"1","status":200}',
        b'{"id":"1","status":200,"result":{"orderId":"text"}}',
        b'{"id":"1"}',
        b'{"id":"1","status":500}',
        b'{"id":"1","status":400}',
        None,
    ],
)
async def test_a_reply_that_is_no_clear_yes_or_no_leaves_the_order_unknown(answer: bytes | None) -> None:
    async with venue(lambda request: talk(request, lambda _asked: answer)) as config:
        gateway, seen = gateway_at(config), Recorder()
        try:
            await gateway.start(RULES, PREFIX, seen)
            await seen.status(StreamName.ORDERS, True)
            gateway.submit(a_place())
            assert (await seen.next(CommandUnknown)).client_id == a_place().client_id
        finally:
            await gateway.stop()


async def test_an_answer_to_somebody_elses_request_is_nobodys() -> None:
    async with venue(
        lambda request: talk(request, lambda _asked: b'{"id":"999","status":200,"result":{"orderId":1}}')
    ) as config:
        gateway, seen = gateway_at(config), Recorder()
        try:
            await gateway.start(RULES, PREFIX, seen)
            await seen.status(StreamName.ORDERS, True)
            gateway.submit(a_place())
            assert (await seen.next(CommandUnknown)).reason == "no answer in time"
        finally:
            await gateway.stop()


async def test_an_upgrade_refused_with_418_is_a_ban_and_nothing_more_is_tried() -> None:
    upgrades: list[str] = []

    async def ban(request: web.Request) -> web.StreamResponse:
        upgrades.append(request.path)
        return web.Response(status=418, headers={"Retry-After": "600"})

    async with venue(ban) as config:
        gateway, seen = gateway_at(config), Recorder()
        try:
            await gateway.start(RULES, PREFIX, seen)
            assert len(upgrades) <= 3, "at most the attempts that were under way already"
            gateway.submit(Cancel(symbol=SYMBOL, client_id="x", venue_id=1))
            assert (await seen.next(CommandDropped)).reason == "banned by the venue"
            gateway.submit(QueryOrder(symbol=SYMBOL, client_id="x"))
            assert (await seen.next(QueryFailed)).error is ErrorClass.THROTTLED
            assert len(upgrades) <= 3
        finally:
            await gateway.stop()


async def test_a_venue_that_accepts_and_never_answers_is_down_and_stop_does_not_wait_for_it() -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        async for _ in ws:
            continue
        return ws

    async with venue(silent) as config:
        gateway = BinanceGateway(
            config,
            RealClock(),
            credentials=Credentials(API_KEY, SECRET),
            settings=msgspec.structs.replace(SHORT, connect_timeout_s=0.05),
        )
        seen = Recorder()
        try:
            await gateway.start(RULES, PREFIX, seen)
            for stream in StreamName:
                status = await seen.status(stream, False)
                assert status.reason == "no connection in time"
            assert not any(event.up for event in seen.of(StreamStatus))
        finally:
            async with asyncio.timeout(5):
                await gateway.stop()


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    keys: list[str | None] = []

    async def redirect(request: web.Request) -> web.StreamResponse:
        keys.append(request.headers.get("X-MBX-APIKEY"))
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with venue(redirect) as config:
        gateway = gateway_at(config)
        try:
            with pytest.raises(VenueError) as caught:
                await gateway.load_rules([SYMBOL])
            assert caught.value.reason == "VenueUnreachable"
        finally:
            await gateway.stop()
    assert len(keys) == 1


async def test_a_stopped_gateway_answers_commands_as_dropped() -> None:
    async with venue(lambda request: talk(request, lambda _asked: None)) as config:
        gateway, seen = gateway_at(config), Recorder()
        await gateway.start(RULES, PREFIX, seen)
        await gateway.stop()
        gateway.submit(a_place())
        await until(lambda: bool(seen.of(CommandDropped)))
        assert seen.of(CommandDropped)[-1].reason == "stopped"
