"""The kernel quotes when everything is there, and only then."""

from __future__ import annotations

from decimal import Decimal

from kernel_driver import Driver, of, side_of

from mm_api.redis_contract import TraderPhase
from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, FillBooked, Place, RequestReconcile
from mm_trader.core.events import Side


def test_after_permission_the_venue_is_read_before_anything_is_quoted():
    driver = Driver()
    driver.streams()
    commands = driver.allow()
    assert [c.cause for c in of(RequestReconcile, commands)] == ["start"]
    assert driver.market("2500.00", "2500.01") == []
    driver.snapshot()
    places = of(Place, driver.last)
    assert {p.side for p in places} == {Side.BUY, Side.SELL}


def test_two_post_only_quotes_stand_around_the_mid():
    driver = Driver()
    places = driver.start()
    bid, ask = side_of(places, Side.BUY), side_of(places, Side.SELL)
    assert bid.post_only and ask.post_only
    assert bid.price < 250_000 and ask.price > 250_001
    assert bid.size == ask.size == 100
    assert abs((250_000.5 - bid.price) - (ask.price - 250_000.5)) <= 1


def test_a_fill_moves_the_position_and_both_quotes_follow():
    driver = Driver()
    bid, _ = driver.quoting()
    commands = driver.fill(bid)
    (booked,) = of(FillBooked, commands)
    assert booked.record.quantity == Decimal("0.01")
    assert driver.position() == Decimal("0.01")
    new_bid = side_of(of(Place, commands), Side.BUY)
    assert new_bid.price < bid.price, "long: the centre moves down"
    assert driver.kernel.status().phase is TraderPhase.QUOTING


def test_a_moved_market_replaces_a_quote_only_after_its_cancel_is_confirmed():
    driver = Driver()
    bid, ask = driver.quoting()
    driver.wait(300)
    commands = driver.market("2510.00", "2510.01")
    assert {c.client_id for c in of(Cancel, commands)} == {bid.client_id, ask.client_id}
    assert of(Place, commands) == []
    assert of(Place, driver.canceled(bid)) == [], "the old ask is still there, and the new bid would meet it"
    commands = driver.canceled(ask)
    assert {p.side for p in of(Place, commands)} == {Side.BUY, Side.SELL}
    assert side_of(of(Place, commands), Side.BUY).price > ask.price


def test_a_quote_within_tolerance_keeps_its_place_in_the_queue():
    driver = Driver()
    driver.quoting()
    driver.wait(300)
    assert driver.market("2500.05", "2500.06") == []


def test_losing_permission_cancels_everything_and_places_nothing():
    driver = Driver()
    bid, ask = driver.quoting()
    commands = driver.allow(False)
    assert {c.client_id for c in of(Cancel, commands)} == {bid.client_id, ask.client_id}
    driver.canceled(bid)
    driver.canceled(ask)
    driver.ticks(2)
    assert of(Place, driver.log) == [bid, ask]
    assert driver.kernel.is_flat()


def test_stop_cancels_everything_and_ends_flat():
    driver = Driver()
    bid, ask = driver.quoting()
    driver.feed(ev.StopRequested(ts=driver.ts, reason="SIGTERM"))
    assert not driver.kernel.is_flat()
    driver.canceled(bid)
    driver.canceled(ask)
    assert driver.kernel.is_flat()
    assert driver.kernel.status().phase is TraderPhase.STOPPED
