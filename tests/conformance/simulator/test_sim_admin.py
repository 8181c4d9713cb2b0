"""The admin API: moving the market, faults on every path, state and journal."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from simwire import BETA_KEY, BETA_SECRET, DEADLINE_S, MS, S, Wire, config, running

ORDER = {
    "symbol": "ETHUSDC",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "2500",
    "quantity": "0.01",
}


async def admin(wire: Wire, action: str, **fields: Any) -> Any:
    return (await wire.raw("POST", f"/admin/{action}", json=fields)).body


async def test_a_price_move_trades_through_the_orders_in_between(wire: Wire) -> None:
    bid = (await wire.order("BUY", "2599.00")).body["orderId"]
    ask = (await wire.order("SELL", "2601.00")).body["orderId"]
    answer = await admin(wire, "price", symbol="ETHUSDC", by_bp=-10)
    assert answer["after"] == pytest.approx(answer["before"] * 0.999)
    assert (await wire.signed("GET", "order", symbol="ETHUSDC", orderId=bid)).body["status"] == "FILLED"
    assert (await wire.signed("GET", "order", symbol="ETHUSDC", orderId=ask)).body["status"] == "NEW"
    assert float((await wire.book())["askPrice"]) < 2601


async def test_a_price_moves_as_far_as_the_symbol_may_cost_and_the_market_goes_on_there(wire: Wire) -> None:
    up = {"symbol": "ETHUSDC", "by_bp": 9000}
    answers = [await admin(wire, "price", **up) for _ in range(10)]
    assert "error" not in answers[8]
    assert answers[9]["error"].endswith(" is no price of the symbol")
    bid, _, ask, _ = wire.sim.engine.markets["ETHUSDC"].book.touch()
    assert 80_000_000 < bid < ask <= 100_000_000
    await wire.sim.advance(5 * S)
    assert wire.sim.engine.markets["ETHUSDC"].book.touch() != (0, 0, 0, 0)


async def test_a_price_can_be_set_or_drift(wire: Wire) -> None:
    await admin(wire, "price", symbol="ETHUSDC", to=2700)
    assert wire.sim.market.fair_price("ETHUSDC") == pytest.approx(2700)
    await admin(wire, "price", symbol="ETHUSDC", by_bp=100, drift=10)
    await wire.sim.advance(5 * S)
    half = wire.sim.market.fair_price("ETHUSDC")
    await wire.sim.advance(8 * S)
    assert 2705 < half < 2722 < wire.sim.market.fair_price("ETHUSDC") < 2735


async def test_the_next_orders_can_be_refused_with_a_code(wire: Wire) -> None:
    await admin(wire, "refuse", count=2, code=-2010, msg="Market is closed.", account="alpha")
    assert (await wire.order("BUY", "2500")).error == (400, -2010, "Market is closed.")
    assert (await wire.order("BUY", "2500", key=BETA_KEY, secret=BETA_SECRET)).status == 200
    api = await wire.api()
    assert (await api.signed("order.place", **ORDER))["error"]["code"] == -2010
    assert (await api.signed("order.place", **ORDER))["status"] == 200


@pytest.mark.parametrize(("fault", "executed"), [("drop_before", 0), ("drop_after", 1)])
async def test_a_dropped_request_was_executed_or_not_and_nobody_says(
    wire: Wire, fault: str, executed: int
) -> None:
    await admin(wire, "fault", fault=fault, call="place", count=2)
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await wire.order("BUY", "2500", newClientOrderId="lost-1")
    api = await wire.api()
    params = {**ORDER, "newClientOrderId": "lost-2"}
    await api.socket.send({"id": 77, "method": "order.place", "params": await _signed(wire, params)})
    assert (await api.call("ping"))["status"] == 200
    assert len(wire.sim.engine.accounts["alpha"].open) == 2 * executed
    assert api.events == []


async def _signed(wire: Wire, params: dict[str, Any]) -> dict[str, Any]:
    from simwire import KEY, SECRET, sign, ws_payload

    params = {**params, "apiKey": KEY, "timestamp": wire.timestamp()}
    return {**params, "signature": sign(ws_payload(params), SECRET)}


@pytest.mark.parametrize(("fault", "executed"), [("status_before", 0), ("status_after", 1), ("malformed", 1)])
async def test_a_server_error_may_hide_an_executed_order(wire: Wire, fault: str, executed: int) -> None:
    await admin(wire, "fault", fault=fault, call="place", status=503)
    reply = await wire.order("BUY", "2500")
    assert reply.status == (200 if fault == "malformed" else 503)
    assert len(wire.sim.engine.accounts["alpha"].open) == executed
    if fault == "malformed":
        with pytest.raises(ValueError, match="Expecting value"):
            _ = reply.body


async def test_a_scripted_429_says_how_long_to_wait_in_each_framing(wire: Wire) -> None:
    await admin(wire, "fault", fault="status_before", status=429, count=2)
    assert (await wire.order("BUY", "2500")).headers["Retry-After"] == "5"
    api = await wire.api()
    reply = await api.signed("order.place", **ORDER)
    assert reply["status"] == 429
    assert reply["error"]["data"]["retryAfter"] == wire.timestamp() + 5000


async def test_user_events_can_be_lost_doubled_or_late(wire: Wire) -> None:
    api = await wire.api()
    await api.signed("userDataStream.subscribe.signature")
    await admin(wire, "fault", fault="lose_user_event")
    await admin(wire, "fault", fault="duplicate_user_event")
    await wire.order("BUY", "2500")
    assert [(await api.event())["e"] for _ in range(2)] == ["outboundAccountPosition"] * 2
    await admin(wire, "fault", fault="late_user_event", ms=500)
    await wire.order("BUY", "2500")
    assert (await api.event())["e"] == "outboundAccountPosition"
    await wire.sim.advance(600 * MS)
    assert (await api.event())["x"] == "NEW"


async def test_a_delay_holds_answers_back_until_its_time(wire: Wire) -> None:
    await admin(wire, "delay", what="orders", ms=300)
    api = await wire.api()
    waiting = asyncio.create_task(api.signed("order.place", **ORDER))
    rest = asyncio.create_task(wire.order("BUY", "2500"))
    while len(wire.sim.engine.accounts["alpha"].open) < 2:
        await asyncio.sleep(0)
    assert not waiting.done()
    assert not rest.done()
    await wire.sim.advance(301 * MS)
    assert (await waiting)["status"] == 200
    assert (await rest).status == 200


async def test_connections_are_cut_by_what_they_carry(wire: Wire) -> None:
    market = await wire.socket("/ws/ethusdc@trade")
    user, orders = await wire.api(), await wire.api()
    await user.signed("userDataStream.subscribe.signature")
    await orders.signed("order.place", **ORDER)
    assert (await admin(wire, "cut", what="user", account="beta"))["cut"] == 0
    assert (await admin(wire, "cut", what="user", account="alpha"))["cut"] == 1
    await user.socket.end()
    assert (await admin(wire, "cut", what="market"))["cut"] == 1
    await market.end()
    assert (await orders.call("ping"))["status"] == 200
    assert (await admin(wire, "cut"))["cut"] == 1
    await orders.socket.end()


async def test_a_block_refuses_new_connections_for_its_time(wire: Wire) -> None:
    await admin(wire, "cut", what="all", block_s=5)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await wire.socket("/ws")
    await wire.sim.advance(6 * S)
    await wire.socket("/ws")


async def test_a_halted_symbol_refuses_and_comes_back(wire: Wire) -> None:
    await admin(wire, "status", symbol="ETHUSDC", status="HALT")
    assert (await wire.order("BUY", "2500")).error == (400, -2010, "Market is closed.")
    assert (await wire.get("exchangeInfo", symbol="ETHUSDC")).body["symbols"][0]["status"] == "HALT"
    await wire.sim.advance(S)
    await admin(wire, "status", symbol="ETHUSDC", status="TRADING")
    assert (await wire.order("BUY", "2500")).status == 200


@pytest.mark.parametrize("status", ["CANCEL_ONLY", "HALT", "BREAK"])
async def test_a_symbol_that_does_not_trade_still_cancels(wire: Wire, status: str) -> None:
    order = (await wire.order("BUY", "2500")).body
    await admin(wire, "status", symbol="ETHUSDC", status=status)
    assert (await wire.order("BUY", "2500")).error == (400, -2010, "Market is closed.")
    cancelled = await wire.signed("DELETE", "order", symbol="ETHUSDC", orderId=order["orderId"])
    assert (cancelled.status, cancelled.body["status"]) == (200, "CANCELED")


async def test_a_reset_forgets_orders_and_restores_balances(wire: Wire) -> None:
    order = (await wire.order("BUY", "2500")).body
    await admin(wire, "reset")
    assert (await wire.signed("GET", "order", symbol="ETHUSDC", orderId=order["orderId"])).error[1] == -2013
    account = (await wire.signed("GET", "account")).body
    assert {b["asset"]: (b["free"], b["locked"]) for b in account["balances"]}["USDC"] == (
        "50000.00000000",
        "0.00000000",
    )
    assert len((await wire.get("depth", symbol="ETHUSDC")).body["bids"]) == 15
    await wire.sim.advance(2 * S)


async def test_a_depth_gap_leaves_out_one_batch(wire: Wire) -> None:
    market = await wire.socket("/ws/ethusdc@depth@100ms")
    await wire.sim.advance(S)
    await admin(wire, "fault", fault="depth_gap", symbol="ETHUSDC")
    await wire.sim.advance(3 * S)
    await market.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
    frames = []
    while "id" not in (frame := await market.json()):
        frames.append(frame)
    gaps = sum(b["U"] != a["u"] + 1 for a, b in pairwise(frames))
    assert gaps == 1


async def test_the_journal_tells_who_did_what_and_how_many_orders_were_left(wire: Wire) -> None:
    start = wire.sim.journal.seq
    await wire.order("BUY", "2500", newClientOrderId="j1")
    await wire.order("BUY", "2500", "100", newClientOrderId="j2")
    await wire.signed("DELETE", "openOrders", symbol="ETHUSDC")
    page = (await wire.raw("GET", f"/admin/journal?since={start}")).body
    told = [(e["kind"], e["account"], e["clientOrderId"], e.get("openOrders")) for e in page["entries"]]
    assert told == [
        ("place", "alpha", "j1", 1),
        ("reject", "alpha", "j2", None),
        ("cancel", "alpha", "j1", 0),
    ]
    assert all(e["source"].startswith("rest:") and e["timeNs"] > 0 for e in page["entries"])
    assert (await wire.raw("GET", f"/admin/journal?since={page['seq']}")).body["entries"] == []


async def test_state_shows_accounts_books_and_armed_faults(wire: Wire) -> None:
    await wire.order("BUY", "2500")
    await admin(wire, "refuse", count=3)
    state = (await wire.raw("GET", "/admin/state")).body
    assert [o["price"] for o in state["accounts"]["alpha"]["openOrders"]] == ["2500.00000000"]
    assert state["symbols"]["ETHUSDC"]["status"] == "TRADING"
    assert state["faults"]["armed"][0]["left"] == 3
    assert "background-maker" not in state["accounts"]
    assert (await wire.raw("GET", "/healthz")).body["status"] == "ok"


async def test_a_scenario_runs_its_steps_at_their_times(wire: Wire) -> None:
    steps = [
        {"at": 1, "action": "price", "symbol": "ETHUSDC", "by_bp": 50},
        {"at": 2, "action": "status", "symbol": "ETHUSDC", "status": "HALT"},
    ]
    assert (await wire.raw("POST", "/admin/scenario", json={"steps": steps})).body == {"scheduled": 2}
    await wire.sim.advance(S + S // 2)
    assert wire.sim.market.fair_price("ETHUSDC") > 2608
    await wire.sim.advance(S)
    assert wire.sim.engine.markets["ETHUSDC"].status.value == "HALT"


async def test_revoked_keys_are_refused_and_sessions_end(wire: Wire) -> None:
    await admin(wire, "revoke", account="alpha")
    assert (await wire.order("BUY", "2500")).error[1] == -2015
    await admin(wire, "revoke", account="alpha", on="false")
    assert (await wire.order("BUY", "2500")).status == 200


async def test_a_shutdown_notice_reaches_every_kind_of_connection(wire: Wire) -> None:
    raw, combined, api = await wire.socket("/ws"), await wire.socket("/stream"), await wire.api()
    assert (await admin(wire, "shutdown"))["sent"] == 3
    assert (await raw.json())["e"] == "serverShutdown"
    assert (await combined.json())["stream"] == "!serverShutdown"
    assert (await api.socket.json())["event"]["e"] == "serverShutdown"


WRONG = [
    ("price", {"symbol": "XX", "by_bp": 1}, "symbol: must be one of"),
    ("price", {"symbol": "ETHUSDC", "by_bp": "much"}, "by_bp: must be a number"),
    ("price", {"symbol": "ETHUSDC", "by_bp": -9999}, "by_bp: at most"),
    ("cut", {"what": "everything"}, "what: must be one of all"),
    ("fault", {"fault": "meteor"}, "fault: must be one of"),
    ("status", {"symbol": "ETHUSDC", "status": "OPEN"}, "status: must be one of"),
    ("refuse", {"account": "nobody"}, "account: must be one of"),
    ("refuse", {"colour": 1}, "unknown field 'colour'"),
    ("nothing", {}, "unknown action 'nothing'"),
    ("scenario", {"steps": [{"action": "x"}]}, "steps[0].action"),
]


@pytest.mark.parametrize(("action", "fields", "text"), WRONG)
async def test_a_wrong_admin_call_is_answered_with_the_field(
    wire: Wire, action: str, fields: Any, text: str
) -> None:
    reply = await wire.raw("POST", f"/admin/{action}", json=fields)
    assert reply.status == 400
    assert text in reply.body["error"]


async def test_pings_are_sent_and_a_silent_client_is_cut() -> None:
    async with running(config(ping_interval_s=20)) as wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.sim.port)
        writer.write(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n")  # fmt: skip
        async with asyncio.timeout(DEADLINE_S):
            await reader.readuntil(b"\r\n\r\n")
            await wire.sim.advance(21 * S)
            assert (await reader.readexactly(2))[0] == 0x89
            await wire.sim.advance(90 * S)
            while await reader.read(4096):
                continue
        writer.close()
