"""The ledger field by field: what a trade, a fee, a mark, a funding and a restart each change, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from kernel_driver import eth_rules
from test_ledger import trade

from mm_api.redis_contract import PositionRecord
from mm_trader.core.events import Side
from mm_trader.core.units import UnitError
from mm_trader.risk.ledger import Position

UNIT = 10**16
"""One unit of quote in money."""
TICK, LOT = 10**6, 10**4
"""0.01 quote and 0.0001 base in 10^-8."""


def state(position: Position) -> dict[str, Any]:
    """Its fields that are not those of an empty one."""
    empty = Position(eth_rules())
    return {
        name: getattr(position, name)
        for name in Position.__slots__
        if name not in ("rules", "net", "mark2") and getattr(position, name) != getattr(empty, name)
    }


def bought(lots: int = 100, price: int = 250_000) -> Position:
    position = Position(eth_rules())
    assert position.book(trade(Side.BUY, price, lots), {}) is True
    return position


def test_an_empty_position_is_nothing():
    position = Position(eth_rules())
    assert (position.tick, position.lot) == (TICK, LOT)
    assert position.record(-1, []) == PositionRecord(mark=Decimal(0))
    assert (position.realised, position.unrealised, position.whole_lots, position.net) == (0, 0, 0, 0)


def test_a_first_trade_is_marked_at_its_own_price():
    position = bought()
    assert state(position) == {"base": 100 * LOT, "cash": -25 * UNIT, "cost": 25 * UNIT}
    assert (position.mark2, position.net) == (500_000, 0)


def test_a_later_trade_leaves_the_mark_of_the_market():
    position = bought()
    position.set_mark(500_400)
    position.book(trade(Side.BUY, 251_000, 100), {})
    assert position.mark2 == 500_400
    assert position.net == 2 * 25 * UNIT + 4 * UNIT // 100 - (25 + Decimal("25.1")) * UNIT


def test_a_mark_gives_the_change_of_net_and_rounds_down():
    position = bought()
    assert position.set_mark(500_200) == UNIT // 100
    assert position.set_mark(499_800) == -2 * UNIT // 100
    assert position.net == -UNIT // 100
    fine = Position(eth_rules(tick=Decimal("0.00000001"), lot=Decimal("0.00000001")))
    fine.base = 1
    assert (fine.set_mark(3), fine.set_mark(5)) == (1, 1)
    fine.base = -1
    fine.set_mark(3)
    assert fine.net == -2


@pytest.mark.parametrize("before", [1, -1])
def test_more_on_the_same_side_adds_to_the_cost(before):
    side = Side.BUY if before > 0 else Side.SELL
    position = Position(eth_rules())
    position.book(trade(side, 250_000, 100), {})
    position.book(trade(side, 260_000, 300), {})
    assert position.base == before * 400 * LOT
    assert position.cost == before * (25 + 78) * UNIT
    assert position.realised == 0


@pytest.mark.parametrize(
    "lots,base,cost,realised",
    [
        (25, 75, Decimal("18.75"), Decimal("0.25")),
        (100, 0, 0, 1),
        (150, -50, Decimal(-13), 1),
    ],
)
def test_less_keeps_the_average_and_beyond_zero_begins_anew_at_the_price(lots, base, cost, realised):
    position = bought()
    position.book(trade(Side.SELL, 260_000, lots), {})
    assert (position.base, position.cost) == (base * LOT, cost * UNIT)
    assert position.realised == realised * UNIT


def test_a_short_that_is_bought_back_realises_its_gain():
    position = Position(eth_rules())
    position.book(trade(Side.SELL, 260_000, 100), {})
    assert (position.base, position.cost, position.whole_lots) == (-100 * LOT, -26 * UNIT, -100)
    position.book(trade(Side.BUY, 250_000, 60), {})
    assert (position.base, position.realised) == (-40 * LOT, Decimal("0.6") * UNIT)


def test_a_fee_in_quote_lowers_cash_and_a_rebate_raises_it():
    position = Position(eth_rules())
    position.book(trade(Side.BUY, 250_000, 100, "0.025"), {})
    assert state(position)["fees"] == 25 * UNIT // 1000
    assert position.cash == -25 * UNIT - 25 * UNIT // 1000
    position.book(trade(Side.SELL, 250_000, 100, "-0.005"), {})
    assert (position.fees, position.cash) == (20 * UNIT // 1000, -20 * UNIT // 1000)


def test_a_fee_in_base_lowers_the_position_and_costs_its_price():
    position = Position(eth_rules())
    position.book(trade(Side.BUY, 250_000, 100, "0.00001", "ETH"), {"ETH": Decimal(1)})
    assert position.base == 100 * LOT - 1000
    assert (position.fees, position.cash) == (25 * UNIT // 1000, -25 * UNIT)
    position.book(trade(Side.BUY, 200_000, 100, "0.00001", "ETH"), {})
    assert position.fees == 45 * UNIT // 1000


@pytest.mark.parametrize(
    "fee,rate,money",
    [
        ("0.00001", "587.31", 58_731_000_000_000),
        ("0.00000001", "0.123456789", 12_345_679),
        ("-0.00000001", "0.123456789", -12_345_678),
        ("0.00000001", "0.00000001", 1),
    ],
)
def test_a_fee_in_another_asset_is_converted_and_rounded_against_us(fee, rate, money):
    position = Position(eth_rules())
    assert position.book(trade(Side.BUY, 250_000, 100, fee, "BNB"), {"BNB": Decimal(rate)}) is True
    assert (position.fees, position.cash) == (money, -25 * UNIT - money)
    assert position.other_fees == {}


def test_a_fee_without_a_rate_is_aside_and_the_trade_is_booked():
    position = Position(eth_rules())
    assert position.book(trade(Side.BUY, 250_000, 100, "0.00003", "BNB"), {"XYZ": Decimal(1)}) is False
    assert state(position) == {
        "base": 100 * LOT,
        "cash": -25 * UNIT,
        "cost": 25 * UNIT,
        "other_fees": {"BNB": Decimal("0.00003")},
    }


def test_funding_is_cash_and_its_time_only_grows():
    position = bought()
    position.fund(Decimal("-0.5"), 2000)
    position.fund(Decimal("0.2"), 1000)
    assert (position.funding, position.funded_ms) == (-3 * UNIT // 10, 2000)
    assert (position.cash, position.net) == (-25 * UNIT - 3 * UNIT // 10, -3 * UNIT // 10)
    with pytest.raises(UnitError):
        position.fund(Decimal("1e-17"), 3000)


def test_what_is_written_off_is_closed_at_the_last_mark():
    position = bought()
    position.set_mark(510_000)
    position.write_off()
    assert state(position) == {"cash": UNIT // 2}
    assert (position.net, position.realised, position.unrealised) == (UNIT // 2, UNIT // 2, 0)


@pytest.mark.parametrize(
    "base,lots", [(19_999, 1), (20_000, 2), (-19_999, -1), (-20_000, -2), (9_999, 0), (0, 0)]
)
def test_dust_below_a_lot_is_cut_off_towards_zero(base, lots):
    position = Position(eth_rules())
    position.base = base
    assert position.whole_lots == lots


def test_a_record_has_the_exact_amounts_and_a_restart_goes_on_from_them():
    position = bought(lots=300)
    position.book(trade(Side.SELL, 250_100, 100, "0.025"), {})
    position.book(trade(Side.SELL, 250_100, 1, "0.00003", "BNB"), {})
    position.fund(Decimal("0.125"), 4000)
    position.set_mark(500_301)
    record = position.record(41, [43, 45])
    cash = Decimal(-75) + Decimal("25.01") - Decimal("0.025") + Decimal("0.2501") + Decimal("0.125")
    assert record == PositionRecord(
        position=Decimal("0.0199"),
        cash=cash,
        average_price=Decimal(2500),
        realised=cash + Decimal("49.75"),
        fees=Decimal("0.025"),
        other_fees={"BNB": Decimal("0.00003")},
        last_trade_id=41,
        booked_trade_ids=[43, 45],
        funding=Decimal("0.125"),
        last_funding_ms=4000,
        mark=Decimal("2501.505"),
    )
    again = Position(eth_rules(), record)
    assert {n: getattr(again, n) for n in Position.__slots__ if n != "rules"} == {
        n: getattr(position, n) for n in Position.__slots__ if n != "rules"
    }


def test_the_average_price_has_ten_decimals():
    position = Position(eth_rules())
    position.book(trade(Side.BUY, 250_000, 1), {})
    position.book(trade(Side.BUY, 250_001, 2), {})
    assert position.record(0, []).average_price == Decimal("2500.0066666667")


def test_a_record_of_a_position_written_off_is_marked_at_nothing_held():
    position = Position(eth_rules())
    position.set_mark(500_001)
    assert position.record(0, []).average_price == 0
    assert position.record(0, []).mark == Decimal("2500.005")


def test_a_trade_that_its_commission_eats_up_moves_no_base_and_costs_its_price():
    position = bought()
    position.book(trade(Side.BUY, 240_000, 1, "0.0001", "ETH"), {})
    assert (position.base, position.cost) == (100 * LOT, 25 * UNIT)
    assert position.cash == -25 * UNIT - 24 * UNIT // 100
