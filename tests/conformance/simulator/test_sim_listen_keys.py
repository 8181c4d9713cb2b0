"""A listen key is a stream's name: in an address of any kind, beside others, and in SUBSCRIBE. On spot only where it is wanted."""

from __future__ import annotations

import pytest
from simwire import KEY, S, Socket, Wire, config, running
from usdmwire import trading

from mm_trader.venue.simulator.server import desk


async def spot_key(wire: Wire) -> str:
    reply = await wire.raw("POST", "/api/v3/userDataStream", headers={"X-MBX-APIKEY": KEY})
    return str(reply.body["listenKey"])


async def listing(stream: Socket) -> list[str]:
    await stream.send({"method": "LIST_SUBSCRIPTIONS", "id": 9})
    return (await stream.until(lambda m: m.get("id") == 9))["result"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("path", "wrapped"),
    [
        ("/ws/{}", False),
        ("/ws/{}/btcusdc@trade", False),
        ("/stream?streams=btcusdc@trade/{}", True),
        ("/private/stream?listenKey={}", True),
        ("/private/ws/{}", False),
    ],
)
async def test_an_order_is_heard_under_a_key_in_any_address_of_futures(path: str, wrapped: bool) -> None:
    async with trading() as wire:
        key = (await wire.keyed("POST", "v1/listenKey")).body["listenKey"]
        stream = await wire.socket(path.format(key))
        await listing(stream)
        await wire.order("BUY", await wire.far("BUY"))
        event = await stream.until(lambda m: "data" in m if wrapped else m.get("e") == "ORDER_TRADE_UPDATE")
        if wrapped:
            assert (event["stream"], event["data"]["e"]) == (key, "ORDER_TRADE_UPDATE")


async def test_a_key_is_subscribed_to_like_any_stream_and_cut_as_its_account() -> None:
    async with trading() as wire:
        key = (await wire.keyed("POST", "v1/listenKey")).body["listenKey"]
        stream, other = await wire.socket("/ws"), await wire.socket("/ws/btcusdc@trade")
        await stream.send({"method": "SUBSCRIBE", "params": [key], "id": 1})
        assert await stream.json() == {"result": None, "id": 1}
        await wire.order("BUY", await wire.far("BUY"))
        assert (await stream.json())["o"]["x"] == "NEW"
        await listing(other)
        assert wire.sim.admin.do("cut", what="user", account="alpha") == {"cut": 1}
        await stream.end()
        assert await listing(other) == ["btcusdc@trade"]


async def test_a_private_socket_is_silent_about_the_market_and_no_part_of_it() -> None:
    async with trading() as wire:
        stream = await wire.socket("/private/ws/ethusdc@bookTicker")
        assert await listing(stream) == ["ethusdc@bookTicker"]
        assert wire.sim.hub.listeners("ethusdc@bookTicker") == []
        assert wire.sim.admin.do("cut", what="market") == {"cut": 0}
        assert wire.sim.admin.do("cut", what="user") == {"cut": 1}


async def test_spot_has_keys_where_they_are_switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "KEY_LIFE_MS", 1000)
    async with running(config(listen_keys=True)) as wire:
        key = await spot_key(wire)
        stream, api = await wire.socket(f"/ws/{key}"), await wire.api()
        assert await listing(stream) == [key]
        assert (await api.call("userDataStream.ping", apiKey=KEY, listenKey=key))["result"] == {}
        assert (await api.call("userDataStream.ping", apiKey=KEY, listenKey="x"))["error"]["code"] == -1125
        price = f"{float((await wire.book())['bidPrice']) * 0.97:.2f}"
        order = (await wire.order("BUY", price)).body["orderId"]
        assert (await stream.json())["i"] == order
        assert (await stream.json())["e"] == "outboundAccountPosition"
        await wire.sim.advance(2 * S)
        assert (await stream.until(lambda m: m["e"] == "listenKeyExpired"))["listenKey"] == key
        assert (await api.call("userDataStream.ping", apiKey=KEY, listenKey=key))["error"]["code"] == -1125


async def test_spot_has_none_otherwise() -> None:
    async with running() as wire:
        gone = await wire.raw("POST", "/api/v3/userDataStream", headers={"X-MBX-APIKEY": KEY})
        assert gone.status == 410
