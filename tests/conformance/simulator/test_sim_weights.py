"""What each call costs, against the weights that the documentation states, over REST and the WebSocket API."""

from __future__ import annotations

from typing import Any

import pytest
from simwire import Wire

ETH = {"symbol": "ETHUSDC"}
ORDER = {**ETH, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "2500"}
PUBLIC = [
    ("ping", {}, 1),
    ("time", {}, 1),
    ("exchangeInfo", {}, 20),
    ("exchangeInfo", ETH, 20),
    ("depth", ETH, 5),
    ("depth", {**ETH, "limit": "100"}, 5),
    ("depth", {**ETH, "limit": "101"}, 25),
    ("depth", {**ETH, "limit": "500"}, 25),
    ("depth", {**ETH, "limit": "501"}, 50),
    ("depth", {**ETH, "limit": "1001"}, 250),
    ("depth", {**ETH, "limit": "9000"}, 250),
    ("trades", ETH, 25),
    ("historicalTrades", ETH, 25),
    ("aggTrades", ETH, 4),
    ("klines", {**ETH, "interval": "1m"}, 2),
    ("uiKlines", {**ETH, "interval": "1m"}, 2),
    ("avgPrice", ETH, 2),
    ("ticker/24hr", ETH, 2),
    ("ticker/24hr", {}, 80),
    ("ticker/tradingDay", ETH, 4),
    ("ticker", ETH, 4),
    ("ticker/price", ETH, 2),
    ("ticker/price", {}, 4),
    ("ticker/bookTicker", ETH, 2),
    ("ticker/bookTicker", {"symbols": '["ETHUSDC"]'}, 4),
    ("ticker/bookTicker", {}, 4),
    ("executionRules", ETH, 2),
    ("executionRules", {}, 40),
    ("referencePrice", ETH, 2),
]
SIGNED = [
    ("GET", "account", {}, 20),
    ("GET", "account/commission", ETH, 20),
    ("GET", "openOrders", ETH, 6),
    ("GET", "openOrders", {}, 80),
    ("GET", "allOrders", ETH, 20),
    ("GET", "myTrades", ETH, 20),
    ("GET", "myTrades", {**ETH, "orderId": 1}, 5),
    ("GET", "rateLimit/order", {}, 40),
    ("GET", "order", {**ETH, "orderId": 1}, 4),
    ("GET", "order/amendments", {**ETH, "orderId": 1}, 4),
    ("GET", "myPreventedMatches", {**ETH, "orderId": 1}, 20),
    ("GET", "myPreventedMatches", {**ETH, "preventedMatchId": 1}, 2),
    ("GET", "myFilters", ETH, 40),
    ("GET", "myAllocations", ETH, 20),
    ("GET", "openOrderList", {}, 6),
    ("GET", "allOrderList", {}, 20),
    ("POST", "order/test", ORDER, 1),
    ("POST", "order/test", {**ORDER, "computeCommissionRates": "true"}, 20),
    ("POST", "order", {**ORDER, "price": "2500.001"}, 1),
    ("DELETE", "order", {**ETH, "orderId": 1}, 1),
    ("DELETE", "openOrders", ETH, 1),
]
"""Those that change something are refused here: a success gives the weight back."""


async def used(wire: Wire) -> int:
    """Weight used so far, without this question's own."""
    return int((await wire.get("ping")).headers["X-MBX-USED-WEIGHT-1M"]) - 1


@pytest.mark.parametrize(("path", "params", "weight"), PUBLIC)
async def test_a_public_call_costs_its_documented_weight(
    wire: Wire, path: str, params: dict[str, str], weight: int
) -> None:
    await wire.get(path, **params)
    assert await used(wire) == weight


@pytest.mark.parametrize(("method", "path", "params", "weight"), SIGNED)
async def test_a_signed_call_costs_its_documented_weight(
    wire: Wire, method: str, path: str, params: dict[str, Any], weight: int
) -> None:
    await wire.signed(method, path, **params)
    assert await used(wire) == weight


async def test_successful_orders_and_cancels_cost_nothing_but_an_amend_its_four(wire: Wire) -> None:
    order = (await wire.signed("POST", "order", **ORDER, newClientOrderId="a")).body
    assert await used(wire) == 0
    await wire.signed("PUT", "order/amend/keepPriority", **ETH, orderId=order["orderId"], newQty="0.009")
    assert await used(wire) == 1 + 4
    replaced = await wire.signed(
        "POST",
        "order/cancelReplace",
        **ORDER,
        cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrderId=order["orderId"],
    )
    await wire.signed("DELETE", "order", **ETH, orderId=replaced.body["newOrderResponse"]["orderId"])
    await wire.order("BUY", "2500")
    await wire.signed("DELETE", "openOrders", **ETH)
    assert await used(wire) == 2 + 4
    counts = (await wire.signed("GET", "rateLimit/order")).body
    assert [c["count"] for c in counts] == [3, 3]


async def test_a_websocket_api_connection_costs_two_and_its_calls_what_they_cost_over_rest(
    wire: Wire,
) -> None:
    api = await wire.api()
    assert await used(wire) == 2
    reply = await api.call("ticker.book", **ETH)
    (limit,) = reply["rateLimits"]
    assert (limit["rateLimitType"], limit["count"]) == ("REQUEST_WEIGHT", 3 + 2)
