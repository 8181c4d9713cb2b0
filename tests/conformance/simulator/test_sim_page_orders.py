"""What waits is seen where open orders are: stop orders, order lists and conditional orders, on the page and in the admin state."""

from __future__ import annotations

from typing import Any

import aiohttp
from chromium import Tab, chromium
from simwire import Wire, config
from usdmwire import FuturesWire, usdm_config

from mm_trader.venue.simulator import Simulator

SYMBOL = "ETHUSDC"
STOP: dict[str, Any] = {"symbol": SYMBOL, "side": "SELL", "type": "STOP_LOSS", "quantity": "0.0100"}
OCO: dict[str, Any] = {
    "symbol": SYMBOL,
    "side": "SELL",
    "quantity": "0.0100",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "2700",
    "aboveClientOrderId": "above",
    "belowType": "STOP_LOSS",
    "belowStopPrice": "2500",
    "belowClientOrderId": "below",
    "listClientOrderId": "both",
}
OTO: dict[str, Any] = {
    "symbol": SYMBOL,
    "workingType": "LIMIT",
    "workingSide": "BUY",
    "workingPrice": "2500",
    "workingQuantity": "0.0100",
    "workingTimeInForce": "GTC",
    "workingClientOrderId": "works",
    "pendingType": "STOP_LOSS",
    "pendingSide": "SELL",
    "pendingQuantity": "0.0090",
    "pendingStopPrice": "2400",
    "pendingClientOrderId": "pends",
}
ALGO: dict[str, Any] = {"symbol": SYMBOL, "algoType": "CONDITIONAL", "side": "SELL", "quantity": "0.100"}


async def rows(tab: Tab) -> dict[str, list[str]]:
    """The page's table of open orders, by client id."""
    found = await tab.js(
        "[...document.querySelectorAll('#accounts .orders tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    return {row[1]: row for row in found}


async def test_stop_orders_and_lists_are_shown_with_what_they_wait_for() -> None:
    async with Simulator(config()) as sim, aiohttp.ClientSession() as session, chromium() as tab:
        wire = Wire(sim, session)
        await wire.signed("POST", "order", **STOP, stopPrice="2450", newClientOrderId="stop")
        assert (await wire.signed("POST", "orderList/oco", **OCO)).status == 200
        assert (await wire.signed("POST", "orderList/oto", **OTO)).status == 200
        state = sim.admin.state()["accounts"]["alpha"]
        assert [o["clientOrderId"] for o in state["openOrders"]] == [
            "stop",
            "below",
            "above",
            "works",
            "pends",
        ]
        assert [(made["contingencyType"], made["listOrderStatus"]) for made in state["orderLists"]] == [
            ("OCO", "EXECUTING"),
            ("OTO", "EXECUTING"),
        ]
        assert state["conditionalOrders"] == []
        await tab.open(sim.url + "/")
        assert await tab.until("document.querySelectorAll('#accounts .orders tr').length === 5")
        shown = await rows(tab)
        assert shown["stop"][2:6] == ["SELL", "STOP_LOSS", "", "waits for 2450.0"]
        oco, oto = (f"{made['contingencyType']} {made['orderListId']}" for made in state["orderLists"])
        assert shown["below"][4:7] == [oco, "waits for 2500.0", ""]
        assert shown["above"][4:7] == [oco, "", "2700.0"]
        assert (shown["works"][4], shown["works"][-1]) == (oto, "NEW")
        assert (shown["pends"][4], shown["pends"][-1]) == (oto, "PENDING_NEW")
        # one of a pair ends the other, and the list is no longer open
        await wire.signed("DELETE", "order", symbol=SYMBOL, origClientOrderId="above")
        assert await tab.until("document.querySelectorAll('#accounts .orders tr').length === 3")
        assert [m["contingencyType"] for m in sim.admin.state()["accounts"]["alpha"]["orderLists"]] == ["OTO"]
        assert tab.said == []


async def test_conditional_orders_are_shown_and_cancelled_with_the_others() -> None:
    async with Simulator(usdm_config()) as sim, aiohttp.ClientSession() as session, chromium() as tab:
        wire = FuturesWire(sim, session)
        await wire.taken("BUY", "0.100")
        asked: dict[str, dict[str, Any]] = {
            "stop": {"type": "STOP", "triggerPrice": "2450", "price": "2440", "workingType": "MARK_PRICE"},
            "close": {
                "type": "STOP_MARKET",
                "triggerPrice": "2400",
                "closePosition": "true",
                "quantity": "0",
            },
            "trail": {"type": "TRAILING_STOP_MARKET", "activatePrice": "2900", "callbackRate": "1.5"},
        }
        for name, order in asked.items():
            placed = await wire.signed("POST", "v1/algoOrder", **{**ALGO, **order}, clientAlgoId=name)
            assert placed.status == 200, placed.body
        await wire.order("BUY", await wire.far("BUY"), "0.100", newClientOrderId="rests")
        state = sim.admin.state()["accounts"]["alpha"]
        assert [o["clientAlgoId"] for o in state["conditionalOrders"]] == list(asked)
        assert [o["clientOrderId"] for o in state["openOrders"]] == ["rests"]
        await tab.open(sim.url + "/")
        assert await tab.until("document.querySelectorAll('#accounts .orders tr').length === 4")
        shown = await rows(tab)
        assert shown["stop"][2:] == ["SELL", "STOP", "conditional", "waits for 2450.0", "2440.0", "0.1", "by mark", "NEW"]  # fmt: skip
        assert shown["close"][5:9] == ["waits for 2400.0", "", "position", "by trades"]
        assert shown["trail"][5] == "from 2900.0 by 1.5 %"
        told = await tab.js(
            "[...document.querySelectorAll('#journal tr')].map(r => r.cells[1].textContent + ' ' + r.cells[4].textContent)"
        )
        assert {"algo stop", "algo close", "algo trail", "place rests"} <= set(told)
        # the venue's cancel of everything takes them along
        assert sim.admin.do("cancel", account="alpha") == {"cancelled": 4}
        assert await tab.until("document.querySelectorAll('#accounts .orders tr').length === 0")
        assert tab.said == []
