"""One order, one answer: what the manager sends, notes and tells. What comes of it in a whole trader: `test_order_life.py`."""

from __future__ import annotations

from typing import Any

import pytest
from kernel_driver import MS, SECOND
from order_desk import PRICE, RECV_WINDOW, SIZE, SYMBOL, TIMEOUT, WALL_MS, Desk, differs, refused, trade, view

from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, OrderChanged, Place, QueryOrder
from mm_trader.core.events import ErrorClass, Side
from mm_trader.orders.order import Order
from mm_trader.orders.retry import LONGEST_PAUSE_NS, MAX_CANCEL_REFUSALS, Backoff
from mm_trader.orders.states import OrderState
from mm_trader.orders.timing import ENGINE_TIMEOUT_NS, Timings

S = OrderState
KNOWN: dict[str, Any] = {"acked_ts": 0, "venue_id": 7}
ASKED: dict[str, Any] = {"queries": 1, "query_in_flight": True}


def query(order: Order) -> QueryOrder:
    return QueryOrder(symbol=SYMBOL, client_id=order.client_id)


def cancel(order: Order, venue_id: int | None = 7) -> Cancel:
    return Cancel(symbol=SYMBOL, client_id=order.client_id, venue_id=venue_id)


def causes(desk: Desk) -> list[tuple[str, str]]:
    """What was journaled: state and cause; always at the time that is given."""
    return [(c.record.state, c.cause) for c in desk.commands() if isinstance(c, OrderChanged)]


# --- place --------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("post_only,closing", [(True, False), (False, True)])
def test_a_place_is_journaled_then_sent_then_told_and_its_answer_awaited(post_only, closing):
    desk = Desk()
    order = desk.manager.place(
        SYMBOL, Side.SELL, PRICE, SIZE, 3 * SECOND, post_only=post_only, closing=closing
    )
    journaled, sent = desk.commands()
    assert isinstance(journaled, OrderChanged)
    assert (journaled.cause, journaled.closed, journaled.record.state) == ("placed", False, "PENDING")
    assert journaled.record.created_ms == journaled.record.updated_ms == WALL_MS + 3000
    assert sent == Place(
        symbol=SYMBOL,
        client_id=order.client_id,
        side=Side.SELL,
        price=PRICE,
        size=SIZE,
        post_only=post_only,
        closing=closing,
    )
    assert desk.heard() == [("placed", order.client_id)]
    assert order.created_ts == 3 * SECOND
    waiting = {"deadline": 3 * SECOND + TIMEOUT}
    assert differs(order) == (waiting | {"closing": True} if closing else waiting)
    assert desk.table.get(SYMBOL, order.client_id) is order


def test_an_order_is_post_only_and_closes_nothing_unless_it_is_said():
    desk = Desk()
    desk.manager.place(SYMBOL, Side.BUY, PRICE, SIZE, 0)
    (place,) = desk.sent()
    assert (place.post_only, place.closing) == (True, False)


def test_changed_time_outs_hold_for_what_is_sent_from_then_on():
    desk = Desk()
    first = desk.place()
    desk.manager.use_timings(Timings(order_timeout=SECOND, recv_window=SECOND))
    assert (first.deadline, desk.place().deadline) == (TIMEOUT, SECOND)


# --- cancel -------------------------------------------------------------------------------------------------------------------------------


def test_a_cancel_is_sent_with_the_venues_number_told_and_its_answer_awaited():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.cancel(order, 2 * SECOND)
    assert desk.outbox.commands[0] == cancel(order)
    assert desk.heard() == [("cancel_sent", order.client_id)]
    assert causes(desk) == [("CANCELING", "cancel sent")]
    assert differs(order) == KNOWN | {
        "cancel_wanted": True,
        "cancel_in_flight": True,
        "cancel_attempts": 1,
        "next_cancel": 2 * SECOND + 100 * MS,
        "deadline": 2 * SECOND + TIMEOUT,
    }


def test_an_order_that_is_over_is_not_cancelled_nor_wanted_gone():
    desk = Desk()
    order = desk.order(S.CANCELED)
    desk.manager.cancel(order, SECOND)
    assert (desk.commands(), differs(order)) == ([], KNOWN)


