"""The L2 book follows the venue's sequence rules, and agrees with BookTicker on recorded traffic wherever both speak of the same update."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_driver import Driver, of

from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, Place, RequestDepth
from mm_trader.core.events import DepthSnapshot, DepthUpdate
from mm_trader.market.book import BookState, L2Book

E8 = 10**8
SYMBOL = "ETHUSDC"


def update(first: int, last: int, bids=(), asks=(), previous: int | None = None, ts: int = 0) -> DepthUpdate:
    return DepthUpdate(
        ts=ts,
        symbol=SYMBOL,
        first_id=first,
        last_id=last,
        previous_id=previous,
        bids=list(bids),
        asks=list(asks),
    )


def snapshot(last: int, bids=((100, 5),), asks=((101, 5),), ts: int = 0) -> DepthSnapshot:
    return DepthSnapshot(ts=ts, symbol=SYMBOL, last_id=last, bids=list(bids), asks=list(asks))


def test_differences_wait_for_a_snapshot_and_those_it_contains_are_dropped():
    book = L2Book()
    assert book.on_update(update(5, 7, bids=[(100, 1)]))
    assert not book.on_update(update(8, 9, bids=[(99, 3)]))
    assert not book.usable
    assert not book.on_snapshot(snapshot(7))
    assert book.usable
    assert book.bids.top(5) == [(100, 5), (99, 3)]
    assert book.last_id == 9


def test_the_first_difference_after_the_snapshot_may_begin_right_behind_it():
    book = L2Book()
    book.on_update(update(5, 7))
    assert not book.on_snapshot(snapshot(7))
    assert not book.on_update(update(8, 8, asks=[(101, 0), (102, 4)]))
    assert book.asks.best() == (102, 4)


def test_a_snapshot_older_than_the_first_difference_is_asked_for_again():
    book = L2Book()
    book.on_update(update(10, 12))
    assert book.on_snapshot(snapshot(8))
    assert not book.usable
    assert not book.on_snapshot(snapshot(9))


def test_a_gap_throws_the_book_away():
    book = L2Book()
    book.on_update(update(5, 7))
    book.on_snapshot(snapshot(7))
    assert book.on_update(update(9, 10))
    assert book.state is BookState.BUFFERING and book.gaps == 1
    assert book.bids.best() is None
    assert not book.on_snapshot(snapshot(9))
    assert book.last_id == 10


def test_a_repeated_difference_is_ignored():
    book = L2Book()
    book.on_update(update(5, 7))
    book.on_snapshot(snapshot(7))
    book.on_update(update(8, 9, bids=[(100, 9)]))
    assert not book.on_update(update(8, 9, bids=[(100, 1)]))
    assert book.bids.best() == (100, 9)


def test_futures_differences_must_name_the_one_before():
    book = L2Book()
    book.on_update(update(5, 9, previous=4))
    assert not book.on_snapshot(snapshot(7))
    assert not book.on_update(update(12, 15, previous=9))
    assert book.on_update(update(18, 20, previous=17))


def test_a_crossed_book_is_not_usable():
    book = L2Book()
    book.on_update(update(5, 7))
    book.on_snapshot(snapshot(7, bids=((101, 5),), asks=((101, 5),)))
    assert not book.usable


def test_imbalance_is_taken_over_the_best_levels():
    book = L2Book()
    book.on_update(update(1, 1))
    book.on_snapshot(snapshot(1, bids=((100, 6), (99, 100)), asks=((101, 2), (102, 50))))
    assert book.imbalance(1) == pytest.approx(0.5)
    assert L2Book().imbalance(3) == 0


@settings(max_examples=100, deadline=None)
@given(
    changes=st.lists(st.tuples(st.booleans(), st.integers(1, 60), st.integers(0, 3)), max_size=120),
)
def test_a_side_is_always_what_a_plain_dict_says(changes):
    book = L2Book()
    oracle: dict[bool, dict[int, int]] = {True: {}, False: {}}
    for is_bid, price, size in changes:
        (book.bids if is_bid else book.asks).apply([(price, size)])
        oracle[is_bid][price] = size
        if size == 0:
            del oracle[is_bid][price]
    assert book.bids.top(99) == sorted(oracle[True].items(), reverse=True)
    assert book.asks.top(99) == sorted(oracle[False].items())


# --- recorded traffic -----------------------------------------------------------------------------------------------------------------------


def levels(pairs: list[list[str]]) -> list[tuple[int, int]]:
    return [(int(Decimal(price) * E8), int(Decimal(size) * E8)) for price, size in pairs]


def recorded() -> Iterator[tuple[float, str, dict[str, Any]]]:
    """(time, kind, body) of the recording; without it, of a small made-up one of the same form."""
    folder = os.environ.get("MM_DATA")
    if folder is None:
        yield from synthetic()
        return
    root = Path(folder) / "binance-book-oracle-2021-10"
    entries = []
    for line in (root / "ws.txt").read_text().splitlines():
        stamp, _, frame = line.partition(": ")
        if not frame.startswith("{"):
            continue
        message = json.loads(frame)
        stream, body = message.get("stream", ""), message.get("data", {})
        if "@depth" in stream or "@bookTicker" in stream:
            entries.append((float(stamp), "depth" if "@depth" in stream else "ticker", body))
    for line in (root / "http.txt").read_text().splitlines():
        address, _, rest = line.partition(" -> ")
        if "/depth?" not in address:
            continue
        stamp, _, frame = rest.partition(": ")
        symbol = address.split("symbol=")[1].split("&")[0]
        entries.append((float(stamp), "snapshot", json.loads(frame) | {"s": symbol}))
    yield from sorted(entries, key=lambda entry: entry[0])


def synthetic() -> Iterator[tuple[float, str, dict[str, Any]]]:
    """Three symbols' worth of differences around a snapshot, with the ticker that must follow."""
    yield 1, "depth", {"s": "AAAUSD", "U": 1, "u": 3, "b": [["1.0", "9"]], "a": []}
    yield 2, "snapshot", {"s": "AAAUSD", "lastUpdateId": 3, "bids": [["1.0", "9"]], "asks": [["1.1", "4"]]}
    for step in range(30):
        last = 4 + step
        size = str(step + 1)
        yield (
            3 + step,
            "depth",
            {"s": "AAAUSD", "U": last, "u": last, "b": [["1.0", size]], "a": [["1.1", size]]},
        )
        yield 3.5 + step, "ticker", {"s": "AAAUSD", "u": last, "b": "1.0", "B": size, "a": "1.1", "A": size}


