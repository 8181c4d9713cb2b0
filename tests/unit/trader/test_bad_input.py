"""What is not as it should be, from the market, the venue, the clock: one test for each row of docs/failures.md, "Bad input"."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from kernel_driver import SECOND, Driver, eth_rules, of

from mm_trader.core import events as ev
from mm_trader.core.commands import Alert, Cancel, FillBooked, Place
from mm_trader.core.events import Side
from mm_trader.core.ids import ClientIds
from mm_trader.venue.binance.wire.market import FrameError, MarketDecoder
from mm_trader.venue.binance.wire.numbers import numbers_by_symbol

GOOD = b'{"stream":"ethusdc@bookTicker","data":{"u":7,"s":"ETHUSDC","b":"2500.00","B":"5.0","a":"2500.01","A":"4.0"}}'


def alerts(driver: Driver) -> list[str]:
    return [alert.record.reason for alert in of(Alert, driver.log)]


def withdrawn(driver: Driver, placed: tuple[Place, ...]) -> bool:
    return {cancel.client_id for cancel in of(Cancel, driver.log)} == {place.client_id for place in placed}


@pytest.mark.parametrize(
    "broken",
    [
        GOOD[:-30],
        b"\xff\xfe\x00",
        b"null",
        GOOD.replace(b'"2500.00"', b'"NaN"'),
        GOOD.replace(b'"2500.00"', b"NaN"),
        GOOD.replace(b'"2500.00"', b'"Infinity"'),
        GOOD.replace(b'"2500.00"', b'"1e999"'),
        GOOD.replace(b'"2500.00"', b"2500.0"),
        GOOD.replace(b'"u":7', b'"u":"x"'),
        GOOD.replace(b'"B":"5.0"', b'"B":"-5.0"'),
        GOOD.replace(b'"2500.00"', b'"-2500.00"'),
        b'{"stream":"ethusdc@depth@100ms","data":{"U":1,"u":2,"b":[["2500.00","-1.0"]],"a":[]}}',
    ],
)
def test_a_malformed_frame_or_a_number_that_is_none_is_refused_whole(broken: bytes) -> None:
    decoder = MarketDecoder(numbers_by_symbol({"ETHUSDC": eth_rules()}))
    assert isinstance(decoder.decode(GOOD, 1), ev.BookTicker)
    try:
        found = decoder.decode(broken, 1)
    except FrameError:
        return
    assert not isinstance(found, ev.Event)


def test_frames_that_cannot_be_read_let_the_market_go_stale_and_the_quotes_go_with_it() -> None:
    """What the gateway leaves out is nothing for the kernel: the stale limit pulls the quotes."""
    driver = Driver()
    placed = driver.quoting()
    driver.ticks(2.9, market=False)
    assert of(Cancel, driver.log) == []
    driver.ticks(0.2, market=False)
    assert driver.kernel.status().reason == "StaleMarket"
    assert withdrawn(driver, placed)


def ticker(driver: Driver, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "ts": driver.ts,
        "symbol": "ETHUSDC",
        "update_id": 10**6,
        "bid": 250_000,
        "bid_size": 1,
        "ask": 250_001,
        "ask_size": 1,
    }
    driver.feed(ev.BookTicker(**(fields | changes)))


@pytest.mark.parametrize(
    "bad",
    [
        {"bid": 250_002, "ask": 250_001},
        {"bid": 250_001, "ask": 250_001},
        {"bid": -1},
        {"bid": 0},
        {"bid_size": -1},
        {"ask_size": -5},
    ],
)
def test_a_crossed_locked_negative_or_empty_top_pulls_the_quotes_until_a_good_one(
    bad: dict[str, Any],
) -> None:
    driver = Driver()
    placed = driver.quoting()
    ticker(driver, **bad)
    assert driver.kernel.status().reason == "StaleMarket"
    assert withdrawn(driver, placed)
    for place in placed:
        driver.report(place, "CANCELED", "CANCELED")
    driver.wait(500)
    ticker(driver, update_id=10**6 + 1)
    assert driver.kernel.status().reason == ""


def test_a_side_on_which_only_we_quote_is_not_quoted_as_fast_as_the_venue_answers() -> None:
    """Our ask makes the market's ask; its cancel takes it away, which makes the market unusable; our next ask makes one again, and so on."""
    driver = Driver()
    placed = driver.quoting()
    before = len(of(Place, driver.log))
    for number in range(0, 40, 2):
        ticker(driver, update_id=10**6 + number, ask=0)
        ticker(driver, update_id=10**6 + number + 1)
        for place in placed:
            driver.report(place, "CANCELED", "CANCELED")
        placed = [place for place in of(Place, driver.log[-8:]) if place not in placed]
    assert len(of(Place, driver.log)) == before
    driver.wait(300)
    ticker(driver, update_id=2 * 10**6)
    assert len(of(Place, driver.log)) == before + 2


@pytest.mark.parametrize(("bids", "asks"), [([(250_010, 5)], []), ([], [(249_990, 5)])])
def test_a_depth_that_crosses_makes_the_book_unusable_and_pulls_the_quotes(
    bids: list[ev.Level], asks: list[ev.Level]
) -> None:
    driver = Driver()
    placed = driver.quoting()
    driver.feed(
        ev.DepthUpdate(
            ts=driver.ts, symbol="ETHUSDC", first_id=1, last_id=2, previous_id=None, bids=[], asks=[]
        )
    )
    driver.feed(
        ev.DepthSnapshot(ts=driver.ts, symbol="ETHUSDC", last_id=2, bids=[(250_000, 5)], asks=[(250_001, 5)])
    )
    driver.feed(
        ev.DepthUpdate(
            ts=driver.ts, symbol="ETHUSDC", first_id=3, last_id=3, previous_id=None, bids=bids, asks=asks
        )
    )
    assert driver.kernel.status().reason == "BookOutOfSync"
    assert withdrawn(driver, placed)