def test_before_this_process_may_trade_a_cancel_is_only_noted():
    desk = Desk(enabled=False)
    order = desk.order(S.NEW)
    desk.manager.cancel(order, SECOND)
    assert (desk.commands(), differs(order)) == ([], KNOWN | {"cancel_wanted": True})
    desk.manager.enabled = True
    desk.manager.on_timer(2 * SECOND)
    assert desk.sent() == [cancel(order)]


def test_no_second_cancel_while_one_is_on_its_way():
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_in_flight=True)
    desk.manager.cancel(order, SECOND)
    assert desk.commands() == []


def test_the_next_cancel_waits_for_its_pause_which_grows():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.cancel(order, 0)
    order.cancel_in_flight = False
    desk.forget()
    desk.manager.cancel(order, 100 * MS - 1)
    assert desk.sent() == []
    desk.manager.cancel(order, 100 * MS)
    assert desk.sent() == [cancel(order)]
    assert (order.cancel_attempts, order.next_cancel) == (2, 300 * MS)


def test_at_the_cap_a_person_is_called_the_venue_asked_and_one_more_cancel_kept_for_later():
    desk = Desk()
    order = desk.order(S.NEW, cancel_refusals=MAX_CANCEL_REFUSALS)
    desk.manager.cancel(order, SECOND)
    assert desk.heard() == [("cancel_exhausted", order.client_id)]
    assert desk.sent() == [query(order)]
    assert differs(order) == KNOWN | ASKED | {
        "cancel_wanted": True,
        "cancel_refusals": MAX_CANCEL_REFUSALS - 1,
        "next_cancel": SECOND + LONGEST_PAUSE_NS,
        "query_due": SECOND + TIMEOUT,
    }


def test_one_refusal_below_the_cap_is_still_cancelled():
    desk = Desk()
    order = desk.order(S.NEW, cancel_refusals=MAX_CANCEL_REFUSALS - 1)
    desk.manager.cancel(order, SECOND)
    assert desk.sent() == [cancel(order)]


# --- doubt --------------------------------------------------------------------------------------------------------------------------------


def test_a_doubted_order_is_unknown_and_asked_about_once():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.doubt(order, "not listed", 2 * SECOND)
    assert desk.outbox.commands[1:] == [query(order)]
    assert causes(desk) == [("UNKNOWN", "not listed")]
    assert differs(order) == KNOWN | ASKED | {"query_due": 2 * SECOND + TIMEOUT}
    desk.manager.doubt(order, "again", 3 * SECOND)
    assert desk.commands() == []


def test_an_order_that_is_over_is_not_doubted():
    desk = Desk()
    order = desk.order(S.FILLED, filled=SIZE, booked=SIZE)
    desk.manager.doubt(order, "not listed", SECOND)
    assert (order.state, desk.commands()) == (S.FILLED, [])


# --- accepted -----------------------------------------------------------------------------------------------------------------------------


def accepted(client_id: str, ts: int = SECOND) -> ev.OrderAccepted:
    return ev.OrderAccepted(ts=ts, symbol=SYMBOL, client_id=client_id, venue_id=7)


def test_an_ack_of_an_order_that_nobody_placed_is_told_and_asked_about():
    desk = Desk()
    desk.manager.on_accepted(accepted("stranger"))
    assert desk.heard() == [("anomaly", SYMBOL, "stranger: accepted, but never placed by us")]
    assert desk.commands() == [QueryOrder(symbol=SYMBOL, client_id="stranger")]


