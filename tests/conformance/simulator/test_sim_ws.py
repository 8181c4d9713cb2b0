"""WebSocket API, sessions, user data and market streams on a real socket."""

from __future__ import annotations

from typing import Any

import pytest
from simwire import BETA_KEY, BETA_SECRET, ED_KEY, S, Wire, config, ed_sign, running, ws_payload

from mm_trader.venue.simulator.config import LimitConfig

ALWAYS_THERE = {*"eEscSofqpPFgCxXrilzLnNTtIwmMOZYQWV"}
"""Fields of an executionReport that are there whatever happened."""


async def test_an_order_is_placed_asked_for_and_cancelled_over_one_socket(wire: Wire) -> None:
    api = await wire.api()
    placed = await api.signed(
        "order.place",
        symbol="ETHUSDC",
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        price="2500",
        quantity="0.01",
        newClientOrderId="w1",
    )
    assert placed["status"] == 200
    assert placed["result"]["status"] == "NEW"
    assert [r["rateLimitType"] for r in placed["rateLimits"]] == ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]
    status = await api.signed("order.status", symbol="ETHUSDC", origClientOrderId="w1")
    assert status["result"]["orderId"] == placed["result"]["orderId"]
    assert len((await api.signed("openOrders.status"))["result"]) == 1
    cancelled = await api.signed("openOrders.cancelAll", symbol="ETHUSDC")
    assert [r["rateLimitType"] for r in cancelled["rateLimits"]] == ["REQUEST_WEIGHT"]
    assert [o["status"] for o in cancelled["result"]] == ["CANCELED"]


async def test_numbers_and_booleans_are_signed_as_they_were_written(wire: Wire) -> None:
    api = await wire.api()
    reply = await api.signed("account.status", omitZeroBalances=True, recvWindow=5000)
    assert reply["status"] == 200
    assert {b["asset"] for b in reply["result"]["balances"]} == {"ETH", "BTC", "USDC"}


async def test_errors_carry_the_same_codes_as_rest(wire: Wire) -> None:
    api = await wire.api()
    unknown = await api.signed("order.cancel", symbol="ETHUSDC", orderId=5)
    assert (unknown["status"], unknown["error"]) == (400, {"code": -2011, "msg": "Unknown order sent."})
    wrong = await api.signed("account.status", secret="other")
    assert wrong["error"]["code"] == -1022
    stale = await api.signed("account.status", timestamp=1)
    assert stale["error"]["code"] == -1021
    assert (await api.call("account.status"))["error"]["code"] == -1102
    assert (await api.call("no.such.method"))["status"] == 400


async def test_a_session_is_for_ed25519_keys_and_spares_key_and_signature(wire: Wire) -> None:
    api = await wire.api()
    refused = await api.signed("session.logon")
    assert (refused["status"], refused["error"]["code"]) == (401, -4056)
    params = {"apiKey": ED_KEY, "timestamp": wire.timestamp()}
    on = await api.call("session.logon", **params, signature=ed_sign(ws_payload(params)))
    assert on["result"]["apiKey"] == ED_KEY
    assert (await api.call("account.status", timestamp=wire.timestamp()))["status"] == 200
    assert (await api.call("userDataStream.subscribe"))["result"]["subscriptionId"] == 1
    assert (await api.call("session.status"))["result"]["userDataStream"] is True
    assert (await api.call("session.logout"))["result"]["apiKey"] is None
    ended = {"e": "eventStreamTerminated", "E": wire.timestamp()}
    assert api.events == [{"subscriptionId": 1, "event": ended}]
    assert (await api.call("session.status"))["result"]["userDataStream"] is False
    assert (await api.call("account.status", timestamp=wire.timestamp()))["error"]["code"] == -1102


