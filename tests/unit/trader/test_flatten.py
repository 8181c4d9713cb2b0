"""Closing a position after an emergency stop: the machine's steps, and what the kernel makes of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_driver import Driver, of, trader_config

from mm_api.kinds.common import HaltLevel
from mm_api.risk_config import FlattenConfig
from mm_trader.core import events as ev
from mm_trader.core.commands import Alert, Cancel, Place
from mm_trader.core.events import ErrorClass, Side
from mm_trader.risk.flatten import Action, Close, Flatten, FlattenLimits, Step, Tell, View, Withdraw

S = 1_000_000_000
LOT = Decimal("0.0001")
LIMITS = FlattenLimits(
    enabled=True,
    settle_for=30 * S,
    limit_for=20 * S,
    taker_wait=1 * S,
    taker_attempts=3,
    unknown_for=30 * S,
    remind_every=300 * S,
)


def view(ts_s: float, position: int, **changes: Any) -> View:
    fields: dict[str, Any] = {
        "ts": round(ts_s * S),
        "position": position,
        "held": position * LOT,
        "asset": "ETH",
        "least": 2,
        "most": 1000,
        "zero": True,
        "live": 0,
        "unknown": False,
        "live_price": None,
        "live_lots": 0,
        "bid": 10_000,
        "ask": 10_010,
        "market": True,
        "taker_reach": 30,
    }
    return View(**(fields | changes))


def kinds(actions: list[Action]) -> list[str]:
    return [action.reason if isinstance(action, Tell) else type(action).__name__ for action in actions]


def begun(position: int = 100) -> Flatten:
    machine = Flatten("ETHUSDC", LIMITS)
    machine.begin(0)
    assert kinds(machine.look(view(0, position))) == ["FlattenBegan"]
    return machine


def test_it_waits_until_the_venue_shows_nothing_open_and_calls_a_person_when_it_does_not() -> None:
    machine = Flatten("ETHUSDC", LIMITS)
    assert machine.look(view(0, 100)) == []
    machine.begin(0)
    assert machine.look(view(1, 100, zero=False)) == []
    assert machine.look(view(2, 100, live=1)) == []
    assert kinds(machine.look(view(30, 100, zero=False))) == ["FlattenFailed"]


@pytest.mark.parametrize(("position", "side", "price"), [(100, Side.SELL, 10_010), (-100, Side.BUY, 10_000)])
def test_first_it_rests_at_the_own_touch_and_follows_it_at_most_once_a_second(
    position: int, side: Side, price: int
) -> None:
    machine = begun(position)
    assert machine.look(view(1, position)) == [Close(side, price, 100, True)]
    resting = {"live": 1, "live_price": price}
    moved = {"bid": 9_990, "ask": 10_020}
    assert machine.look(view(1.5, position, **resting, **moved)) == []
    assert machine.look(view(2, position, **resting, **moved)) == [Withdraw()]
    assert machine.look(view(2.1, position, **resting, **moved)) == []
    (close,) = machine.look(view(2.2, position, **moved))
    assert isinstance(close, Close)
    assert close.price == (10_020 if side is Side.SELL else 9_990)


def test_a_partial_fill_is_followed_by_what_is_left_and_never_more() -> None:
    machine = begun()
    machine.look(view(1, 100))
    (close,) = machine.look(view(3, 40))
    assert isinstance(close, Close)
    assert close.size == 40
    (close,) = machine.look(view(4, 39, most=25))
    assert isinstance(close, Close)
    assert close.size == 25


def test_limit_orders_that_do_not_close_it_in_time_are_followed_by_takers_of_bounded_reach() -> None:
    machine = begun()
    machine.look(view(1, 100))
    assert kinds(machine.look(view(20, 100, live=1, live_price=10_010))) == ["FlattenTaking", "Withdraw"]
    assert machine.look(view(20.1, 100, live=1)) == []
    assert machine.look(view(20.5, 100)) == [Close(Side.SELL, 10_000 - 30, 100, False)]
    assert machine.look(view(21, 60, live=1)) == []
    assert machine.look(view(21.5, 60, live=1)) == [Withdraw()]
    assert machine.look(view(21.6, 60)) == [Close(Side.SELL, 9_970, 60, False)]
    assert kinds(machine.look(view(22, 0))) == ["FlattenDone"]
    assert machine.look(view(23, 0)) == []


def test_takers_that_fill_nothing_end_with_a_person_who_is_told_once_and_again_later() -> None:
    machine = begun()
    machine.look(view(20, 100))
    now = 20.0
    for _ in range(3):
        now += 1
        assert kinds(machine.look(view(now, 100))) == ["Close"]
    now += 1
    (told,) = machine.look(view(now, 100))
    assert isinstance(told, Tell)
    assert told.critical
    assert "0.01 ETH is left" in told.message
    assert machine.look(view(now + 299, 100)) == []
    assert kinds(machine.look(view(now + 300, 100))) == ["FlattenFailed"]
    assert machine.look(view(now + 301, 100)) == []


def test_closes_that_are_refused_again_and_again_are_followed_by_takers_then_by_a_person() -> None:
    machine = begun()
    said: list[str] = []
    now = 1.0
    while machine.step is not Step.HELP:
        said += kinds(machine.look(view(now, 100)))
        now += 0.05
        assert now < 60
    assert said.count("FlattenTaking") == 1
    assert said.count("FlattenFailed") == 1
    assert said.count("Close") == 5 + 3


def test_an_unknown_order_is_waited_for_and_never_doubled_and_a_person_is_called_when_it_stays() -> None:
    machine = begun()
    machine.look(view(1, 100))
    for second in range(2, 31):
        assert machine.look(view(second, 100, live=1, unknown=True)) == []
    assert kinds(machine.look(view(32, 100, live=1, unknown=True))) == ["FlattenFailed", "Withdraw"]
    assert machine.look(view(33, 100)) == []


def test_dust_below_what_the_venue_takes_stays_and_is_said() -> None:
    machine = begun()
    (told,) = machine.look(view(1, 1))
    assert isinstance(told, Tell)
    assert "0.0001 ETH is dust" in told.message
    assert machine.step is Step.FLAT


def test_without_a_market_nothing_is_placed_and_in_the_end_a_person_is_called() -> None:
    machine = begun()
    for second in range(1, 20):
        assert machine.look(view(second, 100, market=False)) == []
    assert kinds(machine.look(view(20, 100, market=False))) == ["FlattenTaking"]
    assert machine.look(view(30, 100, market=False)) == []
    assert kinds(machine.look(view(41, 100, market=False))) == ["FlattenFailed"]


def test_a_person_who_closes_it_by_hand_is_seen() -> None:
    machine = begun()
    machine.look(view(1, 100))
    machine.look(view(20, 100))
    for second in range(21, 25):
        machine.look(view(second, 100))
    assert machine.step is Step.HELP
    assert kinds(machine.look(view(30, 0))) == ["FlattenDone"]


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_whatever_comes_it_never_places_beside_a_live_order_nor_more_than_the_position_and_it_ends(
    data: st.DataObject,
) -> None:
    machine = Flatten("ETHUSDC", LIMITS)
    machine.begin(0)
    position, live, size, now = data.draw(st.integers(-500, 500)), False, 0, 0.0
    for _ in range(60):
        now += data.draw(st.sampled_from([0.05, 1.0, 7.0]))
        unknown = live and data.draw(st.booleans())
        for action in machine.look(
            view(now, position, live=int(live), unknown=unknown, market=data.draw(st.booleans()))
        ):
            if isinstance(action, Close):
                assert not live
                assert action.side is (Side.SELL if position > 0 else Side.BUY)
                assert 0 < action.size <= abs(position)
                live, size = True, action.size
        if live and data.draw(st.booleans()):
            filled = data.draw(st.integers(0, size))
            position -= filled if position > 0 else -filled
            size -= filled
            live = size > 0 and data.draw(st.booleans())
    for _ in range(300):  # then nothing happens any more, for longer than all that it waits for together
        now += 1.0
        live = live and machine.step is Step.HELP
        for action in machine.look(view(now, position, live=int(live))):
            live = live or isinstance(action, Close)
    assert machine.step in (Step.HELP, Step.FLAT)


# --- in the kernel ------------------------------------------------------------------------------------------------------------------------


def holding(*, enabled: bool = True, **changes: Any) -> Driver:
    """Long 0.01 ETH, quoting."""
    driver = Driver(trader_config(flatten=FlattenConfig(enabled=enabled, **changes)))
    bid, ask = driver.quoting()
    driver.report(bid, "TRADE", "FILLED", bid.size, driver.trade(bid, bid.size))
    driver.report(ask, "CANCELED", "CANCELED", 0)
    driver.position = bid.size  # type: ignore[attr-defined]
    return driver


def stop(driver: Driver, reason: str = "EmergencyStop") -> int:
    """Halt, everything cancelled, the venue says so. Returns where the log stood at the halt."""
    mark = len(driver.log)
    driver.feed(
        ev.HaltRequested(ts=driver.ts, level=HaltLevel.HALTED, reason=reason, message="a person asked")
    )
    by_id = {place.client_id: place for place in of(Place, driver.log)}
    for cancel in of(Cancel, driver.log[mark:]):
        driver.report(by_id[cancel.client_id], "CANCELED", "CANCELED")
    driver.tick()
    driver.snapshot(cause="zero")
    return mark


def closes(driver: Driver, mark: int) -> list[Place]:
    return of(Place, driver.log[mark:])


def test_by_default_a_halt_places_nothing_whatever_is_held() -> None:
    driver = holding(enabled=False)
    mark = stop(driver)
    driver.ticks(60)
    assert closes(driver, mark) == []


def test_an_emergency_stop_closes_the_position_by_a_closing_order_and_says_so() -> None:
    driver = holding()
    mark = stop(driver)
    driver.ticks(0.2)
    (close,) = closes(driver, mark)
    assert (close.side, close.closing, close.post_only) == (Side.SELL, True, True)
    assert close.price == driver.rules["ETHUSDC"].ticks("2500.01")
    driver.accept(close)
    assert driver.kernel.status().flatten == {"ETHUSDC": "limit"}
    driver.ticks(1)
    assert not any(c.client_id == close.client_id for c in of(Cancel, driver.log))
    driver.report(close, "TRADE", "FILLED", close.size, driver.trade(close, close.size))
    driver.ticks(0.2)
    assert driver.kernel.status().flatten == {"ETHUSDC": "flat"}
    assert driver.kernel.status().positions["ETHUSDC"] == 0
    assert len(closes(driver, mark)) == 1


def test_a_late_trade_that_makes_the_resting_close_more_than_the_position_has_it_cancelled() -> None:
    driver = holding()
    ask = next(place for place in of(Place, driver.log) if place.side is Side.SELL)
    mark = stop(driver)
    driver.ticks(0.2)
    (close,) = closes(driver, mark)
    driver.accept(close)
    driver.ticks(0.1)
    rested = len(driver.log)
    driver.fill(ask, 1)
    driver.ticks(0.1)
    assert [cancel.client_id for cancel in of(Cancel, driver.log[rested:])] == [close.client_id]
    driver.canceled(close)
    driver.ticks(0.2)
    assert closes(driver, mark)[-1].size == close.size - 1


def test_it_takes_after_a_while_within_its_reach() -> None:
    driver = holding()
    mark = stop(driver)
    driver.ticks(0.2)
    (close,) = closes(driver, mark)
    driver.accept(close)
    driver.ticks(20)
    driver.report(close, "CANCELED", "CANCELED")
    driver.ticks(0.2)
    taker = closes(driver, mark)[-1]
    assert (taker.post_only, taker.closing, taker.side) == (False, True, Side.SELL)
    assert taker.price == 250_000 - 750


@pytest.mark.parametrize(
    "reason", ["InternalError", "SelfTestFailed", "FeeAssetUnknown", "CredentialsRefused", "Drill"]
)
def test_after_a_halt_that_says_nothing_can_be_trusted_or_nothing_about_getting_out_it_stays_still(
    reason: str,
) -> None:
    driver = holding()
    mark = stop(driver, reason)
    driver.ticks(60)
    assert closes(driver, mark) == []


def test_a_rejected_close_is_tried_again_then_taken_then_a_person_is_called_and_nothing_more_is_placed() -> (
    None
):
    driver = holding()
    mark = stop(driver)
    answered = 0
    for _ in range(3000):
        driver.ticks(0.05)
        for place in closes(driver, mark)[answered:]:
            answered += 1
            driver.feed(
                ev.CommandRefused(
                    ts=driver.ts,
                    symbol=place.symbol,
                    client_id=place.client_id,
                    command="place",
                    error=ErrorClass.REFUSED,
                    code=-2010,
                    message="no",
                )
            )
        if driver.kernel.status().flatten == {"ETHUSDC": "help"}:
            break
    reasons = [alert.record.reason for alert in of(Alert, driver.log)]
    assert reasons.count("FlattenTaking") == 1
    (told,) = (alert.record for alert in of(Alert, driver.log) if alert.record.reason == "FlattenFailed")
    assert told.message.endswith("0.01 ETH is left: close it by hand")
    before = len(closes(driver, mark))
    driver.ticks(10)
    assert len(closes(driver, mark)) == before


def test_lifting_the_halt_ends_it_and_quoting_goes_on() -> None:
    driver = holding()
    mark = stop(driver)
    driver.ticks(0.2)
    (close,) = closes(driver, mark)
    driver.accept(close)
    (halt,) = driver.kernel.status().halts
    driver.feed(ev.HaltLifted(ts=driver.ts, halt_id=halt))
    driver.ticks(1)
    assert driver.kernel.status().flatten == {"ETHUSDC": "idle"}
    assert Decimal(0) < driver.kernel.status().positions["ETHUSDC"]
    assert any(place.side is Side.BUY and not place.closing for place in closes(driver, mark))
