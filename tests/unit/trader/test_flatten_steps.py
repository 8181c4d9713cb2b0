"""Closing a position, step by step: every bound to the nanosecond and the lot, and every sentence that a person reads."""

from __future__ import annotations

from decimal import Decimal

import pytest
from test_flatten import LIMITS, S, begun, kinds, view

from mm_trader.core.events import Side
from mm_trader.risk.flatten import MAX_FAILURES, Close, Flatten, Step, Tell, Withdraw


def at(step: Step, position: int = 100, ts_s: float = 0) -> Flatten:
    """A machine that has just entered a step."""
    machine = Flatten("ETHUSDC", LIMITS)
    machine.begin(0)
    machine._enter(step, round(ts_s * S))
    return machine


def test_before_it_is_told_to_begin_it_does_nothing_and_a_second_cause_does_not_begin_it_again():
    machine = Flatten("ETHUSDC", LIMITS)
    assert (machine.step, machine.look(view(0, 100))) == (Step.IDLE, [])
    machine.begin(5 * S)
    machine.begin(25 * S)
    assert machine.step is Step.SETTLING
    assert kinds(machine.look(view(35, 100, zero=False))) == ["FlattenFailed"]


def test_the_wait_for_the_venue_is_counted_from_the_beginning():
    machine = Flatten("ETHUSDC", LIMITS)
    machine.begin(20 * S)
    assert machine.look(view(49.9, 100, zero=False)) == []
    assert machine.look(view(50, 100, zero=False)) == [
        Tell(
            "FlattenFailed",
            "ETHUSDC: the venue does not show that nothing is open; 0.01 ETH is left: close it by hand",
            True,
        )
    ]


def test_the_beginning_is_told_without_alarm():
    machine = Flatten("ETHUSDC", LIMITS)
    machine.begin(0)
    assert machine.look(view(0, -7)) == [
        Tell("FlattenBegan", "ETHUSDC: position -0.0007 ETH: closing it by limit orders", False)
    ]
    assert machine.step is Step.LIMIT


@pytest.mark.parametrize(
    "position,changes,flat",
    [
        (0, {}, True),
        (1, {}, True),
        (-1, {}, True),
        (2, {}, False),
        (-2, {}, False),
        (1, {"least": 1}, False),
        (1, {"least": 0}, False),
        (0, {"least": 0}, True),
        (1, {"live": 1}, False),
        (1, {"market": False}, False),
        (0, {"market": False}, True),
    ],
)
def test_it_is_flat_when_nothing_is_open_and_nothing_left_that_the_venue_takes(position, changes, flat):
    machine = at(Step.LIMIT)
    machine.look(view(1, position, **changes))
    assert (machine.step is Step.FLAT) is flat


@pytest.mark.parametrize(
    "position,held,text",
    [
        (0, "0", "nothing is left"),
        (0, "0.00000019", "0.00000019 ETH is dust that the venue does not take"),
        (-1, "-0.00012", "-0.00012 ETH is dust that the venue does not take"),
    ],
)
def test_the_end_is_told_once_with_what_is_left(position, held, text):
    machine = at(Step.TAKER)
    assert machine.look(view(1, position, held=Decimal(held))) == [
        Tell("FlattenDone", f"ETHUSDC: {text}", False)
    ]
    assert machine.look(view(2, position)) == []


def test_limit_orders_have_their_time_and_then_it_takes():
    machine = at(Step.LIMIT, ts_s=5)
    assert kinds(machine.look(view(24.9, 100))) == ["Close"]
    (told,) = machine.look(view(25, 100))
    assert told == Tell(
        "FlattenTaking",
        "ETHUSDC: limit orders did not close it in time: 0.01 ETH left, taking",
        False,
    )
    assert machine.step is Step.TAKER


@pytest.mark.parametrize("position,side,price", [(1, Side.SELL, 10_010), (-1, Side.BUY, 10_000)])
def test_one_lot_is_closed_on_its_side_at_the_own_touch(position, side, price):
    assert at(Step.LIMIT).look(view(1, position, least=1)) == [Close(side, price, 1, True)]


@pytest.mark.parametrize("position,side,price", [(1, Side.SELL, 9_970), (-1, Side.BUY, 10_040)])
def test_one_lot_is_taken_through_the_other_sides_touch(position, side, price):
    assert at(Step.TAKER).look(view(1, position, least=1)) == [Close(side, price, 1, False)]


