"""Every row of cancelReplace's result table."""

from __future__ import annotations

from typing import Any

import pytest
from simwire import Wire, config, running

from mm_trader.venue.simulator.config import LimitConfig

GOOD, BAD = "0.0100", "100"
"""A quantity that is accepted, and one the account cannot pay (an engine refusal, not a filter)."""

ROWS = [
    ("STOP_ON_FAILURE", True, GOOD, 200, None, "SUCCESS", "SUCCESS"),
    ("STOP_ON_FAILURE", True, BAD, 409, -2021, "SUCCESS", "FAILURE"),
    ("STOP_ON_FAILURE", False, GOOD, 400, -2022, "FAILURE", "NOT_ATTEMPTED"),
    ("ALLOW_FAILURE", True, GOOD, 200, None, "SUCCESS", "SUCCESS"),
    ("ALLOW_FAILURE", True, BAD, 409, -2021, "SUCCESS", "FAILURE"),
    ("ALLOW_FAILURE", False, GOOD, 409, -2021, "FAILURE", "SUCCESS"),
    ("ALLOW_FAILURE", False, BAD, 400, -2022, "FAILURE", "FAILURE"),
]


async def replace(wire: Wire, mode: str, order_id: int, quantity: str, **more: Any) -> Any:
    return await wire.signed(
        "POST",
        "order/cancelReplace",
        symbol="ETHUSDC",
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        price="2501",
        quantity=quantity,
        cancelReplaceMode=mode,
        cancelOrderId=order_id,
        **more,
    )


@pytest.mark.parametrize(("mode", "exists", "quantity", "status", "code", "cancel", "new"), ROWS)
async def test_each_combination_of_results_has_its_status_and_both_halves(
    wire: Wire, mode: str, exists: bool, quantity: str, status: int, code: int | None, cancel: str, new: str
) -> None:
    order_id = (await wire.order("BUY", "2500")).body["orderId"] if exists else 999_999
    reply = await replace(wire, mode, order_id, quantity)
    assert reply.status == status
    data = reply.body if code is None else reply.body["data"]
    if code is not None:
        assert reply.body["code"] == code
    assert (data["cancelResult"], data["newOrderResult"]) == (cancel, new)
    for result, half in ((cancel, data["cancelResponse"]), (new, data["newOrderResponse"])):
        if result == "SUCCESS":
            assert "orderId" in half
        elif result == "FAILURE":
            assert sorted(half) == ["code", "msg"]
        else:
            assert half is None
    assert len(wire.sim.engine.accounts["alpha"].open) == (1 if new == "SUCCESS" else 0)


async def test_a_filter_failure_leaves_the_old_order_alone(wire: Wire) -> None:
    order = (await wire.order("BUY", "2500")).body
    reply = await replace(wire, "ALLOW_FAILURE", order["orderId"], "0.00001")
    assert reply.error == (400, -1013, "Filter failure: LOT_SIZE")
    assert list(wire.sim.engine.accounts["alpha"].open) == [order["orderId"]]


async def test_a_restricted_cancel_of_a_partly_filled_order_fails(wire: Wire) -> None:
    order = (await wire.order("BUY", "2500")).body
    reply = await replace(
        wire, "STOP_ON_FAILURE", order["orderId"], GOOD, cancelRestrictions="ONLY_PARTIALLY_FILLED"
    )
    assert reply.body["data"]["cancelResponse"]["msg"] == "Order was not canceled due to cancel restrictions."


@pytest.mark.parametrize("mode", ["STOP_ON_FAILURE", "ALLOW_FAILURE"])
@pytest.mark.parametrize("exceeded", ["DO_NOTHING", None])
async def test_beyond_the_order_limit_neither_half_is_tried(mode: str, exceeded: str | None) -> None:
    async with running(config(limits=LimitConfig(orders_per_10s=1))) as wire:
        order = (await wire.order("BUY", "2500")).body
        more = {} if exceeded is None else {"orderRateLimitExceededMode": exceeded}
        reply = await replace(wire, mode, order["orderId"], GOOD, **more)
        assert reply.error == (429, -1015, OVER)
        assert int(reply.headers["Retry-After"]) >= 1
        assert "data" not in reply.body
        assert len(wire.sim.engine.accounts["alpha"].open) == 1


OVER = "Too many new orders; current limit is 1 orders per 10 SECOND."
EXCEEDED = [
    ("STOP_ON_FAILURE", True, 429, -2021, "SUCCESS", "FAILURE"),
    ("STOP_ON_FAILURE", False, 429, -2022, "FAILURE", "NOT_ATTEMPTED"),
    ("ALLOW_FAILURE", True, 409, -2021, "SUCCESS", "FAILURE"),
    ("ALLOW_FAILURE", False, 400, -2022, "FAILURE", "FAILURE"),
]


@pytest.mark.parametrize(("mode", "exists", "status", "code", "cancel", "new"), EXCEEDED)
async def test_beyond_the_order_limit_cancel_only_still_cancels(
    mode: str, exists: bool, status: int, code: int, cancel: str, new: str
) -> None:
    async with running(config(limits=LimitConfig(orders_per_10s=1))) as wire:
        order_id = (await wire.order("BUY", "2500")).body["orderId"]
        reply = await replace(
            wire, mode, order_id if exists else 999_999, GOOD, orderRateLimitExceededMode="CANCEL_ONLY"
        )
        assert reply.error[:2] == (status, code)
        assert ("Retry-After" in reply.headers) is (status == 429)
        data = reply.body["data"]
        assert (data["cancelResult"], data["newOrderResult"]) == (cancel, new)
        assert data["newOrderResponse"] == (None if new == "NOT_ATTEMPTED" else {"code": -1015, "msg": OVER})
        assert len(wire.sim.engine.accounts["alpha"].open) == (0 if exists else 1)


async def test_a_replacement_that_the_engine_refused_is_reported_as_rejected(wire: Wire) -> None:
    order_id = (await wire.order("BUY", "2500")).body["orderId"]
    user = await wire.api()
    await user.signed("userDataStream.subscribe.signature")
    await replace(wire, "STOP_ON_FAILURE", order_id, BAD, newClientOrderId="second")
    assert (await user.event(lambda e: e["e"] == "executionReport"))["x"] == "CANCELED"
    refused = await user.event(lambda e: e["e"] == "executionReport")
    assert (refused["x"], refused["X"], refused["r"]) == ("REJECTED", "REJECTED", "INSUFFICIENT_BALANCES")
    assert (refused["c"], refused["w"], refused["z"], "W" in refused) == (
        "second",
        False,
        "0.00000000",
        False,
    )
    asked = await wire.signed("GET", "order", symbol="ETHUSDC", origClientOrderId="second")
    assert asked.error[1] == -2013


async def test_a_replacement_that_is_not_attempted_still_counts_against_the_order_limit(wire: Wire) -> None:
    await replace(wire, "STOP_ON_FAILURE", 999_999, GOOD)
    counts = (await wire.signed("GET", "rateLimit/order")).body
    assert [one["count"] for one in counts] == [1, 1]
