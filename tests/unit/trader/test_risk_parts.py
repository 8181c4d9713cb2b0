"""Small parts of the risk control, to the last digit: exposure, balance drift, clock skew, circuit breaker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from order_desk import Desk

from mm_trader.core.events import Side
from mm_trader.orders.states import OrderState
from mm_trader.risk.breaker import BreakerState, CircuitBreaker
from mm_trader.risk.drift import BalanceDrift
from mm_trader.risk.exposure import Exposure, exposure_of

# --- exposure -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side,name", [(Side.BUY, "buy"), (Side.SELL, "sell")])
def test_one_more_order_adds_its_amount_its_money_and_perhaps_the_highest_price(side, name):
    first = Exposure(base=5, mark=7).plus(side, 10, 100)
    second = first.plus(side, 3, 90)
    third = second.plus(side, 2, 110)
    lots, money, high = f"{name}s", f"{name}_money", f"{name}_high"
    assert [(getattr(e, lots), getattr(e, money), getattr(e, high)) for e in (first, second, third)] == [
        (10, 1000, 100),
        (13, 1270, 100),
        (15, 1490, 110),
    ]
    other = "sell" if name == "buy" else "buy"
    assert (
        getattr(third, f"{other}s"),
        getattr(third, f"{other}_money"),
        getattr(third, f"{other}_high"),
    ) == (0, 0, 0)
    assert (third.base, third.mark) == (5, 7)


def test_two_exposures_are_equal_when_they_count_the_same():
    one = Exposure(base=5, mark=7).plus(Side.BUY, 10, 100)
    same, other = Exposure(base=5, mark=7).plus(Side.BUY, 10, 100), Exposure(base=5, mark=7)
    assert (one == same, one == other, one == "an exposure") == (True, False, False)
    assert hash(one) == hash(same)
    assert len({one, same, other}) == 2
    assert hash(one) != hash(other)


@pytest.mark.parametrize(
    "base,money",
    [
        (0, 500 + 330),
        (4, 4 * 7 + 500 + 0 * 11),
        (2, 2 * 7 + 500 + 1 * 12),
        (-4, 4 * 7 + 330 + 1 * 101),
        (-9, 9 * 7 + 330 + 0),
    ],
)
def test_money_at_risk_is_position_and_additions_and_what_turns_it_over(base, money):
    exposure = Exposure(
        base=base, mark=7, buys=5, buy_money=500, buy_high=101, sells=3, sell_money=330, sell_high=12
    )
    assert exposure.money == money
    assert (exposure.longest, exposure.shortest) == (base + 5, base - 3)


def position(**changes: Any) -> Any:
    return SimpleNamespace(**({"tick": 10, "lot": 3, "base": 6, "mark2": 201} | changes))


def test_the_worst_case_adds_up_what_is_open_on_each_side():
    desk = Desk()
    orders = [
        desk.place(side=Side.BUY, price=100, size=10),
        desk.place(side=Side.BUY, price=102, size=20),
        desk.place(side=Side.BUY, price=101, size=30),
        desk.place(side=Side.SELL, price=110, size=1),
        desk.place(side=Side.SELL, price=112, size=2),
        desk.place(side=Side.SELL, price=111, size=3),
    ]
    assert exposure_of(position(), orders) == Exposure(
        base=6,
        mark=1005,
        buys=180,
        buy_money=3 * 10 * (100 * 10 + 102 * 20 + 101 * 30),
        buy_high=1020,
        sells=18,
        sell_money=3 * 10 * (110 * 1 + 112 * 2 + 111 * 3),
        sell_high=1120,
    )


def test_a_mark_between_two_units_counts_as_the_higher():
    assert exposure_of(position(tick=1, mark2=201), []).mark == 101
    assert exposure_of(position(tick=1, mark2=200), []).mark == 100


def test_an_order_booked_beyond_its_size_risks_nothing_more_and_lowers_nothing():
    desk = Desk()
    over = desk.order(OrderState.NEW, filled=100, booked=120)
    exposure = exposure_of(position(), [over])
    assert (exposure.buys, exposure.buy_money) == (0, 0)


# --- balance drift ------------------------------------------------------------------------------------------------------------------------


def test_the_first_comparison_learns_what_was_there_before_us():
    drift = BalanceDrift()
    assert [drift.compare(100, 30), drift.compare(105, 35), drift.compare(105, 35)] == [0, 0, 0]


@pytest.mark.parametrize("change", [1, -1, 5])
def test_a_difference_is_told_once_when_it_has_been_there_twice(change):
    drift = BalanceDrift()
    drift.compare(100, 30)
    assert [drift.compare(100 + change, 30) for _ in range(4)] == [0, change, 0, 0]
    assert [drift.compare(100 + 2 * change, 30) for _ in range(2)] == [0, change]
    assert [drift.compare(101 + 2 * change, 30) for _ in range(2)] == [0, 1]


def test_a_difference_that_passes_or_changes_is_not_told():
    drift = BalanceDrift()
    drift.compare(100, 30)
    assert [drift.compare(total, 30) for total in (103, 100, 103, 104, 100)] == [0, 0, 0, 0, 0]


# --- circuit breaker ----------------------------------------------------------------------------------------------------------------------


def test_a_new_breaker_is_closed_and_has_counted_nothing():
    breaker = CircuitBreaker(2, 100, 800)
    assert (breaker.state, breaker.failures, breaker.opened) == (BreakerState.CLOSED, 0, 0)
    assert breaker.allows(0)


def test_failures_and_openings_are_counted_one_by_one():
    breaker = CircuitBreaker(3, 100, 800)
    counts = []
    for _ in range(4):
        told = breaker.failed(0)
        counts.append((told, breaker.failures, breaker.opened))
    assert counts == [(False, 1, 0), (False, 2, 0), (True, 3, 1), (False, 4, 1)]
    breaker.allows(100)
    assert breaker.failed(100)
    assert (breaker.failures, breaker.opened) == (5, 2)
    breaker.succeeded()
    assert (breaker.failures, breaker.opened) == (0, 2)


def test_from_its_time_on_a_probe_may_leave_whatever_the_clock_shows():
    breaker = CircuitBreaker(1, 100, 800)
    breaker.failed(-100)
    assert breaker.allows(0)
    breaker.failed(0)
    breaker.probe_now()
    assert breaker.allows(0)
