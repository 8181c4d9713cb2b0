"""Self-trade prevention as the venue's FAQ tells it: its scenarios B to G, in replies, queries, lists and user events."""

from __future__ import annotations

from typing import Any

import pytest
from simwire import KEY, SECRET, Wire, config, running

SYMBOL = "ETHUSDC"


def quantities(shape: dict[str, Any]) -> dict[str, str]:
    return {name: shape[name] for name in shape if name.endswith("PreventedQuantity")}


async def sell(wire: Wire, quantity: str, mode: str, price: str = "2600", **more: Any) -> Any:
    return (await wire.order("SELL", price, quantity, selfTradePreventionMode=mode, **more)).body


async def asked(wire: Wire, order_id: int) -> Any:
    return (await wire.signed("GET", "order", symbol=SYMBOL, orderId=order_id)).body


@pytest.fixture
async def bids() -> Any:
    """A venue where alpha alone bids inside the market's spread: 1.2 at 2600.20, 1.3 at 2600.10, 8.1 at 2600; (wire, order ids)."""
    async with running(config()) as wire:
        ids = [
            (await wire.order("BUY", price, quantity)).body["orderId"]
            for price, quantity in (("2600.20", "1.2"), ("2600.10", "1.3"), ("2600", "8.1"))
        ]
        yield wire, ids


async def test_expire_maker_ends_every_order_it_would_meet_and_the_taker_rests(bids: Any) -> None:
    wire, ids = bids
    taker = await sell(wire, "3", "EXPIRE_MAKER")
    assert (taker["status"], taker["executedQty"]) == ("NEW", "0.00000000")
    assert "preventedQuantity" not in taker
    matches = taker["preventedMatches"]
    assert [m["makerOrderId"] for m in matches] == ids
    assert [quantities(m) for m in matches] == [
        {"makerPreventedQuantity": q} for q in ("1.20000000", "1.30000000", "8.10000000")
    ]
    last = await asked(wire, ids[2])
    assert (last["status"], last["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "8.10000000")


async def test_expire_taker_ends_all_of_the_taker_and_leaves_the_book_alone(bids: Any) -> None:
    wire, ids = bids
    taker = await sell(wire, "3", "EXPIRE_TAKER")
    assert (taker["status"], taker["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "3.00000000")
    assert [quantities(m) for m in taker["preventedMatches"]] == [{"takerPreventedQuantity": "3.00000000"}]
    assert (await asked(wire, ids[0]))["status"] == "NEW"


async def test_expire_both_takes_what_is_left_of_either(bids: Any) -> None:
    wire, ids = bids
    user = await wire.api()
    await user.signed("userDataStream.subscribe.signature", key=KEY, secret=SECRET)
    taker = await sell(wire, "3", "EXPIRE_BOTH")
    assert taker["preventedQuantity"] == "3.00000000"
    assert [quantities(m) for m in taker["preventedMatches"]] == [
        {"takerPreventedQuantity": "3.00000000", "makerPreventedQuantity": "1.20000000"}
    ]
    reports = [await user.event(lambda e: e.get("x") == "TRADE_PREVENTION") for _ in range(2)]
    by_order = {r["i"]: r for r in reports}
    told = {
        "A": ("1.20000000", "3.00000000"),
        "B": ("1.20000000", "3.00000000"),
        "pl": ("1.20000000", "1.20000000"),
        "U": (taker["orderId"], ids[0]),
        "X": ("EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
    }
    for name, values in told.items():
        assert (by_order[ids[0]][name], by_order[taker["orderId"]][name]) == values, name
    assert all("eR" not in r for r in reports)


async def test_decrement_takes_the_overlap_off_both(bids: Any) -> None:
    wire, ids = bids
    taker = await sell(wire, "0.7", "DECREMENT")
    assert (taker["status"], taker["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "0.70000000")
    listed = (await wire.signed("GET", "myPreventedMatches", symbol=SYMBOL, orderId=ids[0])).body
    assert [quantities(m) for m in listed] == [
        {"takerPreventedQuantity": "0.70000000", "makerPreventedQuantity": "0.70000000"}
    ]
    maker = await asked(wire, ids[0])
    assert (maker["status"], maker["preventedQuantity"]) == ("NEW", "0.70000000")


async def test_the_money_of_an_expired_maker_is_free_again(bids: Any) -> None:
    wire, _ = bids
    await sell(wire, "3", "EXPIRE_MAKER")
    account = (await wire.signed("GET", "account")).body
    held = {b["asset"]: b["locked"] for b in account["balances"]}
    assert (held["USDC"], held["ETH"]) == ("0.00000000", "3.00000000")
