"""Details of spot orders and their lists that the documentation states: amends, expiry reasons, windows, combinations."""

from __future__ import annotations

import pytest
from simwire import Wire


async def test_an_order_may_be_amended_ten_times(wire: Wire) -> None:
    order = (await wire.order("BUY", "2500", "0.0500")).body
    replies = [
        await wire.signed(
            "PUT",
            "order/amend/keepPriority",
            symbol="ETHUSDC",
            orderId=order["orderId"],
            newQty=f"0.0{499 - n}",
        )
        for n in range(11)
    ]
    assert [r.status for r in replies] == [200] * 10 + [400]
    assert replies[-1].error == (400, -2038, "Filter failure: MAX_NUM_ORDER_AMENDS")


@pytest.mark.parametrize(
    ("params", "reason", "executed"),
    [
        ({"type": "LIMIT", "timeInForce": "IOC"}, "UNFILLED_IOC_QUANTITY_EXPIRED", "0.00000000"),
        ({"type": "LIMIT", "timeInForce": "FOK"}, "UNFILLED_FOK_ORDER_EXPIRED", "0.00000000"),
    ],
)
async def test_an_expired_order_says_why(
    wire: Wire, params: dict[str, str], reason: str, executed: str
) -> None:
    api = await wire.api()
    await api.signed("userDataStream.subscribe.signature")
    reply = await wire.signed(
        "POST", "order", symbol="ETHUSDC", side="BUY", quantity="0.01", price="2500", **params
    )
    assert (reply.body["status"], reply.body["expiryReason"]) == ("EXPIRED", reason)
    event = await api.event(lambda e: e.get("x") == "EXPIRED")
    assert (event["X"], event["eR"], event["z"]) == ("EXPIRED", reason, executed)
    asked = await wire.signed("GET", "order", symbol="ETHUSDC", orderId=reply.body["orderId"])
    assert asked.body["expiryReason"] == reason


@pytest.mark.parametrize(
    ("params", "accepted"),
    [
        ({}, True),
        ({"orderId": 1}, True),
        ({"startTime": 1}, True),
        ({"endTime": 1}, True),
        ({"fromId": 1}, True),
        ({"orderId": 1, "fromId": 1}, True),
        ({"startTime": 1, "endTime": 86_400_001}, True),
        ({"fromId": 1, "startTime": 1}, False),
        ({"fromId": 1, "endTime": 1}, False),
        ({"orderId": 1, "startTime": 1}, False),
        ({"orderId": 1, "startTime": 1, "endTime": 2}, False),
    ],
)
async def test_my_trades_takes_the_documented_combinations_alone(
    wire: Wire, params: dict[str, int], accepted: bool
) -> None:
    reply = await wire.signed("GET", "myTrades", symbol="ETHUSDC", **params)
    if accepted:
        assert reply.status == 200
    else:
        assert reply.error == (400, -1128, "Combination of optional parameters invalid.")


@pytest.mark.parametrize("path", ["allOrders", "myTrades"])
async def test_a_window_of_more_than_24_hours_is_refused(wire: Wire, path: str) -> None:
    reply = await wire.signed("GET", path, symbol="ETHUSDC", startTime=1, endTime=86_400_002)
    assert reply.error == (400, -1127, "More than 24 hours between startTime and endTime.")


async def test_reserved_strategy_types_are_refused(wire: Wire) -> None:
    reply = await wire.order("BUY", "2500", strategyType=999_999)
    assert reply.error == (400, -1134, "`strategyType` was less than 1000000.")
