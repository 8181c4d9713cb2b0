"""Microseconds for clients that ask for them: header, address, times in requests, and nothing else changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from simwire import KEY, SECRET, Reply, S, Wire, running, sign
from usdmwire import usdm_config

NOW_US = 1_735_689_600_000_000
US = {"X-MBX-TIME-UNIT": "MICROSECOND"}


async def in_us(wire: Wire, path: str, **params: Any) -> Reply:
    query = "&".join(f"{k}={v}" for k, v in params.items())
    return await wire.raw("GET", f"/api/v3/{path}?{query}", headers=US)


async def signed_in_us(wire: Wire, method: str, path: str, **params: Any) -> Any:
    params.setdefault("timestamp", wire.sim.clock.now() // 1000)
    payload = "&".join(f"{k}={v}" for k, v in params.items())
    url = f"/api/v3/{path}?{payload}&signature={sign(payload, SECRET)}"
    return (await wire.raw(method, url, headers={**US, "X-MBX-APIKEY": KEY})).body


@pytest.mark.parametrize("word", ["MICROSECOND", "microsecond"])
async def test_the_header_makes_times_of_replies_microseconds(wire: Wire, word: str) -> None:
    await wire.sim.advance(1_234_567)
    reply = await wire.raw("GET", "/api/v3/time", headers={"X-MBX-TIME-UNIT": word})
    assert reply.body == {"serverTime": NOW_US + 1234}
    assert (await wire.get("time")).body == {"serverTime": NOW_US // 1000 + 1}


@pytest.mark.parametrize("word", ["millisecond", "MILLISECOND"])
async def test_milliseconds_may_be_spelt_out(wire: Wire, word: str) -> None:
    reply = await wire.raw("GET", "/api/v3/time", headers={"X-MBX-TIME-UNIT": word})
    assert reply.body == {"serverTime": NOW_US // 1000}


async def test_any_other_unit_is_refused(wire: Wire) -> None:
    refusal = (400, -1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    assert (await wire.raw("GET", "/api/v3/time", headers={"X-MBX-TIME-UNIT": "SECOND"})).error == refusal
    for path in ("/ws-api/v3?timeUnit=Microsecond", "/ws/ethusdc@trade?timeUnit=ns", "/stream?timeUnit=s"):
        assert (await wire.raw("GET", path)).error == refusal


async def test_an_orders_times_are_microseconds_and_its_ids_are_not(wire: Wire) -> None:
    order = {"symbol": "ETHUSDC", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    placed = await signed_in_us(wire, "POST", "order", **order)
    assert (placed["transactTime"], placed["workingTime"]) == (NOW_US, NOW_US)
    assert placed["orderId"] < 1_000_000
    asked = await signed_in_us(wire, "GET", "order", symbol="ETHUSDC", orderId=placed["orderId"])
    assert (asked["time"], asked["updateTime"]) == (NOW_US, NOW_US)
    (trade,) = await signed_in_us(wire, "GET", "myTrades", symbol="ETHUSDC")
    assert trade["time"] == NOW_US
    (row,) = (await in_us(wire, "klines", symbol="ETHUSDC", interval="1m")).body
    assert (row[0], row[6]) == (NOW_US, NOW_US + 59_999_999)
    (aggregate,) = (await in_us(wire, "aggTrades", symbol="ETHUSDC")).body
    assert (aggregate["T"], aggregate["a"]) == (NOW_US, 1)


@pytest.mark.parametrize("scale", [1, 1000])
async def test_times_in_requests_may_be_in_either_unit_whatever_is_answered(wire: Wire, scale: int) -> None:
    await wire.signed("POST", "order", symbol="ETHUSDC", side="BUY", type="MARKET", quantity="0.01")
    now = NOW_US // 1000 * scale
    found = await wire.signed("GET", "myTrades", symbol="ETHUSDC", timestamp=now, startTime=now, endTime=now)
    assert [t["time"] for t in found.body] == [NOW_US // 1000]
    assert (await wire.signed("GET", "allOrders", symbol="ETHUSDC", startTime=now + scale)).body == []
    too_long = await wire.signed(
        "GET", "allOrders", symbol="ETHUSDC", startTime=now - 86_400_001 * scale, endTime=now
    )
    assert too_long.error[1] == -1127
    assert len((await wire.get("aggTrades", symbol="ETHUSDC", startTime=str(now))).body) == 1


async def test_a_websocket_api_connection_is_in_the_unit_of_its_address(wire: Wire) -> None:
    wire.api_path = "/ws-api/v3?timeUnit=MICROSECOND"
    api = await wire.api()
    await wire.sim.advance(5_000)
    assert (await api.call("time"))["result"] == {"serverTime": NOW_US + 5}
    await api.signed("userDataStream.subscribe.signature")
    placed = await api.signed(
        "order.place",
        symbol="ETHUSDC",
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        price="2500",
        quantity="0.01",
    )
    assert placed["result"]["transactTime"] == NOW_US
    assert [r["interval"] for r in placed["rateLimits"]] == ["SECOND", "DAY", "MINUTE"]
    report = await api.event(lambda e: e["e"] == "executionReport")
    assert [report[name] for name in "ETOW"] == [NOW_US + 5, NOW_US, NOW_US, NOW_US]
    assert report["i"] == placed["result"]["orderId"]
    position = await api.event(lambda e: e["e"] == "outboundAccountPosition")
    assert (position["E"], position["u"]) == (NOW_US + 5, NOW_US)


async def test_market_streams_are_in_the_unit_of_their_address(wire: Wire) -> None:
    names = "ethusdc@trade/ethusdc@aggTrade/ethusdc@depth@100ms/ethusdc@bookTicker/ethusdc@kline_1m/!miniTicker@arr"
    precise = await wire.socket(f"/stream?streams={names}&timeUnit=MICROSECOND")
    usual = await wire.socket(f"/stream?streams={names}")
    await wire.signed("POST", "order", symbol="ETHUSDC", side="BUY", type="MARKET", quantity="0.01")
    await wire.sim.advance(S)
    wanted = set(names.split("/"))
    seen: list[dict[str, Any]] = []
    for socket in (precise, usual):
        frames: dict[str, Any] = {}
        while wanted - frames.keys():
            frame = await socket.json()
            frames.setdefault(frame["stream"], frame["data"])
        seen.append(frames)
    in_micro, in_milli = seen
    assert in_micro["ethusdc@bookTicker"] == in_milli["ethusdc@bookTicker"]
    for name, event in in_micro.items():
        assert to_ms(event) == in_milli[name], name


def to_ms(value: Any) -> Any:
    """Every whole number that can only be a time in microseconds as milliseconds."""
    return json.loads(
        json.dumps(value), parse_int=lambda text: int(text) // 1000 if len(text) == 16 else int(text)
    )


async def test_futures_know_milliseconds_alone() -> None:
    async with running(usdm_config()) as wire:
        reply = await wire.raw("GET", "/fapi/v1/time", headers=US)
        assert reply.body == {"serverTime": NOW_US // 1000}