@pytest.mark.parametrize(
    "before,filled,after",
    [
        (S.PENDING, 0, S.NEW),
        (S.PENDING, 30, S.PARTIALLY_FILLED),
        (S.UNKNOWN, 0, S.NEW),
        (S.UNKNOWN, 30, S.PARTIALLY_FILLED),
        (S.NEW, 0, S.NEW),
        (S.CANCELING, 0, S.CANCELING),
        (S.CANCELED, 0, S.CANCELED),
    ],
)
def test_an_ack_opens_what_was_waiting_for_it_and_nothing_else(before, filled, after):
    desk = Desk()
    order = desk.order(before, filled=filled)
    desk.manager.on_accepted(accepted(order.client_id, 2 * SECOND))
    assert order.state is after
    assert order.acked_ts == 2 * SECOND
    changes = [c for c in desk.commands() if isinstance(c, OrderChanged)]
    assert [c.cause for c in changes] == ([] if after is before else ["accepted"])
    assert all(c.record.updated_ms == WALL_MS + 2000 for c in changes)
    assert (order.leftover, order.cancel_wanted) == (False, False)


def test_an_ack_of_an_order_judged_never_placed_takes_it_back_and_cancels_it():
    desk = Desk()
    order = desk.order(S.REJECTED)
    desk.manager.on_accepted(accepted(order.client_id))
    assert desk.heard() == [
        ("accepted", order.client_id),
        ("anomaly", SYMBOL, f"{order.client_id}: judged gone, but accepted"),
        ("cancel_sent", order.client_id),
    ]
    assert cancel(order) in desk.outbox.commands
    assert causes(desk) == [("NEW", "accepted"), ("CANCELING", "cancel sent")]
    assert (order.leftover, order.cancel_wanted) == (True, True)
    assert order.next_cancel == SECOND + 100 * MS


def test_an_ack_of_an_order_wanted_gone_is_answered_with_its_cancel():
    desk = Desk()
    order = desk.place()
    order.cancel_wanted = True
    desk.manager.on_accepted(accepted(order.client_id))
    assert desk.sent() == [cancel(order)]
    assert order.deadline == SECOND + TIMEOUT


# --- refused ------------------------------------------------------------------------------------------------------------------------------


def test_a_refused_place_is_over_and_told_with_its_class_and_words():
    desk = Desk()
    order = desk.place()
    desk.manager.on_refused(refused(order, "place", ErrorClass.BALANCE, 2 * SECOND))
    assert desk.heard() == [("refused", order.client_id, ErrorClass.BALANCE, "no")]
    (change,) = desk.commands()
    assert (change.cause, change.record.state) == ("balance", "REJECTED")
    assert change.record.updated_ms == WALL_MS + 2000


def test_a_place_refused_without_certainty_is_asked_about_and_not_told_as_a_refusal():
    desk = Desk()
    order = desk.place()
    desk.manager.on_refused(refused(order, "place", ErrorClass.DUPLICATE, 2 * SECOND))
    assert desk.heard() == [("unknown", order.client_id)]
    assert causes(desk) == [("UNKNOWN", "duplicate")]
    assert order.query_due == 2 * SECOND + TIMEOUT


def test_a_refusal_of_an_order_that_the_venue_has_shown_proves_nothing():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.on_refused(refused(order, "place", ErrorClass.REFUSED, 2 * SECOND))
    assert desk.heard() == [
        ("anomaly", SYMBOL, f"{order.client_id}: refused (refused) after it was seen"),
        ("unknown", order.client_id),
    ]
    assert causes(desk) == [("UNKNOWN", "refused after seen")]
    assert order.query_due == 2 * SECOND + TIMEOUT


@pytest.mark.parametrize("command", ["place", "cancel"])
def test_answers_to_an_order_that_is_over_or_unknown_to_us_change_nothing(command):
    desk = Desk()
    order = desk.order(S.CANCELED)
    stranger = Order(
        client_id="stranger",
        symbol=SYMBOL,
        side=Side.BUY,
        price=1,
        size=1,
        state=S.NEW,
        created_ts=0,
        created_ms=0,
    )
    for one in (order, stranger):
        name = {"symbol": SYMBOL, "client_id": one.client_id}
        desk.manager.on_refused(refused(one, command, ErrorClass.REFUSED, SECOND))
        desk.manager.on_unknown(ev.CommandUnknown(ts=SECOND, **name, command=command, reason="x"))
        desk.manager.on_dropped(ev.CommandDropped(ts=SECOND, **name, command=command, reason="x"))
        desk.manager.on_not_found(ev.OrderNotFound(ts=SECOND, **name, asked_ts=SECOND))
        desk.manager.on_query_failed(
            ev.QueryFailed(ts=SECOND, **name, error=ErrorClass.AMBIGUOUS, reason="x")
        )
    assert (desk.commands(), desk.ears.heard, differs(order)) == ([], [], KNOWN)


