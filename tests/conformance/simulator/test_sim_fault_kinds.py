"""Every fault of the catalogue does on the wire what the catalogue says, and nothing once it is used up."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from simwire import DEADLINE_S, KEY, MS, SECRET, S, Wire, config, running, sign, ws_payload

from mm_trader.venue.simulator import SimulatorConfig
from mm_trader.venue.simulator.actions import ACTIONS
from mm_trader.venue.simulator.config import Product, parse_account
from mm_trader.venue.simulator.faults import FAULTS, FaultKind

ORDER = {
    "symbol": "ETHUSDC",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "2500",
    "quantity": "0.01",
}


def order_params(wire: Wire, **more: Any) -> dict[str, Any]:
    params = {**ORDER, **more, "apiKey": KEY, "timestamp": wire.timestamp()}
    return {**params, "signature": sign(ws_payload(params), SECRET)}


def open_orders(wire: Wire) -> int:
    return len(wire.sim.engine.accounts["alpha"].open)


async def catalogue(wire: Wire) -> Any:
    return (await wire.raw("GET", "/admin/catalogue")).body


@pytest.mark.parametrize("product", Product)
async def test_the_catalogue_names_every_action_and_fault_and_each_example_can_be_sent(
    product: Product,
) -> None:
    accounts = (parse_account(f"alpha:{KEY}:{SECRET}:USDC=50000"),)
    async with running(SimulatorConfig(accounts=accounts, product=product)) as wire:
        await _sends_every_example(wire)


async def _sends_every_example(wire: Wire) -> None:
    known = await catalogue(wire)
    assert set(known["actions"]) == set(ACTIONS)
    assert set(known["faults"]) == {k.value for k in FaultKind} == {k.value for k in FAULTS}
    for name, action in known["actions"].items():
        assert action["does"]
        if action["product"] not in (None, known["product"]):
            continue
        assert all(field["doc"] for field in action["fields"])
        reply = await wire.raw("POST", f"/admin/{name}", json=action["example"])
        assert reply.status == 200, (name, reply.text)
    await wire.raw("POST", "/admin/clear")
    for name, fault in known["faults"].items():
        assert set(fault["uses"]) <= {f["name"] for f in known["actions"]["fault"]["fields"]}
        reply = await wire.raw("POST", "/admin/fault", json=fault["example"])
        assert reply.status == 200, (name, reply.text)
    assert len((await wire.raw("GET", "/admin/state")).body["faults"]["armed"]) == len(FAULTS)


async def struck(wire: Wire) -> None:
    """Wait until the armed fault has fallen on something, and for what it holds back."""
    async with asyncio.timeout(DEADLINE_S):
        while not wire.sim.faults.hits:
            await asyncio.sleep(0)
    await wire.sim.advance(S)


REQUEST_FAULTS = [k.value for k, info in FAULTS.items() if info.strikes == "request"]


@pytest.mark.parametrize("over", ["rest", "ws"])
@pytest.mark.parametrize("name", REQUEST_FAULTS)
async def test_a_struck_order_takes_effect_exactly_where_the_catalogue_says_so(
    wire: Wire, name: str, over: str
) -> None:
    fault = (await catalogue(wire))["faults"][name]
    await wire.raw("POST", "/admin/fault", json={**fault["example"], "ms": 300})
    api = await wire.api()
    if over == "ws":
        await api.socket.send({"id": 77, "method": "order.place", "params": order_params(wire)})
        await struck(wire)
    else:
        rest = asyncio.create_task(wire.order("BUY", "2500"))
        await struck(wire)
        try:
            await rest
        except (aiohttp.ClientError, ConnectionError):
            assert name.startswith("drop")
    assert open_orders(wire) == int(fault["executed"])
    assert wire.sim.faults.armed == []
    assert (await wire.order("BUY", "2400")).status == 200


async def test_a_late_execution_is_overtaken_and_a_late_reply_is_not(wire: Wire) -> None:
    api = await wire.api()
    for fault, before in (("late_execution", 0), ("late_reply", 1)):
        start = open_orders(wire)
        await wire.raw("POST", "/admin/fault", json={"fault": fault, "ms": 400, "call": "place"})
        await api.socket.send({"id": fault, "method": "order.place", "params": order_params(wire)})
        assert (await api.call("ping"))["status"] == 200
        assert (open_orders(wire) - start, api.events) == (before, [])
        await wire.sim.advance(401 * MS)
        assert (await api.reply(fault))["result"]["status"] == "NEW"


@pytest.mark.parametrize("form", ["html", "truncated", "empty", "other_type"])
async def test_a_malformed_success_has_the_form_asked_for(wire: Wire, form: str) -> None:
    await wire.raw("POST", "/admin/fault", json={"fault": "malformed", "form": form, "count": 2})
    reply = await wire.order("BUY", "2500")
    assert reply.status == 200
    try:
        assert not isinstance(reply.body, dict)
    except ValueError:
        assert form != "other_type"
    api = await wire.api()
    await api.socket.send({"id": 1, "method": "order.place", "params": order_params(wire)})
    assert await api.socket.text() == reply.text
    assert open_orders(wire) == 2


async def test_user_events_change_places_and_a_last_one_comes_late(wire: Wire) -> None:
    api = await wire.api()
    await api.signed("userDataStream.subscribe.signature")
    await wire.raw("POST", "/admin/fault", json={"fault": "reorder_user_event"})
    await wire.order("BUY", "2500")
    assert [(await api.event())["e"] for _ in range(2)] == ["outboundAccountPosition", "executionReport"]
    await wire.raw("POST", "/admin/fault", json={"fault": "lose_user_event"})
    await wire.raw("POST", "/admin/fault", json={"fault": "reorder_user_event", "ms": 700})
    await wire.order("BUY", "2500")
    await api.call("ping")
    assert api.events == []
    await wire.sim.advance(701 * MS)
    assert (await api.event())["e"] == "outboundAccountPosition"


async def test_snapshots_are_crossed_or_stale_once(wire: Wire) -> None:
    right = (await wire.get("depth", symbol="ETHUSDC", limit="5")).body
    for fault in ("crossed_snapshot", "stale_snapshot"):
        await wire.raw("POST", "/admin/fault", json={"fault": fault, "symbol": "ETHUSDC"})
        assert (await wire.get("depth", symbol="BTCUSDC")).status == 200
        wrong = (await wire.get("depth", symbol="ETHUSDC", limit="5")).body
        if fault == "crossed_snapshot":
            assert float(wrong["bids"][0][0]) > float(wrong["asks"][0][0])
            assert wrong["lastUpdateId"] == right["lastUpdateId"]
        else:
            assert wrong["lastUpdateId"] < right["lastUpdateId"] or right["lastUpdateId"] == 1
        assert (await wire.get("depth", symbol="ETHUSDC", limit="5")).body == right


async def test_a_crossed_ticker_is_one_frame(wire: Wire) -> None:
    market = await wire.socket("/ws/ethusdc@bookTicker")
    await wire.raw("POST", "/admin/fault", json={"fault": "crossed_ticker", "symbol": "ETHUSDC"})
    await wire.sim.advance(5 * S)
    frames = [await market.json() for _ in range(3)]
    assert [float(f["b"]) < float(f["a"]) for f in frames] == [False, True, True]


async def test_a_stale_book_is_silent_and_then_goes_on_without_a_gap(wire: Wire) -> None:
    market = await wire.socket(
        "/stream?streams=ethusdc@depth@100ms/ethusdc@bookTicker/ethusdc@miniTicker/btcusdc@bookTicker"
    )
    await wire.sim.advance(2 * S)
    assert (await wire.raw("POST", "/admin/stale", json={"symbol": "ETHUSDC", "seconds": 3})).status == 200
    await market.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
    before = [frame async for frame in _until(market, 1)]
    await wire.sim.advance(2 * S + S // 2)
    await market.send({"method": "LIST_SUBSCRIPTIONS", "id": 2})
    during = [frame async for frame in _until(market, 2)]
    assert {f["stream"] for f in during} == {"btcusdc@bookTicker"}
    await wire.sim.advance(2 * S)
    await market.send({"method": "LIST_SUBSCRIPTIONS", "id": 3})
    after = [frame async for frame in _until(market, 3)]
    last = [f["data"] for f in before if f["stream"] == "ethusdc@depth@100ms"][-1]
    first = next(f["data"] for f in after if f["stream"] == "ethusdc@depth@100ms")
    assert first["U"] == last["u"] + 1


async def _until(market: Any, number: int) -> Any:
    while (frame := await market.json()).get("id") != number:
        yield frame


async def test_public_calls_are_struck_only_when_named(wire: Wire) -> None:
    await wire.raw("POST", "/admin/fault", json={"fault": "status_before", "status": 503})
    assert (await wire.get("time")).status == 200
    await wire.raw("POST", "/admin/fault", json={"fault": "status_before", "status": 502, "call": "public"})
    assert (await wire.get("time")).status == 502
    assert (await wire.get("time")).status == 200
    assert (await wire.order("BUY", "2500")).status == 503


async def test_a_skewed_clock_shows_everywhere_and_moves_no_timer(wire: Wire) -> None:
    market = await wire.socket("/ws/ethusdc@depth@100ms")
    for ms in (60_000, -60_000):
        assert (await wire.raw("POST", "/admin/skew", json={"ms": ms})).status == 200
        now = wire.sim.clock.now() // MS
        assert (await wire.get("time")).body["serverTime"] == now + ms
        assert (await wire.order("BUY", "2500")).error[1] == -1021
        assert (await wire.order("BUY", "2500", timestamp=now + ms)).body["transactTime"] == now + ms
        await wire.sim.advance(S)
        times = [(await market.json())["E"] for _ in range(2)]
        assert times[1] - times[0] <= 500
        assert all(abs(t - now - ms) <= 1000 for t in times)
        await market.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        _ = [frame async for frame in _until(market, 1)]


async def test_a_half_open_deaf_socket_executes_nothing(wire: Wire) -> None:
    for deaf, executed in ((False, 1), (True, 1)):
        api = await wire.api()
        assert (await wire.raw("POST", "/admin/mute", json={"what": "orders", "deaf": deaf})).body["muted"]
        await api.socket.send({"id": 1, "method": "order.place", "params": order_params(wire)})
        await wire.get("ping")
        await wire.sim.advance(S)
        assert open_orders(wire) == executed


async def test_silence_stops_pings_and_pongs_alone() -> None:
    async with (
        running(config(ping_interval_s=20)) as wire,
        wire.session.ws_connect(wire.sim.ws_url + "/ws", autoping=False) as socket,
    ):
        await wire.raw("POST", "/admin/silence")
        await socket.ping(b"there?")
        await wire.sim.advance(50 * S)
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        async with asyncio.timeout(DEADLINE_S):
            assert (await socket.receive_json())["id"] == 1
        await wire.raw("POST", "/admin/silence", json={"on": False})
        await wire.sim.advance(20 * S)
        async with asyncio.timeout(DEADLINE_S):
            assert (await socket.receive()).type is aiohttp.WSMsgType.PING


async def test_connections_end_as_at_24_hours_and_after_a_shutdown_notice(wire: Wire) -> None:
    market, api = await wire.socket("/ws"), await wire.api()
    assert (await wire.raw("POST", "/admin/expire")).body["expired"] == 2
    for socket in (market, api.socket):
        async with asyncio.timeout(DEADLINE_S):
            message = await socket.ws.receive()
        assert message.type is aiohttp.WSMsgType.CLOSE
    market = await wire.socket("/ws")
    await wire.raw("POST", "/admin/shutdown", json={"cut_after_s": 10})
    assert (await market.json())["e"] == "serverShutdown"
    await wire.sim.advance(11 * S)
    await market.end()


async def test_a_ban_refuses_everything_with_418_until_it_is_over(wire: Wire) -> None:
    api = await wire.api()
    await wire.raw("POST", "/admin/ban", json={"seconds": 30})
    reply = await wire.get("time")
    assert (reply.status, reply.headers["Retry-After"], reply.body["code"]) == (418, "30", -1003)
    await api.socket.end()
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await wire.socket("/ws-api/v3")
    assert caught.value.status == 418
    await wire.sim.advance(31 * S)
    assert (await wire.get("time")).status == 200


async def test_what_waits_in_a_scenario_is_shown_and_can_be_dropped(wire: Wire) -> None:
    steps = [{"at": 2, "action": "silence"}, {"at": 1, "action": "price", "symbol": "ETHUSDC", "by_bp": 5}]
    assert (await wire.raw("POST", "/admin/scenario", json={"steps": steps})).body == {"scheduled": 2}
    waiting = (await wire.raw("GET", "/admin/scenario")).body["steps"]
    assert [(w["at"], w["action"]) for w in waiting] == [(1.0, "price"), (2.0, "silence")]
    await wire.sim.advance(S + S // 2)
    assert (await wire.raw("DELETE", "/admin/scenario")).body == {"dropped": 1}
    await wire.sim.advance(S)
    assert wire.sim.faults.pings_silent is False


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"at": 1, "action": "price", "symbol": "NOPE", "by_bp": 1}, "symbol: must be one of"),
        ({"at": 1, "action": "fault"}, "fault: must be one of"),
        ({"at": 1, "action": "delay", "ms": "soon"}, "ms: must be a number"),
        ({"at": 1, "action": "delay", "ms": 1.5}, "ms: must be a whole number"),
        ({"at": -1, "action": "clear"}, "steps[0].at"),
    ],
)
async def test_a_wrong_step_is_refused_when_it_is_sent_not_when_it_is_due(
    wire: Wire, step: Any, text: str
) -> None:
    reply = await wire.raw("POST", "/admin/scenario", json={"steps": [step]})
    assert reply.status == 400
    assert text in reply.body["error"]
