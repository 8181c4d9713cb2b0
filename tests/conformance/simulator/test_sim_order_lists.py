"""Order lists on the wire: parameters, replies, listStatus, queries, cancels; REST and the WebSocket API alike."""

from __future__ import annotations

from typing import Any

import pytest
from simwire import BETA_KEY, BETA_SECRET, Api, Reply, S, Wire, config, running

OCO: dict[str, Any] = {
    "symbol": "ETHUSDC",
    "side": "SELL",
    "quantity": "0.0100",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "2700",
    "belowType": "STOP_LOSS_LIMIT",
    "belowStopPrice": "2500",
    "belowPrice": "2490",
    "belowTimeInForce": "GTC",
}
FORMER: dict[str, Any] = {
    "symbol": "ETHUSDC",
    "side": "SELL",
    "quantity": "0.0100",
    "price": "2700",
    "stopPrice": "2500",
    "stopLimitPrice": "2490",
    "stopLimitTimeInForce": "GTC",
    "limitClientOrderId": "up",
    "stopClientOrderId": "down",
}
OTO: dict[str, Any] = {
    "symbol": "ETHUSDC",
    "workingType": "LIMIT",
    "workingSide": "BUY",
    "workingPrice": "2500",
    "workingQuantity": "0.0100",
    "workingTimeInForce": "GTC",
    "pendingType": "STOP_LOSS",
    "pendingSide": "SELL",
    "pendingQuantity": "0.0090",
    "pendingStopPrice": "2400",
}
OTOCO: dict[str, Any] = {
    **{k: v for k, v in OTO.items() if k not in ("pendingType", "pendingStopPrice")},
    "pendingAboveType": "TAKE_PROFIT",
    "pendingAboveStopPrice": "2700",
    "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "2400",
}


async def send(wire: Wire, path: str, **params: Any) -> Reply:
    return await wire.signed("POST", path, **params)


async def listening(wire: Wire) -> Api:
    api = await wire.api()
    await api.signed("userDataStream.subscribe.signature")
    return api


async def sells(wire: Wire, **more: Any) -> Reply:
    """Somebody sells at the market."""
    sale = {"symbol": "ETHUSDC", "side": "SELL", "type": "MARKET", "quantity": "0.0100", **more}
    return await wire.signed("POST", "order", key=BETA_KEY, secret=BETA_SECRET, **sale)