@pytest.mark.parametrize(
    "error,refusals", [(ErrorClass.THROTTLED, 1), (ErrorClass.CLOCK, 1), (ErrorClass.CLOSED, 0)]
)
@pytest.mark.parametrize("filled,after", [(0, S.NEW), (30, S.PARTIALLY_FILLED)])
def test_a_cancel_that_was_not_executed_leaves_the_order_open_and_counts(error, refusals, filled, after):
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_in_flight=True, cancel_wanted=True, deadline=9, filled=filled)
    desk.manager.on_refused(refused(order, "cancel", error, 2 * SECOND))
    assert desk.heard() == [("cancel_refused", order.client_id)]
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == (after.value, f"cancel refused: {error}")
    assert change.record.updated_ms == WALL_MS + 2000
    expected = KNOWN | {"cancel_wanted": True}
    expected |= {"cancel_refusals": refusals} if refusals else {}
    expected |= {"filled": filled} if filled else {}
    assert differs(order) == expected


def test_a_cancel_refused_for_good_is_counted_and_the_status_asked_for():
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_in_flight=True, cancel_wanted=True, deadline=9, cancel_refusals=2)
    desk.manager.on_refused(refused(order, "cancel", ErrorClass.NOT_FOUND, 2 * SECOND))
    assert desk.heard() == [("cancel_refused", order.client_id), ("unknown", order.client_id)]
    assert causes(desk) == [("UNKNOWN", "cancel refused: not_found")]
    assert differs(order) == KNOWN | ASKED | {
        "cancel_wanted": True,
        "cancel_refusals": 3,
        "query_due": 2 * SECOND + TIMEOUT,
    }


def test_a_cancel_that_was_not_executed_before_the_ack_asks_because_nobody_has_seen_the_order():
    desk = Desk()
    order = desk.place()
    order.state, order.cancel_in_flight = S.CANCELING, True
    desk.manager.on_refused(refused(order, "cancel", ErrorClass.THROTTLED, SECOND))
    assert order.state is S.UNKNOWN
    assert desk.sent() == [query(order)]


# --- no answer, or never left -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason,cause", [("timeout", "timeout"), ("", "no trustworthy answer")])
def test_a_place_without_an_answer_is_doubted_with_the_reason(reason, cause):
    desk = Desk()
    order = desk.place()
    desk.manager.on_unknown(
        ev.CommandUnknown(
            ts=2 * SECOND, symbol=SYMBOL, client_id=order.client_id, command="place", reason=reason
        )
    )
    assert causes(desk) == [("UNKNOWN", cause)]
    assert differs(order) == ASKED | {"query_due": 2 * SECOND + TIMEOUT}


def test_the_lost_reply_to_a_place_does_not_matter_once_the_venue_has_shown_the_order():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.on_unknown(
        ev.CommandUnknown(ts=SECOND, symbol=SYMBOL, client_id=order.client_id, command="place", reason="x")
    )
    assert (desk.commands(), differs(order)) == ([], KNOWN)


def test_the_lost_reply_to_a_place_that_became_unknown_again_asks_again():
    desk = Desk()
    order = desk.order(S.UNKNOWN)
    desk.manager.on_unknown(
        ev.CommandUnknown(ts=SECOND, symbol=SYMBOL, client_id=order.client_id, command="place", reason="x")
    )
    assert desk.sent() == [query(order)]


def test_a_cancel_without_an_answer_is_no_longer_on_its_way_and_the_order_doubted():
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_in_flight=True, deadline=9)
    desk.manager.on_unknown(
        ev.CommandUnknown(
            ts=2 * SECOND, symbol=SYMBOL, client_id=order.client_id, command="cancel", reason="5xx"
        )
    )
    assert causes(desk) == [("UNKNOWN", "5xx")]
    assert differs(order) == KNOWN | ASKED | {"query_due": 2 * SECOND + TIMEOUT}


