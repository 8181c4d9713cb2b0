"""What broke others and has no better place among the tests: docs/seen-elsewhere.md names each with its defence."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest
from kernel_driver import Driver, of, side_of, trader_config

from mm_trader.core import events as ev
from mm_trader.core.commands import Place, QueryOrder
from mm_trader.core.events import ErrorClass, Side

DAY_S = 86_400


def test_an_order_that_nobody_can_ask_about_stays_unknown_for_a_day_and_is_asked_about_all_along():
    """An outage of a day: every question fails. Neither is the order given up, nor anything placed in its stead; the first answer settles it."""
    driver = Driver()
    places = driver.start()
    bid = side_of(places, Side.BUY)
    driver.accept(side_of(places, Side.SELL))
    driver.unknown(bid)
    asked = 0
    for _ in range(DAY_S // 60):
        driver.tick(60_000)
        for query in of(QueryOrder, driver.last):
            asked += 1
            driver.feed(
                ev.QueryFailed(
                    ts=driver.ts,
                    symbol=query.symbol,
                    client_id=query.client_id,
                    error=ErrorClass.AMBIGUOUS,
                    reason="name resolution failed",
                )
            )
        driver.market("2500.00", "2500.01")
    assert driver.state(bid.client_id) in ("UNKNOWN", "CANCELING"), "a cancel of it may be tried, blindly"
    assert asked >= DAY_S // 60 // 2
    assert [place.side for place in of(Place, driver.log)].count(Side.BUY) == 1
    driver.found(bid, "FILLED", bid.size)
    assert driver.state(bid.client_id) is None


def test_nothing_in_the_kernel_grows_over_many_lives_of_orders(monkeypatch: pytest.MonkeyPatch):
    """Placed, accepted, filled in part, cancelled, read by the reconciler: after so many lives the kernel holds what it held after half of them, and the
    samples of the volatility's five minutes."""
    monkeypatch.setattr("mm_trader.orders.table._RECENT", 100)
    driver = Driver(trader_config(max_order_rate=1000))
    driver.streams()
    driver.allow()
    driver.snapshot()
    driver.market("2500.00", "2500.01")
    sizes = []
    for half in range(2):
        for number in range(300):
            _one_life(driver, number)
        sizes.append(_entries(driver.kernel))
        assert driver.evidence().orders_placed >= 590 * (half + 1), "it trades all along"
    assert sizes[1] - sizes[0] <= 400, sizes


def _one_life(driver: Driver, number: int) -> None:
    """Of each order that has been placed since the last: accepted, filled in part, cancelled. Both sides trade alike."""
    placed, driver.log = of(Place, driver.log), []
    for place in placed:
        driver.accept(place)
        driver.fill(place, 1)
        driver.canceled(place, filled=1)
    driver.wait(5)
    driver.tick(250)
    driver.market("2500.00", "2500.01")
    if number % 50 == 0 and placed:
        driver.snapshot(trades=[driver.trade(placed[-1], 1, trade_id=driver._trade)], cause="timer")


def _entries(root: object) -> int:
    """Entries of all collections that can be reached from here, each counted once."""
    seen: set[int] = set()
    found = 0
    todo: deque[Any] = deque([root])
    while todo:
        thing = todo.popleft()
        if id(thing) in seen or isinstance(thing, (str, bytes, int, float, type)):
            continue
        seen.add(id(thing))
        if isinstance(thing, (dict, list, set, frozenset, tuple, deque)):
            found += len(thing)
        todo.extend(_inside(thing))
    return found


def _inside(thing: Any) -> Iterator[Any]:
    if isinstance(thing, dict):
        yield from thing.keys()
        yield from thing.values()
    elif isinstance(thing, (list, set, frozenset, tuple, deque)):
        yield from thing
    elif type(thing).__module__.startswith("mm_trader"):
        yield from getattr(thing, "__dict__", {}).values()
        for kind in type(thing).__mro__:
            for name in getattr(kind, "__slots__", ()):
                if hasattr(thing, name):
                    yield getattr(thing, name)
        if callable(thing) and hasattr(thing, "__self__"):
            yield thing.__self__
    elif sys.getrefcount(thing) and hasattr(thing, "__self__"):
        yield thing.__self__