def test_the_book_agrees_with_book_ticker_at_every_update_both_speak_of():
    books: dict[str, L2Book] = {}
    tickers: dict[tuple[str, int], dict[str, Any]] = {
        (body["s"], body["u"]): body for _, kind, body in recorded() if kind == "ticker"
    }
    compared = applied = 0
    for _, kind, body in recorded():
        book = books.setdefault(body["s"], L2Book())
        if kind == "snapshot":
            book.on_snapshot(
                DepthSnapshot(
                    ts=0,
                    symbol=body["s"],
                    last_id=body["lastUpdateId"],
                    bids=levels(body["bids"]),
                    asks=levels(body["asks"]),
                )
            )
        elif kind == "depth":
            book.on_update(
                DepthUpdate(
                    ts=0,
                    symbol=body["s"],
                    first_id=body["U"],
                    last_id=body["u"],
                    previous_id=None,
                    bids=levels(body["b"]),
                    asks=levels(body["a"]),
                )
            )
            applied += book.state is BookState.SYNCED
        ticker = tickers.get((body["s"], book.last_id))
        if book.state is BookState.SYNCED and ticker is not None:
            compared += 1
            (top,) = levels([[ticker["b"], ticker["B"]]])
            (low,) = levels([[ticker["a"], ticker["A"]]])
            assert book.agrees_with_top(*top, *low)
    assert compared >= 20 and applied >= 30
    assert sum(book.gaps for book in books.values()) == 0