def dropped(order: Order, command: str) -> ev.CommandDropped:
    return ev.CommandDropped(
        ts=2 * SECOND, symbol=SYMBOL, client_id=order.client_id, command=command, reason="rate"
    )


def test_a_dropped_place_is_over_and_nobody_refused_it():
    desk = Desk()
    order = desk.place()
    desk.manager.on_dropped(dropped(order, "place"))
    assert desk.heard() == []
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == ("REJECTED", "dropped: rate")
    assert change.record.updated_ms == WALL_MS + 2000


@pytest.mark.parametrize("filled,after", [(0, S.NEW), (30, S.PARTIALLY_FILLED)])
def test_a_dropped_cancel_leaves_the_order_open_and_still_wanted_gone(filled, after):
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_in_flight=True, cancel_wanted=True, deadline=9, filled=filled)
    desk.manager.on_dropped(dropped(order, "cancel"))
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == (after.value, "cancel dropped")
    assert change.record.updated_ms == WALL_MS + 2000
    expected = KNOWN | {"cancel_wanted": True}
    assert differs(order) == (expected | {"filled": filled} if filled else expected)


def test_a_cancel_dropped_before_the_place_was_answered_leaves_doubt():
    desk = Desk()
    order = desk.place()
    order.state, order.cancel_in_flight = S.CANCELING, True
    desk.manager.on_dropped(dropped(order, "cancel"))
    assert causes(desk) == [("UNKNOWN", "cancel dropped before the place was answered")]
    assert differs(order) == ASKED | {"query_due": 2 * SECOND + TIMEOUT}


def test_a_dropped_cancel_of_an_order_already_doubted_leaves_it_so():
    desk = Desk()
    order = desk.order(S.UNKNOWN, cancel_in_flight=True, deadline=9)
    desk.manager.on_dropped(dropped(order, "cancel"))
    assert (order.state, desk.commands(), differs(order)) == (S.UNKNOWN, [], KNOWN)


# --- reports and answers to questions -----------------------------------------------------------------------------------------------------


def report(order: ev.OrderView, traded: ev.TradeView | None = None, ts: int = SECOND) -> ev.ExecutionReport:
    return ev.ExecutionReport(ts=ts, order=order, execution="x", trade=traded)


def test_a_report_with_a_trade_books_it_as_news_and_brings_the_order_up_to_date():
    desk = Desk()
    order = desk.place()
    fill = trade(30)
    desk.manager.on_report(report(view(order, "PARTIALLY_FILLED", 30), fill, 2 * SECOND), own=True)
    assert desk.heard() == [("accepted", order.client_id), ("fill", fill, order.client_id, True)]
    assert causes(desk) == [("PARTIALLY_FILLED", "fill")]
    assert differs(order) == {"acked_ts": 2 * SECOND, "venue_id": 7, "filled": 30, "booked": 30}


def test_a_report_without_a_trade_says_so_in_the_journal():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.on_report(report(view(order, "CANCELED"), ts=2 * SECOND), own=True)
    (change,) = desk.commands()
    assert (change.cause, change.record.updated_ms) == ("report", WALL_MS + 2000)


def test_a_report_under_another_name_is_found_by_the_venues_number():
    desk = Desk()
    order = desk.order(S.NEW)
    desk.manager.on_report(report(view(order, "CANCELED", client_id="web_1")), own=False)
    assert order.state is S.CANCELED


def test_a_report_does_not_prove_that_a_cancel_failed():
    desk = Desk()
    order = desk.order(S.CANCELING)
    desk.manager.on_report(report(view(order, "NEW")), own=True)
    assert order.state is S.CANCELING


def test_a_report_of_an_order_of_ours_that_nobody_knows_is_told_and_the_order_adopted_and_cancelled():
    desk = Desk()
    stranger = view(desk.place(), "NEW", client_id="lost", venue_id=9, side=Side.SELL, price=5, size=6)
    desk.manager.on_report(report(stranger, ts=2 * SECOND), own=True)
    order = desk.table.get(SYMBOL, "lost")
    assert ("anomaly", SYMBOL, "lost: reported, but unknown to us") in desk.ears.heard
    assert (order.side, order.price, order.size, order.state) == (Side.SELL, 5, 6, S.CANCELING)
    assert Cancel(symbol=SYMBOL, client_id="lost", venue_id=9) in desk.commands()


