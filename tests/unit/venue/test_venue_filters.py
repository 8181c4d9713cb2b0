"""Filters that refuse locally, the reference price they use, and fees with their discount."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from mm_trader.core.commands import Modify, Place
from mm_trader.core.events import PublicTrade, Side
from mm_trader.core.units import NS_PER_S, PriceBands, SymbolRules
from mm_trader.venue.binance.filters import Known, LastLook, ReferencePrice, first_failure
from mm_trader.venue.binance.rules import symbol_rules
from mm_trader.venue.binance.wire.replies import CommissionBody, SymbolBody, read_body

BANDS = PriceBands(
    bid_up=Decimal("1.2"), bid_down=Decimal("0.2"), ask_up=Decimal(5), ask_down=Decimal("0.8"), minutes=1
)
RULES = SymbolRules(
    symbol="ETHUSDC",
    base_asset="ETH",
    quote_asset="USDC",
    tick=Decimal("0.01"),
    lot=Decimal("0.0001"),
    min_price=100,
    max_price=10_000_000,
    min_quantity=2,
    max_quantity=100_000,
    min_notional=Decimal(5),
    max_notional=Decimal(20_000),
    bands=BANDS,
    max_position=Decimal(3),
)
ORDER = Place(symbol="ETHUSDC", client_id="a", side=Side.BUY, price=250_000, size=1000)
REFERENCE = 250_000.0


@pytest.mark.parametrize(
    ("changes", "known", "failed"),
    [
        ({}, Known(REFERENCE, Decimal(0)), None),
        ({}, Known(), None),
        ({"price": 99}, Known(), "PRICE_FILTER"),
        ({"price": 10_000_001}, Known(), "PRICE_FILTER"),
        ({"price": 300_000}, Known(REFERENCE), None),
        ({"price": 300_001}, Known(REFERENCE), "PERCENT_PRICE_BY_SIDE"),
        ({"price": 50_000}, Known(REFERENCE), None),
        ({"price": 49_999}, Known(REFERENCE), "PERCENT_PRICE_BY_SIDE"),
        ({"side": Side.SELL, "price": 300_001}, Known(REFERENCE), None),
        ({"side": Side.SELL, "price": 199_999}, Known(REFERENCE), "PERCENT_PRICE_BY_SIDE"),
        ({"size": 1}, Known(), "LOT_SIZE"),
        ({"size": 100_001}, Known(), "LOT_SIZE"),
        ({"size": 19}, Known(), "NOTIONAL"),
        ({"size": 20}, Known(), None),
        ({"size": 80_001}, Known(), "NOTIONAL"),
        ({}, Known(None, Decimal("2.9")), None),
        ({}, Known(None, Decimal("2.9001")), "MAX_POSITION"),
        ({"side": Side.SELL}, Known(None, Decimal("2.9001")), None),
    ],
)
def test_an_order_that_a_filter_would_refuse_is_told_by_its_name(
    changes: dict[str, Any], known: Known, failed: str | None
) -> None:
    assert first_failure(msgspec.structs.replace(ORDER, **changes), RULES, known) == failed


MARGIN = msgspec.structs.replace(
    RULES, initial_margin=Decimal("0.1"), bands=PriceBands(bid_up=Decimal("1.05"), ask_down=Decimal("0.95"))
)


def test_on_margin_the_mark_price_bounds_orders_and_what_only_reduces_has_no_smallest_notional() -> None:
    look = LastLook({"ETHUSDC": MARGIN})
    high = msgspec.structs.replace(ORDER, price=262_501)
    look.on_trade(trade(1, 100_000, 1))
    assert look.refuses(high) is None, "the last trade is not what the venue judges by"
    look.on_mark("ETHUSDC", 250_000.0)
    assert look.refuses(high) == "refused locally: filter PERCENT_PRICE_BY_SIDE"
    assert look.refuses(msgspec.structs.replace(high, price=262_500)) is None
    low_sale = msgspec.structs.replace(ORDER, side=Side.SELL, price=237_499)
    assert look.refuses(low_sale) == "refused locally: filter PERCENT_PRICE_BY_SIDE"
    assert look.refuses(msgspec.structs.replace(ORDER, price=100)) == "refused locally: filter NOTIONAL"
    small = msgspec.structs.replace(ORDER, size=2)
    assert look.refuses(small) == "refused locally: filter NOTIONAL"
    assert look.refuses(msgspec.structs.replace(small, reduce_only=True)) is None


def test_a_modify_is_looked_at_like_a_place() -> None:
    look = LastLook({"ETHUSDC": MARGIN})
    modify = Modify(symbol="ETHUSDC", client_id="a", venue_id=1, side=Side.BUY, price=250_000, size=1000)
    assert look.refuses(modify) is None
    assert look.refuses(msgspec.structs.replace(modify, size=1)) == "refused locally: filter LOT_SIZE"
    assert look.refuses(msgspec.structs.replace(modify, price=99)) == "refused locally: filter PRICE_FILTER"


def trade(seconds: float, price: int, size: int) -> PublicTrade:
    ts = int(seconds * NS_PER_S)
    return PublicTrade(ts=ts, symbol="ETHUSDC", trade_id=1, price=price, size=size, buyer_is_maker=True)


def test_the_reference_is_the_mean_by_size_of_the_last_minutes() -> None:
    reference = ReferencePrice(minutes=1)
    assert reference.ticks() is None
    reference.on_trade(trade(100, 1000, 1))
    reference.on_trade(trade(110, 2000, 3))
    assert reference.ticks() == 1750
    reference.on_trade(trade(165, 4000, 3))
    assert reference.ticks() == pytest.approx(19_000 / 7), "the first is still within a bucket of the minute"
    reference.on_trade(trade(185, 4000, 1))
    assert reference.ticks() == 4000


def test_without_minutes_the_reference_is_the_last_price() -> None:
    reference = ReferencePrice(minutes=0)
    reference.on_trade(trade(1, 1000, 5))
    reference.on_trade(trade(2, 1100, 1))
    assert reference.ticks() == 1100


FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "0", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0", "maxQty": "0", "stepSize": "0.0001"},
    {
        "filterType": "PERCENT_PRICE_BY_SIDE",
        "bidMultiplierUp": "1.2",
        "bidMultiplierDown": "0.2",
        "askMultiplierUp": "5",
        "askMultiplierDown": "0.8",
        "avgPriceMins": 1,
    },
    {"filterType": "MAX_POSITION", "maxPosition": "10.0"},
]


def listed(filters: list[dict[str, Any]]) -> SymbolBody:
    body = {"symbol": "A", "status": "TRADING", "baseAsset": "B", "quoteAsset": "C", "filters": filters}
    return read_body(msgspec.json.encode(body), SymbolBody)


def commission(**discount: Any) -> CommissionBody:
    rate = {"maker": "0.001", "taker": "0.002", "buyer": "0", "seller": "0"}
    tax = {"maker": "0.0001", "taker": "0.0001", "buyer": "0.0002", "seller": "0"}
    body = {"standardCommission": rate, "taxCommission": tax, "discount": discount}
    return read_body(msgspec.json.encode(body), CommissionBody)


def test_bands_and_the_largest_position_are_read() -> None:
    rules = symbol_rules(listed(FILTERS), None)
    assert (rules.bands, rules.max_position, rules.maker_fee) == (BANDS, Decimal(10), 0)
    older = {"filterType": "PERCENT_PRICE", "multiplierUp": "5", "multiplierDown": "0.2", "avgPriceMins": 5}
    bands = symbol_rules(listed([*FILTERS[:2], older]), None).bands
    assert bands is not None
    assert (bands.bid_up, bands.ask_up, bands.bid_down, bands.minutes) == (5, 5, Decimal("0.2"), 5)


def test_the_discount_lowers_the_standard_part_alone_and_only_where_account_and_symbol_take_part() -> None:
    on = {"enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.75"}
    rules = symbol_rules(listed(FILTERS), commission(**on))
    assert rules.maker_fee == Decimal("0.0013")
    assert rules.maker_fee_discounted == Decimal("0.00105")
    assert rules.taker_fee_discounted == Decimal("0.0018")
    assert (rules.fee_discount, rules.fee_discount_asset) == (Decimal("0.75"), "BNB")
    for off in ({"enabledForAccount": False}, {"enabledForSymbol": False}, {"discount": "1"}):
        rules = symbol_rules(listed(FILTERS), commission(**{**on, **off}))
        assert (rules.maker_fee_discounted, rules.fee_discount_asset) == (None, "")
        assert rules.maker_fee == Decimal("0.0013")
