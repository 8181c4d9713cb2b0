"""Single orders through the events that really happen, and some that should not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kernel_driver import MS, SECOND, Driver, of, side_of

from mm_trader.core import events as ev
from mm_trader.core.commands import (
    Alert,
    Cancel,
    FillBooked,
    OrderChanged,
    Place,
    QueryOrder,
    RaiseHalt,
    RequestReconcile,
)
from mm_trader.core.events import ErrorClass, Side
from mm_trader.orders.retry import MAX_CANCEL_REFUSALS


def started() -> tuple[Driver, Place, Place]:
    driver = Driver()
    places = driver.start()
    return driver, side_of(places, Side.BUY), side_of(places, Side.SELL)


def states(driver: Driver, order: Place) -> list[str]:
    """The states an order was journaled in."""
    return [c.record.state for c in of(OrderChanged, driver.log) if c.record.client_id == order.client_id]


def test_an_order_is_journaled_as_pending_before_its_place_leaves():
    driver, bid, _ = started()
    kinds = [
        (type(c), getattr(c, "client_id", None) or c.record.client_id)
        for c in driver.last
        if type(c) in (OrderChanged, Place)
    ]
    assert kinds.index((OrderChanged, bid.client_id)) < kinds.index((Place, bid.client_id))


def test_a_fill_that_overtakes_the_ack_is_booked_and_the_late_ack_changes_nothing():
    driver, bid, _ = started()
    driver.fill(bid)
    assert driver.position() == Decimal("0.01")
    driver.accept(bid, driver.venue_ids[bid.client_id])
    assert driver.state(bid.client_id) is None
    assert driver.evidence().order_anomalies == 0


def test_partial_fills_add_up_to_one_order_and_each_is_booked_once():
    driver, bid, _ = started()
    driver.accept(bid)
    driver.fill(bid, 30)
    assert driver.state(bid.client_id) == "PARTIALLY_FILLED"
    driver.fill(bid, 70, already=30)
    assert driver.state(bid.client_id) is None
    assert driver.position() == Decimal("0.01")
    assert driver.evidence().fills == 2


def test_the_same_trade_reported_twice_is_booked_once():
    driver, bid, _ = started()
    driver.accept(bid)
    driver.fill(bid, 30, trade_id=7)
    driver.fill(bid, 30, trade_id=7)
    driver.snapshot(
        trades=[driver.trade(bid, 30, trade_id=7)], orders=[driver.view(bid, "PARTIALLY_FILLED", 30)]
    )
    assert driver.position() == Decimal("0.003")
    assert len(of(FillBooked, driver.log)) == 1


def test_a_fill_after_the_confirmed_cancel_is_still_booked():
    driver, bid, _ = started()
    driver.accept(bid)
    driver.canceled(bid)
    driver.fill(bid, 40)
    assert driver.position() == Decimal("0.004")
    assert states(driver, bid)[-1] == "CANCELED"


def test_a_late_fill_that_completes_a_canceled_order_makes_it_filled():
    driver, bid, _ = started()
    driver.accept(bid)
    driver.canceled(bid)
    driver.fill(bid)
    assert states(driver, bid)[-1] == "FILLED"
    assert driver.evidence().order_anomalies == 0


def test_a_place_without_an_answer_becomes_unknown_and_is_asked_about_never_guessed():
    driver, bid, _ = started()
    commands = driver.ticks(5.1)
    assert driver.state(bid.client_id) == "UNKNOWN"
    assert bid.client_id in {c.client_id for c in of(QueryOrder, commands)}
    assert driver.kernel.status().unknown_orders == 2
    assert of(Place, commands) == [], "an unknown order blocks its side"


def test_an_unknown_order_that_the_venue_knows_goes_on_as_if_nothing_was():
    driver, bid, _ = started()
    driver.unknown(bid)
    assert driver.state(bid.client_id) == "UNKNOWN"
    driver.found(bid, "NEW")
    assert driver.state(bid.client_id) == "NEW"
    driver.fill(bid)
    assert driver.position() == Decimal("0.01")


def test_not_found_counts_as_never_placed_only_after_the_venue_could_no_longer_accept_it():
    driver, bid, ask = started()
    driver.accept(ask)
    driver.unknown(bid)
    created = driver.ts
    driver.tick(1000)
    driver.not_found(bid)
    assert driver.state(bid.client_id) == "UNKNOWN"
    # recvWindow 1 s + leaving and clock 0.5 s + engine time-out 10 s
    certain = created + 11_500 * MS
    driver.ts = certain + 1
    driver.not_found(bid, asked_ts=certain)
    assert driver.state(bid.client_id) == "UNKNOWN", "asked a moment too early"
    driver.not_found(bid, asked_ts=certain + 1)
    assert driver.state(bid.client_id) is None
    assert states(driver, bid)[-1] == "REJECTED"


def test_the_question_about_a_missing_order_is_put_again_by_itself_when_its_time_has_come():
    driver, bid, ask = started()
    driver.accept(ask)
    commands, asked = driver.unknown(bid), []
    while driver.state(bid.client_id) is not None:
        if bid.client_id in {c.client_id for c in of(QueryOrder, commands)}:
            asked.append(driver.ts // MS)
            driver.not_found(bid)
        commands = driver.tick() + driver.market("2500.00", "2500.01")
    assert asked == [0, 100, 300, 700, 1500, 3100, 6300, 11_600]
    assert states(driver, bid)[-1] == "REJECTED"


def test_an_order_judged_never_placed_that_turns_up_open_is_taken_back_and_cancelled():
    driver, bid, _ = started()
    driver.unknown(bid)
    driver.ts += 12 * SECOND
    driver.not_found(bid)
    commands = driver.report(bid, "NEW", "NEW")
    assert driver.state(bid.client_id) == "CANCELING"
    assert bid.client_id in {c.client_id for c in of(Cancel, commands)}
    assert driver.evidence().order_anomalies == 1


def test_a_reject_that_arrives_after_the_time_out_ends_the_order():
    driver, bid, _ = started()
    driver.unknown(bid)
    driver.refuse(bid)
    assert states(driver, bid)[-1] == "REJECTED"


def test_a_post_only_refusal_is_normal_and_quoting_goes_on_after_the_throttle():
    driver, bid, _ = started()
    assert of(Place, driver.refuse(bid, ErrorClass.POST_ONLY)) == []
    driver.wait(260)
    assert side_of(of(Place, driver.market("2500.00", "2500.01")), Side.BUY)
    evidence = driver.evidence()
    assert (evidence.orders_post_only_rejected, evidence.orders_rejected) == (1, 0)


def test_a_refused_cancel_asks_for_the_status_instead_of_cancelling_again():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.wait(300)
    cancel = next(c for c in of(Cancel, driver.market("2510.00", "2510.01")) if c.client_id == bid.client_id)
    commands = driver.refuse(cancel, ErrorClass.NOT_FOUND)
    assert [c.client_id for c in of(QueryOrder, commands)] == [bid.client_id]
    assert of(Cancel, commands) == []
    driver.found(bid, "FILLED", bid.size)
    assert driver.state(bid.client_id) is None


def test_a_cancel_without_an_answer_is_asked_about_and_repeated_if_the_order_is_still_there():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.wait(300)
    cancel = next(c for c in of(Cancel, driver.market("2510.00", "2510.01")) if c.client_id == bid.client_id)
    commands = driver.unknown(cancel)
    assert driver.state(bid.client_id) == "UNKNOWN"
    assert [c.client_id for c in of(QueryOrder, commands)] == [bid.client_id]
    driver.tick(150)
    commands = driver.found(bid, "NEW") + driver.tick(200)
    assert driver.state(bid.client_id) == "CANCELING"
    driver.canceled(bid)
    assert driver.state(bid.client_id) is None


def test_identical_cancels_are_capped_and_the_cap_calls_a_person():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.feed(ev.StopRequested(ts=driver.ts, reason="test"))
    for _ in range(4000):
        for cancel in of(Cancel, driver.last):
            driver.refuse(cancel, ErrorClass.THROTTLED)
        driver.tick()
        if of(RaiseHalt, driver.last):
            break
    sent = [c for c in of(Cancel, driver.log) if c.client_id == bid.client_id]
    assert len(sent) == MAX_CANCEL_REFUSALS
    (halt,) = of(RaiseHalt, driver.log)
    assert halt.latch.reason == "CancelRefused"


def test_a_dropped_cancel_is_sent_again():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.feed(ev.StopRequested(ts=driver.ts, reason="test"))
    driver.feed(
        ev.CommandDropped(
            ts=driver.ts, symbol=bid.symbol, client_id=bid.client_id, command="cancel", reason="down"
        )
    )
    assert driver.state(bid.client_id) == "NEW"
    commands = driver.tick(150)
    assert bid.client_id in {c.client_id for c in of(Cancel, commands)}


def test_a_dropped_place_was_never_at_the_venue_and_is_not_replaced_before_the_throttle_allows():
    driver, bid, _ = started()
    commands = driver.feed(
        ev.CommandDropped(
            ts=driver.ts, symbol=bid.symbol, client_id=bid.client_id, command="place", reason="rate"
        )
    )
    assert states(driver, bid)[-1] == "REJECTED"
    assert of(Place, commands) == []
    assert driver.evidence().orders_rejected == 0, "nobody refused it"


def test_a_late_ack_of_an_order_we_no_longer_want_is_answered_with_a_cancel():
    driver, bid, _ = started()
    driver.allow(False)
    cancel = next(c for c in of(Cancel, driver.last) if c.client_id == bid.client_id)
    assert cancel.venue_id is None
    driver.refuse(cancel, ErrorClass.NOT_FOUND)
    driver.wait(200)
    commands = driver.accept(bid, 77)
    assert [(c.client_id, c.venue_id) for c in of(Cancel, commands)] == [(bid.client_id, 77)]


def test_a_stale_report_does_not_reopen_an_ended_order():
    driver, bid, _ = started()
    driver.accept(bid)
    driver.canceled(bid)
    driver.report(bid, "NEW", "NEW")
    driver.found(bid, "NEW")
    assert driver.state(bid.client_id) is None
    assert states(driver, bid)[-1] == "CANCELED"


def test_expiry_in_match_ends_an_order_and_its_side_is_quoted_again():
    driver, bid, _ = started()
    driver.accept(bid)
    commands = driver.report(bid, "TRADE_PREVENTION", "EXPIRED_IN_MATCH")
    assert states(driver, bid)[-1] == "EXPIRED"
    assert [p.side for p in of(Place, commands)] == [Side.BUY]


def test_an_unknown_word_for_a_status_is_an_anomaly_and_the_order_is_doubted():
    driver, bid, _ = started()
    driver.accept(bid)
    driver.found(bid, "SOMETHING_NEW")
    assert driver.state(bid.client_id) == "UNKNOWN"
    assert driver.evidence().order_anomalies == 1
    assert bid.client_id in {c.client_id for c in of(QueryOrder, driver.ticks(1))}


def test_an_order_of_our_prefix_that_nobody_here_placed_is_adopted_cancelled_and_reported():
    driver = Driver()
    driver.quoting()
    stranger = Place(
        symbol="ETHUSDC",
        client_id=driver.kernel._core.manager.ids.prefix + "0-9-1",
        side=Side.BUY,
        price=240_000,
        size=10,
    )
    commands = driver.report(stranger, "NEW", "NEW")
    assert stranger.client_id in {c.client_id for c in of(Cancel, commands)}
    assert any(a.record.kind == "OrderAnomaly" for a in of(Alert, commands))


def test_somebody_elses_order_is_left_alone():
    driver = Driver()
    driver.quoting()
    other = Place(symbol="ETHUSDC", client_id="web_1234", side=Side.BUY, price=240_000, size=10)
    assert driver.fill(other) == []
    assert driver.position() == 0
    assert driver.evidence().order_anomalies == 0


def test_a_fill_the_stream_lost_is_asked_for_and_blocks_the_symbol_until_it_is_booked():
    driver = Driver()
    bid, ask = driver.quoting()
    commands = driver.report(bid, "TRADE", "FILLED", bid.size)
    assert [c.cause for c in of(RequestReconcile, commands)] == ["unknown"]
    assert of(Place, commands) == []
    assert driver.kernel.status().reason == "FillsMissing"
    commands = driver.snapshot(
        trades=[driver.trade(bid, bid.size)], orders=[driver.view(ask, "NEW")], cause="unknown"
    )
    assert driver.position() == Decimal("0.01")
    assert driver.kernel.status().reason != "FillsMissing"


@pytest.mark.parametrize("word", ["CANCELED", "EXPIRED", "FILLED", "REJECTED"])
def test_an_answer_for_an_order_nobody_knows_changes_nothing(word):
    driver = Driver()
    driver.quoting()
    stranger = Place(symbol="ETHUSDC", client_id="gone", side=Side.BUY, price=240_000, size=10)
    before = driver.kernel.open_orders()
    driver.found(stranger, word)
    driver.not_found(stranger)
    driver.refuse(stranger)
    driver.unknown(stranger)
    assert driver.kernel.open_orders() == before


def test_a_venue_that_forgets_an_order_it_once_took_ends_it_as_an_anomaly():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.snapshot(orders=[], asked_ts=driver.ts + 1, cause="timer")
    assert driver.state(bid.client_id) == "UNKNOWN"
    driver.ts += 12 * SECOND
    driver.not_found(bid)
    assert states(driver, bid)[-1] == "CANCELED"
    assert driver.evidence().order_anomalies == 1


def test_an_illegal_transition_is_refused_and_counted():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.report(bid, "REJECTED", "REJECTED")
    assert driver.state(bid.client_id) == "NEW"
    assert driver.evidence().order_anomalies == 1


def test_more_filled_than_placed_is_an_anomaly():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.fill(bid, bid.size + 5)
    assert driver.evidence().order_anomalies >= 1
    assert driver.position() == Decimal("0.0105"), "what the venue traded is booked, whatever we think of it"


def test_a_cancel_that_nobody_answers_is_repeated_ever_more_slowly_and_does_not_halt():
    driver = Driver()
    bid, _ = driver.quoting()
    driver.feed(ev.StopRequested(ts=driver.ts, reason="test"))
    driver.ticks(180)
    sent = [c for c in of(Cancel, driver.log) if c.client_id == bid.client_id]
    assert 10 <= len(sent) <= 40
    assert of(RaiseHalt, driver.log) == []


def test_a_fill_the_venue_does_not_list_at_once_is_asked_for_again_soon():
    driver = Driver()
    bid, ask = driver.quoting()
    driver.report(bid, "TRADE", "FILLED", bid.size)
    driver.snapshot(orders=[driver.view(ask, "NEW")], cause="unknown")
    assert [c.cause for c in of(RequestReconcile, driver.ticks(0.6))] == ["unknown"]


def test_a_trade_read_before_its_order_was_heard_of_is_not_waited_for_for_ever():
    """A place times out, the engine takes and fills it late, and the comparison lists the trade before anything else names the order."""
    driver = Driver()
    bid = side_of(driver.start(), Side.BUY)
    driver.unknown(bid)
    trade = driver.trade(bid, bid.size)
    driver.snapshot(trades=[trade], cause="unknown")
    driver.found(bid, "FILLED", bid.size)
    assert driver.state(bid.client_id) is None
    assert len(of(FillBooked, driver.log)) == 1
    driver.ticks(1)
    assert driver.kernel.status().reason != "FillsMissing"
    assert [place for place in of(Place, driver.log) if place.side is Side.BUY][-1] is not bid