def test_somebody_elses_report_is_none_of_our_business():
    desk = Desk()
    stranger = view(desk.place(), "NEW", client_id="web_1", venue_id=9)
    desk.manager.on_report(report(stranger, trade(5, venue_id=9)), own=False)
    assert (desk.commands(), desk.ears.heard) == ([], [])


def test_an_adopted_order_is_an_inherited_leftover_that_the_venue_knows():
    desk = Desk()
    seen = view(desk.place(), "NEW", client_id="lost", venue_id=9)
    order = desk.manager.adopt(seen, 2 * SECOND)
    assert differs(order) == {
        "leftover": True,
        "cancel_wanted": True,
        "inherited": True,
        "venue_id": 9,
        "acked_ts": 2 * SECOND,
    }
    assert (order.client_id, order.state) == ("lost", S.UNKNOWN)
    assert (order.created_ts, order.created_ms) == (2 * SECOND, WALL_MS + 2000)
    assert desk.table.by_venue_id(SYMBOL, 9) is order
    assert desk.table.get(SYMBOL, "lost") is order


def test_a_report_of_a_refused_place_is_told_as_a_refusal():
    desk = Desk()
    order = desk.place()
    desk.manager.on_report(report(view(order, "REJECTED"), ts=2 * SECOND), own=True)
    assert ("refused", order.client_id, ErrorClass.REFUSED, "REJECTED") in desk.heard()
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == ("REJECTED", "report")
    assert change.record.updated_ms == WALL_MS + 2000


def test_an_order_wanted_gone_that_a_report_shows_open_is_cancelled():
    desk = Desk()
    order = desk.place()
    order.cancel_wanted = True
    desk.manager.on_report(report(view(order, "NEW"), ts=2 * SECOND), own=True)
    assert desk.sent() == [cancel(order)]
    assert order.next_cancel == 2 * SECOND + 100 * MS


def test_an_order_wanted_gone_that_a_report_ends_is_not_cancelled():
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_wanted=True)
    desk.manager.on_report(report(view(order, "CANCELED")), own=True)
    assert desk.sent() == []


def test_the_answer_to_a_question_settles_it():
    desk = Desk()
    order = desk.order(S.UNKNOWN, query_in_flight=True, query_due=9, queries=3)
    desk.manager.on_found(ev.OrderFound(ts=2 * SECOND, order=view(order, "NEW")))
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == ("NEW", "query")
    assert change.record.updated_ms == WALL_MS + 2000
    assert differs(order) == {"acked_ts": 2 * SECOND, "venue_id": 7}


def test_an_answer_shows_open_what_our_cancel_did_not_end():
    desk = Desk()
    order = desk.order(S.CANCELING)
    desk.manager.on_found(ev.OrderFound(ts=SECOND, order=view(order, "NEW")))
    assert order.state is S.NEW


def test_an_answer_that_explains_nothing_is_asked_for_again_after_a_pause():
    desk = Desk()
    order = desk.order(S.UNKNOWN, query_in_flight=True, query_due=9, queries=3)
    desk.manager.on_found(ev.OrderFound(ts=2 * SECOND, order=view(order, "SOMETHING")))
    assert (order.query_in_flight, order.query_due) == (False, 2 * SECOND + 400 * MS)


def test_an_answer_about_an_order_nobody_knows_is_ignored():
    desk = Desk()
    desk.manager.on_found(
        ev.OrderFound(ts=SECOND, order=view(desk.place(), "NEW", client_id="x", venue_id=9))
    )
    assert (desk.commands(), desk.ears.heard) == ([], [])