async def test_user_events_tell_an_orders_whole_life(wire: Wire) -> None:
    user, orders = await wire.api(), await wire.api()
    subscribed = await user.signed("userDataStream.subscribe.signature")
    number = subscribed["result"]["subscriptionId"]
    await orders.signed(
        "order.place",
        symbol="ETHUSDC",
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        price="2599",
        quantity="0.02",
        newClientOrderId="life",
    )
    first = await user.socket.json()
    assert first["subscriptionId"] == number
    new = first["event"]
    assert set(new) >= ALWAYS_THERE
    assert (new["x"], new["X"], new["t"], new["N"], new["c"], new["C"]) == (
        "NEW",
        "NEW",
        -1,
        None,
        "life",
        "",
    )
    position = await user.event(lambda e: e["e"] == "outboundAccountPosition")
    assert position["B"] == [{"a": "USDC", "f": "49948.02000000", "l": "51.98000000"}]
    await wire.order("SELL", "2599", "0.0100", key=BETA_KEY, secret=BETA_SECRET)
    fill = await user.event(lambda e: e.get("x") == "TRADE")
    assert (fill["X"], fill["m"], fill["l"], fill["z"], fill["L"], fill["N"]) == (
        "PARTIALLY_FILLED",
        True,
        "0.01000000",
        "0.01000000",
        "2599.00000000",
        "ETH",
    )
    await orders.signed("order.cancel", symbol="ETHUSDC", origClientOrderId="life", newClientOrderId="bye")
    end = await user.event(lambda e: e.get("x") == "CANCELED")
    assert (end["c"], end["C"], end["X"], end["w"]) == ("bye", "life", "CANCELED", False)


async def test_a_plain_refused_order_makes_no_user_event(wire: Wire) -> None:
    user = await wire.api()
    await user.signed("userDataStream.subscribe.signature")
    await wire.order("BUY", "2500", "100")
    await wire.order("BUY", "2500", newClientOrderId="good")
    assert (await user.event())["c"] == "good"


async def test_an_account_subscribes_once_per_connection_and_can_leave(wire: Wire) -> None:
    api = await wire.api()
    number = (await api.signed("userDataStream.subscribe.signature"))["result"]["subscriptionId"]
    assert (await api.signed("userDataStream.subscribe.signature"))["error"]["code"] == -2035
    assert (await api.call("userDataStream.unsubscribe", subscriptionId=number))["status"] == 200
    assert (await api.event())["e"] == "eventStreamTerminated"
    assert (await api.call("userDataStream.unsubscribe"))["error"]["code"] == -2036


async def test_one_connection_may_listen_to_several_accounts(wire: Wire) -> None:
    api = await wire.api()
    await api.signed("userDataStream.subscribe.signature")
    second = await api.signed("userDataStream.subscribe.signature", key=BETA_KEY, secret=BETA_SECRET)
    await wire.order("BUY", "2500", key=BETA_KEY, secret=BETA_SECRET)
    event = await api.socket.json()
    assert event["subscriptionId"] == second["result"]["subscriptionId"]


async def test_listen_keys_are_gone(wire: Wire) -> None:
    api = await wire.api()
    assert (await api.call("userDataStream.start", apiKey="K"))["status"] == 410


async def test_return_rate_limits_can_be_switched_off(wire: Wire) -> None:
    api = await wire.api()
    assert "rateLimits" in await api.call("ping")
    assert "rateLimits" not in await api.call("ping", returnRateLimits=False)


@pytest.mark.parametrize(
    ("path", "wrapped"), [("/ws/ethusdc@bookTicker", False), ("/stream?streams=ethusdc@bookTicker", True)]
)
async def test_frames_are_wrapped_only_on_combined_streams(wire: Wire, path: str, wrapped: bool) -> None:
    market = await wire.socket(path)
    await wire.order("BUY", "2599.50")
    frame = await market.json()
    ticker = frame["data"] if wrapped else frame
    assert (ticker["s"], ticker["b"], ticker["B"]) == ("ETHUSDC", "2599.50000000", "0.01000000")
    assert "e" not in ticker


async def test_the_subscribe_family_works_on_a_bare_socket(wire: Wire) -> None:
    market = await wire.socket("/ws")
    await market.send({"method": "SUBSCRIBE", "params": ["ethusdc@trade", "ethusdc@aggTrade"], "id": 1})
    assert await market.json() == {"result": None, "id": 1}
    await market.send({"method": "LIST_SUBSCRIPTIONS", "id": 2})
    assert (await market.json())["result"] == ["ethusdc@trade", "ethusdc@aggTrade"]
    await wire.signed("POST", "order", symbol="ETHUSDC", side="SELL", type="MARKET", quantity="0.01")
    trade = await market.json()
    assert (trade["e"], trade["q"], trade["m"]) == ("trade", "0.01000000", True)
    assert (await market.json())["e"] == "aggTrade"
    await market.send({"method": "UNSUBSCRIBE", "params": ["ethusdc@trade", "ethusdc@aggTrade"], "id": 3})
    assert (await market.json())["id"] == 3
    await market.send({"method": "SET_PROPERTY", "params": ["combined", True], "id": 4})
    await market.json()
    await market.send({"method": "GET_PROPERTY", "params": ["combined"], "id": 5})
    assert (await market.json())["result"] is True