def test_a_taker_never_asks_for_less_than_one_tick():
    (close,) = at(Step.TAKER).look(view(1, 100, bid=10, ask=12, taker_reach=30))
    assert close == Close(Side.SELL, 1, 100, False)
    (close,) = at(Step.TAKER).look(view(1, 100, bid=31, ask=32, taker_reach=30))
    assert close == Close(Side.SELL, 1, 100, False)


def test_a_resting_close_at_the_touch_stays_and_one_whose_price_is_not_known_too():
    machine = at(Step.LIMIT)
    machine.look(view(1, 100))
    assert machine.look(view(9, 100, live=1, live_price=10_010)) == []
    assert machine.look(view(9, 100, live=2, live_price=None)) == []


def test_nothing_is_placed_on_a_market_that_cannot_be_relied_on():
    assert at(Step.LIMIT).look(view(1, 100, market=False)) == []
    assert at(Step.TAKER).look(view(1, 100, market=False)) == []


def test_a_market_that_stays_away_while_taking_calls_a_person():
    machine = at(Step.TAKER, ts_s=5)
    assert machine.look(view(24.9, 100, market=False)) == []
    assert machine.look(view(25, 100, market=False)) == [
        Tell(
            "FlattenFailed",
            "ETHUSDC: there is no market to rely on; 0.01 ETH is left: close it by hand",
            True,
        )
    ]


def test_the_market_may_be_away_as_long_again_after_each_taker():
    machine = at(Step.TAKER)
    machine.look(view(15, 100))
    assert machine.look(view(34.9, 60, market=False)) == []
    assert kinds(machine.look(view(35, 60, market=False))) == ["FlattenFailed"]


def test_what_a_taker_left_is_withdrawn_after_its_wait_and_asked_again_after_another():
    machine = at(Step.TAKER)
    machine.look(view(1, 100))
    assert machine.look(view(1.9, 100, live=1)) == []
    assert machine.look(view(2, 100, live=1)) == [Withdraw()]
    assert machine.look(view(2.9, 100, live=1)) == []
    assert machine.look(view(3, 100, live=1)) == [Withdraw()]


def test_closes_that_are_refused_again_and_again_lead_to_taking():
    machine = at(Step.LIMIT)
    for number in range(MAX_FAILURES):
        assert machine.step is Step.LIMIT
        assert kinds(machine.look(view(1 + number, 100))) == ["Close"]
        machine.refused()
    (told,) = machine.look(view(9, 100))
    assert told.message == f"ETHUSDC: {MAX_FAILURES} closes were refused: 0.01 ETH left, taking"


def test_closes_that_end_without_a_fill_count_unless_we_withdrew_them():
    machine = at(Step.LIMIT)
    ts = 1.0
    for _ in range(10):
        machine.look(view(ts, 100))
        ts += 1
        assert kinds(machine.look(view(ts, 100, live=1, live_price=1))) == ["Withdraw"]
    assert machine.step is Step.LIMIT
    for _ in range(MAX_FAILURES):
        machine.look(view(ts, 100))
        ts += 0.1
    assert kinds(machine.look(view(ts, 100))) == ["FlattenTaking"]


def test_a_close_that_ended_without_a_fill_is_counted_once_however_long_the_next_is_not_placed():
    machine = at(Step.LIMIT)
    for number in range(MAX_FAILURES):
        assert kinds(machine.look(view(1 + number, 100))) == ["Close"]
        for wait in (0.3, 0.6):
            assert kinds(machine.look(view(1 + number + wait, 100, market=False))) in ([], ["FlattenTaking"])
    assert machine.step is Step.TAKER


def test_after_a_fill_the_row_begins_with_none():
    machine = at(Step.LIMIT)
    machine.look(view(1, 100))
    for number in range(MAX_FAILURES):
        assert kinds(machine.look(view(2 + number / 10, 90))) == ["Close"]
    assert kinds(machine.look(view(3, 90))) == ["FlattenTaking"]


@pytest.mark.parametrize("position,lots", [(100, -101), (100, 1), (-100, 101), (-100, -1), (0, 1), (0, -1)])
@pytest.mark.parametrize("market", [True, False])
def test_a_resting_close_that_a_late_trade_has_made_too_much_is_withdrawn_at_once(position, lots, market):
    machine = at(Step.LIMIT)
    machine.look(view(1, 100))
    seen = {"live": 1, "live_price": 10_010, "live_lots": lots, "market": market}
    assert machine.look(view(1.001, position, **seen)) == [Withdraw()]
    assert machine.look(view(5, position, **seen)) == []