def test_a_failed_question_is_put_again_after_a_pause_that_grows_with_the_questions():
    desk = Desk()
    order = desk.order(S.UNKNOWN, query_in_flight=True, queries=3)
    desk.manager.on_query_failed(
        ev.QueryFailed(
            ts=2 * SECOND, symbol=SYMBOL, client_id=order.client_id, error=ErrorClass.AMBIGUOUS, reason="x"
        )
    )
    assert differs(order) == KNOWN | {"queries": 3, "query_due": 2 * SECOND + 400 * MS}


# --- not found ----------------------------------------------------------------------------------------------------------------------------

CERTAIN = RECV_WINDOW + ENGINE_TIMEOUT_NS


def not_found(order: Order, ts: int, asked_ts: int) -> ev.OrderNotFound:
    return ev.OrderNotFound(ts=ts, symbol=SYMBOL, client_id=order.client_id, asked_ts=asked_ts)


@pytest.mark.parametrize(
    "ts,due",
    [(SECOND, CERTAIN + 100 * MS), (CERTAIN, CERTAIN + 100 * MS), (2 * CERTAIN, 2 * CERTAIN + 100 * MS)],
)
def test_not_found_asked_too_early_is_asked_again_when_it_is_certain(ts, due):
    desk = Desk()
    order = desk.place()
    desk.manager.doubt(order, "timeout", 0)
    desk.forget()
    desk.manager.on_not_found(not_found(order, ts, CERTAIN))
    assert desk.commands() == []
    assert differs(order) == {"queries": 1, "query_due": due}


def test_not_found_asked_late_enough_means_never_placed():
    desk = Desk()
    order = desk.place()
    desk.manager.doubt(order, "timeout", 0)
    desk.forget()
    desk.manager.on_not_found(not_found(order, CERTAIN + SECOND, CERTAIN + 1))
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == ("REJECTED", "never placed")
    assert change.record.updated_ms == WALL_MS + (CERTAIN + SECOND) // MS
    assert desk.heard() == []


@pytest.mark.parametrize("fields", [{"acked_ts": 0}, {"filled": 30}])
def test_an_order_that_the_venue_once_took_was_forgotten_and_not_never_placed(fields):
    desk = Desk()
    order = desk.place()
    order.state = S.UNKNOWN
    for name, value in fields.items():
        setattr(order, name, value)
    desk.manager.on_not_found(not_found(order, CERTAIN + SECOND, CERTAIN + 1))
    assert desk.heard() == [("anomaly", SYMBOL, f"{order.client_id}: the venue no longer knows it")]
    (change,) = desk.commands()
    assert (change.record.state, change.cause) == ("CANCELED", "forgotten by the venue")
    assert change.record.updated_ms == WALL_MS + (CERTAIN + SECOND) // MS


def test_the_grace_of_an_order_the_venue_took_counts_from_its_last_word():
    desk = Desk()
    order = desk.order(S.UNKNOWN, acked_ts=4 * SECOND)
    desk.manager.on_not_found(not_found(order, 5 * SECOND, CERTAIN + 4 * SECOND))
    assert (order.state, order.query_due) == (S.UNKNOWN, CERTAIN + 4 * SECOND + 100 * MS)
    desk.manager.on_not_found(not_found(order, 30 * SECOND, CERTAIN + 4 * SECOND + 1))
    assert order.state is S.CANCELED


def test_not_found_says_nothing_about_an_order_that_has_been_shown_open_since():
    desk = Desk()
    order = desk.order(S.NEW, query_in_flight=True, query_due=9)
    desk.manager.on_not_found(not_found(order, 60 * SECOND, 50 * SECOND))
    assert (order.state, order.query_in_flight) == (S.NEW, False)


def test_not_found_ends_a_pending_order_that_the_venue_can_no_longer_accept():
    desk = Desk()
    order = desk.place()
    desk.manager.on_not_found(not_found(order, CERTAIN + SECOND, CERTAIN + 1))
    assert order.state is S.REJECTED


# --- time ---------------------------------------------------------------------------------------------------------------------------------