async def test_an_oco_is_placed_told_queried_and_cancelled_with_every_documented_field() -> None:
    async with running() as wire:
        await wire.sim.advance(S)
        api = await listening(wire)
        placed = (await send(wire, "orderList/oco", **OCO, listClientOrderId="mine")).body
        stop, limit = placed.pop("orderReports")
        now, number = placed["transactionTime"], placed["orderListId"]
        orders = [
            {"symbol": "ETHUSDC", "orderId": o["orderId"], "clientOrderId": o["clientOrderId"]}
            for o in (stop, limit)
        ]
        assert placed == {
            "orderListId": number,
            "contingencyType": "OCO",
            "listStatusType": "EXEC_STARTED",
            "listOrderStatus": "EXECUTING",
            "listClientOrderId": "mine",
            "transactionTime": now,
            "symbol": "ETHUSDC",
            "orders": orders,
        }
        assert (stop["type"], stop["stopPrice"], stop["workingTime"]) == (
            "STOP_LOSS_LIMIT",
            "2500.00000000",
            -1,
        )
        assert (limit["type"], limit["workingTime"], limit["orderListId"]) == ("LIMIT_MAKER", now, number)
        assert "stopPrice" not in limit

        reports = [await api.event() for _ in range(2)]
        assert [(e["e"], e["i"], e["g"]) for e in reports] == [
            ("executionReport", o["orderId"], number) for o in orders
        ]
        told = await api.event()
        assert told.pop("E") >= now
        assert told == {
            "e": "listStatus",
            "s": "ETHUSDC",
            "g": number,
            "c": "OCO",
            "l": "EXEC_STARTED",
            "L": "EXECUTING",
            "r": "NONE",
            "C": "mine",
            "T": now,
            "O": [{"s": "ETHUSDC", "i": o["orderId"], "c": o["clientOrderId"]} for o in orders],
        }
        assert (await wire.signed("GET", "orderList", orderListId=number)).body == placed
        assert (await wire.signed("GET", "orderList", origClientOrderId="mine")).body == placed
        assert (await wire.signed("GET", "openOrderList")).body == [placed]
        open_orders = (await wire.signed("GET", "openOrders", symbol="ETHUSDC")).body
        assert {o["orderListId"] for o in open_orders} == {number}

        cancelled = (
            await wire.signed(
                "DELETE", "orderList", symbol="ETHUSDC", orderListId=number, newClientOrderId="away"
            )
        ).body
        assert (cancelled["listStatusType"], cancelled["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
        assert [
            (r["status"], r["clientOrderId"], r["origClientOrderId"]) for r in cancelled["orderReports"]
        ] == [("CANCELED", "away", o["clientOrderId"]) for o in orders]
        told = await api.event(lambda e: e["e"] == "listStatus")
        assert (told["l"], told["L"]) == ("ALL_DONE", "ALL_DONE")
        assert (await wire.signed("GET", "openOrderList")).body == []
        (kept,) = (await wire.signed("GET", "allOrderList")).body
        assert kept == {**placed, "listStatusType": "ALL_DONE", "listOrderStatus": "ALL_DONE"}
        gone = await wire.signed("DELETE", "orderList", symbol="ETHUSDC", orderListId=number)
        assert gone.error == (400, -2011, "Unknown order sent.")


async def test_the_former_oco_of_many_clients_over_the_websocket_api_and_its_stop_in_a_falling_market() -> (
    None
):
    async with running() as wire:
        await wire.sim.advance(S)
        api = await listening(wire)
        placed = (await api.signed("orderList.place", **FORMER))["result"]
        assert [o["clientOrderId"] for o in placed["orders"]] == ["down", "up"]
        assert [r["type"] for r in placed["orderReports"]] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
        await api.event(lambda e: e["e"] == "listStatus")
        wire.sim.admin.do("price", symbol="ETHUSDC", to=2498.0)
        await sells(wire)
        up = await api.event(lambda e: e.get("x") == "EXPIRED")
        assert (up["c"], up["eR"]) == ("up", "OCO_TRIGGER")
        down = await api.event(lambda e: e.get("X") == "FILLED")
        assert down["c"] == "down"
        assert (await api.event(lambda e: e["e"] == "listStatus"))["l"] == "ALL_DONE"
        status = await api.signed("orderList.status", orderListId=placed["orderListId"])
        assert status["result"]["listOrderStatus"] == "ALL_DONE"
        (trade,) = (await api.signed("myTrades", symbol="ETHUSDC"))["result"]
        assert trade["orderListId"] == placed["orderListId"]
        assert (await api.signed("openOrderLists.status"))["result"] == []
        assert len((await api.signed("allOrderLists"))["result"]) == 1


async def test_cancelling_one_order_cancels_the_list_and_says_so() -> None:
    async with running() as wire:
        await wire.sim.advance(S)
        first = (await send(wire, "order/oco", **FORMER)).body["orders"][1]["orderId"]
        reply = (await wire.signed("DELETE", "order", symbol="ETHUSDC", orderId=first)).body
        assert (reply["listStatusType"], len(reply["orderReports"])) == ("ALL_DONE", 2)
        await send(wire, "orderList/oco", **OCO)
        await wire.order("BUY", "2400")
        lists, order = (await wire.signed("DELETE", "openOrders", symbol="ETHUSDC")).body
        assert ([r["status"] for r in lists["orderReports"]], order["status"]) == (
            ["CANCELED"] * 2,
            "CANCELED",
        )
        await send(wire, "orderList/oco", **OCO)
        assert wire.sim.admin.do("cancel", account="alpha") == {"cancelled": 2}
        assert (await wire.signed("GET", "openOrders")).body == []


async def test_an_amend_of_one_order_of_a_list_shows_the_list() -> None:
    async with running() as wire:
        await wire.sim.advance(S)
        placed = (await send(wire, "orderList/oco", **{**OCO, "quantity": "0.0200"})).body
        order = placed["orders"][0]["orderId"]
        amended = (
            await wire.signed(
                "PUT", "order/amend/keepPriority", symbol="ETHUSDC", orderId=order, newQty="0.0100",
                newClientOrderId="less",
            )
        ).body  # fmt: skip
        assert amended["amendedOrder"]["orderListId"] == placed["orderListId"]
        assert amended["listStatus"]["orders"][0]["clientOrderId"] == "less"
        both = (await wire.signed("GET", "openOrders", symbol="ETHUSDC")).body
        assert {o["origQty"] for o in both} == {"0.01000000"}


@pytest.mark.parametrize(("path", "params", "count"), [("oto", OTO, 2), ("otoco", OTOCO, 3)])
async def test_pending_orders_begin_when_the_working_one_is_filled(
    path: str, params: dict[str, Any], count: int
) -> None:
    async with running() as wire:
        await wire.sim.advance(S)
        api = await listening(wire)
        placed = (await send(wire, f"orderList/{path}", **params)).body
        assert placed["contingencyType"] == "OTO"
        assert [r["status"] for r in placed["orderReports"]] == ["NEW"] + ["PENDING_NEW"] * (count - 1)
        assert [r["workingTime"] for r in placed["orderReports"]][1:] == [-1] * (count - 1)
        pending = await api.event(lambda e: e.get("X") == "PENDING_NEW")
        assert (pending["x"], pending["w"]) == ("NEW", False)
        used = (await wire.signed("GET", "rateLimit/order")).body
        assert used[0]["count"] == count
        wire.sim.admin.do("price", symbol="ETHUSDC", to=2495.0)
        await wire.sim.advance(S)
        statuses = [
            (await wire.signed("GET", "order", symbol="ETHUSDC", orderId=o["orderId"])).body["status"]
            for o in placed["orders"]
        ]
        assert statuses == ["FILLED"] + ["NEW"] * (count - 1)
        wire.sim.admin.do("price", symbol="ETHUSDC", to=2390.0)
        await sells(wire)
        told = await api.event(lambda e: e["e"] == "listStatus" and e["l"] == "ALL_DONE")
        assert told["g"] == placed["orderListId"]
        assert (await wire.signed("GET", "openOrders")).body == []


WRONG = [
    ("oco", {**OCO, "quantity": None}, -1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed."),
    ("oco", {**OCO, "belowStopPrice": None}, -1102, "Param 'belowStopPrice' or 'belowTrailingDelta' must be sent, but both were empty/null!"),
    ("oco", {**OCO, "belowTimeInForce": None}, -1102, None),
    ("oco", {**OCO, "aboveTimeInForce": "GTC"}, -1106, "Parameter 'aboveTimeInForce' sent when not required."),
    ("oco", {**OCO, "aboveStopPrice": "2700"}, -1106, "Parameter 'aboveStopPrice' sent when not required."),
    ("oco", {**OCO, "aboveType": "LIMIT"}, -1158, "Order type not supported in OCO."),
    ("oco", {**OCO, "belowType": "LIMIT_MAKER"}, -1168, "At least one OCO order must be contingent."),
    ("oco", {**OCO, "aboveType": "STOP_LOSS"}, -1197, "A stop loss order in a sell OCO must be below."),
    ("oco", {**OCO, "belowType": "TAKE_PROFIT_LIMIT"}, -1199, "A take profit order in a sell OCO must be above."),
    ("oco", {**OCO, "aboveType": "TAKE_PROFIT", "belowType": "LIMIT_MAKER"}, -1166, "A limit order in a sell OCO must be above."),
    ("oco", {**OCO, "side": "BUY"}, -1165, "A limit order in a buy OCO must be below."),
    ("oco", {**OCO, "side": "BUY", "aboveType": "TAKE_PROFIT"}, -1196, "A stop loss order in a buy OCO must be above."),
    ("oco", {**OCO, "side": "BUY", "aboveType": "TAKE_PROFIT", "belowType": "LIMIT_MAKER"}, -1198, "A take profit order in a buy OCO must be below."),
    ("oco", {**OCO, "belowStopPrice": "2690"}, -2010, "The relationship of the prices for the orders is not correct."),
    ("oco", {**OCO, "quantity": "11"}, -2010, "Account has insufficient balance for requested action."),
    ("oco", {**OCO, "abovePrice": "2700.001"}, -1013, "Filter failure: PRICE_FILTER"),
    ("oco", {**OCO, "aboveClientOrderId": "x", "belowClientOrderId": "x"}, -2010, "Duplicate order sent."),
    ("oco", {**OCO, "belowTrailingDelta": "100"}, -2010, "Trailing stop orders are not supported for this symbol."),
    ("oco", {**OCO, "aboveIcebergQty": "0.005"}, -2010, "Iceberg orders are not supported for this symbol."),
    ("oco", {**OCO, "aboveStrategyType": "5"}, -1134, None),
    ("oco", {**OCO, "colour": "red"}, -1104, None),
    ("oto", {**OTO, "workingType": "MARKET"}, -1130, None),
    ("oto", {**OTO, "pendingQuantity": None}, -1102, None),
    ("oto", {**OTO, "pendingPrice": "2400"}, -1106, "Parameter 'pendingPrice' sent when not required."),
    ("otoco", {**OTOCO, "pendingBelowType": "LIMIT_MAKER"}, -1166, None),
    ("opo", OTO, -2010, "OPO orders are not supported for this symbol"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "params", "code", "text"), WRONG)
async def test_a_wrong_list_gets_binances_code_and_text_and_leaves_nothing(
    path: str, params: dict[str, Any], code: int, text: str | None
) -> None:
    async with running() as wire:
        await wire.sim.advance(S)
        sent = {name: value for name, value in params.items() if value is not None}
        error = (await send(wire, f"orderList/{path}", **sent)).error
        assert error[:2] == (400, code)
        assert text is None or error[2] == text
        assert (await wire.signed("GET", "openOrders")).body == []
        assert (await wire.signed("GET", "allOrderList")).body == []


async def test_replies_are_as_long_as_they_were_asked_for_and_lists_are_asked_for_by_id_or_time() -> None:
    async with running() as wire:
        await wire.sim.advance(S)
        for shape, size in (("ACK", 5), ("RESULT", 17), ("FULL", 18)):
            placed = (await send(wire, "orderList/oco", **OCO, newOrderRespType=shape)).body
            assert len(placed["orderReports"][0]) == size
        lists = (await wire.signed("GET", "allOrderList", fromId=2)).body
        assert [made["orderListId"] for made in lists] == [2, 3]
        assert len((await wire.signed("GET", "allOrderList", limit=1)).body) == 1
        clash = await wire.signed("GET", "allOrderList", fromId=1, startTime=1)
        assert clash.error[:2] == (400, -1128)
        assert (await wire.signed("GET", "orderList", orderListId=9)).error[1] == -2013
        assert (await wire.signed("GET", "orderList")).error[1] == -1102


async def test_exchange_info_says_that_symbols_have_lists_and_a_venue_without_stops_has_none() -> None:
    async with running() as wire:
        info = (await wire.get("exchangeInfo", symbol="ETHUSDC")).body["symbols"][0]
        assert (info["ocoAllowed"], info["otoAllowed"], info["opoAllowed"]) == (True, True, False)
        assert {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20} in info["filters"]
    async with running(config(stop_orders=False)) as wire:
        info = (await wire.get("exchangeInfo", symbol="ETHUSDC")).body["symbols"][0]
        assert (info["ocoAllowed"], info["otoAllowed"]) == (False, False)
        for path, kind in (("oco", "OCO"), ("oto", "OTO"), ("otoco", "OTO")):
            error = (await send(wire, f"orderList/{path}", **OCO)).error
            assert error == (400, -2010, f"{kind} orders are not supported for this symbol")