def test_an_event_from_the_past_moves_no_time_back_and_makes_no_stale_price_fresh() -> None:
    driver = Driver()
    driver.quoting()
    driver.ticks(1)
    now = driver.kernel._core.now
    ticker(driver, ts=driver.ts - 10 * SECOND, bid=249_000, ask=249_001)
    assert driver.kernel._core.now == now
    assert driver.kernel._core.desks["ETHUSDC"].top.fresh(now, 3 * SECOND) is False
    before = len(driver.log)
    driver.ticks(0.1, market=False)
    assert of(Place, driver.log[before:]) == []
    assert driver.kernel.status().reason == "StaleMarket"


def test_user_events_twice_and_in_any_order_end_in_the_same_ledger_and_each_fill_is_booked_once() -> None:
    """All orders of four events, each sent twice."""
    ends = set()
    for order in itertools.permutations(range(4)):
        driver = Driver()
        bid, _ = driver.start()
        first = driver.trade(bid, 3, fee="0.001", trade_id=1)
        second = driver.trade(bid, 2, fee="0.002", trade_id=2)
        sends = [
            lambda d=driver, b=bid: d.accept(b, d.venue_ids[b.client_id]),
            lambda d=driver, b=bid, t=first: d.report(b, "TRADE", "PARTIALLY_FILLED", 3, t),
            lambda d=driver, b=bid, t=second: d.report(b, "TRADE", "PARTIALLY_FILLED", 5, t),
            lambda d=driver, b=bid: d.report(b, "CANCELED", "CANCELED", 5),
        ]
        for index in (*order, *order):
            sends[index]()
        booked = [fill.record.trade_id for fill in of(FillBooked, driver.log)]
        assert sorted(booked) == [1, 2]
        record = driver.kernel.ledger().positions["ETHUSDC"]
        ends.add((record.position, record.cash, driver.kernel.status().unknown_orders))
        assert not any(o.client_id == bid.client_id for o in driver.kernel.open_orders())
    assert len(ends) == 1


def test_a_fill_of_an_order_under_our_prefix_that_nobody_here_placed_is_booked_told_and_the_order_cancelled() -> (
    None
):
    driver = Driver()
    driver.quoting()
    stranger = Place(
        symbol="ETHUSDC", client_id=ClientIds("test", 1, 0).next(), side=Side.BUY, price=249_000, size=50
    )
    driver.report(stranger, "TRADE", "PARTIALLY_FILLED", 20, driver.trade(stranger, 20))
    assert driver.kernel.status().positions["ETHUSDC"] == Decimal("0.002")
    assert "OrderAnomaly" in alerts(driver)
    assert stranger.client_id in {cancel.client_id for cancel in of(Cancel, driver.log)}


def test_an_order_that_nobody_here_placed_goes_even_where_our_own_quote_would_stand() -> None:
    """It is not taken for the quote of its level: nothing is quoted before it is gone."""
    bid, _ = Driver().start()
    driver = Driver()
    driver.streams()
    driver.allow()
    driver.snapshot()
    stranger = msgspec.structs.replace(bid, client_id=ClientIds("test", 1, 0).next())
    driver.report(stranger, "NEW", "NEW")
    assert [cancel.client_id for cancel in of(Cancel, driver.log)] == [stranger.client_id]
    driver.market("2500.00", "2500.01")
    assert of(Place, driver.log) == []
    assert driver.kernel.status().reason == "CancelingLeftovers"
    driver.canceled(stranger)
    assert {place.side for place in of(Place, driver.log)} == {Side.BUY, Side.SELL}


def test_a_fill_of_somebody_elses_order_is_not_ours() -> None:
    driver = Driver()
    driver.quoting()
    stranger = Place(symbol="ETHUSDC", client_id="web_1", side=Side.BUY, price=249_000, size=50)
    driver.report(stranger, "TRADE", "PARTIALLY_FILLED", 20, driver.trade(stranger, 20))
    assert driver.kernel.status().positions["ETHUSDC"] == 0
    assert of(FillBooked, driver.log) == []


def test_a_balance_smaller_than_we_thought_bounds_the_next_order_at_once() -> None:
    driver = Driver()
    _, ask = driver.quoting()
    driver.feed(ev.AccountUpdate(ts=driver.ts, balances={"ETH": (Decimal(0), Decimal("0.003"))}))
    driver.report(ask, "CANCELED", "CANCELED")
    driver.ticks(2)
    later = [place for place in of(Place, driver.log) if place.side is Side.SELL][1:]
    assert all(place.size <= 30 for place in later)


def test_a_balance_that_our_fills_do_not_explain_is_told_once_when_it_is_there_twice() -> None:
    driver = Driver()
    driver.quoting()
    driver.balances["ETH"] = (Decimal("9.5"), Decimal(0))
    driver.snapshot(cause="timer")
    assert "BalanceDrift" not in alerts(driver)
    driver.snapshot(cause="timer")
    driver.snapshot(cause="timer")
    driver.snapshot(cause="timer")
    assert alerts(driver).count("BalanceDrift") == 1
    assert any("-0.5" in alert.record.message for alert in of(Alert, driver.log))


def test_a_balance_that_moves_with_our_own_fills_is_no_drift() -> None:
    driver = Driver()
    bid, _ = driver.quoting()
    driver.report(bid, "TRADE", "PARTIALLY_FILLED", 5, driver.trade(bid, 5))
    driver.balances["ETH"] = (Decimal("10.0005"), Decimal(0))
    for _ in range(3):
        driver.snapshot(cause="timer")
    assert "BalanceDrift" not in alerts(driver)
