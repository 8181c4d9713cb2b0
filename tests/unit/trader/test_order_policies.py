"""What is done about an error: one row for each, bounded, spread, and nothing ambiguous repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_driver import MS, Driver, of, side_of

from mm_trader.core.commands import Cancel, Place, QueryOrder
from mm_trader.core.events import ErrorClass, Side
from mm_trader.orders.retry import (
    JITTER_SHARE,
    LONGEST_PAUSE_NS,
    POLICIES,
    Asked,
    Backoff,
    Step,
    keyed_jitter,
    table,
)

DOCS = Path(__file__).parents[3] / "docs" / "orders.md"


def test_every_class_of_error_has_a_row_for_a_place_and_for_a_cancel():
    assert set(POLICIES) == {(asked, error) for asked in Asked for error in ErrorClass}


def test_a_place_is_never_sent_again():
    assert {POLICIES[Asked.PLACE, error].step for error in ErrorClass} == {Step.END, Step.ASK}


@pytest.mark.parametrize("asked", list(Asked))
@pytest.mark.parametrize("error", [ErrorClass.AMBIGUOUS, ErrorClass.DUPLICATE])
def test_what_may_have_been_executed_is_asked_about(asked, error):
    assert POLICIES[asked, error].step is Step.ASK


def test_the_page_in_the_docs_shows_the_table():
    assert table() in DOCS.read_text()


@pytest.mark.parametrize("error", list(ErrorClass))
def test_the_manager_does_with_a_refused_place_what_the_table_says(error):
    driver = Driver()
    bid = side_of(driver.start(), Side.BUY)
    commands = driver.refuse(bid, error)
    asked = [query.client_id for query in of(QueryOrder, commands)]
    if POLICIES[Asked.PLACE, error].step is Step.ASK:
        assert driver.state(bid.client_id) == "UNKNOWN"
        assert asked == [bid.client_id]
    else:
        assert driver.state(bid.client_id) is None
        assert asked == []
    assert bool(driver.kernel.status().halts) == POLICIES[Asked.PLACE, error].halts
    assert not [
        place for place in of(Place, driver.log) if place is not bid and place.client_id == bid.client_id
    ]


@pytest.mark.parametrize("error", list(ErrorClass))
def test_the_manager_does_with_a_refused_cancel_what_the_table_says(error):
    driver = Driver()
    bid, _ = driver.quoting()
    driver.allow(False)
    cancel = next(cancel for cancel in of(Cancel, driver.log) if cancel.client_id == bid.client_id)
    commands = driver.refuse(cancel, error)
    if POLICIES[Asked.CANCEL, error].step is Step.REPEAT:
        assert driver.state(bid.client_id) == "NEW"
        again = [c for _ in range(4) for c in of(Cancel, driver.tick(50)) if c.client_id == bid.client_id]
        assert len(again) == 1, "once, after its pause"
    else:
        assert driver.state(bid.client_id) == "UNKNOWN"
        assert [query.client_id for query in of(QueryOrder, commands)] == [bid.client_id]


def test_pauses_double_up_to_ten_seconds():
    pauses = [Backoff().pause("x", attempt) // MS for attempt in range(10)]
    assert pauses == [100, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]
    assert Backoff().pause("x", 10_000) == LONGEST_PAUSE_NS


@given(seed=st.text(max_size=8), key=st.text(max_size=8), attempt=st.integers(0, 40))
def test_jitter_stretches_a_pause_by_a_quarter_at_most_and_never_shortens_it(seed, key, attempt):
    plain, stretched = Backoff().pause(key, attempt), Backoff(keyed_jitter(seed)).pause(key, attempt)
    assert plain <= stretched < plain * (1 + JITTER_SHARE) + 1
    assert stretched == Backoff(keyed_jitter(seed)).pause(key, attempt), "a replay pauses as long"


def test_jitter_spreads_orders_and_traders():
    values = {keyed_jitter(seed)(key, 1) for seed in ("a", "b") for key in map(str, range(50))}
    assert len(values) == 100
    assert 0.35 < sum(values) / 100 < 0.65


def test_the_reconciler_counts_what_it_finds_by_kind_and_how_long_it_took():
    driver = Driver()
    bid, ask = driver.quoting()
    before = driver.kernel.status().reconcile["runs"]
    asked = driver.ts
    driver.wait(40)
    driver.snapshot(
        trades=[driver.trade(bid, bid.size, trade_id=5)],
        orders=[driver.view(ask, "NEW")],
        cause="timer",
        asked_ts=asked,
    )
    found = driver.kernel.status().reconcile
    assert found["runs"] == before + 1
    assert (found["missedFills"], found["adopted"], found["corrected"]) == (1, 0, 0)
    assert (found["lastMs"], found["longestMs"]) == (40, 40)
