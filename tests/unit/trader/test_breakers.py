"""Circuit breakers: the state machine, and what it does to a kernel's commands."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kernel_driver import Driver, of, trader_config

from mm_api.risk_config import BreakerConfig
from mm_trader.core import events as ev
from mm_trader.core.commands import Alert, Cancel, Place, QueryOrder, RequestDepth, RequestReconcile
from mm_trader.core.events import ErrorClass
from mm_trader.risk.breaker import BreakerState, CircuitBreaker

S = 1_000_000_000


def test_it_opens_after_failures_in_a_row_and_a_success_in_between_starts_the_count_anew() -> None:
    breaker = CircuitBreaker(3, S, 8 * S)
    assert [breaker.failed(0), breaker.failed(0)] == [False, False]
    breaker.succeeded()
    assert [breaker.failed(0), breaker.failed(0), breaker.failed(0)] == [False, False, True]
    assert breaker.state is BreakerState.OPEN
    assert not breaker.allows(S - 1)


def test_half_open_lets_one_probe_through_and_its_answer_decides() -> None:
    breaker = CircuitBreaker(1, S, 8 * S)
    breaker.failed(0)
    assert breaker.allows(S)
    breaker.sent(S)
    assert breaker.state is BreakerState.HALF_OPEN
    assert not breaker.allows(S + 1)
    breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED
    assert breaker.allows(S + 2)


def test_each_probe_that_fails_doubles_the_time_up_to_the_longest() -> None:
    breaker = CircuitBreaker(1, S, 4 * S)
    now = 0
    breaker.failed(now)
    for length in (1, 2, 4, 4):
        assert not breaker.allows(now + length * S - 1)
        now += length * S
        assert breaker.allows(now)
        breaker.sent(now)
        assert breaker.failed(now)
    breaker.succeeded()
    breaker.failed(now)
    assert breaker.allows(now + S)


def test_a_probe_that_is_never_answered_does_not_block_for_ever() -> None:
    breaker = CircuitBreaker(1, S, 8 * S)
    breaker.failed(0)
    breaker.allows(S)
    breaker.sent(S)
    assert not breaker.allows(2 * S - 1)
    assert breaker.allows(2 * S)


def test_a_late_failure_while_open_changes_nothing_and_a_new_connection_lets_a_probe_through() -> None:
    breaker = CircuitBreaker(1, S, 8 * S)
    breaker.failed(0)
    assert not breaker.failed(S // 2)
    assert breaker.opened == 1
    assert not breaker.allows(S // 2)
    breaker.probe_now()
    assert breaker.allows(S // 2)


def breaking(failures: int = 2, open_for_s: float = 2) -> Driver:
    breaker = BreakerConfig(
        failures=failures, open_for=timedelta(seconds=open_for_s), longest=timedelta(minutes=1)
    )
    return Driver(trader_config(breaker=breaker))


def refuse(driver: Driver, place: Place, error: ErrorClass) -> None:
    driver.feed(
        ev.CommandRefused(
            ts=driver.ts,
            symbol=place.symbol,
            client_id=place.client_id,
            command="place",
            error=error,
            code=-1,
            message="",
        )
    )


def alerts(driver: Driver) -> list[str]:
    return [alert.record.reason for alert in of(Alert, driver.log)]


def test_orders_stop_after_failures_in_a_row_one_probe_leaves_and_its_acceptance_resumes_quoting() -> None:
    driver = breaking()
    bid, ask = driver.start()
    refuse(driver, bid, ErrorClass.THROTTLED)
    refuse(driver, ask, ErrorClass.THROTTLED)
    assert driver.kernel.status().breakers["orders"] == "open"
    assert "CircuitOpened" in alerts(driver)
    before = len(driver.log)
    driver.ticks(1.9)
    assert of(Place, driver.log[before:]) == []
    while not (probes := of(Place, driver.log[before:])):
        driver.ticks(0.1)
    driver.ticks(1)
    probes = of(Place, driver.log[before:])
    assert len(probes) == 1
    driver.accept(probes[0])
    driver.ticks(3)
    assert len(of(Place, driver.log[before:])) == 2
    assert driver.kernel.status().breakers["orders"] == "closed"
    assert "CircuitClosed" in alerts(driver)


@pytest.mark.parametrize("error", [ErrorClass.REFUSED, ErrorClass.POST_ONLY, ErrorClass.BALANCE])
def test_a_definite_no_is_no_failure_of_the_door(error: ErrorClass) -> None:
    driver = breaking()
    bid, ask = driver.start()
    refuse(driver, bid, error)
    refuse(driver, ask, error)
    assert driver.kernel.status().breakers["orders"] == "closed"


def test_cancels_leave_while_the_breaker_of_orders_is_open() -> None:
    driver = breaking(failures=1)
    bid, ask = driver.start()
    driver.accept(bid)
    refuse(driver, ask, ErrorClass.THROTTLED)
    assert driver.kernel.status().breakers["orders"] == "open"
    driver.streams(up=False)
    assert [cancel.client_id for cancel in of(Cancel, driver.log)] == [bid.client_id]


def test_silent_orders_open_the_breaker_of_orders_too() -> None:
    driver = breaking()
    for place in driver.start():
        driver.feed(
            ev.CommandUnknown(
                ts=driver.ts, symbol=place.symbol, client_id=place.client_id, command="place", reason="5xx"
            )
        )
    assert driver.kernel.status().breakers["orders"] == "open"


def test_held_questions_are_asked_again_and_nothing_is_forgotten() -> None:
    driver = breaking()
    bid, ask = driver.start()
    driver.accept(ask)
    driver.feed(
        ev.CommandUnknown(
            ts=driver.ts, symbol=bid.symbol, client_id=bid.client_id, command="place", reason="lost"
        )
    )
    for _ in range(2):
        driver.feed(
            ev.QueryFailed(
                ts=driver.ts,
                symbol=bid.symbol,
                client_id=bid.client_id,
                error=ErrorClass.AMBIGUOUS,
                reason="503",
            )
        )
    assert driver.kernel.status().breakers["queries"] == "open"
    before = len(driver.log)
    driver.ticks(1.9)
    assert of(QueryOrder, driver.log[before:]) == []
    driver.ticks(20)
    asked = of(QueryOrder, driver.log[before:])
    assert [query.client_id for query in asked][:1] == [bid.client_id]
    driver.feed(ev.OrderFound(ts=driver.ts, order=driver.view(bid, "NEW")))
    assert driver.kernel.status().breakers["queries"] == "closed"
    assert driver.kernel.status().unknown_orders == 0


def test_a_venue_that_cannot_be_read_is_asked_less_often_and_a_new_connection_asks_at_once() -> None:
    driver = breaking(open_for_s=60)
    driver.streams()
    driver.allow()
    for _ in range(2):
        driver.feed(ev.ReconcileFailed(ts=driver.ts, symbol="ETHUSDC", reason="503", cause="start"))
    before = len(driver.log)
    driver.ticks(30)
    assert of(RequestReconcile, driver.log[before:]) == []
    driver.feed(ev.StreamStatus(ts=driver.ts, stream=ev.StreamName.USER, up=True))
    driver.ticks(5)
    assert len(of(RequestReconcile, driver.log[before:])) == 1


def test_a_depth_snapshot_that_never_comes_opens_the_breaker_of_market_data() -> None:
    driver = breaking(open_for_s=60)
    driver.start()
    driver.feed(
        ev.DepthUpdate(
            ts=driver.ts, symbol="ETHUSDC", first_id=5, last_id=9, previous_id=None, bids=[], asks=[]
        )
    )
    assert len(of(RequestDepth, driver.log)) == 1
    driver.ticks(30)
    assert driver.kernel.status().breakers["market"] == "open"
    assert len(of(RequestDepth, driver.log)) == 2
