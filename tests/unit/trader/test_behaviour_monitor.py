"""Rates and ratios of our own behaviour: their windows, their thresholds, and the way back below them."""

from __future__ import annotations

import pytest
from kernel_driver import SECOND

from mm_trader.risk.behaviour import MIN_SAMPLE, WINDOW_S, BehaviourMonitor


def monitor(placed: int = 0, canceled: int = 0, filled: int = 0, ts: int = 0) -> BehaviourMonitor:
    found = BehaviourMonitor()
    add(found, placed, canceled, filled, ts)
    return found


def add(found: BehaviourMonitor, placed: int = 0, canceled: int = 0, filled: int = 0, ts: int = 0) -> None:
    for _ in range(placed):
        found.placed(ts)
    for _ in range(canceled):
        found.canceled(ts)
    for _ in range(filled):
        found.filled(ts)


def test_a_new_monitor_has_nothing_to_say():
    found = BehaviourMonitor()
    assert (found.reject_streak, found.ratio_raised, found.fills_raised) == (0, False, False)
    assert (found.orders_this_second(0), found.fills_per_minute(0), found.cancel_ratio(0)) == (0, 0, None)


def test_the_streak_counts_refusals_in_a_row():
    found = BehaviourMonitor()
    found.refused()
    found.refused()
    assert found.reject_streak == 2
    found.accepted()
    assert found.reject_streak == 0


def test_orders_of_the_last_second_are_counted_to_the_nanosecond():
    found = BehaviourMonitor()
    for ts in (5 * SECOND, 5 * SECOND + 1, 5 * SECOND + 2):
        found.placed(ts)
    assert found.orders_this_second(5 * SECOND + 2) == 3
    assert found.orders_this_second(6 * SECOND - 1) == 3
    assert found.orders_this_second(6 * SECOND) == 2
    assert found.orders_this_second(7 * SECOND) == 0


def test_the_cancel_ratio_says_nothing_below_its_least_sample():
    assert monitor(MIN_SAMPLE - 1, 19).cancel_ratio(0) is None
    assert monitor(MIN_SAMPLE, 5).cancel_ratio(0) == 0.25


def test_the_cancel_ratio_adds_up_the_seconds_of_its_window_and_no_other():
    found = monitor(20, 10, ts=3 * SECOND)
    add(found, 20, 2, ts=3 * SECOND + SECOND // 2)
    add(found, 10, 3, ts=4 * SECOND)
    assert found.cancel_ratio(4 * SECOND) == 15 / 50
    last = (3 + WINDOW_S) * SECOND - 1
    assert found.cancel_ratio(last) == 15 / 50
    assert found.cancel_ratio(last + 1) is None, "what is left is too small a sample"
    add(found, 10, 10, ts=last + 1)
    assert found.cancel_ratio(last + 1) == 13 / 20


def test_fills_are_counted_over_a_minute():
    found = monitor(filled=4, ts=3 * SECOND)
    add(found, filled=2, ts=3 * SECOND + SECOND // 2)
    add(found, filled=1, ts=9 * SECOND)
    assert found.fills_per_minute(9 * SECOND) == 7
    last = (3 + WINDOW_S) * SECOND - 1
    assert found.fills_per_minute(last) == 7
    assert found.fills_per_minute(last + 1) == 1


def test_orders_and_cancels_are_no_fills():
    assert monitor(5, 5).fills_per_minute(0) == 0


def test_the_memory_is_bounded_however_long_it_runs():
    found = BehaviourMonitor()
    for second in range(10 * WINDOW_S):
        found.filled(second * SECOND)
    assert len(found._buckets) == WINDOW_S


@pytest.mark.parametrize("fills,raised", [(99, False), (100, False), (101, True)])
def test_fills_are_too_fast_above_their_limit(fills, raised):
    assert monitor(filled=fills).fills_too_fast(0, 100) is raised


@pytest.mark.parametrize("fills,raised", [(96, True), (95, True), (94, False)])
def test_too_fast_ends_at_a_twentieth_below_the_limit(fills, raised):
    found = monitor(filled=101 - fills, ts=0)
    add(found, filled=fills, ts=30 * SECOND)
    assert found.fills_too_fast(30 * SECOND, 100) is True
    assert found.fills_too_fast(61 * SECOND, 100) is raised


def test_fills_are_judged_once_a_second():
    found = monitor(filled=100)
    assert found.fills_too_fast(0, 100) is False
    found.filled(0)
    assert found.fills_too_fast(SECOND - 1, 100) is False
    assert found.fills_too_fast(SECOND, 100) is True
    found._buckets.clear()
    assert found.fills_too_fast(2 * SECOND - 1, 100) is True
    assert found.fills_too_fast(2 * SECOND, 100) is False


@pytest.mark.parametrize("canceled,raised", [(79, False), (80, False), (81, True)])
def test_cancels_are_too_many_above_their_limit(canceled, raised):
    assert monitor(100, canceled).cancels_too_much(0, 0.8) is raised


@pytest.mark.parametrize("canceled,raised", [(77, True), (76, True), (75, False)])
def test_too_many_ends_at_a_twentieth_below_the_limit(canceled, raised):
    found = monitor(100, 81, ts=0)
    assert found.cancels_too_much(0, 0.8) is True
    add(found, 100, canceled, ts=61 * SECOND)
    assert found.cancels_too_much(61 * SECOND, 0.8) is raised


def test_too_small_a_sample_is_calm():
    found = monitor(100, 81, ts=0)
    assert found.cancels_too_much(0, 0.8) is True
    assert found.cancels_too_much(61 * SECOND, 0.8) is False


def test_cancels_are_judged_once_a_second():
    found = monitor(100, 80)
    assert found.cancels_too_much(0, 0.8) is False
    found.canceled(0)
    assert found.cancels_too_much(SECOND - 1, 0.8) is False
    assert found.cancels_too_much(SECOND, 0.8) is True
    found._buckets.clear()
    assert found.cancels_too_much(2 * SECOND - 1, 0.8) is True
    assert found.cancels_too_much(2 * SECOND, 0.8) is False


@pytest.mark.parametrize("second", [0, 1])
def test_the_first_second_is_judged_whichever_it_is(second):
    ts = second * SECOND
    assert monitor(filled=5, ts=ts).fills_too_fast(ts, 4)
    assert monitor(placed=MIN_SAMPLE, canceled=MIN_SAMPLE, ts=ts).cancels_too_much(ts, 0.9)


@pytest.mark.parametrize("start", [1, 10**9])
def test_the_window_is_exact_to_the_nanosecond_however_long_the_machine_has_been_up(start):
    end = (start + WINDOW_S) * SECOND
    found = monitor(placed=MIN_SAMPLE, filled=3, ts=start * SECOND)
    assert (found.fills_per_minute(end - 1), found.cancel_ratio(end - 1)) == (3, 0.0)
    assert (found.fills_per_minute(end), found.cancel_ratio(end)) == (0, None)
