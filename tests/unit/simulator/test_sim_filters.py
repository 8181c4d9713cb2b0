"""Every filter refuses with the venue's own code and text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simengine import Desk

from mm_trader.venue.simulator.engine.checks import from_e8, to_e8
from mm_trader.venue.simulator.engine.types import E8, SymbolSpec

CASES = [
    ("1", "2600.001", "Filter failure: PRICE_FILTER"),
    ("1", "1000000.01", "Filter failure: PRICE_FILTER"),
    ("1", "0", "Invalid price."),
    ("0.00001", "2600", "Filter failure: LOT_SIZE"),
    ("9000.0001", "2600", "Filter failure: LOT_SIZE"),
    ("0", "2600", "Invalid quantity."),
    ("0.0019", "2600", "Filter failure: NOTIONAL"),
    ("9000", "2600", "Filter failure: NOTIONAL"),
]


@pytest.mark.parametrize(("qty", "price", "text"), CASES)
def test_an_order_outside_a_filter_is_refused_with_its_name(qty: str, price: str, text: str) -> None:
    desk = Desk()
    refusal = desk.refusal(desk.a, "BUY", qty, price)
    assert (refusal.code, refusal.msg) == (-1013, text)


@pytest.mark.parametrize("price", ["13000.01", "519.99"])
def test_a_price_far_from_the_reference_breaks_percent_price_by_side(price: str) -> None:
    desk = Desk()
    desk.place(desk.a, "SELL", "1", "2600")
    desk.place(desk.b, "BUY", "1", "2600")
    assert desk.refusal(desk.b, "BUY", "1", price).msg == "Filter failure: PERCENT_PRICE_BY_SIDE"


def test_the_201st_open_order_breaks_max_num_orders() -> None:
    desk = Desk()
    for _ in range(200):
        desk.place(desk.a, "BUY", "0.002", "2600")
    assert desk.refusal(desk.a, "BUY", "0.002", "2600").msg == "Filter failure: MAX_NUM_ORDERS"


def test_an_order_without_the_money_is_refused_by_the_engine() -> None:
    desk = Desk()
    refusal = desk.refusal(desk.a, "SELL", "10.0001", "2600")
    assert (refusal.code, refusal.msg) == (-2010, "Account has insufficient balance for requested action.")


def test_a_symbol_whose_amounts_would_not_be_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number"):
        SymbolSpec("XUSDC", "X", "USDC", tick_e8=1, lot_e8=1)


@given(st.integers(0, 10**20))
def test_decimals_survive_the_trip_to_text_and_back(value: int) -> None:
    assert to_e8(from_e8(value)) == value


@pytest.mark.parametrize("text", ["", "1e5", "-1", "+1", "1.123456789", "٣", "0x1", ".", "1.2.3", "NaN"])
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        to_e8(text)


def test_trailing_zeros_beyond_eight_decimals_are_no_precision() -> None:
    assert to_e8("1.1000000000") == 11 * E8 // 10
