"""What a client may do to a connection and an address, on the injected clock: Binance's own figures by default."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from simwire import DEADLINE_S, S, Wire, config, running

from mm_trader.venue.simulator.config import LimitConfig
from mm_trader.venue.simulator.time import NS_PER_S, ManualClock, Scheduler


async def closed_with(socket: aiohttp.ClientWebSocketResponse) -> int:
    """The close code that comes, reading what still comes before it."""
    async with asyncio.timeout(DEADLINE_S):
        while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            continue
    assert message.type is aiohttp.WSMsgType.CLOSE, message
    return int(message.data)


async def test_a_sixth_message_in_a_second_closes_a_market_stream(wire: Wire) -> None:
    socket = await wire.socket("/ws")
    for second in range(3):
        for number in range(5):
            await socket.send({"method": "LIST_SUBSCRIPTIONS", "id": second * 10 + number})
            assert (await socket.json())["result"] == []
        await wire.sim.advance(S)
    for number in range(6):
        await socket.send({"method": "LIST_SUBSCRIPTIONS", "id": number})
    assert await closed_with(socket.ws) == 1008


async def test_pings_and_pongs_count_on_both_kinds_of_socket_but_requests_of_the_api_do_not(
    wire: Wire,
) -> None:
    for path in ("/ws", "/ws-api/v3"):
        socket = await wire.socket(path)
        for _ in range(3):
            await socket.ws.ping(b"x")
            await socket.ws.pong(b"x")
        assert await closed_with(socket.ws) == 1008
    api = await wire.api()
    for _ in range(20):
        assert (await api.call("ping"))["status"] == 200


async def test_a_connection_carries_at_most_1024_streams(wire: Wire) -> None:
    socket = await wire.socket("/ws")
    await socket.send({"method": "SUBSCRIBE", "params": [f"s{n}@trade" for n in range(1024)], "id": 1})
    assert (await socket.json()) == {"result": None, "id": 1}
    await socket.send({"method": "SUBSCRIBE", "params": ["one@trade"], "id": 2})
    assert await socket.json() == {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": 2}


async def test_new_connections_of_an_address_are_limited_in_five_minutes() -> None:
    async with running(config(limits=LimitConfig(connects_per_5_minutes=3))) as wire:
        await wire.sim.advance(100 * S)
        for path in ("/ws", "/stream", "/ws-api/v3"):
            await wire.socket(path)
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await wire.socket("/ws")
        assert (caught.value.status, caught.value.headers["Retry-After"]) == (429, "200")
        await wire.sim.advance(200 * S)
        await wire.socket("/ws")


async def test_a_connection_ends_at_its_age() -> None:
    async with running() as wire:
        socket, api = await wire.socket("/ws"), await wire.socket("/ws-api/v3")
        timers = [t for t in wire.sim.scheduler._heap if t.when >= wire.sim.clock.now() + 86_000 * NS_PER_S]
        assert len(timers) == 2
    async with running(config(limits=LimitConfig(connection_life_s=30))) as wire:
        socket, api = await wire.socket("/ws"), await wire.socket("/ws-api/v3")
        await wire.sim.advance(29 * S)
        assert not socket.ws.closed
        await wire.sim.advance(2 * S)
        for one in (socket, api):
            assert await closed_with(one.ws) == 1001


async def test_only_a_pong_that_copies_the_pings_payload_keeps_a_connection() -> None:
    async with running(config(ping_interval_s=20)) as wire:
        good = await wire.session.ws_connect(wire.sim.ws_url + "/ws", autoping=False)
        bad = await wire.session.ws_connect(wire.sim.ws_url + "/ws", autoping=False)
        for _ in range(5):
            await wire.sim.advance(20 * S)
            for socket, payload in ((good, None), (bad, b"unasked")):
                async with asyncio.timeout(DEADLINE_S):
                    message = await socket.receive()
                if message.type is aiohttp.WSMsgType.PING:
                    await socket.pong(message.data if payload is None else payload)
            await wire.get("ping")
        assert not good.closed
        assert [c.open for c in wire.sim.sockets.live] == [True]


async def test_going_on_after_429_ends_in_a_ban_that_grows() -> None:
    async with running(config(limits=LimitConfig(weight_per_minute=3, ban_after=2))) as wire:
        for length in (120, 480):
            statuses = [(await wire.get("time")).status for _ in range(7)]
            assert statuses == [200, 200, 200, 429, 429, 418, 418]
            reply = await wire.get("ping")
            assert int(reply.headers["Retry-After"]) == length
            assert f"IP banned until {wire.timestamp() + length * 1000}" in reply.body["msg"]
            await wire.sim.advance(length * S)


def test_timers_that_are_cancelled_long_before_they_fall_due_do_not_pile_up() -> None:
    scheduler = Scheduler(ManualClock())
    for _ in range(50_000):
        scheduler.call_after(86_400 * NS_PER_S, lambda: None).cancel()
    assert len(scheduler._heap) < 5_000
