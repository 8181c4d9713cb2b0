"""Conditional orders of the futures venue on the wire: placed, triggered by trades or the mark, followed, cancelled, refused."""

from __future__ import annotations

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
            "activatePrice": "",
            "callbackRate": "",
            "createTime": now,
            "updateTime": now,
            "triggerTime": 0,
            "goodTillDate": 0,
        }
        told = await stream.json()
        assert (told["e"], told["T"]) == ("ALGO_UPDATE", now)
        assert told["o"] == {
            "caid": "stop-1", "aid": 1, "at": "CONDITIONAL", "o": "STOP_MARKET", "s": SYMBOL, "S": "SELL", "ps": "BOTH",
            "f": "GTC", "q": "0.100", "X": "NEW", "ai": "", "ap": "0.00000", "aq": "0.00000", "act": "0", "tp": "2500.00",
            "p": "0.00", "V": "EXPIRE_MAKER", "wt": "CONTRACT_PRICE", "pm": "NONE", "cp": False, "pP": False, "R": True,
            "tt": 0, "gtd": 0, "rm": "",
        }  # fmt: skip
        assert (await wire.signed("GET", "v1/openOrders")).body == []
        (listed,) = (await wire.signed("GET", "v1/openAlgoOrders")).body
        assert (listed["algoStatus"], listed["actualOrderId"]) == ("NEW", "")

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
        assert (order["aq"], order["act"], order["ap"]) == ("0.100", "MARKET", done["actualPrice"])
        assert done["triggerTime"] == order["tt"] > now
        assert await wire.position() is None
        assert (await wire.signed("GET", "v1/openAlgoOrders")).body == []
        (kept,) = (await wire.signed("GET", "v1/allAlgoOrders", symbol=SYMBOL)).body
        assert kept == done
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


async def test_close_position_closes_what_is_held_then_and_expires_without_a_position() -> None:
    async with trading() as wire:
        close = {k: v for k, v in STOP.items() if k != "quantity"} | {"closePosition": "true"}
        await place(wire, **close)
        await wire.taken("BUY", "0.300")
        again = await place(wire, **{**close, "clientAlgoId": "again", "triggerPrice": "2400"})
        assert again.error[:2] == (400, -4130)
        await moves(wire, 2490.0)
        assert (await query(wire))["actualQty"] == "0.300"
        assert await wire.position() is None
        await place(wire, **{**close, "clientAlgoId": "late", "triggerPrice": "2300"})
        await moves(wire, 2290.0)
        assert (await query(wire, "late"))["algoStatus"] == "EXPIRED"


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
            "stop-1": "ReduceOnly Order is rejected.",
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
    ({"triggerPrice": "2500.001"}, -4014),
    ({"quantity": None}, -1102),
    ({"quantity": "0.0001"}, -1111),
    ({"price": "2490"}, -1106),
    ({"type": "STOP"}, -1102),
    ({"type": "TRAILING_STOP_MARKET"}, -1116),
    ({"timeInForce": "GTD"}, -1115),
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
        ]
        (limit,) = [f["limit"] for f in info["filters"] if f["filterType"] == "MAX_NUM_ALGO_ORDERS"]
        assert limit == 200
