"""Orders of the futures profile on real sockets: post-only, modify, reduce-only, the countdown, and the refusals in the venue's words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from simwire import BETA_KEY, BETA_SECRET, S
from usdmwire import quiet_market, trading, usdm_config


async def test_an_order_rests_is_listed_and_is_cancelled_with_the_documented_fields() -> None:
    async with trading() as wire:
        price = await wire.far("BUY")
        placed = (await wire.order("BUY", price, newClientOrderId="one")).body
        assert (placed["status"], placed["type"], placed["timeInForce"]) == ("NEW", "LIMIT", "GTC")
        assert (placed["price"], placed["origQty"], placed["positionSide"]) == (price, "0.100", "BOTH")
        listed = (await wire.signed("GET", "v1/openOrders", symbol="ETHUSDC")).body
        assert [row["clientOrderId"] for row in listed] == ["one"]
        asked = (await wire.signed("GET", "v1/order", symbol="ETHUSDC", origClientOrderId="one")).body
        assert asked["orderId"] == placed["orderId"]
        gone = (await wire.signed("DELETE", "v1/order", symbol="ETHUSDC", orderId=placed["orderId"])).body
        assert (gone["status"], gone["clientOrderId"]) == ("CANCELED", "one")
        again = await wire.signed("DELETE", "v1/order", symbol="ETHUSDC", orderId=placed["orderId"])
        assert again.error == (400, -2011, "Unknown order sent.")


async def test_a_post_only_order_rests_and_one_that_would_take_is_refused_with_5022() -> None:
    async with trading() as wire:
        resting = (await wire.order("BUY", await wire.far("BUY"), timeInForce="GTX")).body
        assert (resting["status"], resting["timeInForce"], resting["type"]) == ("NEW", "GTX", "LIMIT")
        ask = (await wire.book())["askPrice"]
        refused = await wire.order("BUY", ask, timeInForce="GTX")
        assert refused.error[:2] == (400, -5022)
        assert "Post Only" in refused.error[2]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": "0.0005"}, -1111),
        ({"quantity": "0.001"}, -4164),
        ({"quantity": "0"}, -4003),
        ({"quantity": "2000000"}, -4005),
        ({"price": "2000.005"}, -1111),
        ({"price": "0.001"}, -1111),
        ({"price": "99999999"}, -4002),
        ({"selfTradePreventionMode": "DECREMENT"}, -5039),
        ({"newClientOrderId": "x" * 37}, -4015),
        ({"newClientOrderId": "a b"}, -1100),
        ({"price": "2000"}, -4024),
        ({"side": "SELL", "price": "9000"}, -4016),
        ({"quantity": "1000"}, -2019),
        ({"positionSide": "LONG"}, -4061),
        ({"timeInForce": "XXX"}, -1115),
        ({"side": "HOLD"}, -1117),
        ({"type": "STOP"}, -4120),
        ({"type": "ICEBERG"}, -1116),
        ({"symbol": "NOPEUSDC"}, -1121),
        ({"price": ""}, -1102),
    ],
)
async def test_what_cannot_be_placed_is_refused_with_the_futures_code(
    changes: dict[str, str], code: int
) -> None:
    async with trading() as wire:
        price = await wire.far("BUY")
        order = {"symbol": "ETHUSDC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        refused = await wire.signed(
            "POST", "v1/order", **{**order, "quantity": "0.100", "price": price, **changes}
        )
        assert refused.error[:2] == (400, code)


async def test_a_client_id_that_is_open_is_refused_as_duplicate() -> None:
    async with trading() as wire:
        price = await wire.far("BUY")
        await wire.order("BUY", price, newClientOrderId="one")
        assert (await wire.order("BUY", price, newClientOrderId="one")).error[1] == -4116


async def test_modify_changes_price_and_quantity_and_keeps_the_id() -> None:
    async with trading() as wire:
        stream = await wire.user_stream()
        first, second = await wire.far("BUY"), f"{float(await wire.far('BUY')) - 1:.2f}"
        placed = (await wire.order("BUY", first, newClientOrderId="one", timeInForce="GTX")).body
        changed = await wire.signed(
            "PUT",
            "v1/order",
            symbol="ETHUSDC",
            side="BUY",
            orderId=placed["orderId"],
            price=second,
            quantity="0.200",
        )
        body = changed.body
        assert (body["orderId"], body["price"], body["origQty"]) == (placed["orderId"], second, "0.200")
        event = await stream.until(lambda m: m["e"] == "ORDER_TRADE_UPDATE" and m["o"]["x"] == "AMENDMENT")
        assert (event["o"]["c"], event["o"]["p"], event["o"]["X"]) == ("one", second, "NEW")
        same = await wire.signed(
            "PUT",
            "v1/order",
            symbol="ETHUSDC",
            side="BUY",
            orderId=placed["orderId"],
            price=second,
            quantity="0.200",
        )
        assert same.error == (400, -5027, "No need to modify the order.")


async def test_a_post_only_order_modified_into_the_market_is_cancelled() -> None:
    async with trading() as wire:
        placed = (await wire.order("BUY", await wire.far("BUY"), timeInForce="GTX")).body
        ask = (await wire.book())["askPrice"]
        changed = (
            await wire.signed(
                "PUT",
                "v1/order",
                symbol="ETHUSDC",
                side="BUY",
                orderId=placed["orderId"],
                price=ask,
                quantity="0.100",
            )
        ).body
        assert (changed["status"], changed["executedQty"]) == ("CANCELED", "0.000")
        assert (await wire.account())["totalOpenOrderInitialMargin"] == "0.00000000"


async def test_a_modify_that_cannot_be_backed_leaves_the_order_as_it_was() -> None:
    async with trading() as wire:
        price = await wire.far("BUY")
        placed = (await wire.order("BUY", price)).body
        before = (await wire.account())["totalOpenOrderInitialMargin"]
        refused = await wire.signed(
            "PUT",
            "v1/order",
            symbol="ETHUSDC",
            side="BUY",
            orderId=placed["orderId"],
            price=price,
            quantity="900",
        )
        assert refused.error[1] == -2019
        kept = (await wire.signed("GET", "v1/order", symbol="ETHUSDC", orderId=placed["orderId"])).body
        assert (kept["status"], kept["origQty"]) == ("NEW", "0.100")
        assert (await wire.account())["totalOpenOrderInitialMargin"] == before


async def test_reduce_only_is_refused_without_a_position_and_cut_to_the_one_there_is() -> None:
    async with trading() as wire:
        assert (await wire.taken("SELL", reduceOnly="true")).error == (
            400,
            -2022,
            "ReduceOnly Order is rejected.",
        )
        await wire.taken("BUY", "0.100")
        assert (await wire.taken("BUY", "0.100", reduceOnly="true")).error[1] == -2022
        closed = (await wire.taken("SELL", "5.000", reduceOnly="true")).body
        assert (closed["status"], closed["origQty"], closed["executedQty"]) == ("FILLED", "0.100", "0.100")
        assert await wire.position() is None


async def test_a_resting_reduce_only_order_ends_with_the_position_that_it_would_reduce() -> None:
    async with trading() as wire:
        await wire.taken("BUY", "0.100")
        resting = (await wire.order("SELL", await wire.far("SELL"), reduceOnly="true")).body
        assert resting["reduceOnly"] is True
        await wire.taken("SELL", "0.100")
        asked = (await wire.signed("GET", "v1/order", symbol="ETHUSDC", orderId=resting["orderId"])).body
        assert asked["status"] == "EXPIRED"


async def test_the_countdown_cancels_one_symbol_when_it_is_not_refreshed() -> None:
    async with trading() as wire:
        price = await wire.far("BUY")
        await wire.order("BUY", price)
        other = f"{float((await wire.book('BTCUSDC'))['bidPrice']) * 0.97:.1f}"
        await wire.order("BUY", other, "0.010", symbol="BTCUSDC")

        async def arm(ms: str) -> None:
            answer = await wire.signed("POST", "v1/countdownCancelAll", symbol="ETHUSDC", countdownTime=ms)
            assert answer.body == {"symbol": "ETHUSDC", "countdownTime": ms}

        async def open_symbols() -> list[str]:
            return [row["symbol"] for row in (await wire.signed("GET", "v1/openOrders")).body]

        await arm("2000")
        await wire.sim.advance(S)
        await arm("2000")
        await wire.sim.advance(int(1.9 * S))
        assert await open_symbols() == ["ETHUSDC", "BTCUSDC"]
        await wire.sim.advance(int(0.2 * S))
        assert await open_symbols() == ["BTCUSDC"]
        await wire.order("BUY", await wire.far("BUY"))
        await arm("1000")
        await arm("0")
        await wire.sim.advance(5 * S)
        assert sorted(await open_symbols()) == ["BTCUSDC", "ETHUSDC"]


async def test_cancel_all_and_batches_answer_each_order_by_itself() -> None:
    async with trading() as wire:
        price = await wire.far("BUY")
        row = {"symbol": "ETHUSDC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTX", "price": price}
        rows = [{**row, "quantity": "0.100"}, {**row, "quantity": "0.0001"}]
        answers = (await wire.signed("POST", "v1/batchOrders", batchOrders=json.dumps(rows))).body
        assert (answers[0]["status"], answers[1]["code"]) == ("NEW", -1111)
        ids = json.dumps([answers[0]["orderId"], 999])
        gone = (await wire.signed("DELETE", "v1/batchOrders", symbol="ETHUSDC", orderIdList=ids)).body
        assert (gone[0]["status"], gone[1]["code"]) == ("CANCELED", -2011)
        await wire.order("BUY", price)
        done = await wire.signed("DELETE", "v1/allOpenOrders", symbol="ETHUSDC")
        assert done.body["code"] == 200
        assert (await wire.signed("GET", "v1/openOrders")).body == []


async def test_the_websocket_api_places_modifies_asks_and_cancels() -> None:
    async with trading() as wire:
        api = await wire.api()
        price = await wire.far("BUY")
        order = {"symbol": "ETHUSDC", "side": "BUY"}
        placed = await api.signed(
            "order.place", **order, type="LIMIT", timeInForce="GTX", quantity="0.100", price=price
        )
        assert placed["status"] == 200
        number = placed["result"]["orderId"]
        kinds = {(r["rateLimitType"], r["interval"], r["intervalNum"]) for r in placed["rateLimits"]}
        assert kinds == {("REQUEST_WEIGHT", "MINUTE", 1), ("ORDERS", "SECOND", 10), ("ORDERS", "MINUTE", 1)}
        changed = await api.signed("order.modify", **order, orderId=number, quantity="0.150", price=price)
        assert changed["result"]["origQty"] == "0.150"
        asked = await api.signed("order.status", symbol="ETHUSDC", orderId=number)
        assert asked["result"]["status"] == "NEW"
        gone = await api.signed("order.cancel", symbol="ETHUSDC", orderId=number)
        assert gone["result"]["status"] == "CANCELED"
        refused = await api.signed("order.cancel", symbol="ETHUSDC", orderId=number)
        assert (refused["status"], refused["error"]["code"]) == (400, -2011)
        assert (await api.signed("v2/account.balance"))["result"][0]["asset"] == "USDC"
        assert (await api.signed("account.position"))["result"][0]["leverage"] == "20"


async def test_another_accounts_orders_are_not_to_be_seen() -> None:
    async with trading() as wire:
        await wire.order("BUY", await wire.far("BUY"))
        assert (await wire.signed("GET", "v1/openOrders", key=BETA_KEY, secret=BETA_SECRET)).body == []


async def test_spot_paths_are_refused_in_json() -> None:
    async with trading() as wire:
        assert (await wire.raw("GET", "/api/v3/depth?symbol=ETHUSDC")).error[:2] == (404, -1000)
        assert (await wire.get("v1/ping")).body == {}


async def test_an_order_good_till_a_date_expires_by_itself_and_not_before(tmp_path: Path) -> None:
    async with trading(usdm_config(quiet_market(tmp_path))) as wire:
        user = await wire.user_stream()
        price, now = await wire.far("BUY"), wire.timestamp()
        for date, code in ((None, -1102), (now + 600_000, -5040)):
            more = {} if date is None else {"goodTillDate": date}
            assert (await wire.order("BUY", price, timeInForce="GTD", **more)).body["code"] == code
        until = now // 1000 * 1000 + 602_000
        placed = (await wire.order("BUY", price, timeInForce="GTD", goodTillDate=until + 999)).body
        assert (placed["status"], placed["timeInForce"], placed["goodTillDate"]) == ("NEW", "GTD", until)
        assert (await user.json())["o"]["gtd"] == until
        await wire.sim.advance(601 * S)
        assert len((await wire.signed("GET", "v1/openOrders", symbol="ETHUSDC")).body) == 1
        await wire.sim.advance(2 * S)
        event = await user.until(lambda m: m["e"] == "ORDER_TRADE_UPDATE")
        assert (event["o"]["x"], event["o"]["X"], event["o"]["f"]) == ("EXPIRED", "EXPIRED", "GTD")
        assert (await wire.account())["totalOpenOrderInitialMargin"] == "0.00000000"


async def test_orders_are_modified_in_batches() -> None:
    async with trading() as wire:
        price = await wire.far("BUY")
        placed = (await wire.order("BUY", price)).body["orderId"]
        row = {"symbol": "ETHUSDC", "side": "BUY", "quantity": "0.200", "price": price}
        rows = [{**row, "orderId": placed}, {**row, "orderId": 1}]
        answers = (await wire.signed("PUT", "v1/batchOrders", batchOrders=json.dumps(rows))).body
        assert (answers[0]["origQty"], answers[1]["code"]) == ("0.200", -2013)
