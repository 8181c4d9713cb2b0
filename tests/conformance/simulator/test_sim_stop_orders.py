"""Stop loss and take profit orders on the wire: parameters, replies, reports, lists, cancels, the page, a venue without them."""

from __future__ import annotations

from typing import Any

import pytest
from simwire import BETA_KEY, BETA_SECRET, Reply, S, Wire, config, running

STOP: dict[str, Any] = {"symbol": "ETHUSDC", "side": "SELL", "quantity": "0.0100"}
LIMIT = {**STOP, "type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "price": "2480", "stopPrice": "2500"}


async def send(wire: Wire, **order: Any) -> Reply:
    return await wire.signed("POST", "order", **order)


async def fall(wire: Wire, to: str) -> None:
    """The market falls to `to`, and somebody sells there."""
    wire.sim.admin.do("price", symbol="ETHUSDC", to=float(to))
    sale = {**STOP, "type": "MARKET"}
    sold = await wire.signed("POST", "order", key=BETA_KEY, secret=BETA_SECRET, **sale)
    assert sold.body["status"] == "FILLED"


async def test_a_stop_loss_limit_waits_is_set_off_and_rests_with_every_field_on_the_way() -> None:
    async with running() as wire:
        api = await wire.api()
        await api.signed("userDataStream.subscribe.signature")
        await wire.sim.advance(S)
        placed = (await send(wire, **{**LIMIT, "price": "2600"}, newOrderRespType="RESULT")).body
        began = placed["transactTime"]
        assert placed["stopPrice"] == "2500.00000000"
        assert (placed["type"], placed["status"], placed["workingTime"]) == ("STOP_LOSS_LIMIT", "NEW", -1)
        event = await api.event(lambda e: e.get("x") == "NEW")
        assert (event["o"], event["X"], event["P"], event["p"]) == (
            "STOP_LOSS_LIMIT",
            "NEW",
            "2500.00000000",
            "2600.00000000",
        )
        assert (event["w"], "W" in event, event["r"]) == (False, False, "NONE")
        (listed,) = (await wire.signed("GET", "openOrders", symbol="ETHUSDC")).body
        assert (listed["stopPrice"], listed["isWorking"], listed["workingTime"]) == (
            "2500.00000000",
            False,
            -1,
        )
        (state,) = wire.sim.admin.state()["accounts"]["alpha"]["openOrders"]
        assert state == listed
        assert wire.sim.page.snapshot("ETHUSDC")["own"] == {}

        await wire.sim.advance(S)
        await fall(wire, "2499")
        event = await api.event(lambda e: e.get("x") == "NEW")
        assert (event["i"], event["w"]) == (placed["orderId"], True)
        assert event["W"] > event["O"] == began
        query = (await wire.signed("GET", "order", symbol="ETHUSDC", orderId=placed["orderId"])).body
        assert (query["status"], query["isWorking"], query["workingTime"]) == ("NEW", True, event["W"])
        assert wire.sim.page.snapshot("ETHUSDC")["own"] == {"2600.00000000": "0.01000000"}
        kinds = [e["kind"] for e in wire.sim.journal.since(0) if e.get("orderId") == placed["orderId"]]
        assert kinds == ["place", "trigger"]

        cancelled = (await wire.signed("DELETE", "order", symbol="ETHUSDC", orderId=placed["orderId"])).body
        assert (cancelled["status"], cancelled["stopPrice"]) == ("CANCELED", "2500.00000000")


@pytest.mark.parametrize("kind", ["STOP_LOSS", "STOP_LOSS_LIMIT"])
async def test_a_stop_loss_sells_when_the_market_falls(kind: str) -> None:
    async with running() as wire:
        await wire.sim.advance(S)
        api = await wire.api()
        more = {"timeInForce": "GTC", "price": "2400"} if kind == "STOP_LOSS_LIMIT" else {}
        reply = await api.signed("order.place", **STOP, type=kind, stopPrice="2500", **more)
        assert sorted(reply["result"]) == [
            "clientOrderId",
            "orderId",
            "orderListId",
            "symbol",
            "transactTime",
        ], "ACK unless asked for more"
        await fall(wire, "2498")
        query = await api.signed("order.status", symbol="ETHUSDC", orderId=reply["result"]["orderId"])
        assert (query["result"]["status"], query["result"]["executedQty"]) == ("FILLED", "0.01000000")
        assert query["result"]["isWorking"] is True


async def test_take_profits_wait_on_the_other_side_of_the_market() -> None:
    async with running() as wire:
        await wire.sim.advance(S)
        rise = {**STOP, "type": "TAKE_PROFIT", "stopPrice": "2700"}
        dip = {**STOP, "side": "BUY", "type": "TAKE_PROFIT_LIMIT", "timeInForce": "GTC", "price": "2650"}
        sale, buy = (await send(wire, **rise)).body, (await send(wire, **dip, stopPrice="2500")).body
        for order in ({**rise, "stopPrice": "2500"}, {**dip, "stopPrice": "2700"}):
            assert (await send(wire, **order)).error == (400, -2010, "Stop price would trigger immediately.")
        await fall(wire, "2499")
        bought = (await wire.signed("GET", "order", symbol="ETHUSDC", orderId=buy["orderId"])).body
        assert bought["status"] == "FILLED"
        waiting = (await wire.signed("GET", "openOrders")).body
        assert [o["orderId"] for o in waiting] == [sale["orderId"]]


WRONG = [
    ({"type": "STOP_LOSS"}, -1102, "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!"),
    ({"type": "STOP_LOSS", "stopPrice": "2500", "price": "2500"}, -1106, "Parameter 'price' sent when not required."),
    (
        {"type": "TAKE_PROFIT", "stopPrice": "2700", "timeInForce": "GTC"},
        -1106,
        "Parameter 'timeInForce' sent when not required.",
    ),
    (
        {"type": "STOP_LOSS", "stopPrice": "2500", "quoteOrderQty": "100", "quantity": ""},
        -1105,
        "Parameter 'quantity' was empty.",
    ),
    ({"type": "STOP_LOSS_LIMIT", "stopPrice": "2500", "price": "2480"}, -1102, None),
    ({"type": "STOP_LOSS_LIMIT", "stopPrice": "2500", "timeInForce": "GTC"}, -1102, None),
    ({"type": "STOP_LOSS", "stopPrice": "2500.001"}, -1013, "Filter failure: PRICE_FILTER"),
    ({"type": "STOP_LOSS", "stopPrice": "x"}, -1100, None),
    ({"type": "STOP_LOSS", "stopPrice": "2500", "quantity": "11"}, -2010, None),
    ({"type": "STOP_LOSS", "stopPrice": "2500", "trailingDelta": "100"}, -2010, None),
    ({**LIMIT, "icebergQty": "0.005"}, -2010, "Iceberg orders are not supported for this symbol."),
]  # fmt: skip


@pytest.mark.parametrize(("order", "code", "text"), WRONG)
async def test_a_wrong_one_gets_binances_code_and_text(
    order: dict[str, str], code: int, text: str | None
) -> None:
    async with running() as wire:
        error = (await send(wire, **{**STOP, **order})).error
        assert error[:2] == (400, code)
        assert text is None or error[2] == text
        assert (await wire.signed("GET", "openOrders")).body == []


async def test_cancel_replace_takes_one_away_and_puts_another_in_its_place() -> None:
    async with running() as wire:
        await wire.sim.advance(S)
        api = await wire.api()
        await api.signed("userDataStream.subscribe.signature")
        old = (await send(wire, **LIMIT)).body["orderId"]
        replace = {**LIMIT, "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": old}
        reply = (await wire.signed("POST", "order/cancelReplace", **{**replace, "stopPrice": "2510"})).body
        assert reply["cancelResponse"]["stopPrice"] == "2500.00000000"
        (now,) = (await wire.signed("GET", "openOrders")).body
        assert (now["orderId"], now["stopPrice"]) == (
            reply["newOrderResponse"]["orderId"],
            "2510.00000000",
        )
        replace["cancelOrderId"] = now["orderId"]
        failed = (await wire.signed("POST", "order/cancelReplace", **{**replace, "stopPrice": "9000"})).body
        assert failed["data"]["newOrderResponse"] == {
            "code": -2010,
            "msg": "Stop price would trigger immediately.",
        }
        event = await api.event(lambda e: e.get("x") == "REJECTED")
        assert (event["r"], event["P"], event["w"]) == (
            "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
            "9000.00000000",
            False,
        )
        assert (await wire.signed("GET", "openOrders")).body == []


async def test_a_reset_and_cancel_all_take_what_waits_with_them() -> None:
    async with running() as wire:
        await wire.sim.advance(S)
        first = (await send(wire, **LIMIT)).body["orderId"]
        (gone,) = (await wire.signed("DELETE", "openOrders", symbol="ETHUSDC")).body
        assert (gone["orderId"], gone["status"]) == (first, "CANCELED")
        await send(wire, **LIMIT)
        wire.sim.admin.do("reset")
        await fall(wire, "2400")
        assert (await wire.signed("GET", "openOrders")).body == []
        (eth,) = [b for b in (await wire.signed("GET", "account")).body["balances"] if b["asset"] == "ETH"]
        assert (eth["free"], eth["locked"]) == ("10.00000000", "0.00000000")


async def test_exchange_info_says_which_types_a_symbol_has_and_how_many_may_wait() -> None:
    async with running() as wire:
        info = (await wire.get("exchangeInfo", symbol="ETHUSDC")).body["symbols"][0]
        assert info["orderTypes"] == [
            "LIMIT",
            "LIMIT_MAKER",
            "MARKET",
            "STOP_LOSS",
            "STOP_LOSS_LIMIT",
            "TAKE_PROFIT",
            "TAKE_PROFIT_LIMIT",
        ]
        assert {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5} in info["filters"]
        for _ in range(5):
            await send(wire, **LIMIT)
        assert (await send(wire, **LIMIT)).error == (400, -1013, "Filter failure: MAX_NUM_ALGO_ORDERS")


async def test_a_venue_without_them_refuses_them_in_the_documented_words() -> None:
    async with running(config(stop_orders=False)) as wire:
        info = (await wire.get("exchangeInfo", symbol="ETHUSDC")).body["symbols"][0]
        assert info["orderTypes"] == ["LIMIT", "LIMIT_MAKER", "MARKET"]
        assert "MAX_NUM_ALGO_ORDERS" not in [f["filterType"] for f in info["filters"]]
        assert (await send(wire, **LIMIT)).error == (
            400,
            -2010,
            "Stop loss limit orders are not supported for this symbol.",
        )