# --- in the kernel --------------------------------------------------------------------------------------------------------------------------


def quoting_on_depth() -> Driver:
    driver = Driver()
    driver.streams()
    driver.allow()
    driver.snapshot()
    driver.market("2500.00", "2500.01")
    driver.feed(update(1, 1, ts=driver.ts))
    for order in of(Place, driver.log):
        driver.accept(order)
        driver.canceled(order)
    driver.feed(snapshot(1, bids=((250_000, 50_000),), asks=((250_001, 50_000),), ts=driver.ts))
    for order in of(Place, driver.last):
        driver.accept(order)
    assert len(driver.kernel.open_orders()) == 2
    return driver


def test_depth_data_makes_a_synchronised_book_a_condition_of_quoting():
    driver = Driver()
    driver.start()
    commands = driver.feed(update(1, 1, ts=driver.ts))
    assert of(RequestDepth, commands) and len(of(Cancel, commands)) == 2
    assert driver.kernel.status().reason == "BookOutOfSync"


def test_a_gap_pulls_the_quotes_and_asks_for_a_snapshot_until_one_comes():
    driver = quoting_on_depth()
    commands = driver.feed(update(5, 6, ts=driver.ts))
    assert of(RequestDepth, commands) and len(of(Cancel, commands)) == 2
    assert of(RequestDepth, driver.ticks(0.8)) == []
    assert len(of(RequestDepth, driver.ticks(0.4))) == 1


def test_a_book_that_disagrees_with_the_ticker_at_the_same_update_is_thrown_away():
    driver = quoting_on_depth()
    driver._update = 1
    driver.market("2500.00", "2500.01")
    driver.feed(update(2, 2, bids=[(250_000, 1)], ts=driver.ts))
    assert len(of(Cancel, driver.last)) == 2
    assert of(RequestDepth, driver.last)


def test_a_crossed_ticker_pulls_the_quotes_at_once():
    driver = Driver()
    driver.quoting()
    assert len(of(Cancel, driver.market("2500.02", "2500.01"))) == 2
    assert driver.kernel.status().reason == "StaleMarket"


def test_a_silent_market_pulls_the_quotes_when_its_limit_is_over():
    driver = Driver()
    driver.quoting()
    assert of(Cancel, driver.ticks(2.9, market=False)) == []
    assert len(of(Cancel, driver.ticks(0.4, market=False))) == 2


def test_a_late_ticker_is_not_the_market():
    driver = Driver()
    driver.quoting()
    driver._update = -5
    driver.market("9999.00", "9999.01")
    assert driver.kernel.status().mids["ETHUSDC"] == Decimal("2500.005")


def test_a_lost_market_stream_pulls_the_quotes_and_forgets_the_market():
    driver = Driver()
    driver.quoting()
    driver.feed(ev.StreamStatus(ts=driver.ts, stream=ev.StreamName.MARKET, up=False))
    assert len(of(Cancel, driver.last)) == 2
    assert driver.kernel.status().mids["ETHUSDC"] is None


def test_a_futures_difference_that_begins_in_a_hole_behind_the_snapshot_continues_it():
    """Ids of futures have holes: pu 107, U 120 follows a snapshot of 107, or of any id up to 119, whatever U says."""
    for last in (107, 113):
        book = L2Book()
        book.on_update(update(100, 107, previous=99))
        book.on_update(update(120, 130, bids=[(100, 9)], previous=107))
        assert not book.on_snapshot(snapshot(last))
        assert book.bids.best() == (100, 9)
        assert not book.on_update(update(140, 150, previous=130)) and book.usable
        assert book.on_update(update(161, 170, previous=160)), "pu must now be the last u"


def test_a_futures_snapshot_from_before_the_first_difference_is_asked_for_again():
    book = L2Book()
    book.on_update(update(120, 130, previous=107))
    assert book.on_snapshot(snapshot(106))
    assert not book.usable
