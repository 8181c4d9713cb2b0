"""PnL is the venue's arithmetic to the last digit, whatever asset the commission is in."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_driver import eth_rules

from mm_trader.core.events import Side, TradeView
from mm_trader.core.units import MONEY_UNIT, UnitError, from_money
from mm_trader.risk.ledger import Position

RATES = {"BNB": Decimal("587.31")}


def trade(
    side: Side, price: int, size: int, fee: str = "0", asset: str = "USDC", trade_id: int = 1
) -> TradeView:
    return TradeView(
        symbol="ETHUSDC",
        trade_id=trade_id,
        venue_id=1,
        side=side,
        price=price,
        size=size,
        commission=Decimal(fee),
        commission_asset=asset,
        maker=True,
        venue_ms=0,
    )


fees = st.integers(-500_000, 5_000_000).map(lambda units: str(Decimal(units).scaleb(-8)))
trades = st.lists(
    st.builds(
        trade,
        st.sampled_from(Side),
        st.integers(100, 1_000_000),
        st.integers(1, 100_000),
        fees,
        st.sampled_from(["USDC", "ETH", "BNB"]),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(trades=trades, mark2=st.integers(200, 2_000_000))
def test_net_pnl_is_exactly_what_the_account_gained(trades, mark2):
    position = Position(eth_rules())
    quote = base = bnb = Fraction(0)
    paid = Fraction(0)
    for each in trades:
        price, size = Fraction(each.price, 100), Fraction(each.size, 10_000)
        quote -= each.side.sign * price * size
        base += each.side.sign * size
        fee = Fraction(each.commission)
        if each.commission_asset == "USDC":
            quote -= fee
            paid += fee
        elif each.commission_asset == "ETH":
            base -= fee
            paid += fee * price
        else:
            bnb -= fee
            paid += fee * Fraction(RATES["BNB"])
        assert position.book(each, RATES)
        assert position.realised + position.unrealised == position.net
    position.set_mark(mark2)
    mark = Fraction(mark2, 200)
    exact = quote + base * mark + bnb * Fraction(RATES["BNB"])
    # only the halving of an odd bid + ask can leave half a money unit, 5e-17
    assert 0 <= exact - Fraction(from_money(position.net)) < Fraction(MONEY_UNIT)
    assert Fraction(from_money(position.fees)) == paid
    assert Fraction(position.base, 10**8) == base


@settings(max_examples=100, deadline=None)
@given(trades=trades, cut=st.integers(0, 40))
def test_a_ledger_written_and_read_back_goes_on_to_the_same_digit(trades, cut):
    through = Position(eth_rules())
    resumed = Position(eth_rules())
    for number, each in enumerate(trades):
        through.book(each, RATES)
        if number == cut:
            resumed = Position(eth_rules(), resumed.record(number, []))
        resumed.book(each, RATES)
    assert (resumed.base, resumed.cash, resumed.cost, resumed.fees, resumed.net) == (
        through.base,
        through.cash,
        through.cost,
        through.fees,
        through.net,
    )


def test_a_round_trip_realises_the_spread_less_fees():
    position = Position(eth_rules())
    position.book(trade(Side.BUY, 250_000, 100, "0.025"), {})
    position.book(trade(Side.SELL, 250_200, 100, "0.02502"), {})
    assert position.base == 0
    assert from_money(position.realised) == Decimal("0.02") - Decimal("0.05002")
    assert position.unrealised == 0


def test_a_base_commission_leaves_dust_below_a_lot():
    position = Position(eth_rules())
    position.book(trade(Side.BUY, 250_000, 100, "0.00001", "ETH"), {})
    assert position.base == 999_000
    assert position.whole_lots == 99
    assert from_money(position.fees) == Decimal("0.025")
    assert from_money(position.net) == Decimal("-0.025")


def test_selling_through_zero_starts_the_new_side_at_the_trades_price():
    position = Position(eth_rules())
    position.book(trade(Side.BUY, 250_000, 100), {})
    position.book(trade(Side.SELL, 251_000, 300), {})
    record = position.record(2, [])
    assert record.position == Decimal("-0.02")
    assert record.average_price == Decimal(2510)
    assert record.realised == Decimal("0.1")


def test_a_commission_without_a_rate_is_kept_aside_and_said():
    position = Position(eth_rules())
    assert not position.book(trade(Side.BUY, 250_000, 100, "0.00003", "BNB"), {})
    assert not position.book(trade(Side.BUY, 250_000, 100, "0.00002", "BNB"), {})
    assert position.record(2, []).other_fees == {"BNB": Decimal("0.00005")}
    assert position.fees == 0


def test_units_finer_than_the_venues_are_refused():
    with pytest.raises(UnitError):
        Position(eth_rules(tick=Decimal("0.000000001")))
    with pytest.raises(UnitError):
        Position(eth_rules()).book(trade(Side.BUY, 250_000, 100, "0.000000001", "ETH"), {})