VARIANTS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
CONTROL = [
    ("{", 3, "Invalid JSON: expected value at line 1 column 1", False),
    ('{"method":"X","id":1}', 2, f"Invalid request: unknown variant `X`, expected one of {VARIANTS}", 1),
    ('{"id":1}', 2, "Invalid request: missing field `method` at line 1 column 8", 1),
    ('{"method":"SUBSCRIBE","id":[]}', 2, "Invalid request: request ID must be an unsigned integer", None),
    ('{"method":"GET_PROPERTY","id":1}', 2, "Invalid request: property name must be a string", 1),
    ('{"method":"GET_PROPERTY","params":["x"],"id":"a"}', 0, "Unknown property", "a"),
    ('{"method":"GET_PROPERTY","params":["x",1],"id":1}', 2, "Invalid request: too many parameters", 1),
    (
        '{"method":"SET_PROPERTY","params":["combined",1],"id":-1}',
        1,
        "Invalid value type: expected Boolean",
        -1,
    ),
]


@pytest.mark.parametrize(("sent", "code", "msg", "number"), CONTROL)
async def test_control_messages_are_refused_in_the_documented_words(
    wire: Wire, sent: str, code: int, msg: str, number: Any
) -> None:
    market = await wire.socket("/ws")
    await market.send(sent)
    named = {} if number is False else {"id": number}
    assert await market.json() == {"error": {"code": code, "msg": msg}, **named}


async def test_the_upgrade_of_the_websocket_api_says_what_it_cost(wire: Wire) -> None:
    socket = await wire.session.ws_connect(f"{wire.sim.ws_url}/ws-api/v3")
    headers = socket._response.headers
    assert (headers["X-MBX-USED-WEIGHT"], headers["X-MBX-USED-WEIGHT-1M"]) == ("2", "2")


async def test_partial_books_come_at_their_marks(wire: Wire) -> None:
    market = await wire.socket("/stream?streams=ethusdc@depth5@100ms/ethusdc@depth5")
    await wire.sim.advance(2 * S)
    frames = [await market.json() for _ in range(3)]
    assert {f["stream"] for f in frames} <= {"ethusdc@depth5@100ms", "ethusdc@depth5"}
    assert sorted(frames[0]["data"]) == ["asks", "bids", "lastUpdateId"]
    assert len(frames[0]["data"]["bids"]) == 5


async def test_a_method_may_name_its_version(wire: Wire) -> None:
    api = await wire.api()
    assert (await api.call("v3/time"))["result"] == {"serverTime": wire.timestamp()}
    assert (await api.call("v1/time"))["status"] == 400


async def test_a_revoked_key_ends_the_log_on_under_no_id(wire: Wire) -> None:
    api = await wire.api()
    params = {"apiKey": ED_KEY, "timestamp": wire.timestamp()}
    await api.call("session.logon", **params, signature=ed_sign(ws_payload(params)))
    wire.sim.admin.do("revoke", account="ed")
    await api.socket.send({"id": 77, "method": "account.status", "params": {"timestamp": wire.timestamp()}})
    answer = await api.socket.json()
    assert (answer["id"], answer["status"]) == (None, 401)
    assert answer["error"] == {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
    assert (await api.call("session.status"))["result"]["apiKey"] is None


async def test_a_banned_address_is_told_and_disconnected() -> None:
    async with running(config(limits=LimitConfig(weight_per_minute=8, ban_after=1))) as wire:
        api = await wire.api()
        await wire.get("depth", symbol="ETHUSDC")
        assert (await api.call("exchangeInfo"))["status"] == 429
        answer = await api.call("exchangeInfo")
        assert answer["status"] == 418
        assert answer["error"]["data"]["retryAfter"] == wire.timestamp() + 120_000
        await api.socket.end()
        assert api.socket.ws.close_code == 1008


async def test_money_from_outside_is_a_balance_update(wire: Wire) -> None:
    api = await wire.api()
    await api.signed("userDataStream.subscribe.signature")
    wire.sim.admin.do("deposit", account="alpha", asset="USDC", amount="-100.5")
    now = wire.timestamp()
    assert await api.event() == {"e": "balanceUpdate", "E": now, "a": "USDC", "d": "-100.50000000", "T": now}
    position = await api.event()
    assert position["B"] == [{"a": "USDC", "f": "49899.50000000", "l": "0.00000000"}]
