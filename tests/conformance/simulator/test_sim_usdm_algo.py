"""Conditional orders of the futures venue on the wire: placed, triggered by trades or the mark, followed, cancelled, refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from simwire import BETA_KEY, BETA_SECRET, S
from usdmwire import FuturesWire, quiet_market, trading, usdm_config

SYMBOL = "ETHUSDC"
STOP: dict[str, Any] = {
    "symbol": SYMBOL,
    "algoType": "CONDITIONAL",
    "side": "SELL",
    "type": "STOP_MARKET",
    "quantity": "0.100",
    "triggerPrice": "2500",
    "clientAlgoId": "stop-1",
}


async def place(wire: FuturesWire, **order: Any) -> Any:
    return await wire.signed("POST", "v1/algoOrder", **order)


async def moves(wire: FuturesWire, to: float) -> None:
    """The market moves to `to`, and somebody trades there."""
    wire.sim.admin.do("price", symbol=SYMBOL, to=to)
    trade = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.010"}
    traded = await wire.signed("POST", "v1/order", key=BETA_KEY, secret=BETA_SECRET, **trade)
    assert traded.status == 200


async def query(wire: FuturesWire, name: str = "stop-1") -> Any:
    return (await wire.signed("GET", "v1/algoOrder", clientAlgoId=name)).body


async def test_a_stop_waits_is_triggered_and_ends_with_every_field_on_the_way() -> None:
    async with trading() as wire:
        await wire.taken("BUY")
        stream = await wire.user_stream()
        placed = (await place(wire, **STOP, reduceOnly="true")).body
        now = placed["createTime"]
        assert placed == {
            "algoId": 1,
            "clientAlgoId": "stop-1",
            "algoType": "CONDITIONAL",
            "orderType": "STOP_MARKET",
            "symbol": SYMBOL,
            "side": "SELL",
            "positionSide": "BOTH",
            "timeInForce": "GTC",
            "quantity": "0.100",
            "algoStatus": "NEW",
            "triggerPrice": "2500.00",
            "price": "0.00",
            "icebergQuantity": None,
            "selfTradePreventionMode": "EXPIRE_MAKER",
            "workingType": "CONTRACT_PRICE",
            "priceMatch": "NONE",
            "closePosition": False,
            "priceProtect": False,
            "reduceOnly": True,
            "createTime": now,
            "updateTime": now,
            "triggerTime": 0,
            "goodTillDate": 0,
        }
        told = await stream.json()
        assert (told["e"], told["T"]) == ("ALGO_UPDATE", now)
        assert told["o"] == {
            "caid": "stop-1", "aid": 1, "at": "CONDITIONAL", "o": "STOP_MARKET", "s": SYMBOL, "S": "SELL", "ps": "BOTH",
            "f": "GTC", "q": "0.1", "X": "NEW", "ai": "", "tp": "2500", "p": "0", "V": "EXPIRE_MAKER",
            "wt": "CONTRACT_PRICE", "pm": "NONE", "cp": False, "pP": False, "R": True, "tt": 0, "gtd": 0, "ia": False,
        }  # fmt: skip
        waits = {**placed, "actualOrderId": "", "actualPrice": "0.00000", "tpOrderType": ""}
        assert await query(wire) == waits
        assert (await wire.signed("GET", "v1/openOrders")).body == []
        (listed,) = (await wire.signed("GET", "v1/openAlgoOrders")).body
        nothing = dict.fromkeys(("tpTriggerPrice", "tpPrice", "slTriggerPrice", "slPrice"), "0.00")
        assert listed == {**waits, **nothing, "actualQty": "0.000", "isActivated": False}

        await wire.sim.advance(S)
        await moves(wire, 2490.0)
        kinds = []
        while kinds[-1:] != ["FINISHED"]:
            event = await stream.json()
            if event["e"] == "ALGO_UPDATE":
                kinds.append(event["o"]["X"])
            elif event["e"] == "ORDER_TRADE_UPDATE":
                assert event["o"]["c"] == "stop-1"
                kinds.append(event["o"]["x"])
        assert kinds[:3] == ["TRIGGERING", "TRIGGERED", "NEW"]
        assert set(kinds[3:-1]) == {"TRADE"}
        order = event["o"]
        done = await query(wire)
        assert (done["algoStatus"], done["actualOrderId"], done["actualQty"]) == (
            "FINISHED",
            order["ai"],
            "0.100",
        )
        assert (order["aq"], order["act"], done["actualType"]) == ("0.1", "MARKET", "MARKET")
        assert Decimal(order["ap"]) == Decimal(done["actualPrice"]) > 0
        assert done["triggerTime"] == order["tt"] > now
        assert await wire.position() is None
        assert (await wire.signed("GET", "v1/openAlgoOrders")).body == []
        (kept,) = (await wire.signed("GET", "v1/allAlgoOrders", symbol=SYMBOL)).body
        assert {name: kept[name] for name in done if name != "actualType"} == {
            name: value for name, value in done.items() if name != "actualType"
        }
        kinds = [e["status"] for e in wire.sim.journal.since(0) if e["kind"] == "algo"]
        assert kinds == ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED"]


@pytest.mark.parametrize(
    ("side", "kind", "trigger", "to"),
    [
        ("BUY", "STOP_MARKET", "2700", 2710.0),
        ("SELL", "TAKE_PROFIT_MARKET", "2700", 2710.0),
        ("BUY", "TAKE_PROFIT_MARKET", "2500", 2490.0),
        ("SELL", "STOP", "2500", 2490.0),
        ("BUY", "TAKE_PROFIT", "2500", 2490.0),
    ],
)
async def test_each_kind_waits_on_its_side_of_the_market(
    side: str, kind: str, trigger: str, to: float
) -> None:
    async with trading() as wire:
        limit = (
            {"price": f"{to - 5 if side == 'SELL' else to + 5:.2f}"}
            if kind in ("STOP", "TAKE_PROFIT")
            else {}
        )
        order = {**STOP, "side": side, "type": kind, "triggerPrice": trigger, **limit}
        assert (await place(wire, **order)).body["algoStatus"] == "NEW"
        other = {**order, "triggerPrice": "2500" if trigger == "2700" else "2700"}
        refused = (await place(wire, **{**other, "clientAlgoId": "x"})).error
        assert refused == (400, -2021, "Order would immediately trigger.")
        await moves(wire, to)
        done = await query(wire)
        assert (done["algoStatus"], done["actualType"]) == ("FINISHED", "LIMIT" if limit else "MARKET")


async def test_close_position_closes_what_is_held_then_and_lives_with_the_position() -> None:
    async with trading() as wire:
        close = {k: v for k, v in STOP.items() if k != "quantity"} | {"closePosition": "true"}
        nothing = (await place(wire, **close)).error
        assert nothing == (
            400,
            -4509,
            "Time in Force (TIF) GTE can only be used with open positions. Please ensure that positions are available.",
        )
        await wire.taken("BUY")
        stop = (await place(wire, **close)).body
        assert (stop["timeInForce"], stop["reduceOnly"], stop["closePosition"]) == ("GTE_GTC", True, True)
        again = await place(wire, **{**close, "clientAlgoId": "again", "triggerPrice": "2400"})
        assert again.error[:2] == (400, -4130)
        other = {"type": "TAKE_PROFIT_MARKET", "clientAlgoId": "profit", "triggerPrice": "2700"}
        assert (await place(wire, **{**close, **other})).status == 200
        await wire.taken("BUY", "0.200")
        stream = await wire.user_stream()
        await moves(wire, 2490.0)
        assert (await query(wire))["actualQty"] == "0.300"
        assert await wire.position() is None
        ended = await stream.until(lambda m: m["e"] == "ALGO_UPDATE" and m["o"]["X"] == "EXPIRED")
        assert (ended["o"]["caid"], ended["o"]["f"], ended["o"]["q"]) == ("profit", "GTE_GTC", "0")
        assert (await wire.signed("GET", "v1/openAlgoOrders")).body == []


async def test_an_order_good_till_the_position_is_gone_expires_with_it() -> None:
    async with trading() as wire:
        await wire.taken("BUY")
        guard = {**STOP, "timeInForce": "GTE_GTC", "reduceOnly": "true"}
        assert (await place(wire, **guard)).body["timeInForce"] == "GTE_GTC"
        await wire.taken("SELL", "0.050")
        assert (await query(wire))["algoStatus"] == "NEW"
        await wire.taken("SELL", "0.050")
        assert (await query(wire))["algoStatus"] == "EXPIRED"


async def test_a_trailing_stop_follows_the_price_and_is_triggered_when_it_turns() -> None:
    async with trading() as wire:
        trail = {k: v for k, v in STOP.items() if k != "triggerPrice"}
        trail |= {"type": "TRAILING_STOP_MARKET", "activatePrice": "2700", "callbackRate": "1"}
        placed = (await place(wire, **trail)).body
        assert (placed["activatePrice"], placed["callbackRate"], placed["triggerPrice"]) == (
            "2700.00",
            "1",
            "0.00",
        )
        early = await place(wire, **{**trail, "clientAlgoId": "early", "activatePrice": "2000"})
        assert early.error == (400, -2021, "Order would immediately trigger.")
        at_once = (
            await place(
                wire, **{k: v for k, v in trail.items() if k != "activatePrice"} | {"clientAlgoId": "now"}
            )
        ).body
        assert Decimal(at_once["activatePrice"]) > 0
        (waits, follows) = (await wire.signed("GET", "v1/openAlgoOrders")).body
        assert (waits["isActivated"], follows["isActivated"]) == (False, True)
        for price, state in ((2750.0, "NEW"), (2800.0, "NEW"), (2780.0, "NEW"), (2760.0, "FINISHED")):
            await moves(wire, price)
            assert (await query(wire))["algoStatus"] == state, price
        assert (await query(wire, "now"))["algoStatus"] == "FINISHED"


async def test_price_protection_waits_while_last_price_and_mark_are_apart(tmp_path: Path) -> None:
    async with trading(usdm_config(quiet_market(tmp_path))) as wire:
        await wire.sim.advance(S)
        await place(wire, **STOP, priceProtect="true")
        await place(wire, **{**STOP, "clientAlgoId": "plain"})
        await moves(wire, 2400.0)
        assert (await query(wire, "plain"))["algoStatus"] == "FINISHED"
        assert (await query(wire))["algoStatus"] == "NEW"
        await wire.sim.advance(2 * S)
        await moves(wire, 2390.0)
        assert (await query(wire))["algoStatus"] == "FINISHED"


async def test_an_order_good_till_a_date_expires_while_it_waits_and_takes_the_date_along(
    tmp_path: Path,
) -> None:
    async with trading(usdm_config(quiet_market(tmp_path))) as wire:
        until = wire.timestamp() + 601_000
        dated = {**STOP, "type": "STOP", "price": "2480", "timeInForce": "GTD", "goodTillDate": until}
        assert (await place(wire, **dated)).body["goodTillDate"] == until // 1000 * 1000
        await place(
            wire, **{**dated, "side": "BUY", "price": "2590", "triggerPrice": "2610", "clientAlgoId": "buy"}
        )
        await moves(wire, 2615.0)
        (resting,) = (await wire.signed("GET", "v1/openOrders")).body
        assert (resting["clientOrderId"], resting["goodTillDate"]) == ("buy", until // 1000 * 1000)
        await wire.sim.advance(603 * S)
        assert (await query(wire))["algoStatus"] == "EXPIRED"
        assert (await query(wire, "buy"))["algoStatus"] == "FINISHED"
        assert (await wire.signed("GET", "v1/openOrders")).body == []


async def test_the_mark_triggers_what_waits_for_it_and_trades_do_not(tmp_path: Path) -> None:
    async with trading(usdm_config(quiet_market(tmp_path))) as wire:
        await wire.sim.advance(S)
        await place(wire, **STOP, workingType="MARK_PRICE")
        await moves(wire, 2490.0)
        assert (await query(wire))["algoStatus"] == "NEW"
        await wire.sim.advance(2 * S)
        assert (await query(wire))["algoStatus"] == "FINISHED"


async def test_what_cannot_be_placed_once_it_is_triggered_is_rejected_and_says_why() -> None:
    async with trading() as wire:
        stream = await wire.user_stream()
        await place(wire, **STOP, reduceOnly="true")
        await place(wire, **{**STOP, "clientAlgoId": "large", "quantity": "2000"})
        await moves(wire, 2490.0)
        reasons = {}
        while len(reasons) < 2:
            event = await stream.json()
            if event["e"] == "ALGO_UPDATE" and event["o"]["X"] == "REJECTED":
                reasons[event["o"]["caid"]] = event["o"]["rm"]
        assert reasons == {
            "stop-1": "Reduce Only reject",
            "large": "Margin is insufficient.",
        }


async def test_waiting_orders_are_cancelled_one_by_one_or_all_and_forgotten_by_a_reset() -> None:
    async with trading() as wire:
        await place(wire, **STOP)
        cancelled = (await wire.signed("DELETE", "v1/algoOrder", algoId=1)).body
        assert cancelled == {"algoId": 1, "clientAlgoId": "stop-1", "code": "200", "msg": "success"}
        assert (await wire.signed("DELETE", "v1/algoOrder", algoId=1)).error[:2] == (400, -2011)
        api = await wire.api()
        placed = await api.signed("algoOrder.place", **STOP)
        assert placed["result"]["algoStatus"] == "NEW"
        gone = await api.signed("algoOrder.cancel", clientAlgoId="stop-1")
        assert gone["result"]["algoId"] == 2
        for name in ("a", "b"):
            await place(wire, **{**STOP, "clientAlgoId": name})
        done = (await wire.signed("DELETE", "v1/algoOpenOrders", symbol=SYMBOL)).body
        assert done["code"] == 200
        assert (await wire.signed("GET", "v1/openAlgoOrders", symbol=SYMBOL)).body == []
        await place(wire, **STOP)
        wire.sim.admin.do("reset")
        assert (await wire.signed("GET", "v1/algoOrder", algoId=5)).error[:2] == (400, -2013)
        assert (await place(wire, **STOP)).body["algoId"] == 1


WRONG = [
    ({"algoType": None}, -1102),
    ({"algoType": "VP"}, -1130),
    ({"triggerPrice": None}, -1102),
    ({"triggerPrice": "2500.001"}, -1111),
    ({"triggerPrice": "0"}, -4006),
    ({"triggerPrice": "99999999"}, -4007),
    ({"quantity": None}, -1102),
    ({"quantity": "0.0001"}, -1111),
    ({"price": "2490"}, -1106),
    ({"type": "STOP"}, -1102),
    ({"type": "TRAILING_STOP_MARKET"}, -1102),
    ({"type": "TRAILING_STOP_MARKET", "callbackRate": "20.1"}, -2007),
    ({"type": "TRAILING_STOP_MARKET", "callbackRate": "1", "activatePrice": "0"}, -4135),
    ({"type": "LIMIT", "price": "2500"}, -1116),
    ({"type": "STOP", "price": "2490", "timeInForce": "GTD"}, -1102),
    ({"type": "STOP", "price": "2490", "timeInForce": "GTD", "goodTillDate": 1}, -5040),
    ({"timeInForce": "GTE"}, -1115),
    ({"timeInForce": "GTE_GTC"}, -4509),
    ({"workingType": "INDEX"}, -4031),
    ({"selfTradePreventionMode": "DECREMENT"}, -5039),
    ({"clientAlgoId": "x" * 37}, -4015),
    ({"closePosition": "true"}, -4137),
    ({"closePosition": "true", "quantity": None, "reduceOnly": "true"}, -1106),
    ({"closePosition": "true", "quantity": None, "type": "STOP", "price": "2490"}, -4136),
    ({"positionSide": "LONG"}, -4061),
    ({"symbol": "NOPEUSDC"}, -1121),
]


@pytest.mark.parametrize(("change", "code"), WRONG)
async def test_a_wrong_one_is_refused_with_the_futures_code(change: dict[str, Any], code: int) -> None:
    async with trading() as wire:
        sent = {name: value for name, value in {**STOP, **change}.items() if value is not None}
        assert (await place(wire, **sent)).error[:2] == (400, code)
        assert (await wire.signed("GET", "v1/openAlgoOrders")).body == []


async def test_ids_of_waiting_orders_are_their_own_and_exchange_info_says_which_types_may_wait() -> None:
    async with trading() as wire:
        await place(wire, **STOP)
        assert (await place(wire, **STOP)).error[:2] == (400, -4116)
        info = (await wire.get("v1/exchangeInfo")).body["symbols"][0]
        assert info["orderTypes"] == [
            "LIMIT",
            "MARKET",
            "STOP",
            "STOP_MARKET",
            "TAKE_PROFIT",
            "TAKE_PROFIT_MARKET",
            "TRAILING_STOP_MARKET",
        ]
        assert "MAX_NUM_ALGO_ORDERS" not in [f["filterType"] for f in info["filters"]]


async def test_refusals_name_parameters_without_capitals_and_a_trigger_may_be_sent_so() -> None:
    async with trading() as wire:
        bare = {k: v for k, v in STOP.items() if k != "triggerPrice"}
        assert (await place(wire, **bare)).error == (
            400,
            -1102,
            "Mandatory parameter 'triggerprice' was not sent, was empty/null, or malformed.",
        )
        assert (await place(wire, **bare, triggerprice="2500")).body["triggerPrice"] == "2500.00"


async def test_a_list_of_waiting_orders_costs_more_without_a_symbol() -> None:
    async with trading() as wire:
        one = await wire.signed("GET", "v1/openAlgoOrders", symbol=SYMBOL)
        before = int(one.headers["X-MBX-USED-WEIGHT-1M"])
        every = await wire.signed("GET", "v1/openAlgoOrders")
        assert int(every.headers["X-MBX-USED-WEIGHT-1M"]) - before == 40


async def test_self_trade_prevention_is_no_matter_of_fok_orders_and_ends_with_a_change() -> None:
    async with trading() as wire:
        ask = (await wire.book())["askPrice"]
        inside = f"{Decimal(ask) - Decimal('0.01'):.2f}"
        maker = (await wire.order("SELL", inside)).body
        assert maker["selfTradePreventionMode"] == "EXPIRE_MAKER"
        taken = (await wire.order("BUY", inside, timeInForce="FOK", newOrderRespType="RESULT")).body
        assert (taken["status"], taken["selfTradePreventionMode"]) == ("FILLED", "NONE")
        far = (await wire.order("BUY", await wire.far("BUY"))).body
        change = {"symbol": SYMBOL, "orderId": far["orderId"], "side": "BUY", "quantity": "0.200"}
        changed = await wire.signed("PUT", "v1/order", **change, price=far["price"])
        assert changed.body["selfTradePreventionMode"] == "NONE"


async def test_waiting_orders_outlive_a_cancel_of_all_orders_and_a_halt() -> None:
    async with trading() as wire:
        await place(wire, **STOP)
        assert (await wire.signed("DELETE", "v1/allOpenOrders", symbol=SYMBOL)).status == 200
        assert (await query(wire))["algoStatus"] == "NEW"
        wire.sim.admin.do("status", symbol=SYMBOL, status="HALT")
        assert (await place(wire, **{**STOP, "clientAlgoId": "halted"})).body["algoStatus"] == "NEW"
