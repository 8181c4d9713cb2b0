"""Futures orders that take their price from the book (priceMatch), and FOK orders that cannot be filled."""

from __future__ import annotations

from typing import Any

import pytest
from simwire import BETA_KEY, BETA_SECRET
from usdmwire import FuturesWire, trading

SYMBOL = "ETHUSDC"
ORDER: dict[str, Any] = {"symbol": SYMBOL, "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.100"}


async def place(wire: FuturesWire, **order: Any) -> Any:
    return await wire.signed("POST", "v1/order", **ORDER | order)


async def level(wire: FuturesWire, side: str, number: int) -> str:
    return (await wire.get("v1/depth", symbol=SYMBOL, limit=50)).body[side][number - 1][0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("side", "mode", "book", "number"),
    [
        ("BUY", "QUEUE", "bids", 1),
        ("BUY", "QUEUE_5", "bids", 5),
        ("SELL", "QUEUE_10", "asks", 10),
        ("SELL", "OPPONENT_5", "bids", 5),
    ],
)
async def test_a_limit_order_may_take_its_price_from_a_level_of_the_book(
    side: str, mode: str, book: str, number: int
) -> None:
    async with trading() as wire:
        stream = await wire.user_stream()
        price = await level(wire, book, number)
        placed = (await place(wire, side=side, priceMatch=mode)).body
        assert (placed["price"], placed["priceMatch"]) == (price, mode)
        assert (await stream.json())["o"]["pm"] == mode


async def test_a_changed_order_may_take_its_price_from_the_book() -> None:
    async with trading() as wire:
        placed = (await place(wire, side="BUY", price=await wire.far("BUY"))).body
        change = {"symbol": SYMBOL, "orderId": placed["orderId"], "side": "BUY", "quantity": "0.100"}
        changed = (await wire.signed("PUT", "v1/order", **change, priceMatch="QUEUE_5")).body
        assert (changed["price"], changed["priceMatch"]) == (await level(wire, "bids", 5), "QUEUE_5")


async def test_a_triggered_order_takes_its_price_from_the_book_of_then() -> None:
    async with trading() as wire:
        stop = {"algoType": "CONDITIONAL", "type": "STOP", "side": "SELL", "priceMatch": "QUEUE_5"}
        waits = (await wire.signed("POST", "v1/algoOrder", **{**ORDER, **stop}, triggerPrice="2500")).body
        assert (waits["price"], waits["priceMatch"]) == ("0.00", "QUEUE_5")
        wire.sim.admin.do("price", symbol=SYMBOL, to=2490.0)
        trade = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.010"}
        await wire.signed("POST", "v1/order", key=BETA_KEY, secret=BETA_SECRET, **trade)
        (order,) = (await wire.signed("GET", "v1/openOrders")).body
        assert order["priceMatch"] == "QUEUE_5"
        assert 2400 < float(order["price"]) < 2600


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"priceMatch": "BEST"}, -5037),
        ({"priceMatch": "QUEUE", "price": "2500"}, -1106),
        ({"priceMatch": "QUEUE", "type": "MARKET", "timeInForce": None}, -5038),
        ({"priceMatch": "NONE"}, -1102),
    ],
)
async def test_a_price_match_that_makes_no_sense_is_refused(change: dict[str, Any], code: int) -> None:
    async with trading() as wire:
        sent = {name: value for name, value in {"side": "BUY", **change}.items() if value is not None}
        order = {name: value for name, value in ORDER.items() if change.get(name, value) is not None}
        assert (await wire.signed("POST", "v1/order", **order | sent)).error[:2] == (400, code)


async def test_a_level_that_the_book_does_not_have_is_no_price() -> None:
    async with trading() as wire:
        bids = (await wire.get("v1/depth", symbol=SYMBOL, limit=50)).body["bids"]
        assert 15 <= len(bids) < 20
        refused = (await place(wire, side="BUY", priceMatch="QUEUE_20")).error
        assert refused == (400, -5041, "No depth matches this BBO order")


async def test_a_fok_order_is_filled_at_once_or_refused_without_a_trace() -> None:
    async with trading() as wire:
        stream = await wire.user_stream()
        refused = (await place(wire, side="BUY", price=await wire.far("BUY"), timeInForce="FOK")).error
        assert refused[:2] == (400, -5021)
        assert (await wire.signed("GET", "v1/allOrders", symbol=SYMBOL)).body == []
        taken = (await place(wire, side="BUY", priceMatch="OPPONENT_5", timeInForce="FOK")).body
        assert taken["status"] == "FILLED"
        assert (await stream.json())["o"]["i"] == taken["orderId"]