def test_an_answer_that_is_due_now_is_overdue_and_one_that_is_not_is_waited_for():
    desk = Desk()
    order = desk.place()
    desk.manager.on_timer(TIMEOUT - 1)
    assert desk.commands() == []
    desk.manager.on_timer(TIMEOUT)
    assert desk.outbox.commands[1:] == [query(order)]
    assert causes(desk) == [("UNKNOWN", "time-out")]
    assert order.query_due == 2 * TIMEOUT


def test_an_overdue_cancel_is_no_longer_on_its_way():
    desk = Desk()
    order = desk.order(S.CANCELING, cancel_in_flight=True, deadline=SECOND)
    desk.manager.on_timer(SECOND)
    assert differs(order) == KNOWN | ASKED | {"query_due": SECOND + TIMEOUT}
    assert order.state is S.UNKNOWN


def test_a_question_is_put_when_it_is_due():
    desk = Desk()
    order = desk.order(S.UNKNOWN, query_due=2 * SECOND, queries=1)
    desk.manager.on_timer(2 * SECOND - 1)
    assert desk.commands() == []
    desk.manager.on_timer(2 * SECOND)
    assert desk.commands() == [query(order)]
    assert differs(order) == KNOWN | {
        "queries": 2,
        "query_in_flight": True,
        "query_due": 2 * SECOND + TIMEOUT,
    }


@pytest.mark.parametrize(
    "state,fields,sent",
    [
        (S.NEW, {}, False),
        (S.NEW, {"cancel_wanted": True}, True),
        (S.NEW, {"cancel_wanted": True, "leftover": True}, True),
        (S.UNKNOWN, {"cancel_wanted": True}, True),
        (S.UNKNOWN, {"cancel_wanted": True, "leftover": True}, False),
        (S.PENDING, {"cancel_wanted": True}, True),
    ],
)
def test_what_is_wanted_gone_is_cancelled_by_the_timer_but_an_unknown_leftover_waits_for_the_venues_word(
    state, fields, sent
):
    desk = Desk()
    order = desk.order(state, **fields)
    desk.manager.on_timer(2 * SECOND)
    assert bool([c for c in desk.sent() if isinstance(c, Cancel)]) is sent
    assert order.next_cancel == (2 * SECOND + 100 * MS if sent else 0)


def test_a_question_answered_about_an_order_on_its_way_out_is_settled_too():
    desk = Desk()
    order = desk.order(S.CANCELING, query_in_flight=True, query_due=9)
    desk.manager.on_found(ev.OrderFound(ts=SECOND, order=view(order, "PENDING_CANCEL")))
    assert (order.state, order.query_in_flight, order.query_due) == (S.CANCELING, False, None)


def test_a_refused_cancel_of_an_order_already_doubted_is_awaited_no_more():
    desk = Desk()
    order = desk.order(S.UNKNOWN, cancel_in_flight=True, deadline=9, query_in_flight=True, query_due=11)
    desk.manager.on_refused(refused(order, "cancel", ErrorClass.NOT_FOUND, SECOND))
    assert (order.state, order.cancel_in_flight, order.deadline) == (S.UNKNOWN, False, None)
    assert desk.sent() == []


# --- pauses -------------------------------------------------------------------------------------------------------------------------------


def test_pauses_are_spread_by_the_order_and_the_attempt_and_those_of_questions_by_the_symbol():
    asked = []

    def jitter(key, attempt):
        asked.append((key, attempt))
        return 0.5

    desk = Desk(backoff=Backoff(jitter))
    order = desk.order(S.UNKNOWN, queries=3)
    failed = ev.QueryFailed(
        ts=SECOND, symbol=SYMBOL, client_id=order.client_id, error=ErrorClass.AMBIGUOUS, reason="x"
    )
    desk.manager.on_query_failed(failed)
    assert order.query_due == SECOND + 450 * MS
    desk.manager.cancel(order, SECOND)
    assert order.next_cancel == SECOND + 112_500_000
    desk.reconciler.on_failed(ev.ReconcileFailed(ts=SECOND, symbol=SYMBOL, reason="503", cause="timer"))
    assert desk.reconciler.sync[SYMBOL].retry_due == SECOND + 900 * MS
    assert asked == [(order.client_id, 3), (order.client_id, 1), (SYMBOL, 4)]