@pytest.mark.parametrize("step", [Step.LIMIT, Step.TAKER])
@pytest.mark.parametrize("lots", [-100, 100])
def test_what_is_open_before_any_close_was_placed_is_withdrawn(step, lots):
    seen = view(1, 100, live=1, live_price=9_990, live_lots=lots)
    assert at(step).look(seen) == [Withdraw()]


@pytest.mark.parametrize(
    "position,lots", [(100, -100), (100, -1), (100, 0), (-100, 100), (-100, 1), (-100, 0)]
)
def test_a_resting_close_of_no_more_than_the_position_stays(position, lots):
    machine = at(Step.LIMIT)
    machine.look(view(1, position))
    price = 10_010 if position > 0 else 10_000
    assert machine.look(view(5, position, live=1, live_price=price, live_lots=lots)) == []


def test_a_fill_ends_the_row_of_failures():
    machine = at(Step.LIMIT)
    position = 100
    for number in range(3 * MAX_FAILURES):
        machine.look(view(1 + number / 10, position))
        position -= number % 4 == 3
    assert machine.step is Step.LIMIT


@pytest.mark.parametrize("withdrawn", [False, True])
def test_takers_that_fill_nothing_call_a_person_whoever_ended_them(withdrawn):
    machine = at(Step.TAKER)
    ts = 1.0
    for _ in range(LIMITS.taker_attempts):
        assert kinds(machine.look(view(ts, 100))) == ["Close"]
        ts += 1
        if withdrawn:
            assert kinds(machine.look(view(ts, 100, live=1))) == ["Withdraw"]
    (told,) = machine.look(view(ts, 100))
    assert told == Tell(
        "FlattenFailed",
        "ETHUSDC: 3 takers in a row filled nothing; 0.01 ETH is left: close it by hand",
        True,
    )


def test_an_unknown_order_is_waited_for_and_then_a_person_called():
    machine = at(Step.LIMIT)
    assert machine.look(view(1, 100, live=1, unknown=True)) == []
    assert machine.look(view(30.9, 100, live=1, unknown=True)) == []
    told, withdraw = machine.look(view(31, 100, live=1, unknown=True))
    assert told.message == "ETHUSDC: an order's state is unknown; 0.01 ETH is left: close it by hand"
    assert withdraw == Withdraw()


def test_each_unknown_order_is_waited_for_from_its_own_beginning():
    machine = at(Step.LIMIT)
    machine.look(view(1, 100, live=1, unknown=True))
    machine.look(view(2, 100, live=1, live_price=10_010))
    assert machine.look(view(10, 100, live=1, unknown=True)) == []
    assert machine.look(view(39.9, 100, live=1, unknown=True)) == []
    assert machine.step is Step.LIMIT


def test_a_person_is_reminded_from_time_to_time_and_with_alarm():
    machine = at(Step.TAKER)
    machine._help(view(10, 100), "x")
    assert machine.look(view(309.9, 90)) == []
    reminder = Tell("FlattenFailed", "ETHUSDC: 0.009 ETH is still left: close it by hand", True)
    assert machine.look(view(310, 90)) == [reminder]
    assert machine.look(view(609.9, 90)) == []
    assert machine.look(view(610, 90, unknown=True)) == [reminder]


def test_help_withdraws_only_what_is_open():
    assert kinds(at(Step.TAKER)._help(view(1, 100), "x")) == ["FlattenFailed"]
    assert kinds(at(Step.TAKER)._help(view(1, 100, live=1), "x")) == ["FlattenFailed", "Withdraw"]
    assert kinds(at(Step.LIMIT)._to_taker(view(1, 100), "x")) == ["FlattenTaking"]
    assert kinds(at(Step.LIMIT)._to_taker(view(1, 100, live=1), "x")) == ["FlattenTaking", "Withdraw"]


def test_a_lifted_halt_ends_it_and_the_next_stop_begins_with_nothing_counted():
    machine = begun()
    for number in range(3):
        machine.look(view(1 + number / 10, 100))
    machine.look(view(2, 100, live=1, unknown=True))
    machine.end()
    assert (machine.step, machine.look(view(3, 100))) == (Step.IDLE, [])
    assert vars(machine) == vars(Flatten("ETHUSDC", LIMITS))
